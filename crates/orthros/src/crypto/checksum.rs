//! Checksum type numbers, and a checksum's octets.

use std::fmt;
use std::ops::Deref;

use md5::{Digest, Md5};

/// A checksum type. Numbers without a constant are carried through unchanged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChecksumType(pub i32);

impl ChecksumType {
    /// CRC-32, without a key; never accepted (CRY-24).
    pub const CRC32: ChecksumType = ChecksumType(1);
    /// MD4, without a key; never accepted (CRY-24).
    pub const RSA_MD4: ChecksumType = ChecksumType(2);
    /// MD4 with single DES; not implemented.
    pub const RSA_MD4_DES: ChecksumType = ChecksumType(3);
    /// DES-MAC; not implemented.
    pub const DES_MAC: ChecksumType = ChecksumType(4);
    /// MD5, without a key: at most inside an encrypted Authenticator (CRY-24).
    pub const RSA_MD5: ChecksumType = ChecksumType(7);
    /// MD5 with single DES; not implemented.
    pub const RSA_MD5_DES: ChecksumType = ChecksumType(8);
    /// HMAC-SHA1 with triple DES keys; not implemented.
    pub const HMAC_SHA1_DES3_KD: ChecksumType = ChecksumType(12);
    /// SHA-1, without a key; never accepted.
    pub const SHA1: ChecksumType = ChecksumType(14);
    /// Of enctype 17 (RFC 3962).
    pub const HMAC_SHA1_96_AES128: ChecksumType = ChecksumType(15);
    /// Of enctype 18 (RFC 3962).
    pub const HMAC_SHA1_96_AES256: ChecksumType = ChecksumType(16);
    /// Of enctype 25 (RFC 6803); not implemented.
    pub const CMAC_CAMELLIA128: ChecksumType = ChecksumType(17);
    /// Of enctype 26 (RFC 6803); not implemented.
    pub const CMAC_CAMELLIA256: ChecksumType = ChecksumType(18);
    /// Of enctype 19 (RFC 8009).
    pub const HMAC_SHA256_128_AES128: ChecksumType = ChecksumType(19);
    /// Of enctype 20 (RFC 8009).
    pub const HMAC_SHA384_192_AES256: ChecksumType = ChecksumType(20);
    /// The pseudo-checksum of GSS-API in an Authenticator (RFC 4121 §4.1.1).
    pub const GSS: ChecksumType = ChecksumType(0x8003);
    /// Of enctype 23 (RFC 4757); only with feature `legacy`.
    pub const HMAC_MD5_RC4: ChecksumType = ChecksumType(-138);
    /// HMAC-MD5 as early Windows made it; not implemented.
    pub const MD5_HMAC_RC4: ChecksumType = ChecksumType(-137);

    /// Whether it takes a key to make one.
    pub const fn is_keyed(self) -> bool {
        matches!(self.0, 3 | 4 | 8 | 12 | 15..=20 | -137 | -138)
    }

    /// How many octets one has.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a type's length, not a container's"
    )]
    pub const fn len(self) -> Option<usize> {
        match self.0 {
            1 => Some(4),
            2 | 7 | 17 | 18 | 19 | -137 | -138 => Some(16),
            3 | 8 | 20 => Some(24),
            4 => Some(16),
            12 | 14 => Some(20),
            15 | 16 => Some(12),
            _ => None,
        }
    }

    /// The name MIT krb5 prints.
    pub const fn name(self) -> Option<&'static str> {
        match self.0 {
            1 => Some("crc32"),
            2 => Some("md4"),
            3 => Some("md4-des"),
            4 => Some("des-cbc"),
            7 => Some("md5"),
            8 => Some("md5-des"),
            12 => Some("hmac-sha1-des3"),
            14 => Some("sha"),
            15 => Some("hmac-sha1-96-aes128"),
            16 => Some("hmac-sha1-96-aes256"),
            17 => Some("cmac-camellia128"),
            18 => Some("cmac-camellia256"),
            19 => Some("hmac-sha256-128-aes128"),
            20 => Some("hmac-sha384-192-aes256"),
            -137 => Some("md5-hmac-rc4"),
            -138 => Some("hmac-md5-rc4"),
            0x8003 => Some("gss"),
            _ => None,
        }
    }
}

impl fmt::Display for ChecksumType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "cksumtype {}", self.0),
        }
    }
}

impl fmt::Debug for ChecksumType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChecksumType({})", self.0)
    }
}

impl From<i32> for ChecksumType {
    fn from(number: i32) -> Self {
        Self(number)
    }
}

/// The octets of a checksum this side computed; they deref to `&[u8]`.
///
/// Compare a received one with [`Mac::verify`](super::Mac::verify), never with this: there is no
/// `==` because it would not take constant time.
#[derive(Clone, Copy)]
pub struct Checksum {
    octets: [u8; Checksum::MAX],
    len: usize,
}

impl Checksum {
    const MAX: usize = 24;

    /// The first `len` octets of a longer MAC.
    pub(super) fn truncated(mac: &[u8], len: usize) -> Self {
        let mut octets = [0; Self::MAX];
        let len = len.min(Self::MAX).min(mac.len());
        for (to, from) in octets.iter_mut().zip(mac).take(len) {
            *to = *from;
        }
        Self { octets, len }
    }
}

impl Deref for Checksum {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Checksum {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({} octets)", self.len)
    }
}

/// MD5 of the parts, one after the other.
///
/// It protects nothing. GSS-API hashes channel bindings with it (RFC 4121 §4.1.1.2), and it is
/// checksum type 7 (CRY-24).
pub fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
