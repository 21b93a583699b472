//! How to: SASL, both ends.
//!
//! LDAP, Kafka, HDFS, IMAP and AMQP speak GSS-API inside SASL. The machines of
//! [`sasl`](crate::sasl) take and give messages; how these travel is the protocol's affair.
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use orthros::ap::{self, AcceptorConfig, Accepts};
//! use orthros::gss::{self, Initiator};
//! use orthros::sasl::{Client, Layer, Layers, Server};
//! use orthros::step::Step;
//!
//! let realm = Example::new();
//! // Encrypts or signs, and refuses a peer that has neither.
//! let layers = Layers::at_least(Layer::Integrity);
//! let client = Client::gssapi(Initiator::new(realm.ticket()), layers);
//! let config = AcceptorConfig::new(realm.keys(), Accepts::Service(web()));
//! let acceptor = gss::Acceptor::new(ap::Acceptor::new(config));
//! let mut server = Server::gssapi(acceptor, layers);
//!
//! let mut step = client.start(NOW)?;
//! let (mut ours, mut theirs) = loop {
//!     // The client's message, and what it waits for or has.
//!     let (response, client) = match step {
//!         Step::Continue { token, next } => (token, Err(next)),
//!         Step::Established { token, context } => (token.unwrap_or_default(), Ok(context)),
//!     };
//!     match (server.respond(&response, NOW)?, client) {
//!         (Step::Continue { token, next }, Err(client)) => {
//!             server = next;
//!             step = client.challenge(&token, NOW)?;
//!         }
//!         (Step::Established { context, .. }, Ok(client)) => break (client, context),
//!         _ => panic!("only one side is done"),
//!     }
//! };
//! // The strongest layer that both have.
//! assert_eq!((ours.layer(), theirs.layer()), (Layer::Confidentiality, Layer::Confidentiality));
//! assert_eq!(theirs.info().initiator, name("alice"));
//! // Nobody acts for another unless `authorize` says so.
//! assert_eq!(theirs.authzid(), None);
//!
//! let (mut wire, mut text) = (Vec::new(), Vec::new());
//! ours.encode(b"search", &mut wire)?;
//! theirs.decode(&wire, &mut text)?;
//! assert_eq!(text, b"search");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rules
//!
//! - The first octet of the layer follows the message that says how the exchange ended, in each
//!   direction. Octets that arrive before it are not part of the layer.
//! - [`Layers`](crate::sasl::Layers) is what you accept: do not offer
//!   [`Layer::None`](crate::sasl::Layer) without TLS below, and bind to that TLS
//!   ([`channel_bindings`](super::channel_bindings)).
//! - A server with the keys of several services names its own
//!   ([`Server::service`](crate::sasl::Server::service)).
//! - A stream over the layer is `SecureStream::sasl` of `orthros-net`.
