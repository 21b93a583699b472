//! The types of RFC 4120 §5.2 that ASN.1 does not have, and the entrance to every decoder.

use std::fmt;

use der::{
    Decode, DecodeValue, Encode, EncodeValue, ErrorKind, FixedTag, Header, Length, Reader, Result,
    SliceReader, SliceWriter, Tag, TagNumber, Tagged, Writer,
};

use crate::time::{self, KerberosTime};

/// Octets that are not the message they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The type that was expected, in the standard's spelling or near it.
    pub what: &'static str,
    /// The offset of the octet at which the form broke.
    pub at: usize,
    /// What was wrong there.
    pub why: String,
}

impl Malformed {
    /// `what` is broken at offset `at` because of `why`.
    pub fn new(what: &'static str, at: usize, why: impl Into<String>) -> Self {
        Self {
            what,
            at,
            why: why.into(),
        }
    }

    pub(crate) fn from_der(what: &'static str, error: &der::Error) -> Self {
        let at = error
            .position()
            .and_then(|p| usize::try_from(p).ok())
            .unwrap_or(0);
        Self {
            what,
            at,
            why: error.kind().to_string(),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a {}: {} (octet {})", self.what, self.why, self.at)
    }
}

impl std::error::Error for Malformed {}

/// A type with an APPLICATION tag: what travels by itself, or inside a cipher text.
pub trait Message<'a>:
    Sized + DecodeValue<'a, Error = der::Error> + EncodeValue + FixedTag
{
    /// The APPLICATION tag, which is also the msg-type of messages that have one.
    const APPLICATION: u8;
    /// The name of the type.
    const NAME: &'static str;

    /// Decodes exactly one element; octets behind it are an error (MSG-04).
    fn from_bytes(octets: &'a [u8]) -> std::result::Result<Self, Malformed> {
        match Self::read_direct(octets) {
            Some(message) => Ok(message),
            None => Self::from_bytes_tagged(octets, Self::APPLICATION),
        }
    }

    /// As [`Message::from_bytes`], under another APPLICATION tag (MSG-16 needs it).
    fn from_bytes_tagged(octets: &'a [u8], number: u8) -> std::result::Result<Self, Malformed> {
        check_shape(Self::NAME, octets)?;
        decode_application(octets, number).map_err(|e| Malformed::from_der(Self::NAME, &e))
    }

    /// The DER encoding.
    ///
    /// Fails only if the encoding would be longer than 4 GiB or a time lies outside of what a
    /// KerberosTime can name.
    fn to_bytes(&self) -> std::result::Result<Vec<u8>, Malformed> {
        match self.write_direct() {
            Some(octets) => Ok(octets),
            None => self.to_bytes_tagged(Self::APPLICATION),
        }
    }

    /// The message, if it is of the plain form of its type; `None` says nothing against it.
    #[doc(hidden)]
    fn read_direct(_: &'a [u8]) -> Option<Self> {
        None
    }

    /// The encoding, if there is a short way to it.
    #[doc(hidden)]
    fn write_direct(&self) -> Option<Vec<u8>> {
        None
    }

    /// As [`Message::to_bytes`], under another APPLICATION tag.
    fn to_bytes_tagged(&self, number: u8) -> std::result::Result<Vec<u8>, Malformed> {
        encode_application(self, number).map_err(|e| Malformed::from_der(Self::NAME, &e))
    }
}

fn decode_application<'a, T>(octets: &'a [u8], number: u8) -> Result<T>
where
    T: DecodeValue<'a, Error = der::Error> + FixedTag,
{
    let mut reader = SliceReader::new(octets)?;
    let header = Header::decode(&mut reader)?;
    let expected = Tag::Application {
        constructed: true,
        number: TagNumber(u32::from(number)),
    };
    if header.tag() != expected {
        return Err(reader.error(ErrorKind::TagUnexpected {
            expected: Some(expected),
            actual: header.tag(),
        }));
    }
    let value = reader.read_nested(header.length(), |reader| {
        let inner = Header::decode(reader)?;
        inner.tag().assert_eq(T::TAG)?;
        reader.read_nested(inner.length(), |reader| T::decode_value(reader, inner))
    })?;
    reader.finish()?;
    Ok(value)
}

fn encode_application<T: EncodeValue + FixedTag>(value: &T, number: u8) -> Result<Vec<u8>> {
    let inner = Header::new(T::TAG, value.value_len()?);
    let body = (inner.encoded_len()? + inner.length())?;
    let tag = Tag::Application {
        constructed: true,
        number: TagNumber(u32::from(number)),
    };
    let outer = Header::new(tag, body);
    let total = (outer.encoded_len()? + body)?;
    let mut out = vec![0; usize::try_from(total)?];
    let mut writer = SliceWriter::new(&mut out);
    outer.encode(&mut writer)?;
    inner.encode(&mut writer)?;
    value.encode_value(&mut writer)?;
    writer.finish()?;
    Ok(out)
}

/// Decodes a type without APPLICATION tag (AuthorizationData, METHOD-DATA, PA-ENC-TS-ENC ...).
pub fn from_der<'a, T: Decode<'a, Error = der::Error>>(
    what: &'static str,
    octets: &'a [u8],
) -> std::result::Result<T, Malformed> {
    check_shape(what, octets)?;
    T::from_der(octets).map_err(|e| Malformed::from_der(what, &e))
}

/// Encodes a type without APPLICATION tag.
pub fn to_der<T: Encode>(what: &'static str, value: &T) -> std::result::Result<Vec<u8>, Malformed> {
    value.to_der().map_err(|e| Malformed::from_der(what, &e))
}

/// The most elements that one SEQUENCE or SEQUENCE OF may have (MSG-24). An element of two octets
/// decodes into a value many times as large; no honest message comes near.
pub const MAX_ELEMENTS: usize = 1024;

/// The deepest nesting of elements (MSG-24). A ticket's name inside the body of a TGS-REQ is the
/// deepest of RFC 4120, 13 levels.
pub const MAX_DEPTH: usize = 32;

/// Counts elements and nesting before anything is decoded (MSG-24, security cases 109, 110).
///
/// What is not DER is left to the decoder, which says better what is wrong.
fn check_shape(what: &'static str, octets: &[u8]) -> std::result::Result<(), Malformed> {
    /// `inside` begins `at` octets into the message.
    fn walk(
        inside: &[u8],
        at: usize,
        depth: usize,
    ) -> std::result::Result<(), (usize, &'static str)> {
        if depth > MAX_DEPTH {
            return Err((at, "nested too deeply"));
        }
        let mut rest = inside;
        let mut count = 0;
        while let Some((constructed, contents, after)) = split_element(rest) {
            let here = at + (inside.len() - rest.len());
            count += 1;
            if count > MAX_ELEMENTS {
                return Err((here, "too many elements"));
            }
            // With two octets for an element, fewer break neither bound.
            if constructed && contents.len() >= 2 * (MAX_DEPTH - depth) {
                let header = rest.len() - after.len() - contents.len();
                walk(contents, here + header, depth + 1)?;
            }
            rest = after;
        }
        Ok(())
    }
    walk(octets, 0, 0).map_err(|(at, why)| Malformed::new(what, at, why))
}

/// Whether the first element is constructed, its contents, and what follows it; `None` if there
/// is none or it is none of ours (a tag of several octets, a length that is not there).
fn split_element(octets: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0u64, |sum, digit| sum << 8 | u64::from(*digit));
        (usize::try_from(length).ok()?, rest)
    };
    let (contents, after) = rest.split_at_checked(length)?;
    Some((tag & 0x20 != 0, contents, after))
}

/// The APPLICATION number of the first octet, to tell messages apart before decoding (MSG-03).
///
/// Numbers above 30 need a second octet, which no Kerberos message has: `None`.
pub fn application_number(octets: &[u8]) -> Option<u8> {
    match octets.first() {
        Some(octet) if octet & 0xE0 == 0x60 && octet & 0x1F != 0x1F => Some(octet & 0x1F),
        _ => None,
    }
}

/// One element as it arrived: tag, length and contents, never re-encoded (AP-01, MSG-21).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a> {
    tag: Tag,
    value_at: usize,
    octets: &'a [u8],
}

impl<'a> Raw<'a> {
    /// Exactly one element.
    pub fn new(octets: &'a [u8]) -> std::result::Result<Self, Malformed> {
        let parse = || {
            let mut reader = SliceReader::new(octets)?;
            let raw = Self::decode(&mut reader)?;
            reader.finish()?;
            Ok(raw)
        };
        parse().map_err(|e: der::Error| Malformed::from_der("DER element", &e))
    }

    /// A ticket with that many octets of contents.
    pub(super) fn ticket(octets: &'a [u8], contents: usize) -> Self {
        let tag = Tag::Application {
            constructed: true,
            number: TagNumber(1),
        };
        Self {
            tag,
            value_at: octets.len().saturating_sub(contents),
            octets,
        }
    }

    /// The whole element, as it arrived.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.octets
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({}, {} octets)", self.tag, self.octets.len())
    }
}

impl<'a> Decode<'a> for Raw<'a> {
    type Error = der::Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> Result<Self> {
        let header = Header::peek(reader)?;
        let octets = reader.tlv_bytes()?;
        let value_at = octets
            .len()
            .saturating_sub(usize::try_from(header.length())?);
        Ok(Self {
            tag: header.tag(),
            value_at,
            octets,
        })
    }
}

impl Tagged for Raw<'_> {
    fn tag(&self) -> Tag {
        self.tag
    }
}

impl EncodeValue for Raw<'_> {
    fn value_len(&self) -> Result<Length> {
        Length::try_from(self.octets.len().saturating_sub(self.value_at))
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<()> {
        writer.write(self.octets.get(self.value_at..).unwrap_or_default())
    }
}

/// OCTET STRING, borrowed.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct OctetString<'a>(pub &'a [u8]);

impl<'a> OctetString<'a> {
    /// The contents.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for OctetString<'_> {
    /// The length only: many octet strings are cipher texts, some are keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OctetString({} octets)", self.0.len())
    }
}

impl FixedTag for OctetString<'_> {
    const TAG: Tag = Tag::OctetString;
}

impl<'a> DecodeValue<'a> for OctetString<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> Result<Self> {
        Ok(Self(reader.read_slice(header.length())?))
    }
}

impl EncodeValue for OctetString<'_> {
    fn value_len(&self) -> Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<()> {
        writer.write(self.0)
    }
}

/// `UInt32 ::= INTEGER (0..4294967295)`: nonce, kvno, seq-number.
///
/// A negative number is accepted as the one with the same 32-bit pattern (MSG-11, AP-59).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UInt32(pub u32);

impl FixedTag for UInt32 {
    const TAG: Tag = Tag::Integer;
}

impl<'a> DecodeValue<'a> for UInt32 {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> Result<Self> {
        let wide = i64::decode_value(reader, header)?;
        if let Ok(number) = u32::try_from(wide) {
            Ok(Self(number))
        } else if let Ok(number) = i32::try_from(wide) {
            Ok(Self(number as u32))
        } else {
            Err(reader.error(Tag::Integer.value_error()))
        }
    }
}

impl EncodeValue for UInt32 {
    fn value_len(&self) -> Result<Length> {
        self.0.value_len()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<()> {
        self.0.encode_value(writer)
    }
}

/// `Microseconds ::= INTEGER (0..999999)` (MSG-09).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Microseconds(u32);

impl Microseconds {
    /// `None` above 999 999.
    pub const fn new(micros: u32) -> Option<Self> {
        if micros <= 999_999 {
            Some(Self(micros))
        } else {
            None
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl From<crate::time::Timestamp> for Microseconds {
    fn from(moment: crate::time::Timestamp) -> Self {
        Self(moment.cusec())
    }
}

impl FixedTag for Microseconds {
    const TAG: Tag = Tag::Integer;
}

impl<'a> DecodeValue<'a> for Microseconds {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> Result<Self> {
        let number = u32::decode_value(reader, header)?;
        Self::new(number).ok_or_else(|| reader.error(Tag::Integer.value_error()))
    }
}

impl EncodeValue for Microseconds {
    fn value_len(&self) -> Result<Length> {
        self.0.value_len()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<()> {
        self.0.encode_value(writer)
    }
}

/// Fifteen octets `YYYYMMDDHHMMSSZ`, no fraction, no offset, a day of the calendar (MSG-08).
impl FixedTag for KerberosTime {
    const TAG: Tag = Tag::GeneralizedTime;
}

impl<'a> DecodeValue<'a> for KerberosTime {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> Result<Self> {
        let octets = reader.read_slice(header.length())?;
        parse_time(octets).ok_or_else(|| reader.error(ErrorKind::DateTime))
    }
}

pub(super) fn parse_time(octets: &[u8]) -> Option<KerberosTime> {
    let octets: &[u8; 15] = octets.try_into().ok()?;
    let (digits, b"Z") = octets.split_at_checked(14)? else {
        return None;
    };
    let number = |from: usize, to: usize| {
        digits.get(from..to)?.iter().try_fold(0u32, |sum, octet| {
            octet
                .is_ascii_digit()
                .then(|| sum * 10 + u32::from(octet - b'0'))
        })
    };
    let year = i64::from(number(0, 4)?);
    let (month, day) = (number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    let valid = year >= 1970
        && (1..=12).contains(&month)
        && (1..=time::days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    valid.then(|| KerberosTime::from_secs(time::seconds(year, month, day, hour, minute, second)))
}

impl EncodeValue for KerberosTime {
    fn value_len(&self) -> Result<Length> {
        Ok(Length::new(15))
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<()> {
        writer.write(&format_time(*self))
    }
}

pub(super) fn format_time(time: KerberosTime) -> [u8; 15] {
    let (year, month, day, hour, minute, second) = time::civil(time.as_secs());
    // A KerberosTime is between 1970 and 9999.
    let year = year as u32;
    let mut out = [b'Z'; 15];
    let fields = [
        (year / 100, 0),
        (year % 100, 2),
        (month, 4),
        (day, 6),
        (hour, 8),
        (minute, 10),
        (second, 12),
    ];
    for (number, at) in fields {
        if let Some([tens, ones]) = out.get_mut(at..at + 2) {
            *tens = b'0' + (number / 10 % 10) as u8;
            *ones = b'0' + (number % 10) as u8;
        }
    }
    out
}

/// A BIT STRING as 32 flags.
pub(super) fn decode_flags<'a, R: Reader<'a>>(reader: &mut R, header: Header) -> Result<u32> {
    let contents = reader.read_slice(header.length())?;
    flags_of(contents).ok_or_else(|| reader.error(Tag::BitString.value_error()))
}

/// The contents of a BIT STRING as 32 flags: fewer are zero-extended, of more the first 32 are
/// kept (MSG-07). `None` if they are none.
pub(super) fn flags_of(contents: &[u8]) -> Option<u32> {
    let (unused, octets) = contents.split_first()?;
    if *unused > 7 || (*unused > 0 && octets.is_empty()) {
        return None;
    }
    let mut word = [0u8; 4];
    for (to, from) in word.iter_mut().zip(octets) {
        *to = *from;
    }
    // The unused bits of a short string are not flags, whatever they hold.
    let bits = octets
        .len()
        .saturating_mul(8)
        .saturating_sub(usize::from(*unused));
    let flags = u32::from_be_bytes(word);
    Some(if bits >= 32 {
        flags
    } else {
        flags & !(u32::MAX >> bits)
    })
}
