//! How to: test a service or a client against a realm of one's own.
//!
//! A [`TestRealm`] is a KDC on a free port of loopback, with its files in a directory of its own,
//! a clock that is turned by hand, and no trace when it is dropped. A test makes one for itself;
//! nothing is shared, and any number run side by side.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
//! use orthros::client::{AsExchange, TgsExchange};
//! use orthros::error::Error;
//! use orthros::gss::{Acceptor, Initiator, MajorStatus, Role};
//! use orthros::principal::Principal;
//! use orthros::secret::Secret;
//! use orthros::step::{Ask, Awaiting, Step};
//! use orthros_kdc::TestRealm;
//!
//! let realm = TestRealm::start()?;
//! let alice = realm.user("alice", "open sesame")?;
//! let keytab = realm.service("HTTP/localhost")?;
//! let web = Principal::parse("HTTP/localhost", Some(&realm.name()))?;
//!
//! // The way over the network is `KdcClient` of orthros-net; here the realm is asked directly.
//! fn ask<N: Awaiting>(realm: &TestRealm, mut ask: Ask<N, N::Output>) -> Result<N::Output, Error> {
//!     loop {
//!         ask = match ask {
//!             Ask::Done(output) => return Ok(output),
//!             Ask::Send { request, next, .. } => {
//!                 let now = realm.clock().now();
//!                 next.reply(&realm.kdc().answer(&request, now).unwrap(), now)?
//!             }
//!         };
//!     }
//! }
//! let now = realm.clock().now();
//! let login = AsExchange::with_password(alice, Secret::from("open sesame"));
//! let tgt = ask(&realm, login.start(now)?)?.credentials;
//! let ticket = ask(&realm, TgsExchange::new(&tgt, web.clone()).start(now)?)?.credentials;
//!
//! // The service under test.
//! let keys = Arc::new(ServiceKeys::from(&keytab));
//! let service = ap::Acceptor::new(AcceptorConfig::new(keys, Accepts::Service(web)));
//! let request = |now| match Initiator::new(ticket.clone()).request(now).unwrap() {
//!     Step::Continue { token, .. } => token,
//!     Step::Established { token, .. } => token.unwrap(),
//! };
//! let accepted = Acceptor::new(service.clone()).accept(&request(now), now)?;
//! assert!(matches!(accepted, Step::Established { .. }));
//!
//! // What it does when a client's clock is wrong, and after the ticket has ended.
//! let old = request(now);
//! realm.clock().advance(Duration::from_secs(600));
//! let refusal = Acceptor::new(service.clone()).accept(&old, realm.clock().now()).unwrap_err();
//! assert_eq!(refusal.error.protocol_code().0, 37);
//! realm.clock().advance(Duration::from_secs(2 * 86_400));
//! let late = Initiator::new(ticket.clone()).request(realm.clock().now()).unwrap_err();
//! assert_eq!(late.gss_major(Role::Initiator), MajorStatus::CREDENTIALS_EXPIRED);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # With programs of others
//!
//! [`TestRealm::environment`] is what a C program needs to be in this realm: `KRB5_CONFIG`, a cache
//! and a keytab of the realm's own. Set them for the child process only.
//!
//! ```no_run
//! use std::process::Command;
//! use orthros_kdc::TestRealm;
//!
//! let realm = TestRealm::start()?;
//! realm.service("HTTP/localhost")?;
//! let status = Command::new("kvno").arg("HTTP/localhost").envs(realm.environment()).status()?;
//! # let _ = status;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! On the command line `orthros dev` is the same: a realm for as long as a program runs.
//!
//! # Rules
//!
//! - Take the time of [`TestRealm::clock`] in everything, and nothing sleeps.
//! - A principal's attributes, keys and times are those of [`PrincipalSpec`]; what a KDC of
//!   Windows or MIT krb5 would do differently, this one does not show.
//! - A test of a refusal breaks one rule, and asserts the cause code or the number, not a text.
//!
//! [`TestRealm`]: crate::TestRealm
//! [`TestRealm::environment`]: crate::TestRealm::environment
//! [`TestRealm::clock`]: crate::TestRealm::clock
//! [`PrincipalSpec`]: crate::PrincipalSpec
