//! What can go wrong with a stream.

use std::fmt;
use std::io;
use std::net::IpAddr;

use orthros::error::Error;
use orthros::step::Refusal;

/// A frame that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// It holds no token.
    Empty,
    /// It is longer than was agreed.
    TooLong {
        /// How long it says it is.
        len: u64,
        /// How long it may be.
        max: usize,
    },
    /// The peer stopped in the middle of it.
    Truncated,
    /// Its flags announce something else than is due.
    Flags(u8),
    /// Its token is not encrypted, and encryption was agreed.
    NotConfidential,
    /// Its flags say otherwise than its token, which is encrypted or is not.
    Encrypted(bool),
    /// It came before it was asked for, in the clear.
    Early,
    /// An earlier frame was refused.
    Dead,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a frame without a token"),
            Self::TooLong { len, max } => {
                write!(f, "a frame of {len} octets, where {max} are allowed")
            }
            Self::Truncated => f.write_str("the peer stopped in the middle of a frame"),
            Self::Flags(flags) => write!(f, "a frame with flags {flags:#04x}, which is not due"),
            Self::NotConfidential => f.write_str("a token that is not encrypted"),
            Self::Encrypted(true) => f.write_str("a token that its frame calls readable"),
            Self::Encrypted(false) => f.write_str("a token that its frame calls encrypted"),
            Self::Early => f.write_str("octets in the clear behind a request for encryption"),
            Self::Dead => f.write_str("the stream ended with an error"),
        }
    }
}

impl std::error::Error for FrameError {}

impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> Self {
        let kind = match error {
            FrameError::Truncated => io::ErrorKind::UnexpectedEof,
            FrameError::Dead => io::ErrorKind::BrokenPipe,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

/// Why there is no stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The underlying stream failed.
    Io(io::Error),
    /// The peer sent a frame that cannot be.
    Frame(FrameError),
    /// One of the two refused the other. A token for the peer was sent.
    Refused(Error),
    /// The peer says in words, which nothing protects, why it does not go on.
    Peer(String),
    /// The peer does not do this: a server that offers no encryption, a client that asks for none.
    Declined,
    /// It took too long (session semantics S9).
    TimedOut,
    /// It took too many tokens.
    TooManyRounds,
    /// As many handshakes as there may be are under way already.
    TooMany {
        /// With whom; with all together, if it is nobody.
        peer: Option<IpAddr>,
        /// So many there may be.
        max: usize,
    },
    /// The context lacks what a stream needs: this.
    Context(&'static str),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Frame(error) => error.fmt(f),
            Self::Refused(error) => error.fmt(f),
            Self::Peer(text) => write!(f, "the peer says: {text}"),
            Self::Declined => f.write_str("the peer does not do GSS-API encryption"),
            Self::TimedOut => f.write_str("the exchange took too long"),
            Self::TooManyRounds => f.write_str("the exchange took too many tokens"),
            Self::TooMany { peer, max } => {
                write!(f, "{max} handshakes are under way already")?;
                match peer {
                    Some(peer) => write!(f, " with {peer}"),
                    None => Ok(()),
                }
            }
            Self::Context(what) => write!(f, "the context does not have {what}"),
        }
    }
}

impl std::error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Frame(error) => Some(error),
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<FrameError> for HandshakeError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<Refusal> for HandshakeError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.error)
    }
}

impl From<Error> for HandshakeError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<HandshakeError> for io::Error {
    fn from(error: HandshakeError) -> Self {
        let kind = match error {
            HandshakeError::Io(error) => return error,
            HandshakeError::Frame(error) => return error.into(),
            HandshakeError::TimedOut => io::ErrorKind::TimedOut,
            HandshakeError::TooMany { .. } => io::ErrorKind::QuotaExceeded,
            HandshakeError::Refused(_) => io::ErrorKind::PermissionDenied,
            HandshakeError::Declined | HandshakeError::Peer(_) => io::ErrorKind::ConnectionRefused,
            HandshakeError::TooManyRounds | HandshakeError::Context(_) => {
                io::ErrorKind::InvalidData
            }
        };
        io::Error::new(kind, error)
    }
}

/// An error of the context itself, on its way through [`std::io`].
pub(super) fn protection(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
