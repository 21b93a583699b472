//! A key: an enctype and its octets.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::cts::{Aes128, Aes256};
use super::sha2_profile::{Aes128Sha256, Aes256Sha384};
use super::{
    Checksum, ChecksumType, Cipher, CryptoError, DEFAULT_MAX_ITERATIONS, Enctype, KeyUsage, Mac,
    Schedule, sha1_profile, sha2_profile, string_to_key,
};
use crate::random::Random;

const MAX_LEN: usize = 32;

/// A key of an enctype this build supports, with exactly the length of that enctype (CRY-17).
///
/// The octets are wiped when it is dropped, `Debug` does not show them, and `==` takes the same
/// time whatever they are (CRY-27).
#[derive(Clone)]
pub struct Key {
    enctype: Enctype,
    octets: [u8; MAX_LEN],
    len: usize,
}

impl Key {
    /// Takes octets from a ticket, a reply or a keytab.
    pub fn new(enctype: Enctype, octets: &[u8]) -> Result<Key, CryptoError> {
        let mut key = Self::zeros(enctype)?;
        if octets.len() != key.len {
            return Err(CryptoError::KeyLength {
                enctype,
                expected: key.len,
                actual: octets.len(),
            });
        }
        key.expose_mut().copy_from_slice(octets);
        Ok(key)
    }

    /// Makes a new key: a session key, a subkey, a service's key.
    pub fn random(enctype: Enctype, rng: &dyn Random) -> Result<Key, CryptoError> {
        let mut key = Self::zeros(enctype)?;
        rng.fill(key.expose_mut())?;
        Ok(key)
    }

    /// string-to-key (CRY-06, CRY-12, CRY-19): `salt` and `params` are as the KDC's
    /// PA-ETYPE-INFO2 gives them, `None` meaning the enctype's default parameter.
    ///
    /// Password and salt are used as they are: UTF-8, neither case-folded nor normalised (CRY-26).
    /// More than [`DEFAULT_MAX_ITERATIONS`] are refused before any work is done (CRY-07).
    pub fn from_password(
        enctype: Enctype,
        password: &[u8],
        salt: &[u8],
        params: Option<&[u8]>,
    ) -> Result<Key, CryptoError> {
        Self::from_password_bounded(enctype, password, salt, params, DEFAULT_MAX_ITERATIONS)
    }

    /// [`from_password`](Self::from_password) with another bound (CRY-07).
    pub fn from_password_bounded(
        enctype: Enctype,
        password: &[u8],
        salt: &[u8],
        params: Option<&[u8]>,
        max_iterations: u32,
    ) -> Result<Key, CryptoError> {
        let mut key = Self::zeros(enctype)?;
        let bound = max_iterations;
        string_to_key::derive(enctype, password, salt, params, bound, key.expose_mut())?;
        Ok(key)
    }

    fn zeros(enctype: Enctype) -> Result<Key, CryptoError> {
        match enctype.key_len() {
            Some(len) if enctype.is_supported() => Ok(Key {
                enctype,
                octets: [0; MAX_LEN],
                len,
            }),
            _ => Err(CryptoError::UnsupportedEnctype(enctype)),
        }
    }

    /// The encryption type.
    pub fn enctype(&self) -> Enctype {
        self.enctype
    }

    /// The octets themselves. The name is long so that a reader of the calling code notices.
    pub fn expose(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }

    fn expose_mut(&mut self) -> &mut [u8] {
        self.octets.get_mut(..self.len).unwrap_or_default()
    }

    /// Eight hexadecimal digits by which an operator can tell two keys apart, and nobody can tell
    /// the key.
    pub fn fingerprint(&self) -> String {
        let hash = Sha256::new()
            .chain_update(b"orthros key fingerprint")
            .chain_update(self.enctype.0.to_be_bytes())
            .chain_update(self.expose())
            .finalize();
        hash.iter()
            .take(4)
            .map(|octet| format!("{octet:02x}"))
            .collect()
    }

    /// The encryption of one usage, derived: keep it to encrypt more than once.
    pub fn cipher(&self, usage: KeyUsage) -> Result<Cipher, CryptoError> {
        self.schedule().cipher(usage)
    }

    /// Made ready for several usages.
    pub(crate) fn schedule(&self) -> Schedule {
        Schedule::new(self)
    }

    /// The checksum of one usage, derived: keep it to sign more than once.
    pub fn mac(&self, usage: KeyUsage) -> Result<Mac, CryptoError> {
        check(usage)?;
        Ok(Mac::derive(self, usage))
    }

    /// Encrypts: the `cipher` of an EncryptedData.
    pub fn encrypt(
        &self,
        usage: KeyUsage,
        plaintext: &[u8],
        rng: &dyn Random,
    ) -> Result<Vec<u8>, CryptoError> {
        self.cipher(usage)?.encrypt(plaintext, rng)
    }

    /// Decrypts the `cipher` of an EncryptedData.
    pub fn decrypt(&self, usage: KeyUsage, ciphertext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.cipher(usage)?.decrypt(ciphertext)
    }

    /// The checksum of `data`, of the key's required type.
    pub fn checksum(&self, usage: KeyUsage, data: &[u8]) -> Result<Checksum, CryptoError> {
        Ok(self.mac(usage)?.checksum(&[data]))
    }

    /// Verifies a received checksum of `data` (CRY-15). Its type must be the one required for this
    /// key (CRY-16).
    pub fn verify_checksum(
        &self,
        usage: KeyUsage,
        checksum_type: ChecksumType,
        data: &[u8],
        checksum: &[u8],
    ) -> Result<(), CryptoError> {
        if self.enctype.required_checksum() != Some(checksum_type) {
            return Err(CryptoError::ChecksumMismatch {
                checksum: checksum_type,
                key: self.enctype,
            });
        }
        self.mac(usage)?.verify(&[data], checksum)
    }

    /// The pseudo-random function of RFC 3961 (CRY-13): as many octets as
    /// [`prf_len`](Self::prf_len) says.
    pub fn prf(&self, input: &[u8]) -> Vec<u8> {
        match self.enctype {
            Enctype::AES128_CTS_HMAC_SHA1_96 => {
                sha1_profile::prf::<Aes128>(self.expose(), input).to_vec()
            }
            Enctype::AES256_CTS_HMAC_SHA1_96 => {
                sha1_profile::prf::<Aes256>(self.expose(), input).to_vec()
            }
            Enctype::AES128_CTS_HMAC_SHA256_128 => {
                sha2_profile::prf::<Aes128Sha256>(self.expose(), input)
            }
            Enctype::AES256_CTS_HMAC_SHA384_192 => {
                sha2_profile::prf::<Aes256Sha384>(self.expose(), input)
            }
            #[cfg(feature = "legacy")]
            Enctype::RC4_HMAC => super::rc4::prf(self.expose(), input),
            other => no_such_key(other),
        }
    }

    /// How many octets [`prf`](Self::prf) gives.
    pub fn prf_len(&self) -> usize {
        match self.enctype {
            Enctype::AES128_CTS_HMAC_SHA256_128 => 32,
            Enctype::AES256_CTS_HMAC_SHA384_192 => 48,
            Enctype::RC4_HMAC => 20,
            _ => 16,
        }
    }
}

/// Key usage 0 is refused (CRY-16).
pub(super) fn check(usage: KeyUsage) -> Result<(), CryptoError> {
    if usage.0 == 0 {
        Err(CryptoError::InvalidUsage(usage))
    } else {
        Ok(())
    }
}

/// For the last arm of a `match` on a key's enctype: every constructor refuses the others.
#[cold]
pub(super) fn no_such_key(enctype: Enctype) -> ! {
    unreachable!("a Key of type {enctype} was made, which this build does not support")
}

impl Drop for Key {
    fn drop(&mut self) {
        self.octets.as_mut_slice().zeroize();
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.enctype == other.enctype && self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {} octets)", self.enctype, self.len)
    }
}
