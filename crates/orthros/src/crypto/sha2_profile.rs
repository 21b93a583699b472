//! AES-CTS with HMAC-SHA2 (RFC 8009, enctypes 19 and 20).

use std::sync::OnceLock;

use hmac::EagerHash;
use sha2::{Sha256, Sha384};
use zeroize::{Zeroize, Zeroizing};

use super::cts::{self, Aes, Aes128, Aes256};
use super::hmac::{Hash, Hmac};
use super::sha1_profile::{put, same};
use super::usage::KeyUsage;

/// What differs between the two enctypes.
pub(super) trait Suite {
    type Aes: Aes;
    type Hash: Hash + EagerHash;
    /// The enctype's name, part of the salt (CRY-12).
    const NAME: &'static [u8];
    const KEY_LEN: usize;
    /// Octets of the MAC, of Kc and of Ki (CRY-09).
    const MAC_LEN: usize;
    const PRF_LEN: usize;
}

pub(super) struct Aes128Sha256;
impl Suite for Aes128Sha256 {
    type Aes = Aes128;
    type Hash = Sha256;
    const NAME: &'static [u8] = b"aes128-cts-hmac-sha256-128";
    const KEY_LEN: usize = 16;
    const MAC_LEN: usize = 16;
    const PRF_LEN: usize = 32;
}

pub(super) struct Aes256Sha384;
impl Suite for Aes256Sha384 {
    type Aes = Aes256;
    type Hash = Sha384;
    const NAME: &'static [u8] = b"aes256-cts-hmac-sha384-192";
    const KEY_LEN: usize = 32;
    const MAC_LEN: usize = 24;
    const PRF_LEN: usize = 48;
}

/// KDF-HMAC-SHA2 (CRY-08), as long as `output`, which is at most one HMAC.
pub(super) fn kdf<D: Hash>(key: &Hmac<D>, label: &[u8], context: &[u8], output: &mut [u8]) {
    let bits = u32::try_from(output.len() * 8).unwrap_or_default();
    let mut k1 = key.of(&[&[0, 0, 0, 1], label, &[0], context, &bits.to_be_bytes()]);
    debug_assert!(output.len() <= k1.len());
    for (to, from) in output.iter_mut().zip(k1.iter()) {
        *to = *from;
    }
    k1.zeroize();
}

fn label(usage: KeyUsage, last: u8) -> [u8; 5] {
    let [a, b, c, d] = usage.0.to_be_bytes();
    [a, b, c, d, last]
}

/// Ke, scheduled, and Ki, compressed.
pub(super) struct Sha2Cipher<S: Suite> {
    enc: <S::Aes as Aes>::Enc,
    dec: OnceLock<<S::Aes as Aes>::Dec>,
    mac: Hmac<S::Hash>,
}

impl<S: Suite> Sha2Cipher<S> {
    pub(super) fn new(base: &Hmac<S::Hash>, usage: KeyUsage) -> Self {
        let mut octets = [0; 32];
        let (ke, _) = octets.split_at_mut(S::KEY_LEN);
        kdf(base, &label(usage, 0xaa), &[], ke);
        let enc = S::Aes::expand(ke);
        let (ki, _) = octets.split_at_mut(S::MAC_LEN);
        kdf(base, &label(usage, 0x55), &[], ki);
        let mac = Hmac::new(ki);
        octets.zeroize();
        Self {
            enc,
            dec: OnceLock::new(),
            mac,
        }
    }

    /// Encrypts, then signs ivec and ciphertext (CRY-10): each text is confounder and plaintext.
    pub(super) fn seal<const N: usize>(&self, texts: [&mut [u8]; N], macs_out: [&mut [u8]; N]) {
        let mut macs = [(); N].map(|()| self.mac.start());
        cts::encrypt_then_hash(&self.enc, texts, &mut macs);
        for (out, mac) in macs_out.into_iter().zip(macs) {
            put(out, &mac.finish());
        }
    }

    /// Decrypts without a look at the MAC.
    pub(super) fn decrypt_unverified(&self, text: &mut [u8]) {
        cts::decrypt(self.dec.get_or_init(|| (&self.enc).into()), text);
    }

    /// Verifies, and only then decrypts (CRY-11). The texts of which it says `false` are as they
    /// were.
    pub(super) fn open<const N: usize>(
        &self,
        texts: [&mut [u8]; N],
        macs_in: [&[u8]; N],
    ) -> [bool; N] {
        let dec = self.dec.get_or_init(|| (&self.enc).into());
        let macs = [(); N].map(|()| self.mac.start());
        let mut genuine = [false; N];
        cts::hash_then_decrypt(dec, texts, macs, |n, mac| {
            let same = macs_in
                .get(n)
                .is_some_and(|mac_in| same(&mac.finish(), S::MAC_LEN, mac_in));
            if let Some(genuine) = genuine.get_mut(n) {
                *genuine = same;
            }
            same
        });
        genuine
    }
}

impl<S: Suite> Sha2Cipher<S> {
    /// As [`open`](Self::open), into an empty `out` and without the confounder.
    pub(super) fn open_to(&self, text: &[u8], mac_in: &[u8], out: &mut Vec<u8>) -> bool {
        let dec = self.dec.get_or_init(|| (&self.enc).into());
        let mut genuine = false;
        cts::hash_then_decrypt_to(dec, text, out, self.mac.start(), |mac| {
            genuine = same(&mac.finish(), S::MAC_LEN, mac_in);
            genuine
        });
        genuine
    }
}

impl<S: Suite> Sha2Cipher<S> {
    /// As [`seal`](Self::seal), of a text in pieces.
    pub(super) fn seal_pieces(&self, pieces: &mut cts::Pieces<'_, '_>, mac_out: &mut [u8]) {
        cts::encrypt_pieces(&self.enc, pieces);
        put(mac_out, &self.mac_of_pieces(pieces));
    }

    /// As [`open`](Self::open), of a text in pieces.
    pub(super) fn open_pieces(&self, pieces: &mut cts::Pieces<'_, '_>, mac_in: &[u8]) -> bool {
        let genuine = same(&self.mac_of_pieces(pieces), S::MAC_LEN, mac_in);
        if genuine {
            cts::decrypt_pieces(self.dec.get_or_init(|| (&self.enc).into()), pieces);
        }
        genuine
    }

    fn mac_of_pieces(&self, pieces: &cts::Pieces<'_, '_>) -> impl std::ops::Deref<Target = [u8]> {
        let mut mac = self.mac.start();
        mac.update(&[0; cts::BLOCK]);
        pieces.each(|octets| mac.update(octets));
        mac.finish()
    }
}

/// Kc, compressed: the MAC of checksum types 19 and 20 (CRY-15).
pub(super) fn checksum_mac<S: Suite>(base: &[u8], usage: KeyUsage) -> Hmac<S::Hash> {
    let mut octets = Zeroizing::new([0; 32]);
    let (kc, _) = octets.split_at_mut(S::MAC_LEN);
    kdf(&Hmac::<S::Hash>::new(base), &label(usage, 0x99), &[], kc);
    Hmac::new(kc)
}

/// The pseudo-random function (CRY-13).
pub(super) fn prf<S: Suite>(base: &[u8], input: &[u8]) -> Vec<u8> {
    let mut output = vec![0; S::PRF_LEN];
    kdf(&Hmac::<S::Hash>::new(base), b"prf", input, &mut output);
    output
}
