//! How to: reports, explanations and events.
//!
//! Each acceptance and each refusal has one [`Record`](crate::report::Record): who, for which
//! service, with which key and enctype, how far the clocks differ, and a stable code for the cause.
//! No field can hold a key. A refusal has its [`Explanation`](crate::cause::Explanation) besides: one
//! sentence, the facts, likely reasons, and the command to run next.
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use std::time::Duration;
//! use orthros::ap::{self, AcceptorConfig, Accepts};
//! use orthros::gss::{Acceptor, Initiator};
//! use orthros::report::{ACCEPTED, Report};
//! use orthros::step::Step;
//!
//! let realm = Example::new();
//! let config = AcceptorConfig::new(realm.keys(), Accepts::Service(web()));
//! let shared = ap::Acceptor::new(config);
//! let Step::Continue { token, .. } = Initiator::new(realm.ticket()).request(NOW)? else { panic!() };
//!
//! // The service's clock is ten minutes ahead.
//! let late = NOW.plus(Duration::from_secs(600));
//! let refusal = Acceptor::new(shared.clone()).accept(&token, late).unwrap_err();
//! let record = Report::refused(&refusal).request(&token).at(late).source(&"192.0.2.7:40001").record();
//! assert!(!record.accepted);
//! assert_eq!(record.protocol_code, 37);
//! // Microseconds: the client's clock is behind.
//! assert!((-600_000_000..-599_000_000).contains(&record.clock_offset.unwrap()));
//! let failure = record.failure.as_ref().unwrap();
//! assert_eq!(record.cause, failure.code);
//! // For people, with reasons and commands.
//! println!("{}", failure.render());
//! // The peer gets a KRB-ERROR with the code, and nothing of all this.
//! assert!(refusal.token.is_some());
//!
//! let accepted = Acceptor::new(shared).accept(&token, NOW)?;
//! let Step::Established { context, .. } = accepted else { panic!() };
//! let record = Report::established(context.info()).request(&token).at(NOW).record();
//! assert_eq!(record.cause, ACCEPTED);
//! assert_eq!(record.client.unwrap().name, "alice@EXAMPLE.COM");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which field to look at
//!
//! | question | field |
//! |---|---|
//! | Why was it refused? | `cause`, then `failure` |
//! | Is the keytab older than the realm? | `kvno`, `keytab_entry`, `considered` |
//! | Whose clock is wrong? | `clock_offset`: the other side's minus ours |
//! | Who still uses a weak enctype? | `etype`, `session_etype`, `protection_etype` |
//! | Who is not bound to its TLS channel? | `channel_binding` |
//! | Is a name proven? | `verified` beside it: what is not, the other side has only written |
//!
//! # As JSON, as events
//!
//! - With the feature `serde` a record is serialisable, one object a line.
//! - With the feature `tracing` [`Report`](crate::report::Report) has `emit`: one event, INFO or
//!   WARN, and the fields of the span it is in. `report::accept_span()` makes that span; enter it
//!   before the request is judged.
//! - Metrics: count by `cause`. Codes never change, and no user's name is in one.
//!
//! Strings that the other side has written are shown with escapes where a character would move a
//! cursor or break a line.
