//! The client of a SASL exchange.

use super::gs2::{Binding, Header};
use super::layer::{Layer, Layers};
use super::mechanism::Mechanism;
use super::session::{Session, Sizes, size, size_octets};
use super::{LARGEST, USUAL, broken};
use crate::error::{Error, Rejection};
use crate::gss::token::unframe;
use crate::gss::{self, ChannelBindings, ContextFlags, Protection, SecurityContext};
use crate::spnego;
use crate::step::{Refusal, Step};
use crate::time::Timestamp;

/// The client of a SASL exchange, with a ticket for the server.
///
/// The ticket is for `service/host` in the protocol's service name: `ldap/ldap.example.com`,
/// `kafka/broker1.example.com` (SASL-02). The client decides which flags the context has; what the
/// initiator was told about them is overridden.
#[derive(Debug)]
pub struct Client {
    kind: Kind,
    initiator: gss::Initiator,
    terms: Terms,
}

#[derive(Debug)]
enum Kind {
    Gssapi,
    Spnego,
    Gs2(Binding),
}

/// What the client wants.
#[derive(Debug)]
struct Terms {
    layers: Layers,
    size: usize,
    authzid: String,
}

impl Client {
    /// GSSAPI. The strongest of `layers` that the server offers is chosen; if it offers none of
    /// them, the exchange fails (security case 61).
    ///
    /// RFC 4752 has no channel bindings. Give the initiator some only to a server that practice
    /// has agreed on it with, such as the LDAP of Active Directory over TLS.
    pub fn gssapi(initiator: gss::Initiator, layers: Layers) -> Self {
        Self::new(Kind::Gssapi, initiator, layers)
    }

    /// GSS-SPNEGO. There is no negotiation of layers: the strongest of `layers` is asked for with
    /// the context's flags, and the server takes it or fails. There is no authorization identity.
    pub fn gss_spnego(initiator: gss::Initiator, layers: Layers) -> Self {
        Self::new(Kind::Spnego, initiator, layers)
    }

    /// GS2-KRB5, or GS2-KRB5-PLUS with bindings. Neither has a security layer.
    pub fn gs2(initiator: gss::Initiator, binding: Binding) -> Self {
        let none = Layers::only(Layer::None);
        Self::new(Kind::Gs2(binding), initiator, none)
    }

    fn new(kind: Kind, initiator: gss::Initiator, layers: Layers) -> Self {
        Self {
            kind,
            initiator,
            terms: Terms {
                layers,
                size: USUAL,
                authzid: String::new(),
            },
        }
    }

    /// Whom to act as, if not as oneself.
    #[must_use]
    pub fn authzid(mut self, authzid: impl Into<String>) -> Self {
        self.terms.authzid = authzid.into();
        self
    }

    /// The largest buffer that we take from the server's security layer, at most 2^24 - 1 octets;
    /// 65536 unless told otherwise.
    #[must_use]
    pub fn largest_buffer(mut self, octets: usize) -> Self {
        self.terms.size = octets.min(LARGEST);
        self
    }

    /// Which mechanism to name to the server.
    pub fn mechanism(&self) -> Mechanism {
        match &self.kind {
            Kind::Gssapi => Mechanism::Gssapi,
            Kind::Spnego => Mechanism::GssSpnego,
            Kind::Gs2(Binding::Channel { .. }) => Mechanism::Gs2Krb5Plus,
            Kind::Gs2(_) => Mechanism::Gs2Krb5,
        }
    }

    /// The initial response.
    pub fn start(self, now: Timestamp) -> Result<Step<AwaitChallenge, Session>, Error> {
        let Self {
            kind,
            initiator,
            terms,
        } = self;
        if terms.layers.strongest().is_none() {
            return Err(Error::Misuse(
                "a SASL client that accepts no security layer, not even none",
            ));
        }
        match kind {
            Kind::Gssapi => {
                let initiator = initiator.flags(terms.layers.flags(true));
                let (token, next) = waiting(initiator.request(now)?)?;
                Ok(continues(token, State::Token { next, terms }))
            }
            Kind::Spnego => {
                if !terms.authzid.is_empty() {
                    return Err(Error::Misuse("GSS-SPNEGO with an authorization identity"));
                }
                let initiator = initiator.flags(terms.layers.flags(false));
                let (token, next) = waiting(spnego::Initiator::new(initiator).request(now)?)?;
                Ok(continues(token, State::Spnego { next, terms }))
            }
            Kind::Gs2(binding) => {
                let header = Header {
                    binding: &binding,
                    authzid: &terms.authzid,
                };
                let header = header.to_text()?;
                let bindings = binding.application_data(&header);
                let initiator = initiator
                    .flags(ContextFlags::MUTUAL | ContextFlags::INTEG)
                    .bindings(ChannelBindings::from_application_data(bindings));
                let (token, next) = waiting(initiator.request(now)?)?;
                // SASL-12: the framing of RFC 2743 stays away.
                let (id, message) = unframe(&token)?;
                let first = [header.as_bytes(), &id.0.to_be_bytes(), message].concat();
                Ok(continues(first, State::Gs2 { next, terms }))
            }
        }
    }
}

fn continues(token: Vec<u8>, state: State) -> Step<AwaitChallenge, Session> {
    Step::Continue {
        token,
        next: AwaitChallenge(state),
    }
}

/// Every context has mutual authentication, so there is always an answer to wait for.
fn waiting<N>(step: Step<N, SecurityContext>) -> Result<(Vec<u8>, N), Error> {
    match step {
        Step::Continue { token, next } => Ok((token, next)),
        Step::Established { .. } => Err(Error::Misuse("a context without mutual authentication")),
    }
}

/// Waits for a challenge of the server.
#[derive(Debug)]
pub struct AwaitChallenge(State);

#[derive(Debug)]
enum State {
    /// The context is not established yet.
    Token { next: gss::AwaitReply, terms: Terms },
    /// The negotiation is not complete yet.
    Spnego {
        next: spnego::AwaitReply,
        terms: Terms,
    },
    /// The context of GS2 is not established yet.
    Gs2 { next: gss::AwaitReply, terms: Terms },
    /// The server's security layers are due.
    Offer {
        context: Box<SecurityContext>,
        terms: Terms,
    },
}

impl AwaitChallenge {
    /// Takes the server's challenge.
    pub fn challenge(
        self,
        challenge: &[u8],
        now: Timestamp,
    ) -> Result<Step<AwaitChallenge, Session>, Refusal> {
        match self.0 {
            State::Token { next, terms } => Ok(match next.reply(challenge, now)? {
                Step::Continue { token, next } => continues(token, State::Token { next, terms }),
                // Without a token the response is empty (RFC 4752 §3.1).
                Step::Established { token, context } => continues(
                    token.unwrap_or_default(),
                    State::Offer {
                        context: Box::new(context),
                        terms,
                    },
                ),
            }),
            State::Spnego { next, terms } => Ok(match next.reply(challenge, now)? {
                Step::Continue { token, next } => continues(token, State::Spnego { next, terms }),
                Step::Established { token, context } => Step::Established {
                    token,
                    context: Session::of_flags(context, terms.layers, terms.size)?,
                },
            }),
            State::Gs2 { next, terms } => Ok(match next.reply(challenge, now)? {
                Step::Continue { token, next } => continues(token, State::Gs2 { next, terms }),
                Step::Established { token, context } => Step::Established {
                    token,
                    context: Session::new(
                        context,
                        Layer::None,
                        Some(terms.authzid).filter(|authzid| !authzid.is_empty()),
                        Sizes { ours: 0, theirs: 0 },
                    )?,
                },
            }),
            State::Offer { context, terms } => Ok(choose(*context, &terms, challenge)?),
        }
    }
}

/// Chooses among the server's layers (SASL-05, SASL-06).
fn choose(
    mut context: SecurityContext,
    terms: &Terms,
    challenge: &[u8],
) -> Result<Step<AwaitChallenge, Session>, Error> {
    let offer = context.unwrap(challenge)?.complete()?;
    let &[mask, ref theirs @ ..] = offer.as_slice() else {
        return Err(broken("the server's offer is empty"));
    };
    let theirs = size(
        theirs
            .try_into()
            .map_err(|_| broken("the server's offer is not four octets"))?,
    );
    let offered = Layers::from_mask(mask);
    if !offered.any_protects() && theirs != 0 {
        return Err(broken("the server offers no layer, and a size for it"));
    }
    let layer = offered
        .and(terms.layers)
        .and(Layers::of(context.flags()))
        .strongest()
        .ok_or_else(|| Rejection::SecurityLayer {
            theirs: offered.to_string(),
            ours: terms.layers.to_string(),
        })?;
    let ours = match layer {
        Layer::None => 0,
        _ => terms.size,
    };
    let mut response = vec![layer.bit()];
    response.extend_from_slice(&size_octets(ours));
    response.extend_from_slice(terms.authzid.as_bytes());
    let token = context.wrap(Protection::Integrity, &response)?;
    let authzid = Some(&terms.authzid).filter(|authzid| !authzid.is_empty());
    Ok(Step::Established {
        token: Some(token),
        context: Session::new(context, layer, authzid.cloned(), Sizes { ours, theirs })?,
    })
}
