//! A protected stream over any [`Read`] and [`Write`].

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use orthros::gss::SecurityContext;
use orthros::step::{Refusal, Step};

use super::error::HandshakeError;
use super::framing::StreamConfig;
use super::handshake::{Conversation, Handshake};
use super::opener::Opener;
use super::postgres::{AGREED, AskGssenc, DECLINED, Listen, Request, error_response};
use super::sealer::Sealer;
pub use super::secure::{SecureReader, SecureStream, SecureWriter};

/// Establishes a context as the initiator: `first` is its first step, `reply` what it does with
/// the acceptor's tokens.
///
/// The clock is looked at between two reads: the stream below needs a read timeout of its own, lest
/// it wait for ever for a peer that is silent.
pub fn initiate<S: Read + Write, N>(
    mut inner: S,
    first: Step<N, SecurityContext>,
    reply: impl FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
    config: &StreamConfig,
) -> Result<SecureStream<S>, HandshakeError> {
    let handshake = Handshake::initiator(config, first, reply);
    let (sealer, opener) = converse(&mut inner, handshake, untimed)?;
    Ok(SecureStream::of_halves(inner, sealer, opener))
}

/// Establishes a context as the acceptor: `accept` is what it does with the initiator's tokens.
///
/// The clock is looked at between two reads, as by [`initiate`]; [`accept_socket`] does more.
pub fn accept<S: Read + Write, N>(
    mut inner: S,
    acceptor: N,
    accept: impl FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
    config: &StreamConfig,
) -> Result<SecureStream<S>, HandshakeError> {
    let handshake = Handshake::acceptor(config, acceptor, accept);
    let (sealer, opener) = converse(&mut inner, handshake, untimed)?;
    Ok(SecureStream::of_halves(inner, sealer, opener))
}

/// [`accept`] on a socket, whose timeouts keep the limits of `config`, whatever the peer does or
/// does not do (security case 133). Afterwards the socket has the timeouts that it had before.
pub fn accept_socket<S: Socket, N>(
    mut inner: S,
    acceptor: N,
    accept: impl FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
    config: &StreamConfig,
) -> Result<SecureStream<S>, HandshakeError> {
    let before = inner.timeouts()?;
    let handshake = Handshake::acceptor(config, acceptor, accept);
    let (sealer, opener) = converse(&mut inner, handshake, timed)?;
    inner.set_timeouts(before)?;
    Ok(SecureStream::of_halves(inner, sealer, opener))
}

/// Asks a PostgreSQL server for GSSAPI session encryption. If it agrees, the tokens follow.
pub fn request_gssenc(
    inner: &mut (impl Read + Write),
    config: &StreamConfig,
) -> Result<(), HandshakeError> {
    converse(inner, AskGssenc::new(config), untimed)
}

/// Reads what a PostgreSQL client asks for, and nothing behind it. It has not been answered.
pub fn receive_request(
    socket: &mut impl Socket,
    config: &StreamConfig,
) -> Result<Request, HandshakeError> {
    let before = socket.timeouts()?;
    let request = converse(socket, Listen::new(config), timed);
    socket.set_timeouts(before)?;
    request
}

/// Agrees to a PostgreSQL client's request for GSSAPI session encryption; the tokens follow.
/// Declines TLS, if it asks for that before, and refuses a client that will not encrypt.
pub fn require_gssenc(
    socket: &mut impl Socket,
    config: &StreamConfig,
) -> Result<(), HandshakeError> {
    for may_ask_for_tls in [true, false] {
        match receive_request(socket, config)? {
            Request::Gssenc => return Ok(send(socket, &AGREED)?),
            Request::Ssl if may_ask_for_tls => send(socket, &DECLINED)?,
            Request::Ssl | Request::Other(_) => break,
        }
    }
    let text = error_response("28000", "this server requires GSSAPI encryption");
    send(socket, &text)?;
    Err(HandshakeError::Declined)
}

/// A stream below whose operations can be given an end.
pub trait Socket: Read + Write {
    /// How long a read and how long a write may take.
    fn timeouts(&self) -> io::Result<[Option<Duration>; 2]>;

    /// Changes it.
    fn set_timeouts(&self, timeouts: [Option<Duration>; 2]) -> io::Result<()>;
}

macro_rules! socket {
    ($($socket:ty),*) => {$(
        impl Socket for $socket {
            fn timeouts(&self) -> io::Result<[Option<Duration>; 2]> {
                Ok([self.read_timeout()?, self.write_timeout()?])
            }

            fn set_timeouts(&self, [read, write]: [Option<Duration>; 2]) -> io::Result<()> {
                self.set_read_timeout(read)?;
                self.set_write_timeout(write)
            }
        }
    )*};
}

socket!(TcpStream);
#[cfg(unix)]
socket!(std::os::unix::net::UnixStream);

fn untimed<S>(_: &S, _: Duration) -> io::Result<()> {
    Ok(())
}

fn timed<S: Socket>(socket: &S, left: Duration) -> io::Result<()> {
    socket.set_timeouts([Some(left); 2])
}

/// Carries a conversation to its end. `before` is done before anything is read or written, of which
/// this is the time that is left.
fn converse<S: Read + Write, C: Conversation>(
    inner: &mut S,
    mut conversation: C,
    before: impl Fn(&S, Duration) -> io::Result<()>,
) -> Result<C::Outcome, HandshakeError> {
    let begin = Instant::now();
    loop {
        let left = conversation.patience().saturating_sub(begin.elapsed());
        if left.is_zero() {
            return Err(HandshakeError::TimedOut);
        }
        before(inner, left)?;
        let sent = send(inner, &conversation.to_send());
        let Some(room) = conversation.room() else {
            // Whether the reason of a refusal arrives changes nothing.
            let outcome = conversation.outcome()?;
            sent?;
            return Ok(outcome);
        };
        sent?;
        match inner.read(room) {
            Ok(read) => conversation.filled(read),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    return Err(HandshakeError::TimedOut);
                }
                _ => return Err(error.into()),
            },
        }
    }
}

fn send(inner: &mut impl Write, octets: &[u8]) -> io::Result<()> {
    if octets.is_empty() {
        return Ok(());
    }
    inner.write_all(octets)?;
    inner.flush()
}

/// Until something is opened, or the end.
fn fill(inner: &mut impl Read, opener: &mut Opener) -> io::Result<()> {
    while opener.plain()?.is_none() {
        match inner.read(opener.room())? {
            0 => opener.end()?,
            read => opener.filled(read),
        }
    }
    Ok(())
}

fn read(inner: &mut impl Read, opener: &mut Opener, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match opener.read(out)? {
            Some(read) => return Ok(read),
            None => fill(inner, opener)?,
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

fn finish(inner: &mut impl Write, sealer: &mut Sealer) -> io::Result<()> {
    sealer.finish();
    flush(inner, sealer)
}

macro_rules! reads {
    ($($stream:ident),*) => {$(
        impl<S: Read> Read for $stream<S> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                read(&mut self.inner, &mut self.opener, out)
            }
        }

        impl<S: Read> BufRead for $stream<S> {
            fn fill_buf(&mut self) -> io::Result<&[u8]> {
                fill(&mut self.inner, &mut self.opener)?;
                Ok(self.opener.plain()?.unwrap_or_default())
            }

            fn consume(&mut self, octets: usize) {
                self.opener.take(octets);
            }
        }
    )*};
}

macro_rules! writes {
    ($($stream:ident),*) => {$(
        impl<S: Write> Write for $stream<S> {
            fn write(&mut self, message: &[u8]) -> io::Result<usize> {
                write(&mut self.inner, &mut self.sealer, message)
            }

            fn flush(&mut self) -> io::Result<()> {
                flush(&mut self.inner, &mut self.sealer)
            }
        }
    )*};
}

reads!(SecureStream, SecureReader);
writes!(SecureStream, SecureWriter);

impl<S: Write> SecureStream<S> {
    /// Ends this direction: what is pending is sent, nothing more can be written, and the peer can
    /// still write. Afterwards end the stream below in this direction (`shutdown`), which is what
    /// the peer notices.
    pub fn finish(&mut self) -> io::Result<()> {
        finish(&mut self.inner, &mut self.sealer)
    }
}

impl<W: Write> SecureWriter<W> {
    /// As [`SecureStream::finish`]; gives the stream below.
    pub fn finish(mut self) -> io::Result<W> {
        finish(&mut self.inner, &mut self.sealer)?;
        Ok(self.inner)
    }
}
