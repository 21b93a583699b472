//! The Kerberos V5 client/server exchange, all roles: octets in, octets out.
//!
//! | for | begin at |
//! |---|---|
//! | a service or a client that speaks GSS-API | [`gss`] |
//! | a protocol with bare AP-REQs | [`ap`] |
//! | tickets: asking a KDC, being one | [`client`], [`kdc`] |
//! | keytabs, credential caches, the machine they are on | [`keytab`], [`ccache`], [`env`](mod@env) |
//! | who the user is in a domain, and on this host | [`pac`], [`local_name`] |
//! | what an error means and what to do | [`cause`] |
//! | a record of every acceptance and refusal, for logs | [`report`] |
//! | messages and cryptography themselves | [`wire`], [`crypto`] |
//!
//! Every party is a value that says what it needs next and is consumed by the answer: [`step`].
//! Only [`env`](mod@env) reads a clock or a file; sockets are in `orthros-net` and `orthros-kdc`.
#![forbid(unsafe_code)]

pub mod ap;
pub mod cause;
pub mod ccache;
pub mod channel;
pub mod client;
pub mod credentials;
pub mod crypto;
mod cursor;
pub mod env;
pub mod error;
pub mod gss;
pub mod kdc;
pub mod keytab;
pub mod local_name;
pub mod manual;
pub mod pac;
pub mod principal;
pub mod random;
pub mod report;
pub mod sasl;
pub mod secret;
pub mod spnego;
pub mod step;
pub mod time;
pub mod wire;
