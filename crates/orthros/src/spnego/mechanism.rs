//! Mechanisms and the list of them (RFC 4178 §4.1).

use std::fmt;

use der::{Decode, Header, Reader, SliceReader, Tag, asn1::ObjectIdentifier};

use crate::cause::mechanism_name;
use crate::gss::token::{KRB5_OID, MICROSOFT_OID};
use crate::wire::Malformed;

/// ```text
/// MechType ::= OBJECT IDENTIFIER
/// ```
///
/// One as it was received, with tag and length.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MechType<'a>(&'a [u8]);

impl<'a> MechType<'a> {
    /// Kerberos, 1.2.840.113554.1.2.2.
    pub const KRB5: MechType<'static> = MechType(&KRB5_OID);
    /// Kerberos, as early Windows spelt it: 1.2.840.48018.1.2.2.
    pub const MICROSOFT: MechType<'static> = MechType(&MICROSOFT_OID);

    pub(super) const fn from_element(element: &'a [u8]) -> Self {
        Self(element)
    }

    /// DER, with tag and length.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Whether it is Kerberos, under either name (NEG-19).
    pub fn is_kerberos(&self) -> bool {
        *self == MechType::KRB5 || *self == MechType::MICROSOFT
    }
}

impl fmt::Display for MechType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let contents = self.0.get(2..).unwrap_or_default();
        let Ok(oid) = ObjectIdentifier::from_bytes(contents) else {
            return write!(f, "an object identifier of {} octets", contents.len());
        };
        let oid = oid.to_string();
        match mechanism_name(&oid) {
            Some(name) => write!(f, "{name} ({oid})"),
            None => f.write_str(&oid),
        }
    }
}

impl fmt::Debug for MechType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// ```text
/// MechTypeList ::= SEQUENCE OF MechType
/// ```
///
/// The list as it was received: a MIC protects these very octets (NEG-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MechTypeList<'a>(&'a [u8]);

impl<'a> MechTypeList<'a> {
    /// The most mechanisms that a list may have. Windows offers four.
    pub const MOST: usize = 64;

    /// A list that is one, and not empty.
    pub fn new(element: &'a [u8]) -> Result<Self, Malformed> {
        let list = Self(element);
        let mut count = 0;
        list.walk(|_| count += 1)
            .map_err(|error| Malformed::new("MechTypeList", 0, error.kind().to_string()))?;
        match count {
            0 => Err(Malformed::new("MechTypeList", 0, "it is empty")),
            1..=Self::MOST => Ok(list),
            _ => Err(Malformed::new("MechTypeList", 0, "too many mechanisms")),
        }
    }

    /// DER, the SEQUENCE itself.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The mechanisms, most wanted first.
    pub fn mechanisms(&self) -> Vec<MechType<'a>> {
        let mut all = Vec::new();
        // It was read once already.
        let _ = self.walk(|mechanism| all.push(mechanism));
        all
    }

    fn walk(&self, mut each: impl FnMut(MechType<'a>)) -> der::Result<()> {
        let mut reader = SliceReader::new(self.0)?;
        let header = Header::decode(&mut reader)?;
        header.tag().assert_eq(Tag::Sequence)?;
        let mut inner = SliceReader::new(reader.read_slice(header.length())?)?;
        reader.finish()?;
        while !inner.is_finished() {
            Header::peek(&inner)?
                .tag()
                .assert_eq(Tag::ObjectIdentifier)?;
            each(MechType(inner.tlv_bytes()?));
        }
        inner.finish()
    }
}
