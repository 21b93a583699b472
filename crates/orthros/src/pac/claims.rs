//! CLIENT_CLAIMS and DEVICE_CLAIMS: CLAIMS_SET_METADATA and what is in it (MS-ADTS 2.2.18).

use std::fmt;

use super::error::Fault;
use super::ndr::Reader;
use super::xpress;

/// Claims that unpack to more than this many octets are refused,
const MAX_UNCOMPRESSED: usize = 256 * 1024;
/// and those that unpack to more than this many times their size.
const MAX_RATIO: usize = 32;

/// How a claims set is compressed. Numbers without a constant are carried through unchanged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CompressionFormat(pub u16);

impl CompressionFormat {
    /// Not at all.
    pub const NONE: Self = Self(0);
    /// LZNT1; not implemented.
    pub const LZNT1: Self = Self(2);
    /// Plain LZ77; not implemented.
    pub const XPRESS: Self = Self(3);
    /// LZ77 with Huffman coding, which domain controllers use.
    pub const XPRESS_HUFF: Self = Self(4);
}

impl fmt::Debug for CompressionFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// ```text
/// typedef struct _CLAIMS_SET_METADATA {
///     ULONG ulClaimsSetSize;
///     [size_is(ulClaimsSetSize)] PBYTE ClaimsSet;
///     CLAIMS_COMPRESSION_FORMAT usCompressionFormat;
///     ULONG ulUncompressedClaimsSetSize;
///     USHORT usReservedType;
///     ULONG ulReservedFieldSize;
///     [size_is(ulReservedFieldSize)] PBYTE ReservedField;
/// } CLAIMS_SET_METADATA;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// How the set was compressed.
    pub compression_format: CompressionFormat,
    /// How many octets it had then.
    pub claims_set_size: u32,
    /// How many it has.
    pub uncompressed_claims_set_size: u32,
    /// The set.
    pub claims_set: ClaimsSet,
}

/// The set of [`Claims`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimsSet {
    /// ```text
    /// typedef struct _CLAIMS_SET {
    ///     ULONG ulClaimsArrayCount;
    ///     [size_is(ulClaimsArrayCount)] PCLAIMS_ARRAY ClaimsArrays;
    ///     USHORT usReservedType;
    ///     ULONG ulReservedFieldSize;
    ///     [size_is(ulReservedFieldSize)] PBYTE ReservedField;
    /// } CLAIMS_SET;
    /// ```
    Decoded(Vec<ClaimsArray>),
    /// Octets in a compression that is not implemented.
    Compressed(Vec<u8>),
}

/// The claims of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimsArray {
    /// 1: Active Directory; 2: a certificate.
    pub source_type: u16,
    /// The claims.
    pub entries: Vec<ClaimEntry>,
}

/// One claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimEntry {
    /// Its identifier: `ad://ext/department:...`.
    pub id: String,
    /// Its values.
    pub values: ClaimValues,
}

/// The values of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValues {
    /// CLAIM_TYPE_INT64 (1)
    Int64(Vec<i64>),
    /// CLAIM_TYPE_UINT64 (2)
    Uint64(Vec<u64>),
    /// CLAIM_TYPE_STRING (3)
    String(Vec<String>),
    /// CLAIM_TYPE_BOOLEAN (6): zero is false.
    Boolean(Vec<u64>),
    /// Another type, of which no values can be read.
    Unknown(u16),
}

impl ClaimValues {
    /// The number of the type.
    pub fn claim_type(&self) -> u16 {
        match self {
            Self::Int64(_) => 1,
            Self::Uint64(_) => 2,
            Self::String(_) => 3,
            Self::Boolean(_) => 6,
            Self::Unknown(other) => *other,
        }
    }
}

impl Claims {
    /// `None` for an empty buffer, which is how a KDC says that there are no claims.
    pub(super) fn parse(buffer: &[u8]) -> Result<Option<Self>, Fault> {
        if buffer.is_empty() {
            return Ok(None);
        }
        let mut ndr = Reader::new(buffer)?;
        ndr.pointer_to_one()?;
        let (claims_set_size, present) = (ndr.u32()?, ndr.pointer()?);
        let compression_format = CompressionFormat(ndr.u16()?);
        let uncompressed_claims_set_size = ndr.u32()?;
        reserved(&mut ndr)?;
        let length = ndr.conformance(present, claims_set_size, 1)?;
        let octets = ndr.octets(length)?;
        let fault = ndr.fault("the claims do not unpack to the size they say");
        let claims_set = match compression_format {
            CompressionFormat::NONE => ClaimsSet::Decoded(parse_set(octets).map_err(|_| CONTENTS)?),
            CompressionFormat::XPRESS_HUFF => {
                let size = usize::try_from(uncompressed_claims_set_size)
                    .ok()
                    .filter(|size| {
                        *size <= MAX_UNCOMPRESSED && *size <= octets.len().saturating_mul(MAX_RATIO)
                    })
                    .ok_or(ndr.fault("the claims say that they unpack to too much"))?;
                let unpacked = xpress::decompress(octets, size).ok_or(fault)?;
                ClaimsSet::Decoded(parse_set(&unpacked).map_err(|_| CONTENTS)?)
            }
            _ => ClaimsSet::Compressed(octets.to_vec()),
        };
        Ok(Some(Self {
            compression_format,
            claims_set_size,
            uncompressed_claims_set_size,
            claims_set,
        }))
    }

    /// The claims, as far as they could be read.
    pub fn entries(&self) -> impl Iterator<Item = &ClaimEntry> {
        let arrays: &[ClaimsArray] = match &self.claims_set {
            ClaimsSet::Decoded(arrays) => arrays,
            ClaimsSet::Compressed(_) => &[],
        };
        arrays.iter().flat_map(|array| &array.entries)
    }
}

/// An offset within the unpacked set would say nothing about the buffer.
const CONTENTS: Fault = Fault {
    at: 0,
    why: "the claims set is damaged",
};

/// usReservedType, ulReservedFieldSize, ReservedField: what the pointer points to is the last thing
/// in the structure and is not looked at.
fn reserved(ndr: &mut Reader<'_>) -> Result<(), Fault> {
    ndr.u16()?;
    ndr.u32()?;
    ndr.pointer()?;
    Ok(())
}

fn parse_set(octets: &[u8]) -> Result<Vec<ClaimsArray>, Fault> {
    let mut ndr = Reader::new(octets)?;
    ndr.pointer_to_one()?;
    let (count, present) = (ndr.u32()?, ndr.pointer()?);
    reserved(&mut ndr)?;
    let count = ndr.conformance(present, count, 12)?;
    let mut fixed = Vec::with_capacity(count);
    for _ in 0..count {
        fixed.push((ndr.u16()?, ndr.u32()?, ndr.pointer()?));
    }
    fixed
        .into_iter()
        .map(|(source_type, count, present)| {
            Ok(ClaimsArray {
                source_type,
                entries: parse_entries(&mut ndr, present, count)?,
            })
        })
        .collect()
}

/// The fixed part of a CLAIM_ENTRY; the union has an arm for the types that are known.
struct Fixed {
    claim_type: u16,
    values: Option<(u32, bool)>,
}

fn parse_entries(
    ndr: &mut Reader<'_>,
    present: bool,
    count: u32,
) -> Result<Vec<ClaimEntry>, Fault> {
    // A pointer, the type and again the type; behind them the three counts and the NUL of its Id.
    let count = ndr.conformance(present, count, 22)?;
    let mut fixed = Vec::with_capacity(count);
    for _ in 0..count {
        ndr.pointer_to_one()?;
        let claim_type = ndr.u16()?;
        if ndr.u16()? != claim_type {
            return Err(ndr.fault("the union's discriminant is not the type"));
        }
        let values = match claim_type {
            1 | 2 | 3 | 6 => Some((ndr.u32()?, ndr.pointer()?)),
            _ => None,
        };
        fixed.push(Fixed { claim_type, values });
    }
    fixed
        .into_iter()
        .map(|fixed| {
            Ok(ClaimEntry {
                id: ndr.terminated_string()?,
                values: parse_values(ndr, &fixed)?,
            })
        })
        .collect()
}

fn parse_values(ndr: &mut Reader<'_>, fixed: &Fixed) -> Result<ClaimValues, Fault> {
    let Some((count, present)) = fixed.values else {
        return Ok(ClaimValues::Unknown(fixed.claim_type));
    };
    Ok(match fixed.claim_type {
        1 => {
            let words = ndr.u64s(present, count)?;
            ClaimValues::Int64(words.into_iter().map(u64::cast_signed).collect())
        }
        2 => ClaimValues::Uint64(ndr.u64s(present, count)?),
        3 => {
            // A pointer, and behind it three counts and the NUL.
            let count = ndr.conformance(present, count, 18)?;
            for _ in 0..count {
                ndr.pointer_to_one()?;
            }
            let strings = (0..count).map(|_| ndr.terminated_string());
            ClaimValues::String(strings.collect::<Result<_, _>>()?)
        }
        _ => ClaimValues::Boolean(ndr.u64s(present, count)?),
    })
}
