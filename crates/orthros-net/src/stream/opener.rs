//! The receiving half, without a socket.

use std::fmt;
use std::io;
use std::ops::Range;

use orthros::error::Error;
use orthros::gss::{Protection, Receiver, Role};
use orthros::sasl::{Decoder, Layer};

use super::error::{FrameError, protection};
use super::framing::{Frame, Framing, StreamConfig};

/// With how much room a stream begins to read: several frames at once.
const READ_AHEAD: usize = 32 << 10;

/// Takes frames apart and opens them.
///
/// ```text
/// buffer   taken │ plain │ taken │ received, not opened │ room
/// ```
///
/// Octets go into [`room`](Self::room) and come out of [`read`](Self::read). There is one buffer;
/// tokens are opened where they lie, and in the steady state nothing is allocated.
pub struct Opener {
    tokens: Tokens,
    framing: Framing,
    role: Role,
    protection: Protection,
    max: usize,
    buffer: Vec<u8>,
    plain: Range<usize>,
    received: Range<usize>,
    state: State,
}

/// What opens a token.
#[derive(Debug)]
enum Tokens {
    Gss(Receiver),
    /// It judges lengths and protection itself.
    Sasl(Decoder),
}

/// Where a message lies in its token: what precedes it, and its length.
fn place(token: usize, message: &[u8]) -> (usize, usize) {
    (message.as_ptr().addr() - token, message.len())
}

impl Tokens {
    fn open(&mut self, token: &mut [u8], agreed: Protection) -> io::Result<(usize, usize)> {
        let start = token.as_ptr().addr();
        let message = match self {
            Self::Sasl(decoder) => decoder.open(token).map_err(protection)?,
            Self::Gss(receiver) => {
                let unwrapped = receiver.unwrap_in_place(token).map_err(protection)?;
                if agreed == Protection::Confidentiality
                    && unwrapped.protection() == Protection::Integrity
                {
                    return Err(FrameError::NotConfidential.into());
                }
                // Repeated, missing or out of order: SASL-09.
                unwrapped.complete().map_err(protection)?
            }
        };
        Ok(place(start, message))
    }

    /// A SASL layer knows what was negotiated (SASL-10).
    fn judge(&mut self, len: usize) -> Result<(), Error> {
        match self {
            Self::Sasl(decoder) => {
                let len = u32::try_from(len).unwrap_or(u32::MAX);
                decoder.length(len.to_be_bytes()).map(drop)
            }
            Self::Gss(_) => Ok(()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Failed,
}

impl Opener {
    /// Opens what the peer of `role` sends.
    pub fn new(receiver: Receiver, role: Role, config: &StreamConfig) -> Self {
        Self::of(Tokens::Gss(receiver), role, config)
    }

    /// Opens what comes through a SASL security layer; an error if none was agreed on.
    pub fn sasl(decoder: Decoder) -> Result<Self, Error> {
        if decoder.layer() == Layer::None {
            return Err(Error::Misuse("no security layer was agreed on"));
        }
        let largest = u32::MAX;
        let config = StreamConfig::sasl(Protection::Integrity, largest, largest);
        // In SASL's framing the roles do not differ.
        Ok(Self::of(Tokens::Sasl(decoder), Role::Initiator, &config))
    }

    fn of(tokens: Tokens, role: Role, config: &StreamConfig) -> Self {
        Self {
            tokens,
            framing: config.framing,
            role,
            protection: config.protection,
            max: config.max_received,
            buffer: Vec::new(),
            plain: 0..0,
            received: 0..0,
            state: State::Open,
        }
    }

    /// Copies what is opened to `out`, and opens the next frame if nothing is. `None`: there is no
    /// whole frame, fill [`room`](Self::room). 0 is the end of the stream.
    pub fn read(&mut self, out: &mut [u8]) -> io::Result<Option<usize>> {
        if out.is_empty() {
            return Ok(Some(0));
        }
        loop {
            let plain = self.buffer.get(self.plain.clone()).unwrap_or_default();
            if !plain.is_empty() {
                let len = plain.len().min(out.len());
                if let (Some(to), Some(from)) = (out.get_mut(..len), plain.get(..len)) {
                    to.copy_from_slice(from);
                }
                self.plain.start += len;
                return Ok(Some(len));
            }
            match self.state {
                State::Open => {}
                State::Ended => return Ok(Some(0)),
                State::Failed => return Err(FrameError::Dead.into()),
            }
            match self.open() {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => {
                    self.state = State::Failed;
                    return Err(error);
                }
            }
        }
    }

    /// Opens one frame; false if there is no whole one.
    fn open(&mut self) -> io::Result<bool> {
        let octets = self
            .buffer
            .get_mut(self.received.clone())
            .unwrap_or_default();
        let head = self.framing.head_len();
        let len = match self.framing.data(octets, self.role, self.max)? {
            None => return Ok(false),
            Some(Frame::Nothing) => {
                self.received.start += head;
                return Ok(true);
            }
            Some(Frame::End) => {
                self.state = State::Ended;
                return Ok(true);
            }
            Some(Frame::Token(len)) => len,
        };
        self.tokens.judge(len).map_err(protection)?;
        let Some(token) = octets.get_mut(head..head + len) else {
            return Ok(false);
        };
        let (before, message) = self.tokens.open(token, self.protection)?;
        let start = self.received.start + head + before;
        self.plain = start..start + message;
        self.received.start += head + len;
        Ok(true)
    }

    /// Where received octets go: never empty.
    pub fn room(&mut self) -> &mut [u8] {
        if self.received.is_empty() && self.plain.is_empty() {
            self.received = 0..0;
        }
        let octets = self.buffer.get(self.received.clone()).unwrap_or_default();
        let head = self.framing.head_len();
        let whole = match self.framing.data(octets, self.role, self.max) {
            Ok(Some(Frame::Token(len))) => head + len,
            _ => head,
        };
        let start = self.received.start;
        let crosses = start + whole > self.buffer.len() || self.received.end == self.buffer.len();
        if start > 0 && crosses && self.plain.is_empty() {
            self.buffer.copy_within(self.received.clone(), 0);
            self.received = 0..self.received.len();
        }
        // It grows with what is there, not with what is announced.
        if self.received.end == self.buffer.len() {
            let len = (2 * self.buffer.len()).max(READ_AHEAD);
            self.buffer.resize(len, 0);
        }
        self.buffer.get_mut(self.received.end..).unwrap_or_default()
    }

    /// So many octets were put into [`room`](Self::room).
    pub fn filled(&mut self, octets: usize) {
        self.received.end = (self.received.end + octets).min(self.buffer.len());
    }

    /// Nothing more will come: an error inside a frame.
    pub fn end(&mut self) -> io::Result<()> {
        if self.state != State::Open {
            return Ok(());
        }
        if self.received.is_empty() {
            self.state = State::Ended;
            return Ok(());
        }
        self.state = State::Failed;
        Err(FrameError::Truncated.into())
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("tokens", &self.tokens)
            .field("received", &self.received.len())
            .finish_non_exhaustive()
    }
}
