//! The SASL mechanisms of Kerberos: GSSAPI (RFC 4752), GSS-SPNEGO, GS2-KRB5 and GS2-KRB5-PLUS
//! (RFC 5801).
//!
//! ```text
//!  Client ─start─▶ initial response ──────────────▶ Server ─respond
//!  AwaitChallenge ◀─────────────────────── challenge   │
//!      │ challenge                                     │
//!      ▼             ... any number of legs ...        ▼
//!  Session ◀═══ | length | Wrap token | ... ═══════▶ Session
//! ```
//!
//! Both ends are values that are consumed by the other's message ([`step`](crate::step)). How
//! messages travel (base64 in a line, an LDAP BindRequest, a frame of Kafka) is the protocol's
//! affair, and so is the outcome:
//!
//! - A client's [`Step::Established`](crate::step::Step) with a token, be it empty, sends that as
//!   its last response. Without a token it has nothing left to say; where the last token of the
//!   server came as a challenge, the protocol wants an empty response.
//! - A server's `Established` with a token sends it as *additional data with success*; a protocol
//!   that has no such thing sends it as a challenge and awaits an empty response.
//! - A [`Refusal`](crate::step::Refusal) is a failure. The session's first octet of the security
//!   layer follows the outcome message.
//!
//! A server whose replay cache is elsewhere, as that of a fleet is, calls [`Server::verify`] in
//! place of [`Server::respond`], and goes on with what the cache says.
//!
//! ```no_run
//! # use orthros::{credentials::Credentials, step::{Refusal, Step}, time::Timestamp};
//! use orthros::gss::Initiator;
//! use orthros::sasl::{Client, Layer, Layers, Session};
//!
//! /// Encrypts or signs; a server that has neither is refused.
//! fn authenticate(
//!     ticket: Credentials,
//!     now: Timestamp,
//!     exchange: impl Fn(Vec<u8>) -> Vec<u8>,
//! ) -> Result<Session, Refusal> {
//!     let layers = Layers::at_least(Layer::Integrity);
//!     let mut step = Client::gssapi(Initiator::new(ticket), layers).start(now)?;
//!     loop {
//!         step = match step {
//!             Step::Continue { token, next } => next.challenge(&exchange(token), now)?,
//!             Step::Established { token, context } => {
//!                 token.map(&exchange);
//!                 return Ok(context);
//!             }
//!         };
//!     }
//! }
//! ```
//!
//! | | file |
//! |---|---|
//! | names of mechanisms | `mechanism` |
//! | which of them a server advertises | `advertisement` |
//! | security layers | `layer` |
//! | the two ends | `client`, `server` |
//! | the header and the bindings of GS2 | `gs2` |
//! | what is established; buffers | `session` |
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod advertisement;
mod client;
mod gs2;
mod layer;
mod mechanism;
mod server;
mod session;

#[cfg(test)]
mod tests;

pub use advertisement::{Advertisement, Channel};
pub use client::{AwaitChallenge, Client};
pub use gs2::Binding;
pub use layer::{Layer, Layers, UnknownQop};
pub use mechanism::Mechanism;
pub use server::{Authorize, Server, Verified};
pub use session::{Decoder, Encoder, Session};

use crate::error::{Error, Rejection};

/// The largest buffer that three octets can name.
const LARGEST: usize = 0xFF_FFFF;

/// The largest buffer that we take unless told otherwise.
const USUAL: usize = 0x1_0000;

fn broken(why: &'static str) -> Error {
    Rejection::Sasl { why }.into()
}
