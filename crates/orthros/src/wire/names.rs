//! Strings, principal names and host addresses (RFC 4120 §5.2.1, §5.2.2, §5.2.5).

use std::fmt;

use der::{
    DecodeValue, EncodeValue, ErrorKind, FixedTag, Header, Length, Reader, Result, Sequence, Tag,
    Writer,
};

use super::numbers::{AddrType, NameType};
use super::primitive::OctetString;

/// `KerberosString ::= GeneralString (IA5String)`, also `Realm`.
///
/// UTF-8 is accepted and kept as it is; NUL is refused (MSG-12).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KerberosString<'a>(pub &'a str);

impl<'a> KerberosString<'a> {
    /// The text.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for KerberosString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl FixedTag for KerberosString<'_> {
    const TAG: Tag = Tag::GeneralString;
}

impl<'a> DecodeValue<'a> for KerberosString<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> Result<Self> {
        let octets = reader.read_slice(header.length())?;
        match std::str::from_utf8(octets) {
            Ok(text) if !octets.contains(&0) => Ok(Self(text)),
            Ok(_) => Err(reader.error(Tag::GeneralString.value_error())),
            Err(error) => Err(reader.error(ErrorKind::Utf8(error))),
        }
    }
}

impl EncodeValue for KerberosString<'_> {
    fn value_len(&self) -> Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<()> {
        writer.write(self.0.as_bytes())
    }
}

/// The `e-text` of a KRB-ERROR: a KerberosString for people to read, and of which deployed senders
/// send the NUL of C along.
///
/// The rest of the KRB-ERROR counts, so decoding takes what comes before the first NUL and before
/// the first octet that is not UTF-8, and refuses nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorText<'a>(pub &'a str);

impl<'a> ErrorText<'a> {
    /// The text.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for ErrorText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl FixedTag for ErrorText<'_> {
    const TAG: Tag = Tag::GeneralString;
}

impl<'a> DecodeValue<'a> for ErrorText<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> Result<Self> {
        let octets = reader.read_slice(header.length())?;
        let octets = octets.split(|octet| *octet == 0).next().unwrap_or_default();
        let text = octets.utf8_chunks().next().map(|chunk| chunk.valid());
        Ok(Self(text.unwrap_or_default()))
    }
}

impl EncodeValue for ErrorText<'_> {
    fn value_len(&self) -> Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<()> {
        writer.write(self.0.as_bytes())
    }
}

/// ```text
/// PrincipalName ::= SEQUENCE {
///         name-type       [0] Int32,
///         name-string     [1] SEQUENCE OF KerberosString
/// }
/// ```
///
/// Two names are equal if their components are; the type is a hint (MSG-13). This type therefore
/// has no `==`: compare [`Principal`](crate::principal::Principal)s or the components.
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct PrincipalName<'a> {
    #[asn1(context_specific = "0")]
    pub name_type: NameType,
    #[asn1(context_specific = "1")]
    pub name_string: Vec<KerberosString<'a>>,
}

/// ```text
/// HostAddress     ::= SEQUENCE  {
///         addr-type       [0] Int32,
///         address         [1] OCTET STRING
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct HostAddress<'a> {
    #[asn1(context_specific = "0")]
    pub addr_type: AddrType,
    #[asn1(context_specific = "1")]
    pub address: OctetString<'a>,
}
