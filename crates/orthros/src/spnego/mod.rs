//! The negotiation of the mechanism, SPNEGO (RFC 4178).
//!
//! ```text
//!                 60 len OID A0 NegTokenInit { mechTypes, mechToken }
//!  Initiator ────────────────────────────────────────────────▶ Acceptor
//!      │ request                                                  │ accept
//!      ▼          A1 NegTokenResp { negState, supportedMech,      ▼
//!  AwaitReply ◀──────────────────── responseToken, mechListMIC }  Acceptor
//!      │ reply                                                    │
//!      ▼          A1 NegTokenResp { responseToken, mechListMIC }  ▼
//!  SecurityContext  ◀═══════════ any number of legs ═══════▶  SecurityContext
//! ```
//!
//! Kerberos is the only mechanism here, under both its names (NEG-19). Nothing weaker is ever
//! tried (NEG-23): what else a peer offers or chooses is named in the refusal. No
//! [`SecurityContext`] is given before the negotiation itself is
//! complete and, where RFC 4178 §5 demands it, the list of mechanisms has proven to be the one
//! that was sent (NEG-12, NEG-18).
//!
//! The acceptor takes Kerberos tokens without SPNEGO, too (NEG-22), and speaks first when asked to
//! (NEG-21).
//!
//! | | file |
//! |---|---|
//! | NegTokenInit, NegTokenResp, NegTokenInit2 | `message` |
//! | mechanisms and lists of them | `mechanism` |
//! | the two ends | `initiator`, `acceptor` |
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
mod initiator;
mod mechanism;
pub mod message;

#[cfg(test)]
mod tests;

pub use acceptor::{Acceptor, AwaitToken, Verified};
pub use initiator::{AwaitReply, Initiator};
pub use mechanism::{MechType, MechTypeList};

use crate::error::{Error, Rejection};
use crate::gss::SecurityContext;

fn broken(why: &'static str) -> Error {
    Rejection::Negotiation { why }.into()
}

/// Verifies the peer's MIC over the list of mechanisms, as it was sent (NEG-11, NEG-17).
fn verify_mic(context: &mut SecurityContext, list: &[u8], mic: &[u8]) -> Result<(), Error> {
    context
        .verify_mic(list, mic)
        .map_err(|_| broken("the MIC over the list of mechanisms is wrong"))?
        .complete()
}
