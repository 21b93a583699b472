//! AES in CBC mode with ciphertext stealing, CBC-CS3 of RFC 3962 §5, and the two ways of running
//! a hash beside it.
//!
//! CBC encryption is a chain: each block waits for the one before, and the processor is mostly
//! idle. A hash fed block by block in between costs next to nothing, so both MAC orders (hash the
//! plaintext, then encrypt it; encrypt, then hash the ciphertext) are one loop here. Decryption
//! has no chain and goes many blocks at a time.

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

/// AES with one of its key lengths.
pub(super) trait Aes {
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
    type Enc = aes::Aes128Enc;
    type Dec = aes::Aes128Dec;
}

pub(super) struct Aes256;
impl Aes for Aes256 {
    type Enc = aes::Aes256Enc;
    type Dec = aes::Aes256Dec;
}

#[inline(always)]
fn xor(block: &mut Block, other: &Block) {
    for (a, b) in block.iter_mut().zip(other) {
        *a ^= b;
    }
}

/// When the hash sees an octet that is encrypted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hashed {
    /// As plaintext (RFC 3961: the MAC is over the plaintext).
    Before,
    /// As ciphertext (RFC 8009: the MAC is over the ciphertext).
    After,
}

/// CBC-encrypts whole blocks and hashes them on the way; `chain` is the ivec and becomes the last
/// ciphertext block.
pub(super) fn cbc_encrypt_hashed<E, D>(
    enc: &E,
    chain: &mut Block,
    chunks: &mut [HashBlock<D>],
    mac: &mut Running<D>,
    hashed: Hashed,
) where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
    D: EagerHash,
{
    if !chunks.is_empty() {
        match hashed {
            Hashed::Before => {
                enc.encrypt_with_backend(EncryptHashed::<D, true> { chain, chunks, mac });
            }
            Hashed::After => {
                enc.encrypt_with_backend(EncryptHashed::<D, false> { chain, chunks, mac });
            }
        }
    }
}

struct EncryptHashed<'a, D: EagerHash, const BEFORE: bool> {
    chain: &'a mut Block,
    chunks: &'a mut [HashBlock<D>],
    mac: &'a mut Running<D>,
}

impl<D: EagerHash, const BEFORE: bool> BlockSizeUser for EncryptHashed<'_, D, BEFORE> {
    type BlockSize = U16;
}

impl<D: EagerHash, const BEFORE: bool> BlockCipherEncClosure for EncryptHashed<'_, D, BEFORE> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mut chain = *self.chain;
        for chunk in self.chunks {
            if BEFORE {
                self.mac.update_block(chunk);
            }
            let (blocks, _) = Block::slice_as_chunks_mut(chunk);
            chain = encrypt_blocks(backend, chain, blocks);
            if !BEFORE {
                self.mac.update_block(chunk);
            }
        }
        *self.chain = chain;
    }
}

/// CBC-encrypts whole blocks; `chain` is the ivec and becomes the last ciphertext block.
pub(super) fn cbc_encrypt<E>(enc: &E, chain: &mut Block, blocks: &mut [Block])
where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    enc.encrypt_with_backend(EncryptChained { chain, blocks });
}

struct EncryptChained<'a> {
    chain: &'a mut Block,
    blocks: &'a mut [Block],
}

impl BlockSizeUser for EncryptChained<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for EncryptChained<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        *self.chain = encrypt_blocks(backend, *self.chain, self.blocks);
    }
}

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

/// Encrypts a string of at least one block (CRY-05). `chain` is the ivec.
///
/// One block is encrypted alone. Otherwise the last two ciphertext blocks change places, also when
/// the last is whole, and what is then the last is cut to the length of the plaintext.
pub(super) fn encrypt<E>(enc: &E, chain: &Block, text: &mut [u8])
where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    enc.encrypt_with_backend(EncryptStealing { chain, text });
}

struct EncryptStealing<'a> {
    chain: &'a Block,
    text: &'a mut [u8],
}

impl BlockSizeUser for EncryptStealing<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for EncryptStealing<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let whole = last_block(self.text.len());
        let (head, last) = self.text.split_at_mut(whole);
        let (blocks, _) = Block::slice_as_chunks_mut(head);
        let chain = encrypt_blocks(backend, *self.chain, blocks);
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
}

/// Where the last block begins, be it whole or not.
const fn last_block(len: usize) -> usize {
    len.saturating_sub(1) / BLOCK * BLOCK
}

/// How much of a ciphertext of this length is plain CBC; the rest is for [`decrypt_last`].
pub(super) const fn plain_cbc(len: usize) -> usize {
    last_block(len).saturating_sub(BLOCK)
}

/// CBC-decrypts whole blocks; `chain` is the ivec and becomes the last ciphertext block.
pub(super) fn cbc_decrypt<D>(dec: &D, chain: &mut Block, blocks: &mut [Block])
where
    D: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    if !blocks.is_empty() {
        dec.decrypt_with_backend(DecryptChained { chain, blocks });
    }
}

struct DecryptChained<'a> {
    chain: &'a mut Block,
    blocks: &'a mut [Block],
}

impl BlockSizeUser for DecryptChained<'_> {
    type BlockSize = U16;
}

impl BlockCipherDecClosure for DecryptChained<'_> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let mut chain = *self.chain;
        let mut rest = self.blocks;
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
        *self.chain = chain;
    }
}

/// Decrypts what [`plain_cbc`] leaves: the only block, or the two that changed places (CRY-05).
pub(super) fn decrypt_last<D>(dec: &D, chain: &Block, text: &mut [u8])
where
    D: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    let whole = last_block(text.len());
    let (head, last) = text.split_at_mut(whole);
    let Some(before) = Block::slice_as_mut_array(head) else {
        // One block, whole: a ciphertext has at least one.
        if let Some(only) = Block::slice_as_mut_array(last) {
            dec.decrypt_block(only);
            xor(only, chain);
        }
        return;
    };
    // `before` is the ciphertext of the last plaintext block padded with zeros, `last` what is
    // left of the block before it; the octets cut off show up under the padding.
    let mut stolen = *before;
    dec.decrypt_block(&mut stolen);
    for (stolen, cut) in stolen.iter_mut().zip(last.iter_mut()) {
        let cipher = *cut;
        *cut ^= *stolen;
        *stolen = cipher;
    }
    dec.decrypt_block(&mut stolen);
    xor(&mut stolen, chain);
    *before = stolen;
}

/// Decrypts a string of at least one block; the ivec is zero.
pub(super) fn decrypt<D>(dec: &D, text: &mut [u8])
where
    D: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    let mut chain = Block::default();
    let (head, last) = text.split_at_mut(plain_cbc(text.len()));
    let (blocks, _) = Array::slice_as_chunks_mut(head);
    cbc_decrypt(dec, &mut chain, blocks);
    decrypt_last(dec, &chain, last);
}
