//! AES in CBC mode with ciphertext stealing, CBC-CS3 of RFC 3962 §5, with a hash running beside it.
//!
//! CBC encryption is a chain: each block waits for the one before, and the processor is mostly
//! idle. A hash fed block by block in between costs next to nothing, so both MAC orders (hash the
//! plaintext, then encrypt it; encrypt, then hash the ciphertext) are one pass here. A hash is a
//! chain, too, and so decryption, which is none, is hidden behind it.
//!
//! Chains of different messages are independent. Each operation takes `N` messages, and advances
//! them together as far as the shortest goes; the rest of each is done alone.
//!
//! Each operation enters the `aes` crate once: choosing the instructions and spreading the round
//! keys over the registers is dear for a short message.

use aes::Block;
use cipher::array::ArraySize;
use cipher::consts::U16;
use cipher::typenum::Unsigned;
use cipher::{
    Array, BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncBackend,
    BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, InOut, KeyInit, ParBlocks,
};
use hmac::EagerHash;
use zeroize::Zeroize;

use super::hmac::{HashBlock, Running};

mod pieces;
pub use pieces::Piece;
pub(super) use pieces::{Pieces, decrypt_pieces, encrypt_pieces};

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

/// Encrypts strings of at least one block with a zero ivec, and feeds the plaintext of each to its
/// MAC (RFC 3961).
pub(super) fn hash_then_encrypt<E, D, const N: usize>(
    enc: &E,
    texts: [&mut [u8]; N],
    macs: &mut [Running<D>; N],
) where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
    D: EagerHash,
{
    enc.encrypt_with_backend(HashThenEncrypt { texts, macs });
}

struct HashThenEncrypt<'a, D: EagerHash, const N: usize> {
    texts: [&'a mut [u8]; N],
    macs: &'a mut [Running<D>; N],
}

impl<D: EagerHash, const N: usize> BlockSizeUser for HashThenEncrypt<'_, D, N> {
    type BlockSize = U16;
}

impl<D: EagerHash, const N: usize> BlockCipherEncClosure for HashThenEncrypt<'_, D, N> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(mut self, backend: &B) {
        let mut chains = [Block::default(); N];
        hash_ahead(backend, &mut self.texts, &mut chains, self.macs);
        for ((text, mac), chain) in self.texts.into_iter().zip(self.macs).zip(chains) {
            let (mut one, mut chain, mac) = ([text], [chain], std::slice::from_mut(mac));
            if let (true, Ok(mac)) = (N > 1, mac.try_into()) {
                hash_ahead(backend, &mut one, &mut chain, mac);
            }
            for ((text, mac), chain) in one.into_iter().zip(mac).zip(chain) {
                mac.update(text);
                encrypt_stealing(backend, chain, text);
            }
        }
    }
}

/// Encrypts what all texts have of plain CBC, in whole hash blocks, and leaves the rest of each.
///
/// The hash is one block ahead of the encryption, which is in place: what is hashed does not wait
/// for what is being encrypted, nor the other way round.
#[inline(always)]
fn hash_ahead<B, D, const N: usize>(
    backend: &B,
    texts: &mut [&mut [u8]; N],
    chains: &mut [Block; N],
    macs: &mut [Running<D>; N],
) where
    B: BlockCipherEncBackend<BlockSize = U16>,
    D: EagerHash,
{
    let (units, mut ahead) = take_along::<D, N>(texts);
    for (ahead, mac) in ahead.iter().zip(macs.iter_mut()) {
        if let Some(first) = ahead.first() {
            mac.update_block(first);
        }
    }
    for _ in 0..units {
        let now = ahead.each_mut().map(take_first);
        encrypt_round(backend, now, chains, |n| {
            if let (Some(Some(next)), Some(mac)) =
                (ahead.get(n).map(|ahead| ahead.first()), macs.get_mut(n))
            {
                mac.update_block(next);
            }
        });
    }
}

/// Encrypts strings of at least one block with a zero ivec, and feeds ivec and ciphertext of each
/// to its MAC (RFC 8009).
pub(super) fn encrypt_then_hash<E, D, const N: usize>(
    enc: &E,
    texts: [&mut [u8]; N],
    macs: &mut [Running<D>; N],
) where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
    D: EagerHash,
{
    enc.encrypt_with_backend(EncryptThenHash { texts, macs });
}

struct EncryptThenHash<'a, D: EagerHash, const N: usize> {
    texts: [&'a mut [u8]; N],
    macs: &'a mut [Running<D>; N],
}

impl<D: EagerHash, const N: usize> BlockSizeUser for EncryptThenHash<'_, D, N> {
    type BlockSize = U16;
}

impl<D: EagerHash, const N: usize> BlockCipherEncClosure for EncryptThenHash<'_, D, N> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(mut self, backend: &B) {
        let mut chains = [Block::default(); N];
        // The ivec is the first cipher block the hash sees. The ciphertext that fills up the first
        // hash block goes first; from then on hash blocks are cipher blocks.
        let first = size_of::<HashBlock<D>>() - BLOCK;
        let mut opened = [false; N];
        for (((text, mac), chain), opened) in (self.texts.iter_mut())
            .zip(self.macs.iter_mut())
            .zip(&mut chains)
            .zip(&mut opened)
        {
            if plain_cbc(text.len(), BLOCK) >= first {
                let (head, rest) = std::mem::take(text).split_at_mut(first);
                let (blocks, _) = Block::slice_as_chunks_mut(head);
                *chain = encrypt_blocks(backend, *chain, blocks);
                let mut opening = HashBlock::<D>::default();
                for (to, from) in opening.iter_mut().skip(BLOCK).zip(head.iter()) {
                    *to = *from;
                }
                mac.update_block(&opening);
                (*text, *opened) = (rest, true);
            }
        }
        if opened == [true; N] {
            hash_behind(backend, &mut self.texts, &mut chains, self.macs);
        }
        for (((text, mac), chain), opened) in (self.texts.into_iter())
            .zip(self.macs)
            .zip(chains)
            .zip(opened)
        {
            let (mut one, mut chain, mac) = ([text], [chain], std::slice::from_mut(mac));
            if let (true, true, Ok(mac)) = (N > 1, opened, mac.try_into()) {
                hash_behind(backend, &mut one, &mut chain, mac);
            }
            for ((text, mac), chain) in one.into_iter().zip(mac).zip(chain) {
                encrypt_stealing(backend, chain, text);
                if !opened {
                    mac.update(&[0; BLOCK]);
                }
                mac.update(text);
            }
        }
    }
}

/// Encrypts what all texts have of plain CBC, in whole hash blocks, and leaves the rest of each.
///
/// The hash is one block behind the encryption: it does not wait for what is being encrypted.
#[inline(always)]
fn hash_behind<B, D, const N: usize>(
    backend: &B,
    texts: &mut [&mut [u8]; N],
    chains: &mut [Block; N],
    macs: &mut [Running<D>; N],
) where
    B: BlockCipherEncBackend<BlockSize = U16>,
    D: EagerHash,
{
    let (units, mut ahead) = take_along::<D, N>(texts);
    let mut behind: [Option<&HashBlock<D>>; N] = [None; N];
    for _ in 0..units {
        let now = ahead.each_mut().map(take_first);
        let done = encrypt_round(backend, now, chains, |n| {
            if let (Some(Some(done)), Some(mac)) = (behind.get(n), macs.get_mut(n)) {
                mac.update_block(done);
            }
        });
        behind = done;
    }
    for (behind, mac) in behind.into_iter().zip(macs) {
        if let Some(last) = behind {
            mac.update_block(last);
        }
    }
}

/// Takes the hash blocks off the front that each text has outside its last two cipher blocks; the
/// same number of each.
#[inline(always)]
fn take_along<'a, D: EagerHash, const N: usize>(
    texts: &mut [&'a mut [u8]; N],
) -> (usize, [&'a mut [HashBlock<D>]; N]) {
    let unit = size_of::<HashBlock<D>>();
    let along = texts.iter().map(|text| plain_cbc(text.len(), unit)).min();
    let along = along.unwrap_or(0);
    let heads = texts.each_mut().map(|text| {
        let (head, rest) = std::mem::take(text).split_at_mut(along);
        *text = rest;
        HashBlock::<D>::slice_as_chunks_mut(head).0
    });
    (along / unit, heads)
}

#[inline(always)]
fn take_first<'a, T>(items: &mut &'a mut [T]) -> Option<&'a mut T> {
    let (first, rest) = std::mem::take(items).split_first_mut()?;
    *items = rest;
    Some(first)
}

/// CBC over one hash block of each chain, a cipher block of each in turn, with `hash` called for
/// each chain in between: the processor looks some three hundred instructions ahead, and both have
/// to lie in that.
#[inline(always)]
fn encrypt_round<'a, B, H, F, const N: usize>(
    backend: &B,
    now: [Option<&'a mut Array<u8, H>>; N],
    chains: &mut [Block; N],
    mut hash: F,
) -> [Option<&'a Array<u8, H>>; N]
where
    B: BlockCipherEncBackend<BlockSize = U16>,
    H: ArraySize,
    F: FnMut(usize),
{
    let mut now = now;
    let rounds = H::USIZE / BLOCK;
    for round in 0..rounds {
        for (blocks, chain) in now.iter_mut().zip(chains.iter_mut()) {
            if let Some(block) = blocks.as_mut().and_then(|blocks| {
                let (blocks, _) = Block::slice_as_chunks_mut(blocks);
                blocks.get_mut(round)
            }) {
                xor(chain, block);
                backend.encrypt_block(InOut::from(&mut *chain));
                *block = *chain;
            }
        }
        for n in 0..N {
            if n * rounds / N == round {
                hash(n);
            }
        }
    }
    now.map(|blocks| blocks.map(|blocks| &*blocks))
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

/// Decrypts a string of at least one block with a zero ivec.
pub(super) fn decrypt<C>(dec: &C, text: &mut [u8])
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    dec.decrypt_with_backend(Decrypt { text });
}

struct Decrypt<'a> {
    text: &'a mut [u8],
}

impl BlockSizeUser for Decrypt<'_> {
    type BlockSize = U16;
}

impl BlockCipherDecClosure for Decrypt<'_> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let (head, last) = self.text.split_at_mut(plain_cbc(self.text.len(), BLOCK));
        let (blocks, _) = Block::slice_as_chunks_mut(head);
        let chain = decrypt_blocks(backend, Block::default(), blocks);
        decrypt_stealing(backend, chain, last);
    }
}

/// Decrypts strings of at least one block with a zero ivec, and feeds the plaintext of each to its
/// MAC (RFC 3961).
pub(super) fn decrypt_then_hash<C, D, const N: usize>(
    dec: &C,
    texts: [&mut [u8]; N],
    macs: &mut [Running<D>; N],
) where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
    D: EagerHash,
{
    dec.decrypt_with_backend(DecryptThenHash { texts, macs });
}

struct DecryptThenHash<'a, D: EagerHash, const N: usize> {
    texts: [&'a mut [u8]; N],
    macs: &'a mut [Running<D>; N],
}

impl<D: EagerHash, const N: usize> BlockSizeUser for DecryptThenHash<'_, D, N> {
    type BlockSize = U16;
}

impl<D: EagerHash, const N: usize> BlockCipherDecClosure for DecryptThenHash<'_, D, N> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(mut self, backend: &B) {
        let mut chains = [Block::default(); N];
        // One text alone is decrypted faster many blocks at a time.
        if N > 1 {
            decrypt_ahead(backend, &mut self.texts, &mut chains, self.macs);
        }
        for ((text, mac), chain) in self.texts.into_iter().zip(self.macs).zip(chains) {
            let (head, last) = text.split_at_mut(plain_cbc(text.len(), BLOCK));
            let mut chain = chain;
            for piece in head.chunks_mut(PIECE) {
                let (blocks, _) = Block::slice_as_chunks_mut(piece);
                chain = decrypt_blocks(backend, chain, blocks);
                mac.update(piece);
            }
            decrypt_stealing(backend, chain, last);
            mac.update(last);
        }
    }
}

/// Decrypts what all texts have of plain CBC, in whole hash blocks, and leaves the rest of each.
///
/// The hash is one block behind the decryption: it does not wait for what is being decrypted.
#[inline(always)]
fn decrypt_ahead<B, D, const N: usize>(
    backend: &B,
    texts: &mut [&mut [u8]; N],
    chains: &mut [Block; N],
    macs: &mut [Running<D>; N],
) where
    B: BlockCipherDecBackend<BlockSize = U16>,
    D: EagerHash,
{
    let (units, mut ahead) = take_along::<D, N>(texts);
    let mut behind: [Option<&HashBlock<D>>; N] = [None; N];
    for _ in 0..units {
        for (((ahead, behind), chain), mac) in (ahead.iter_mut())
            .zip(&mut behind)
            .zip(chains.iter_mut())
            .zip(macs.iter_mut())
        {
            let Some(now) = take_first(ahead) else { break };
            let (blocks, _) = Block::slice_as_chunks_mut(now);
            *chain = decrypt_blocks(backend, *chain, blocks);
            if let Some(done) = behind.replace(now) {
                mac.update_block(done);
            }
        }
    }
    for (behind, mac) in behind.into_iter().zip(macs) {
        if let Some(last) = behind {
            mac.update_block(last);
        }
    }
}

/// Feeds ivec and ciphertext of each text to its MAC (RFC 8009), a hash block of each in turn.
pub(super) fn hash<D: EagerHash, const N: usize>(texts: [&[u8]; N], macs: &mut [Running<D>; N]) {
    let unit = size_of::<HashBlock<D>>();
    let mut rest = texts;
    let shortest = texts.iter().map(|text| text.len()).min().unwrap_or(0);
    for (text, mac) in rest.iter_mut().zip(macs.iter_mut()) {
        mac.update(&[0; BLOCK]);
        if N > 1 && shortest >= unit {
            let (first, more) = text.split_at(unit - BLOCK);
            mac.update(first);
            *text = more;
        }
    }
    if N > 1 && shortest >= unit {
        let shortest = rest.iter().map(|text| text.len()).min().unwrap_or(0);
        let mut blocks = rest.each_mut().map(|text| {
            let (head, more) = text.split_at(shortest / unit * unit);
            *text = more;
            HashBlock::<D>::slice_as_chunks(head).0.iter()
        });
        for _ in 0..shortest / unit {
            for (blocks, mac) in blocks.iter_mut().zip(macs.iter_mut()) {
                if let Some(block) = blocks.next() {
                    mac.update_block(block);
                }
            }
        }
    }
    for (text, mac) in rest.into_iter().zip(macs) {
        mac.update(text);
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
