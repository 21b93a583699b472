//! hdfs-native: a SASL session, with or without a security layer.
//!
//! | hdfs-native | here |
//! |---|---|
//! | `auth`, `auth-int`, `auth-conf` of the server's challenge | [`Layers`](crate::sasl::Layers): what the configuration takes |
//! | `step(token)`: a token and whether it is the last | [`Client::start`](crate::sasl::Client::start), [`AwaitChallenge::challenge`](crate::sasl::AwaitChallenge::challenge) |
//! | `has_security_layer` | [`Session::layer`](crate::sasl::Session::layer) |
//! | `encode`, `decode` | the same: lengths before the tokens come and go with them |
//! | `get_user_info` | [`ContextInfo::initiator`](crate::gss::ContextInfo) |
//!
//! The ticket is for the service and host of the name node, with `_HOST` replaced. Nothing is
//! delegated unless [`Initiator::delegate`](crate::gss::Initiator::delegate) is called.
//!
//! ```
//! # use std::time::SystemTime;
//! # use orthros::{step::{Refusal, Step}, time::Timestamp};
//! use orthros::sasl::{AwaitChallenge, Client, Layer, Session};
//!
//! // hdfs-native's, in shape.
//! struct HdfsError(String);
//! type Result<T> = std::result::Result<T, HdfsError>;
//! struct UserInfo { effective_user: Option<String>, real_user: Option<String> }
//! trait SaslSession: Send + Sync {
//!     fn step(&mut self, token: Option<&[u8]>) -> Result<(Vec<u8>, bool)>;
//!     fn has_security_layer(&self) -> bool;
//!     fn encode(&mut self, buf: &[u8]) -> Result<Vec<u8>>;
//!     fn decode(&mut self, buf: &[u8]) -> Result<Vec<u8>>;
//!     fn get_user_info(&self) -> Result<UserInfo>;
//! }
//!
//! # fn now() -> Timestamp { Timestamp::from(SystemTime::now()) }
//! impl From<orthros::error::Error> for HdfsError {
//!     fn from(error: orthros::error::Error) -> Self { Self(error.to_string()) }
//! }
//! impl From<Refusal> for HdfsError {
//!     fn from(refusal: Refusal) -> Self { Self(refusal.to_string()) }
//! }
//!
//! enum Gssapi { Start(Client), Waiting(AwaitChallenge), Established(Session), Over }
//!
//! impl Gssapi {
//!     fn session(&mut self) -> Result<&mut Session> {
//!         match self {
//!             Self::Established(session) => Ok(session),
//!             _ => Err(HdfsError("no session yet".into())),
//!         }
//!     }
//! }
//!
//! impl SaslSession for Gssapi {
//!     fn step(&mut self, token: Option<&[u8]>) -> Result<(Vec<u8>, bool)> {
//!         let step = match (std::mem::replace(self, Self::Over), token) {
//!             (Self::Start(client), _) => client.start(now())?,
//!             (Self::Waiting(next), Some(challenge)) => next.challenge(challenge, now())?,
//!             _ => return Err(HdfsError("no challenge is due".into())),
//!         };
//!         Ok(match step {
//!             Step::Continue { token, next } => {
//!                 *self = Self::Waiting(next);
//!                 (token, false)
//!             }
//!             Step::Established { token, context } => {
//!                 *self = Self::Established(context);
//!                 (token.unwrap_or_default(), true)
//!             }
//!         })
//!     }
//!     fn has_security_layer(&self) -> bool {
//!         matches!(self, Self::Established(session) if session.layer() != Layer::None)
//!     }
//!     fn encode(&mut self, buf: &[u8]) -> Result<Vec<u8>> {
//!         let mut out = Vec::new();
//!         self.session()?.encode(buf, &mut out)?;
//!         Ok(out)
//!     }
//!     fn decode(&mut self, buf: &[u8]) -> Result<Vec<u8>> {
//!         let mut out = Vec::new();
//!         self.session()?.decode(buf, &mut out)?;
//!         Ok(out)
//!     }
//!     fn get_user_info(&self) -> Result<UserInfo> {
//!         match self {
//!             Self::Established(session) => Ok(UserInfo {
//!                 effective_user: Some(session.info().initiator.to_string()),
//!                 real_user: None,
//!             }),
//!             _ => Err(HdfsError("no session yet".into())),
//!         }
//!     }
//! }
//! ```
