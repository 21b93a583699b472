//! smb2-client: octets for SESSION_SETUP, and the session key.
//!
//! | SMB | here |
//! |---|---|
//! | the security buffer | a context token; a server takes Kerberos' own as well as SPNEGO's |
//! | `Session.SessionKey` | the first 16 octets of [`SessionKeys::in_force`](crate::ap::SessionKeys::in_force) |
//! | which enctype that key has | [`Initiator::enctypes`](crate::gss::Initiator::enctypes) |
//!
//! The ticket is for `cifs/` and the server's name. The key is the acceptor's subkey if there is
//! one, so it is known only after the server's answer was verified.
//!
//! ```
//! # use std::time::SystemTime;
//! # use orthros::{credentials::Credentials, error::Error, step::{Refusal, Step}, time::Timestamp};
//! use orthros::gss::{AwaitReply, Initiator, SecurityContext};
//!
//! // What an SMB client asks of its authentication, in shape.
//! trait Authenticate {
//!     type Error;
//!     /// The security buffer of the next SESSION_SETUP request, if one is due.
//!     fn next(&mut self, server: Option<&[u8]>) -> Result<Option<Vec<u8>>, Self::Error>;
//!     fn session_key(&self) -> Option<[u8; 16]>;
//! }
//!
//! # fn now() -> Timestamp { Timestamp::from(SystemTime::now()) }
//! enum Kerberos { Start(Initiator), Waiting(AwaitReply), Established(SecurityContext), Over }
//!
//! impl Kerberos {
//!     fn new(ticket: Credentials) -> Self { Self::Start(Initiator::new(ticket)) }
//! }
//!
//! impl Authenticate for Kerberos {
//!     type Error = Refusal;
//!
//!     fn next(&mut self, server: Option<&[u8]>) -> Result<Option<Vec<u8>>, Refusal> {
//!         let step = match (std::mem::replace(self, Self::Over), server) {
//!             (Self::Start(initiator), _) => initiator.request(now())?,
//!             (Self::Waiting(next), Some(token)) => next.reply(token, now())?,
//!             _ => return Err(Error::Misuse("no token is due").into()),
//!         };
//!         Ok(match step {
//!             Step::Continue { token, next } => {
//!                 *self = Self::Waiting(next);
//!                 Some(token)
//!             }
//!             Step::Established { token, context } => {
//!                 *self = Self::Established(context);
//!                 token
//!             }
//!         })
//!     }
//!
//!     fn session_key(&self) -> Option<[u8; 16]> {
//!         match self {
//!             Self::Established(context) => {
//!                 context.info().keys.in_force().expose().first_chunk().copied()
//!             }
//!             _ => None,
//!         }
//!     }
//! }
//! ```
//!
//! A key of AES-256 has 32 octets, of which SMB 3.1.1 with AES-256 wants all: take `expose` whole
//! there.
