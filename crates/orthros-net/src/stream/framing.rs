//! The framings in use, and their limits.
//!
//! ```text
//! SASL, GSSENC, knc    length (4)   token
//! gss-sample           flags (1)    length (4)   token
//! ```

use orthros::gss::{Protection, Role};

use super::error::FrameError;
use super::limits::Limits;

/// The flags of MIT's sample programs.
pub(super) const NOOP: u8 = 1;
pub(super) const CONTEXT: u8 = 1 << 1;
pub(super) const DATA: u8 = 1 << 2;
pub(super) const CONTEXT_NEXT: u8 = 1 << 4;
pub(super) const WRAPPED: u8 = 1 << 5;
pub(super) const ENCRYPTED: u8 = 1 << 6;

/// What is before a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Its length.
    Length,
    /// Flags and its length.
    Sample,
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A token of this length. Some framings say whether it is encrypted.
    Token(usize, Option<bool>),
    /// Nothing, and that is all right.
    Nothing,
    /// The announcement that no more will come.
    End,
}

impl Framing {
    /// How many octets precede a token.
    pub(super) const fn head_len(self) -> usize {
        match self {
            Self::Length => 4,
            Self::Sample => 5,
        }
    }

    fn split(self, octets: &[u8]) -> Option<(u8, u32)> {
        match (self, octets) {
            (Self::Length, [a, b, c, d, ..]) => Some((0, u32::from_be_bytes([*a, *b, *c, *d]))),
            (Self::Sample, [flags, a, b, c, d, ..]) => {
                Some((*flags, u32::from_be_bytes([*a, *b, *c, *d])))
            }
            _ => None,
        }
    }

    /// Judges the head of a frame with a Wrap token, sent to `role`; `None` if it is not whole.
    pub(super) fn data(
        self,
        octets: &[u8],
        role: Role,
        max: usize,
    ) -> Result<Option<Frame>, FrameError> {
        let Some((flags, len)) = self.split(octets) else {
            return Ok(None);
        };
        if self == Self::Sample {
            // gss-server answers each message with a NOOP, and from gss-client it is the last.
            if flags == NOOP && len == 0 {
                return Ok(Some(match role {
                    Role::Initiator => Frame::Nothing,
                    Role::Acceptor => Frame::End,
                }));
            }
            if flags & !ENCRYPTED != DATA | WRAPPED {
                return Err(FrameError::Flags(flags));
            }
        }
        let encrypted = (self == Self::Sample).then_some(flags & ENCRYPTED != 0);
        limited(len, max).map(|len| Some(Frame::Token(len, encrypted)))
    }

    /// Judges the head of a frame with a context token: its length.
    pub(super) fn context(self, octets: &[u8], max: usize) -> Result<Option<usize>, FrameError> {
        let Some((flags, len)) = self.split(octets) else {
            return Ok(None);
        };
        if self == Self::Sample && flags != CONTEXT {
            return Err(FrameError::Flags(flags));
        }
        limited(len, max).map(Some)
    }

    /// The head of what gss-client sends before its first token.
    pub(super) const PROLOGUE: [u8; 5] = [NOOP | CONTEXT_NEXT, 0, 0, 0, 0];

    /// Writes the head of a frame to the front of `frame`.
    pub(super) fn put_head(self, flags: u8, len: usize, frame: &mut [u8]) {
        // A token is not longer than `MAX`.
        let [a, b, c, d] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
        match (self, frame) {
            (Self::Length, [f0, f1, f2, f3, ..]) => [*f0, *f1, *f2, *f3] = [a, b, c, d],
            (Self::Sample, [f0, f1, f2, f3, f4, ..]) => {
                [*f0, *f1, *f2, *f3, *f4] = [flags, a, b, c, d];
            }
            _ => {}
        }
    }
}

/// An empty frame is an error: who waits for a token does not wait for nothing (security case
/// 136).
fn limited(len: u32, max: usize) -> Result<usize, FrameError> {
    match usize::try_from(len) {
        Ok(0) => Err(FrameError::Empty),
        Ok(len) if len <= max => Ok(len),
        _ => Err(FrameError::TooLong {
            len: len.into(),
            max,
        }),
    }
}

/// How a stream is framed, protected and limited.
#[derive(Clone, Debug)]
pub struct StreamConfig {
    pub(super) framing: Framing,
    pub(super) protection: Protection,
    pub(super) max_sent: usize,
    pub(super) max_received: usize,
    pub(super) limits: Limits,
    /// Whether a frame that begins with `E` is a text.
    pub(super) error_text: bool,
}

/// The longest token that any framing here is configured for.
const MAX: usize = 1 << 24;

impl StreamConfig {
    const fn new(framing: Framing, max_sent: usize, max_received: usize) -> Self {
        Self {
            framing,
            protection: Protection::Confidentiality,
            max_sent,
            max_received,
            limits: Limits::new(),
            error_text: false,
        }
    }

    /// A SASL security layer (RFC 4422 §3.7): `max_sent` is what the peer said it takes,
    /// `max_received` what we told it.
    pub fn sasl(protection: Protection, max_sent: u32, max_received: u32) -> Self {
        let limit = |max: u32| usize::try_from(max).unwrap_or(MAX).min(MAX);
        Self::new(Framing::Length, limit(max_sent), limit(max_received)).protection(protection)
    }

    /// PostgreSQL's GSSAPI session encryption: a frame has at most 16 KiB, its length included.
    pub const fn postgres() -> Self {
        let mut config = Self::new(Framing::Length, 16_380, 16_380);
        config.error_text = true;
        config
    }

    /// Kerberised netcat, knc(1): 65 536 octets in a frame and 512 for their protection.
    pub const fn knc() -> Self {
        Self::new(Framing::Length, 66_048, 66_048)
    }

    /// MIT krb5's gss-client and gss-server, without MIC tokens as receipts (`gss-client -nm`).
    pub const fn gss_sample() -> Self {
        Self::new(Framing::Sample, 64 << 10, 1 << 20)
    }

    /// Signs without encrypting, or both. Where encryption is configured, a received token has to
    /// be encrypted.
    #[must_use]
    pub const fn protection(mut self, protection: Protection) -> Self {
        self.protection = protection;
        self
    }

    /// What the handshake may cost.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
