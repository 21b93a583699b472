//! How to: replay caches, for one process, one host, or a fleet.
//!
//! An authenticator is good for the clock skew on either side of its time. Within it, whoever has
//! seen one can send it again. The cache remembers every one that was admitted, and the second is
//! refused.
//!
//! | who holds the service's key | cache |
//! |---|---|
//! | one process | [`MemoryReplayCache`](crate::ap::MemoryReplayCache), the default |
//! | several processes of one host | `env::File2ReplayCache`, which MIT krb5 shares, too |
//! | several hosts | `orthros_net::valkey`, a server of Valkey or Redis |
//! | nobody needs one | [`without_replay_cache`](crate::ap::AcceptorConfig::without_replay_cache) |
//!
//! The last is right only where a key of the acceptor's protects everything that follows: who
//! replays the request cannot go on. A service that uses Wrap and MIC tokens of a context with
//! MUTUAL, and does nothing before the first of them, is such a one. HTTP is not.
//!
//! # One process
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use std::sync::Arc;
//! use std::time::Duration;
//! use orthros::ap::{self, AcceptorConfig, Accepts, MemoryReplayCache};
//! use orthros::gss::{Acceptor, Initiator};
//! use orthros::step::Step;
//! # use orthros::credentials::Credentials;
//! # fn first(ticket: &Credentials) -> Vec<u8> {
//! #     match Initiator::new(ticket.clone()).request(NOW).unwrap() {
//! #         Step::Continue { token, .. } => token,
//! #         Step::Established { token, .. } => token.unwrap(),
//! #     }
//! # }
//!
//! let realm = Example::new();
//! let config = || AcceptorConfig::new(realm.keys(), Accepts::Service(web()));
//! // Two acceptors with the same key share one cache.
//! let cache = Arc::new(MemoryReplayCache::new());
//! let one = ap::Acceptor::new(config().replay_cache(cache.clone()));
//! let other = ap::Acceptor::new(config().replay_cache(cache));
//! let token = first(&realm.ticket());
//! assert!(Acceptor::new(one).accept(&token, NOW).is_ok());
//! assert!(Acceptor::new(other).accept(&token, NOW).is_err());
//!
//! // After a restart an empty cache does not know what was admitted before: nothing is taken
//! // until one skew has passed.
//! let skew = Duration::from_secs(300);
//! let young = Arc::new(MemoryReplayCache::new().restarted(NOW, skew));
//! let restarted = ap::Acceptor::new(config().replay_cache(young));
//! assert!(Acceptor::new(restarted).accept(&token, NOW).is_err());
//! ```
//!
//! # One host
//!
//! ```no_run
//! use std::sync::Arc;
//! use orthros::ap::{AcceptorConfig, Accepts, ServiceKeys};
//! use orthros::env::Environment;
//!
//! # fn config(keys: Arc<ServiceKeys>, accepts: Accepts) -> Result<AcceptorConfig, orthros::error::Error> {
//! let config = AcceptorConfig::new(keys, accepts);
//! // KRB5RCACHENAME, else the file of this user: the name is MIT krb5's.
//! let name = Environment::of_process().replay_cache(None)?;
//! Ok(match name.open()? {
//!     Some(cache) => config.replay_cache(cache),
//!     // Somebody has set `none:`. Say so in the log.
//!     None => config.without_replay_cache(),
//! })
//! # }
//! ```
//!
//! # A fleet
//!
//! A server has to be waited for. [`verify`](crate::gss::Acceptor::verify) makes every check but
//! this one and gives the entry to ask about; [`admit`](crate::gss::Verified::admit) takes the
//! answer. Nothing about the client can be read in between.
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use orthros::ap::{self, AcceptorConfig, Accepts, ReplayEntry, ReplayVerdict};
//! use orthros::gss::{Acceptor, AwaitToken, SecurityContext};
//! use orthros::step::{Refusal, Step};
//! use orthros::time::Timestamp;
//!
//! /// `ask` is the cache on a server, such as `orthros_net::valkey`.
//! async fn accept(
//!     acceptor: Acceptor,
//!     token: &[u8],
//!     now: Timestamp,
//!     ask: impl AsyncFnOnce(&ReplayEntry) -> ReplayVerdict,
//! ) -> Result<Step<AwaitToken, SecurityContext>, Refusal> {
//!     let verified = acceptor.verify(token, now)?;
//!     let verdict = ask(verified.entry()).await;
//!     verified.admit(verdict, now)
//! }
//! # let realm = Example::new();
//! # let config = AcceptorConfig::new(realm.keys(), Accepts::Service(web()));
//! # let acceptor = Acceptor::new(ap::Acceptor::new(config));
//! # let _ = accept(acceptor, b"", NOW, async |_: &ReplayEntry| ReplayVerdict::Fresh);
//! ```
//!
//! # Rules
//!
//! - A cache that is full, or does not answer, refuses. It never forgets an entry before its time.
//! - Whoever goes on without an answer says `ReplayVerdict::Unchecked`, and
//!   [`Peer::replay_checked`](crate::ap::Peer::replay_checked) tells it.
