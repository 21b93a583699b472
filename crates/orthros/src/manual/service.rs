//! How to: a service with a keytab, whose keys change while it runs.
//!
//! A service needs three things: its keys, the name for which it accepts tickets, and an
//! [`ap::Acceptor`](crate::ap::Acceptor) that is made of them once. Each connection gets a
//! [`gss::Acceptor`](crate::gss::Acceptor) of its own, which costs nothing.
//!
//! ```no_run
//! use std::sync::Arc;
//! use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
//! use orthros::env::{self, Environment};
//! use orthros::gss;
//! use orthros::principal::Principal;
//!
//! let environment = Environment::of_process();
//! // KRB5_KTNAME, else /etc/krb5.keytab.
//! let keytab = env::read_keytab(environment.keytab(None)?.path())?;
//! let keys = Arc::new(ServiceKeys::from(&keytab));
//! let us = Principal::parse("HTTP/web.example.com@EXAMPLE.COM", None)?;
//! let config = AcceptorConfig::new(keys, Accepts::Service(us));
//! let acceptor = ap::Acceptor::new(config);
//! // For each connection:
//! let connection = gss::Acceptor::new(acceptor.clone());
//! # let _ = connection;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # New keys
//!
//! When the realm gives the service a new key, tickets under the old one live on for hours. So a
//! keytab holds both for a while, and the running service has to learn the new one.
//! An acceptor does not change. Make another from the new keytab, **with the same replay cache**,
//! and use it for new connections; those that are established are not touched.
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use std::sync::{Arc, PoisonError, RwLock};
//! use orthros::ap::{self, AcceptorConfig, Accepts, MemoryReplayCache, ReplayCache, ServiceKeys};
//! use orthros::error::{Error, Rejection};
//! use orthros::gss::{self, Initiator};
//! use orthros::keytab::Keytab;
//! use orthros::principal::Principal;
//! use orthros::step::Step;
//!
//! struct Service {
//!     name: Principal,
//!     replays: Arc<dyn ReplayCache>,
//!     acceptor: RwLock<ap::Acceptor>,
//! }
//!
//! impl Service {
//!     fn make(name: &Principal, replays: &Arc<dyn ReplayCache>, keytab: &Keytab) -> ap::Acceptor {
//!         let keys = Arc::new(ServiceKeys::from(keytab));
//!         let config = AcceptorConfig::new(keys, Accepts::Service(name.clone()));
//!         ap::Acceptor::new(config.replay_cache(Arc::clone(replays)))
//!     }
//!
//!     fn new(name: Principal, keytab: &Keytab) -> Self {
//!         let replays: Arc<dyn ReplayCache> = Arc::new(MemoryReplayCache::new());
//!         let acceptor = RwLock::new(Self::make(&name, &replays, keytab));
//!         Self { name, replays, acceptor }
//!     }
//!
//!     /// On a signal, or when the keytab's time of change is another.
//!     fn reload(&self, keytab: &Keytab) {
//!         let acceptor = Self::make(&self.name, &self.replays, keytab);
//!         *self.acceptor.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
//!     }
//!
//!     fn connection(&self) -> gss::Acceptor {
//!         let acceptor = self.acceptor.read().unwrap_or_else(PoisonError::into_inner);
//!         gss::Acceptor::new(acceptor.clone())
//!     }
//! }
//!
//! let realm = Example::new();
//! let service = Service::new(web(), &realm.keytab());
//! let old_ticket = realm.ticket();
//! assert_eq!(realm.kdc.rekey(&web())?, 2);
//! let new_ticket = realm.ticket();
//! let first = |ticket| match Initiator::new(ticket).request(NOW).unwrap() {
//!     Step::Continue { token, .. } => token,
//!     Step::Established { token, .. } => token.unwrap(),
//! };
//!
//! // The service does not know the new key, and says which version it lacks.
//! let refusal = service.connection().accept(&first(new_ticket.clone()), NOW).unwrap_err();
//! let Error::Rejected(rejection) = &refusal.error else { panic!() };
//! assert!(matches!(**rejection, Rejection::KeyVersion { kvno: 2, newest: 1, .. }));
//!
//! // After it has read the keytab again, both tickets are good.
//! service.reload(&realm.keytab());
//! assert!(service.connection().accept(&first(new_ticket), NOW).is_ok());
//! let token = first(old_ticket);
//! assert!(service.connection().accept(&token, NOW).is_ok());
//! // What was seen before the next change is still known after it.
//! service.reload(&realm.keytab());
//! assert!(service.connection().accept(&token, NOW).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rules
//!
//! - Name the service ([`Accepts::Service`](crate::ap::Accepts), [`Accepts::Class`](crate::ap::Accepts)).
//!   `AnyKey` lets a ticket for one service of the keytab open another.
//! - Do not remove the old key from the keytab before the longest life of a ticket has passed.
//! - A refused connection is not answered with a reason. Send the refusal's token, if there is
//!   one, and log its [report](super::reports).
