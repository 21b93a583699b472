//! What Windows clients put into their authenticators (MS-KILE 2.2.5, 2.2.6; AP-82).

use der::Sequence;

use crate::wire::OctetString;
use crate::wire::primitive::from_der;

/// ```text
/// KERB-AD-RESTRICTION-ENTRY ::= SEQUENCE {
///         restriction-type    [0] Int32,
///         restriction         [1] OCTET STRING
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
struct RestrictionEntry<'a> {
    #[asn1(context_specific = "0")]
    restriction_type: i32,
    #[asn1(context_specific = "1")]
    restriction: OctetString<'a>,
}

/// LSAP_TOKEN_INFO_INTEGRITY: of which process the client is, for a server on the same machine.
///
/// ```text
/// Flags u32, TokenIL u32, MachineID 32 octets
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRestrictions {
    /// 1: the client's token is restricted by user account control.
    pub flags: u32,
    /// The integrity level of the client's process.
    pub token_il: u32,
    /// What the client's machine drew when it started.
    pub machine_id: [u8; 32],
}

impl TokenRestrictions {
    /// The entry of type 0; on the wire it is in one more SEQUENCE. Newer clients have more behind
    /// it.
    pub(super) fn parse(octets: &[u8]) -> Option<Self> {
        let entries: Vec<RestrictionEntry<'_>> =
            from_der("KERB-AD-RESTRICTION-ENTRY", octets).ok()?;
        let entry = entries.iter().find(|entry| entry.restriction_type == 0)?;
        let (flags, rest) = entry.restriction.as_bytes().split_first_chunk()?;
        let (token_il, rest) = rest.split_first_chunk()?;
        Some(Self {
            flags: u32::from_le_bytes(*flags),
            token_il: u32::from_le_bytes(*token_il),
            machine_id: *rest.first_chunk()?,
        })
    }
}

/// The target's name, UTF-16 with the low octet first.
pub(super) fn client_target(octets: &[u8]) -> Option<String> {
    let (units, []) = octets.as_chunks::<2>() else {
        return None;
    };
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16(&units).ok()
}
