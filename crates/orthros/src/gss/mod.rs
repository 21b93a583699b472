//! The Kerberos V5 mechanism of GSS-API (RFC 4121).
//!
//! ```text
//!                      60 len OID 01 00 AP-REQ
//!  Initiator ─────────────────────────────────────────▶ Acceptor
//!      │ request     authenticator's 0x8003 checksum:      │ accept
//!      ▼             bindings, flags, delegation           ▼
//!  AwaitReply ◀───────────────────────────────────── SecurityContext
//!      │ reply         60 len OID 02 00 AP-REP
//!      ▼               (if mutual)
//!  SecurityContext ◀═══ Wrap and MIC tokens, no framing ═══▶
//! ```
//!
//! ```no_run
//! # use orthros::{ap, credentials::Credentials, step::{Refusal, Step}, time::Timestamp};
//! use orthros::gss::{Acceptor, Initiator, Protection, SecurityContext};
//!
//! fn initiate(
//!     ticket: Credentials,
//!     now: Timestamp,
//!     exchange: impl Fn(Vec<u8>) -> Vec<u8>,
//! ) -> Result<SecurityContext, Refusal> {
//!     let mut step = Initiator::new(ticket).request(now)?;
//!     loop {
//!         step = match step {
//!             Step::Continue { token, next } => next.reply(&exchange(token), now)?,
//!             Step::Established { context, .. } => return Ok(context),
//!         };
//!     }
//! }
//!
//! /// The tokens to send, in order.
//! fn greet(
//!     acceptor: ap::Acceptor,
//!     token: &[u8],
//!     now: Timestamp,
//! ) -> Result<Vec<Vec<u8>>, Refusal> {
//!     match Acceptor::new(acceptor).accept(token, now)? {
//!         Step::Established { token, mut context } => {
//!             let hello = format!("Hello {}", context.info().initiator);
//!             let hello = context.wrap(Protection::Confidentiality, hello.as_bytes())?;
//!             Ok(token.into_iter().chain([hello]).collect())
//!         }
//!         Step::Continue { token, .. } => Ok(vec![token]),
//!     }
//! }
//! ```
//!
//! | | file |
//! |---|---|
//! | the framing of context tokens | `token` |
//! | the 0x8003 checksum of the authenticator | `checksum` |
//! | channel bindings | `bindings` |
//! | DCE style, three legs | `dce` |
//! | GSS_Pseudo_random | `prf` |
//! | delegated credentials | `delegation` |
//! | the exchange | `initiator`, `acceptor` |
//! | what it gives | `context` |
//! | Wrap and MIC tokens | `message` |
//! | those of RFC 1964 for RC4, feature `legacy` | `rfc1964` |
//! | many of them at once | `bulk` |
//! | of messages in several places | `detached` |
//! | replay and sequence detection of these | `window` |
//! | major status values | `status` |
//! | user-to-user, a mechanism of its own | `user_to_user` |
//! | names, imported and exported | `name` |
//! | what the mechanism has | `attributes` |
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod acceptor;
mod attributes;
mod bindings;
mod bulk;
mod checksum;
mod context;
mod dce;
mod delegation;
mod detached;
mod initiator;
mod message;
mod name;
mod prf;
#[cfg(feature = "legacy")]
mod rfc1964;
mod status;
pub mod token;
mod user_to_user;
mod window;

#[cfg(test)]
pub(crate) mod tests;

pub use acceptor::{Acceptor, AwaitToken, Verified};
pub use attributes::MechAttribute;
pub use bindings::{AcceptorBindings, BindingOutcome, BindingType, Candidates, ChannelBindings};
pub use checksum::{ContextFlags, Extension, GssChecksum};
pub use context::{ContextInfo, SecurityContext};
pub use dce::AwaitThirdLeg;
pub use detached::{DetachedRoom, Piece};
pub use initiator::{AwaitReply, Initiator};
pub use message::{MessageKeys, Protection, Receiver, Role, Room, Sender, Unwrapped};
pub use name::{
    BadName, ExportedName, GssNameType, HostBasedService, KerberosName, Locality, Name, Uid,
    UserName,
};
pub use prf::PrfKey;
pub use status::MajorStatus;
pub use user_to_user::{AskTgt, AwaitTgt};
pub use window::{SequenceStatus, Window};
