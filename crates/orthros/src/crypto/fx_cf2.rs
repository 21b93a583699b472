//! PRF+ and KRB-FX-CF2 of FAST (RFC 6113 §5.1): making one key of two (CRY-14).

use zeroize::Zeroizing;

use super::{CryptoError, Key};
use crate::secret::Secret;

/// The first `len` octets of `PRF(key, 1 ++ shared-info) ++ PRF(key, 2 ++ shared-info) ++ …`,
/// the number being one octet.
///
/// GSS_Pseudo_random (RFC 4402) counts otherwise: 32 bits, from zero; see [`Key::prf`].
pub fn prf_plus(key: &Key, shared_info: &[u8], len: usize) -> Result<Secret, CryptoError> {
    let maximum = key.prf_len() * 255;
    if len > maximum {
        let enctype = key.enctype();
        return Err(CryptoError::OutputLength {
            enctype,
            maximum,
            requested: len,
        });
    }
    let mut input = Vec::with_capacity(1 + shared_info.len());
    input.push(0);
    input.extend_from_slice(shared_info);
    let mut output = Zeroizing::new(vec![0; len]);
    for (number, piece) in (1u8..=255).zip(output.chunks_mut(key.prf_len())) {
        if let Some(first) = input.first_mut() {
            *first = number;
        }
        let block = Zeroizing::new(key.prf(&input));
        for (to, from) in piece.iter_mut().zip(block.iter()) {
            *to = *from;
        }
    }
    Ok(Secret::new(std::mem::take(&mut *output)))
}

/// KRB-FX-CF2: `random-to-key(PRF+(key1, pepper1) xor PRF+(key2, pepper2))`, a key of the enctype
/// of `key1`.
pub fn krb_fx_cf2(
    key1: &Key,
    key2: &Key,
    pepper1: &[u8],
    pepper2: &[u8],
) -> Result<Key, CryptoError> {
    let len = key1.expose().len();
    let mut mixed = prf_plus(key1, pepper1, len)?;
    let other = prf_plus(key2, pepper2, len)?;
    for (to, from) in mixed.expose_mut().iter_mut().zip(other.expose()) {
        *to ^= from;
    }
    Key::new(key1.enctype(), mixed.expose())
}
