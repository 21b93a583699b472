//! A protected stream over any [`Read`] and [`Write`].

use std::io::{self, Read, Write};
use std::time::Instant;

use orthros::error::Error;
use orthros::gss::SecurityContext;
use orthros::sasl::Session;
use orthros::step::{Refusal, Step};

use super::error::HandshakeError;
use super::framing::StreamConfig;
use super::handshake::{TokenReader, framed, halves};
use super::opener::Opener;
use super::postgres::{ErrorText, GSSENC_REQUEST};
use super::sealer::Sealer;

/// A protected stream.
///
/// What is written is sealed and sent at once; [`flush`](Write::flush) is for the stream below. A
/// write of many octets makes full frames, many small writes make many small frames: put a
/// [`BufWriter`](io::BufWriter) on top for those. A stream below that says `WouldBlock` can be
/// used; what is sealed and not sent goes out with the next `write` or `flush`.
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

    /// Takes the stream apart, so that one thread can write while another reads: `split` gives two
    /// handles of the stream below, such as `|tcp| Ok((tcp.try_clone()?, tcp))`.
    pub fn split<R, W>(
        self,
        split: impl FnOnce(S) -> io::Result<(R, W)>,
    ) -> io::Result<(SecureReader<R>, SecureWriter<W>)> {
        let (reader, writer) = split(self.inner)?;
        Ok((
            SecureReader {
                inner: reader,
                opener: self.opener,
            },
            SecureWriter {
                inner: writer,
                sealer: self.sealer,
            },
        ))
    }
}

impl<S: Read + Write> SecureStream<S> {
    /// Establishes a context as the initiator: `step` is its first, `reply` what it does with the
    /// acceptor's tokens.
    pub fn initiate<N>(
        mut inner: S,
        step: Step<N, SecurityContext>,
        mut reply: impl FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
        config: StreamConfig,
    ) -> Result<Self, HandshakeError> {
        let deadline = Instant::now().checked_add(config.timeout);
        let (mut step, mut rounds, mut opens) = (step, 0, true);
        loop {
            let next = match step {
                Step::Continue { token, next } => {
                    send(&mut inner, &framed(&config, &token, opens))?;
                    next
                }
                Step::Established { token, context } => {
                    if let Some(token) = token {
                        send(&mut inner, &framed(&config, &token, opens))?;
                    }
                    return Self::new(inner, context, &config);
                }
            };
            opens = false;
            rounds += 1;
            if rounds > config.max_rounds {
                return Err(HandshakeError::TooManyRounds);
            }
            let token = receive(&mut inner, TokenReader::new(&config, true), deadline)?;
            step = match reply(next, &token) {
                Ok(step) => step,
                Err(refusal) => return Err(refused(&mut inner, &config, refusal)),
            };
        }
    }

    /// Establishes a context as the acceptor: `accept` is what it does with the initiator's
    /// tokens.
    pub fn accept<N>(
        mut inner: S,
        acceptor: N,
        mut accept: impl FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
        config: StreamConfig,
    ) -> Result<Self, HandshakeError> {
        let deadline = Instant::now().checked_add(config.timeout);
        let (mut next, mut rounds) = (acceptor, 0);
        loop {
            rounds += 1;
            if rounds > config.max_rounds {
                return Err(HandshakeError::TooManyRounds);
            }
            let reader = match rounds {
                1 => TokenReader::of_initiator(&config),
                _ => TokenReader::new(&config, false),
            };
            let token = receive(&mut inner, reader, deadline)?;
            next = match accept(next, &token) {
                Ok(Step::Continue { token, next }) => {
                    send(&mut inner, &framed(&config, &token, false))?;
                    next
                }
                Ok(Step::Established { token, context }) => {
                    if let Some(token) = token {
                        send(&mut inner, &framed(&config, &token, false))?;
                    }
                    return Self::new(inner, context, &config);
                }
                Err(refusal) => return Err(refused(&mut inner, &config, refusal)),
            };
        }
    }

    /// Ends this direction: what is pending is sent, nothing more can be written, and the peer can
    /// still write. Afterwards end the stream below in this direction (`shutdown`), which is what
    /// the peer notices.
    pub fn finish(&mut self) -> io::Result<()> {
        self.sealer.finish();
        drain(&mut self.inner, &mut self.sealer)?;
        self.inner.flush()
    }
}

/// Asks a PostgreSQL server for GSSAPI session encryption. If it agrees, the tokens follow.
pub fn request_gssenc(inner: &mut (impl Read + Write)) -> Result<(), HandshakeError> {
    send(inner, &GSSENC_REQUEST)?;
    let mut answer = [0];
    // One octet: what comes behind it is not the server's answer (CVE-2021-23222).
    inner.read_exact(&mut answer)?;
    match answer {
        [b'G'] => Ok(()),
        [b'N'] => Err(HandshakeError::Declined),
        [b'E'] => {
            let mut text = ErrorText::begun(&[]);
            loop {
                let read = inner.read(text.room())?;
                match text.filled(read) {
                    Some(text) => return Err(HandshakeError::Peer(text)),
                    None if read == 0 => return Err(HandshakeError::Peer(text.so_far())),
                    None => {}
                }
            }
        }
        [other] => Err(super::error::FrameError::Flags(other).into()),
    }
}

fn send(inner: &mut impl Write, octets: &[u8]) -> Result<(), HandshakeError> {
    inner.write_all(octets)?;
    Ok(inner.flush()?)
}

fn receive(
    inner: &mut impl Read,
    mut reader: TokenReader<'_>,
    deadline: Option<Instant>,
) -> Result<Vec<u8>, HandshakeError> {
    loop {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(HandshakeError::TimedOut);
        }
        let read = match inner.read(reader.room()) {
            Ok(0) => return Err(reader.end()),
            Ok(read) => read,
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    return Err(HandshakeError::TimedOut);
                }
                _ => return Err(error.into()),
            },
        };
        if let Some(token) = reader.filled(read)? {
            return Ok(token);
        }
    }
}

/// Tells the peer what it may know. Whether that arrives changes nothing.
fn refused(inner: &mut impl Write, config: &StreamConfig, refusal: Refusal) -> HandshakeError {
    if let Some(token) = &refusal.token {
        let _ = send(inner, &framed(config, token, false));
    }
    refusal.into()
}

fn read(inner: &mut impl Read, opener: &mut Opener, out: &mut [u8]) -> io::Result<usize> {
    loop {
        if let Some(read) = opener.read(out)? {
            return Ok(read);
        }
        match inner.read(opener.room())? {
            0 => opener.end()?,
            read => opener.filled(read),
        }
    }
}

fn drain(inner: &mut impl Write, sealer: &mut Sealer) -> io::Result<()> {
    while !sealer.pending().is_empty() {
        match inner.write(sealer.pending())? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => sealer.sent(written),
        }
    }
    Ok(())
}

fn write(inner: &mut impl Write, sealer: &mut Sealer, message: &[u8]) -> io::Result<usize> {
    drain(inner, sealer)?;
    let taken = sealer.seal(message)?;
    match drain(inner, sealer) {
        Ok(()) => Ok(taken),
        // It is sealed, and will go out.
        Err(error)
            if taken > 0
                && matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::Interrupted
                        | io::ErrorKind::TimedOut
                ) =>
        {
            Ok(taken)
        }
        Err(error) => Err(error),
    }
}

fn flush(inner: &mut impl Write, sealer: &mut Sealer) -> io::Result<()> {
    drain(inner, sealer)?;
    inner.flush()
}

impl<S: Read> Read for SecureStream<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        read(&mut self.inner, &mut self.opener, out)
    }
}

impl<S: Write> Write for SecureStream<S> {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        write(&mut self.inner, &mut self.sealer, message)
    }

    fn flush(&mut self) -> io::Result<()> {
        flush(&mut self.inner, &mut self.sealer)
    }
}

/// The reading half of a [`SecureStream`].
#[derive(Debug)]
pub struct SecureReader<R> {
    inner: R,
    opener: Opener,
}

impl<R: Read> Read for SecureReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        read(&mut self.inner, &mut self.opener, out)
    }
}

/// The writing half of a [`SecureStream`].
#[derive(Debug)]
pub struct SecureWriter<W> {
    inner: W,
    sealer: Sealer,
}

impl<W: Write> SecureWriter<W> {
    /// As [`SecureStream::finish`]; gives the stream below.
    pub fn finish(mut self) -> io::Result<W> {
        self.sealer.finish();
        flush(&mut self.inner, &mut self.sealer)?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for SecureWriter<W> {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        write(&mut self.inner, &mut self.sealer, message)
    }

    fn flush(&mut self) -> io::Result<()> {
        flush(&mut self.inner, &mut self.sealer)
    }
}
