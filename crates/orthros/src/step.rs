//! The one idea: a party is a value that says what it needs next and is consumed by the answer.
//!
//! ```text
//! party.start(now)     -> Continue { token, next }  | Established { token, context }
//! next.reply(token)    -> Continue { token, next }  | Established { token, context } | Refusal
//! ```

use std::fmt;

use crate::error::Error;
use crate::principal::Principal;
use crate::time::Timestamp;

/// What comes next in establishing a `C`.
#[must_use = "a token in it has to be sent"]
#[derive(Debug)]
pub enum Step<N, C> {
    /// Send `token`, then give the peer's answer to `next` (GSS_S_CONTINUE_NEEDED).
    Continue {
        /// For the peer.
        token: Vec<u8>,
        /// What waits for the peer's answer.
        next: N,
    },
    /// Established; send `token` if there is one (GSS_S_COMPLETE).
    Established {
        /// For the peer.
        token: Option<Vec<u8>>,
        /// What was established.
        context: C,
    },
}

impl<N, C> Step<N, C> {
    /// The same step of a party around the one that took it.
    pub(crate) fn map_next<M>(self, wrap: impl FnOnce(N) -> M) -> Step<M, C> {
        match self {
            Self::Continue { token, next } => Step::Continue {
                token,
                next: wrap(next),
            },
            Self::Established { token, context } => Step::Established { token, context },
        }
    }
}

/// What an acceptor made of a token, where the replay cache is asked elsewhere.
///
/// ```text
/// verify(token, now) -> Verified(verified)   ask a cache about verified.entry(), however long it
///                                            takes, and give its answer to verified.admit()
///                    -> Step(step)           there is nothing to ask
/// ```
#[must_use = "a verified token is not admitted yet, and a token in a step has to be sent"]
#[derive(Debug)]
pub enum Judged<V, N, C> {
    /// The token passed every check but the last: whether it was seen before.
    Verified(V),
    /// The token has nothing that a cache would know.
    Step(Step<N, C>),
}

/// Refused. Send `token` if there is one (a KRB-ERROR), then hang up.
#[derive(Debug)]
pub struct Refusal {
    /// For the operator: what happened, with its facts.
    pub error: Error,
    /// For the peer: the code and nothing more.
    pub token: Option<Vec<u8>>,
    /// What of the request was known by then.
    pub known: Box<Known>,
}

/// What of a request is known when it is refused. It is in the ticket, or was opened with the
/// ticket's session key; accepted it is not.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The client, once its authenticator was decrypted.
    pub client: Option<Principal>,
    /// The authenticator's time, once it was decrypted.
    pub ctime: Option<Timestamp>,
}

impl From<Error> for Refusal {
    /// A refusal that tells the peer nothing.
    fn from(error: Error) -> Self {
        Self {
            error,
            token: None,
            known: Box::default(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Refusal {}

/// Asking a KDC: the driver carries `request` to a KDC of `realm` and brings the answer back.
#[must_use = "a request in it has to be sent"]
#[derive(Debug)]
pub enum Ask<N, T> {
    /// Send `request` to a KDC of `realm`, give its answer to `next`.
    Send {
        /// Whose KDC.
        realm: String,
        /// A KDC-REQ, DER.
        request: Vec<u8>,
        /// What waits for the answer.
        next: N,
    },
    /// Done.
    Done(T),
}

/// What waits for a KDC's answer.
pub trait Awaiting: Sized {
    /// What there is in the end.
    type Output;

    /// Takes the answer of the KDC.
    fn reply(self, answer: &[u8], now: Timestamp) -> Result<Ask<Self, Self::Output>, Error>;
}
