//! A connection on which a server can say only so much.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a server may say before it is asked anything, and what INFO may be long.
const AT_FIRST: usize = 64 * 1024;
/// For each octet of a question so many of an answer.
const FOR_EACH: usize = 8;
const AT_MOST: usize = 1024 * 1024;

/// A connection, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Ends the connection when more comes than what was asked for can need: who reads answers keeps
/// an unfinished one in memory.
pub(crate) struct Bounded {
    stream: Box<dyn Stream>,
    allowed: usize,
    closed: Arc<AtomicBool>,
}

impl Bounded {
    /// `closed` becomes true when the other end has closed the connection, or it has failed.
    pub(crate) fn new(stream: Box<dyn Stream>, closed: Arc<AtomicBool>) -> Self {
        Self {
            stream,
            allowed: AT_FIRST,
            closed,
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut *self.stream).poll_read(context, buffer));
        let read = buffer.filled().len() - before;
        if result.is_err() || read == 0 {
            self.close();
        }
        result?;
        match self.allowed.checked_sub(read) {
            Some(left) => self.allowed = left,
            None => {
                self.close();
                let error = io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the server says more than it was asked",
                );
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut *self.stream).poll_write(context, octets));
        match &result {
            Ok(written) => {
                let more = self.allowed.saturating_add(written * FOR_EACH);
                self.allowed = more.min(AT_MOST);
            }
            Err(_) => self.close(),
        }
        Poll::Ready(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_was_asked_for_passes_and_more_ends_the_connection() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 22);
        let closed = Arc::new(AtomicBool::new(false));
        let mut bounded = Bounded::new(Box::new(ours), Arc::clone(&closed));
        bounded.write_all(&[0; 100]).await.unwrap();
        theirs.write_all(&vec![1; AT_FIRST + 800]).await.unwrap();
        let mut answer = vec![0; AT_FIRST + 800];
        bounded.read_exact(&mut answer).await.unwrap();
        assert!(!closed.load(Ordering::Acquire));
        theirs.write_all(&[1]).await.unwrap();
        let error = bounded.read_exact(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(closed.load(Ordering::Acquire));
    }

    #[tokio::test]
    async fn an_end_is_seen() {
        let (ours, theirs) = tokio::io::duplex(64);
        let closed = Arc::new(AtomicBool::new(false));
        let mut bounded = Bounded::new(Box::new(ours), Arc::clone(&closed));
        drop(theirs);
        assert_eq!(bounded.read(&mut [0]).await.unwrap(), 0);
        assert!(closed.load(Ordering::Acquire));
    }
}
