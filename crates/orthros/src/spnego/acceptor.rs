//! The acceptor of a negotiation.

use std::fmt;

use super::mechanism::{MechType, MechTypeList};
use super::message::{NegState, NegTokenInit, NegTokenResp, SPNEGO_OID, list};
use super::{broken, verify_mic};
use crate::ap::{ReplayEntry, ReplayVerdict};
use crate::cause::recognised;
use crate::error::{Error, Rejection};
use crate::gss::{self, SecurityContext};
use crate::step::{Judged, Refusal, Step};
use crate::time::Timestamp;
use crate::wire::Malformed;

/// The acceptor of one negotiation.
///
/// ```text
/// Acceptor ─accept(NegTokenInit)─▶ Established { accept-completed, context }
///                                ▶ Continue { request-mic, Acceptor }          NEG-10
///          ─accept(Kerberos)─────▶ as gss::Acceptor                            NEG-22
///          ─accept(nothing)──────▶ Continue { NegTokenInit2, Acceptor }        NEG-21
///          ─verify(...)──────────▶ Verified ─admit─▶ as above     with a replay cache elsewhere
/// ```
///
/// Make one for each connection; what costs is in the `ap::Acceptor`, which is shared.
#[derive(Clone)]
pub struct Acceptor {
    gss: gss::Acceptor,
    protect_list: bool,
}

impl Acceptor {
    /// Accepts whom `acceptor` accepts, by SPNEGO or by Kerberos itself.
    pub fn new(acceptor: gss::Acceptor) -> Self {
        Self {
            gss: acceptor,
            protect_list: false,
        }
    }

    /// The list of mechanisms must be protected whatever the initiator prefers. RFC 4178 lets an
    /// acceptor ask for it only if it would have liked another mechanism, or attributes of it,
    /// better.
    #[must_use]
    pub fn protect_list(mut self) -> Self {
        self.protect_list = true;
        self
    }

    /// Takes the initiator's first token; an empty one asks the acceptor to speak first.
    pub fn accept(
        self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Step<AwaitToken, SecurityContext>, Refusal> {
        by_own_cache(self.verify(token, now)?, now)
    }

    /// As [`accept`](Self::accept), but for the replay cache, which is asked elsewhere.
    ///
    /// ```
    /// # use orthros::ap::{ReplayEntry, ReplayVerdict};
    /// # use orthros::gss::SecurityContext;
    /// # use orthros::spnego::{Acceptor, AwaitToken};
    /// # use orthros::step::{Judged, Refusal, Step};
    /// # use orthros::time::Timestamp;
    /// # struct Fleet;
    /// # impl Fleet { async fn ask(&self, _: &ReplayEntry) -> ReplayVerdict { ReplayVerdict::Seen } }
    /// # async fn example(acceptor: Acceptor, token: &[u8], fleet: Fleet, now: Timestamp) -> Result<(), Refusal> {
    /// let step = match acceptor.verify(token, now)? {
    ///     Judged::Verified(verified) => {
    ///         let verdict = fleet.ask(verified.entry()).await;
    ///         verified.admit(verdict, now)?
    ///     }
    ///     Judged::Step(step) => step,
    /// };
    /// # let _: Step<AwaitToken, SecurityContext> = step;
    /// # Ok(())
    /// # }
    /// ```
    pub fn verify(
        self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Judged<Verified, AwaitToken, SecurityContext>, Refusal> {
        if token.is_empty() {
            return Ok(Judged::Step(Step::Continue {
                token: hint()?,
                next: AwaitToken(State::Hinted(self)),
            }));
        }
        self.first(token, now)
    }

    /// NEG-22.
    fn first(
        self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Judged<Verified, AwaitToken, SecurityContext>, Refusal> {
        if is_spnego(token) {
            return self.init(token, now);
        }
        if token.first() != Some(&0x60) {
            let malformed = Malformed::new("SPNEGO token", 0, "another first octet");
            return Err(Error::from(recognised(malformed, token)).into());
        }
        // Kerberos itself, or a mechanism that is named in the refusal.
        kerberos(gss::AwaitToken::First(self.gss), token, now)
    }

    fn init(
        self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Judged<Verified, AwaitToken, SecurityContext>, Refusal> {
        let init = NegTokenInit::from_token(token).map_err(Error::from)?;
        let Some(offer) = init.mech_types else {
            return Err(Error::from(Malformed::new("NegTokenInit", 0, "it offers nothing")).into());
        };
        let mechanisms = offer.mechanisms();
        // NEG-07, NEG-19.
        let Some(at) = mechanisms.iter().position(MechType::is_kerberos) else {
            return Err(no_common(&mechanisms));
        };
        let chosen = match mechanisms.get(at) {
            Some(chosen) if *chosen == MechType::MICROSOFT => MechType::MICROSOFT,
            _ => MechType::KRB5,
        };
        // NEG-10.
        let mics = match at > 0 || self.protect_list {
            true => Mics::Needed,
            false => Mics::NotNeeded,
        };
        let negotiation = Negotiation {
            list: offer.as_bytes().to_vec(),
            mics,
            first_reply: Some(chosen),
        };
        let gss = self.gss.in_spnego();
        // NEG-08: the optimistic token is of the first mechanism.
        let waiting = gss::AwaitToken::First(gss);
        match init.mech_token.filter(|_| at == 0) {
            Some(mech_token) => negotiation.token(waiting, mech_token, init.mech_list_mic, now),
            None if init.mech_list_mic.is_some() => {
                Err(broken("a MIC came before the mechanism was complete").into())
            }
            None => Ok(Judged::Step(negotiation.go_on(waiting, None)?)),
        }
    }
}

/// An initiator's token that passed every check but the last: whether it was seen before.
#[must_use = "a verified token is not admitted yet"]
pub struct Verified {
    gss: gss::Verified,
    carried: Carried,
}

/// How the token of Kerberos came.
enum Carried {
    /// Without SPNEGO.
    Raw,
    /// In a negotiation, perhaps with the MIC over its list.
    Negotiated(Negotiation, Option<Vec<u8>>),
}

impl Verified {
    /// What the replay cache has to remember.
    pub fn entry(&self) -> &ReplayEntry {
        self.gss.entry()
    }

    /// What the cache of the configuration says of it.
    pub(crate) fn own_verdict(&self, now: Timestamp) -> ReplayVerdict {
        self.gss.own_verdict(now)
    }

    /// Admits the initiator, if `verdict` says that its token was not seen before.
    pub fn admit(
        self,
        verdict: ReplayVerdict,
        now: Timestamp,
    ) -> Result<Step<AwaitToken, SecurityContext>, Refusal> {
        let admitted = self.gss.admit(verdict, now);
        match (self.carried, admitted) {
            (Carried::Raw, step) => Ok(raw(step?)),
            (Carried::Negotiated(negotiation, mic), Ok(step)) => {
                negotiation.go_with(step, mic.as_deref())
            }
            (Carried::Negotiated(negotiation, _), Err(refusal)) => Err(negotiation.refuse(refusal)),
        }
    }
}

/// The cache of the configuration is asked, if there is something to ask.
fn by_own_cache(
    judged: Judged<Verified, AwaitToken, SecurityContext>,
    now: Timestamp,
) -> Result<Step<AwaitToken, SecurityContext>, Refusal> {
    match judged {
        Judged::Verified(verified) => {
            let verdict = verified.own_verdict(now);
            verified.admit(verdict, now)
        }
        Judged::Step(step) => Ok(step),
    }
}

/// Waits for another token of the initiator.
pub struct AwaitToken(State);

enum State {
    /// The acceptor spoke first.
    Hinted(Acceptor),
    /// Kerberos without SPNEGO.
    Raw(gss::AwaitToken),
    /// A token of the mechanism is due.
    Mechanism(Negotiation, gss::AwaitToken),
    /// The initiator's MIC is due.
    Mic(Negotiation, Box<SecurityContext>),
}

impl AwaitToken {
    /// Takes the initiator's token.
    pub fn accept(
        self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Step<AwaitToken, SecurityContext>, Refusal> {
        by_own_cache(self.verify(token, now)?, now)
    }

    /// As [`accept`](Self::accept), but for the replay cache, which is asked elsewhere.
    pub fn verify(
        self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Judged<Verified, AwaitToken, SecurityContext>, Refusal> {
        match self.0 {
            State::Hinted(acceptor) => acceptor.first(token, now),
            State::Raw(gss) => kerberos(gss, token, now),
            State::Mechanism(negotiation, gss) => {
                let response = later(token)?;
                match response.response_token {
                    Some(token) => negotiation.token(gss, token, response.mech_list_mic, now),
                    None => Err(broken("the initiator's token of the mechanism is missing").into()),
                }
            }
            State::Mic(negotiation, mut context) => {
                let response = later(token)?;
                if response.response_token.is_some() {
                    return Err(broken("a token came for a mechanism that is complete").into());
                }
                let mic = response.mech_list_mic.ok_or_else(|| {
                    broken("the initiator's MIC over the list of mechanisms is missing")
                })?;
                verify_mic(&mut context, &negotiation.list, mic)?;
                Ok(Judged::Step(Step::Established {
                    token: None,
                    context: *context,
                }))
            }
        }
    }
}

/// The rules for the initiator's later tokens (NEG-01, NEG-03, NEG-09, NEG-23).
fn later(token: &[u8]) -> Result<NegTokenResp<'_>, Error> {
    let response = NegTokenResp::from_token(token)?;
    if response.neg_state == Some(NegState::Reject) {
        return Err(Rejection::NegotiationRefused.into());
    }
    if response.neg_state == Some(NegState::RequestMic) || response.supported_mech.is_some() {
        return Err(broken("the initiator speaks as an acceptor"));
    }
    Ok(response)
}

/// What is known once the initiator's offer was seen.
struct Negotiation {
    /// The list of mechanisms as it came (NEG-11).
    list: Vec<u8>,
    mics: Mics,
    /// What was chosen, as long as the initiator was not told (NEG-09).
    first_reply: Option<MechType<'static>>,
}

/// Whether the list has to be protected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mics {
    NotNeeded,
    Needed,
}

impl Negotiation {
    /// Gives a token to Kerberos.
    fn token(
        self,
        gss: gss::AwaitToken,
        token: &[u8],
        mic: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Judged<Verified, AwaitToken, SecurityContext>, Refusal> {
        match gss.verify(token, now) {
            Err(refusal) => Err(self.refuse(refusal)),
            Ok(Judged::Verified(gss)) => Ok(Judged::Verified(Verified {
                gss,
                carried: Carried::Negotiated(self, mic.map(<[u8]>::to_vec)),
            })),
            Ok(Judged::Step(step)) => Ok(Judged::Step(self.go_with(step, mic)?)),
        }
    }

    /// Kerberos has taken a token; the MIC that came with it, if Kerberos is complete now.
    fn go_with(
        self,
        step: Step<gss::AwaitToken, SecurityContext>,
        mic: Option<&[u8]>,
    ) -> Result<Step<AwaitToken, SecurityContext>, Refusal> {
        let (token, mut context) = match step {
            Step::Continue { .. } if mic.is_some() => {
                return Err(broken("a MIC came before the mechanism was complete").into());
            }
            Step::Continue { token, next } => return Ok(self.go_on(next, Some(&token))?),
            Step::Established { token, context } => (token, context),
        };
        let token = token.as_deref();
        if let Some(mic) = mic {
            // NEG-14: theirs is here, so ours ends it.
            verify_mic(&mut context, &self.list, mic)?;
            let ours = context.get_mic(&self.list)?;
            let token = self.response(NegState::AcceptCompleted, token, Some(&ours))?;
            return Ok(Step::Established {
                token: Some(token),
                context,
            });
        }
        match self.mics {
            Mics::NotNeeded => Ok(Step::Established {
                token: Some(self.response(NegState::AcceptCompleted, token, None)?),
                context,
            }),
            // NEG-13; NEG-15 in the first reply.
            Mics::Needed => {
                let ours = context.get_mic(&self.list)?;
                let state = match self.first_reply {
                    Some(_) => NegState::RequestMic,
                    None => NegState::AcceptIncomplete,
                };
                Ok(Step::Continue {
                    token: self.response(state, token, Some(&ours))?,
                    next: AwaitToken(State::Mic(self.told(), Box::new(context))),
                })
            }
        }
    }

    /// The mechanism needs another token.
    fn go_on(
        self,
        gss: gss::AwaitToken,
        token: Option<&[u8]>,
    ) -> Result<Step<AwaitToken, SecurityContext>, Error> {
        let state = match (self.mics, self.first_reply) {
            (Mics::Needed, Some(_)) => NegState::RequestMic,
            _ => NegState::AcceptIncomplete,
        };
        Ok(Step::Continue {
            token: self.response(state, token, None)?,
            next: AwaitToken(State::Mechanism(self.told(), gss)),
        })
    }

    fn told(self) -> Self {
        Self {
            first_reply: None,
            ..self
        }
    }

    fn response(
        &self,
        state: NegState,
        response_token: Option<&[u8]>,
        mech_list_mic: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let response = NegTokenResp {
            neg_state: Some(state),
            supported_mech: self.first_reply,
            response_token,
            mech_list_mic,
        };
        Ok(response.to_token()?)
    }

    /// Says reject, and what Kerberos has to say (NEG-23).
    fn refuse(&self, refusal: Refusal) -> Refusal {
        let token = self.response(NegState::Reject, refusal.token.as_deref(), None);
        Refusal {
            token: token.ok(),
            ..refusal
        }
    }
}

/// Kerberos without SPNEGO.
fn kerberos(
    gss: gss::AwaitToken,
    token: &[u8],
    now: Timestamp,
) -> Result<Judged<Verified, AwaitToken, SecurityContext>, Refusal> {
    Ok(match gss.verify(token, now)? {
        Judged::Verified(gss) => Judged::Verified(Verified {
            gss,
            carried: Carried::Raw,
        }),
        Judged::Step(step) => Judged::Step(raw(step)),
    })
}

fn raw(step: Step<gss::AwaitToken, SecurityContext>) -> Step<AwaitToken, SecurityContext> {
    step.map_next(|next| AwaitToken(State::Raw(next)))
}

/// Whether a token begins as a NegTokenInit: its framing, whatever its length says, and the OID.
fn is_spnego(token: &[u8]) -> bool {
    let Some((0x60, rest)) = token.split_first().map(|(tag, rest)| (*tag, rest)) else {
        return false;
    };
    let more = match rest.first() {
        Some(length @ 0x80..) => usize::from(length & 0x7F),
        _ => 0,
    };
    rest.get(1 + more..)
        .is_some_and(|inner| inner.starts_with(&SPNEGO_OID))
}

/// NEG-07.
fn no_common(offered: &[MechType<'_>]) -> Refusal {
    let reject = NegTokenResp {
        neg_state: Some(NegState::Reject),
        ..NegTokenResp::default()
    };
    Refusal {
        error: Rejection::NoCommonMechanism {
            offered: offered.iter().map(MechType::to_string).collect(),
        }
        .into(),
        token: reject.to_token().ok(),
        known: Box::default(),
    }
}

/// A NegTokenInit2 with both names of Kerberos (NEG-21).
fn hint() -> Result<Vec<u8>, Error> {
    let list = list(&[MechType::MICROSOFT, MechType::KRB5])?;
    let init = NegTokenInit {
        mech_types: Some(MechTypeList::new(&list)?),
        mech_token: None,
        mech_list_mic: None,
        has_hints: true,
    };
    Ok(init.to_token()?)
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("gss", &self.gss)
            .field("protect_list", &self.protect_list)
            .finish()
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verified").field(&self.gss).finish()
    }
}

impl fmt::Debug for AwaitToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.0 {
            State::Hinted(_) => "NegTokenInit",
            State::Raw(_) => "Kerberos",
            State::Mechanism(..) => "NegTokenResp with a token",
            State::Mic(..) => "NegTokenResp with a MIC",
        };
        write!(f, "AwaitToken({state})")
    }
}
