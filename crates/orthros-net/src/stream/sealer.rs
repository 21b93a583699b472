//! The sending half, without a socket.

use std::fmt;
use std::io;

use orthros::error::Error;
use orthros::gss::{Protection, Sender};
use orthros::sasl::Encoder;

use super::error::{FrameError, protection};
use super::framing::{DATA, ENCRYPTED, Framing, NOOP, StreamConfig, WRAPPED};

/// How much is sealed before it is sent: several frames at once, if they are short.
const BATCH: usize = 64 << 10;

/// Seals octets and puts them into frames.
///
/// What was sealed is [`pending`](Self::pending) until it is [`sent`](Self::sent), and nothing more
/// is taken until then: the peer's pace is the writer's, and the buffer does not grow.
pub struct Sealer {
    sender: Sender,
    framing: Framing,
    protection: Protection,
    max_message: usize,
    buffer: Vec<u8>,
    start: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Finished,
    Failed,
}

impl Sealer {
    /// Seals with `sender`. An error if the peer takes no token that holds anything.
    pub fn new(sender: Sender, config: &StreamConfig) -> Result<Self, Error> {
        let max_message = sender.wrap_size_limit(config.protection, config.max_sent);
        if max_message == 0 {
            return Err(Error::Misuse("the peer takes no token that holds anything"));
        }
        Ok(Self {
            sender,
            framing: config.framing,
            protection: config.protection,
            max_message: max_message.min(BATCH),
            buffer: Vec::new(),
            start: 0,
            state: State::Open,
        })
    }

    /// Seals for a SASL security layer; an error if none was agreed on.
    pub fn sasl(encoder: Encoder) -> Result<Self, Error> {
        let Some(protection) = encoder.layer().protection() else {
            return Err(Error::Misuse("no security layer was agreed on"));
        };
        let largest = encoder.largest_message();
        let sender = encoder.into_sender();
        let largest = sender.token_len(protection, largest);
        let largest = u32::try_from(largest).unwrap_or(u32::MAX);
        Self::new(sender, &StreamConfig::sasl(protection, largest, largest))
    }

    /// Seals the front of `message`: how much of it. 0 while something is pending.
    pub fn seal(&mut self, message: &[u8]) -> io::Result<usize> {
        match self.state {
            State::Open => {}
            State::Finished => {
                let what = "this end of the stream is closed";
                return Err(io::Error::new(io::ErrorKind::BrokenPipe, what));
            }
            State::Failed => return Err(FrameError::Dead.into()),
        }
        if !self.pending().is_empty() {
            return Ok(0);
        }
        self.buffer.clear();
        self.start = 0;
        let mut taken = 0;
        for piece in message.chunks(self.max_message) {
            if taken > 0 && taken + piece.len() > BATCH {
                break;
            }
            if let Err(error) = self.frame(piece) {
                self.state = State::Failed;
                self.buffer.clear();
                return Err(protection(error));
            }
            taken += piece.len();
        }
        Ok(taken)
    }

    fn frame(&mut self, message: &[u8]) -> Result<(), Error> {
        let flags = match self.protection {
            Protection::Integrity => DATA | WRAPPED,
            Protection::Confidentiality => DATA | WRAPPED | ENCRYPTED,
        };
        let len = self.sender.token_len(self.protection, message.len());
        self.framing.put_head(flags, len, &mut self.buffer);
        self.sender
            .wrap_into(self.protection, message, &mut self.buffer)
    }

    /// What is to be sent.
    pub fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// The first octets of [`pending`](Self::pending) were sent.
    pub fn sent(&mut self, octets: usize) {
        self.start = (self.start + octets).min(self.buffer.len());
    }

    /// Nothing more is to be sealed. What announces that, where something does, is pending.
    pub fn finish(&mut self) {
        if self.state == State::Open {
            self.state = State::Finished;
            if self.framing == Framing::Sample {
                self.framing.put_head(NOOP, 0, &mut self.buffer);
            }
        }
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("sender", &self.sender)
            .field("pending", &self.pending().len())
            .finish_non_exhaustive()
    }
}
