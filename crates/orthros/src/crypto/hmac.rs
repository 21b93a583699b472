//! HMAC on the block functions of the hashes, with its two first blocks compressed once, when the
//! key is known.
//!
//! Messages are hashed by whole blocks where they lie, and [`cts`](super::cts) decides when: it
//! puts encryption in between. The copies that are kept of a message's last octets are wiped.

use std::ops::Deref;

use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use zeroize::Zeroize;

/// A hash function that compresses blocks into a state, one after the other.
pub(super) trait Hash {
    type State: Copy + Zeroize;
    /// Octets; a multiple of the AES block for every hash here.
    type Block: AsMut<[u8]> + Zeroize + 'static;
    /// Before the first block.
    const INITIAL: Self::State;
    const NO_BLOCK: Self::Block;
    /// How many octets the padding's count of bits has.
    const COUNT: usize;
    /// How many octets the result has.
    const OUTPUT: usize;
    /// How many blocks are hashed together in less time than one after the other.
    const TOGETHER: usize = 1;

    fn compress(state: &mut Self::State, blocks: &[Self::Block]);

    /// The whole blocks, and what is left.
    fn blocks(octets: &[u8]) -> (&[Self::Block], &[u8]);
    fn blocks_mut(octets: &mut [u8]) -> (&mut [Self::Block], &mut [u8]);

    fn count(bits: u64) -> [u8; 8] {
        bits.to_be_bytes()
    }

    /// The result, in the first [`OUTPUT`](Self::OUTPUT) octets.
    fn output(state: &Self::State) -> [u8; 64];
}

/// The words of a state, one after the other.
fn words<const N: usize>(words: impl Iterator<Item = [u8; N]>) -> [u8; 64] {
    let mut output = [0; 64];
    let (places, _) = output.as_chunks_mut::<N>();
    for (to, from) in places.iter_mut().zip(words) {
        *to = from;
    }
    output
}

impl Hash for Md5 {
    type State = [u32; 4];
    type Block = [u8; 64];
    const INITIAL: Self::State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    const NO_BLOCK: Self::Block = [0; 64];
    const COUNT: usize = 8;
    const OUTPUT: usize = 16;

    fn compress(state: &mut Self::State, blocks: &[Self::Block]) {
        md5::block_api::compress(state, blocks);
    }

    fn blocks(octets: &[u8]) -> (&[Self::Block], &[u8]) {
        octets.as_chunks()
    }

    #[inline(always)]
    fn blocks_mut(octets: &mut [u8]) -> (&mut [Self::Block], &mut [u8]) {
        octets.as_chunks_mut()
    }

    fn count(bits: u64) -> [u8; 8] {
        bits.to_le_bytes()
    }

    fn output(state: &Self::State) -> [u8; 64] {
        words(state.iter().map(|word| word.to_le_bytes()))
    }
}

impl Hash for Sha1 {
    type State = [u32; 5];
    type Block = [u8; 64];
    const INITIAL: Self::State = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    const NO_BLOCK: Self::Block = [0; 64];
    const COUNT: usize = 8;
    const OUTPUT: usize = 20;

    #[inline(always)]
    fn compress(state: &mut Self::State, blocks: &[Self::Block]) {
        sha1::block_api::compress(state, blocks);
    }

    #[inline(always)]
    fn blocks(octets: &[u8]) -> (&[Self::Block], &[u8]) {
        octets.as_chunks()
    }

    #[inline(always)]
    fn blocks_mut(octets: &mut [u8]) -> (&mut [Self::Block], &mut [u8]) {
        octets.as_chunks_mut()
    }

    fn output(state: &Self::State) -> [u8; 64] {
        words(state.iter().map(|word| word.to_be_bytes()))
    }
}

impl Hash for Sha256 {
    type State = [u32; 8];
    type Block = [u8; 64];
    const INITIAL: Self::State = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    const NO_BLOCK: Self::Block = [0; 64];
    const COUNT: usize = 8;
    const OUTPUT: usize = 32;

    #[inline(always)]
    fn compress(state: &mut Self::State, blocks: &[Self::Block]) {
        sha2::block_api::compress256(state, blocks);
    }

    #[inline(always)]
    fn blocks(octets: &[u8]) -> (&[Self::Block], &[u8]) {
        octets.as_chunks()
    }

    #[inline(always)]
    fn blocks_mut(octets: &mut [u8]) -> (&mut [Self::Block], &mut [u8]) {
        octets.as_chunks_mut()
    }

    fn output(state: &Self::State) -> [u8; 64] {
        words(state.iter().map(|word| word.to_be_bytes()))
    }
}

impl Hash for Sha384 {
    type State = [u64; 8];
    type Block = [u8; 128];
    const INITIAL: Self::State = [
        0xcbbb_9d5d_c105_9ed8,
        0x629a_292a_367c_d507,
        0x9159_015a_3070_dd17,
        0x152f_ecd8_f70e_5939,
        0x6733_2667_ffc0_0b31,
        0x8eb4_4a87_6858_1511,
        0xdb0c_2e0d_64f9_8fa7,
        0x47b5_481d_befa_4fa4,
    ];
    const NO_BLOCK: Self::Block = [0; 128];
    const COUNT: usize = 16;
    const OUTPUT: usize = 48;
    // The crate prepares two blocks at a time, where there are AVX2 instructions.
    const TOGETHER: usize = 2;

    #[inline(always)]
    fn compress(state: &mut Self::State, blocks: &[Self::Block]) {
        sha2::block_api::compress512(state, blocks);
    }

    #[inline(always)]
    fn blocks(octets: &[u8]) -> (&[Self::Block], &[u8]) {
        octets.as_chunks()
    }

    #[inline(always)]
    fn blocks_mut(octets: &mut [u8]) -> (&mut [Self::Block], &mut [u8]) {
        octets.as_chunks_mut()
    }

    fn output(state: &Self::State) -> [u8; 64] {
        words(state.iter().map(|word| word.to_be_bytes()))
    }
}

/// The octets of a MAC.
pub(super) struct Output {
    octets: [u8; 64],
    len: usize,
}

impl Deref for Output {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

impl Zeroize for Output {
    fn zeroize(&mut self) {
        self.octets.zeroize();
    }
}

/// A keyed HMAC, to be started for any number of messages.
pub(super) struct Hmac<D: Hash> {
    inner: D::State,
    outer: D::State,
}

impl<D: Hash> Hmac<D> {
    pub(super) fn new(key: &[u8]) -> Self {
        let mut block = D::NO_BLOCK;
        match block.as_mut().get_mut(..key.len()) {
            Some(front) => front.copy_from_slice(key),
            None => {
                let mut hash = Running::<D>::unkeyed();
                hash.update(key);
                let mut hashed = hash.finish_inner();
                for (to, from) in block.as_mut().iter_mut().zip(hashed.iter()) {
                    *to = *from;
                }
                hashed.zeroize();
            }
        }
        let [mut inner, mut outer] = [D::INITIAL; 2];
        block.as_mut().iter_mut().for_each(|octet| *octet ^= 0x36);
        D::compress(&mut inner, std::slice::from_ref(&block));
        let both = 0x36 ^ 0x5c;
        block.as_mut().iter_mut().for_each(|octet| *octet ^= both);
        D::compress(&mut outer, std::slice::from_ref(&block));
        block.zeroize();
        Self { inner, outer }
    }

    #[inline]
    pub(super) fn start(&self) -> Running<D> {
        let block = size_of::<D::Block>();
        Running {
            state: self.inner,
            outer: self.outer,
            hashed: block,
            block: D::NO_BLOCK,
            filled: 0,
        }
    }

    pub(super) fn of(&self, parts: &[&[u8]]) -> Output {
        self.of_each(parts.iter().copied())
    }

    pub(super) fn of_each<'p>(&self, parts: impl Iterator<Item = &'p [u8]>) -> Output {
        let mut running = self.start();
        for part in parts {
            running.update(part);
        }
        running.finish()
    }
}

impl<D: Hash> Drop for Hmac<D> {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// The HMAC of one message, part of which it has seen.
pub(super) struct Running<D: Hash> {
    state: D::State,
    outer: D::State,
    /// Octets, in whole blocks.
    hashed: usize,
    block: D::Block,
    /// How much of `block` waits to be hashed: less than all of it.
    filled: usize,
}

impl<D: Hash> Running<D> {
    fn unkeyed() -> Self {
        Self {
            state: D::INITIAL,
            outer: D::INITIAL,
            hashed: 0,
            block: D::NO_BLOCK,
            filled: 0,
        }
    }

    /// Takes whole blocks; only correct while all before were whole blocks, too.
    #[inline(always)]
    pub(super) fn update_blocks(&mut self, blocks: &[D::Block]) {
        debug_assert!(self.filled == 0 || blocks.is_empty());
        D::compress(&mut self.state, blocks);
        self.hashed += size_of_val(blocks);
    }

    #[inline]
    pub(super) fn update(&mut self, octets: &[u8]) {
        let mut rest = octets;
        if self.filled > 0 {
            let room = self.block.as_mut().get_mut(self.filled..);
            let room = room.unwrap_or_default();
            let Some((first, more)) = rest.split_at_checked(room.len()) else {
                self.keep(rest);
                return;
            };
            room.copy_from_slice(first);
            D::compress(&mut self.state, std::slice::from_ref(&self.block));
            self.hashed += size_of::<D::Block>();
            self.filled = 0;
            rest = more;
        }
        let (blocks, rest) = D::blocks(rest);
        if !blocks.is_empty() {
            self.update_blocks(blocks);
        }
        self.keep(rest);
    }

    /// Keeps octets that do not fill a block.
    #[inline]
    fn keep(&mut self, octets: &[u8]) {
        let room = self.block.as_mut().get_mut(self.filled..);
        if let Some(room) = room.and_then(|room| room.get_mut(..octets.len())) {
            room.copy_from_slice(octets);
            self.filled += octets.len();
        }
    }

    /// The hash of what it has seen.
    #[inline]
    fn finish_inner(&mut self) -> Output {
        let bits = (self.hashed as u64 + self.filled as u64).wrapping_mul(8);
        let block = self.block.as_mut();
        let (_, padding) = block.split_at_mut(self.filled);
        padding.fill(0);
        if let Some(first) = padding.first_mut() {
            *first = 0x80;
        }
        if padding.len() <= D::COUNT {
            D::compress(&mut self.state, std::slice::from_ref(&self.block));
            self.block.as_mut().fill(0);
        }
        if let Some(count) = self.block.as_mut().last_chunk_mut() {
            *count = D::count(bits);
        }
        D::compress(&mut self.state, std::slice::from_ref(&self.block));
        Output {
            octets: D::output(&self.state),
            len: D::OUTPUT,
        }
    }

    #[inline]
    pub(super) fn finish(mut self) -> Output {
        let inner = self.finish_inner();
        (self.state, self.hashed) = (self.outer, size_of::<D::Block>());
        self.filled = 0;
        self.keep(&inner);
        self.finish_inner()
    }
}

impl<D: Hash> Drop for Running<D> {
    fn drop(&mut self) {
        self.state.zeroize();
        self.outer.zeroize();
        self.block.zeroize();
    }
}
