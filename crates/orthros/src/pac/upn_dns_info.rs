//! UPN_DNS_INFO: the client's user principal name and domain (MS-PAC 2.10).

use super::error::Fault;
use super::ndr::{to_utf16, utf16};
use super::{BufferType, PacError, Sid};

/// The user's UPN was made of its account name and its domain's name.
const CONSTRUCTED: u32 = 1;
/// The second half of the structure is there.
const EXTENDED: u32 = 2;

/// ```text
/// UpnLength u16, UpnOffset u16, DnsDomainNameLength u16, DnsDomainNameOffset u16, Flags u32
/// if Flags & 2: SamNameLength u16, SamNameOffset u16, SidLength u16, SidOffset u16
/// ```
///
/// Offsets count from the start of the buffer; the strings are UTF-16LE without NUL (PAC-25).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpnDnsInfo {
    /// The user principal name.
    pub upn: String,
    /// The domain's DNS name, usually in capitals.
    pub dns_domain_name: String,
    /// All flags as they came. Bit 1, that the structure is extended, is on writing what
    /// `sam_name_and_sid` says.
    pub flags: u32,
    /// The extension.
    pub sam_name_and_sid: Option<SamNameAndSid>,
}

/// What newer domain controllers add to [`UpnDnsInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamNameAndSid {
    /// The account name.
    pub sam_name: String,
    /// The account's SID.
    pub sid: Sid,
}

impl UpnDnsInfo {
    /// Whether the account has no UPN and `upn` was made of its name.
    pub fn is_constructed(&self) -> bool {
        self.flags & CONSTRUCTED != 0
    }

    pub(super) fn parse(buffer: &[u8]) -> Result<Self, Fault> {
        let upn = text(buffer, 0)?;
        let dns_domain_name = text(buffer, 4)?;
        let flags = buffer
            .get(8..12)
            .and_then(|octets| octets.try_into().ok())
            .map(u32::from_le_bytes)
            .ok_or(Fault::new(8, "the flags are missing"))?;
        let sam_name_and_sid = if flags & EXTENDED != 0 {
            let (at, sid) = piece(buffer, 16)?;
            Some(SamNameAndSid {
                sam_name: text(buffer, 12)?,
                sid: Sid::parse(sid).map_err(|fault| Fault::new(at + fault.at, fault.why))?,
            })
        } else {
            None
        };
        Ok(Self {
            upn,
            dns_domain_name,
            flags,
            sam_name_and_sid,
        })
    }

    /// The buffer.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PacError> {
        let flags = match self.sam_name_and_sid {
            Some(_) => self.flags | EXTENDED,
            None => self.flags & !EXTENDED,
        };
        let mut pieces = vec![to_utf16(&self.upn), to_utf16(&self.dns_domain_name)];
        if let Some(extension) = &self.sam_name_and_sid {
            pieces.push(to_utf16(&extension.sam_name));
            pieces.push(extension.sid.to_bytes());
        }
        let mut header = Vec::with_capacity(20);
        let mut body = Vec::new();
        let start: usize = if pieces.len() > 2 { 24 } else { 16 };
        for (index, piece) in pieces.iter().enumerate() {
            // The strings are aligned to 8 octets, the SID follows its name.
            if index < 3 {
                body.resize(body.len().next_multiple_of(8), 0);
            }
            for number in [piece.len(), start + body.len()] {
                let number = u16::try_from(number).map_err(|_| PacError::Unencodable {
                    buffer: BufferType::UPN_DNS_INFO,
                    why: "names over 64 KiB",
                })?;
                header.extend(number.to_le_bytes());
            }
            if index == 1 {
                header.extend(flags.to_le_bytes());
            }
            body.extend_from_slice(piece);
        }
        header.resize(start, 0);
        header.extend(body);
        Ok(header)
    }
}

/// What the length and the offset at `at` say.
fn piece(buffer: &[u8], at: usize) -> Result<(usize, &[u8]), Fault> {
    let Some([l0, l1, o0, o1]) = buffer.get(at..at + 4) else {
        return Err(Fault::new(at, "a length and its offset are missing"));
    };
    let length = usize::from(u16::from_le_bytes([*l0, *l1]));
    let offset = usize::from(u16::from_le_bytes([*o0, *o1]));
    buffer
        .get(offset..offset + length)
        .map(|octets| (offset, octets))
        .ok_or(Fault::new(at, "an offset outside of the buffer"))
}

fn text(buffer: &[u8], at: usize) -> Result<String, Fault> {
    let (offset, octets) = piece(buffer, at)?;
    utf16(octets).ok_or(Fault::new(offset, "a string that is not UTF-16"))
}
