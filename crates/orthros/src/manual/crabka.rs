//! crabka, a Kafka broker: both ends of a context.
//!
//! crabka negotiates the layer of RFC 4752 itself and wants tokens, wrap and unwrap.
//! [`sasl`](crate::sasl) does all of that, if one day it is to be asked.
//!
//! | crabka | here |
//! |---|---|
//! | a keytab with several service names | [`Accepts`](crate::ap::Accepts) says for which of them |
//! | `AcceptStep`, `InitStep` | [`Step`](crate::step::Step) |
//! | `wrap(plaintext, confidential)` | [`wrap`](crate::gss::SecurityContext::wrap) with [`Protection`](crate::gss::Protection) |
//! | `unwrap`, integrity-only tokens of Java clients too | [`unwrap`](crate::gss::SecurityContext::unwrap), which takes both |
//! | `src_principal` | [`ContextInfo::initiator`](crate::gss::ContextInfo) |
//!
//! `wrap` takes `&self` there: one number is used up for each token, so a mutex it is.
//!
//! ```
//! # use std::{sync::Mutex, time::SystemTime};
//! # use orthros::{step::{Refusal, Step}, time::Timestamp};
//! use orthros::gss::{AwaitReply, AwaitToken, Initiator, Protection, SecurityContext};
//!
//! // crabka's, in shape.
//! enum AcceptStep { Continue(Vec<u8>), Established(Option<Vec<u8>>) }
//! enum InitStep { Continue(Vec<u8>), Established(Option<Vec<u8>>) }
//! struct GssError(String);
//! trait GssAcceptor: Send + Sync {
//!     fn accept(&mut self, client_token: &[u8]) -> Result<AcceptStep, GssError>;
//!     fn wrap(&self, plaintext: &[u8], confidential: bool) -> Result<Vec<u8>, GssError>;
//!     fn unwrap(&self, token: &[u8]) -> Result<Vec<u8>, GssError>;
//!     fn src_principal(&self) -> Result<String, GssError>;
//! }
//! trait GssInitiator: Send + Sync {
//!     fn step(&mut self, server_token: Option<&[u8]>) -> Result<InitStep, GssError>;
//!     fn wrap(&self, plaintext: &[u8], confidential: bool) -> Result<Vec<u8>, GssError>;
//!     fn unwrap(&self, token: &[u8]) -> Result<Vec<u8>, GssError>;
//! }
//!
//! # fn now() -> Timestamp { Timestamp::from(SystemTime::now()) }
//! impl From<orthros::error::Error> for GssError {
//!     fn from(error: orthros::error::Error) -> Self { Self(error.to_string()) }
//! }
//! impl From<Refusal> for GssError {
//!     fn from(refusal: Refusal) -> Self { Self(refusal.to_string()) }
//! }
//!
//! /// What is established, for both.
//! #[derive(Default)]
//! struct Session(Mutex<Option<SecurityContext>>);
//!
//! impl Session {
//!     fn with<T>(
//!         &self,
//!         call: impl FnOnce(&mut SecurityContext) -> Result<T, orthros::error::Error>,
//!     ) -> Result<T, GssError> {
//!         let mut context = self.0.lock().map_err(|_| GssError("poisoned".into()))?;
//!         let context = context.as_mut().ok_or(GssError("no context yet".into()))?;
//!         Ok(call(context)?)
//!     }
//!
//!     fn wrap(&self, plaintext: &[u8], confidential: bool) -> Result<Vec<u8>, GssError> {
//!         let protection = match confidential {
//!             true => Protection::Confidentiality,
//!             false => Protection::Integrity,
//!         };
//!         self.with(|context| context.wrap(protection, plaintext))
//!     }
//!
//!     fn unwrap(&self, token: &[u8]) -> Result<Vec<u8>, GssError> {
//!         self.with(|context| context.unwrap(token)?.complete())
//!     }
//! }
//!
//! struct Accepting { acceptor: Option<AwaitToken>, session: Session }
//!
//! impl GssAcceptor for Accepting {
//!     fn accept(&mut self, client_token: &[u8]) -> Result<AcceptStep, GssError> {
//!         let acceptor = self.acceptor.take().ok_or(GssError("no token is due".into()))?;
//!         Ok(match acceptor.accept(client_token, now())? {
//!             Step::Continue { token, next } => {
//!                 self.acceptor = Some(next);
//!                 AcceptStep::Continue(token)
//!             }
//!             Step::Established { token, context } => {
//!                 self.session = Session(Mutex::new(Some(context)));
//!                 AcceptStep::Established(token)
//!             }
//!         })
//!     }
//!     fn wrap(&self, plaintext: &[u8], confidential: bool) -> Result<Vec<u8>, GssError> {
//!         self.session.wrap(plaintext, confidential)
//!     }
//!     fn unwrap(&self, token: &[u8]) -> Result<Vec<u8>, GssError> {
//!         self.session.unwrap(token)
//!     }
//!     fn src_principal(&self) -> Result<String, GssError> {
//!         self.session.with(|context| Ok(context.info().initiator.to_string()))
//!     }
//! }
//!
//! enum Init { Start(Initiator), Waiting(AwaitReply), Over }
//! struct Initiating { init: Init, session: Session }
//!
//! impl GssInitiator for Initiating {
//!     fn step(&mut self, server_token: Option<&[u8]>) -> Result<InitStep, GssError> {
//!         let step = match (std::mem::replace(&mut self.init, Init::Over), server_token) {
//!             (Init::Start(initiator), None) => initiator.request(now())?,
//!             (Init::Waiting(next), Some(token)) => next.reply(token, now())?,
//!             _ => return Err(GssError("no token is due".into())),
//!         };
//!         Ok(match step {
//!             Step::Continue { token, next } => {
//!                 self.init = Init::Waiting(next);
//!                 InitStep::Continue(token)
//!             }
//!             Step::Established { token, context } => {
//!                 self.session = Session(Mutex::new(Some(context)));
//!                 InitStep::Established(token)
//!             }
//!         })
//!     }
//!     fn wrap(&self, plaintext: &[u8], confidential: bool) -> Result<Vec<u8>, GssError> {
//!         self.session.wrap(plaintext, confidential)
//!     }
//!     fn unwrap(&self, token: &[u8]) -> Result<Vec<u8>, GssError> {
//!         self.session.unwrap(token)
//!     }
//! }
//! ```
