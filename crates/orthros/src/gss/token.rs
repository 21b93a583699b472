//! The framing of context tokens (RFC 4121 §4.1, RFC 2743 §3.1).
//!
//! ```text
//! 60 len  06 09 2A 86 48 86 F7 12 01 02 02  TOK_ID  Kerberos message
//!         |<- 1.2.840.113554.1.2.2 ------>|
//! ```
//!
//! Per-message tokens have no framing, but those of RFC 1964 have.

use std::fmt;

use crate::error::{Error, Rejection};
use crate::wire::Malformed;

/// The mechanism's OID, 1.2.840.113554.1.2.2, as DER with tag and length.
pub const KRB5_OID: [u8; 11] = [
    0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02,
];

/// 1.2.840.48018.1.2.2, by which Windows once named the mechanism; only SPNEGO may meet it
/// (GSS-04).
pub const MICROSOFT_OID: [u8; 11] = [
    0x06, 0x09, 0x2A, 0x86, 0x48, 0x82, 0xF7, 0x12, 0x01, 0x02, 0x02,
];

/// 1.2.840.113554.1.2.2.3, Kerberos user-to-user, of which the first two tokens bring the acceptor's
/// TGT.
pub const USER_TO_USER_OID: [u8; 12] = [
    0x06, 0x0A, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02, 0x03,
];

const WHAT: &str = "GSS token";

/// TOK_ID, the two octets that say what follows (GSS-02).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId(pub u16);

impl TokenId {
    /// An AP-REQ.
    pub const AP_REQ: Self = Self(0x0100);
    /// An AP-REP.
    pub const AP_REP: Self = Self(0x0200);
    /// A KRB-ERROR.
    pub const KRB_ERROR: Self = Self(0x0300);
    /// A MIC token.
    pub const MIC: Self = Self(0x0404);
    /// A Wrap token.
    pub const WRAP: Self = Self(0x0504);
    /// A MIC token of RFC 1964.
    pub const OLD_MIC: Self = Self(0x0101);
    /// A context deletion token of RFC 1964.
    pub const OLD_DELETE: Self = Self(0x0102);
    /// A Wrap token of RFC 1964.
    pub const OLD_WRAP: Self = Self(0x0201);
    /// An IAKERB message.
    pub const IAKERB: Self = Self(0x0501);
    /// Asks for the acceptor's TGT: user-to-user.
    pub const TGT_REQUEST: Self = Self(0x0400);
    /// The acceptor's TGT.
    pub const TGT_REPLY: Self = Self(0x0401);

    /// What the number stands for.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::AP_REQ => "AP-REQ",
            Self::AP_REP => "AP-REP",
            Self::KRB_ERROR => "KRB-ERROR",
            Self::MIC => "MIC",
            Self::WRAP => "Wrap",
            Self::OLD_MIC => "RFC 1964 MIC",
            Self::OLD_DELETE => "RFC 1964 delete",
            Self::OLD_WRAP => "RFC 1964 Wrap",
            Self::IAKERB => "IAKERB",
            Self::TGT_REQUEST => "KERB-TGT-REQUEST",
            Self::TGT_REPLY => "KERB-TGT-REPLY",
            _ => return None,
        })
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.0.to_be_bytes();
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "TOK_ID {a:02X} {b:02X}"),
        }
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({:#06x})", self.0)
    }
}

/// Frames a Kerberos message (GSS-01).
pub fn frame(id: TokenId, message: &[u8]) -> Vec<u8> {
    frame_as(&KRB5_OID, id, message)
}

/// As [`frame`], for a mechanism by another name.
pub(super) fn frame_as(oid: &[u8], id: TokenId, message: &[u8]) -> Vec<u8> {
    let mut token = Vec::with_capacity(oid.len() + 12 + message.len());
    put_head(oid, id, message.len(), &mut token);
    token.extend_from_slice(message);
    token
}

/// What precedes a message of `len` octets.
pub(super) fn put_head(oid: &[u8], id: TokenId, len: usize, out: &mut Vec<u8>) {
    out.push(0x60);
    put_length(oid.len() + 2 + len, out);
    out.extend_from_slice(oid);
    out.extend_from_slice(&id.0.to_be_bytes());
}

fn put_length(len: usize, out: &mut Vec<u8>) {
    if len < 0x80 {
        out.push(len as u8);
    } else {
        let octets = len.to_be_bytes();
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        out.push(0x80 | (octets.len() - zeros) as u8);
        out.extend(octets.iter().skip(zeros));
    }
}

/// Takes the framing off: what follows TOK_ID, to the last octet (GSS-01, GSS-04).
///
/// Another mechanism is [`Rejection::Mechanism`]; octets too many or too few, and lengths that are
/// not minimal, are [`Malformed`] (security case 34).
pub fn unframe(token: &[u8]) -> Result<(TokenId, &[u8]), Error> {
    let (_, id, message) = unframe_of(token, &[&KRB5_OID])?;
    Ok((id, message))
}

/// As [`unframe`], for a token that came inside SPNEGO: there the mechanism has two names
/// (GSS-04).
pub fn unframe_in_spnego(token: &[u8]) -> Result<(TokenId, &[u8]), Error> {
    let (_, id, message) = unframe_of(token, &[&KRB5_OID, &MICROSOFT_OID])?;
    Ok((id, message))
}

/// Takes the framing of one of these mechanisms off, and says which it is.
pub(super) fn unframe_of<'t>(
    token: &'t [u8],
    mechanisms: &[&'static [u8]],
) -> Result<(&'static [u8], TokenId, &'t [u8]), Error> {
    let at = |rest: &[u8]| token.len() - rest.len();
    let damaged = |rest: &[u8], why: &str| Malformed::new(WHAT, at(rest), why);
    let Some((0x60, rest)) = split_octet(token) else {
        return Err(damaged(token, "it does not start with 60").into());
    };
    let (len, inner) =
        take_length(rest).ok_or_else(|| damaged(rest, "no definite minimal length"))?;
    if len != inner.len() {
        let why = format!("the length is {len}, and {} octets follow", inner.len());
        return Err(damaged(inner, &why).into());
    }
    let Some((0x06, rest)) = split_octet(inner) else {
        return Err(damaged(inner, "no mechanism").into());
    };
    let (len, rest) =
        take_length(rest).ok_or_else(|| damaged(rest, "no definite minimal length"))?;
    let Some((oid, rest)) = rest.split_at_checked(len).filter(|_| len > 0) else {
        return Err(damaged(rest, "the mechanism's OID is longer than the token").into());
    };
    let element = inner.len() - rest.len();
    let found = inner.get(..element);
    let mut mechanisms = mechanisms.iter();
    let Some(mechanism) = mechanisms.find(|known| found == Some(**known)) else {
        return Err(Rejection::Mechanism { oid: dotted(oid) }.into());
    };
    match rest.split_first_chunk::<2>() {
        Some((id, message)) => Ok((*mechanism, TokenId(u16::from_be_bytes(*id)), message)),
        None => Err(damaged(rest, "no TOK_ID").into()),
    }
}

fn split_octet(octets: &[u8]) -> Option<(u8, &[u8])> {
    octets.split_first().map(|(first, rest)| (*first, rest))
}

/// A definite length in the fewest octets (X.690 §10.1), and what follows it.
fn take_length(octets: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = split_octet(octets)?;
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
    // Four octets hold every length of a token that fits in memory of 32 bits.
    if digits.is_empty() || digits.len() > 4 || digits.first() == Some(&0) {
        return None;
    }
    let len = digits
        .iter()
        .fold(0u64, |len, digit| len << 8 | u64::from(*digit));
    if len < 0x80 {
        return None;
    }
    Some((usize::try_from(len).ok()?, rest))
}

/// An OID's contents as people write it.
fn dotted(oid: &[u8]) -> String {
    let mut text = String::new();
    let mut number = 0u64;
    for octet in oid.iter().take(64) {
        number = number.wrapping_shl(7) | u64::from(octet & 0x7F);
        if octet & 0x80 == 0 {
            if text.is_empty() {
                let first = (number / 40).min(2);
                text = format!("{first}.{}", number - 40 * first);
            } else {
                text.push_str(&format!(".{number}"));
            }
            number = 0;
        }
    }
    text
}
