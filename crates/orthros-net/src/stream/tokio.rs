//! A protected stream over any [`AsyncRead`] and [`AsyncWrite`].
//!
//! [`poll_shutdown`](AsyncWrite::poll_shutdown) closes one direction alone; the peer can still
//! write.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use ::tokio::time::{Instant, timeout};

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
pub async fn initiate<S: AsyncRead + AsyncWrite + Unpin, N>(
    mut inner: S,
    first: Step<N, SecurityContext>,
    reply: impl FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
    config: &StreamConfig,
) -> Result<SecureStream<S>, HandshakeError> {
    let handshake = Handshake::initiator(config, first, reply);
    let (sealer, opener) = converse(&mut inner, handshake).await?;
    Ok(SecureStream::of_halves(inner, sealer, opener))
}

/// Establishes a context as the acceptor: `accept` is what it does with the initiator's tokens.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin, N>(
    mut inner: S,
    acceptor: N,
    accept: impl FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
    config: &StreamConfig,
) -> Result<SecureStream<S>, HandshakeError> {
    let handshake = Handshake::acceptor(config, acceptor, accept);
    let (sealer, opener) = converse(&mut inner, handshake).await?;
    Ok(SecureStream::of_halves(inner, sealer, opener))
}

/// Asks a PostgreSQL server for GSSAPI session encryption. If it agrees, the tokens follow.
pub async fn request_gssenc(
    inner: &mut (impl AsyncRead + AsyncWrite + Unpin),
    config: &StreamConfig,
) -> Result<(), HandshakeError> {
    converse(inner, AskGssenc::new(config)).await
}

/// Reads what a PostgreSQL client asks for, and nothing behind it. It has not been answered.
pub async fn receive_request(
    inner: &mut (impl AsyncRead + AsyncWrite + Unpin),
    config: &StreamConfig,
) -> Result<Request, HandshakeError> {
    converse(inner, Listen::new(config)).await
}

/// Agrees to a PostgreSQL client's request for GSSAPI session encryption; the tokens follow.
/// Declines TLS, if it asks for that before, and refuses a client that will not encrypt.
pub async fn require_gssenc(
    inner: &mut (impl AsyncRead + AsyncWrite + Unpin),
    config: &StreamConfig,
) -> Result<(), HandshakeError> {
    let time = config.limits.handshake;
    for may_ask_for_tls in [true, false] {
        match receive_request(inner, config).await? {
            Request::Gssenc => return within(time, send(inner, &AGREED)).await,
            Request::Ssl if may_ask_for_tls => within(time, send(inner, &DECLINED)).await?,
            Request::Ssl | Request::Other(_) => break,
        }
    }
    let text = error_response("28000", "this server requires GSSAPI encryption");
    within(time, send(inner, &text)).await?;
    Err(HandshakeError::Declined)
}

/// Carries a conversation to its end.
async fn converse<S: AsyncRead + AsyncWrite + Unpin, C: Conversation>(
    inner: &mut S,
    mut conversation: C,
) -> Result<C::Outcome, HandshakeError> {
    let begin = Instant::now();
    loop {
        let left = conversation.patience().saturating_sub(begin.elapsed());
        let sent = within(left, send(inner, &conversation.to_send())).await;
        let Some(room) = conversation.room() else {
            // Whether the reason of a refusal arrives changes nothing.
            let outcome = conversation.outcome()?;
            sent?;
            return Ok(outcome);
        };
        sent?;
        let read = within(left, inner.read(room)).await?;
        conversation.filled(read);
    }
}

async fn within<T>(
    time: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, HandshakeError> {
    match timeout(time, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(HandshakeError::TimedOut),
    }
}

async fn send(inner: &mut (impl AsyncWrite + Unpin), octets: &[u8]) -> io::Result<()> {
    if octets.is_empty() {
        return Ok(());
    }
    inner.write_all(octets).await?;
    inner.flush().await
}

/// Until something is opened, or the end.
fn poll_fill<R: AsyncRead + Unpin>(
    inner: &mut R,
    opener: &mut Opener,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while opener.plain()?.is_none() {
        let mut room = ReadBuf::new(opener.room());
        ready!(Pin::new(&mut *inner).poll_read(context, &mut room))?;
        match room.filled().len() {
            0 => opener.end()?,
            read => opener.filled(read),
        }
    }
    Poll::Ready(Ok(()))
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
    ready!(poll_fill(inner, opener, context))?;
    let read = opener.read(out.initialize_unfilled())?;
    out.advance(read.unwrap_or(0));
    Poll::Ready(Ok(()))
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

macro_rules! reads {
    ($($stream:ident),*) => {$(
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

        impl<S: AsyncRead + Unpin> AsyncBufRead for $stream<S> {
            fn poll_fill_buf(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<&[u8]>> {
                let this = self.get_mut();
                ready!(poll_fill(&mut this.inner, &mut this.opener, context))?;
                Poll::Ready(Ok(this.opener.plain()?.unwrap_or_default()))
            }

            fn consume(self: Pin<&mut Self>, octets: usize) {
                self.get_mut().opener.take(octets);
            }
        }
    )*};
}

macro_rules! writes {
    ($($stream:ident),*) => {$(
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
    )*};
}

reads!(SecureStream, SecureReader);
writes!(SecureStream, SecureWriter);
