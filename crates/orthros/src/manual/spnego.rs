//! How to: SPNEGO, both ends.
//!
//! HTTP (`Negotiate`), SMB, LDAP and WinRM wrap Kerberos' tokens in those of SPNEGO. The two ends
//! of [`spnego`](crate::spnego) are made of those of [`gss`](crate::gss) and give the same
//! [`SecurityContext`](crate::gss::SecurityContext).
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use orthros::ap::{self, AcceptorConfig, Accepts};
//! use orthros::gss::Protection;
//! use orthros::spnego::AwaitToken;
//! use orthros::step::Step;
//! use orthros::{gss, spnego};
//!
//! let realm = Example::new();
//! let config = AcceptorConfig::new(realm.keys(), Accepts::Service(web()));
//! let shared = ap::Acceptor::new(config);
//! let acceptor = spnego::Acceptor::new(gss::Acceptor::new(shared));
//! let initiator = spnego::Initiator::new(gss::Initiator::new(realm.ticket()));
//!
//! // Any number of legs.
//! let mut ours = initiator.request(NOW)?;
//! let mut waiting: Option<AwaitToken> = None;
//! let mut acceptor = Some(acceptor);
//! let mut theirs = None;
//! let mut ours = loop {
//!     let (token, next) = match ours {
//!         Step::Continue { token, next } => (Some(token), Err(next)),
//!         Step::Established { token, context } => (token, Ok(context)),
//!     };
//!     let mut answer = None;
//!     if let Some(token) = token {
//!         let step = match (waiting.take(), acceptor.take()) {
//!             (Some(waiting), _) => waiting.accept(&token, NOW)?,
//!             (None, Some(acceptor)) => acceptor.accept(&token, NOW)?,
//!             (None, None) => panic!("no token is due"),
//!         };
//!         match step {
//!             Step::Continue { token, next } => (answer, waiting) = (Some(token), Some(next)),
//!             Step::Established { token, context } => (answer, theirs) = (token, Some(context)),
//!         }
//!     }
//!     ours = match (next, answer) {
//!         (Ok(context), _) => break context,
//!         (Err(next), Some(answer)) => next.reply(&answer, NOW)?,
//!         (Err(_), None) => panic!("the acceptor says nothing"),
//!     };
//! };
//! let token = ours.wrap(Protection::Confidentiality, b"hello")?;
//! assert_eq!(theirs.unwrap().unwrap(&token)?.complete()?, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rules
//!
//! - Kerberos is the only mechanism here. What else a peer wants (NTLM, NegoEx, IAKERB) is named in
//!   the refusal, and nothing weaker is tried.
//! - The acceptor takes bare Kerberos tokens, too, and may speak first.
//! - In HTTP a context lives as long as its connection or its request, and there are no
//!   per-message tokens: bind it to the TLS channel
//!   ([`channel_bindings`](super::channel_bindings)), or whoever holds the token can spend it.
