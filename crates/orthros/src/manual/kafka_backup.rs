//! kafka-backup: a SASL mechanism for each broker.
//!
//! Kafka authenticates and leaves protection to TLS: the layer is none. A context belongs to its
//! connection, so the factory makes a new one for each, with a ticket for `kafka/` and that
//! broker's host, and there is no authenticating anew on a live connection.
//!
//! | kafka-backup | here |
//! |---|---|
//! | `mechanism_name` | [`Mechanism`](crate::sasl::Mechanism), by name `GSSAPI`: Kerberos V5 and nothing else |
//! | `initial_payload` | [`Client::start`](crate::sasl::Client::start) |
//! | `continue_payload` | [`AwaitChallenge::challenge`](crate::sasl::AwaitChallenge::challenge) |
//! | `supports_reauth` | `false` |
//!
//! The methods take `&self`, so the state is in a mutex, and the futures are ready at once: the
//! ticket is fetched before, by the factory's owner.
//!
//! ```
//! # use std::{future::{Future, ready}, pin::Pin, sync::Mutex, time::SystemTime};
//! # use orthros::{credentials::Credentials, step::{Refusal, Step}, time::Timestamp};
//! use orthros::gss::Initiator;
//! use orthros::sasl::{AwaitChallenge, Client, Layer, Layers};
//!
//! // kafka-backup's, in shape; its `async fn` are boxed futures.
//! type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
//! #[derive(Debug)]
//! struct SaslPluginError(String);
//! enum SaslAuthOutcome { Continue(Vec<u8>), Done }
//! trait SaslMechanismPlugin: Send + Sync {
//!     fn mechanism_name(&self) -> &str;
//!     fn initial_payload(&self) -> Boxed<'_, Result<Vec<u8>, SaslPluginError>>;
//!     fn continue_payload<'a>(
//!         &'a self,
//!         server_bytes: &'a [u8],
//!     ) -> Boxed<'a, Result<SaslAuthOutcome, SaslPluginError>>;
//!     fn supports_reauth(&self) -> bool { true }
//! }
//!
//! # fn now() -> Timestamp { Timestamp::from(SystemTime::now()) }
//! impl From<orthros::error::Error> for SaslPluginError {
//!     fn from(error: orthros::error::Error) -> Self { Self(error.to_string()) }
//! }
//! impl From<Refusal> for SaslPluginError {
//!     fn from(refusal: Refusal) -> Self { Self(refusal.to_string()) }
//! }
//!
//! enum State { Start(Client), Waiting(AwaitChallenge), Over }
//! struct Gssapi(Mutex<State>);
//!
//! impl Gssapi {
//!     /// What the factory makes, with the ticket for this broker.
//!     fn new(ticket: Credentials) -> Self {
//!         let client = Client::gssapi(Initiator::new(ticket), Layers::only(Layer::None));
//!         Self(Mutex::new(State::Start(client)))
//!     }
//!
//!     fn step(&self, challenge: Option<&[u8]>) -> Result<SaslAuthOutcome, SaslPluginError> {
//!         let mut state = self.0.lock().map_err(|_| SaslPluginError("poisoned".into()))?;
//!         let step = match (std::mem::replace(&mut *state, State::Over), challenge) {
//!             (State::Start(client), None) => client.start(now())?,
//!             (State::Waiting(next), Some(challenge)) => next.challenge(challenge, now())?,
//!             // The broker's last word, after ours.
//!             (State::Over, Some([])) => return Ok(SaslAuthOutcome::Done),
//!             _ => return Err(SaslPluginError("no challenge is due".into())),
//!         };
//!         Ok(match step {
//!             Step::Continue { token, next } => {
//!                 *state = State::Waiting(next);
//!                 SaslAuthOutcome::Continue(token)
//!             }
//!             Step::Established { token: Some(token), .. } => SaslAuthOutcome::Continue(token),
//!             Step::Established { token: None, .. } => SaslAuthOutcome::Done,
//!         })
//!     }
//! }
//!
//! impl SaslMechanismPlugin for Gssapi {
//!     fn mechanism_name(&self) -> &str { "GSSAPI" }
//!     fn initial_payload(&self) -> Boxed<'_, Result<Vec<u8>, SaslPluginError>> {
//!         Box::pin(ready(self.step(None).map(|outcome| match outcome {
//!             SaslAuthOutcome::Continue(token) => token,
//!             SaslAuthOutcome::Done => Vec::new(),
//!         })))
//!     }
//!     fn continue_payload<'a>(
//!         &'a self,
//!         server_bytes: &'a [u8],
//!     ) -> Boxed<'a, Result<SaslAuthOutcome, SaslPluginError>> {
//!         Box::pin(ready(self.step(Some(server_bytes))))
//!     }
//!     fn supports_reauth(&self) -> bool { false }
//! }
//! ```
