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

use zeroize::Zeroizing;

use crate::random::{Random, RandomUnavailable};

/// The random octets of one message, drawn at once: a key, a first sequence number, a confounder.
///
/// They are wiped when dropped.
struct Draw(Zeroizing<[u8; 52]>);

impl Draw {
    fn new(rng: &dyn Random) -> Result<Self, RandomUnavailable> {
        let mut octets = Zeroizing::new([0; 52]);
        rng.fill(&mut *octets)?;
        Ok(Self(octets))
    }

    /// What a new key is made of.
    fn seed(&self) -> &[u8; 32] {
        self.0.first_chunk().unwrap_or(&[0; 32])
    }

    /// A first sequence number: never 0, below 2^30 so that peers with signed counters work
    /// (AP-09).
    fn sequence(&self) -> u32 {
        let octets = self.0.get(32..36).and_then(<[u8]>::first_chunk);
        (u32::from_be_bytes(*octets.unwrap_or(&[0; 4])) & 0x3fff_ffff).max(1)
    }

    fn confounder(&self) -> &[u8; 16] {
        self.0.last_chunk().unwrap_or(&[0; 16])
    }
}
