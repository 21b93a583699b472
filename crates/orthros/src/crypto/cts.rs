//! AES in CBC mode with ciphertext stealing, CBC-CS3 of RFC 3962 §5, with a hash running beside it.
//!
//! CBC encryption is a chain: each block waits for the one before, and the processor is mostly
//! idle. A hash fed block by block in between costs next to nothing, so both MAC orders (hash the
//! plaintext, then encrypt it; encrypt, then hash the ciphertext) are one pass here. Decryption
//! has no chain and goes many blocks at a time.
//!
//! Each operation enters the `aes` crate once per message: choosing the instructions and
//! spreading the round keys over the registers is dear for a short one.

use aes::Block;
use cipher::consts::U16;
use cipher::typenum::Unsigned;
use cipher::{
    Array, BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncBackend,
    BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, InOut, KeyInit, ParBlocks,
};
use hmac::EagerHash;
use zeroize::Zeroize;

use super::hmac::{HashBlock, Running};

pub(super) const BLOCK: usize = 16;

/// How much is decrypted before it is hashed: enough to decrypt in parallel, small enough to stay
/// in the first-level cache.
const PIECE: usize = 4096;

/// AES with one of its key lengths.
pub(super) trait Aes {
    const KEY_LEN: usize;
    /// The schedule for encryption.
    type Enc: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit + Send + Sync;
    /// The schedule for decryption, made from the other.
    type Dec: BlockCipherDecrypt
        + BlockSizeUser<BlockSize = U16>
        + for<'a> From<&'a Self::Enc>
        + Send
        + Sync;

    /// Expands a key, whose length was checked when the [`Key`](super::Key) was made.
    fn expand(key: &[u8]) -> Self::Enc {
        match Self::Enc::new_from_slice(key) {
            Ok(schedule) => schedule,
            Err(_) => unreachable!("a Key has the length of its enctype"),
        }
    }
}

pub(super) struct Aes128;
impl Aes for Aes128 {
    const KEY_LEN: usize = 16;
    type Enc = aes::Aes128Enc;
    type Dec = aes::Aes128Dec;
}

pub(super) struct Aes256;
impl Aes for Aes256 {
    const KEY_LEN: usize = 32;
    type Enc = aes::Aes256Enc;
    type Dec = aes::Aes256Dec;
}

#[inline(always)]
fn xor(block: &mut Block, other: &Block) {
    for (a, b) in block.iter_mut().zip(other) {
        *a ^= b;
    }
}

/// Where the last block begins, be it whole or not.
const fn last_block(len: usize) -> usize {
    len.saturating_sub(1) / BLOCK * BLOCK
}

/// How many of `len` octets, in multiples of `unit`, lie before the last two blocks; those are
/// not plain CBC.
const fn plain_cbc(len: usize, unit: usize) -> usize {
    last_block(len).saturating_sub(BLOCK) / unit * unit
}

/// Encrypts a string of at least one block with a zero ivec, and feeds its plaintext to the MAC
/// (RFC 3961).
pub(super) fn hash_then_encrypt<E, D>(enc: &E, text: &mut [u8], mac: &mut Running<D>)
where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
    D: EagerHash,
{
    enc.encrypt_with_backend(HashThenEncrypt { text, mac });
}

struct HashThenEncrypt<'a, D: EagerHash> {
    text: &'a mut [u8],
    mac: &'a mut Running<D>,
}

impl<D: EagerHash> BlockSizeUser for HashThenEncrypt<'_, D> {
    type BlockSize = U16;
}

impl<D: EagerHash> BlockCipherEncClosure for HashThenEncrypt<'_, D> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mut chain = Block::default();
        let along = plain_cbc(self.text.len(), size_of::<HashBlock<D>>());
        let (head, rest) = self.text.split_at_mut(along);
        let (chunks, _) = HashBlock::<D>::slice_as_chunks_mut(head);
        for chunk in chunks {
            self.mac.update_block(chunk);
            let (blocks, _) = Block::slice_as_chunks_mut(chunk);
            chain = encrypt_blocks(backend, chain, blocks);
        }
        self.mac.update(rest);
        encrypt_stealing(backend, chain, rest);
    }
}

/// Encrypts a string of at least one block with a zero ivec, and feeds ivec and ciphertext to the
/// MAC (RFC 8009).
pub(super) fn encrypt_then_hash<E, D>(enc: &E, text: &mut [u8], mac: &mut Running<D>)
where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
    D: EagerHash,
{
    enc.encrypt_with_backend(EncryptThenHash { text, mac });
}

struct EncryptThenHash<'a, D: EagerHash> {
    text: &'a mut [u8],
    mac: &'a mut Running<D>,
}

impl<D: EagerHash> BlockSizeUser for EncryptThenHash<'_, D> {
    type BlockSize = U16;
}

impl<D: EagerHash> BlockCipherEncClosure for EncryptThenHash<'_, D> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mut chain = Block::default();
        // The ivec is the first cipher block the hash sees. The ciphertext that fills up the first
        // hash block goes first; from then on hash blocks are cipher blocks.
        let unit = size_of::<HashBlock<D>>();
        let first = unit - BLOCK;
        if plain_cbc(self.text.len(), BLOCK) < first {
            encrypt_stealing(backend, chain, self.text);
            self.mac.update(&chain);
            self.mac.update(self.text);
            return;
        }
        let mut opening = HashBlock::<D>::default();
        let (head, rest) = self.text.split_at_mut(first);
        let (blocks, _) = Block::slice_as_chunks_mut(head);
        chain = encrypt_blocks(backend, chain, blocks);
        for (to, from) in opening.iter_mut().skip(BLOCK).zip(head.iter()) {
            *to = *from;
        }
        self.mac.update_block(&opening);
        let (head, rest) = rest.split_at_mut(plain_cbc(rest.len(), unit));
        let (chunks, _) = HashBlock::<D>::slice_as_chunks_mut(head);
        for chunk in chunks {
            let (blocks, _) = Block::slice_as_chunks_mut(chunk);
            chain = encrypt_blocks(backend, chain, blocks);
            self.mac.update_block(chunk);
        }
        encrypt_stealing(backend, chain, rest);
        self.mac.update(rest);
    }
}

/// CBC; gives the last ciphertext block, the ivec of what follows.
#[inline(always)]
fn encrypt_blocks<B>(backend: &B, mut chain: Block, blocks: &mut [Block]) -> Block
where
    B: BlockCipherEncBackend<BlockSize = U16>,
{
    for block in blocks {
        xor(&mut chain, block);
        backend.encrypt_block(InOut::from(&mut chain));
        *block = chain;
    }
    chain
}

/// Encrypts at least one block (CRY-05).
///
/// One block is encrypted alone. Otherwise the last two ciphertext blocks change places, also when
/// the last is whole, and what is then the last is cut to the length of the plaintext.
#[inline(always)]
fn encrypt_stealing<B>(backend: &B, ivec: Block, text: &mut [u8])
where
    B: BlockCipherEncBackend<BlockSize = U16>,
{
    let (head, last) = text.split_at_mut(last_block(text.len()));
    let (blocks, _) = Block::slice_as_chunks_mut(head);
    let chain = encrypt_blocks(backend, ivec, blocks);
    let mut padded = Block::default();
    for (to, from) in padded.iter_mut().zip(last.iter()) {
        *to = *from;
    }
    xor(&mut padded, &chain);
    backend.encrypt_block(InOut::from(&mut padded));
    let stolen = match blocks.last_mut() {
        Some(before) => std::mem::replace(before, padded),
        None => padded,
    };
    for (to, from) in last.iter_mut().zip(stolen) {
        *to = from;
    }
}

/// Decrypts a string of at least one block with a zero ivec, and shows the plaintext, piece by
/// piece from the first to the last, to `seen`.
pub(super) fn decrypt<D>(dec: &D, text: &mut [u8], seen: impl FnMut(&[u8]))
where
    D: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    dec.decrypt_with_backend(Decrypt { text, seen });
}

struct Decrypt<'a, F: FnMut(&[u8])> {
    text: &'a mut [u8],
    seen: F,
}

impl<F: FnMut(&[u8])> BlockSizeUser for Decrypt<'_, F> {
    type BlockSize = U16;
}

impl<F: FnMut(&[u8])> BlockCipherDecClosure for Decrypt<'_, F> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(mut self, backend: &B) {
        let mut chain = Block::default();
        let (head, last) = self.text.split_at_mut(plain_cbc(self.text.len(), BLOCK));
        for piece in head.chunks_mut(PIECE) {
            let (blocks, _) = Array::slice_as_chunks_mut(piece);
            chain = decrypt_blocks(backend, chain, blocks);
            (self.seen)(piece);
        }
        decrypt_stealing(backend, chain, last);
        (self.seen)(last);
    }
}

/// What [`decrypt_to`] needs: the first block is not among the two that change places.
pub(super) const fn has_plain_first_block(len: usize) -> bool {
    plain_cbc(len, BLOCK) >= BLOCK
}

/// Decrypts a string that [has a plain first block](has_plain_first_block), leaves it as it is, and
/// appends the plaintext without that block, the confounder, to `out`. `seen` is shown all of it,
/// as by [`decrypt`].
pub(super) fn decrypt_to<D>(dec: &D, text: &[u8], out: &mut Vec<u8>, seen: impl FnMut(&[u8]))
where
    D: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    dec.decrypt_with_backend(DecryptTo { text, out, seen });
}

struct DecryptTo<'a, F: FnMut(&[u8])> {
    text: &'a [u8],
    out: &'a mut Vec<u8>,
    seen: F,
}

impl<F: FnMut(&[u8])> BlockSizeUser for DecryptTo<'_, F> {
    type BlockSize = U16;
}

impl<F: FnMut(&[u8])> BlockCipherDecClosure for DecryptTo<'_, F> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(mut self, backend: &B) {
        let (head, last) = self.text.split_at(plain_cbc(self.text.len(), BLOCK));
        let (first, mut rest) = head.split_at(BLOCK);
        let mut chain = Block::default();
        for (to, from) in chain.iter_mut().zip(first) {
            *to = *from;
        }
        let mut confounder = chain;
        backend.decrypt_block(InOut::from(&mut confounder));
        (self.seen)(&confounder);
        // With the confounder the first piece is whole, too, and the hash stays on its blocks.
        let mut size = PIECE - BLOCK;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(size.min(rest.len()));
            let plain = appended(self.out, piece);
            let (blocks, _) = Array::slice_as_chunks_mut(plain);
            chain = decrypt_blocks(backend, chain, blocks);
            (self.seen)(plain);
            (rest, size) = (behind, PIECE);
        }
        let plain = appended(self.out, last);
        decrypt_stealing(backend, chain, plain);
        (self.seen)(plain);
    }
}

#[inline(always)]
fn appended<'o>(out: &'o mut Vec<u8>, octets: &[u8]) -> &'o mut [u8] {
    let start = out.len();
    out.extend_from_slice(octets);
    let (_, new) = out.split_at_mut(start);
    new
}

/// CBC; gives the last ciphertext block, the ivec of what follows.
#[inline(always)]
fn decrypt_blocks<B>(backend: &B, mut chain: Block, blocks: &mut [Block]) -> Block
where
    B: BlockCipherDecBackend<BlockSize = U16>,
{
    let mut rest = blocks;
    if B::ParBlocksSize::USIZE > 1 && rest.len() >= B::ParBlocksSize::USIZE {
        let (many, few) = ParBlocks::<B>::slice_as_chunks_mut(rest);
        let mut plain = ParBlocks::<B>::default();
        for blocks in many {
            backend.decrypt_par_blocks(InOut::from((&*blocks, &mut plain)));
            for (block, plain) in blocks.iter_mut().zip(plain.iter_mut()) {
                xor(plain, &chain);
                chain = std::mem::replace(block, *plain);
            }
        }
        plain.zeroize();
        rest = few;
    }
    for block in rest {
        let mut plain = *block;
        backend.decrypt_block(InOut::from(&mut plain));
        xor(&mut plain, &chain);
        chain = std::mem::replace(block, plain);
    }
    chain
}

/// Decrypts the only block, or the two that changed places (CRY-05).
#[inline(always)]
fn decrypt_stealing<B>(backend: &B, chain: Block, text: &mut [u8])
where
    B: BlockCipherDecBackend<BlockSize = U16>,
{
    let (head, last) = text.split_at_mut(last_block(text.len()));
    let Some(before) = Block::slice_as_mut_array(head) else {
        if let Some(only) = Block::slice_as_mut_array(last) {
            backend.decrypt_block(InOut::from(&mut *only));
            xor(only, &chain);
        }
        return;
    };
    // `before` is the ciphertext of the last plaintext block padded with zeros, `last` what is
    // left of the block before it; the octets cut off show up under the padding.
    let mut stolen = *before;
    backend.decrypt_block(InOut::from(&mut stolen));
    for (stolen, cut) in stolen.iter_mut().zip(last.iter_mut()) {
        let cipher = *cut;
        *cut ^= *stolen;
        *stolen = cipher;
    }
    backend.decrypt_block(InOut::from(&mut stolen));
    xor(&mut stolen, &chain);
    *before = stolen;
}

/// Replaces each run of blocks by the encryption of `seed`, the encryption of that, and so on: DR
/// of RFC 3961 §5.1 (CRY-01).
pub(super) fn iterate<E>(enc: &E, runs: &mut [(Block, &mut [u8])])
where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    enc.encrypt_with_backend(Iterate { runs });
}

struct Iterate<'a, 'b> {
    runs: &'a mut [(Block, &'b mut [u8])],
}

impl BlockSizeUser for Iterate<'_, '_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Iterate<'_, '_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        for (seed, output) in self.runs {
            for piece in output.chunks_mut(BLOCK) {
                backend.encrypt_block(InOut::from(&mut *seed));
                for (to, from) in piece.iter_mut().zip(seed.iter()) {
                    *to = *from;
                }
            }
            seed.zeroize();
        }
    }
}
