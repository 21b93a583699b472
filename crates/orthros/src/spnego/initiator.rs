//! The initiator of a negotiation.

use std::fmt;

use super::mechanism::{MechType, MechTypeList};
use super::message::{NegState, NegTokenInit, NegTokenResp, list};
use super::{broken, verify_mic};
use crate::error::{Error, Rejection};
use crate::gss::{self, SecurityContext};
use crate::step::{Refusal, Step};
use crate::time::Timestamp;

/// The initiator of a negotiation: it offers Kerberos, and its first token (NEG-05).
///
/// ```text
/// Initiator ─request─▶ Continue { NegTokenInit, AwaitReply }
/// AwaitReply ─reply(NegTokenResp)─▶ Established { context }                  no MIC needed
///                                 ▶ Established { MIC, context }             NEG-13
///                                 ▶ Continue { token, MIC, AwaitReply }      NEG-14
/// ```
///
/// Even without MUTUAL there is an answer to wait for.
#[derive(Debug)]
pub struct Initiator {
    gss: gss::Initiator,
    offer: Vec<MechType<'static>>,
}

impl Initiator {
    /// Negotiates for `initiator`.
    pub fn new(initiator: gss::Initiator) -> Self {
        Self {
            gss: initiator.in_spnego(),
            offer: vec![MechType::KRB5],
        }
    }

    /// Offers both names of Kerberos, the one of early Windows first, as Windows does (NEG-19).
    #[must_use]
    pub fn both_names(mut self) -> Self {
        self.offer = vec![MechType::MICROSOFT, MechType::KRB5];
        self
    }

    /// What an acceptor that spoke first offers, most wanted first; it may offer nothing by name.
    /// The negotiation begins with [`request`](Self::request) all the same (NEG-21).
    pub fn hinted(token: &[u8]) -> Result<Vec<String>, Error> {
        let init = NegTokenInit::from_token(token)?;
        let list = init.mech_types.map(|list| list.mechanisms());
        let names = list.unwrap_or_default();
        Ok(names.iter().map(MechType::to_string).collect())
    }

    /// The first token.
    pub fn request(self, now: Timestamp) -> Result<Step<AwaitReply, SecurityContext>, Error> {
        let list = list(&self.offer)?;
        let (token, mechanism) = match self.gss.request(now)? {
            Step::Continue { token, next } => (token, Mechanism::Open(Box::new(next))),
            Step::Established { token, context } => {
                let done = Mechanism::Done(Box::new(context));
                (token.unwrap_or_default(), done)
            }
        };
        let init = NegTokenInit {
            mech_types: Some(MechTypeList::new(&list)?),
            mech_token: Some(&token),
            mech_list_mic: None,
            has_hints: false,
        };
        Ok(Step::Continue {
            token: init.to_token()?,
            next: AwaitReply {
                mechanism,
                list,
                stage: Stage::First {
                    optimistic: token,
                    first: self.offer.first().copied(),
                },
            },
        })
    }
}

/// How far Kerberos itself is.
enum Mechanism {
    Open(Box<gss::AwaitReply>),
    Done(Box<SecurityContext>),
}

/// How far the negotiation is.
enum Stage {
    /// The acceptor's first reply is due.
    First {
        /// The token that went out with the offer, and for which mechanism.
        optimistic: Vec<u8>,
        first: Option<MechType<'static>>,
    },
    /// A later one is.
    Later(Mics),
}

/// Whether the list has to be protected, and what was done for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mics {
    /// It need not be.
    NotNeeded,
    /// The acceptor asked for it.
    Requested,
    /// Ours went out, the acceptor's is due.
    Sent,
}

/// Waits for the acceptor's token.
pub struct AwaitReply {
    mechanism: Mechanism,
    /// The list of mechanisms as it was sent.
    list: Vec<u8>,
    stage: Stage,
}

impl AwaitReply {
    /// Takes the acceptor's token.
    pub fn reply(
        self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Step<AwaitReply, SecurityContext>, Refusal> {
        let reply = NegTokenResp::from_token(token).map_err(Error::from)?;
        let Self {
            mechanism,
            list,
            stage,
        } = self;
        if reply.neg_state == Some(NegState::Reject) {
            return Err(rejected(mechanism, reply, now).into());
        }
        let (mics, resend) = match stage {
            Stage::First { optimistic, first } => first_reply(&reply, optimistic, first)?,
            Stage::Later(mics) => {
                later_reply(&reply)?;
                (mics, None)
            }
        };
        let (mechanism, token) = match (mechanism, resend, reply.response_token) {
            (mechanism, Some(token), None) => (mechanism, Some(token)),
            (Mechanism::Open(next), _, Some(token)) => match next.reply(token, now)? {
                Step::Continue { token, next } => (Mechanism::Open(Box::new(next)), Some(token)),
                Step::Established { token, context } => (Mechanism::Done(Box::new(context)), token),
            },
            (Mechanism::Open(_), None, None) => {
                return Err(broken("the acceptor's token of the mechanism is missing").into());
            }
            (Mechanism::Done(_), _, Some(_)) => {
                return Err(broken("a token came for a mechanism that is complete").into());
            }
            (mechanism @ Mechanism::Done(_), None, None) => (mechanism, None),
        };
        let context = match mechanism {
            Mechanism::Open(_) if reply.neg_state == Some(NegState::AcceptCompleted) => {
                return Err(broken("the acceptor calls complete what is not").into());
            }
            Mechanism::Open(_) if reply.mech_list_mic.is_some() => {
                return Err(broken("a MIC came before the mechanism was complete").into());
            }
            Mechanism::Open(next) => {
                return Ok(Step::Continue {
                    token: response(None, token.as_deref(), None)?,
                    next: Self {
                        mechanism: Mechanism::Open(next),
                        list,
                        stage: Stage::Later(mics),
                    },
                });
            }
            Mechanism::Done(context) => *context,
        };
        Ok(complete(context, list, mics, &reply, token)?)
    }
}

/// The rules for the acceptor's first reply (NEG-03, NEG-09, NEG-20): whether the list has to be
/// protected, and the token to send once more, if the acceptor discarded it with the name of
/// Kerberos that it does not know.
fn first_reply(
    reply: &NegTokenResp<'_>,
    optimistic: Vec<u8>,
    first: Option<MechType<'static>>,
) -> Result<(Mics, Option<Vec<u8>>), Error> {
    let state = reply
        .neg_state
        .ok_or_else(|| broken("the acceptor's first reply has no state"))?;
    let chosen = reply.supported_mech;
    if let Some(chosen) = chosen
        && !chosen.is_kerberos()
    {
        return Err(Rejection::Mechanism {
            oid: dotted(chosen),
        }
        .into());
    }
    let mics = match state {
        NegState::RequestMic => Mics::Requested,
        _ => Mics::NotNeeded,
    };
    let discarded = chosen.is_some() && chosen != first && state != NegState::AcceptCompleted;
    Ok((mics, discarded.then_some(optimistic)))
}

/// The rules for the others (NEG-03, NEG-09).
fn later_reply(reply: &NegTokenResp<'_>) -> Result<(), Error> {
    if reply.neg_state == Some(NegState::RequestMic) {
        return Err(broken("a MIC is requested, and not in the first reply"));
    }
    if reply.supported_mech.is_some() {
        return Err(broken("a mechanism is chosen, and not in the first reply"));
    }
    Ok(())
}

/// Kerberos is complete: the MICs (RFC 4178 §5).
fn complete(
    mut context: SecurityContext,
    list: Vec<u8>,
    mics: Mics,
    reply: &NegTokenResp<'_>,
    token: Option<Vec<u8>>,
) -> Result<Step<AwaitReply, SecurityContext>, Error> {
    let done = reply.neg_state == Some(NegState::AcceptCompleted);
    if let Some(mic) = reply.mech_list_mic {
        verify_mic(&mut context, &list, mic)?;
        return match (mics, done, &token) {
            // Ours went out before, or nobody waits for it.
            (Mics::Sent, true, None) | (Mics::NotNeeded, true, None) => Ok(Step::Established {
                token: None,
                context,
            }),
            (Mics::Requested | Mics::NotNeeded, false, _) => {
                let ours = context.get_mic(&list)?;
                let state = Some(NegState::AcceptCompleted);
                Ok(Step::Established {
                    token: Some(response(state, token.as_deref(), Some(&ours))?),
                    context,
                })
            }
            _ => Err(broken("the acceptor's state and its MIC do not fit")),
        };
    }
    match (mics, done, &token) {
        (Mics::NotNeeded, true, None) => Ok(Step::Established {
            token: None,
            context,
        }),
        // The last token of the mechanism is ours, and the acceptor has to see it (NEG-14).
        (_, false, Some(_)) => {
            let ours = match mics {
                Mics::NotNeeded => None,
                Mics::Requested | Mics::Sent => Some(context.get_mic(&list)?),
            };
            Ok(Step::Continue {
                token: response(None, token.as_deref(), ours.as_deref())?,
                next: AwaitReply {
                    mechanism: Mechanism::Done(Box::new(context)),
                    list,
                    stage: Stage::Later(match ours {
                        Some(_) => Mics::Sent,
                        None => Mics::NotNeeded,
                    }),
                },
            })
        }
        // NEG-12, NEG-13, NEG-15.
        (Mics::Requested | Mics::Sent, ..) => Err(broken(
            "the acceptor's MIC over the list of mechanisms is missing",
        )),
        (Mics::NotNeeded, ..) => Err(broken("the acceptor waits for what there is not")),
    }
}

fn response(
    neg_state: Option<NegState>,
    response_token: Option<&[u8]>,
    mech_list_mic: Option<&[u8]>,
) -> Result<Vec<u8>, Error> {
    let response = NegTokenResp {
        neg_state,
        supported_mech: None,
        response_token,
        mech_list_mic,
    };
    Ok(response.to_token()?)
}

/// The acceptor's reason, if it gave one (NEG-23).
fn rejected(mechanism: Mechanism, reply: NegTokenResp<'_>, now: Timestamp) -> Error {
    match (mechanism, reply.response_token) {
        (Mechanism::Open(next), Some(token)) => match next.reply(token, now) {
            Err(refusal) if matches!(refusal.error, Error::Peer(_)) => refusal.error,
            _ => Rejection::NegotiationRefused.into(),
        },
        _ => Rejection::NegotiationRefused.into(),
    }
}

fn dotted(mechanism: MechType<'_>) -> String {
    let contents = mechanism.as_bytes().get(2..).unwrap_or_default();
    match der::asn1::ObjectIdentifier::from_bytes(contents) {
        Ok(oid) => oid.to_string(),
        Err(_) => mechanism.to_string(),
    }
}

impl fmt::Debug for AwaitReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let complete = matches!(self.mechanism, Mechanism::Done(_));
        f.debug_struct("AwaitReply")
            .field("mechanism_complete", &complete)
            .finish_non_exhaustive()
    }
}
