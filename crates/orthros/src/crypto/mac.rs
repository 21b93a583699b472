//! The checksum of one key and one usage.

use std::fmt;

use sha1::Sha1;
use sha2::{Sha256, Sha384};
use subtle::ConstantTimeEq;

use super::cts::{Aes128, Aes256};
use super::hmac::Hmac;
use super::key::no_such_key;
use super::sha2_profile::{Aes128Sha256, Aes256Sha384};
use super::{
    Checksum, ChecksumType, CryptoError, Enctype, Key, KeyUsage, sha1_profile, sha2_profile,
};

/// Kc of one usage, compressed: signs and verifies any number of messages without allocating.
pub struct Mac {
    checksum_type: ChecksumType,
    len: usize,
    profile: Profile,
}

enum Profile {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    #[cfg(feature = "legacy")]
    Rc4(super::rc4::Rc4Mac),
}

impl Mac {
    pub(super) fn derive(key: &Key, usage: KeyUsage) -> Self {
        let base = key.expose();
        let (checksum_type, len, profile) = match key.enctype() {
            Enctype::AES128_CTS_HMAC_SHA1_96 => (
                ChecksumType::HMAC_SHA1_96_AES128,
                12,
                Profile::Sha1(sha1_profile::checksum_mac::<Aes128>(base, usage)),
            ),
            Enctype::AES256_CTS_HMAC_SHA1_96 => (
                ChecksumType::HMAC_SHA1_96_AES256,
                12,
                Profile::Sha1(sha1_profile::checksum_mac::<Aes256>(base, usage)),
            ),
            Enctype::AES128_CTS_HMAC_SHA256_128 => (
                ChecksumType::HMAC_SHA256_128_AES128,
                16,
                Profile::Sha256(sha2_profile::checksum_mac::<Aes128Sha256>(base, usage)),
            ),
            Enctype::AES256_CTS_HMAC_SHA384_192 => (
                ChecksumType::HMAC_SHA384_192_AES256,
                24,
                Profile::Sha384(sha2_profile::checksum_mac::<Aes256Sha384>(base, usage)),
            ),
            #[cfg(feature = "legacy")]
            Enctype::RC4_HMAC => (
                ChecksumType::HMAC_MD5_RC4,
                16,
                Profile::Rc4(super::rc4::Rc4Mac::new(base, usage)),
            ),
            other => no_such_key(other),
        };
        Self {
            checksum_type,
            len,
            profile,
        }
    }

    /// The type of the checksums it makes.
    pub fn checksum_type(&self) -> ChecksumType {
        self.checksum_type
    }

    /// How many octets they have.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the length of a checksum, not of a container"
    )]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The checksum of the parts, one after the other (CRY-15, CRY-21).
    pub fn checksum(&self, parts: &[&[u8]]) -> Checksum {
        match &self.profile {
            Profile::Sha1(hmac) => Checksum::truncated(&hmac.of(parts), self.len),
            Profile::Sha256(hmac) => Checksum::truncated(&hmac.of(parts), self.len),
            Profile::Sha384(hmac) => Checksum::truncated(&hmac.of(parts), self.len),
            #[cfg(feature = "legacy")]
            Profile::Rc4(mac) => Checksum::truncated(&mac.of(parts), self.len),
        }
    }

    /// [`checksum`](Self::checksum) of parts that are not in a slice.
    pub fn checksum_of<'p>(&self, parts: impl Iterator<Item = &'p [u8]>) -> Checksum {
        match &self.profile {
            Profile::Sha1(hmac) => Checksum::truncated(&hmac.of_each(parts), self.len),
            Profile::Sha256(hmac) => Checksum::truncated(&hmac.of_each(parts), self.len),
            Profile::Sha384(hmac) => Checksum::truncated(&hmac.of_each(parts), self.len),
            #[cfg(feature = "legacy")]
            Profile::Rc4(mac) => Checksum::truncated(&mac.of(&parts.collect::<Vec<_>>()), self.len),
        }
    }

    /// Compares with a received checksum: recomputed, in constant time, of exactly the right
    /// length (CRY-15).
    pub fn verify(&self, parts: &[&[u8]], expected: &[u8]) -> Result<(), CryptoError> {
        if bool::from(self.checksum(parts).ct_eq(expected)) {
            Ok(())
        } else {
            Err(CryptoError::Integrity)
        }
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mac({})", self.checksum_type)
    }
}
