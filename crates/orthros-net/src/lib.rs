//! Reaching the KDCs of a realm.
//!
//! The exchanges of [`orthros`] are values that say which octets go to a KDC of which realm
//! ([`Ask`](orthros::step::Ask)). This crate carries them: over UDP and TCP, to the first KDC that
//! answers, within a deadline.
//!
//! ```no_run
//! use orthros::principal::Principal;
//! use orthros::secret::Secret;
//! use orthros_net::{KdcAddresses, KdcConfig, blocking::KdcClient};
//!
//! let addresses = KdcAddresses::new().with("EXAMPLE.COM", ["192.0.2.1:88".parse()?]);
//! let kdcs = KdcClient::new(KdcConfig::new(addresses));
//! let alice = Principal::parse("alice@EXAMPLE.COM", None)?;
//! let tgt = kdcs.get_tgt(alice, Secret::from("open sesame"))?;
//! let web = Principal::parse("HTTP/web.example.com@EXAMPLE.COM", None)?;
//! let ticket = kdcs.get_service_ticket(&tgt.credentials, web)?;
//! # let _ = ticket;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`blocking`] needs nothing but the standard library. The client for tokio is behind the feature
//! `tokio`. A replay cache for a service on many hosts is behind the feature `valkey`, the channel
//! bindings of connections of rustls behind the feature `rustls`.
//!
//! ```text
//! Ask ─▶ plan: which KDC next, over what, how long ─▶ a socket ─▶ answer: is it one? ─▶ reply
//!          ▲                                                          │ no
//!          └──────────── what came of it, in words ◀──────────────────┘
//! ```

mod answer;
pub mod blocking;
#[cfg(feature = "valkey")]
mod bounded;
mod config;
mod forwarding;
pub mod manual;
mod plan;
pub mod stream;
#[cfg(feature = "rustls")]
pub mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(feature = "valkey")]
pub mod valkey;

pub use config::{KdcAddresses, KdcConfig, Policy};
