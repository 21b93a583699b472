//! Pre-authentication data (RFC 4120 §5.2.7).

use der::Sequence;

use super::names::KerberosString;
use super::numbers::PaDataType;
use super::primitive::{Microseconds, OctetString};
use crate::time::KerberosTime;

/// ```text
/// PA-DATA         ::= SEQUENCE {
///         -- NOTE: first tag is [1], not [0]
///         padata-type     [1] Int32,
///         padata-value    [2] OCTET STRING -- might be encoded AP-REQ
/// }
/// ```
///
/// `METHOD-DATA ::= SEQUENCE OF PA-DATA`
#[derive(Clone, Copy, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct PaData<'a> {
    #[asn1(context_specific = "1")]
    pub padata_type: PaDataType,
    #[asn1(context_specific = "2")]
    pub padata_value: OctetString<'a>,
}

/// ```text
/// PA-ENC-TS-ENC           ::= SEQUENCE {
///         patimestamp     [0] KerberosTime -- client's time --,
///         pausec          [1] Microseconds OPTIONAL
/// }
/// ```
#[derive(Clone, Copy, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct PaEncTsEnc {
    #[asn1(context_specific = "0")]
    pub patimestamp: KerberosTime,
    #[asn1(context_specific = "1", optional = "true")]
    pub pausec: Option<Microseconds>,
}

/// ```text
/// ETYPE-INFO-ENTRY        ::= SEQUENCE {
///         etype           [0] Int32,
///         salt            [1] OCTET STRING OPTIONAL
/// }
/// ```
#[derive(Clone, Copy, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct EtypeInfoEntry<'a> {
    #[asn1(context_specific = "0")]
    pub etype: i32,
    #[asn1(context_specific = "1", optional = "true")]
    pub salt: Option<OctetString<'a>>,
}

/// ```text
/// ETYPE-INFO2-ENTRY       ::= SEQUENCE {
///         etype           [0] Int32,
///         salt            [1] KerberosString OPTIONAL,
///         s2kparams       [2] OCTET STRING OPTIONAL
/// }
/// ```
///
/// An absent salt is the default salt, a present empty one is empty (MSG-18).
#[derive(Clone, Copy, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct EtypeInfo2Entry<'a> {
    #[asn1(context_specific = "0")]
    pub etype: i32,
    #[asn1(context_specific = "1", optional = "true")]
    pub salt: Option<KerberosString<'a>>,
    #[asn1(context_specific = "2", optional = "true")]
    pub s2kparams: Option<OctetString<'a>>,
}

/// ```text
/// KERB-PA-PAC-REQUEST ::= SEQUENCE {
///         include-pac     [0] BOOLEAN -- MS-KILE 2.2.3
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct PaPacRequest {
    #[asn1(context_specific = "0")]
    pub include_pac: bool,
}
