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
//! keys over the registers is dear for a short message. What is inlined there is compiled for the
//! instructions that were chosen, too.

mod decrypt;
mod encrypt;
mod pieces;

use aes::Block;
use cipher::consts::U16;
use cipher::{
    BlockCipherDecrypt, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt,
    BlockSizeUser, InOut, KeyInit,
};
use zeroize::Zeroize;

pub(super) use decrypt::{
    decrypt, decrypt_then_hash, decrypt_to_then_hash, hash_then_decrypt, hash_then_decrypt_to,
};
pub(super) use encrypt::{encrypt_then_hash, hash_then_encrypt};
pub use pieces::Piece;
pub(super) use pieces::{Pieces, decrypt_pieces, encrypt_pieces};

pub(super) const BLOCK: usize = 16;

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

/// In one piece: a block written octet by octet is not there yet when it is next read whole.
#[inline(always)]
fn xor(block: &mut Block, other: &Block) {
    let sum = u128::from_ne_bytes((*block).into()) ^ u128::from_ne_bytes((*other).into());
    *block = sum.to_ne_bytes().into();
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
