//! The server of a SASL exchange.

use std::fmt;
use std::sync::Arc;

use super::layer::{Layer, Layers};
use super::mechanism::Mechanism;
use super::session::{Session, Sizes, size, size_octets};
use super::{LARGEST, USUAL, broken};
use crate::error::{Error, Rejection};
use crate::gss::{self, Protection, SecurityContext};
use crate::principal::Principal;
use crate::step::{Refusal, Step};
use crate::time::Timestamp;

/// Whether a client may act as an authorization identity, which is not empty (SASL-07).
pub type Authorize = dyn Fn(&Principal, &str) -> bool + Send + Sync;

/// The server of a SASL exchange. Make one for each; what costs is in the acceptor, which is
/// shared.
///
/// Offer a mechanism only with a key for the protocol's service at hand (SASL-03).
#[derive(Debug)]
pub struct Server {
    mechanism: Mechanism,
    terms: Terms,
    state: State,
}

/// What the server wants.
struct Terms {
    layers: Layers,
    size: usize,
    service: Option<(String, Vec<String>)>,
    authorize: Arc<Authorize>,
}

#[derive(Debug)]
enum State {
    /// The client's first token is due; an empty challenge may ask for it.
    First(gss::Acceptor),
    /// It was asked for.
    Asked(gss::Acceptor),
    /// The last token went out; an empty response is due (SASL-04).
    Sent(SecurityContext),
    /// The client's choice of these is due.
    Choice {
        context: SecurityContext,
        offered: Layers,
    },
}

impl Server {
    /// GSSAPI. Of `layers` those are offered that the context can serve.
    pub fn gssapi(acceptor: gss::Acceptor, layers: Layers) -> Self {
        Self {
            mechanism: Mechanism::Gssapi,
            terms: Terms {
                layers,
                size: USUAL,
                service: None,
                authorize: Arc::new(|client, authzid| client.to_string() == authzid),
            },
            state: State::First(acceptor),
        }
    }

    /// The largest buffer that we take from the client's security layer, at most 2^24 - 1 octets;
    /// 65536 unless told otherwise.
    #[must_use]
    pub fn largest_buffer(mut self, octets: usize) -> Self {
        self.terms.size = octets.min(LARGEST);
        self
    }

    /// The ticket must be for this service on one of these hosts: for acceptors that hold the keys
    /// of several (SASL-11). Hosts are compared without regard to case.
    #[must_use]
    pub fn service<H: Into<String>>(
        mut self,
        service: impl Into<String>,
        hosts: impl IntoIterator<Item = H>,
    ) -> Self {
        let hosts = hosts.into_iter().map(Into::into).collect();
        self.terms.service = Some((service.into(), hosts));
        self
    }

    /// Who may act as whom. Unless told otherwise, nobody acts for another: an authorization
    /// identity must be the client's own principal, or empty.
    #[must_use]
    pub fn authorize(
        mut self,
        authorize: impl Fn(&Principal, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.terms.authorize = Arc::new(authorize);
        self
    }

    /// Its mechanism.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Takes the client's initial response or, where it sent none, nothing: then the challenge is
    /// empty. Then takes its other responses.
    pub fn respond(
        self,
        response: &[u8],
        now: Timestamp,
    ) -> Result<Step<Server, Session>, Refusal> {
        let Self {
            mechanism,
            terms,
            state,
        } = self;
        let challenge = |token, terms, state| {
            Ok(Step::Continue {
                token,
                next: Self {
                    mechanism,
                    terms,
                    state,
                },
            })
        };
        match state {
            State::First(acceptor) if response.is_empty() => {
                challenge(Vec::new(), terms, State::Asked(acceptor))
            }
            State::First(acceptor) | State::Asked(acceptor) => {
                match acceptor.accept(response, now)? {
                    // The acceptor's KRB-ERROR; there is no second try.
                    Step::Continue { token, .. } => Err(Refusal {
                        error: broken("no AP-REQ is in the client's token"),
                        token: Some(token),
                    }),
                    Step::Established { token, context } => {
                        terms.judge_service(&context.info().acceptor)?;
                        match token {
                            Some(token) => challenge(token, terms, State::Sent(context)),
                            None => {
                                let (token, state) = offer(context, &terms)?;
                                challenge(token, terms, state)
                            }
                        }
                    }
                }
            }
            State::Sent(context) => {
                if !response.is_empty() {
                    return Err(broken("an empty response was due").into());
                }
                let (token, state) = offer(context, &terms)?;
                challenge(token, terms, state)
            }
            State::Choice { context, offered } => Ok(chosen(context, offered, &terms, response)?),
        }
    }
}

impl Terms {
    /// SASL-11.
    fn judge_service(&self, acceptor: &Principal) -> Result<(), Error> {
        let Some((service, hosts)) = &self.service else {
            return Ok(());
        };
        let host = acceptor.component(1).unwrap_or_default();
        let ours = acceptor.components().len() == 2
            && acceptor.component(0) == Some(service)
            && hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host));
        match ours {
            true => Ok(()),
            false => Err(Rejection::NotUs {
                ticket: acceptor.clone(),
                accepts: format!("{service}/{}", hosts.join(", ")),
            }
            .into()),
        }
    }

    /// The authorization identity, if it is another than the client's own (SASL-07).
    fn judge_authzid(&self, client: &Principal, authzid: &[u8]) -> Result<Option<String>, Error> {
        let authzid = std::str::from_utf8(authzid)
            .ok()
            .filter(|authzid| !authzid.contains('\0'))
            .ok_or_else(|| broken("the authorization identity is not UTF-8"))?;
        if authzid.is_empty() {
            return Ok(None);
        }
        match (self.authorize)(client, authzid) {
            true => Ok(Some(authzid.to_owned())),
            false => Err(Rejection::Authorization {
                client: client.clone(),
                authzid: authzid.to_owned(),
            }
            .into()),
        }
    }
}

/// The server's layers, in a Wrap token without confidentiality (SASL-04, SASL-08).
fn offer(mut context: SecurityContext, terms: &Terms) -> Result<(Vec<u8>, State), Error> {
    let offered = terms.layers.and(Layers::of(context.flags()));
    if offered.strongest().is_none() {
        return Err(Rejection::SecurityLayer {
            theirs: Layers::of(context.flags()).to_string(),
            ours: terms.layers.to_string(),
        }
        .into());
    }
    let ours = match offered.any_protects() {
        true => terms.size,
        false => 0,
    };
    let [a, b, c] = size_octets(ours);
    let token = context.wrap(Protection::Integrity, &[offered.mask(), a, b, c])?;
    Ok((token, State::Choice { context, offered }))
}

/// Judges the client's choice (SASL-07).
fn chosen(
    mut context: SecurityContext,
    offered: Layers,
    terms: &Terms,
    response: &[u8],
) -> Result<Step<Server, Session>, Error> {
    let choice = context.unwrap(response)?.complete()?;
    let Some((&[bit, ref theirs @ ..], authzid)) = choice.split_first_chunk::<4>() else {
        return Err(broken("the client's choice is shorter than four octets"));
    };
    let theirs = size(*theirs);
    let layer = Layer::from_bit(bit)
        .filter(|layer| offered.contains(*layer))
        .ok_or_else(|| Rejection::SecurityLayer {
            theirs: format!("bit-mask {bit:#04x}"),
            ours: offered.to_string(),
        })?;
    let ours = match layer {
        Layer::None if theirs != 0 => {
            return Err(broken("the client chose no layer, and a size for it"));
        }
        Layer::None => 0,
        _ => terms.size,
    };
    let authzid = terms.judge_authzid(&context.info().initiator, authzid)?;
    Ok(Step::Established {
        token: None,
        context: Session::new(context, layer, authzid, Sizes { ours, theirs })?,
    })
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("layers", &self.layers)
            .field("size", &self.size)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}
