//! The Kerberos V5 client/server exchange.
#![forbid(unsafe_code)]

pub mod ap;
pub mod cause;
pub mod ccache;
pub mod client;
pub mod credentials;
pub mod crypto;
mod cursor;
pub mod env;
pub mod error;
pub mod gss;
pub mod kdc;
pub mod keytab;
pub mod pac;
pub mod principal;
pub mod random;
pub mod secret;
pub mod step;
pub mod time;
pub mod wire;
