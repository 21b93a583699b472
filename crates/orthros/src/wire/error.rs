//! KRB-ERROR (RFC 4120 §5.9).

use der::Sequence;

use super::names::{ErrorText, KerberosString, PrincipalName};
use super::numbers::ErrorCode;
use super::padata::PaData;
use super::primitive::{Microseconds, OctetString, from_der};
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
    pub e_text: Option<ErrorText<'a>>,
    #[asn1(context_specific = "12", optional = "true")]
    pub e_data: Option<OctetString<'a>>,
}
application!(30, KrbError, "KRB-ERROR");

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

impl KerbErrorData<'_> {
    /// KERB_AP_ERR_TYPE_SKEW_RECOVERY: with KRB_AP_ERR_SKEW, and no data-value (AP-77).
    pub const SKEW_RECOVERY: i32 = 2;
}

/// The e-data of a KRB-ERROR (MSG-15).
#[derive(Clone, Debug)]
pub enum ErrorData<'a> {
    /// `METHOD-DATA ::= SEQUENCE OF PA-DATA`: the pre-authentication that the KDC offers.
    MethodData(Vec<PaData<'a>>),
    /// `TYPED-DATA`.
    TypedData(Vec<TypedData<'a>>),
    /// `KERB-ERROR-DATA` of Windows.
    KerbErrorData(KerbErrorData<'a>),
    /// None of these.
    Opaque(&'a [u8]),
}

impl<'a> ErrorData<'a> {
    /// The e-data of PREAUTH_REQUIRED, PREAUTH_FAILED and MORE_PREAUTH_DATA_REQUIRED is
    /// METHOD-DATA; any other is told by its first tag (MSG-15).
    pub fn parse(code: ErrorCode, e_data: &'a [u8]) -> Self {
        Self::by_first_tag(code, e_data).unwrap_or(Self::Opaque(e_data))
    }

    fn by_first_tag(code: ErrorCode, e_data: &'a [u8]) -> Option<Self> {
        let preauthentication = matches!(
            code,
            ErrorCode::KDC_ERR_PREAUTH_REQUIRED
                | ErrorCode::KDC_ERR_PREAUTH_FAILED
                | ErrorCode::KDC_ERR_MORE_PREAUTH_DATA_REQUIRED
        );
        let method_data = || from_der("METHOD-DATA", e_data).map(Self::MethodData).ok();
        match first_tag(e_data)? {
            0xa1 => from_der("KERB-ERROR-DATA", e_data)
                .map(Self::KerbErrorData)
                .ok(),
            _ if preauthentication => method_data(),
            0x30 => {
                method_data().or_else(|| from_der("TYPED-DATA", e_data).map(Self::TypedData).ok())
            }
            _ => None,
        }
    }
}

/// The tag of the first element inside a SEQUENCE.
fn first_tag(sequence: &[u8]) -> Option<u8> {
    let (tag, rest) = sequence.split_first()?;
    let (length, rest) = rest.split_first()?;
    let more = if *length < 0x80 { 0 } else { length & 0x7f };
    (*tag == 0x30).then(|| rest.get(usize::from(more)).copied())?
}
