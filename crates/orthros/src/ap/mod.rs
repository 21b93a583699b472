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
//! What follows is protected by the protocol around the exchange, or by a [`Session`] of KRB-SAFE,
//! KRB-PRIV and KRB-CRED messages over the same keys.
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
mod ms_kile;
mod peer;
mod policy;
mod remembered;
mod replay;
pub(crate) mod session;
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
    AuthenticatorParts, AwaitReply, AwaitReplyOrSkew, BuiltApReq, Cksum, Initiator,
    InitiatorConfig, build_ap_req,
};
pub use keys::{ServiceKey, ServiceKeys};
pub use ms_kile::TokenRestrictions;
pub use peer::Peer;
pub use policy::{AcceptorConfig, Accepts, InvalidPac, PacPolicy};
pub use replay::{AskedElsewhere, MemoryReplayCache, ReplayCache, ReplayEntry, ReplayVerdict};
pub use session::{
    Freshness, HostAddresses, Party, Session, SessionAddresses, SessionConfig, SessionKeys,
};
pub use ticket::OpenTicket;
pub use transited::TransitedPolicy;

use zeroize::Zeroizing;

use crate::random::{Random, RandomUnavailable};

/// The random octets of one message, drawn at once: a key, a first sequence number, a confounder.
///
/// They are wiped when dropped.
struct Draw {
    seed: Zeroizing<[u8; 32]>,
    sequence: u32,
    confounder: [u8; 16],
}

impl Draw {
    /// Without all of them there are none: no part is ever zeros in place of random octets.
    fn new(rng: &dyn Random) -> Result<Self, RandomUnavailable> {
        let mut octets = Zeroizing::new([0; 52]);
        rng.fill(&mut *octets)?;
        let (seed, rest) = octets.split_first_chunk().ok_or(RandomUnavailable)?;
        let (sequence, rest) = rest.split_first_chunk().ok_or(RandomUnavailable)?;
        Ok(Self {
            seed: Zeroizing::new(*seed),
            sequence: u32::from_be_bytes(*sequence),
            confounder: *rest.first_chunk().ok_or(RandomUnavailable)?,
        })
    }

    /// What a new key is made of.
    fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// A first sequence number: never 0, below 2^30 so that peers with signed counters work
    /// (AP-09).
    fn sequence(&self) -> u32 {
        (self.sequence & 0x3fff_ffff).max(1)
    }

    fn confounder(&self) -> &[u8; 16] {
        &self.confounder
    }
}
