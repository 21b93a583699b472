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
//! | | file |
//! |---|---|
//! | the framing of context tokens | `token` |
//! | the 0x8003 checksum of the authenticator | `checksum` |
//! | channel bindings | `bindings` |
//! | delegated credentials | `delegation` |
//! | the exchange | `initiator`, `acceptor` |
//! | what it gives | `context` |
//! | Wrap and MIC tokens | `message` |
//! | replay and sequence detection of these | `window` |
//! | major status values | `status` |
//!
//! Not here: the tokens of RFC 1964 for RC4, DCE style, IOV.
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
mod bindings;
mod checksum;
mod context;
mod delegation;
mod initiator;
mod message;
mod status;
pub mod token;
mod window;

#[cfg(test)]
mod tests;

pub use acceptor::{Acceptor, Verified};
pub use bindings::{AcceptorBindings, ChannelBindings};
pub use checksum::{ContextFlags, Extension, GssChecksum};
pub use context::{ContextInfo, SecurityContext};
pub use initiator::{AwaitReply, Initiator};
pub use message::{MessageKeys, Protection, Receiver, Role, Room, Sender, Unwrapped};
pub use status::MajorStatus;
pub use window::{SequenceStatus, Window};
