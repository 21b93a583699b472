//! What cryptography leaves on the wire (RFC 4120 §5.2.9).
//!
//! Encryption and checksum types are plain numbers here; [`crypto`](crate::crypto) gives them
//! meaning.

use std::fmt;

use der::Sequence;

use super::primitive::{OctetString, UInt32};

/// ```text
/// EncryptedData   ::= SEQUENCE {
///         etype   [0] Int32 -- EncryptionType --,
///         kvno    [1] UInt32 OPTIONAL,
///         cipher  [2] OCTET STRING -- ciphertext
/// }
/// ```
///
/// `kvno` is present only where a long-term key encrypts (MSG-22).
#[derive(Clone, Copy, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct EncryptedData<'a> {
    #[asn1(context_specific = "0")]
    pub etype: i32,
    #[asn1(context_specific = "1", optional = "true")]
    pub kvno: Option<UInt32>,
    #[asn1(context_specific = "2")]
    pub cipher: OctetString<'a>,
}

/// ```text
/// EncryptionKey   ::= SEQUENCE {
///         keytype         [0] Int32 -- actually encryption type --,
///         keyvalue        [1] OCTET STRING
/// }
/// ```
#[derive(Clone, Copy, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct EncryptionKey<'a> {
    #[asn1(context_specific = "0")]
    pub keytype: i32,
    #[asn1(context_specific = "1")]
    pub keyvalue: OctetString<'a>,
}

impl fmt::Debug for EncryptionKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "EncryptionKey {{ keytype: {}, keyvalue: hidden }}",
            self.keytype
        )
    }
}

/// ```text
/// Checksum        ::= SEQUENCE {
///         cksumtype       [0] Int32,
///         checksum        [1] OCTET STRING
/// }
/// ```
#[derive(Clone, Copy, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct Checksum<'a> {
    #[asn1(context_specific = "0")]
    pub cksumtype: i32,
    #[asn1(context_specific = "1")]
    pub checksum: OctetString<'a>,
}
