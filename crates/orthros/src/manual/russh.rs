//! russh: `gssapi-with-mic` (RFC 4462).
//!
//! russh speaks SSH and asks an authenticator of the caller for tokens. The server has chosen a
//! mechanism by its OID; when the context is there, it wants the MIC of what the authenticator is
//! given as `mic_data`.
//!
//! | russh | here |
//! |---|---|
//! | the mechanism offered, DER with tag | the OID of Kerberos V5, `06 09 2A 86 48 86 F7 12 01 02 02` |
//! | the first step, no token | [`Initiator::request`](crate::gss::Initiator::request) |
//! | further steps | [`AwaitReply::reply`](crate::gss::AwaitReply::reply) |
//! | `mic` | [`SecurityContext::get_mic`](crate::gss::SecurityContext::get_mic) |
//! | delegation, `GSSAPIDelegateCredentials` | [`Initiator::delegate`](crate::gss::Initiator::delegate), off unless called |
//!
//! The ticket is for `host/` and the server's name as the user wrote it.
//!
//! ```
//! # use std::{future::Future, time::SystemTime};
//! # use orthros::{error::Error, step::{Refusal, Step}, time::Timestamp};
//! use orthros::gss::{AwaitReply, Initiator, SecurityContext};
//!
//! // russh's, in shape.
//! enum GssapiStep {
//!     Continue { token: Vec<u8> },
//!     Complete { token: Option<Vec<u8>>, mic: Option<Vec<u8>> },
//! }
//! trait GssapiAuthenticator: Sized {
//!     type Error;
//!     fn gssapi_step(
//!         &mut self,
//!         selected_mechanism: Option<Vec<u8>>,
//!         input_token: Option<Vec<u8>>,
//!         mic_data: Vec<u8>,
//!     ) -> impl Future<Output = Result<GssapiStep, Self::Error>> + Send;
//! }
//!
//! # fn now() -> Timestamp { Timestamp::from(SystemTime::now()) }
//! const KERBEROS: [u8; 11] = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 1, 2, 2];
//!
//! enum Kerberos {
//!     Start(Initiator),
//!     Waiting(AwaitReply),
//!     Over,
//! }
//!
//! impl Kerberos {
//!     fn step(
//!         &mut self,
//!         mechanism: Option<Vec<u8>>,
//!         token: Option<Vec<u8>>,
//!         mic_data: &[u8],
//!     ) -> Result<GssapiStep, Refusal> {
//!         if mechanism.is_some_and(|oid| oid != KERBEROS) {
//!             return Err(Error::Unsupported("a mechanism that was not offered".into()).into());
//!         }
//!         let step = match (std::mem::replace(self, Self::Over), token) {
//!             (Self::Start(initiator), None) => initiator.request(now())?,
//!             (Self::Waiting(next), Some(token)) => next.reply(&token, now())?,
//!             _ => return Err(Error::Misuse("no token is due").into()),
//!         };
//!         Ok(match step {
//!             Step::Continue { token, next } => {
//!                 *self = Self::Waiting(next);
//!                 GssapiStep::Continue { token }
//!             }
//!             Step::Established { token, mut context } => GssapiStep::Complete {
//!                 token,
//!                 mic: Some(context.get_mic(mic_data)?),
//!             },
//!         })
//!     }
//! }
//!
//! impl GssapiAuthenticator for Kerberos {
//!     type Error = Refusal;
//!
//!     async fn gssapi_step(
//!         &mut self,
//!         selected_mechanism: Option<Vec<u8>>,
//!         input_token: Option<Vec<u8>>,
//!         mic_data: Vec<u8>,
//!     ) -> Result<GssapiStep, Refusal> {
//!         self.step(selected_mechanism, input_token, &mic_data)
//!     }
//! }
//! ```
//!
//! russh wants its own send error to become the authenticator's: wrap [`Refusal`] in an enum of
//! yours.
//!
//! [`Refusal`]: crate::step::Refusal
