//! An established context.

use std::sync::Arc;
use std::time::Duration;

use super::bindings::BindingOutcome;
use super::checksum::ContextFlags;
use super::message::{MessageKeys, Protection, Receiver, Role, Sender, Unwrapped};
use super::prf::{self, PrfKey};
use super::window::{SequenceStatus, Window};
use crate::ap::{Peer, SessionKeys};
use crate::credentials::Credentials;
use crate::crypto::{Enctype, Key};
use crate::error::Error;
use crate::principal::Principal;
use crate::random::Random;
use crate::secret::Secret;
use crate::time::{KerberosTime, Timestamp};

/// An established context: who the parties are, and the protection of their messages.
///
/// It can be had only from a completed exchange, so that no per-message call meets half a context
/// (GSS-46, security cases 44 and 45).
///
/// ```text
/// wrap, get_mic       one number for each token sent
/// unwrap, verify_mic  the number of each token received, judged as REPLAY and SEQUENCE say
/// ```
#[derive(Debug)]
pub struct SecurityContext {
    info: ContextInfo,
    sender: Sender,
    receiver: Receiver,
}

/// What is known of an established context.
#[derive(Debug)]
pub struct ContextInfo {
    /// Which end this is.
    pub role: Role,
    /// What is really active (GSS-13; security case 60): MUTUAL says that the acceptor has proven
    /// itself.
    pub flags: ContextFlags,
    /// The initiator's name.
    pub initiator: Principal,
    /// The acceptor's name.
    pub acceptor: Principal,
    /// When the ticket ends (GSS-14). The context's calls do not look at it.
    pub endtime: KerberosTime,
    /// The keys of the AP exchange.
    pub keys: SessionKeys,
    /// At the acceptor: the initiator, as its ticket proves it.
    pub peer: Option<Peer>,
    /// At the acceptor: what the initiator delegated; not empty exactly with DELEG (GSS-35).
    pub delegated: Vec<Credentials>,
    /// At the acceptor: how its channel bindings and the initiator's compare.
    pub bindings: BindingOutcome,
}

impl SecurityContext {
    /// A context of which the AP exchange is complete.
    pub(super) fn new(info: ContextInfo, random: Arc<dyn Random>) -> Result<Self, Error> {
        let keys = message_keys(&info);
        let initiator = u64::from(info.keys.initiator_seq);
        let acceptor = u64::from(info.keys.acceptor_seq);
        let (ours, theirs) = match info.role {
            Role::Initiator => (initiator, acceptor),
            Role::Acceptor => (acceptor, initiator),
        };
        let window = Window::new(
            theirs,
            info.flags.contains(ContextFlags::REPLAY),
            info.flags.contains(ContextFlags::SEQUENCE),
        );
        let sender = Sender::new(&keys, info.role, ours, random)?;
        let receiver = Receiver::new(&keys, info.role, window)?;
        let (sender, receiver) = match info.flags.contains(ContextFlags::DCE_STYLE) {
            true => (sender.dce_style(), receiver.dce_style()),
            false => (sender, receiver),
        };
        Ok(Self {
            info,
            sender,
            receiver,
        })
    }

    /// What is known of it.
    pub fn info(&self) -> &ContextInfo {
        &self.info
    }

    /// What is really active.
    pub fn flags(&self) -> ContextFlags {
        self.info.flags
    }

    /// At the acceptor: the initiator, as its ticket proves it.
    pub fn peer(&self) -> Option<&Peer> {
        self.info.peer.as_ref()
    }

    /// How long the ticket is still valid; zero when it has ended.
    pub fn lifetime(&self, now: Timestamp) -> Duration {
        let micros = Timestamp::from(self.info.endtime).micros_since(now);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// The Wrap token of a message.
    pub fn wrap(&mut self, protection: Protection, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.sender.wrap(protection, message)
    }

    /// The message of a Wrap token.
    pub fn unwrap(&mut self, token: &[u8]) -> Result<Unwrapped<Vec<u8>>, Error> {
        self.receiver.unwrap(token)
    }

    /// The message of a Wrap token, where it lies.
    pub fn unwrap_in_place<'t>(
        &mut self,
        token: &'t mut [u8],
    ) -> Result<Unwrapped<&'t mut [u8]>, Error> {
        self.receiver.unwrap_in_place(token)
    }

    /// The MIC token of a message.
    pub fn get_mic(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.sender.get_mic(message)
    }

    /// Verifies the MIC token of a message.
    pub fn verify_mic(&mut self, message: &[u8], token: &[u8]) -> Result<SequenceStatus, Error> {
        self.receiver.verify_mic(message, token)
    }

    /// Takes a context deletion token of RFC 1964 (GSS-47; security case 46). If it is genuine, the
    /// peer has deleted its context, and this one is gone, too: nothing can be sent or received any
    /// more. If not, the context is given back as it was.
    #[cfg(feature = "legacy")]
    pub fn process_context_token(mut self, token: &[u8]) -> Result<(), Box<(Self, Error)>> {
        match self.receiver.verify_delete(token) {
            Ok(_) => Ok(()),
            Err(error) => Err(Box::new((self, error))),
        }
    }

    /// The longest message whose Wrap token has at most `token` octets (GSS-44).
    pub fn wrap_size_limit(&self, protection: Protection, token: usize) -> usize {
        self.sender.wrap_size_limit(protection, token)
    }

    /// The sending half.
    pub fn sender(&mut self) -> &mut Sender {
        &mut self.sender
    }

    /// The receiving half.
    pub fn receiver(&mut self) -> &mut Receiver {
        &mut self.receiver
    }

    /// Takes the context apart, so that one thread may send while another receives: each half has
    /// its own keys and its own sequence numbers.
    pub fn split(self) -> (ContextInfo, Sender, Receiver) {
        (self.info, self.sender, self.receiver)
    }

    /// Puts together again what [`split`](Self::split) took apart. Halves of different contexts
    /// must not be mixed: each would go on by itself.
    pub fn rejoin(info: ContextInfo, sender: Sender, receiver: Receiver) -> Self {
        Self {
            info,
            sender,
            receiver,
        }
    }

    /// The session key: what applications call the key of the context, in the order of GSS-25.
    pub fn session_key(&self) -> &Key {
        let keys = &self.info.keys;
        acceptor_subkey(&self.info)
            .or(keys.initiator_subkey.as_ref())
            .unwrap_or(&keys.session)
    }

    /// An enctype that is broken, under which a key of this context was made or sent (security
    /// case 53): what a message says is then no better protected than that. None but where both
    /// ends were told to permit it.
    pub fn weak_enctype(&self) -> Option<Enctype> {
        self.info.weak_enctype()
    }

    /// GSS_Pseudo_random: `len` octets that both ends can make, and nobody else (GSS-62).
    ///
    /// `Full` is for a context that is complete on both sides; `Partial` does without the
    /// acceptor's subkey.
    pub fn pseudo_random(&self, which: PrfKey, input: &[u8], len: usize) -> Result<Secret, Error> {
        let keys = &self.info.keys;
        match which {
            PrfKey::Full => prf::pseudo_random(self.session_key(), input, len),
            PrfKey::Partial => {
                let key = keys.initiator_subkey.as_ref().unwrap_or(&keys.session);
                prf::pseudo_random(key, input, len)
            }
        }
    }
}

impl ContextInfo {
    /// As [`SecurityContext::weak_enctype`].
    pub fn weak_enctype(&self) -> Option<Enctype> {
        let keys = &self.keys;
        let ticket = self.peer.as_ref().map(|peer| peer.ticket().enctype);
        [&keys.initiator_subkey, &keys.acceptor_subkey]
            .into_iter()
            .flatten()
            .chain([&keys.session])
            .map(Key::enctype)
            .chain(ticket)
            .find(|enctype| enctype.is_weak())
    }
}

/// The keys of per-message tokens (GSS-25). An acceptor subkey that only echoes the initiator's is
/// none (GSS-28).
fn message_keys(info: &ContextInfo) -> MessageKeys {
    let keys = &info.keys;
    let echo = keys.acceptor_subkey == keys.initiator_subkey;
    MessageKeys {
        base: keys
            .initiator_subkey
            .as_ref()
            .unwrap_or(&keys.session)
            .clone(),
        acceptor_subkey: match echo {
            true => None,
            false => acceptor_subkey(info).cloned(),
        },
    }
}

/// The acceptor's subkey, if it is to be used. One of an old enctype is not, but in DCE style or
/// where it is of another enctype than the key before it (GSS-28): some acceptors echo the
/// initiator's subkey, some send a new one, and neither they nor any initiator use it.
fn acceptor_subkey(info: &ContextInfo) -> Option<&Key> {
    let keys = &info.keys;
    let base = keys.initiator_subkey.as_ref().unwrap_or(&keys.session);
    keys.acceptor_subkey.as_ref().filter(|subkey| {
        subkey.enctype().is_newer()
            || subkey.enctype() != base.enctype()
            || info.flags.contains(ContextFlags::DCE_STYLE)
    })
}
