//! RC4-HMAC (RFC 4757, enctype 23), and the pieces the old GSS tokens are made of.
//!
//! Compiled in by feature `legacy` only, and even then a policy must permit the enctype (CRY-19).

use md4::{Digest, Md4};
use md5::Md5;
use rc4::{KeyInit, Rc4, StreamCipher};
use sha1::Sha1;
use zeroize::Zeroize;

use super::hmac::{Hash, Hmac};
use super::sha1_profile::same;
use super::{CryptoError, Enctype, KeyUsage};

/// The number that goes into the derivation for a key usage (CRY-22).
///
/// 9 is not mapped to 8, whatever RFC 4757 §3 says: neither deployed implementation does.
fn translate(usage: KeyUsage) -> [u8; 4] {
    match usage.0 {
        3 => 8u32,
        23 => 13,
        other => other,
    }
    .to_le_bytes()
}

/// MD4 of the password as little-endian UTF-16; there is no salt (CRY-19).
pub(super) fn string_to_key(password: &[u8], key: &mut [u8]) -> Result<(), CryptoError> {
    let text = std::str::from_utf8(password)
        .map_err(|_| CryptoError::PasswordEncoding(Enctype::RC4_HMAC))?;
    let mut hash = Md4::new();
    for unit in text.encode_utf16() {
        hash.update(unit.to_le_bytes());
    }
    key.copy_from_slice(&hash.finalize());
    Ok(())
}

/// HMAC-MD5 of the parts, one after the other.
pub fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    mac::<Md5, 16>(&Hmac::new(key), parts)
}

/// Encrypts or decrypts with a fresh RC4 key stream.
///
/// # Panics
///
/// If `key` is empty or longer than 256 octets.
pub fn rc4(key: &[u8], octets: &mut [u8]) {
    match Rc4::new_from_slice(key) {
        Ok(mut stream) => stream.apply_keystream(octets),
        Err(_) => panic!("RC4 has no keys of {} octets", key.len()),
    }
}

fn mac<D: Hash, const N: usize>(hmac: &Hmac<D>, parts: &[&[u8]]) -> [u8; N] {
    let mut output = [0; N];
    for (to, from) in output.iter_mut().zip(hmac.of(parts).iter()) {
        *to = *from;
    }
    output
}

/// K1 of one usage, compressed (CRY-20).
pub(super) struct Rc4Cipher(Hmac<Md5>);

impl Rc4Cipher {
    pub(super) fn new(base: &[u8], usage: KeyUsage) -> Self {
        let mut k1 = hmac_md5(base, &[&translate(usage)]);
        let hmac = Hmac::new(&k1);
        k1.zeroize();
        Self(hmac)
    }

    /// `text` is confounder and plaintext.
    pub(super) fn seal(&self, text: &mut [u8], mac_out: &mut [u8]) {
        let sum = mac::<_, 16>(&self.0, &[text]);
        self.stream(&sum, text);
        mac_out.copy_from_slice(&sum);
    }

    /// If it gives `false`, `text` is wiped.
    pub(super) fn open(&self, text: &mut [u8], mac_in: &[u8]) -> bool {
        self.stream(mac_in, text);
        let genuine = same(&mac::<_, 16>(&self.0, &[text]), 16, mac_in);
        if !genuine {
            text.zeroize();
        }
        genuine
    }

    pub(super) fn stream(&self, sum: &[u8], text: &mut [u8]) {
        let mut k3 = mac::<_, 16>(&self.0, &[sum]);
        rc4(&k3, text);
        k3.zeroize();
    }
}

/// The signature key, compressed, and the usage (CRY-21).
pub(super) struct Rc4Mac {
    hmac: Hmac<Md5>,
    usage: [u8; 4],
}

impl Rc4Mac {
    pub(super) fn new(base: &[u8], usage: KeyUsage) -> Self {
        let mut ksign = hmac_md5(base, &[b"signaturekey\0"]);
        let hmac = Hmac::new(&ksign);
        ksign.zeroize();
        Self {
            hmac,
            usage: translate(usage),
        }
    }

    pub(super) fn of(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut hash = Md5::new_with_prefix(self.usage);
        for part in parts {
            hash.update(part);
        }
        mac(&self.hmac, &[&hash.finalize()])
    }
}

/// HMAC-SHA1 of the input under the key itself (CRY-13).
pub(super) fn prf(base: &[u8], input: &[u8]) -> Vec<u8> {
    mac::<_, 20>(&Hmac::<Sha1>::new(base), &[input]).to_vec()
}
