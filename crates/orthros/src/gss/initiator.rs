//! The initiator of a context (RFC 4121 §4.1.1, RFC 2743 §2.2.1).

use std::fmt;
use std::sync::Arc;

use super::bindings::{BindingOutcome, ChannelBindings};
use super::checksum::{ContextFlags, Extension, GssChecksum};
use super::context::{ContextInfo, SecurityContext};
use super::dce;
use super::delegation::krb_cred;
use super::message::Role;
use super::token::{KRB5_OID, MICROSOFT_OID, TokenId, USER_TO_USER_OID, frame_as, unframe_of};
use crate::ap::{self, Cksum, SessionKeys};
use crate::credentials::Credentials;
use crate::crypto::{ChecksumType, DEFAULT_ENCTYPES, Enctype, Key};
use crate::error::{Error, Rejection};
use crate::random::{OsRandom, Random};
use crate::step::{Refusal, Step};
use crate::time::Timestamp;
use crate::wire::TicketFlags;

/// What an initiator can have (GSS-13).
const AVAILABLE: ContextFlags = ContextFlags(
    ContextFlags::MUTUAL.0
        | ContextFlags::REPLAY.0
        | ContextFlags::SEQUENCE.0
        | ContextFlags::CONF.0
        | ContextFlags::INTEG.0
        | ContextFlags::DCE_STYLE.0
        | ContextFlags::IDENTIFY.0
        | ContextFlags::EXTENDED_ERROR.0,
);

/// What asks for delegation.
const DELEGATION: ContextFlags = ContextFlags(ContextFlags::DELEG.0 | ContextFlags::DELEG_POLICY.0);

/// The initiator of a context, with a ticket for the acceptor.
///
/// ```text
/// Initiator ─request─▶ Continue { token, AwaitReply } ─reply(token)─▶ Established { context }
///                    ▶ Established { token, context }                 without MUTUAL
///                     (DCE style: Established holds the third leg)
/// ```
///
/// Unless told otherwise it asks for MUTUAL, REPLAY, SEQUENCE, CONF and INTEG, and delegates
/// nothing (security case 28).
pub struct Initiator {
    credentials: Arc<Credentials>,
    flags: ContextFlags,
    bindings: Option<ChannelBindings>,
    delegate: Option<Credentials>,
    enctypes: Vec<Enctype>,
    negotiate: bool,
    framing: Framing,
    retry: bool,
    random: Arc<dyn Random>,
}

impl Initiator {
    /// An initiator that uses `credentials`.
    pub fn new(credentials: impl Into<Arc<Credentials>>) -> Self {
        Self {
            credentials: credentials.into(),
            flags: ContextFlags::MUTUAL
                | ContextFlags::REPLAY
                | ContextFlags::SEQUENCE
                | ContextFlags::CONF
                | ContextFlags::INTEG,
            bindings: None,
            delegate: None,
            enctypes: DEFAULT_ENCTYPES.to_vec(),
            negotiate: false,
            framing: Framing::Kerberos,
            retry: false,
            random: Arc::new(OsRandom),
        }
    }

    /// Asks for these flags. Without MUTUAL the context is established at once, and nobody has
    /// proven to be the acceptor.
    ///
    /// DELEG and DELEG_POLICY ask for delegation, which needs a forwarded TGT: see
    /// [`wants_forwarded_tgt`](Self::wants_forwarded_tgt). Without one the context is established all
    /// the same, and has neither flag (GSS-33).
    #[must_use]
    pub fn flags(mut self, flags: ContextFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Asks for these flags, too: [`flags`](Self::flags), without forgetting the others.
    #[must_use]
    pub fn add_flags(mut self, flags: ContextFlags) -> Self {
        self.flags = self.flags.with(flags);
        self
    }

    /// Ties the context to a channel (GSS-20, GSS-22).
    #[must_use]
    pub fn bindings(mut self, bindings: ChannelBindings) -> Self {
        self.bindings = Some(bindings);
        self
    }

    /// The ticket, and whose and for whom it is.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Whether a forwarded TGT is to be got and given to [`delegate`](Self::delegate): the flags ask
    /// for one, and with DELEG_POLICY alone the KDCs recommend the acceptor for it (GSS-34).
    ///
    /// [`TgsExchange::forward`](crate::client::TgsExchange::forward) gets one. If it fails, go on
    /// without (GSS-33).
    ///
    /// ```no_run
    /// # use orthros::{client::TgsExchange, credentials::Credentials, error::Error, time::Timestamp};
    /// # use orthros::step::{Ask, Awaiting};
    /// use orthros::gss::{ContextFlags, Initiator};
    ///
    /// fn delegating(
    ///     ticket: Credentials,
    ///     tgt: &Credentials,
    ///     now: Timestamp,
    ///     ask_kdc: impl Fn(&str, Vec<u8>) -> Result<Vec<u8>, Error>,
    /// ) -> Result<Initiator, Error> {
    ///     let initiator = Initiator::new(ticket).add_flags(ContextFlags::DELEG_POLICY);
    ///     if !initiator.wants_forwarded_tgt() {
    ///         return Ok(initiator);
    ///     }
    ///     let mut ask = TgsExchange::forward(tgt, Vec::new()).start(now)?;
    ///     loop {
    ///         ask = match ask {
    ///             Ask::Done(got) => return Ok(initiator.delegate(got.credentials)),
    ///             Ask::Send {
    ///                 realm,
    ///                 request,
    ///                 next,
    ///             } => next.reply(&ask_kdc(&realm, request)?, now)?,
    ///         };
    ///     }
    /// }
    /// ```
    pub fn wants_forwarded_tgt(&self) -> bool {
        let asked = self.flags.and(DELEGATION) != ContextFlags::NONE;
        self.delegate.is_none() && asked && self.may_delegate()
    }

    /// With DELEG it is the caller who decides; with DELEG_POLICY alone the KDCs do, by
    /// OK-AS-DELEGATE in the ticket and in the TGTs that led to it (RFC 5896 §3).
    fn may_delegate(&self) -> bool {
        let by_policy = self.flags.and(DELEGATION) == ContextFlags::DELEG_POLICY;
        !by_policy || self.recommended()
    }

    fn recommended(&self) -> bool {
        self.credentials.flags.contains(TicketFlags::OK_AS_DELEGATE)
    }

    /// Gives the acceptor a forwarded TGT of the client: the acceptor can then do everything in
    /// the client's name (GSS-32). With the flag DELEG_POLICY and without DELEG it is given only to
    /// an acceptor that is recommended (GSS-34).
    ///
    /// A TGT with so much authorization data that the token cannot hold it is not sent, and the
    /// context has no DELEG (GSS-18).
    #[must_use]
    pub fn delegate(mut self, forwarded: Credentials) -> Self {
        self.delegate = Some(forwarded);
        self
    }

    /// The enctypes to use, most wanted first. Those that precede the ticket's session key are
    /// offered to the acceptor for a key of its own (RFC 4537).
    #[must_use]
    pub fn enctypes(mut self, enctypes: impl Into<Vec<Enctype>>) -> Self {
        self.enctypes = enctypes.into();
        self.negotiate = true;
        self
    }

    /// The tokens travel inside SPNEGO, where the mechanism has two names (GSS-04).
    #[must_use]
    pub fn in_spnego(mut self) -> Self {
        if self.framing == Framing::Kerberos {
            self.framing = Framing::InSpnego;
        }
        self
    }

    /// The tokens are those of the mechanism Kerberos user-to-user: the acceptor gave its TGT
    /// ([`AskTgt`](super::AskTgt)), and the ticket is sealed under it.
    #[must_use]
    pub fn user_to_user_mechanism(mut self) -> Self {
        self.framing = Framing::UserToUser;
        self
    }

    /// Tries once more by the acceptor's clock, if it answers that the clocks differ (AP-77). Nothing
    /// protects that answer: see
    /// [`ap::Initiator::request_or_retry`](crate::ap::Initiator::request_or_retry).
    #[must_use]
    pub fn retry_by_acceptors_clock(mut self) -> Self {
        self.retry = true;
        self
    }

    /// Where randomness comes from.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// The first token.
    ///
    /// Credentials that have ended, and an anonymous context with a name in it, are errors, not
    /// tokens (GSS-60).
    pub fn request(self, now: Timestamp) -> Result<Step<AwaitReply, SecurityContext>, Error> {
        let credentials = &*self.credentials;
        let (endtime, kdc_now) = (credentials.endtime, now.offset(credentials.clock_offset));
        if kdc_now > Timestamp::from(endtime) {
            return Err(Rejection::Expired { endtime, now }.into());
        }
        if self.framing == Framing::UserToUser && credentials.second_ticket.is_none() {
            return Err(Error::Misuse(
                "the user-to-user mechanism needs a user-to-user ticket",
            ));
        }
        let mut flags = self.flags.and(AVAILABLE);
        // GSS-53: DCE style has three legs.
        let dce = flags.contains(ContextFlags::DCE_STYLE);
        if dce {
            flags = flags.with(ContextFlags::MUTUAL);
        }
        if self.flags.contains(ContextFlags::ANON) {
            if !credentials.flags.contains(TicketFlags::ANONYMOUS) {
                return Err(Error::Misuse(
                    "an anonymous context needs an anonymous ticket",
                ));
            }
            flags = flags.with(ContextFlags::ANON);
        }
        let delegated = match &self.delegate {
            Some(forwarded) if self.may_delegate() => Some(krb_cred(
                forwarded,
                &credentials.session_key,
                &*self.random,
            )?),
            _ => None,
        };
        let delegation = delegated.filter(|cred| cred.len() <= GssChecksum::MAX_DELEGATION);
        if delegation.is_some() {
            flags = flags.with(ContextFlags::DELEG);
            if self.flags.contains(ContextFlags::DELEG_POLICY) && self.recommended() {
                flags = flags.with(ContextFlags::DELEG_POLICY);
            }
        }
        let vouching = Vouching {
            flags,
            bindings: self.bindings,
            delegation,
        };
        let cksum = |key: &Key| vouching.checksum(key);
        let config = ap::InitiatorConfig {
            mutual: flags.contains(ContextFlags::MUTUAL),
            subkey: true,
            sequence: true,
            enctypes: self.enctypes,
            negotiate: self.negotiate,
        };
        let established = Establishing {
            credentials: Arc::clone(&self.credentials),
            flags,
            random: Arc::clone(&self.random),
        };
        // GSS-06: the authenticator has a checksum, a subkey and a number.
        let initiator = ap::Initiator::new(self.credentials, config).random(self.random);
        let cksum = Cksum::MadeWith(ChecksumType::GSS.0, &cksum);
        let step = match self.retry {
            false => initiator.request(cksum, now)?.map_next(Awaited::Answer),
            true => initiator
                .request_or_retry(cksum, now)?
                .map_next(|next| Awaited::AnswerOrSkew(next, vouching)),
        };
        Ok(match step {
            Step::Continue { token, next } => Step::Continue {
                token: match dce {
                    true => token,
                    false => self.framing.frame(TokenId::AP_REQ, &token),
                },
                next: AwaitReply {
                    ap: next,
                    framing: self.framing,
                    establishing: established,
                },
            },
            Step::Established { token, context } => Step::Established {
                token: token.map(|token| self.framing.frame(TokenId::AP_REQ, &token)),
                context: established.context(context)?,
            },
        })
    }
}

/// Which mechanism the tokens say they are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Kerberos,
    /// Where Kerberos has two names (GSS-04).
    InSpnego,
    UserToUser,
}

impl Framing {
    fn frame(self, id: TokenId, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Kerberos | Self::InSpnego => frame_as(&KRB5_OID, id, message),
            Self::UserToUser => frame_as(&USER_TO_USER_OID, id, message),
        }
    }

    /// Those of the acceptor's tokens.
    fn mechanisms(self) -> &'static [&'static [u8]] {
        match self {
            Self::Kerberos => &[&KRB5_OID],
            Self::InSpnego => &[&KRB5_OID, &MICROSOFT_OID],
            Self::UserToUser => &[&USER_TO_USER_OID],
        }
    }
}

/// What the 0x8003 checksum vouches for.
struct Vouching {
    flags: ContextFlags,
    bindings: Option<ChannelBindings>,
    delegation: Option<Vec<u8>>,
}

impl Vouching {
    /// The checksum; `key` is the initiator's subkey.
    fn checksum(&self, key: &Key) -> Result<Vec<u8>, Error> {
        let (bindings, delegation) = (self.bindings.as_ref(), self.delegation.as_deref());
        checksum(self.flags, bindings, delegation, key)
    }
}

/// The 0x8003 checksum; `key` is the initiator's subkey.
fn checksum(
    flags: ContextFlags,
    bindings: Option<&ChannelBindings>,
    delegation: Option<&[u8]>,
    key: &Key,
) -> Result<Vec<u8>, Error> {
    let mic = match bindings {
        Some(bindings) => Some(bindings.mic(key)?),
        None => None,
    };
    let checksum = GssChecksum {
        bindings: bindings.map_or([0; 16], ChannelBindings::digest),
        flags,
        delegation,
        extensions: mic
            .iter()
            .map(|mic| Extension {
                ext_type: Extension::CHANNEL_BINDING,
                data: mic,
            })
            .collect(),
    };
    Ok(checksum.to_bytes())
}

/// What becomes a context when the keys are there.
struct Establishing {
    credentials: Arc<Credentials>,
    flags: ContextFlags,
    random: Arc<dyn Random>,
}

impl Establishing {
    fn context(self, keys: SessionKeys) -> Result<SecurityContext, Error> {
        let info = ContextInfo {
            role: Role::Initiator,
            flags: self.flags.with(ContextFlags::PROT_READY),
            initiator: self.credentials.client.clone(),
            acceptor: self.credentials.server.clone(),
            endtime: self.credentials.endtime,
            keys,
            peer: None,
            delegated: Vec::new(),
            bindings: BindingOutcome::NotCompared,
        };
        SecurityContext::new(info, self.random)
    }
}

/// What the acceptor's token is given to.
enum Awaited {
    Answer(ap::AwaitReply),
    AnswerOrSkew(ap::AwaitReplyOrSkew, Vouching),
}

impl Awaited {
    fn reply(
        self,
        message: &[u8],
        now: Timestamp,
    ) -> Result<Step<ap::AwaitReply, SessionKeys>, Refusal> {
        match self {
            Self::Answer(next) => next.reply(message, now),
            Self::AnswerOrSkew(next, vouching) => {
                let cksum = |key: &Key| vouching.checksum(key);
                let cksum = Cksum::MadeWith(ChecksumType::GSS.0, &cksum);
                next.reply(message, cksum, now)
            }
        }
    }
}

/// Waits for the acceptor's token (GSS-11).
pub struct AwaitReply {
    ap: Awaited,
    framing: Framing,
    establishing: Establishing,
}

impl AwaitReply {
    /// Takes the acceptor's token: an AP-REP that proves it, or a KRB-ERROR, which is
    /// [`Error::Peer`] (GSS-09).
    pub fn reply(
        self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Step<AwaitReply, SecurityContext>, Refusal> {
        let dce = self.establishing.flags.contains(ContextFlags::DCE_STYLE);
        let message = self.message(token, dce)?;
        let keys = match self.ap.reply(message, now)? {
            // The second try (AP-77).
            Step::Continue { token, next } => {
                return Ok(Step::Continue {
                    token: match dce {
                        true => token,
                        false => self.framing.frame(TokenId::AP_REQ, &token),
                    },
                    next: Self {
                        ap: Awaited::Answer(next),
                        ..self
                    },
                });
            }
            Step::Established { context, .. } => context,
        };
        let token = match dce {
            true => {
                let offset = self.establishing.credentials.clock_offset;
                let random = &*self.establishing.random;
                Some(dce::third_leg(&keys, now.offset(offset), random)?)
            }
            false => None,
        };
        Ok(Step::Established {
            token,
            context: self.establishing.context(keys)?,
        })
    }

    /// The Kerberos message in a token. In DCE style an AP-REP has no framing, and a KRB-ERROR may
    /// have none.
    fn message<'t>(&self, token: &'t [u8], dce: bool) -> Result<&'t [u8], Error> {
        if dce {
            match token.first() {
                Some(0x6F | 0x7E) => return Ok(token),
                Some(0x60) => {}
                _ => return Err(wrong_token("another message".to_owned())),
            }
        }
        let (_, id, message) = unframe_of(token, self.framing.mechanisms())?;
        let expected = match id {
            TokenId::AP_REP if dce => return Err(wrong_token("a framed AP-REP".to_owned())),
            TokenId::AP_REP => 0x6F,
            TokenId::KRB_ERROR => 0x7E,
            other => return Err(wrong_token(other.to_string())),
        };
        // TOK_ID and message say the same.
        if message.first() != Some(&expected) {
            return Err(wrong_token(format!("{id} with another message in it")));
        }
        Ok(message)
    }
}

fn wrong_token(found: String) -> Error {
    Rejection::MessageType {
        expected: "AP-REP",
        found,
    }
    .into()
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator")
            .field("client", &self.credentials.client)
            .field("server", &self.credentials.server)
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AwaitReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitReply")
            .field("server", &self.establishing.credentials.server)
            .field("flags", &self.establishing.flags)
            .finish_non_exhaustive()
    }
}
