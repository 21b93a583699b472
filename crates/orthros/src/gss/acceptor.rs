//! The acceptor of a context (RFC 4121 §4.1.1, RFC 2743 §2.2.2).

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use super::bindings::{AcceptorBindings, BindingOutcome};
use super::checksum::{ContextFlags, GssChecksum};
use super::context::{ContextInfo, SecurityContext};
use super::dce::AwaitThirdLeg;
use super::delegation::credentials;
use super::message::Role;
use super::token::{KRB5_OID, MICROSOFT_OID, TokenId, USER_TO_USER_OID, frame_as, unframe_of};
use super::user_to_user;
use crate::ap::{self, AppData, Binding, BindingKeys, HostAddr, Known, ReplayEntry, ReplayVerdict};
use crate::cause::recognised;
use crate::credentials::Credentials;
use crate::crypto::{ChecksumType, Enctype};
use crate::error::{Error, Rejection};
use crate::random::Random;
use crate::step::{Judged, Refusal, Step};
use crate::time::Timestamp;
use crate::wire::{ApOptions, ApReq, Checksum, Message, TicketFlags};

/// The acceptor of one context.
///
/// ```text
/// Acceptor ─accept(token)─▶ Established { token with AP-REP, context }   MUTUAL
///                         ▶ Established { context }
///                         ▶ Continue { token with AP-REP, AwaitToken }   DCE style, a leg to come
///                         ▶ Continue { token with KRB-ERROR, AwaitToken } no AP-REQ (GSS-03)
/// ```
///
/// Make one for each connection; what costs is in the [`ap::Acceptor`], which is shared.
#[derive(Clone)]
pub struct Acceptor {
    ap: ap::Acceptor,
    bindings: AcceptorBindings,
    peer: Option<HostAddr>,
    checksum_required: bool,
    in_spnego: bool,
    user_to_user: UserToUser,
}

/// Whether the mechanism Kerberos user-to-user is spoken.
#[derive(Clone)]
enum UserToUser {
    No,
    /// This TGT is given to whoever asks.
    Offers(Vec<u8>),
    /// It was given.
    Given,
}

impl Acceptor {
    /// Accepts whom `ap` accepts.
    pub fn new(ap: ap::Acceptor) -> Self {
        Self {
            ap,
            bindings: AcceptorBindings::None,
            peer: None,
            checksum_required: false,
            in_spnego: false,
            user_to_user: UserToUser::No,
        }
    }

    /// What ties the context to this connection's channel (GSS-21).
    #[must_use]
    pub fn bindings(mut self, bindings: AcceptorBindings) -> Self {
        self.bindings = bindings;
        self
    }

    /// How the AP-REQ is judged.
    pub fn config(&self) -> &ap::AcceptorConfig {
        self.ap.config()
    }

    /// Whether an initiator without bindings is refused.
    pub fn demands_bindings(&self) -> bool {
        matches!(self.bindings, AcceptorBindings::Require(_))
    }

    /// Where the initiator's tokens come from, for tickets with addresses.
    #[must_use]
    pub fn peer(mut self, peer: HostAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Refuses initiators whose authenticator has no checksum: some SMB clients (GSS-19).
    #[must_use]
    pub fn require_checksum(mut self) -> Self {
        self.checksum_required = true;
        self
    }

    /// The tokens travel inside SPNEGO, where the mechanism has two names (GSS-04).
    #[must_use]
    pub fn in_spnego(mut self) -> Self {
        self.in_spnego = true;
        self
    }

    /// Speaks the mechanism Kerberos user-to-user, too: `tgt` is the acceptor's own, DER, and is
    /// given to the initiator that asks for it, once. Its session key is what
    /// [`AcceptorConfig::user_to_user`](ap::AcceptorConfig::user_to_user) has.
    #[must_use]
    pub fn user_to_user_mechanism(mut self, tgt: Vec<u8>) -> Self {
        self.user_to_user = UserToUser::Offers(tgt);
        self
    }

    /// Takes the initiator's first token.
    ///
    /// A refusal has a KRB-ERROR token if the initiator waits for an answer (GSS-08).
    pub fn accept(
        self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Step<AwaitToken, SecurityContext>, Refusal> {
        AwaitToken::First(self).accept(token, now)
    }

    /// Judges the initiator's first token by everything but the replay cache, for one that is
    /// asked elsewhere. A token that is no AP-REQ is refused.
    pub fn verify(self, token: &[u8], now: Timestamp) -> Result<Verified, Refusal> {
        let (oid, id, message) = self.unframe(token)?;
        // A KRB-ERROR is not answered with another.
        if id != TokenId::AP_REQ && id != TokenId::KRB_ERROR {
            return Err(self.refuse_type(oid, id, now));
        }
        self.judge((oid, id, message), is_bare(token), now)
    }

    fn judge(
        &self,
        (oid, id, message): (Oid, TokenId, &[u8]),
        bare: bool,
        now: Timestamp,
    ) -> Result<Verified, Refusal> {
        let binding = self.binding(bare);
        let verified = self
            .ap_req(id, message)
            .and_then(|request| self.ap.verify(request, &binding, self.peer.as_ref(), now))
            .map_err(|refusal| answer(refusal, oid, message, &binding))?;
        Ok(Verified {
            oid,
            answered: binding.answered(message),
            ap: verified,
            random: Arc::clone(self.ap.config().rng()),
        })
    }

    /// GSS-05: only the AP-REQ of DCE style has no framing. Whether the flag says so, too, is
    /// seen when the authenticator is open.
    fn unframe<'t>(&self, token: &'t [u8]) -> Result<(Oid, TokenId, &'t [u8]), Error> {
        if is_bare(token) {
            return Ok((&KRB5_OID, TokenId::AP_REQ, token));
        }
        let user_to_user = !matches!(self.user_to_user, UserToUser::No);
        let mechanisms: &[Oid] = match (self.in_spnego, user_to_user) {
            (false, false) => &[&KRB5_OID],
            (false, true) => &[&KRB5_OID, &USER_TO_USER_OID],
            (true, false) => &[&KRB5_OID, &MICROSOFT_OID],
            (true, true) => &[&KRB5_OID, &MICROSOFT_OID, &USER_TO_USER_OID],
        };
        let unframed = unframe_of(token, mechanisms);
        let (oid, id, message) = unframed.map_err(|error| match error {
            Error::Malformed(malformed) => recognised(malformed, token).into(),
            other => other,
        })?;
        // The answer has Kerberos' own name.
        let oid: Oid = match oid == MICROSOFT_OID {
            true => &KRB5_OID,
            false => oid,
        };
        Ok((oid, id, message))
    }

    fn binding(&self, bare: bool) -> GssBinding<'_> {
        GssBinding {
            bare,
            bindings: &self.bindings,
            checksum_required: self.checksum_required,
            mutual: Cell::new(false),
        }
    }

    fn ap_req<'t>(&self, id: TokenId, message: &'t [u8]) -> Result<&'t [u8], Refusal> {
        match id {
            TokenId::AP_REQ => Ok(message),
            other => Err(wrong_type(other).into()),
        }
    }

    /// GSS-03.
    fn refuse_type(&self, oid: Oid, id: TokenId, now: Timestamp) -> Refusal {
        let config = self.ap.config();
        framed(oid, config.refusal(wrong_type(id), &Known::default(), now))
    }
}

/// What an acceptor waits for after its first answer.
#[derive(Debug)]
pub enum AwaitToken {
    /// Another first token: the one before was no AP-REQ (GSS-03).
    First(Acceptor),
    /// The third leg of DCE style (GSS-11).
    Third(Box<AwaitThirdLeg>),
}

impl AwaitToken {
    /// Takes the initiator's next token.
    pub fn accept(
        self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Step<AwaitToken, SecurityContext>, Refusal> {
        match self.verify(token, now)? {
            Judged::Verified(verified) => {
                let verdict = verified.own_verdict(now);
                verified.admit(verdict, now)
            }
            Judged::Step(step) => Ok(step),
        }
    }

    /// Judges the initiator's next token by everything but the replay cache, for one that is asked
    /// elsewhere.
    pub fn verify(
        self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Judged<Verified, AwaitToken, SecurityContext>, Refusal> {
        let mut acceptor = match self {
            Self::First(acceptor) => acceptor,
            Self::Third(third) => {
                return Ok(Judged::Step(Step::Established {
                    token: None,
                    context: third.accept(token)?,
                }));
            }
        };
        let (oid, id, message) = acceptor.unframe(token)?;
        if oid == USER_TO_USER_OID
            && id == TokenId::TGT_REQUEST
            && let UserToUser::Offers(tgt) = &acceptor.user_to_user
        {
            let token = user_to_user::answer(message, tgt)?;
            acceptor.user_to_user = UserToUser::Given;
            return Ok(Judged::Step(Step::Continue {
                token,
                next: Self::First(acceptor),
            }));
        }
        // A KRB-ERROR is not answered with another.
        if id == TokenId::AP_REQ || id == TokenId::KRB_ERROR {
            let verified = acceptor.judge((oid, id, message), is_bare(token), now)?;
            return Ok(Judged::Verified(verified));
        }
        let refusal = acceptor.refuse_type(oid, id, now);
        match refusal.token {
            Some(token) => Ok(Judged::Step(Step::Continue {
                token,
                next: Self::First(acceptor),
            })),
            None => Err(refusal),
        }
    }
}

impl From<Acceptor> for AwaitToken {
    /// The first token is due.
    fn from(acceptor: Acceptor) -> Self {
        Self::First(acceptor)
    }
}

/// A mechanism, as its tokens name it.
type Oid = &'static [u8];

/// Whether a token begins as an AP-REQ does, not as a frame.
fn is_bare(token: &[u8]) -> bool {
    token.first() == Some(&0x6E)
}

fn wrong_type(found: TokenId) -> Error {
    Rejection::MessageType {
        expected: "AP-REQ",
        found: found.to_string(),
    }
    .into()
}

fn framed(oid: Oid, refusal: Refusal) -> Refusal {
    let token = refusal.token.as_deref();
    Refusal {
        token: token.map(|token| frame_as(oid, TokenId::KRB_ERROR, token)),
        ..refusal
    }
}

/// Whether the initiator waits for an answer decides whether it gets one (GSS-08).
fn answer(refusal: Refusal, oid: Oid, ap_req: &[u8], binding: &GssBinding<'_>) -> Refusal {
    match binding.answered(ap_req) {
        true => framed(oid, refusal),
        false => silent(refusal),
    }
}

fn silent(refusal: Refusal) -> Refusal {
    Refusal {
        token: None,
        ..refusal
    }
}

/// A first token that passed every check but the last: whether it was seen before.
#[must_use = "a verified token is not admitted yet"]
pub struct Verified {
    ap: ap::Verified<Bound>,
    /// The mechanism of the answer.
    oid: Oid,
    answered: bool,
    random: Arc<dyn Random>,
}

impl Verified {
    /// What the replay cache has to remember.
    pub fn entry(&self) -> &ReplayEntry {
        self.ap.entry()
    }

    /// What the cache of the configuration says of it.
    pub(crate) fn own_verdict(&self, now: Timestamp) -> ReplayVerdict {
        self.ap.own_verdict(now)
    }

    /// Admits the initiator, if `verdict` says that its token was not seen before.
    pub fn admit(
        self,
        verdict: ReplayVerdict,
        now: Timestamp,
    ) -> Result<Step<AwaitToken, SecurityContext>, Refusal> {
        let (answered, oid) = (self.answered, self.oid);
        let accepted = self
            .ap
            .admit(verdict, now)
            .map_err(|refusal| match answered {
                true => framed(oid, refusal),
                false => silent(refusal),
            })?;
        Ok(established(accepted, oid, self.random)?)
    }
}

fn established(
    accepted: ap::Accepted<Bound>,
    oid: Oid,
    random: Arc<dyn Random>,
) -> Result<Step<AwaitToken, SecurityContext>, Error> {
    let Bound {
        flags,
        delegated,
        bindings,
        ..
    } = accepted.bound;
    let mut flags = flags.with(ContextFlags::PROT_READY);
    if accepted.reply.is_some() {
        flags = flags.with(ContextFlags::MUTUAL);
    }
    if accepted.peer.flags().contains(TicketFlags::ANONYMOUS) {
        flags = flags.with(ContextFlags::ANON);
    }
    let info = ContextInfo {
        role: Role::Acceptor,
        flags,
        initiator: accepted.peer.client().clone(),
        acceptor: accepted.peer.server().clone(),
        endtime: accepted.peer.endtime(),
        keys: accepted.keys,
        peer: Some(accepted.peer),
        delegated,
        bindings,
    };
    match accepted.reply {
        Some(token) if flags.contains(ContextFlags::DCE_STYLE) => Ok(Step::Continue {
            token,
            next: AwaitToken::Third(Box::new(AwaitThirdLeg::new(info, random))),
        }),
        reply => Ok(Step::Established {
            token: reply.map(|reply| frame_as(oid, TokenId::AP_REP, &reply)),
            context: SecurityContext::new(info, random)?,
        }),
    }
}

/// What the authenticator's checksum protects in GSS-API: flags, channel bindings, delegated
/// credentials.
struct GssBinding<'a> {
    /// The AP-REQ has no framing.
    bare: bool,
    bindings: &'a AcceptorBindings,
    checksum_required: bool,
    /// The checksum's MUTUAL, once it was seen.
    mutual: Cell<bool>,
}

/// What the checksum said.
#[derive(Debug)]
struct Bound {
    /// Whether there is a 0x8003 checksum: then its MUTUAL counts, else the AP-REQ's (GSS-12).
    has_flags: bool,
    flags: ContextFlags,
    delegated: Vec<Credentials>,
    bindings: BindingOutcome,
}

impl GssBinding<'_> {
    /// Whether the initiator waits for an answer: the checksum says it, or the AP-REQ's options,
    /// which can be read even if nothing else can.
    fn answered(&self, ap_req: &[u8]) -> bool {
        self.mutual.get()
            || ApReq::from_bytes(ap_req)
                .is_ok_and(|request| request.ap_options.contains(ApOptions::MUTUAL_REQUIRED))
    }

    /// GSS-15 to GSS-23.
    fn gss_checksum(&self, octets: &[u8], keys: &BindingKeys<'_>) -> Result<Bound, Rejection> {
        let checksum = GssChecksum::parse(octets)?;
        let damaged = |why| Rejection::GssChecksum {
            why,
            len: octets.len(),
        };
        let mut flags = checksum.flags.and(ContextFlags::ON_WIRE);
        self.mutual.set(flags.contains(ContextFlags::MUTUAL));
        // GSS-05: without framing exactly if DCE style.
        let dce = flags.contains(ContextFlags::DCE_STYLE);
        if dce != self.bare {
            return Err(wrong_framing(dce));
        }
        if dce {
            flags = flags.with(ContextFlags::MUTUAL);
            self.mutual.set(true);
        }
        let base = keys.subkey.unwrap_or(keys.session);
        let bindings = self
            .bindings
            .check(&checksum, base, keys.client_supplies_bindings)?;
        if bindings.agrees() {
            flags = flags.with(ContextFlags::CHANNEL_BOUND);
        }
        let delegated = match checksum.delegation {
            Some(cred) => {
                credentials(cred, keys).map_err(|_| damaged("the KRB-CRED in it is damaged"))?
            }
            None => Vec::new(),
        };
        if delegated.is_empty() {
            flags = flags.without(ContextFlags::DELEG);
        }
        Ok(Bound {
            has_flags: true,
            flags,
            delegated,
            bindings,
        })
    }
}

fn wrong_framing(dce: bool) -> Rejection {
    match dce {
        true => Rejection::MessageType {
            expected: "a bare AP-REQ, as its flag DCE_STYLE says",
            found: "a framed one".to_owned(),
        },
        false => Rejection::MessageType {
            expected: "a framed AP-REQ, as it has no flag DCE_STYLE",
            found: "a bare one".to_owned(),
        },
    }
}

impl Binding for GssBinding<'_> {
    type Bound = Bound;

    fn bind(
        &self,
        cksum: Option<&Checksum<'_>>,
        keys: &BindingKeys<'_>,
    ) -> Result<Bound, Rejection> {
        if let Some(cksum) = cksum
            && ChecksumType(cksum.cksumtype) == ChecksumType::GSS
        {
            return self.gss_checksum(cksum.checksum.as_bytes(), keys);
        }
        // GSS-05: there is no flag DCE_STYLE, so there has to be a frame.
        if self.bare {
            return Err(wrong_framing(false));
        }
        // GSS-19, AP-84: without a 0x8003 checksum there are no flags and no bindings, and AP-81
        // still holds.
        let none = GssChecksum::default();
        let base = keys.subkey.unwrap_or(keys.session);
        let bindings = self
            .bindings
            .check(&none, base, keys.client_supplies_bindings)?;
        let flags = match cksum {
            None if self.checksum_required => return Err(Rejection::ChecksumMissing),
            None => ContextFlags::NONE,
            Some(_) => {
                AppData(&[]).bind(cksum, keys)?;
                ContextFlags::REPLAY | ContextFlags::SEQUENCE
            }
        };
        Ok(Bound {
            has_flags: false,
            flags,
            delegated: Vec::new(),
            bindings,
        })
    }

    /// GSS-12.
    fn mutual(bound: &Bound, options: ApOptions) -> bool {
        match bound.has_flags {
            true => bound.flags.contains(ContextFlags::MUTUAL),
            false => options.contains(ApOptions::MUTUAL_REQUIRED),
        }
    }

    /// GSS-28: only one of a newer enctype would be used, but in DCE style.
    fn takes_subkey(bound: &Bound, enctype: Enctype) -> bool {
        enctype.is_newer() || bound.flags.contains(ContextFlags::DCE_STYLE)
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("ap", &self.ap)
            .field("bindings", &self.bindings)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verified").field(&self.ap).finish()
    }
}
