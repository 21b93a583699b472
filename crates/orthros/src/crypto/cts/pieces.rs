//! A text whose octets lie in several places, encrypted where they lie.
//!
//! ```text
//! front, pieces, back     in this order one text; what is signed only is not part of it
//! ```
//!
//! Runs of whole blocks within one place go as those of a text in one place do; a block that lies
//! in two or more is brought together and spread again, and so are the last two.

use std::fmt;

use aes::Block;
use cipher::consts::U16;
use cipher::{
    BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncBackend,
    BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, ParBlocks,
};
use zeroize::Zeroize;

use super::decrypt::{decrypt_blocks, decrypt_stealing};
use super::encrypt::{encrypt_blocks, encrypt_stealing};
use super::{BLOCK, plain_cbc};

/// A part of a message that does not lie in one place. `Debug` shows no octet.
pub enum Piece<'m> {
    /// Signed; and encrypted, if the message is.
    Data(&'m mut [u8]),
    /// Signed, and not part of the message: the receiver has to have it from elsewhere.
    SignOnly(&'m [u8]),
}

impl Piece<'_> {
    /// All its octets.
    pub fn octets(&self) -> &[u8] {
        match self {
            Self::Data(octets) => octets,
            Self::SignOnly(octets) => octets,
        }
    }
}

impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(octets) => write!(f, "Data({} octets)", octets.len()),
            Self::SignOnly(octets) => write!(f, "SignOnly({} octets)", octets.len()),
        }
    }
}

/// The pieces with what precedes and what follows them.
pub(in crate::crypto) struct Pieces<'a, 'm> {
    pub(in crate::crypto) front: &'a mut [u8],
    pub(in crate::crypto) pieces: &'a mut [Piece<'m>],
    pub(in crate::crypto) back: &'a mut [u8],
}

/// Where an octet lies.
#[derive(Clone, Copy, Default)]
struct Place {
    index: usize,
    offset: usize,
}

impl Pieces<'_, '_> {
    /// How many octets are encrypted.
    fn text_len(&self) -> usize {
        let data = self.pieces.iter().map(|piece| match piece {
            Piece::Data(octets) => octets.len(),
            Piece::SignOnly(_) => 0,
        });
        self.front.len() + data.sum::<usize>() + self.back.len()
    }

    /// All octets that are signed, in order.
    pub(in crate::crypto) fn each(&self, mut see: impl FnMut(&[u8])) {
        see(self.front);
        for piece in self.pieces.iter() {
            see(piece.octets());
        }
        see(self.back);
    }

    /// Overwrites what is encrypted with zeros.
    pub(in crate::crypto) fn wipe(&mut self) {
        let (front, back) = (&mut *self.front, &mut *self.back);
        front.zeroize();
        for piece in self.pieces.iter_mut() {
            if let Piece::Data(octets) = piece {
                octets.zeroize();
            }
        }
        back.zeroize();
    }

    /// The octets of one place that are encrypted; `None` behind the last.
    fn place(&mut self, index: usize) -> Option<&mut [u8]> {
        let Some(index) = index.checked_sub(1) else {
            return Some(self.front);
        };
        let count = self.pieces.len();
        match self.pieces.get_mut(index) {
            Some(Piece::Data(octets)) => Some(octets),
            Some(Piece::SignOnly(_)) => Some(&mut []),
            None if index == count => Some(self.back),
            None => None,
        }
    }

    /// Gives `see` the next `len` octets from `at` on, place by place; says where they end.
    fn walk(&mut self, mut at: Place, mut len: usize, mut see: impl FnMut(&mut [u8])) -> Place {
        while len > 0 {
            let Some(here) = self.place(at.index) else {
                break;
            };
            let rest = here.get_mut(at.offset..).unwrap_or_default();
            if rest.is_empty() {
                at = Place {
                    index: at.index + 1,
                    offset: 0,
                };
                continue;
            }
            let now = rest.len().min(len);
            let (now, _) = rest.split_at_mut(now);
            see(now);
            at.offset += now.len();
            len -= now.len();
        }
        at
    }

    fn gather(&mut self, at: Place, out: &mut [u8]) {
        let mut filled = 0;
        self.walk(at, out.len(), |octets| {
            let (_, rest) = out.split_at_mut(filled);
            for (to, from) in rest.iter_mut().zip(octets.iter()) {
                *to = *from;
            }
            filled += octets.len();
        });
    }

    fn scatter(&mut self, at: Place, octets: &[u8]) -> Place {
        let mut octets_left = octets;
        self.walk(at, octets.len(), |here| {
            let (now, later) = octets_left.split_at(here.len());
            here.copy_from_slice(now);
            octets_left = later;
        })
    }

    /// Gives `see` the first `len` octets, whole blocks, as runs of blocks; says where they end.
    fn each_run(&mut self, len: usize, mut see: impl FnMut(&mut [Block])) -> Place {
        let (mut at, mut left) = (Place::default(), len);
        while left > 0 {
            let Some(here) = self.place(at.index) else {
                break;
            };
            let rest = here.get_mut(at.offset..).unwrap_or_default();
            let run = rest.len().min(left) / BLOCK * BLOCK;
            if rest.is_empty() {
                at = Place {
                    index: at.index + 1,
                    offset: 0,
                };
            } else if run > 0 {
                let (blocks, _) = Block::slice_as_chunks_mut(rest.split_at_mut(run).0);
                see(blocks);
                at.offset += run;
                left -= run;
            } else {
                let mut block = Block::default();
                self.gather(at, &mut block);
                see(std::slice::from_mut(&mut block));
                at = self.scatter(at, &block);
                block.zeroize();
                left -= BLOCK;
            }
        }
        at
    }

    /// Brings together what is left behind the plain CBC, for `steal`, and spreads it again.
    fn tail(&mut self, at: Place, len: usize, steal: impl FnOnce(&mut [u8])) {
        let mut octets = [0; 2 * BLOCK];
        let (tail, _) = octets.split_at_mut(len.min(2 * BLOCK));
        self.gather(at, tail);
        steal(tail);
        self.scatter(at, tail);
        octets.zeroize();
    }
}

/// Encrypts a text of at least one block with a zero ivec.
pub(in crate::crypto) fn encrypt_pieces<E>(enc: &E, pieces: &mut Pieces<'_, '_>)
where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    enc.encrypt_with_backend(Encrypt { pieces });
}

struct Encrypt<'p, 'a, 'm> {
    pieces: &'p mut Pieces<'a, 'm>,
}

impl BlockSizeUser for Encrypt<'_, '_, '_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Encrypt<'_, '_, '_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let len = self.pieces.text_len();
        let plain = plain_cbc(len, BLOCK);
        let mut chain = Block::default();
        let at = self.pieces.each_run(plain, |blocks| {
            chain = encrypt_blocks(backend, chain, blocks);
        });
        self.pieces.tail(at, len - plain, |tail| {
            encrypt_stealing(backend, chain, tail);
        });
    }
}

/// Decrypts a text of at least one block with a zero ivec.
pub(in crate::crypto) fn decrypt_pieces<C>(dec: &C, pieces: &mut Pieces<'_, '_>)
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    dec.decrypt_with_backend(Decrypt { pieces });
}

struct Decrypt<'p, 'a, 'm> {
    pieces: &'p mut Pieces<'a, 'm>,
}

impl BlockSizeUser for Decrypt<'_, '_, '_> {
    type BlockSize = U16;
}

impl BlockCipherDecClosure for Decrypt<'_, '_, '_> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let len = self.pieces.text_len();
        let plain = plain_cbc(len, BLOCK);
        let mut chain = Block::default();
        let mut plaintext = ParBlocks::<B>::default();
        let at = self.pieces.each_run(plain, |blocks| {
            decrypt_blocks(backend, &mut chain, blocks, &mut plaintext);
        });
        plaintext.zeroize();
        self.pieces.tail(at, len - plain, |tail| {
            decrypt_stealing(backend, chain, tail);
        });
    }
}
