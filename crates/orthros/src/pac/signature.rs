//! The four signatures (MS-PAC 2.8).

use std::ops::Range;

use super::{BufferType, Pac, PacError};
use crate::crypto::{ChecksumType, Mac};

/// No signature is longer than this; what stands in its place while the PAC is hashed.
const ZEROS: [u8; 64] = [0; 64];

/// PAC_SIGNATURE_DATA (PAC-07).
///
/// ```text
/// SignatureType i32, Signature, RODCIdentifier u16 if a read-only domain controller signed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The type of checksum.
    pub signature_type: ChecksumType,
    /// The checksum.
    pub signature: &'a [u8],
    /// The read-only domain controller whose krbtgt key signed.
    pub rodc_identifier: Option<u16>,
}

impl<'a> Signature<'a> {
    /// `None` if the buffer does not have the length of its type.
    pub(super) fn parse(buffer: &'a [u8]) -> Option<Self> {
        let (signature_type, octets) = buffer.split_first_chunk()?;
        let signature_type = ChecksumType(i32::from_le_bytes(*signature_type));
        let (signature, rest) = octets.split_at_checked(signature_type.len()?)?;
        let rodc_identifier = match rest {
            [] => None,
            [low, high] => Some(u16::from_le_bytes([*low, *high])),
            _ => return None,
        };
        Some(Self {
            signature_type,
            signature,
            rodc_identifier,
        })
    }
}

/// Where a signature buffer holds what is zero while the PAC is hashed: everything behind the type,
/// so also RODCIdentifier (PAC-15).
fn zeroed(pac: &Pac<'_>, buffer: BufferType) -> Result<Range<usize>, PacError> {
    let range = match pac.entry(buffer) {
        Some(entry) => entry.range.clone(),
        None => return Err(PacError::Missing { buffer }),
    };
    match range.len() {
        4..=68 => Ok(range.start + 4..range.end),
        found => Err(PacError::SignatureLength {
            buffer,
            found: found.saturating_sub(4),
        }),
    }
}

/// Verifies the signature in `buffer` over `parts`. It has the type that the key makes, which is
/// keyed, and exactly its length; both are looked at before anything is computed (PAC-16, security
/// cases 62, 64, 65).
pub(super) fn verify(
    pac: &Pac<'_>,
    buffer: BufferType,
    mac: &Mac,
    parts: &[&[u8]],
) -> Result<(), PacError> {
    let octets = pac.buffer(buffer).ok_or(PacError::Missing { buffer })?;
    let Some((found, signature)) = octets.split_first_chunk() else {
        return Err(PacError::SignatureLength { buffer, found: 0 });
    };
    let found = ChecksumType(i32::from_le_bytes(*found));
    let expected = mac.checksum_type();
    if found != expected {
        return Err(PacError::SignatureType {
            buffer,
            found,
            expected,
        });
    }
    let exact = match signature.split_at_checked(mac.len()) {
        Some((exact, [] | [_, _])) => exact,
        _ => {
            return Err(PacError::SignatureLength {
                buffer,
                found: signature.len(),
            });
        }
    };
    mac.verify(parts, exact)
        .map_err(|_| PacError::Signature { buffer })
}

/// The server signature: over the whole PAC with the signatures of server and KDC zero (PAC-09).
pub(super) fn verify_server(pac: &Pac<'_>, server: &Mac) -> Result<(), PacError> {
    let zeros = [
        zeroed(pac, BufferType::SERVER_CHECKSUM)?,
        zeroed(pac, BufferType::KDC_CHECKSUM)?,
    ];
    verify(
        pac,
        BufferType::SERVER_CHECKSUM,
        server,
        &with_zeros::<2, 5>(pac.octets, zeros),
    )
}

/// The KDC signature: over the octets of the server signature (PAC-10).
pub(super) fn verify_kdc(pac: &Pac<'_>, krbtgt: &Mac) -> Result<(), PacError> {
    let buffer = BufferType::SERVER_CHECKSUM;
    let server = pac
        .buffer(buffer)
        .and_then(Signature::parse)
        .ok_or(PacError::SignatureLength { buffer, found: 0 })?;
    verify(pac, BufferType::KDC_CHECKSUM, krbtgt, &[server.signature])
}

/// The full signature: over the whole PAC with the signatures of server and KDC and itself zero
/// (PAC-11).
pub(super) fn verify_full(pac: &Pac<'_>, krbtgt: &Mac) -> Result<(), PacError> {
    let zeros = [
        zeroed(pac, BufferType::SERVER_CHECKSUM)?,
        zeroed(pac, BufferType::KDC_CHECKSUM)?,
        zeroed(pac, BufferType::FULL_CHECKSUM)?,
    ];
    verify(
        pac,
        BufferType::FULL_CHECKSUM,
        krbtgt,
        &with_zeros::<3, 7>(pac.octets, zeros),
    )
}

/// `octets` in `PARTS = 2 * N + 1` parts, of which those in `ranges` are zeros of the same length.
/// The ranges do not overlap.
fn with_zeros<const N: usize, const PARTS: usize>(
    octets: &[u8],
    mut ranges: [Range<usize>; N],
) -> [&[u8]; PARTS] {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
    let mut at = 0;
    let mut slots = parts.iter_mut();
    for range in ranges {
        if let (Some(before), Some(zeros)) = (slots.next(), slots.next()) {
            *before = octets.get(at..range.start).unwrap_or_default();
            *zeros = ZEROS.get(..range.len()).unwrap_or_default();
        }
        at = range.end;
    }
    if let Some(last) = slots.next() {
        *last = octets.get(at..).unwrap_or_default();
    }
    parts
}
