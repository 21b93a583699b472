//! string-to-key: from a password and a salt to a key.

use sha1::Sha1;
use zeroize::Zeroizing;

use super::cts::{Aes, Aes128, Aes256};
use super::hmac::Hmac;
use super::sha2_profile::{Aes128Sha256, Aes256Sha384, Suite, kdf};
use super::{CryptoError, Enctype, sha1_profile};

/// The most iterations a KDC can ask for unless the configuration says otherwise: less than
/// a second of hashing. RFC 3962 §8 wants the limit not below 50 000 (CRY-07).
pub const DEFAULT_MAX_ITERATIONS: u32 = 1_000_000;

/// How often the password is hashed with this string-to-key parameter.
///
/// The parameter is an unsigned 32-bit number, zero meaning 2^32; absent, it is 4096 for types 17
/// and 18 (CRY-06) and 32768 for 19 and 20 (CRY-12). RC4 has no parameter and hashes once. A
/// client can hold the number against its own lower limit: whoever can forge a KDC's answer can
/// make a password cheap to guess with a small one.
pub fn iteration_count(enctype: Enctype, params: Option<&[u8]>) -> Result<u64, CryptoError> {
    let default = match enctype {
        Enctype::AES128_CTS_HMAC_SHA1_96 | Enctype::AES256_CTS_HMAC_SHA1_96 => 4096,
        Enctype::AES128_CTS_HMAC_SHA256_128 | Enctype::AES256_CTS_HMAC_SHA384_192 => 32768,
        Enctype::RC4_HMAC if params.is_none() => 1,
        _ => 0,
    };
    match params {
        None => Ok(default),
        Some(octets) => match <[u8; 4]>::try_from(octets) {
            Ok(octets) if default != 0 => match u32::from_be_bytes(octets) {
                0 => Ok(1 << 32),
                count => Ok(u64::from(count)),
            },
            _ => Err(CryptoError::StringToKeyParameter {
                enctype,
                length: octets.len(),
            }),
        },
    }
}

/// Fills `key`, which has the length of the enctype.
pub(super) fn derive(
    enctype: Enctype,
    password: &[u8],
    salt: &[u8],
    params: Option<&[u8]>,
    maximum: u32,
    key: &mut [u8],
) -> Result<(), CryptoError> {
    let count = iteration_count(enctype, params)?;
    // Before anything is hashed (CRY-07).
    let rounds = match u32::try_from(count) {
        Ok(rounds) if rounds <= maximum => rounds,
        _ => return Err(CryptoError::IterationCount { count, maximum }),
    };
    match enctype {
        Enctype::AES128_CTS_HMAC_SHA1_96 => sha1::<Aes128>(password, salt, rounds, key),
        Enctype::AES256_CTS_HMAC_SHA1_96 => sha1::<Aes256>(password, salt, rounds, key),
        Enctype::AES128_CTS_HMAC_SHA256_128 => sha2::<Aes128Sha256>(password, salt, rounds, key),
        Enctype::AES256_CTS_HMAC_SHA384_192 => sha2::<Aes256Sha384>(password, salt, rounds, key),
        #[cfg(feature = "legacy")]
        Enctype::RC4_HMAC => super::rc4::string_to_key(password, key)?,
        other => return Err(CryptoError::UnsupportedEnctype(other)),
    }
    Ok(())
}

/// DK(PBKDF2-HMAC-SHA1(password, salt), "kerberos") (CRY-06).
fn sha1<A: Aes>(password: &[u8], salt: &[u8], rounds: u32, key: &mut [u8]) {
    let mut tkey = Zeroizing::new(vec![0; key.len()]);
    pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, &mut tkey);
    key.copy_from_slice(&sha1_profile::derive::<A>(&tkey, b"kerberos"));
}

/// KDF(PBKDF2-HMAC-SHA2(password, name ++ 0 ++ salt), "kerberos") (CRY-12).
fn sha2<S: Suite>(password: &[u8], salt: &[u8], rounds: u32, key: &mut [u8]) {
    let saltp = [S::NAME, &[0], salt].concat();
    let mut tkey = Zeroizing::new(vec![0; key.len()]);
    pbkdf2::pbkdf2_hmac::<S::Hash>(password, &saltp, rounds, &mut tkey);
    kdf(&Hmac::<S::Hash>::new(&tkey), b"kerberos", &[], key);
}
