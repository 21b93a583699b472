//! A KDC: the AS and TGS exchanges of RFC 4120 §3.1 and §3.3, answered.
//!
//! ```text
//!                        ┌─────────── Lookup { principal, next } ◀──┐
//!  kdc.serve(request) ───┤             next.found(entry) ───────────┘
//!                        └─────────── Answered { reply, event }
//! ```
//!
//! A [`Kdc`] is a realm's name, the keys of its ticket-granting service and its rules. It knows no
//! principal: it asks for one, and the driver looks it up wherever it keeps them.
//! [`EmbeddedKdc`] is such a driver with the principals in memory.
//!
//! Between two requests the KDC remembers only which TGS-REQs it took: one that comes again is
//! answered again (KDC-17), and an authenticator that comes with another request is refused
//! (KDC-21).
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod as_service;
mod authdata;
mod embedded;
mod entry;
mod identity;
mod issue;
mod policy;
mod preauth;
mod seen;
mod tgs_service;
mod times;
mod user_to_user;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::ap::{HostAddr, Known, ServiceKeys, error_reply};
use crate::crypto::{Enctype, Key};
use crate::error::{Error, Rejection};
use crate::principal::{NameError, Principal};
use crate::random::Random;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{ErrorCode, TicketFlags, primitive::application_number};

pub use embedded::{EmbeddedKdc, StoreError};
pub use entry::{Attributes, EntryKey, KeyVersion, PrincipalEntry};
pub use identity::{Domain, Identity};
pub use policy::Policy;

use as_service::AsState;
use seen::SeenRequests;
use tgs_service::TgsState;

/// A realm's KDC without its principals.
pub struct Kdc {
    realm: Box<str>,
    krbtgt: Arc<PrincipalEntry>,
    /// Of every version: TGTs outlive a change of keys.
    krbtgt_keys: ServiceKeys,
    policy: Policy,
    random: Arc<dyn Random>,
    seen: Arc<SeenRequests>,
}

impl Kdc {
    /// The KDC of the realm whose ticket-granting service is `krbtgt`.
    pub fn new(
        krbtgt: Arc<PrincipalEntry>,
        policy: Policy,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        let realm = krbtgt.name.realm();
        if !krbtgt.name.is_krbtgt() || krbtgt.name.component(1) != Some(realm) {
            return Err(Error::Misuse("a KDC needs the entry of krbtgt/REALM@REALM"));
        }
        if krbtgt.newest().is_none_or(|keys| keys.keys.is_empty()) {
            return Err(Error::Misuse("the ticket-granting service has no key"));
        }
        Ok(Self {
            realm: realm.into(),
            krbtgt_keys: tgs_service::service_keys(&krbtgt)?,
            krbtgt,
            policy,
            random,
            seen: Arc::new(SeenRequests::new()),
        })
    }

    /// This KDC in the place of `old`, whose requests it remembers.
    fn in_place_of(self, old: &Self) -> Self {
        Self {
            seen: Arc::clone(&old.seen),
            ..self
        }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The ticket-granting service.
    pub fn krbtgt(&self) -> &Arc<PrincipalEntry> {
        &self.krbtgt
    }

    /// The realm's rules.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Where its keys and confounders come from.
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.random
    }

    /// Answers the octets of a datagram, or of a TCP record without its length.
    ///
    /// `peer` is where the request came from, if tickets with addresses are to be held against it
    /// (AP-27). The whole request is judged at the moment `now`.
    pub fn serve(
        self: &Arc<Self>,
        request: &[u8],
        peer: Option<&HostAddr>,
        now: Timestamp,
    ) -> Serve {
        match application_number(request) {
            Some(10) => as_service::begin(Arc::clone(self), request, now),
            Some(12) => tgs_service::begin(Arc::clone(self), request, peer, now),
            _ => Serve::silence(
                Rejection::MessageType {
                    expected: "AS-REQ or TGS-REQ",
                    found: match request.first() {
                        Some(octet) => format!("first octet {octet:02x}"),
                        None => "nothing".to_owned(),
                    },
                }
                .into(),
            ),
        }
    }

    /// A KRB-ERROR about nobody in particular: FIELD_TOOLONG, RESPONSE_TOO_BIG, MSG_TYPE.
    pub fn error(&self, code: ErrorCode, now: Timestamp) -> Option<Vec<u8>> {
        error_reply(code, &self.krbtgt.name, &Known::default(), None, now).ok()
    }

    fn is_own_krbtgt(&self, name: &Principal) -> bool {
        self.krbtgt.name == *name
    }

    /// The first of the client's enctypes that the server can use (KDC-14). The ticket-granting
    /// service can use all that the policy permits.
    fn session_enctype(
        &self,
        wanted: &[i32],
        server: &PrincipalEntry,
        server_name: &Principal,
    ) -> Result<Enctype, Refused> {
        let can_use = |enctype: Enctype| match &server.session_enctypes {
            Some(list) => list.contains(&enctype),
            None if self.is_own_krbtgt(server_name) => true,
            None => server.newest().is_some_and(|k| k.of(enctype).is_some()),
        };
        wanted
            .iter()
            .map(|number| Enctype(*number))
            .find(|enctype| self.policy.permits(*enctype) && can_use(*enctype))
            .ok_or_else(|| {
                Refused::new(
                    ErrorCode::KDC_ERR_ETYPE_NOSUPP,
                    format!("{server_name} can use none of the session enctypes {wanted:?}"),
                )
            })
    }

    /// The key that seals tickets for a server: its own first choice, whatever the client lists
    /// (KDC-14).
    fn ticket_key<'e>(&self, server: &'e PrincipalEntry) -> Result<(&'e Key, u32), Refused> {
        let version = server.newest();
        let key = version
            .iter()
            .flat_map(|version| &version.keys)
            .find(|key| self.policy.permits(key.enctype()));
        match (version, key) {
            (Some(version), Some(key)) => Ok((key.key()?, version.kvno)),
            _ => Err(Refused::new(
                ErrorCode::KDC_ERR_ETYPE_NOSUPP,
                format!("{} has no key of a permitted enctype", server.name),
            )),
        }
    }
}

impl fmt::Debug for Kdc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kdc")
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// What a KDC needs to answer a request.
#[must_use = "a client waits for the answer"]
#[derive(Debug)]
pub enum Serve {
    /// Look `principal` up, by any of its names, octet for octet, and give the entry to `next`.
    Lookup {
        /// Who is looked for.
        principal: Principal,
        /// What waits for it.
        next: Pending,
    },
    /// There is no more to do.
    Answered(Answer),
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// What to send back; nothing for octets that are no request (security case 98). Over TCP such
    /// octets are told off with [`Kdc::error`] and the code of the event's error (KDC-50).
    pub reply: Option<Vec<u8>>,
    /// What happened, for the operator.
    pub event: Event,
}

/// What happened, for the operator.
#[derive(Debug)]
pub struct Event {
    /// Who asks, if that is known.
    pub client: Option<Principal>,
    /// For which server, if that is known.
    pub server: Option<Principal>,
    /// The ticket that was issued, or why none was.
    pub result: Result<Issued, Error>,
}

/// A ticket as its issuer knows it.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The enctype and the version of the key it is sealed with.
    pub sealed_with: (Enctype, Option<u32>),
    /// The enctype of the session key.
    pub session_enctype: Enctype,
    /// Its flags.
    pub flags: TicketFlags,
    /// Until when it is valid.
    pub endtime: KerberosTime,
}

/// A request that waits for an entry.
#[derive(Debug)]
pub struct Pending(State);

#[derive(Debug)]
enum State {
    As(Box<AsState>),
    Tgs(Box<TgsState>),
}

impl Pending {
    /// Goes on with the entry, or with the knowledge that there is none.
    pub fn found(self, entry: Option<Arc<PrincipalEntry>>) -> Serve {
        match self.0 {
            State::As(state) => state.found(entry),
            State::Tgs(state) => state.found(entry),
        }
    }
}

impl Serve {
    fn silence(error: Error) -> Self {
        Self::Answered(Answer {
            reply: None,
            event: Event {
                client: None,
                server: None,
                result: Err(error),
            },
        })
    }

    fn answered(kdc: &Kdc, asked: Asked, result: Result<Reply, Refused>, now: Timestamp) -> Self {
        let (reply, result) = match result {
            Ok(Reply { octets, issued }) => (Some(octets), Ok(issued)),
            Err(Refused { error, e_data }) => (
                asked.refuse(kdc, error.protocol_code(), e_data.as_deref(), now),
                Err(error),
            ),
        };
        Self::Answered(Answer {
            reply,
            event: Event {
                client: asked.known.client,
                server: asked.server,
                result,
            },
        })
    }
}

/// The names of a request, as far as they are names.
#[derive(Debug, Default)]
struct Asked {
    known: Known,
    server: Option<Principal>,
}

impl Asked {
    /// A KRB-ERROR. It names the server that was asked for, and else the ticket-granting service:
    /// the field is not optional.
    fn refuse(
        &self,
        kdc: &Kdc,
        code: ErrorCode,
        e_data: Option<&[u8]>,
        now: Timestamp,
    ) -> Option<Vec<u8>> {
        let server = self.server.as_ref().unwrap_or(&kdc.krbtgt.name);
        error_reply(code, server, &self.known, e_data, now).ok()
    }
}

/// A KDC-REP and what is in it.
struct Reply {
    octets: Vec<u8>,
    issued: Issued,
}

/// A request that is refused with a KRB-ERROR.
#[derive(Debug)]
struct Refused {
    error: Error,
    e_data: Option<Vec<u8>>,
}

impl Refused {
    fn new(code: ErrorCode, why: impl Into<String>) -> Self {
        Error::from(Rejection::Kdc {
            code,
            why: why.into(),
        })
        .into()
    }
}

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            e_data: None,
        }
    }
}

/// A name in a request, or the code for a request without that name (security cases 89, 92, 100).
fn named(
    realm: &crate::wire::KerberosString<'_>,
    name: Option<&crate::wire::PrincipalName<'_>>,
    code: ErrorCode,
) -> Result<Principal, Refused> {
    let name = name.ok_or_else(|| Refused::new(code, "the request names none"))?;
    Principal::from_wire(realm, name)
        .map_err(|error: NameError| Refused::new(code, error.to_string()))
}
