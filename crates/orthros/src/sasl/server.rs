//! The server of a SASL exchange.

use std::fmt;
use std::sync::Arc;

use super::gs2::{Binding, split};
use super::layer::{Layer, Layers};
use super::mechanism::Mechanism;
use super::session::{Session, Sizes, size, size_octets};
use super::{LARGEST, USUAL, broken};
use crate::ap::{ReplayEntry, ReplayVerdict};
use crate::error::{Error, Rejection};
use crate::gss::token::{TokenId, frame};
use crate::gss::{
    self, AcceptorBindings, Candidates, ChannelBindings, ContextFlags, Protection, SecurityContext,
};
use crate::principal::Principal;
use crate::spnego;
use crate::step::{Judged, Refusal, Step};
use crate::time::Timestamp;

/// Whether a client may act as an authorization identity, which is not empty (SASL-07).
pub type Authorize = dyn Fn(&Principal, &str) -> bool + Send + Sync;

/// The server of a SASL exchange. Make one for each; what costs is in the acceptor, which is
/// shared.
///
/// What to offer, an [`Advertisement`](super::Advertisement) says: a mechanism only with a key for
/// the protocol's service at hand (SASL-03).
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
    /// A type may be there several times, as where a proxy has other certificates (CB-04).
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
        match self.verify(response, now)? {
            Judged::Verified(verified) => {
                let verdict = verified.own_verdict(now);
                verified.admit(verdict, now)
            }
            Judged::Step(step) => Ok(step),
        }
    }

    /// As [`respond`](Self::respond), but for the replay cache, which is asked elsewhere.
    ///
    /// ```
    /// # use orthros::ap::{ReplayEntry, ReplayVerdict};
    /// # use orthros::sasl::{Server, Session};
    /// # use orthros::step::{Judged, Refusal, Step};
    /// # use orthros::time::Timestamp;
    /// # struct Fleet;
    /// # impl Fleet { async fn ask(&self, _: &ReplayEntry) -> ReplayVerdict { ReplayVerdict::Seen } }
    /// # async fn example(server: Server, response: &[u8], fleet: Fleet, now: Timestamp) -> Result<(), Refusal> {
    /// let step = match server.verify(response, now)? {
    ///     Judged::Verified(verified) => {
    ///         let verdict = fleet.ask(verified.entry()).await;
    ///         verified.admit(verdict, now)?
    ///     }
    ///     Judged::Step(step) => step,
    /// };
    /// # let _: Step<Server, Session> = step;
    /// # Ok(())
    /// # }
    /// ```
    pub fn verify(
        self,
        response: &[u8],
        now: Timestamp,
    ) -> Result<Judged<Verified, Server, Session>, Refusal> {
        let Self {
            mechanism,
            terms,
            state,
        } = self;
        let around = Around { mechanism, terms };
        let opened = match state {
            State::First(opening) if response.is_empty() => {
                return Ok(Judged::Step(
                    around.challenge(Vec::new(), State::Asked(opening)),
                ));
            }
            // Security case 136: a second question would be answered as the first was.
            State::Asked(_) if response.is_empty() => {
                return Err(broken("the client has no initial response").into());
            }
            State::First(opening) | State::Asked(opening) => match opening {
                Opening::Gssapi(acceptor) => Opened::Gssapi(acceptor.verify(response, now)?),
                Opening::Gs2(acceptor, gs2) => gs2_open(acceptor, &gs2, response, now)?,
                Opening::Spnego(acceptor) => {
                    return around.negotiating(acceptor.verify(response, now)?);
                }
            },
            State::Negotiating(next) => return around.negotiating(next.verify(response, now)?),
            State::Sent(context) => {
                if !response.is_empty() {
                    return Err(broken("an empty response was due").into());
                }
                let (token, state) = offer(context, &around.terms)?;
                return Ok(Judged::Step(around.challenge(token, state)));
            }
            State::Choice { context, offered } => {
                let step = chosen(context, offered, &around.terms, response)?;
                return Ok(Judged::Step(step));
            }
        };
        Ok(Judged::Verified(Verified { around, opened }))
    }
}

/// What stays the same in every state of a server.
struct Around {
    mechanism: Mechanism,
    terms: Terms,
}

impl Around {
    fn challenge(self, token: Vec<u8>, state: State) -> Step<Server, Session> {
        let Self { mechanism, terms } = self;
        Step::Continue {
            token,
            next: Server {
                mechanism,
                terms,
                state,
            },
        }
    }

    fn negotiating(
        self,
        judged: Judged<spnego::Verified, spnego::AwaitToken, SecurityContext>,
    ) -> Result<Judged<Verified, Server, Session>, Refusal> {
        Ok(match judged {
            Judged::Verified(verified) => Judged::Verified(Verified {
                around: self,
                opened: Opened::Spnego(verified),
            }),
            Judged::Step(step) => Judged::Step(self.negotiated(step)?),
        })
    }

    /// What SPNEGO has come to.
    fn negotiated(
        self,
        step: Step<spnego::AwaitToken, SecurityContext>,
    ) -> Result<Step<Server, Session>, Error> {
        Ok(match step {
            Step::Continue { token, next } => self.challenge(token, State::Negotiating(next)),
            Step::Established { token, context } => {
                self.terms.judge_service(&context.info().acceptor)?;
                Step::Established {
                    token,
                    context: Session::of_flags(context, self.terms.layers, self.terms.size)?,
                }
            }
        })
    }
}

/// A client's token that passed every check but the last: whether it was seen before.
#[must_use = "a verified token is not admitted yet"]
pub struct Verified {
    around: Around,
    opened: Opened,
}

enum Opened {
    Gssapi(gss::Verified),
    Spnego(spnego::Verified),
    Gs2(gss::Verified, Gs2Claim),
}

/// What the header of GS2 claims, until the context vouches for it.
struct Gs2Claim {
    authzid: String,
    /// Of GS2-KRB5-PLUS: the places of the bindings of the client's type.
    places: Option<Vec<usize>>,
}

impl Verified {
    /// What the replay cache has to remember.
    pub fn entry(&self) -> &ReplayEntry {
        match &self.opened {
            Opened::Gssapi(verified) | Opened::Gs2(verified, _) => verified.entry(),
            Opened::Spnego(verified) => verified.entry(),
        }
    }

    /// Admits the client, if `verdict` says that its token was not seen before.
    pub fn admit(
        self,
        verdict: ReplayVerdict,
        now: Timestamp,
    ) -> Result<Step<Server, Session>, Refusal> {
        let Self { around, opened } = self;
        match opened {
            Opened::Gssapi(verified) => gssapi_accept(around, verified.admit(verdict, now)?),
            Opened::Gs2(verified, claim) => {
                gs2_accept(&around.terms, claim, verified.admit(verdict, now)?)
            }
            Opened::Spnego(verified) => Ok(around.negotiated(verified.admit(verdict, now)?)?),
        }
    }

    /// What the cache of the configuration says of it.
    fn own_verdict(&self, now: Timestamp) -> ReplayVerdict {
        match &self.opened {
            Opened::Gssapi(verified) | Opened::Gs2(verified, _) => verified.own_verdict(now),
            Opened::Spnego(verified) => verified.own_verdict(now),
        }
    }
}

/// SASL-04.
fn gssapi_accept(
    around: Around,
    step: Step<gss::AwaitToken, SecurityContext>,
) -> Result<Step<Server, Session>, Refusal> {
    let (token, context) = two_legs(step)?;
    around.terms.judge_service(&context.info().acceptor)?;
    let (token, state) = match token {
        Some(token) => (token, State::Sent(context)),
        None => offer(context, &around.terms)?,
    };
    Ok(around.challenge(token, state))
}

/// A token and the context; SASL has no third leg.
fn two_legs(
    step: Step<gss::AwaitToken, SecurityContext>,
) -> Result<(Option<Vec<u8>>, SecurityContext), Refusal> {
    match step {
        Step::Established { token, context } => Ok((token, context)),
        Step::Continue { .. } => Err(broken("the client wants DCE style").into()),
    }
}

/// SASL-12, SASL-13: what the header says, and the token with the bindings that follow from it.
fn gs2_open(
    acceptor: gss::Acceptor,
    gs2: &Gs2,
    response: &[u8],
    now: Timestamp,
) -> Result<Opened, Refusal> {
    let first = split(response)?;
    let bound_to =
        |data: &[u8]| ChannelBindings::from_application_data([first.header, data].concat());
    let (places, candidates): (Option<Vec<_>>, Candidates) = match (gs2, &first.binding) {
        (Gs2::Plain { .. }, Binding::None) => (None, bound_to(&[]).into()),
        (Gs2::Plain { plus_advertised }, Binding::NotAdvertised) if !plus_advertised => {
            (None, bound_to(&[]).into())
        }
        (Gs2::Plain { .. }, Binding::NotAdvertised) => {
            return Err(broken(
                "the client saw no mechanism with channel bindings, and there was one",
            )
            .into());
        }
        (Gs2::Plain { .. }, Binding::Channel { .. }) => {
            return Err(broken("channel bindings came with a mechanism that has none").into());
        }
        (Gs2::Plus(channel), Binding::Channel { name, .. }) => {
            let ours = || {
                channel
                    .iter()
                    .enumerate()
                    .filter(|(_, (ours, _))| ours == name)
            };
            let places: Vec<_> = ours().map(|(place, _)| place).collect();
            if places.is_empty() {
                return Err(broken("channel bindings of a type that is not supported").into());
            }
            let candidates = ours().map(|(_, (_, data))| bound_to(data)).collect();
            (Some(places), candidates)
        }
        (Gs2::Plus(_), _) => {
            return Err(
                broken("the mechanism demands channel bindings, and the client has none").into(),
            );
        }
    };
    let Some((id, message)) = first.token.split_first_chunk::<2>() else {
        return Err(broken("no token follows the header").into());
    };
    let token = frame(TokenId(u16::from_be_bytes(*id)), message);
    let verified = acceptor
        .bindings(AcceptorBindings::Require(candidates))
        .verify(&token, now)?;
    Ok(Opened::Gs2(
        verified,
        Gs2Claim {
            authzid: first.authzid,
            places,
        },
    ))
}

fn gs2_accept(
    terms: &Terms,
    claim: Gs2Claim,
    step: Step<gss::AwaitToken, SecurityContext>,
) -> Result<Step<Server, Session>, Refusal> {
    let (token, context) = two_legs(step)?;
    terms.judge_service(&context.info().acceptor)?;
    if !context.flags().contains(ContextFlags::MUTUAL) {
        return Err(broken("the client did not ask for mutual authentication").into());
    }
    let client = &context.info().initiator;
    let authzid = terms.judge_authzid(client, claim.authzid.as_bytes())?;
    let sizes = Sizes { ours: 0, theirs: 0 };
    let mut session = Session::new(context, Layer::None, authzid, sizes)?;
    session.bound_to(claim.places.as_deref());
    Ok(Step::Established {
        token,
        context: session,
    })
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

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("mechanism", &self.around.mechanism)
            .finish_non_exhaustive()
    }
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
