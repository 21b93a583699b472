//! The receiving half, without a socket.

use std::fmt;
use std::io;
use std::mem;
use std::ops::Range;

use orthros::error::Error;
use orthros::gss::{Protection, Receiver, Role, Unwrapped};
use orthros::sasl::Decoder;

use super::LANES;
use super::error::{FrameError, protection};
use super::framing::{Frame, Framing, StreamConfig};

/// With how much room a stream begins to read.
const READ_AHEAD: usize = 32 << 10;

/// With how much room it reads from a peer that always has more to say.
const READ_AHEAD_MOST: usize = 128 << 10;

/// Takes frames apart and opens them.
///
/// ```text
/// buffer   taken │ plain │ │ plain │ │ received, not opened │ room
/// ```
///
/// Octets go into [`room`](Self::room) and come out of [`read`](Self::read), or of
/// [`plain`](Self::plain) without being copied. There is one buffer; tokens are opened where they
/// lie, as many as are there side by side, and in the steady state nothing is allocated.
pub struct Opener {
    receiver: Receiver,
    framing: Framing,
    role: Role,
    protection: Protection,
    max: usize,
    buffer: Vec<u8>,
    /// The messages that were opened together, as far as they have not been taken.
    plain: [Range<usize>; LANES],
    received: Range<usize>,
    /// The last read took as much as there was room for.
    more: bool,
    state: State,
}

enum State {
    Open,
    Ended,
    /// Once what was opened before has been taken.
    Failing(io::Error),
    Failed,
}

impl Opener {
    /// Opens what the peer of `role` sends.
    pub fn new(receiver: Receiver, role: Role, config: &StreamConfig) -> Self {
        Self {
            receiver,
            framing: config.framing,
            role,
            protection: config.protection,
            max: config.max_received,
            buffer: Vec::new(),
            plain: [(); LANES].map(|()| 0..0),
            received: 0..0,
            more: false,
            state: State::Open,
        }
    }

    /// Opens what comes through a SASL security layer; an error if none was agreed on.
    pub fn sasl(decoder: Decoder) -> Result<Self, Error> {
        let Some(protection) = decoder.layer().protection() else {
            return Err(Error::Misuse("no security layer was agreed on"));
        };
        let max = u32::try_from(decoder.largest()).unwrap_or(u32::MAX);
        let config = StreamConfig::sasl(protection, max, max);
        // In SASL's framing the roles do not differ.
        Ok(Self::new(
            decoder.into_receiver()?,
            Role::Initiator,
            &config,
        ))
    }

    /// Copies what is opened to `out`, and opens the next frames if nothing is. `None`: there is
    /// no whole frame, fill [`room`](Self::room). 0 is the end of the stream.
    pub fn read(&mut self, out: &mut [u8]) -> io::Result<Option<usize>> {
        if out.is_empty() {
            return Ok(Some(0));
        }
        if self.plain()?.is_none() {
            return Ok(None);
        }
        let mut read = 0;
        for plain in &mut self.plain {
            let to = out.get_mut(read..).unwrap_or_default();
            let len = plain.len().min(to.len());
            let from = self.buffer.get(plain.start..plain.start + len);
            if let (Some(to), Some(from)) = (to.get_mut(..len), from) {
                to.copy_from_slice(from);
            }
            plain.start += len;
            read += len;
        }
        Ok(Some(read))
    }

    /// What is opened, where it lies; opens the next frames if nothing is. `None`: there is no
    /// whole frame, fill [`room`](Self::room). Nothing is the end of the stream.
    pub fn plain(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            if let Some(plain) = self.plain.iter().find(|plain| !plain.is_empty()) {
                return Ok(Some(self.buffer.get(plain.clone()).unwrap_or_default()));
            }
            match mem::replace(&mut self.state, State::Failed) {
                State::Open => self.state = State::Open,
                State::Ended => {
                    self.state = State::Ended;
                    return Ok(Some(&[]));
                }
                State::Failing(error) => return Err(error),
                State::Failed => return Err(FrameError::Dead.into()),
            }
            match self.open() {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => self.state = State::Failing(error),
            }
        }
    }

    /// So many octets of [`plain`](Self::plain) were taken.
    pub fn take(&mut self, octets: usize) {
        if let Some(plain) = self.plain.iter_mut().find(|plain| plain.start < plain.end) {
            plain.start = (plain.start + octets).min(plain.end);
        }
    }

    /// Opens the whole frames that are there, or some of them; false if there is none.
    fn open(&mut self) -> io::Result<bool> {
        let head = self.framing.head_len();
        let address = self.buffer.as_ptr().addr();
        let received = self.buffer.get_mut(self.received.clone());
        let mut rest = received.unwrap_or_default();
        let mut tokens = [(); LANES].map(|()| <&mut [u8]>::default());
        let mut encrypted = [None; LANES];
        let (mut count, mut taken) = (0, 0);
        while let Some((token, encrypted)) = tokens.get_mut(count).zip(encrypted.get_mut(count)) {
            let len = match self.framing.data(rest, self.role, self.max) {
                Ok(Some(Frame::Token(len, says))) => {
                    *encrypted = says;
                    len
                }
                Ok(Some(Frame::Nothing)) => 0,
                // What else there is to say is said when these have been taken.
                _ if count > 0 => break,
                Ok(None) => break,
                Ok(Some(Frame::End)) => {
                    self.state = State::Ended;
                    return Ok(true);
                }
                Err(error) => return Err(error.into()),
            };
            if rest.len() < head + len {
                break;
            }
            let (frame, behind) = mem::take(&mut rest).split_at_mut(head + len);
            rest = behind;
            taken += head + len;
            if len > 0 {
                *token = frame.get_mut(head..).unwrap_or_default();
                count += 1;
            }
        }
        self.received.start += taken;

        let mut plain = self.plain.iter_mut();
        let mut says = encrypted.into_iter();
        let mut failed = None;
        let agreed = self.protection;
        let tokens = tokens.into_iter().take(count);
        self.receiver.unwrap_many_in_place(tokens, |unwrapped| {
            // Behind a token that is refused nothing is taken.
            if failed.is_some() {
                return;
            }
            match judge(unwrapped, agreed, says.next().flatten()) {
                Ok(message) => {
                    if let Some(plain) = plain.next() {
                        let start = message.as_ptr().addr() - address;
                        *plain = start..start + message.len();
                    }
                }
                Err(error) => failed = Some(error),
            }
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(taken > 0),
        }
    }

    /// Where received octets go: never empty.
    pub fn room(&mut self) -> &mut [u8] {
        let taken = self.plain.iter().all(Range::is_empty);
        if self.received.is_empty() && taken {
            self.received = 0..0;
        }
        let octets = self.buffer.get(self.received.clone()).unwrap_or_default();
        let head = self.framing.head_len();
        let whole = match self.framing.data(octets, self.role, self.max) {
            Ok(Some(Frame::Token(len, _))) => head + len,
            _ => head,
        };
        let start = self.received.start;
        let crosses = start + whole > self.buffer.len() || self.received.end == self.buffer.len();
        if start > 0 && crosses && taken {
            self.buffer.copy_within(self.received.clone(), 0);
            self.received = 0..self.received.len();
        }
        // It grows with what is there, not with what is announced.
        let full = self.received.end == self.buffer.len();
        if full || (self.more && self.buffer.len() < READ_AHEAD_MOST) {
            let len = (2 * self.buffer.len()).max(READ_AHEAD);
            self.buffer.resize(len, 0);
        }
        self.buffer.get_mut(self.received.end..).unwrap_or_default()
    }

    /// So many octets were put into [`room`](Self::room).
    pub fn filled(&mut self, octets: usize) {
        self.received.end = (self.received.end + octets).min(self.buffer.len());
        self.more = self.received.end == self.buffer.len();
    }

    /// Nothing more will come: an error inside a frame.
    pub fn end(&mut self) -> io::Result<()> {
        if !matches!(self.state, State::Open) {
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

/// The message of a token, if it is the next, as it was agreed to be protected and as its frame
/// says it is.
fn judge(
    unwrapped: Result<Unwrapped<&mut [u8]>, Error>,
    agreed: Protection,
    says_encrypted: Option<bool>,
) -> io::Result<&mut [u8]> {
    let unwrapped = unwrapped.map_err(protection)?;
    let encrypted = unwrapped.protection() == Protection::Confidentiality;
    if agreed == Protection::Confidentiality && !encrypted {
        return Err(FrameError::NotConfidential.into());
    }
    if says_encrypted.is_some_and(|says| says != encrypted) {
        return Err(FrameError::Encrypted(encrypted).into());
    }
    // Repeated, missing or out of order: SASL-09.
    unwrapped.complete().map_err(protection)
}

impl fmt::Debug for Opener {
    /// Not what was received: it may be readable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("receiver", &self.receiver)
            .field("received", &self.received.len())
            .finish_non_exhaustive()
    }
}
