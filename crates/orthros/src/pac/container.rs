//! PACTYPE: the table of buffers (MS-PAC 2.3, 2.4).

use std::fmt;
use std::ops::Range;

use super::PacError;

const HEADER: usize = 8;
const ENTRY: usize = 16;

/// ulType of a buffer. Numbers without a constant are carried through unchanged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BufferType(pub u32);

macro_rules! buffer_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl BufferType {
            $($(#[$doc])* pub const $name: BufferType = BufferType($number);)*

            /// The name of the constant with this number.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

buffer_types! {
    /// KERB_VALIDATION_INFO.
    LOGON_INFO = 1;
    /// Credentials encrypted under the reply key of a PKINIT AS exchange.
    CREDENTIALS_INFO = 2;
    /// The signature of the service's key over the PAC (PAC-09).
    SERVER_CHECKSUM = 6;
    /// The signature of the KDC's key over the server signature (PAC-10).
    KDC_CHECKSUM = 7;
    /// Name and authentication time of the client.
    CLIENT_INFO = 10;
    /// The services that a ticket was delegated through.
    S4U_DELEGATION_INFO = 11;
    /// User principal name and DNS domain.
    UPN_DNS_INFO = 12;
    /// Claims about the client.
    CLIENT_CLAIMS_INFO = 13;
    /// The client's computer.
    DEVICE_INFO = 14;
    /// Claims about the client's computer.
    DEVICE_CLAIMS_INFO = 15;
    /// The signature of the KDC's key over the ticket (PAC-12).
    TICKET_CHECKSUM = 16;
    /// Why a TGT has a PAC.
    ATTRIBUTES_INFO = 17;
    /// The account that a TGT was issued to.
    REQUESTOR_SID = 18;
    /// The signature of the KDC's key over the PAC (PAC-11).
    FULL_CHECKSUM = 19;
}

impl BufferType {
    /// Whether it is one of the four signatures.
    pub const fn is_signature(self) -> bool {
        matches!(
            self,
            Self::SERVER_CHECKSUM
                | Self::KDC_CHECKSUM
                | Self::TICKET_CHECKSUM
                | Self::FULL_CHECKSUM
        )
    }
}

impl fmt::Display for BufferType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "buffer {}", self.0),
        }
    }
}

impl fmt::Debug for BufferType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One entry of the table, checked to lie within the PAC.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) buffer_type: BufferType,
    pub(super) range: Range<usize>,
}

/// A PAC of sound structure, not verified: none of its fields can be read.
///
/// ```text
/// cBuffers u32, Version u32 = 0
/// cBuffers times: ulType u32, cbBufferSize u32, Offset u64
/// ```
#[derive(Clone)]
pub struct Pac<'a> {
    pub(super) octets: &'a [u8],
    pub(super) entries: Vec<Entry>,
}

impl<'a> Pac<'a> {
    /// Reads the table.
    ///
    /// Every buffer lies behind the table and within the PAC at a multiple of 8, and no two overlap
    /// (PAC-02). CLIENT_INFO and the signatures of server and KDC are there; no buffer whose type
    /// is known is there twice (PAC-04). Other types do not matter (PAC-03). LOGON_INFO may be
    /// missing: MIT krb5 issues such PACs (security case 77).
    pub fn parse(octets: &'a [u8]) -> Result<Self, PacError> {
        let entries = read_table(octets)?;
        check_overlap(&entries)?;
        let mut seen = 0u32;
        for entry in &entries {
            let bit = match entry.buffer_type.name() {
                Some(_) => 1u32 << entry.buffer_type.0,
                None => continue,
            };
            if seen & bit != 0 {
                return Err(PacError::Repeated {
                    buffer: entry.buffer_type,
                });
            }
            seen |= bit;
        }
        for buffer in [
            BufferType::SERVER_CHECKSUM,
            BufferType::KDC_CHECKSUM,
            BufferType::CLIENT_INFO,
        ] {
            if seen & 1 << buffer.0 == 0 {
                return Err(PacError::Missing { buffer });
            }
        }
        Ok(Self { octets, entries })
    }

    /// The types of the buffers, in their order.
    pub fn types(&self) -> impl ExactSizeIterator<Item = BufferType> {
        self.entries.iter().map(|entry| entry.buffer_type)
    }

    pub(super) fn entry(&self, buffer: BufferType) -> Option<&Entry> {
        self.entries.iter().find(|e| e.buffer_type == buffer)
    }

    pub(super) fn buffer(&self, buffer: BufferType) -> Option<&'a [u8]> {
        self.octets.get(self.entry(buffer)?.range.clone())
    }
}

impl fmt::Debug for Pac<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pac, not verified: ")?;
        f.debug_list().entries(self.types()).finish()
    }
}

fn broken(why: &'static str) -> PacError {
    PacError::Container { why }
}

fn read_table(octets: &[u8]) -> Result<Vec<Entry>, PacError> {
    let Some(([c0, c1, c2, c3, version @ ..], rest)) = octets.split_first_chunk::<HEADER>() else {
        return Err(broken("it is shorter than its header"));
    };
    if *version != [0; 4] {
        return Err(broken("its version is not 0"));
    }
    // The count is compared before it is multiplied (security case 66).
    let (slots, _) = rest.as_chunks::<ENTRY>();
    let table = usize::try_from(u32::from_le_bytes([*c0, *c1, *c2, *c3]))
        .ok()
        .and_then(|count| slots.get(..count))
        .ok_or(broken("it counts more buffers than it has room for"))?;
    let behind = HEADER + table.len() * ENTRY;
    let mut entries = Vec::with_capacity(table.len());
    for [t0, t1, t2, t3, s0, s1, s2, s3, offset @ ..] in table {
        let start = u64::from_le_bytes(*offset);
        if !start.is_multiple_of(8) {
            return Err(broken("a buffer is not aligned to 8 octets"));
        }
        let start = usize::try_from(start).ok();
        let size = usize::try_from(u32::from_le_bytes([*s0, *s1, *s2, *s3])).ok();
        let range = start
            .zip(size)
            .and_then(|(start, size)| Some(start..start.checked_add(size)?))
            .filter(|range| range.start >= behind && range.end <= octets.len())
            .ok_or(broken("a buffer lies outside of it"))?;
        entries.push(Entry {
            buffer_type: BufferType(u32::from_le_bytes([*t0, *t1, *t2, *t3])),
            range,
        });
    }
    Ok(entries)
}

/// A buffer without octets overlaps nothing (security case 68).
fn check_overlap(entries: &[Entry]) -> Result<(), PacError> {
    let filled = || {
        entries
            .iter()
            .map(|entry| &entry.range)
            .filter(|r| !r.is_empty())
    };
    if filled().is_sorted_by(|a, b| a.end <= b.start) {
        return Ok(());
    }
    let mut ranges: Vec<_> = filled().collect();
    ranges.sort_unstable_by_key(|range| range.start);
    if ranges.is_sorted_by(|a, b| a.end <= b.start) {
        Ok(())
    } else {
        Err(broken("two buffers overlap"))
    }
}
