//! Encryption.

use aes::Block;
use cipher::consts::U16;
use cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, InOut,
};

use super::super::hmac::{Hash, Running};
use super::{BLOCK, last_block, plain_cbc, xor};

/// Encrypts strings of at least one block with a zero ivec, and feeds the plaintext of each to its
/// MAC (RFC 3961).
pub(in super::super) fn hash_then_encrypt<E, D, const N: usize>(
    enc: &E,
    texts: [&mut [u8]; N],
    macs: &mut [Running<D>; N],
) where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
    D: Hash,
{
    enc.encrypt_with_backend(HashThenEncrypt { texts, macs });
}

struct HashThenEncrypt<'a, D: Hash, const N: usize> {
    texts: [&'a mut [u8]; N],
    macs: &'a mut [Running<D>; N],
}

impl<D: Hash, const N: usize> BlockSizeUser for HashThenEncrypt<'_, D, N> {
    type BlockSize = U16;
}

impl<D: Hash, const N: usize> BlockCipherEncClosure for HashThenEncrypt<'_, D, N> {
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
    D: Hash,
{
    let (units, mut ahead) = take_along::<D, N>(texts);
    for (ahead, mac) in ahead.iter().zip(macs.iter_mut()) {
        if let Some(first) = ahead.first() {
            mac.update_blocks(std::slice::from_ref(first));
        }
    }
    for _ in 0..units {
        let now = ahead.each_mut().map(take_first);
        encrypt_round(backend, now, chains, |n| {
            if let (Some(Some(next)), Some(mac)) =
                (ahead.get(n).map(|ahead| ahead.first()), macs.get_mut(n))
            {
                mac.update_blocks(std::slice::from_ref(next));
            }
        });
    }
}

/// Encrypts strings of at least one block with a zero ivec, and feeds ivec and ciphertext of each
/// to its MAC (RFC 8009).
pub(in super::super) fn encrypt_then_hash<E, D, const N: usize>(
    enc: &E,
    texts: [&mut [u8]; N],
    macs: &mut [Running<D>; N],
) where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
    D: Hash,
{
    enc.encrypt_with_backend(EncryptThenHash { texts, macs });
}

struct EncryptThenHash<'a, D: Hash, const N: usize> {
    texts: [&'a mut [u8]; N],
    macs: &'a mut [Running<D>; N],
}

impl<D: Hash, const N: usize> BlockSizeUser for EncryptThenHash<'_, D, N> {
    type BlockSize = U16;
}

impl<D: Hash, const N: usize> BlockCipherEncClosure for EncryptThenHash<'_, D, N> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(mut self, backend: &B) {
        let mut chains = [Block::default(); N];
        // The ivec is the first cipher block the hash sees. The ciphertext that fills up the first
        // hash block goes first; from then on hash blocks are cipher blocks.
        let first = size_of::<D::Block>() - BLOCK;
        let mut openings = [(); N].map(|()| None);
        for ((text, chain), opening) in (self.texts.iter_mut()).zip(&mut chains).zip(&mut openings)
        {
            if plain_cbc(text.len(), BLOCK) >= first {
                let (head, rest) = std::mem::take(text).split_at_mut(first);
                let (blocks, _) = Block::slice_as_chunks_mut(head);
                *chain = encrypt_blocks(backend, *chain, blocks);
                let mut block = D::NO_BLOCK;
                for (to, from) in block.as_mut().iter_mut().skip(BLOCK).zip(head.iter()) {
                    *to = *from;
                }
                (*text, *opening) = (rest, Some(block));
            }
        }
        if N > 1 && D::TOGETHER == 1 && openings.iter().all(Option::is_some) {
            for (opening, mac) in openings.iter().zip(self.macs.iter_mut()) {
                mac.update_blocks(opening.as_slice());
            }
            hash_behind(backend, &mut self.texts, &mut chains, self.macs);
            for ((text, mac), mut chain) in self.texts.into_iter().zip(self.macs).zip(chains) {
                hash_beside(backend, text, &mut chain, mac, &[]);
            }
            return;
        }
        for (((text, mac), mut chain), opening) in (self.texts.into_iter())
            .zip(self.macs)
            .zip(chains)
            .zip(&openings)
        {
            match opening {
                Some(block) => {
                    hash_beside(backend, text, &mut chain, mac, std::slice::from_ref(block));
                }
                None => {
                    encrypt_stealing(backend, chain, text);
                    mac.update(&[0; BLOCK]);
                    mac.update(text);
                }
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
    D: Hash,
{
    let (units, mut ahead) = take_along::<D, N>(texts);
    let mut behind: [Option<&D::Block>; N] = [None; N];
    for _ in 0..units {
        let now = ahead.each_mut().map(take_first);
        let done = encrypt_round(backend, now, chains, |n| {
            if let (Some(Some(done)), Some(mac)) = (behind.get(n), macs.get_mut(n)) {
                mac.update_blocks(std::slice::from_ref(*done));
            }
        });
        behind = done;
    }
    for (behind, mac) in behind.into_iter().zip(macs) {
        if let Some(last) = behind {
            mac.update_blocks(std::slice::from_ref(last));
        }
    }
}

/// Encrypts and hashes all of one text. The hash has `behind` still to do, and stays as many blocks
/// behind as it does together.
#[inline(always)]
fn hash_beside<B, D>(
    backend: &B,
    text: &mut [u8],
    chain: &mut Block,
    mac: &mut Running<D>,
    behind: &[D::Block],
) where
    B: BlockCipherEncBackend<BlockSize = U16>,
    D: Hash,
{
    let unit = size_of::<D::Block>() * D::TOGETHER;
    let (head, last) = text.split_at_mut(plain_cbc(text.len(), BLOCK));
    let (mut behind, mut rest): (&[D::Block], &[u8]) = (behind, &[]);
    for piece in head.chunks_mut(unit) {
        let (blocks, _) = Block::slice_as_chunks_mut(&mut *piece);
        // Of SHA-256, most is hidden when it comes in the middle of a block's encryption.
        let (first, second) = blocks.split_at_mut(blocks.len().min(unit / BLOCK / 2));
        *chain = encrypt_blocks(backend, *chain, first);
        mac.update_blocks(behind);
        *chain = encrypt_blocks(backend, *chain, second);
        // Only the last piece has a rest.
        (behind, rest) = D::blocks(piece);
    }
    encrypt_stealing(backend, *chain, last);
    mac.update_blocks(behind);
    mac.update(rest);
    mac.update(last);
}

/// Takes the hash blocks off the front that each text has outside its last two cipher blocks; the
/// same number of each.
#[inline(always)]
fn take_along<'a, D: Hash, const N: usize>(
    texts: &mut [&'a mut [u8]; N],
) -> (usize, [&'a mut [D::Block]; N]) {
    let unit = size_of::<D::Block>();
    let along = texts.iter().map(|text| plain_cbc(text.len(), unit)).min();
    let along = along.unwrap_or(0);
    let heads = texts.each_mut().map(|text| {
        let (head, rest) = std::mem::take(text).split_at_mut(along);
        *text = rest;
        D::blocks_mut(head).0
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
    now: [Option<&'a mut H>; N],
    chains: &mut [Block; N],
    mut hash: F,
) -> [Option<&'a H>; N]
where
    B: BlockCipherEncBackend<BlockSize = U16>,
    H: AsMut<[u8]>,
    F: FnMut(usize),
{
    let mut now = now;
    let rounds = size_of::<H>() / BLOCK;
    for round in 0..rounds {
        for (blocks, chain) in now.iter_mut().zip(chains.iter_mut()) {
            if let Some(block) = blocks.as_mut().and_then(|blocks| {
                let (blocks, _) = Block::slice_as_chunks_mut(blocks.as_mut());
                blocks.get_mut(round)
            }) {
                encrypt_block(backend, chain, block);
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

/// CBC of one block; `chain` is the ciphertext block before.
#[inline(always)]
fn encrypt_block<B>(backend: &B, chain: &mut Block, block: &mut Block)
where
    B: BlockCipherEncBackend<BlockSize = U16>,
{
    xor(chain, block);
    backend.encrypt_block(InOut::from(&mut *chain));
    *block = *chain;
}

/// CBC; gives the last ciphertext block, the ivec of what follows.
#[inline(always)]
pub(super) fn encrypt_blocks<B>(backend: &B, mut chain: Block, blocks: &mut [Block]) -> Block
where
    B: BlockCipherEncBackend<BlockSize = U16>,
{
    for block in blocks {
        encrypt_block(backend, &mut chain, block);
    }
    chain
}

/// Encrypts at least one block (CRY-05).
///
/// One block is encrypted alone. Otherwise the last two ciphertext blocks change places, also when
/// the last is whole, and what is then the last is cut to the length of the plaintext.
#[inline(always)]
pub(super) fn encrypt_stealing<B>(backend: &B, ivec: Block, text: &mut [u8])
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
