//! How to: channel bindings.
//!
//! Inside TLS, a Kerberos context says who the client is, and nothing about whose TLS connection it
//! came through. Somebody in the middle, with a connection to each side, can pass its tokens on.
//! Channel bindings put a digest of the TLS channel under the authenticator's checksum: then the
//! two sides notice.
//!
//! | type | made from | for |
//! |---|---|---|
//! | [`tls_server_end_point`](crate::channel::tls_server_end_point) | the server's certificate | HTTP, LDAP, SMTP: what Windows and MIT krb5 use |
//! | [`tls_exporter`](crate::channel::tls_exporter) | 32 octets that the connection exports | GS2, and protocols that demand it; TLS 1.3 |
//! | [`tls_unique`](crate::channel::tls_unique) | the first Finished message | old protocols; TLS 1.2 |
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use orthros::ap::{self, AcceptorConfig, Accepts};
//! use orthros::channel;
//! use orthros::gss::{Acceptor, AcceptorBindings, BindingOutcome, ContextFlags, Initiator};
//! use orthros::step::Step;
//!
//! let realm = Example::new();
//! let config = AcceptorConfig::new(realm.keys(), Accepts::Service(web()));
//! let shared = ap::Acceptor::new(config);
//! let ticket = realm.ticket();
//! let first = |initiator: Initiator| match initiator.request(NOW).unwrap() {
//!     Step::Continue { token, .. } => token,
//!     Step::Established { token, .. } => token.unwrap(),
//! };
//!
//! // Both sides: rustls' export_keying_material with channel::EXPORTER_LABEL and no context.
//! let exported = [7; 32];
//! let ours = || channel::tls_exporter(&exported);
//! let accept = |policy, token: &[u8]| {
//!     match Acceptor::new(shared.clone()).bindings(policy).accept(token, NOW) {
//!         Ok(Step::Established { context, .. }) => Some(context),
//!         _ => None,
//!     }
//! };
//!
//! let bound = first(Initiator::new(ticket.clone()).bindings(ours()));
//! let context = accept(AcceptorBindings::Require(ours().into()), &bound).unwrap();
//! assert!(context.flags().contains(ContextFlags::CHANNEL_BOUND));
//!
//! // Through another channel.
//! let passed_on = first(Initiator::new(ticket.clone()).bindings(channel::tls_exporter(&[8; 32])));
//! assert!(accept(AcceptorBindings::Require(ours().into()), &passed_on).is_none());
//!
//! // A client without bindings: required or allowed.
//! let unbound = first(Initiator::new(ticket.clone()));
//! assert!(accept(AcceptorBindings::Require(ours().into()), &unbound).is_none());
//! let unbound = first(Initiator::new(ticket));
//! let context = accept(AcceptorBindings::Allow(ours().into()), &unbound).unwrap();
//! assert_eq!(context.info().bindings, BindingOutcome::Absent);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How to introduce them
//!
//! 1. [`AcceptorBindings::Audit`](crate::gss::AcceptorBindings) lets everybody in, and the
//!    [report](super::reports) says who would have been refused.
//! 2. `Allow` refuses wrong bindings and lets in clients that have none.
//! 3. `Require` is the end of it.
//!
//! # Rules
//!
//! - Both sides use the same type.
//! - Behind a proxy that ends TLS the service sees another channel than the client: the proxy has
//!   to tell which, over a way that clients cannot write to.
//! - One exported value is for one authentication, and never a key.
