//! The client's side of the AS and TGS exchanges (RFC 4120 §3.1, §3.3).
//!
//! ```text
//! AsExchange  ── start ─▶ AS-REQ ──▶ AsAwait ─┬─ AS-REP ───▶ InitialCredentials   (a TGT)
//!                            ▲                └─ KRB-ERROR ▶ 25, 91, 90, 68: asks again
//!                            └──────────────────────┘        others: Error::Peer
//! TgsExchange ── start ─▶ TGS-REQ ─▶ TgsAwait ─┬─ TGS-REP ──▶ ServiceCredentials
//!                            ▲                 └─ krbtgt/NEXT: asks the KDC of NEXT
//!                            └──────────────────────┘
//! ```
//!
//! Both are an [`Ask`](crate::step::Ask): whoever drives them carries octets to a KDC of the realm
//! they name and brings the answer back. A reply is held against the request that was sent, field
//! by field (`reply`); every rule it can break has a text of its own in
//! [`Rejection::KdcReply`](crate::error::Rejection::KdcReply).
//!
//! [`LoginCheck`] turns the credentials of a user into a login: it proves the KDC that gave them.
//!
//! A KRB-ERROR is not protected by anything (KDC-08). It can make the client ask again, at most as
//! often as its limits say, and never with less than the client would have asked for by itself.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod as_exchange;
mod hints;
mod krb_error;
mod login;
mod reply;
mod request;
mod tgs_exchange;

#[cfg(test)]
mod tests;

pub use as_exchange::{AsAwait, AsExchange, InitialCredentials};
pub use krb_error::ErrorData;
pub use login::{LoginAwait, LoginCheck, VerifiedLogin};
pub use tgs_exchange::{ServiceCredentials, TgsAwait, TgsExchange};

/// The limit for clocks that differ, unless the configuration says otherwise (RFC 4120 §8.2).
pub const DEFAULT_CLOCK_SKEW: std::time::Duration = std::time::Duration::from_secs(300);
