//! The server of a SASL exchange.

use std::fmt;
use std::sync::Arc;

use super::gs2::{Binding, split};
use super::layer::{Layer, Layers};
use super::mechanism::Mechanism;
use super::session::{Session, Sizes, size, size_octets};
use super::{LARGEST, USUAL, broken};
use crate::error::{Error, Rejection};
use crate::gss::token::{TokenId, frame};
use crate::gss::{
    self, AcceptorBindings, ChannelBindings, ContextFlags, Protection, SecurityContext,
};
use crate::principal::Principal;
use crate::spnego;
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
    First(Opening),
    /// It was asked for.
    Asked(Opening),
    /// The negotiation is not complete yet.
    Negotiating(spnego::AwaitToken),
    /// The last token went out; an empty response is due (SASL-04).
    Sent(SecurityContext),
    /// The client's choice of these is due.
    Choice {
        context: SecurityContext,
        offered: Layers,
    },
}

/// What the client's first token is given to.
#[derive(Debug)]
enum Opening {
    Gssapi(gss::Acceptor),
    Spnego(spnego::Acceptor),
    Gs2(gss::Acceptor, Gs2),
}

/// What a server with GS2 can bind to.
#[derive(Debug)]
enum Gs2 {
    /// GS2-KRB5 was chosen; whether GS2-KRB5-PLUS was advertised beside it.
    Plain { plus_advertised: bool },
    /// GS2-KRB5-PLUS was chosen: the channel's bindings, by the names of their types.
    Plus(Vec<(String, Vec<u8>)>),
}

impl Server {
    /// GSSAPI. Of `layers` those are offered that the context can serve.
    pub fn gssapi(acceptor: gss::Acceptor, layers: Layers) -> Self {
        Self::new(Mechanism::Gssapi, layers, Opening::Gssapi(acceptor))
    }

    /// GSS-SPNEGO. The client's flags say which layer it is; it must be among `layers`.
    pub fn gss_spnego(acceptor: gss::Acceptor, layers: Layers) -> Self {
        let opening = Opening::Spnego(spnego::Acceptor::new(acceptor));
        Self::new(Mechanism::GssSpnego, layers, opening)
    }

    /// GS2-KRB5. `plus_advertised` says whether the client could have chosen GS2-KRB5-PLUS: if it
    /// could have, and says that it saw none, somebody removed it (SASL-13).
    ///
    /// A server that demands bindings offers GS2-KRB5-PLUS alone.
    pub fn gs2(acceptor: gss::Acceptor, plus_advertised: bool) -> Self {
        let opening = Opening::Gs2(acceptor, Gs2::Plain { plus_advertised });
        Self::new(Mechanism::Gs2Krb5, Layers::only(Layer::None), opening)
    }

    /// GS2-KRB5-PLUS with the bindings of the channel: names of types (`tls-exporter`), and data.
    pub fn gs2_plus<N: Into<String>, D: Into<Vec<u8>>>(
        acceptor: gss::Acceptor,
        channel: impl IntoIterator<Item = (N, D)>,
    ) -> Self {
        let channel = channel.into_iter().map(|(n, d)| (n.into(), d.into()));
        let opening = Opening::Gs2(acceptor, Gs2::Plus(channel.collect()));
        Self::new(Mechanism::Gs2Krb5Plus, Layers::only(Layer::None), opening)
    }

    fn new(mechanism: Mechanism, layers: Layers, opening: Opening) -> Self {
        Self {
            mechanism,
            terms: Terms {
                layers,
                size: USUAL,
                service: None,
                authorize: Arc::new(|client, authzid| client.to_string() == authzid),
            },
            state: State::First(opening),
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
            State::First(opening) if response.is_empty() => {
                challenge(Vec::new(), terms, State::Asked(opening))
            }
            State::First(Opening::Gssapi(acceptor)) | State::Asked(Opening::Gssapi(acceptor)) => {
                let (token, context) = accepted(acceptor.accept(response, now)?)?;
                terms.judge_service(&context.info().acceptor)?;
                match token {
                    Some(token) => challenge(token, terms, State::Sent(context)),
                    None => {
                        let (token, state) = offer(context, &terms)?;
                        challenge(token, terms, state)
                    }
                }
            }
            State::First(Opening::Gs2(acceptor, gs2))
            | State::Asked(Opening::Gs2(acceptor, gs2)) => {
                Ok(gs2_accept(acceptor, &gs2, &terms, response, now)?)
            }
            State::First(Opening::Spnego(acceptor)) | State::Asked(Opening::Spnego(acceptor)) => {
                match terms.negotiated(acceptor.accept(response, now)?)? {
                    Step::Continue { token, next } => {
                        challenge(token, terms, State::Negotiating(next))
                    }
                    Step::Established { token, context } => {
                        Ok(Step::Established { token, context })
                    }
                }
            }
            State::Negotiating(next) => match terms.negotiated(next.accept(response, now)?)? {
                Step::Continue { token, next } => challenge(token, terms, State::Negotiating(next)),
                Step::Established { token, context } => Ok(Step::Established { token, context }),
            },
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

/// A token and the context; an acceptor that answers with a KRB-ERROR gets no second try.
fn accepted(
    step: Step<gss::AwaitToken, SecurityContext>,
) -> Result<(Option<Vec<u8>>, SecurityContext), Refusal> {
    match step {
        Step::Established { token, context } => Ok((token, context)),
        Step::Continue { token, .. } => Err(Refusal {
            error: broken("no AP-REQ is in the client's token"),
            token: Some(token),
            known: Box::default(),
        }),
    }
}

/// SASL-12, SASL-13.
fn gs2_accept(
    acceptor: gss::Acceptor,
    gs2: &Gs2,
    terms: &Terms,
    response: &[u8],
    now: Timestamp,
) -> Result<Step<Server, Session>, Refusal> {
    let first = split(response)?;
    let data = match (gs2, &first.binding) {
        (Gs2::Plain { .. }, Binding::None) => &[][..],
        (Gs2::Plain { plus_advertised }, Binding::NotAdvertised) if !plus_advertised => &[],
        (Gs2::Plain { .. }, Binding::NotAdvertised) => {
            return Err(broken(
                "the client saw no mechanism with channel bindings, and there was one",
            )
            .into());
        }
        (Gs2::Plain { .. }, Binding::Channel { .. }) => {
            return Err(broken("channel bindings came with a mechanism that has none").into());
        }
        (Gs2::Plus(channel), Binding::Channel { name, .. }) => channel
            .iter()
            .find(|(ours, _)| ours == name)
            .map(|(_, data)| data.as_slice())
            .ok_or_else(|| broken("channel bindings of a type that is not supported"))?,
        (Gs2::Plus(_), _) => {
            return Err(
                broken("the mechanism demands channel bindings, and the client has none").into(),
            );
        }
    };
    let bindings = [first.header, data].concat();
    let bindings = ChannelBindings::from_application_data(bindings);
    let Some((id, message)) = first.token.split_first_chunk::<2>() else {
        return Err(broken("no token follows the header").into());
    };
    let token = frame(TokenId(u16::from_be_bytes(*id)), message);
    let acceptor = acceptor.bindings(AcceptorBindings::Require(bindings));
    let (token, context) = accepted(acceptor.accept(&token, now)?)?;
    terms.judge_service(&context.info().acceptor)?;
    if !context.flags().contains(ContextFlags::MUTUAL) {
        return Err(broken("the client did not ask for mutual authentication").into());
    }
    let client = &context.info().initiator;
    let authzid = terms.judge_authzid(client, first.authzid.as_bytes())?;
    let sizes = Sizes { ours: 0, theirs: 0 };
    Ok(Step::Established {
        token,
        context: Session::new(context, Layer::None, authzid, sizes)?,
    })
}

impl Terms {
    /// What is established by SPNEGO.
    fn negotiated<N>(&self, step: Step<N, SecurityContext>) -> Result<Step<N, Session>, Error> {
        Ok(match step {
            Step::Continue { token, next } => Step::Continue { token, next },
            Step::Established { token, context } => {
                self.judge_service(&context.info().acceptor)?;
                Step::Established {
                    token,
                    context: Session::of_flags(context, self.layers, self.size)?,
                }
            }
        })
    }

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
