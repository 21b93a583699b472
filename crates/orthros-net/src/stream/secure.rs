//! The stream itself, whatever drives it.

use std::convert::Infallible;

use orthros::error::Error;
use orthros::gss::SecurityContext;
use orthros::sasl::Session;

use super::error::HandshakeError;
use super::framing::StreamConfig;
use super::handshake::halves;
use super::opener::Opener;
use super::sealer::Sealer;

/// A protected stream.
///
/// Over a [`Read`](std::io::Read) and [`Write`](std::io::Write) it is one, over tokio's traits it is one of
/// those.
///
/// What is written is sealed and given to the stream below at once; a flush is for the stream
/// below. A write of many octets makes full frames, many small writes make many small frames: put
/// a buffer on top for those, such as [`BufWriter`](std::io::BufWriter). It takes no more than one batch
/// of frames ahead of the stream below: who writes waits for the peer. A blocking stream below that
/// says `WouldBlock` can be used; what is sealed and not sent goes out with the next write or flush.
///
/// [`BufRead`](std::io::BufRead), and what tokio calls so, gives what was received where it lies.
#[derive(Debug)]
pub struct SecureStream<S> {
    pub(super) inner: S,
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
}

impl<S> SecureStream<S> {
    /// Over a context that was established by other means.
    pub fn new(
        inner: S,
        context: SecurityContext,
        config: &StreamConfig,
    ) -> Result<Self, HandshakeError> {
        let (sealer, opener) = halves(context, config)?;
        Ok(Self::of_halves(inner, sealer, opener))
    }

    /// The security layer that SASL agreed on; an error if that is none.
    pub fn sasl(inner: S, session: Session) -> Result<Self, Error> {
        let (_, encoder, decoder) = session.split();
        Ok(Self::of_halves(
            inner,
            Sealer::sasl(encoder)?,
            Opener::sasl(decoder)?,
        ))
    }

    /// Of two halves.
    pub fn of_halves(inner: S, sealer: Sealer, opener: Opener) -> Self {
        Self {
            inner,
            sealer,
            opener,
        }
    }

    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Takes the stream apart, so that one thread or task can write while another reads: `split`
    /// gives two handles of the stream below, such as tokio's `TcpStream::into_split`.
    pub fn split<R, W>(
        self,
        split: impl FnOnce(S) -> (R, W),
    ) -> (SecureReader<R>, SecureWriter<W>) {
        let infallible = |inner| Ok::<_, Infallible>(split(inner));
        let Ok(halves) = self.try_split(infallible);
        halves
    }

    /// The same, where it can fail to make two handles: `|tcp| Ok((tcp.try_clone()?, tcp))`.
    pub fn try_split<R, W, E>(
        self,
        split: impl FnOnce(S) -> Result<(R, W), E>,
    ) -> Result<(SecureReader<R>, SecureWriter<W>), E> {
        let (reader, writer) = split(self.inner)?;
        let reader = SecureReader {
            inner: reader,
            opener: self.opener,
        };
        let writer = SecureWriter {
            inner: writer,
            sealer: self.sealer,
        };
        Ok((reader, writer))
    }
}

/// The reading half of a [`SecureStream`].
#[derive(Debug)]
pub struct SecureReader<R> {
    pub(super) inner: R,
    pub(super) opener: Opener,
}

/// The writing half of a [`SecureStream`].
#[derive(Debug)]
pub struct SecureWriter<W> {
    pub(super) inner: W,
    pub(super) sealer: Sealer,
}
