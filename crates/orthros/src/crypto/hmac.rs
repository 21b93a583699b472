//! HMAC with its two first blocks compressed once, when the key is known.
//!
//! Messages are hashed by whole blocks where they lie, and [`cts`](super::cts) decides when: it
//! puts encryption in between.

use hmac::EagerHash;
use hmac::block_api::HmacCore;
use hmac::digest::array::Array;
use hmac::digest::block_api::{Block, Buffer, FixedOutputCore, UpdateCore};
use hmac::digest::{KeyInit, Output};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

/// What a hash function's block is: a multiple of the AES block for every hash here.
pub(super) type HashBlock<D> = Block<HmacCore<D>>;

/// A hash function, by its blocks.
pub(super) trait Hash: EagerHash + Sized {
    /// How many blocks are hashed together in less time than one after the other.
    const TOGETHER: usize = 1;

    /// The whole blocks, and what is left.
    #[inline(always)]
    fn blocks(octets: &[u8]) -> (&[HashBlock<Self>], &[u8]) {
        Array::slice_as_chunks(octets)
    }

    #[inline(always)]
    fn blocks_mut(octets: &mut [u8]) -> (&mut [HashBlock<Self>], &mut [u8]) {
        Array::slice_as_chunks_mut(octets)
    }
}

impl Hash for Md5 {}
impl Hash for Sha1 {}
impl Hash for Sha256 {}

impl Hash for Sha384 {
    // The crate prepares two blocks at a time, where there are AVX2 instructions.
    const TOGETHER: usize = 2;
}

/// A keyed HMAC, to be started for any number of messages.
pub(super) struct Hmac<D: Hash>(HmacCore<D>);

impl<D: Hash> Hmac<D> {
    pub(super) fn new(key: &[u8]) -> Self {
        match HmacCore::new_from_slice(key) {
            Ok(core) => Self(core),
            Err(_) => unreachable!("HMAC takes keys of any length"),
        }
    }

    #[inline]
    pub(super) fn start(&self) -> Running<D> {
        Running {
            core: self.0.clone(),
            buffer: Buffer::<HmacCore<D>>::default(),
        }
    }

    pub(super) fn of(&self, parts: &[&[u8]]) -> Output<HmacCore<D>> {
        self.of_each(parts.iter().copied())
    }

    pub(super) fn of_each<'p>(&self, parts: impl Iterator<Item = &'p [u8]>) -> Output<HmacCore<D>> {
        let mut running = self.start();
        for part in parts {
            running.update(part);
        }
        running.finish()
    }
}

/// The HMAC of one message, part of which it has seen.
pub(super) struct Running<D: Hash> {
    core: HmacCore<D>,
    buffer: Buffer<HmacCore<D>>,
}

impl<D: Hash> Running<D> {
    /// Takes whole blocks; only correct while all before were whole blocks, too.
    #[inline(always)]
    pub(super) fn update_blocks(&mut self, blocks: &[HashBlock<D>]) {
        debug_assert!(self.buffer.get_pos() == 0 || blocks.is_empty());
        self.core.update_blocks(blocks);
    }

    #[inline]
    pub(super) fn update(&mut self, octets: &[u8]) {
        let core = &mut self.core;
        self.buffer
            .digest_blocks(octets, |blocks| core.update_blocks(blocks));
    }

    #[inline]
    pub(super) fn finish(mut self) -> Output<HmacCore<D>> {
        let mut output = Output::<HmacCore<D>>::default();
        self.core.finalize_fixed_core(&mut self.buffer, &mut output);
        output
    }
}
