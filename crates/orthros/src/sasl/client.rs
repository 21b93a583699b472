//! The client of a SASL exchange.

use super::layer::{Layer, Layers};
use super::mechanism::Mechanism;
use super::session::{Session, Sizes, size, size_octets};
use super::{LARGEST, USUAL, broken};
use crate::error::{Error, Rejection};
use crate::gss::{self, Protection, SecurityContext};
use crate::step::{Refusal, Step};
use crate::time::Timestamp;

/// The client of a SASL exchange, with a ticket for the server.
///
/// The ticket is for `service/host` in the protocol's service name: `ldap/ldap.example.com`,
/// `kafka/broker1.example.com` (SASL-02). The client decides which flags the context has; what the
/// initiator was told about them is overridden.
#[derive(Debug)]
pub struct Client {
    mechanism: Mechanism,
    initiator: gss::Initiator,
    terms: Terms,
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
        Self::new(Mechanism::Gssapi, initiator, layers)
    }

    fn new(mechanism: Mechanism, initiator: gss::Initiator, layers: Layers) -> Self {
        Self {
            mechanism,
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
        self.mechanism
    }

    /// The initial response.
    pub fn start(self, now: Timestamp) -> Result<Step<AwaitChallenge, Session>, Error> {
        let Self {
            initiator, terms, ..
        } = self;
        let initiator = initiator.flags(terms.layers.flags(true));
        match initiator.request(now)? {
            Step::Continue { token, next } => Ok(Step::Continue {
                token,
                next: AwaitChallenge(State::Token { next, terms }),
            }),
            // Only without MUTUAL, which was asked for.
            Step::Established { .. } => {
                Err(Error::Misuse("a context without mutual authentication"))
            }
        }
    }
}

/// Waits for a challenge of the server.
#[derive(Debug)]
pub struct AwaitChallenge(State);

#[derive(Debug)]
enum State {
    /// The context is not established yet.
    Token { next: gss::AwaitReply, terms: Terms },
    /// The server's security layers are due.
    Offer {
        context: SecurityContext,
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
        let ready = |next| Self(next);
        match self.0 {
            State::Token { next, terms } => Ok(match next.reply(challenge, now)? {
                Step::Continue { token, next } => Step::Continue {
                    token,
                    next: ready(State::Token { next, terms }),
                },
                // Without a token the response is empty (RFC 4752 §3.1).
                Step::Established { token, context } => Step::Continue {
                    token: token.unwrap_or_default(),
                    next: ready(State::Offer { context, terms }),
                },
            }),
            State::Offer { context, terms } => Ok(choose(context, &terms, challenge)?),
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
