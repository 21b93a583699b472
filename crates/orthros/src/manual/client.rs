//! How to: a client with a credential cache, or with a keytab of its own.
//!
//! # With a cache
//!
//! Somebody has logged in (`kinit`, a login session), and the TGT is in a cache. What the client
//! needs is a ticket for the service: it may be in the cache, too, or is asked for with the TGT.
//! `orthros-net` carries the question to a KDC.
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use orthros::ccache::CredentialCache;
//! use orthros::client::TgsExchange;
//! use orthros::credentials::Credentials;
//! use orthros::crypto::DEFAULT_ENCTYPES;
//! use orthros::error::Error;
//! use orthros::gss::Initiator;
//! use orthros::principal::Principal;
//! use orthros::time::Timestamp;
//!
//! /// The ticket for `service`; `ask` carries an exchange to a KDC and back.
//! fn ticket(
//!     cache: &CredentialCache,
//!     service: Principal,
//!     now: Timestamp,
//!     ask: impl Fn(TgsExchange) -> Result<Credentials, Error>,
//! ) -> Result<Credentials, Error> {
//!     if let Some(found) = cache.find(&service, now, DEFAULT_ENCTYPES) {
//!         return cache.to_credentials(found);
//!     }
//!     let tgt = cache.tgt(now, DEFAULT_ENCTYPES).ok_or(Error::Misuse("nobody has logged in"))?;
//!     ask(TgsExchange::new(&cache.to_credentials(tgt)?, service))
//! }
//!
//! # let realm = Example::new();
//! // In a program: env::read_ccache(&env::resolve(&Environment::of_process().ccache(None)?)?)?
//! let cache = CredentialCache::with_credentials(&realm.tgt());
//! let ask = |exchange: TgsExchange| Ok(realm.ask(exchange.start(NOW)?)?.credentials);
//! let ticket = ticket(&cache, web(), NOW, ask)?;
//! assert_eq!(ticket.server, web());
//! let first = Initiator::new(ticket).request(NOW)?;
//! # let _ = first;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # With a keytab
//!
//! A daemon has nobody to type a password. Its keytab gives a TGT, and a new one before that ends.
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use std::time::Duration;
//! use orthros::client::AsExchange;
//! use orthros::time::Timestamp;
//!
//! # let realm = Example::new();
//! # let keytab = realm.kdc.keytab_for(&name("alice"), NOW)?;
//! // In a program: env::read_keytab(environment.client_keytab(None)?...)?
//! let login = AsExchange::with_keytab(name("alice"), &keytab);
//! let tgt = realm.ask(login.start(NOW)?)?.credentials;
//! assert!(Timestamp::from(tgt.endtime) > NOW.plus(Duration::from_secs(3_600)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rules
//!
//! - The service's name is what the user asked for, not what a name server makes of it.
//! - A TGT proves nothing to the program that got it: whoever answers in the KDC's place can make
//!   one for any password. A program that logs people in uses
//!   [`LoginCheck`](crate::client::LoginCheck).
//! - Write caches with [`env`](mod@crate::env): its functions make files that nobody else can read, and
//!   replace them whole.
//! - Credentials keep the difference between the KDC's clock and ours. Give every call the same
//!   clock and never correct it yourself.
