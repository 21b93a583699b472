//! The RFC 3961 framework and its profiles: keys, what they encrypt and what they sign.
//!
//! ```text
//!            string-to-key                      usage                   seal, open
//!  password ───────────────▶ Key ──┬──────────────────────▶ Cipher ───────────────▶ octets
//!                             ▲    │  (derived once)
//!    random, a ticket, FX-CF2 ┘    └──────────────────────▶ Mac ──────────────────▶ checksum
//!                                                                  checksum, verify
//! ```
//!
//! A [`Key`] is an enctype and its octets. Asked for a [`KeyUsage`], it derives a [`Cipher`] or a
//! [`Mac`]: key schedules and HMAC states ready, to be kept and used for every message of that
//! usage. [`Key::encrypt`] and its siblings derive, use and forget.
//!
//! | enctype | profile | file |
//! |---|---|---|
//! | 17, 18 | simplified profile of RFC 3961 with AES and HMAC-SHA1 (RFC 3962) | `sha1_profile` |
//! | 19, 20 | AES with HMAC-SHA2, MAC over the ciphertext (RFC 8009) | `sha2_profile` |
//! | 23 | RC4-HMAC (RFC 4757), feature `legacy` | `rc4` |
//!
//! Every other number is carried and named, and refused with
//! [`CryptoError::UnsupportedEnctype`] (CRY-23).
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used)
)]

mod checksum;
mod cipher;
mod cts;
mod enctype;
mod error;
mod fx_cf2;
mod hmac;
mod key;
mod mac;
mod nfold;
#[cfg(feature = "legacy")]
pub mod rc4;
mod schedule;
mod sha1_profile;
mod sha2_profile;
mod string_to_key;
mod usage;

#[cfg(test)]
mod tests;

pub use checksum::{Checksum, ChecksumType, md5};
pub use cipher::Cipher;
pub use cts::Piece;
pub use enctype::{DEFAULT_ENCTYPES, Enctype};
pub use error::CryptoError;
pub use fx_cf2::{krb_fx_cf2, prf_plus};
pub use key::Key;
pub use mac::Mac;
pub(crate) use schedule::Schedule;
pub use string_to_key::{DEFAULT_MAX_ITERATIONS, iteration_count};
pub use usage::KeyUsage;
