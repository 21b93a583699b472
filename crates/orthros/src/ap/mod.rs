//! The AP exchange (RFC 4120 §3.2): a client proves who it is, the server proves itself back.
//!
//! ```text
//! client                                                      server
//! Initiator ─── AP-REQ { ticket, authenticator } ───────────▶ Acceptor
//!                                                             the checks of `verify`, in order
//! AwaitReply ◀── AP-REP { the authenticator's time } ──────── Accepted { Peer, SessionKeys }
//! SessionKeys
//! ```
//!
//! The exchange alone carries no application data. GSS-API ([`gss`](crate::gss)) and the TGS
//! exchange are built on it; what its checksum protects is a [`Binding`].
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
mod address;
mod authdata;
mod binding;
mod error_reply;
mod initiator;
mod keys;
mod peer;
mod policy;
mod replay;
mod session;
pub mod tgs;
mod ticket;
pub mod transited;
mod verify;

#[cfg(test)]
pub(crate) mod tests;

pub use acceptor::{Accepted, Acceptor, Verified};
pub use address::{AddressPolicy, HostAddr};
pub use authdata::{AuthData, UnknownCritical};
pub use binding::{AppData, Binding, BindingKeys, Unbound};
pub use error_reply::{Known, error_reply};
pub use initiator::{
    AuthenticatorParts, AwaitReply, BuiltApReq, Cksum, Initiator, InitiatorConfig, build_ap_req,
};
pub use keys::{ServiceKey, ServiceKeys};
pub use peer::Peer;
pub use policy::{AcceptorConfig, Accepts, InvalidPac, PacPolicy};
pub use replay::{MemoryReplayCache, ReplayCache, ReplayEntry, ReplayVerdict};
pub use session::SessionKeys;
pub use ticket::OpenTicket;
pub use transited::TransitedPolicy;

use crate::random::{Random, RandomUnavailable};

/// A first sequence number: random, never 0, below 2^30 so that peers with signed counters work
/// (AP-09).
fn initial_seq(rng: &dyn Random) -> Result<u32, RandomUnavailable> {
    loop {
        let mut octets = [0; 4];
        rng.fill(&mut octets)?;
        let seq = u32::from_be_bytes(octets) & 0x3fff_ffff;
        if seq != 0 {
            return Ok(seq);
        }
    }
}
