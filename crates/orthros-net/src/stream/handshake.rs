//! The exchange of context tokens, without a socket.

use orthros::gss::{ContextFlags, Protection, SecurityContext};

use super::error::{FrameError, HandshakeError};
use super::framing::{Framing, StreamConfig};
use super::opener::Opener;
use super::postgres::ErrorText;
use super::sealer::Sealer;

/// Reads one frame with a context token, and not an octet more.
pub(super) struct TokenReader<'c> {
    config: &'c StreamConfig,
    octets: Vec<u8>,
    filled: usize,
    /// A frame of gss-client comes first that has nothing in it.
    prologue: bool,
    text: Option<ErrorText>,
    text_allowed: bool,
}

impl<'c> TokenReader<'c> {
    /// Reads an initiator's first token.
    pub(super) fn of_initiator(config: &'c StreamConfig) -> Self {
        Self {
            prologue: config.framing == Framing::Sample,
            ..Self::new(config, false)
        }
    }

    /// Reads a token. An acceptor may send a text instead, where the framing has that.
    pub(super) fn new(config: &'c StreamConfig, of_acceptor: bool) -> Self {
        Self {
            config,
            octets: vec![0; config.framing.head_len()],
            filled: 0,
            prologue: false,
            text: None,
            text_allowed: of_acceptor && config.error_text,
        }
    }

    /// Where the octets go that are missing: empty if none are.
    pub(super) fn room(&mut self) -> &mut [u8] {
        match &mut self.text {
            Some(text) => text.room(),
            None => self.octets.get_mut(self.filled..).unwrap_or_default(),
        }
    }

    /// So many octets were put into [`room`](Self::room). Gives the token, if it is whole.
    pub(super) fn filled(&mut self, octets: usize) -> Result<Option<Vec<u8>>, HandshakeError> {
        if let Some(text) = &mut self.text {
            return match text.filled(octets) {
                Some(text) => Err(HandshakeError::Peer(text)),
                None => Ok(None),
            };
        }
        self.filled += octets;
        if self.filled < self.octets.len() {
            return Ok(None);
        }
        let head = self.config.framing.head_len();
        if self.filled > head {
            self.octets.drain(..head);
            return Ok(Some(std::mem::take(&mut self.octets)));
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
        let max = self.config.max_context_token;
        let len = self.config.framing.context(&self.octets, max)?;
        self.octets.resize(head + len.unwrap_or(0), 0);
        Ok(None)
    }

    /// The peer hung up.
    pub(super) fn end(self) -> HandshakeError {
        match self.text {
            Some(text) => HandshakeError::Peer(text.so_far()),
            None => FrameError::Truncated.into(),
        }
    }
}

/// A context token in its frame. An initiator's first one may need something before it.
pub(super) fn framed(config: &StreamConfig, token: &[u8], opens: bool) -> Vec<u8> {
    let mut frame = Vec::with_capacity(token.len() + 10);
    if opens && config.framing == Framing::Sample {
        frame.extend_from_slice(&Framing::PROLOGUE);
    }
    config
        .framing
        .put_head(super::framing::CONTEXT, token.len(), &mut frame);
    frame.extend_from_slice(token);
    frame
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
