//! What every key derivation of one key begins with.

use sha2::{Sha256, Sha384};

use super::cts::{Aes, Aes128, Aes256};
use super::hmac::Hmac;
use super::key::no_such_key;
use super::{Cipher, CryptoError, Enctype, Key, KeyUsage};

/// A key made ready to derive the keys of several usages, each of which would else begin alike.
pub(crate) struct Schedule {
    pub(super) enctype: Enctype,
    pub(super) base: Base,
}

pub(super) enum Base {
    Aes128Sha1(<Aes128 as Aes>::Enc),
    Aes256Sha1(<Aes256 as Aes>::Enc),
    Aes128Sha2(Hmac<Sha256>),
    Aes256Sha2(Hmac<Sha384>),
    #[cfg(feature = "legacy")]
    Rc4(Key),
}

impl Schedule {
    pub(super) fn new(key: &Key) -> Self {
        let octets = key.expose();
        let base = match key.enctype() {
            Enctype::AES128_CTS_HMAC_SHA1_96 => Base::Aes128Sha1(Aes128::expand(octets)),
            Enctype::AES256_CTS_HMAC_SHA1_96 => Base::Aes256Sha1(Aes256::expand(octets)),
            Enctype::AES128_CTS_HMAC_SHA256_128 => Base::Aes128Sha2(Hmac::new(octets)),
            Enctype::AES256_CTS_HMAC_SHA384_192 => Base::Aes256Sha2(Hmac::new(octets)),
            #[cfg(feature = "legacy")]
            Enctype::RC4_HMAC => Base::Rc4(key.clone()),
            other => no_such_key(other),
        };
        Self {
            enctype: key.enctype(),
            base,
        }
    }

    /// The encryption of one usage, derived.
    pub(crate) fn cipher(&self, usage: KeyUsage) -> Result<Cipher, CryptoError> {
        super::key::check(usage)?;
        Ok(Cipher::derive(self, usage))
    }
}
