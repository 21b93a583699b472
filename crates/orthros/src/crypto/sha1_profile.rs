//! AES-CTS with HMAC-SHA1-96: the simplified profile of RFC 3961 §5.3 with the algorithms of
//! RFC 3962 (enctypes 17 and 18).

use std::sync::OnceLock;

use aes::Block;
use cipher::BlockCipherEncrypt;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::cts::{self, Aes, BLOCK};
use super::hmac::Hmac;
use super::nfold::{nfold, nfold_usage};
use super::usage::KeyUsage;

pub(super) const MAC_LEN: usize = 12;

/// The octet that ends the constant of each derived key (CRY-02).
const CHECKSUM: u8 = 0x99;
const ENCRYPTION: u8 = 0xaa;
const INTEGRITY: u8 = 0x55;

/// Where the derivation of a usage's key starts.
fn seed(usage: KeyUsage, last: u8) -> Block {
    let [a, b, c, d] = usage.0.to_be_bytes();
    nfold_usage([a, b, c, d, last]).into()
}

/// DK of RFC 3961 §5.1 with a constant shorter than the block (CRY-01); random-to-key is the
/// identity for AES (CRY-17).
pub(super) fn derive<A: Aes>(base: &[u8], constant: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut folded = [0; BLOCK];
    nfold(constant, &mut folded);
    let mut derived = Zeroizing::new(vec![0; base.len()]);
    cts::iterate(&A::expand(base), &mut [(folded.into(), &mut derived)]);
    derived
}

/// Ke, scheduled, and Ki, compressed.
pub(super) struct Sha1Cipher<A: Aes> {
    enc: A::Enc,
    dec: OnceLock<A::Dec>,
    mac: Hmac<Sha1>,
}

impl<A: Aes> Sha1Cipher<A> {
    pub(super) fn new(base: &A::Enc, usage: KeyUsage) -> Self {
        let mut keys = Zeroizing::new([0; 64]);
        let (ke, ki) = keys.split_at_mut(32);
        let (ke, _) = ke.split_at_mut(A::KEY_LEN);
        let (ki, _) = ki.split_at_mut(A::KEY_LEN);
        let mut runs = [
            (seed(usage, ENCRYPTION), &mut *ke),
            (seed(usage, INTEGRITY), &mut *ki),
        ];
        cts::iterate(base, &mut runs);
        Self {
            enc: A::expand(ke),
            dec: OnceLock::new(),
            mac: Hmac::new(ki),
        }
    }

    /// Encrypts and signs (CRY-03): each text is confounder and plaintext.
    pub(super) fn seal<const N: usize>(&self, texts: [&mut [u8]; N], macs_out: [&mut [u8]; N]) {
        let mut macs = [(); N].map(|()| self.mac.start());
        cts::hash_then_encrypt(&self.enc, texts, &mut macs);
        for (out, mac) in macs_out.into_iter().zip(macs) {
            put(out, &mac.finish());
        }
    }

    /// Decrypts without a look at the MAC: for [`Cipher::resembles`](super::Cipher::resembles) only.
    pub(super) fn decrypt_unverified(&self, text: &mut [u8]) {
        let dec = self.dec.get_or_init(|| A::Dec::from(&self.enc));
        cts::decrypt(dec, text);
    }

    /// Decrypts and verifies (CRY-04). The texts of which it says `false` are wiped.
    pub(super) fn open<const N: usize>(
        &self,
        mut texts: [&mut [u8]; N],
        macs_in: [&[u8]; N],
    ) -> [bool; N] {
        let dec = self.dec.get_or_init(|| A::Dec::from(&self.enc));
        let mut macs = [(); N].map(|()| self.mac.start());
        cts::decrypt_then_hash(dec, texts.each_mut().map(|text| &mut **text), &mut macs);
        let mut genuine = [false; N];
        for (((genuine, text), mac), mac_in) in genuine.iter_mut().zip(texts).zip(macs).zip(macs_in)
        {
            *genuine = same(&mac.finish(), MAC_LEN, mac_in);
            if !*genuine {
                text.zeroize();
            }
        }
        genuine
    }
}

impl<A: Aes> Sha1Cipher<A> {
    /// As [`open`](Self::open), into an empty `out` and without the confounder. If it gives
    /// `false`, `out` is wiped and empty.
    pub(super) fn open_to(&self, text: &[u8], mac_in: &[u8], out: &mut Vec<u8>) -> bool {
        let dec = self.dec.get_or_init(|| A::Dec::from(&self.enc));
        let mut mac = self.mac.start();
        cts::decrypt_to_then_hash(dec, text, out, &mut mac);
        let genuine = same(&mac.finish(), MAC_LEN, mac_in);
        if !genuine {
            out.zeroize();
        }
        genuine
    }
}

/// As much of a MAC as there is room for.
pub(super) fn put(out: &mut [u8], mac: &[u8]) {
    for (to, from) in out.iter_mut().zip(mac) {
        *to = *from;
    }
}

/// Whether `received` is the first `len` octets of `computed`, in constant time.
pub(super) fn same(computed: &[u8], len: usize, received: &[u8]) -> bool {
    computed
        .get(..len)
        .is_some_and(|expected| expected.ct_eq(received).into())
}

impl<A: Aes> Sha1Cipher<A> {
    /// As [`seal`](Self::seal), of a text in pieces.
    pub(super) fn seal_pieces(&self, pieces: &mut cts::Pieces<'_, '_>, mac_out: &mut [u8]) {
        let mut mac = self.mac.start();
        pieces.each(|octets| mac.update(octets));
        cts::encrypt_pieces(&self.enc, pieces);
        put(mac_out, &mac.finish());
    }

    /// As [`open`](Self::open), of a text in pieces.
    pub(super) fn open_pieces(&self, pieces: &mut cts::Pieces<'_, '_>, mac_in: &[u8]) -> bool {
        let dec = self.dec.get_or_init(|| A::Dec::from(&self.enc));
        cts::decrypt_pieces(dec, pieces);
        let mut mac = self.mac.start();
        pieces.each(|octets| mac.update(octets));
        let genuine = same(&mac.finish(), MAC_LEN, mac_in);
        if !genuine {
            pieces.wipe();
        }
        genuine
    }
}

/// Kc, compressed: the MAC of checksum types 15 and 16 (CRY-15).
pub(super) fn checksum_mac<A: Aes>(base: &[u8], usage: KeyUsage) -> Hmac<Sha1> {
    let mut octets = Zeroizing::new([0; 32]);
    let (derived, _) = octets.split_at_mut(base.len().min(32));
    cts::iterate(
        &A::expand(base),
        &mut [(seed(usage, CHECKSUM), &mut *derived)],
    );
    Hmac::new(derived)
}

/// The pseudo-random function: one block, encrypted without chaining (CRY-13).
pub(super) fn prf<A: Aes>(base: &[u8], input: &[u8]) -> [u8; BLOCK] {
    let key = derive::<A>(base, b"prf");
    let mut block = Block::default();
    for (to, from) in block.iter_mut().zip(Sha1::digest(input)) {
        *to = from;
    }
    A::expand(&key).encrypt_block(&mut block);
    block.into()
}
