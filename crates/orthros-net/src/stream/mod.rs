//! A stream of octets inside an established context: what is written to it travels in Wrap tokens.
//!
//! ```text
//!             handshake                          stream
//! Step ─▶ frame ─▶ peer's token ─▶ Step ─▶ SecurityContext
//!                                              │
//! write ─▶ Sealer: frames of Wrap tokens ─▶ any Read + Write, any AsyncRead + AsyncWrite
//! read  ◀─ Opener: whole frames, opened where they lie ◀─┘
//! ```
//!
//! [`blocking`] needs nothing but the standard library, `tokio` is behind the feature of that
//! name. Both drive the same machines.
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use std::time::{Duration, SystemTime};
//!
//! use orthros::credentials::Credentials;
//! use orthros::gss::Initiator;
//! use orthros::time::Timestamp;
//! use orthros_net::stream::{StreamConfig, blocking};
//!
//! fn greet(ticket: Credentials) -> Result<(), Box<dyn std::error::Error>> {
//!     let now = || Timestamp::from(SystemTime::now());
//!     let socket = TcpStream::connect("knc.example.com:9999")?;
//!     socket.set_read_timeout(Some(Duration::from_secs(10)))?;
//!     let first = Initiator::new(ticket).request(now())?;
//!     let reply = |next: orthros::gss::AwaitReply, token: &[u8]| next.reply(token, now());
//!     let mut stream = blocking::initiate(socket, first, reply, &StreamConfig::knc())?;
//!     stream.write_all(b"hello")?;
//!     let mut answer = [0; 5];
//!     stream.read_exact(&mut answer)?;
//!     Ok(())
//! }
//! ```
//!
//! | | frame | longest token |
//! |---|---|---|
//! | [`StreamConfig::sasl`] | length in four octets, token | as negotiated (SASL-10) |
//! | [`StreamConfig::postgres`] | the same | 16 380 octets: with its length 16 KiB |
//! | [`StreamConfig::knc`] | the same | 66 048 octets |
//! | [`StreamConfig::gss_sample`] | flags in one octet, length in four, token | 1 MiB |
//!
//! Rules that hold for all of them:
//!
//! - A frame's length is judged before anything is allocated for it (security case 132), and a
//!   buffer grows with what has arrived, not with what was announced.
//! - What a peer may cost before it is authenticated has [`Limits`]: the length of its tokens,
//!   their number, the time until the first and until the end; and a [`Door`] counts how many are
//!   at it (security case 133).
//! - During the handshake no octet behind the awaited token is read: what comes after it can only
//!   be a Wrap token, and octets that somebody put in are not one. What comes with PostgreSQL's
//!   request for encryption, in the clear, is refused.
//! - Long writes and reads seal and open several tokens side by side, which takes less time.
//! - A token that is repeated, missing, out of order, or protected by less than was agreed ends
//!   the stream (SASL-09); what was before it is delivered, and nothing behind it.
//! - The end of the underlying stream between two frames is the end of this one. No framing
//!   protects that: a protocol that has to know whether it has read everything says so itself.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

pub mod blocking;
mod error;
mod framing;
mod handshake;
mod limits;
mod opener;
pub mod postgres;
mod sealer;
mod secure;
#[cfg(test)]
mod tests;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use error::{FrameError, HandshakeError};
pub use framing::StreamConfig;
pub use limits::{Door, Limits, Place};
pub use opener::Opener;
pub use sealer::Sealer;
pub use secure::{SecureReader, SecureStream, SecureWriter};

/// How many tokens are sealed, and opened, side by side.
const LANES: usize = 4;
