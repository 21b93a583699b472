//! A protected stream over any [`AsyncRead`] and [`AsyncWrite`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use ::tokio::time::timeout;

use orthros::error::Error;
use orthros::gss::SecurityContext;
use orthros::sasl::Session;
use orthros::step::{Refusal, Step};

use super::error::{FrameError, HandshakeError};
use super::framing::StreamConfig;
use super::handshake::{TokenReader, framed, halves};
use super::opener::Opener;
use super::postgres::{ErrorText, GSSENC_REQUEST};
use super::sealer::Sealer;

/// A protected stream.
///
/// It takes no more than one batch of frames ahead of the stream below: who writes waits for the
/// peer. [`poll_shutdown`](AsyncWrite::poll_shutdown) closes this direction alone; the peer can
/// still write.
#[derive(Debug)]
pub struct SecureStream<S> {
    inner: S,
    sealer: Sealer,
    opener: Opener,
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

    /// Takes the stream apart, so that one task can write while another reads: `split` gives two
    /// halves of the stream below, such as `TcpStream::into_split`.
    pub fn split<R, W>(
        self,
        split: impl FnOnce(S) -> (R, W),
    ) -> (SecureReader<R>, SecureWriter<W>) {
        let (reader, writer) = split(self.inner);
        (
            SecureReader {
                inner: reader,
                opener: self.opener,
            },
            SecureWriter {
                inner: writer,
                sealer: self.sealer,
            },
        )
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> SecureStream<S> {
    /// Establishes a context as the initiator: `step` is its first, `reply` what it does with the
    /// acceptor's tokens.
    pub async fn initiate<N>(
        inner: S,
        step: Step<N, SecurityContext>,
        reply: impl FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
        config: StreamConfig,
    ) -> Result<Self, HandshakeError> {
        timeout(
            config.timeout,
            Self::initiate_forever(inner, step, reply, &config),
        )
        .await
        .unwrap_or(Err(HandshakeError::TimedOut))
    }

    async fn initiate_forever<N>(
        mut inner: S,
        step: Step<N, SecurityContext>,
        mut reply: impl FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
        config: &StreamConfig,
    ) -> Result<Self, HandshakeError> {
        let (mut step, mut rounds, mut opens) = (step, 0, true);
        loop {
            let next = match step {
                Step::Continue { token, next } => {
                    send(&mut inner, &framed(config, &token, opens)).await?;
                    next
                }
                Step::Established { token, context } => {
                    if let Some(token) = token {
                        send(&mut inner, &framed(config, &token, opens)).await?;
                    }
                    return Self::new(inner, context, config);
                }
            };
            opens = false;
            rounds += 1;
            if rounds > config.max_rounds {
                return Err(HandshakeError::TooManyRounds);
            }
            let token = receive(&mut inner, TokenReader::new(config, true)).await?;
            step = match reply(next, &token) {
                Ok(step) => step,
                Err(refusal) => return Err(refused(&mut inner, config, refusal).await),
            };
        }
    }

    /// Establishes a context as the acceptor: `accept` is what it does with the initiator's
    /// tokens.
    pub async fn accept<N>(
        inner: S,
        acceptor: N,
        accept: impl FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
        config: StreamConfig,
    ) -> Result<Self, HandshakeError> {
        timeout(
            config.timeout,
            Self::accept_forever(inner, acceptor, accept, &config),
        )
        .await
        .unwrap_or(Err(HandshakeError::TimedOut))
    }

    async fn accept_forever<N>(
        mut inner: S,
        acceptor: N,
        mut accept: impl FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
        config: &StreamConfig,
    ) -> Result<Self, HandshakeError> {
        let (mut next, mut rounds) = (acceptor, 0);
        loop {
            rounds += 1;
            if rounds > config.max_rounds {
                return Err(HandshakeError::TooManyRounds);
            }
            let reader = match rounds {
                1 => TokenReader::of_initiator(config),
                _ => TokenReader::new(config, false),
            };
            let token = receive(&mut inner, reader).await?;
            next = match accept(next, &token) {
                Ok(Step::Continue { token, next }) => {
                    send(&mut inner, &framed(config, &token, false)).await?;
                    next
                }
                Ok(Step::Established { token, context }) => {
                    if let Some(token) = token {
                        send(&mut inner, &framed(config, &token, false)).await?;
                    }
                    return Self::new(inner, context, config);
                }
                Err(refusal) => return Err(refused(&mut inner, config, refusal).await),
            };
        }
    }
}

/// Asks a PostgreSQL server for GSSAPI session encryption. If it agrees, the tokens follow.
pub async fn request_gssenc(
    inner: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<(), HandshakeError> {
    send(inner, &GSSENC_REQUEST).await?;
    // One octet: what comes behind it is not the server's answer (CVE-2021-23222).
    match inner.read_u8().await? {
        b'G' => Ok(()),
        b'N' => Err(HandshakeError::Declined),
        b'E' => {
            let mut text = ErrorText::begun(&[]);
            loop {
                let read = inner.read(text.room()).await?;
                match text.filled(read) {
                    Some(text) => return Err(HandshakeError::Peer(text)),
                    None if read == 0 => return Err(HandshakeError::Peer(text.so_far())),
                    None => {}
                }
            }
        }
        other => Err(FrameError::Flags(other).into()),
    }
}

async fn send(inner: &mut (impl AsyncWrite + Unpin), octets: &[u8]) -> Result<(), HandshakeError> {
    inner.write_all(octets).await?;
    Ok(inner.flush().await?)
}

async fn receive(
    inner: &mut (impl AsyncRead + Unpin),
    mut reader: TokenReader<'_>,
) -> Result<Vec<u8>, HandshakeError> {
    loop {
        let read = inner.read(reader.room()).await?;
        if read == 0 {
            return Err(reader.end());
        }
        if let Some(token) = reader.filled(read)? {
            return Ok(token);
        }
    }
}

/// Tells the peer what it may know. Whether that arrives changes nothing.
async fn refused(
    inner: &mut (impl AsyncWrite + Unpin),
    config: &StreamConfig,
    refusal: Refusal,
) -> HandshakeError {
    if let Some(token) = &refusal.token {
        let _ = send(inner, &framed(config, token, false)).await;
    }
    refusal.into()
}

fn poll_read<R: AsyncRead + Unpin>(
    inner: &mut R,
    opener: &mut Opener,
    context: &mut Context<'_>,
    out: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if out.remaining() == 0 {
        return Poll::Ready(Ok(()));
    }
    loop {
        if let Some(read) = opener.read(out.initialize_unfilled())? {
            out.advance(read);
            return Poll::Ready(Ok(()));
        }
        let mut room = ReadBuf::new(opener.room());
        ready!(Pin::new(&mut *inner).poll_read(context, &mut room))?;
        match room.filled().len() {
            0 => opener.end()?,
            read => opener.filled(read),
        }
    }
}

fn poll_drain<W: AsyncWrite + Unpin>(
    inner: &mut W,
    sealer: &mut Sealer,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !sealer.pending().is_empty() {
        match ready!(Pin::new(&mut *inner).poll_write(context, sealer.pending()))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => sealer.sent(written),
        }
    }
    Poll::Ready(Ok(()))
}

fn poll_write<W: AsyncWrite + Unpin>(
    inner: &mut W,
    sealer: &mut Sealer,
    context: &mut Context<'_>,
    message: &[u8],
) -> Poll<io::Result<usize>> {
    ready!(poll_drain(inner, sealer, context))?;
    let taken = sealer.seal(message)?;
    // What does not go out now goes out with the next call; this one has taken it.
    if let Poll::Ready(Err(error)) = poll_drain(inner, sealer, context) {
        return Poll::Ready(Err(error));
    }
    Poll::Ready(Ok(taken))
}

fn poll_flush<W: AsyncWrite + Unpin>(
    inner: &mut W,
    sealer: &mut Sealer,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    ready!(poll_drain(inner, sealer, context))?;
    Pin::new(inner).poll_flush(context)
}

fn poll_shutdown<W: AsyncWrite + Unpin>(
    inner: &mut W,
    sealer: &mut Sealer,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    sealer.finish();
    ready!(poll_flush(inner, sealer, context))?;
    Pin::new(inner).poll_shutdown(context)
}

/// The reading half of a [`SecureStream`].
#[derive(Debug)]
pub struct SecureReader<R> {
    inner: R,
    opener: Opener,
}

/// The writing half of a [`SecureStream`].
#[derive(Debug)]
pub struct SecureWriter<W> {
    inner: W,
    sealer: Sealer,
}

macro_rules! reads {
    ($stream:ident) => {
        impl<S: AsyncRead + Unpin> AsyncRead for $stream<S> {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                out: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let this = self.get_mut();
                poll_read(&mut this.inner, &mut this.opener, context, out)
            }
        }
    };
}

macro_rules! writes {
    ($stream:ident) => {
        impl<S: AsyncWrite + Unpin> AsyncWrite for $stream<S> {
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                message: &[u8],
            ) -> Poll<io::Result<usize>> {
                let this = self.get_mut();
                poll_write(&mut this.inner, &mut this.sealer, context, message)
            }

            fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                let this = self.get_mut();
                poll_flush(&mut this.inner, &mut this.sealer, context)
            }

            fn poll_shutdown(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                let this = self.get_mut();
                poll_shutdown(&mut this.inner, &mut this.sealer, context)
            }
        }
    };
}

reads!(SecureStream);
reads!(SecureReader);
writes!(SecureStream);
writes!(SecureWriter);
