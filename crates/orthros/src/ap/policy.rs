//! What an acceptor accepts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::address::AddressPolicy;
use super::authdata::UnknownCritical;
use super::keys::ServiceKeys;
use super::replay::{MemoryReplayCache, ReplayCache};
use super::transited::TransitedPolicy;
use crate::crypto::{DEFAULT_ENCTYPES, Enctype, Key};
use crate::principal::Principal;
use crate::random::{OsRandom, Random};

/// Tickets for which service are accepted (AP-19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// For this one.
    Service(Principal),
    /// For every one of this class of which there is a key: `HTTP` accepts `HTTP/a` and `HTTP/b`.
    Class(String),
    /// For every principal of which there is a key. A ticket for one service then opens another
    /// (security cases 9 and 126).
    AnyKey,
}

impl Accepts {
    pub(super) fn accept(&self, server: &Principal) -> bool {
        match self {
            Self::Service(principal) => principal == server,
            Self::Class(class) => {
                server.components().len() >= 2 && server.component(0) == Some(class)
            }
            Self::AnyKey => true,
        }
    }
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(principal) => principal.fmt(f),
            Self::Class(class) => write!(f, "{class}/*"),
            Self::AnyKey => f.write_str("any principal in the keytab"),
        }
    }
}

/// Whether a client needs a PAC, and of what kind (PAC-19).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PacPolicy {
    /// None is needed.
    #[default]
    Any,
    /// One is needed.
    Required,
    /// One with LOGON_INFO is needed: the user's SID and groups.
    RequiredWithLogonInfo,
}

/// What becomes of a request whose PAC is damaged or wrongly signed (PAC-19).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvalidPac {
    /// It is refused.
    #[default]
    Refuse,
    /// The client is authenticated without any authorization data.
    Ignore,
}

/// How an acceptor judges. The defaults are those of RFC 4120 where it has any, and the strict
/// ones elsewhere.
#[derive(Clone)]
pub struct AcceptorConfig {
    pub(super) keys: Arc<ServiceKeys>,
    pub(super) accepts: Accepts,
    pub(super) skew: Duration,
    pub(super) permitted_enctypes: Vec<Enctype>,
    pub(super) addresses: AddressPolicy,
    pub(super) transited: TransitedPolicy,
    pub(super) unknown_critical: UnknownCritical,
    pub(super) anonymous: bool,
    pub(super) pac: PacPolicy,
    pub(super) invalid_pac: InvalidPac,
    pub(super) replay_cache: Option<Arc<dyn ReplayCache>>,
    pub(super) remembered_tickets: usize,
    pub(super) user_to_user: Option<Key>,
    pub(super) user_to_user_only: bool,
    pub(super) rng: Arc<dyn Random>,
}

const DEFAULT_REMEMBERED: usize = 512;

impl AcceptorConfig {
    /// Accepts tickets for `accepts` that one of `keys` opens: clocks within five minutes, AES
    /// enctypes, a replay cache of its own in memory.
    ///
    /// Acceptors that hold the same keys must share one replay cache
    /// ([`replay_cache`](Self::replay_cache), AP-48).
    pub fn new(keys: Arc<ServiceKeys>, accepts: Accepts) -> Self {
        Self {
            keys,
            accepts,
            skew: Duration::from_secs(300),
            permitted_enctypes: DEFAULT_ENCTYPES.to_vec(),
            addresses: AddressPolicy::default(),
            transited: TransitedPolicy::hierarchical(),
            unknown_critical: UnknownCritical::default(),
            anonymous: false,
            pac: PacPolicy::default(),
            invalid_pac: InvalidPac::default(),
            replay_cache: Some(Arc::new(MemoryReplayCache::new())),
            remembered_tickets: DEFAULT_REMEMBERED,
            user_to_user: None,
            user_to_user_only: false,
            rng: Arc::new(OsRandom),
        }
    }

    /// How far a client's clock may be off (AP-28), and how long after its end a ticket is good
    /// (AP-31).
    #[must_use]
    pub fn skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// The enctypes of tickets, session keys and subkeys (AP-24).
    #[must_use]
    pub fn permitted_enctypes(mut self, enctypes: impl Into<Vec<Enctype>>) -> Self {
        self.permitted_enctypes = enctypes.into();
        self
    }

    /// What to make of addresses in tickets (AP-27).
    #[must_use]
    pub fn addresses(mut self, policy: AddressPolicy) -> Self {
        self.addresses = policy;
        self
    }

    /// Which realms a foreign client may have come through (AP-32).
    #[must_use]
    pub fn transited(mut self, policy: TransitedPolicy) -> Self {
        self.transited = policy;
        self
    }

    /// What to do with authorization data that must be understood and is not (AP-34).
    #[must_use]
    pub fn unknown_critical(mut self, policy: UnknownCritical) -> Self {
        self.unknown_critical = policy;
        self
    }

    /// Accepts anonymous clients (AP-41).
    #[must_use]
    pub fn allow_anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Whether a PAC is needed.
    #[must_use]
    pub fn pac(mut self, policy: PacPolicy) -> Self {
        self.pac = policy;
        self
    }

    /// What becomes of a request whose PAC is damaged or wrongly signed.
    #[must_use]
    pub fn invalid_pac(mut self, policy: InvalidPac) -> Self {
        self.invalid_pac = policy;
        self
    }

    /// The cache to share with other acceptors that hold the same keys.
    #[must_use]
    pub fn replay_cache(mut self, cache: Arc<dyn ReplayCache>) -> Self {
        self.replay_cache = Some(cache);
        self
    }

    /// Accepts replays. Only for protocols in which the acceptor's subkey protects everything
    /// that follows (AP-43).
    #[must_use]
    pub fn without_replay_cache(mut self) -> Self {
        self.replay_cache = None;
        self
    }

    /// How many tickets the acceptor remembers, about: 512 if nothing is said, none if 0.
    ///
    /// A ticket that comes again, octet for octet, is not opened again, and its PAC is neither
    /// verified nor read again: both follow from its octets, the keys and the policy, none of which
    /// has changed. Everything about the request itself is judged each time: its authenticator, the
    /// clock, the ticket's end, addresses, the path of realms, whether it was seen before.
    ///
    /// It costs memory: of each ticket its octets, its contents and its PAC, between three times
    /// and five times its length and two KiB more. Tickets of more than 8 KiB, and those that come
    /// once, are not remembered. Session keys stay in memory until their tickets are forgotten, at
    /// the latest with the acceptor; the keys that open their tickets are there as well. Who has
    /// seen a ticket pass, and can send it to the service, can measure by the time until it is
    /// refused whether it is in use there.
    #[must_use]
    pub fn remember_tickets(mut self, tickets: usize) -> Self {
        self.remembered_tickets = tickets;
        self
    }

    /// Accepts user-to-user tickets, sealed under the session key of the acceptor's own TGT
    /// (AP-78).
    #[must_use]
    pub fn user_to_user(mut self, tgt_session_key: Key) -> Self {
        self.user_to_user = Some(tgt_session_key);
        self
    }

    /// Accepts user-to-user tickets only (AP-79).
    #[must_use]
    pub fn user_to_user_only(mut self, tgt_session_key: Key) -> Self {
        self.user_to_user_only = true;
        self.user_to_user(tgt_session_key)
    }

    /// Whether a ticket for a service of this class (`ldap`) on one of these hosts could be
    /// accepted: whether there is a key for it that policy permits (SASL-03).
    pub fn has_key_for(&self, class: &str, on: impl Fn(&str) -> bool) -> bool {
        let named = |server: &Principal| {
            server.components().len() == 2
                && server.component(0) == Some(class)
                && server.component(1).is_some_and(&on)
        };
        !self.user_to_user_only
            && self.keys.iter().any(|key| {
                let server = key.principal();
                named(server)
                    && self.accepts.accept(server)
                    && self.permitted_enctypes.contains(&key.enctype())
            })
    }

    /// Where randomness comes from.
    pub(crate) fn rng(&self) -> &Arc<dyn Random> {
        &self.rng
    }

    /// Where randomness comes from.
    #[must_use]
    pub fn random(mut self, rng: Arc<dyn Random>) -> Self {
        self.rng = rng;
        self
    }
}

impl fmt::Debug for AcceptorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptorConfig")
            .field("accepts", &self.accepts)
            .field("keys", &self.keys)
            .field("skew", &self.skew)
            .field("permitted_enctypes", &self.permitted_enctypes)
            .field("replay_cache", &self.replay_cache.is_some())
            .finish_non_exhaustive()
    }
}
