//! HMAC with its two first blocks compressed once, when the key is known.

use hmac::EagerHash;
use hmac::block_api::HmacCore;
use hmac::digest::block_api::{Block, Buffer, FixedOutputCore, UpdateCore};
use hmac::digest::{KeyInit, Output};

/// A keyed HMAC, to be started for any number of messages.
pub(super) struct Hmac<D: EagerHash>(HmacCore<D>);

/// What a hash function's block is: a multiple of the AES block for every hash used here.
pub(super) type HashBlock<D> = Block<HmacCore<D>>;

impl<D: EagerHash> Hmac<D> {
    pub(super) fn new(key: &[u8]) -> Self {
        match HmacCore::new_from_slice(key) {
            Ok(core) => Self(core),
            Err(_) => unreachable!("HMAC takes keys of any length"),
        }
    }

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
pub(super) struct Running<D: EagerHash> {
    core: HmacCore<D>,
    buffer: Buffer<HmacCore<D>>,
}

impl<D: EagerHash> Running<D> {
    /// Takes whole blocks; only correct while all before were whole blocks, too.
    #[inline(always)]
    pub(super) fn update_block(&mut self, block: &HashBlock<D>) {
        debug_assert_eq!(self.buffer.get_pos(), 0);
        self.core.update_blocks(std::slice::from_ref(block));
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
