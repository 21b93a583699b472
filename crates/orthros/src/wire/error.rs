//! KRB-ERROR (RFC 4120 §5.9).

use der::Sequence;

use super::names::{KerberosString, PrincipalName};
use super::numbers::ErrorCode;
use super::primitive::{Microseconds, OctetString};
use crate::time::KerberosTime;

/// ```text
/// KRB-ERROR       ::= [APPLICATION 30] SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (30),
///         ctime           [2] KerberosTime OPTIONAL,
///         cusec           [3] Microseconds OPTIONAL,
///         stime           [4] KerberosTime,
///         susec           [5] Microseconds,
///         error-code      [6] Int32,
///         crealm          [7] Realm OPTIONAL,
///         cname           [8] PrincipalName OPTIONAL,
///         realm           [9] Realm -- service realm --,
///         sname           [10] PrincipalName -- service name --,
///         e-text          [11] KerberosString OPTIONAL,
///         e-data          [12] OCTET STRING OPTIONAL
/// }
/// ```
///
/// Nothing protects it: it never changes a clock nor weakens a retry by itself (AP-76).
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KrbError<'a> {
    #[asn1(context_specific = "0")]
    pub pvno: i32,
    #[asn1(context_specific = "1")]
    pub msg_type: i32,
    #[asn1(context_specific = "2", optional = "true")]
    pub ctime: Option<KerberosTime>,
    #[asn1(context_specific = "3", optional = "true")]
    pub cusec: Option<Microseconds>,
    #[asn1(context_specific = "4")]
    pub stime: KerberosTime,
    #[asn1(context_specific = "5")]
    pub susec: Microseconds,
    #[asn1(context_specific = "6")]
    pub error_code: ErrorCode,
    #[asn1(context_specific = "7", optional = "true")]
    pub crealm: Option<KerberosString<'a>>,
    #[asn1(context_specific = "8", optional = "true")]
    pub cname: Option<PrincipalName<'a>>,
    #[asn1(context_specific = "9")]
    pub realm: KerberosString<'a>,
    #[asn1(context_specific = "10")]
    pub sname: PrincipalName<'a>,
    #[asn1(context_specific = "11", optional = "true")]
    pub e_text: Option<KerberosString<'a>>,
    #[asn1(context_specific = "12", optional = "true")]
    pub e_data: Option<OctetString<'a>>,
}
application!(30, KrbError);

/// ```text
/// TYPED-DATA      ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE {
///         data-type       [0] Int32,
///         data-value      [1] OCTET STRING OPTIONAL
/// }
/// ```
#[derive(Clone, Copy, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct TypedData<'a> {
    #[asn1(context_specific = "0")]
    pub data_type: i32,
    #[asn1(context_specific = "1", optional = "true")]
    pub data_value: Option<OctetString<'a>>,
}

/// ```text
/// KERB-ERROR-DATA ::= SEQUENCE { -- MS-KILE 2.2.2; first tag is [1]
///         data-type       [1] INTEGER,
///         data-value      [2] OCTET STRING OPTIONAL
/// }
/// ```
#[derive(Clone, Copy, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KerbErrorData<'a> {
    #[asn1(context_specific = "1")]
    pub data_type: i32,
    #[asn1(context_specific = "2", optional = "true")]
    pub data_value: Option<OctetString<'a>>,
}
