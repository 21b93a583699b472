//! GSS_Pseudo_random of the mechanism (RFC 7802).

use zeroize::Zeroizing;

use crate::crypto::Key;
use crate::error::Error;
use crate::secret::Secret;

/// Which key of a context the pseudo-random function takes (RFC 4401 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrfKey {
    /// The acceptor's subkey, else the initiator's, else the session key.
    Full,
    /// The initiator's subkey, else the session key: there before the context is complete.
    Partial,
}

/// The first `len` octets of `pseudo-random(K, 0 ++ S) ++ pseudo-random(K, 1 ++ S) ++ …`, the
/// number being 32 bits, high end first, and **from zero** (GSS-62).
pub(super) fn pseudo_random(key: &Key, input: &[u8], len: usize) -> Result<Secret, Error> {
    let mut numbered = Zeroizing::new(Vec::with_capacity(4 + input.len()));
    numbered.extend_from_slice(&[0; 4]);
    numbered.extend_from_slice(input);
    let mut output = Zeroizing::new(vec![0; len]);
    for (number, piece) in output.chunks_mut(key.prf_len()).enumerate() {
        let number = u32::try_from(number)
            .map_err(|_| Error::Misuse("more octets than the pseudo-random function counts"))?;
        if let Some(counter) = numbered.first_chunk_mut::<4>() {
            *counter = number.to_be_bytes();
        }
        let block = Zeroizing::new(key.prf(&numbered));
        for (to, from) in piece.iter_mut().zip(block.iter()) {
            *to = *from;
        }
    }
    Ok(Secret::new(std::mem::take(&mut *output)))
}
