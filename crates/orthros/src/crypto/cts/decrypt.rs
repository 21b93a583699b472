//! Decryption.
//!
//! It is no chain, and the processor does it many blocks at a time; the hash is what takes time. A
//! hash of plaintext stays one batch of blocks behind, so that one does not wait for the other.

use aes::Block;
use cipher::array::Array;
use cipher::consts::U16;
use cipher::typenum::Unsigned;
use cipher::{
    BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt, BlockSizeUser, InOut,
    ParBlocks,
};
use zeroize::Zeroize;

use super::super::hmac::{Hash, Running};
use super::{BLOCK, last_block, plain_cbc, xor};

/// Decrypts a string of at least one block with a zero ivec.
pub(in super::super) fn decrypt<C>(dec: &C, text: &mut [u8])
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
        decrypt_all(backend, self.text);
    }
}

#[inline(always)]
fn decrypt_all<B>(backend: &B, text: &mut [u8])
where
    B: BlockCipherDecBackend<BlockSize = U16>,
{
    let (head, last) = text.split_at_mut(plain_cbc(text.len(), BLOCK));
    let (blocks, _) = Block::slice_as_chunks_mut(head);
    let mut chain = Block::default();
    let mut plain = ParBlocks::<B>::default();
    decrypt_blocks(backend, &mut chain, blocks, &mut plain);
    decrypt_stealing(backend, chain, last);
    plain.zeroize();
}

/// Decrypts strings of at least one block with a zero ivec, and feeds the plaintext of each to its
/// MAC (RFC 3961).
pub(in super::super) fn decrypt_then_hash<C, D, const N: usize>(
    dec: &C,
    texts: [&mut [u8]; N],
    macs: &mut [Running<D>; N],
) where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
    D: Hash,
{
    dec.decrypt_with_backend(DecryptThenHash { texts, macs });
}

struct DecryptThenHash<'a, D: Hash, const N: usize> {
    texts: [&'a mut [u8]; N],
    macs: &'a mut [Running<D>; N],
}

impl<D: Hash, const N: usize> BlockSizeUser for DecryptThenHash<'_, D, N> {
    type BlockSize = U16;
}

impl<D: Hash, const N: usize> BlockCipherDecClosure for DecryptThenHash<'_, D, N> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(mut self, backend: &B) {
        let mut chains = [Block::default(); N];
        let mut along = Along::default();
        let mut plain = ParBlocks::<B>::default();
        along.decrypt(backend, &mut self.texts, &mut chains, self.macs, &mut plain);
        for ((text, mac), mut chain) in self.texts.into_iter().zip(self.macs).zip(chains) {
            let mut along = along;
            if N > 1 {
                let (mut text, chain) = ([&mut *text], std::array::from_mut(&mut chain));
                let mac = std::array::from_mut(mac);
                along.decrypt(backend, &mut text, chain, mac, &mut plain);
            }
            if let Some(rest) = text.get_mut(along.decrypted..) {
                let (head, last) = rest.split_at_mut(plain_cbc(rest.len(), BLOCK));
                let (blocks, _) = Block::slice_as_chunks_mut(head);
                decrypt_blocks(backend, &mut chain, blocks, &mut plain);
                decrypt_stealing(backend, chain, last);
            }
            mac.update(text.get(along.hashed..).unwrap_or_default());
        }
        plain.zeroize();
    }
}

/// How far texts that are worked on together have come.
#[derive(Clone, Copy, Default)]
struct Along {
    decrypted: usize,
    /// A multiple of the hash's block.
    hashed: usize,
}

impl Along {
    /// Decrypts what all texts have of plain CBC, in whole batches, and hashes most of it.
    #[inline(always)]
    fn decrypt<B, D, const N: usize>(
        &mut self,
        backend: &B,
        texts: &mut [&mut [u8]; N],
        chains: &mut [Block; N],
        macs: &mut [Running<D>; N],
        plain: &mut ParBlocks<B>,
    ) where
        B: BlockCipherDecBackend<BlockSize = U16>,
        D: Hash,
    {
        let unit = size_of::<D::Block>();
        let batch = size_of::<ParBlocks<B>>();
        let ends = texts.iter().map(|text| plain_cbc(text.len(), BLOCK));
        let end = ends.min().unwrap_or(0);
        while self.decrypted + batch <= end {
            let behind = (self.decrypted - self.hashed) / unit;
            for lane in 0..N {
                let place = self.decrypted..self.decrypted + batch;
                if let (Some(piece), Some(chain)) = (
                    texts.get_mut(lane).and_then(|text| text.get_mut(place)),
                    chains.get_mut(lane),
                ) {
                    let (blocks, _) = Block::slice_as_chunks_mut(piece);
                    decrypt_blocks(backend, chain, blocks, plain);
                }
                // A part of what is to be hashed, of all texts, behind each decryption.
                let part = behind * lane / N * unit..behind * (lane + 1) / N * unit;
                self.hash(texts, macs, part);
            }
            self.hashed += behind * unit;
            self.decrypted += batch;
        }
    }

    /// Hashes a part of what is not hashed yet: whole blocks, one of each text in turn.
    #[inline(always)]
    fn hash<D: Hash, const N: usize>(
        &self,
        texts: &[&mut [u8]; N],
        macs: &mut [Running<D>; N],
        part: std::ops::Range<usize>,
    ) {
        let step = match N {
            1 => part.len(),
            _ => size_of::<D::Block>(),
        };
        let mut from = self.hashed + part.start;
        while from < self.hashed + part.end {
            for (text, mac) in texts.iter().zip(macs.iter_mut()) {
                let (blocks, _) = D::blocks(text.get(from..from + step).unwrap_or_default());
                mac.update_blocks(blocks);
            }
            from += step;
        }
    }
}

/// Feeds ivec and ciphertext of each text to its MAC (RFC 8009), and decrypts those that are
/// `genuine`.
pub(in super::super) fn hash_then_decrypt<C, D, const N: usize>(
    dec: &C,
    texts: [&mut [u8]; N],
    macs: [Running<D>; N],
    genuine: impl FnMut(usize, Running<D>) -> bool,
) where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
    D: Hash,
{
    dec.decrypt_with_backend(HashThenDecrypt {
        texts,
        macs,
        genuine,
    });
}

struct HashThenDecrypt<'a, D: Hash, G, const N: usize> {
    texts: [&'a mut [u8]; N],
    macs: [Running<D>; N],
    genuine: G,
}

impl<D: Hash, G, const N: usize> BlockSizeUser for HashThenDecrypt<'_, D, G, N> {
    type BlockSize = U16;
}

impl<D, G, const N: usize> BlockCipherDecClosure for HashThenDecrypt<'_, D, G, N>
where
    D: Hash,
    G: FnMut(usize, Running<D>) -> bool,
{
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(mut self, backend: &B) {
        hash(self.texts.each_ref().map(|text| &**text), &mut self.macs);
        for (n, (text, mac)) in self.texts.into_iter().zip(self.macs).enumerate() {
            if (self.genuine)(n, mac) {
                decrypt_all(backend, text);
            }
        }
    }
}

#[inline(always)]
fn hash<D: Hash, const N: usize>(texts: [&[u8]; N], macs: &mut [Running<D>; N]) {
    let unit = size_of::<D::Block>();
    let mut rest = texts;
    for (text, mac) in rest.iter_mut().zip(macs.iter_mut()) {
        // The ivec is the first cipher block the hash sees; from the second hash block on, they
        // are cipher blocks.
        let (first, more) = text.split_at(text.len().min(unit - BLOCK));
        mac.update(&[0; BLOCK]);
        mac.update(first);
        *text = more;
    }
    if N > 1 && D::TOGETHER == 1 {
        let shortest = rest.iter().map(|text| text.len()).min().unwrap_or(0);
        let mut blocks = rest.each_mut().map(|text| {
            let (head, more) = text.split_at(shortest / unit * unit);
            *text = more;
            D::blocks(head).0.iter()
        });
        for _ in 0..shortest / unit {
            for (blocks, mac) in blocks.iter_mut().zip(macs.iter_mut()) {
                if let Some(block) = blocks.next() {
                    mac.update_blocks(std::slice::from_ref(block));
                }
            }
        }
    }
    for (text, mac) in rest.into_iter().zip(macs) {
        mac.update(text);
    }
}

/// [`decrypt_then_hash`] of a string of more than three blocks: the first, the confounder, is not
/// among the two that change places. The string is left as it is, and the plaintext without the
/// confounder is put into `out`, which is empty.
pub(in super::super) fn decrypt_to_then_hash<C, D>(
    dec: &C,
    text: &[u8],
    out: &mut Vec<u8>,
    mac: &mut Running<D>,
) where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
    D: Hash,
{
    dec.decrypt_with_backend(DecryptToThenHash { text, out, mac });
}

struct DecryptToThenHash<'a, D: Hash> {
    text: &'a [u8],
    out: &'a mut Vec<u8>,
    mac: &'a mut Running<D>,
}

impl<D: Hash> BlockSizeUser for DecryptToThenHash<'_, D> {
    type BlockSize = U16;
}

impl<D: Hash> BlockCipherDecClosure for DecryptToThenHash<'_, D> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let unit = size_of::<D::Block>();
        let (mut first, mut hashed) = (true, 0);
        decrypt_to(backend, self.text, self.out, |confounder, plaintext| {
            if std::mem::take(&mut first) {
                self.mac.update(confounder);
            }
            // Up to where, with the confounder, hash blocks are whole.
            let end = (BLOCK + plaintext.len()) / unit * unit;
            if let Some(end) = end.checked_sub(BLOCK).filter(|end| *end > hashed) {
                let octets = plaintext.get(hashed..end).unwrap_or_default();
                match hashed {
                    0 => self.mac.update(octets),
                    _ => self.mac.update_blocks(D::blocks(octets).0),
                }
                hashed = end;
            }
        });
        self.mac.update(self.out.get(hashed..).unwrap_or_default());
    }
}

/// [`hash_then_decrypt`] as [`decrypt_to_then_hash`] does it.
pub(in super::super) fn hash_then_decrypt_to<C, D>(
    dec: &C,
    text: &[u8],
    out: &mut Vec<u8>,
    mac: Running<D>,
    genuine: impl FnOnce(Running<D>) -> bool,
) where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
    D: Hash,
{
    dec.decrypt_with_backend(HashThenDecryptTo {
        text,
        out,
        mac,
        genuine,
    });
}

struct HashThenDecryptTo<'a, D: Hash, G> {
    text: &'a [u8],
    out: &'a mut Vec<u8>,
    mac: Running<D>,
    genuine: G,
}

impl<D: Hash, G> BlockSizeUser for HashThenDecryptTo<'_, D, G> {
    type BlockSize = U16;
}

impl<D, G> BlockCipherDecClosure for HashThenDecryptTo<'_, D, G>
where
    D: Hash,
    G: FnOnce(Running<D>) -> bool,
{
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let mut macs = [self.mac];
        hash([self.text], &mut macs);
        let [mac] = macs;
        if (self.genuine)(mac) {
            decrypt_to(backend, self.text, self.out, |_, _| ());
        }
    }
}

/// Decrypts into `out`. `seen` is shown, again and again, the confounder, and what there is of the
/// plaintext without the last batch.
#[inline(always)]
fn decrypt_to<B>(backend: &B, text: &[u8], out: &mut Vec<u8>, mut seen: impl FnMut(&[u8], &[u8]))
where
    B: BlockCipherDecBackend<BlockSize = U16>,
{
    let (head, last) = text.split_at(plain_cbc(text.len(), BLOCK));
    let (blocks, _) = Block::slice_as_chunks(head);
    out.reserve(text.len());
    let mut confounder = None;
    let mut chain = Block::default();
    let mut plain = ParBlocks::<B>::default();
    let (many, few) = ParBlocks::<B>::slice_as_chunks(blocks);
    for blocks in many {
        backend.decrypt_par_blocks(InOut::from((blocks, &mut plain)));
        for (plain, block) in plain.iter_mut().zip(blocks) {
            xor(plain, &chain);
            chain = *block;
        }
        let behind = out.len();
        out.extend_from_slice(match &confounder {
            Some(_) => Array::slice_as_flattened(plain.as_slice()),
            None => behind_first(&plain, &mut confounder),
        });
        if let Some(confounder) = &confounder {
            seen(confounder, out.get(..behind).unwrap_or_default());
        }
    }
    let mut rest = plain.clone();
    for (to, from) in rest.iter_mut().zip(few) {
        *to = *from;
    }
    if let Some(rest) = rest.get_mut(..few.len()) {
        decrypt_blocks(backend, &mut chain, rest, &mut plain);
        out.extend_from_slice(match &confounder {
            Some(_) => Array::slice_as_flattened(rest),
            None => behind_first(rest, &mut confounder),
        });
    }
    rest.zeroize();
    if let Some(confounder) = &confounder {
        seen(confounder, out.as_slice());
    }
    decrypt_stealing(backend, chain, appended(out, last));
    plain.zeroize();
}

#[inline(always)]
fn behind_first<'p>(plain: &'p [Block], first: &mut Option<Block>) -> &'p [u8] {
    let (one, rest) = plain.split_at(plain.len().min(1));
    *first = one.first().copied();
    Array::slice_as_flattened(rest)
}

#[inline(always)]
fn appended<'o>(out: &'o mut Vec<u8>, octets: &[u8]) -> &'o mut [u8] {
    let start = out.len();
    out.extend_from_slice(octets);
    let (_, new) = out.split_at_mut(start);
    new
}

/// CBC; `chain` is the ciphertext block before. `plain` is left holding plaintext.
#[inline(always)]
pub(super) fn decrypt_blocks<B>(
    backend: &B,
    chain: &mut Block,
    blocks: &mut [Block],
    plain: &mut ParBlocks<B>,
) where
    B: BlockCipherDecBackend<BlockSize = U16>,
{
    let size = B::ParBlocksSize::USIZE;
    let (many, few) = ParBlocks::<B>::slice_as_chunks_mut(blocks);
    for blocks in many {
        backend.decrypt_par_blocks(InOut::from((&*blocks, &mut *plain)));
        for (block, plain) in blocks.iter_mut().zip(plain.iter_mut()) {
            xor(plain, chain);
            *chain = std::mem::replace(block, *plain);
        }
    }
    // A batch takes less time than a third of its blocks one by one.
    if few.len() > 1 && few.len() > size / 3 {
        for (to, from) in plain.iter_mut().zip(few.iter()) {
            *to = *from;
        }
        backend.decrypt_par_blocks(InOut::from(&mut *plain));
        for (block, plain) in few.iter_mut().zip(plain.iter_mut()) {
            xor(plain, chain);
            *chain = std::mem::replace(block, *plain);
        }
        return;
    }
    for block in few {
        let cipher = *block;
        backend.decrypt_block(InOut::from(&mut *block));
        xor(block, chain);
        *chain = cipher;
    }
}

/// Decrypts the only block, or the two that changed places (CRY-05).
#[inline(always)]
pub(super) fn decrypt_stealing<B>(backend: &B, chain: Block, text: &mut [u8])
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
    if let Some(last) = Block::slice_as_mut_array(last) {
        // Nothing was cut off, and neither waits for the other.
        *before = *last;
        backend.decrypt_block(InOut::from(&mut *before));
        xor(before, &chain);
        xor(last, &stolen);
        return;
    }
    for (stolen, cut) in stolen.iter_mut().zip(last.iter_mut()) {
        let cipher = *cut;
        *cut ^= *stolen;
        *stolen = cipher;
    }
    backend.decrypt_block(InOut::from(&mut stolen));
    xor(&mut stolen, &chain);
    *before = stolen;
}
