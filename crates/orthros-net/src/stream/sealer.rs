//! The sending half, without a socket.

use std::fmt;
use std::io;
use std::ops::Range;

use orthros::error::Error;
use orthros::gss::{Protection, Sender};
use orthros::sasl::Encoder;

use super::LANES;
use super::error::{FrameError, protection};
use super::framing::{DATA, ENCRYPTED, Framing, NOOP, StreamConfig, WRAPPED};

/// How much is sealed before it is sent.
const BATCH: usize = 64 << 10;

/// The longest message of a token. A batch is then [`LANES`] tokens, which are sealed in less time
/// than one of the batch's length would be, at this end and at the other.
const MESSAGE: usize = BATCH / LANES;

/// Seals octets and puts them into frames.
///
/// A batch of frames is sealed at once, side by side. What was sealed is
/// [`pending`](Self::pending) until it is [`sent`](Self::sent), and nothing more is taken until
/// then: the peer's pace is the writer's, and the buffer does not grow.
pub struct Sealer {
    sender: Sender,
    framing: Framing,
    protection: Protection,
    max_message: usize,
    /// How much makes a batch of full frames.
    batch: usize,
    buffer: Vec<u8>,
    pending: Range<usize>,
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
        let max_message = max_message.min(MESSAGE);
        Ok(Self {
            sender,
            framing: config.framing,
            protection: config.protection,
            max_message,
            batch: BATCH - BATCH % max_message,
            buffer: Vec::new(),
            pending: 0..0,
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

    /// The longest message of one frame.
    pub fn max_message(&self) -> usize {
        self.max_message
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
        if !self.pending.is_empty() {
            return Ok(0);
        }
        let taken = message.len().min(self.batch);
        let message = message.get(..taken).unwrap_or_default();
        match self.frames(message) {
            Ok(len) => {
                self.pending = 0..len;
                Ok(taken)
            }
            Err(error) => {
                self.state = State::Failed;
                Err(protection(error))
            }
        }
    }

    /// Makes the frames of a batch: how many octets.
    fn frames(&mut self, message: &[u8]) -> Result<usize, Error> {
        let room = self.sender.room(self.protection);
        let head = self.framing.head_len();
        let flags = match self.protection {
            Protection::Integrity => DATA | WRAPPED,
            Protection::Confidentiality => DATA | WRAPPED | ENCRYPTED,
        };
        // Tokens of RFC 1964, whose room grows with the message, are made one after the other.
        if self.sender.token_len(self.protection, 0) != room.total() {
            self.buffer.clear();
            for piece in message.chunks(self.max_message) {
                let start = self.buffer.len();
                self.buffer.resize(start + head, 0);
                let token = self.sender.token_len(self.protection, piece.len());
                let frame = self.buffer.get_mut(start..).unwrap_or_default();
                self.framing.put_head(flags, token, frame);
                self.sender
                    .wrap_into(self.protection, piece, &mut self.buffer)?;
            }
            return Ok(self.buffer.len());
        }
        let before = head + room.before;
        let full = before + self.max_message + room.behind;
        let frames = message.len().div_ceil(self.max_message);
        let len = message.len() + frames * (full - self.max_message);
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        let frames = self.buffer.get_mut(..len).unwrap_or_default();
        let pieces = message.chunks(self.max_message);
        for (frame, piece) in frames.chunks_mut(full).zip(pieces) {
            let token = frame.len() - head;
            self.framing.put_head(flags, token, frame);
            if let Some(place) = frame.get_mut(before..before + piece.len()) {
                place.copy_from_slice(piece);
            }
        }
        for frames in frames.chunks_mut(full * LANES) {
            let mut tokens = [(); LANES].map(|()| <&mut [u8]>::default());
            let mut count = 0;
            for (token, frame) in tokens.iter_mut().zip(frames.chunks_mut(full)) {
                *token = frame.get_mut(head..).unwrap_or_default();
                count += 1;
            }
            let tokens = tokens.get_mut(..count).unwrap_or_default();
            self.sender.wrap_many_in_place(self.protection, tokens)?;
        }
        Ok(len)
    }

    /// What is to be sent.
    pub fn pending(&self) -> &[u8] {
        self.buffer.get(self.pending.clone()).unwrap_or_default()
    }

    /// The first octets of [`pending`](Self::pending) were sent.
    pub fn sent(&mut self, octets: usize) {
        self.pending.start = (self.pending.start + octets).min(self.pending.end);
    }

    /// Nothing more is to be sealed. What announces that, where something does, is pending.
    pub fn finish(&mut self) {
        if self.state != State::Open {
            return;
        }
        self.state = State::Finished;
        if self.framing == Framing::Sample {
            self.buffer.truncate(self.pending.end);
            self.buffer
                .resize(self.pending.end + self.framing.head_len(), 0);
            let head = self.buffer.get_mut(self.pending.end..);
            self.framing.put_head(NOOP, 0, head.unwrap_or_default());
            self.pending.end = self.buffer.len();
        }
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("sender", &self.sender)
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
