//! The Kerberos V5 client/server exchange.
#![forbid(unsafe_code)]

pub mod crypto;
pub mod principal;
pub mod random;
pub mod secret;
pub mod time;
pub mod wire;
