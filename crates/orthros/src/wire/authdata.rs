//! Authorization data (RFC 4120 §5.2.6, RFC 7751).

use der::Sequence;

use super::direct;
use super::names::{KerberosString, PrincipalName};
use super::numbers::AdType;
use super::primitive::{Malformed, OctetString, Raw, UInt32, from_der};
use super::sealed::Checksum;

/// ```text
/// -- NOTE: AuthorizationData is always used as an OPTIONAL field and
/// -- should not be empty.
/// AuthorizationData       ::= SEQUENCE OF SEQUENCE {
///         ad-type         [0] Int32,
///         ad-data         [1] OCTET STRING
/// }
/// ```
///
/// AD-IF-RELEVANT (1) and AD-MANDATORY-FOR-KDC (8) hold an AuthorizationData in their `ad-data`.
pub type AuthorizationData<'a> = Vec<AuthorizationDataElement<'a>>;

/// Decodes an [`AuthorizationData`] from the octets of an element that holds one.
pub fn authorization_data(octets: &[u8]) -> Result<AuthorizationData<'_>, Malformed> {
    match direct::read_list(octets) {
        Some(elements) => Ok(elements),
        None => from_der("AuthorizationData", octets),
    }
}

/// One element of [`AuthorizationData`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 of AuthorizationData")]
pub struct AuthorizationDataElement<'a> {
    #[asn1(context_specific = "0")]
    pub ad_type: AdType,
    #[asn1(context_specific = "1")]
    pub ad_data: OctetString<'a>,
}

/// ```text
/// AD-KDCIssued            ::= SEQUENCE {
///         ad-checksum     [0] Checksum,
///         i-realm         [1] Realm OPTIONAL,
///         i-sname         [2] PrincipalName OPTIONAL,
///         elements        [3] AuthorizationData
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct AdKdcIssued<'a> {
    #[asn1(context_specific = "0")]
    pub ad_checksum: Checksum<'a>,
    #[asn1(context_specific = "1", optional = "true")]
    pub i_realm: Option<KerberosString<'a>>,
    #[asn1(context_specific = "2", optional = "true")]
    pub i_sname: Option<PrincipalName<'a>>,
    #[asn1(context_specific = "3")]
    pub elements: Raw<'a>,
}

/// ```text
/// AD-AND-OR               ::= SEQUENCE {
///         condition-count [0] Int32,
///         elements        [1] AuthorizationData
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct AdAndOr<'a> {
    #[asn1(context_specific = "0")]
    pub condition_count: i32,
    #[asn1(context_specific = "1")]
    pub elements: Raw<'a>,
}

/// ```text
/// AD-CAMMAC                   ::= SEQUENCE {
///     elements          [0] AuthorizationData,
///     kdc-verifier      [1] Verifier-MAC OPTIONAL,
///     svc-verifier      [2] Verifier-MAC OPTIONAL,
///     other-verifiers   [3] SEQUENCE (SIZE (1..MAX)) OF Verifier OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct AdCammac<'a> {
    #[asn1(context_specific = "0")]
    pub elements: Raw<'a>,
    #[asn1(context_specific = "1", optional = "true")]
    pub kdc_verifier: Option<VerifierMac<'a>>,
    #[asn1(context_specific = "2", optional = "true")]
    pub svc_verifier: Option<VerifierMac<'a>>,
    #[asn1(context_specific = "3", optional = "true")]
    pub other_verifiers: Option<Vec<Raw<'a>>>,
}

/// ```text
/// Verifier-MAC         ::= SEQUENCE {
///     identifier       [0] PrincipalName OPTIONAL,
///     kvno             [1] UInt32 OPTIONAL,
///     enctype          [2] Int32 OPTIONAL,
///     mac              [3] Checksum
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct VerifierMac<'a> {
    #[asn1(context_specific = "0", optional = "true")]
    pub identifier: Option<PrincipalName<'a>>,
    #[asn1(context_specific = "1", optional = "true")]
    pub kvno: Option<UInt32>,
    #[asn1(context_specific = "2", optional = "true")]
    pub enctype: Option<i32>,
    #[asn1(context_specific = "3")]
    pub mac: Checksum<'a>,
}
