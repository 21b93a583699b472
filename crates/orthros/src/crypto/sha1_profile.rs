//! AES-CTS with HMAC-SHA1-96: the simplified profile of RFC 3961 §5.3 with the algorithms of
//! RFC 3962 (enctypes 17 and 18).

use std::sync::OnceLock;

use aes::Block;
use cipher::{Array, BlockCipherEncrypt};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::cts::{self, Aes, BLOCK, Hashed};
use super::hmac::{HashBlock, Hmac};
use super::nfold::{nfold, nfold_usage};
use super::usage::KeyUsage;

pub(super) const MAC_LEN: usize = 12;

/// How much is decrypted before it is hashed: enough to decrypt in parallel, small enough to stay
/// in the first-level cache.
const PIECE: usize = 4096;

/// The octet that ends the constant of each derived key (CRY-02).
const CHECKSUM: u8 = 0x99;
const ENCRYPTION: u8 = 0xaa;
const INTEGRITY: u8 = 0x55;

/// DK of RFC 3961 §5.1: the cipher iterated from the folded constant (CRY-01).
///
/// random-to-key is the identity for AES (CRY-17).
fn dk<A: Aes>(base: &A::Enc, folded: [u8; BLOCK], output: &mut [u8]) {
    let mut block = Block::from(folded);
    for piece in output.chunks_mut(BLOCK) {
        base.encrypt_block(&mut block);
        for (to, from) in piece.iter_mut().zip(block.iter()) {
            *to = *from;
        }
    }
    block.zeroize();
}

fn usage_constant(usage: KeyUsage, last: u8) -> [u8; BLOCK] {
    let [a, b, c, d] = usage.0.to_be_bytes();
    nfold_usage([a, b, c, d, last])
}

/// DK with a constant of any length that is shorter than the block.
pub(super) fn derive<A: Aes>(base: &[u8], constant: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut folded = [0; BLOCK];
    nfold(constant, &mut folded);
    let mut derived = Zeroizing::new(vec![0; base.len()]);
    dk::<A>(&A::expand(base), folded, &mut derived);
    derived
}

/// Ke, scheduled, and Ki, compressed.
pub(super) struct Sha1Cipher<A: Aes> {
    enc: A::Enc,
    dec: OnceLock<A::Dec>,
    mac: Hmac<Sha1>,
}

impl<A: Aes> Sha1Cipher<A> {
    pub(super) fn new(base: &[u8], usage: KeyUsage) -> Self {
        let base_schedule = A::expand(base);
        let mut octets = [0; 32];
        let (derived, _) = octets.split_at_mut(base.len().min(32));
        dk::<A>(&base_schedule, usage_constant(usage, ENCRYPTION), derived);
        let enc = A::expand(derived);
        dk::<A>(&base_schedule, usage_constant(usage, INTEGRITY), derived);
        let mac = Hmac::new(derived);
        octets.zeroize();
        Self {
            enc,
            dec: OnceLock::new(),
            mac,
        }
    }

    /// Encrypts and signs (CRY-03): `text` is confounder and plaintext.
    pub(super) fn seal(&self, text: &mut [u8], mac_out: &mut [u8]) {
        let mut mac = self.mac.start();
        let mut chain = Block::default();
        let block = size_of::<HashBlock<Sha1>>();
        // The last two cipher blocks are not plain CBC and stay in the rest.
        let hashed_along = text.len().saturating_sub(BLOCK + 1) / block * block;
        let (head, rest) = text.split_at_mut(hashed_along);
        let (chunks, _) = Array::slice_as_chunks_mut(head);
        cts::cbc_encrypt_hashed(&self.enc, &mut chain, chunks, &mut mac, Hashed::Before);
        mac.update(rest);
        cts::encrypt(&self.enc, &chain, rest);
        for (to, from) in mac_out.iter_mut().zip(mac.finish()) {
            *to = from;
        }
    }

    /// Decrypts and verifies (CRY-04). If it gives `false`, `text` is wiped.
    pub(super) fn open(&self, text: &mut [u8], mac_in: &[u8]) -> bool {
        let dec = self.dec.get_or_init(|| A::Dec::from(&self.enc));
        let mut mac = self.mac.start();
        let mut chain = Block::default();
        let (head, last) = text.split_at_mut(cts::plain_cbc(text.len()));
        for piece in head.chunks_mut(PIECE) {
            let (blocks, _) = Array::slice_as_chunks_mut(piece);
            cts::cbc_decrypt(dec, &mut chain, blocks);
            mac.update(piece);
        }
        cts::decrypt_last(dec, &chain, last);
        mac.update(last);
        let genuine = same(&mac.finish(), MAC_LEN, mac_in);
        if !genuine {
            text.zeroize();
        }
        genuine
    }
}

/// Whether `received` is the first `len` octets of `computed`, in constant time.
pub(super) fn same(computed: &[u8], len: usize, received: &[u8]) -> bool {
    computed
        .get(..len)
        .is_some_and(|expected| expected.ct_eq(received).into())
}

/// Kc, compressed: the MAC of checksum types 15 and 16 (CRY-15).
pub(super) fn checksum_mac<A: Aes>(base: &[u8], usage: KeyUsage) -> Hmac<Sha1> {
    let mut octets = Zeroizing::new([0; 32]);
    let (derived, _) = octets.split_at_mut(base.len().min(32));
    dk::<A>(&A::expand(base), usage_constant(usage, CHECKSUM), derived);
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
