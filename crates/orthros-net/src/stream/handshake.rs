//! The exchange of context tokens, without a socket.

use std::mem;
use std::time::Duration;

use orthros::gss::{ContextFlags, Protection, Role, SecurityContext};
use orthros::step::{Refusal, Step};

use super::error::{FrameError, HandshakeError};
use super::framing::{CONTEXT, Framing, StreamConfig};
use super::opener::Opener;
use super::postgres::{ErrorText, error_text};
use super::sealer::Sealer;

/// What is said before there is a stream.
///
/// Whoever drives it sends what is to be sent, reads into the room, and goes on until there is no
/// room: it is over then. Not an octet more is read than the peer has been asked for.
pub(super) trait Conversation {
    /// What comes of it.
    type Outcome;

    /// What is to be sent before anything is read. It is given once.
    fn to_send(&mut self) -> Vec<u8>;

    /// Where received octets go; `None` when it is over.
    fn room(&mut self) -> Option<&mut [u8]>;

    /// So many octets were put into the room; with none the peer has hung up.
    fn filled(&mut self, octets: usize);

    /// For how long after its beginning it may still wait.
    fn patience(&self) -> Duration;

    /// What came of it; that it was stopped, if it was not over.
    fn outcome(self) -> Result<Self::Outcome, HandshakeError>;
}

/// One side of the exchange. `judge` is what it does with the tokens of the other.
pub(super) struct Handshake<'c, N, F> {
    config: &'c StreamConfig,
    role: Role,
    judge: F,
    to_send: Vec<u8>,
    received: u32,
    state: State<'c, N>,
}

enum State<'c, N> {
    Awaits(TokenReader<'c>, N),
    Over(Result<Box<SecurityContext>, HandshakeError>),
}

impl<'c, N, F> Handshake<'c, N, F>
where
    F: FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
{
    /// An initiator, with its first step.
    pub(super) fn initiator(
        config: &'c StreamConfig,
        first: Step<N, SecurityContext>,
        judge: F,
    ) -> Self {
        let over = State::Over(Err(HandshakeError::TooManyRounds));
        let mut handshake = Self::new(config, Role::Initiator, judge, over);
        if config.framing == Framing::Sample {
            handshake.to_send.extend_from_slice(&Framing::PROLOGUE);
        }
        handshake.step(first);
        handshake
    }

    /// An acceptor, which waits for the first token.
    pub(super) fn acceptor(config: &'c StreamConfig, acceptor: N, judge: F) -> Self {
        let state = State::Awaits(TokenReader::of_initiator(config), acceptor);
        Self::new(config, Role::Acceptor, judge, state)
    }

    fn new(config: &'c StreamConfig, role: Role, judge: F, state: State<'c, N>) -> Self {
        Self {
            config,
            role,
            judge,
            to_send: Vec::new(),
            received: 0,
            state,
        }
    }

    fn step(&mut self, step: Step<N, SecurityContext>) {
        match step {
            Step::Continue { token, next } => {
                self.send(&token);
                let reader = TokenReader::new(self.config, self.role == Role::Initiator);
                self.state = State::Awaits(reader, next);
            }
            Step::Established { token, context } => {
                if let Some(token) = token {
                    self.send(&token);
                }
                self.state = State::Over(Ok(Box::new(context)));
            }
        }
    }

    /// The peer's token is here.
    fn token(&mut self, token: &[u8]) {
        // It was the last, unless it leads to a step and another one may come.
        let over = State::Over(Err(HandshakeError::TooManyRounds));
        let State::Awaits(_, next) = mem::replace(&mut self.state, over) else {
            return;
        };
        self.received += 1;
        match (self.judge)(next, token) {
            Ok(Step::Continue { .. }) if self.received >= self.config.limits.rounds => {}
            Ok(step) => self.step(step),
            Err(refusal) => {
                // What the peer may know.
                if let Some(token) = &refusal.token {
                    self.send(token);
                }
                self.fail(refusal.into());
            }
        }
    }

    fn fail(&mut self, error: HandshakeError) {
        if self.to_send.is_empty() && self.role == Role::Acceptor && self.config.error_text {
            self.to_send = error_text("no GSSAPI context could be established");
        }
        self.state = State::Over(Err(error));
    }

    /// A context token in its frame.
    fn send(&mut self, token: &[u8]) {
        let (framing, start) = (self.config.framing, self.to_send.len());
        self.to_send.resize(start + framing.head_len(), 0);
        let head = self.to_send.get_mut(start..).unwrap_or_default();
        framing.put_head(CONTEXT, token.len(), head);
        self.to_send.extend_from_slice(token);
    }
}

impl<N, F> Conversation for Handshake<'_, N, F>
where
    F: FnMut(N, &[u8]) -> Result<Step<N, SecurityContext>, Refusal>,
{
    type Outcome = (Sealer, Opener);

    fn to_send(&mut self) -> Vec<u8> {
        mem::take(&mut self.to_send)
    }

    fn room(&mut self) -> Option<&mut [u8]> {
        match &mut self.state {
            State::Awaits(reader, _) => Some(reader.room()),
            State::Over(_) => None,
        }
    }

    fn filled(&mut self, octets: usize) {
        let State::Awaits(reader, _) = &mut self.state else {
            return;
        };
        match reader.filled(octets) {
            Ok(None) => {}
            Ok(Some(token)) => self.token(&token),
            Err(error) => self.fail(error),
        }
    }

    fn patience(&self) -> Duration {
        let limits = self.config.limits;
        match self.role {
            Role::Acceptor if self.received == 0 => limits.first_token.min(limits.handshake),
            _ => limits.handshake,
        }
    }

    fn outcome(self) -> Result<(Sealer, Opener), HandshakeError> {
        match self.state {
            State::Over(outcome) => halves(*outcome?, self.config),
            State::Awaits(..) => Err(HandshakeError::TimedOut),
        }
    }
}

/// Reads one frame with a context token, and not an octet more.
struct TokenReader<'c> {
    config: &'c StreamConfig,
    octets: Vec<u8>,
    filled: usize,
    /// How long the frame is, as far as that is known.
    whole: usize,
    /// A frame of gss-client comes first that has nothing in it.
    prologue: bool,
    text: Option<ErrorText>,
    text_allowed: bool,
}

/// How much of a token is given room before there is more of it.
const STEP: usize = 8 << 10;

impl<'c> TokenReader<'c> {
    /// Reads an initiator's first token.
    fn of_initiator(config: &'c StreamConfig) -> Self {
        Self {
            prologue: config.framing == Framing::Sample,
            ..Self::new(config, false)
        }
    }

    /// Reads a token. An acceptor may send a text instead, where the framing has that.
    fn new(config: &'c StreamConfig, of_acceptor: bool) -> Self {
        Self {
            config,
            octets: Vec::new(),
            filled: 0,
            whole: config.framing.head_len(),
            prologue: false,
            text: None,
            text_allowed: of_acceptor && config.error_text,
        }
    }

    /// Where the octets go that are missing. It grows with what is there, not with what is
    /// announced.
    fn room(&mut self) -> &mut [u8] {
        if let Some(text) = &mut self.text {
            return text.room();
        }
        if self.filled == self.octets.len() {
            let more = (self.whole - self.filled).min(STEP);
            self.octets.resize(self.filled + more, 0);
        }
        self.octets.get_mut(self.filled..).unwrap_or_default()
    }

    /// So many octets were put into [`room`](Self::room). Gives the token, if it is whole.
    fn filled(&mut self, octets: usize) -> Result<Option<Vec<u8>>, HandshakeError> {
        if let Some(text) = &mut self.text {
            return match text.filled(octets) {
                Some(text) => Err(HandshakeError::Peer(text)),
                None => Ok(None),
            };
        }
        if octets == 0 {
            return Err(FrameError::Truncated.into());
        }
        self.filled += octets;
        if self.filled < self.whole {
            return Ok(None);
        }
        let head = self.config.framing.head_len();
        if self.filled > head {
            self.octets.drain(..head);
            return Ok(Some(mem::take(&mut self.octets)));
        }
        if self.prologue {
            if self.octets != Framing::PROLOGUE {
                let flags = self.octets.first().copied().unwrap_or(0);
                return Err(FrameError::Flags(flags).into());
            }
            self.prologue = false;
            self.filled = 0;
            return Ok(None);
        }
        if self.text_allowed && self.octets.first() == Some(&b'E') {
            self.text = Some(ErrorText::begun(self.octets.get(1..).unwrap_or_default()));
            return Ok(None);
        }
        let max = self.config.limits.token;
        let len = self.config.framing.context(&self.octets, max)?;
        self.whole = head + len.unwrap_or(0);
        Ok(None)
    }
}

/// The two halves of an established context.
///
/// Without SEQUENCE a context does not notice that tokens are missing, repeated or exchanged, and
/// a stream made of it would be any sequence of true pieces.
pub(super) fn halves(
    context: SecurityContext,
    config: &StreamConfig,
) -> Result<(Sealer, Opener), HandshakeError> {
    let flags = context.flags();
    let (needed, name) = match config.protection {
        Protection::Confidentiality => (ContextFlags::CONF, "CONF"),
        Protection::Integrity => (ContextFlags::INTEG, "INTEG"),
    };
    if !flags.contains(needed) {
        return Err(HandshakeError::Context(name));
    }
    if !flags.contains(ContextFlags::SEQUENCE) {
        return Err(HandshakeError::Context("SEQUENCE"));
    }
    let (info, sender, receiver) = context.split();
    Ok((
        Sealer::new(sender, config)?,
        Opener::new(receiver, info.role, config),
    ))
}
