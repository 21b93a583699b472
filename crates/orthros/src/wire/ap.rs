//! The AP exchange (RFC 4120 §5.5).

use der::Sequence;

use super::authdata::AuthorizationData;
use super::names::{KerberosString, PrincipalName};
use super::numbers::ApOptions;
use super::primitive::{Microseconds, Raw, UInt32};
use super::sealed::{Checksum, EncryptedData, EncryptionKey};
use crate::time::KerberosTime;

/// ```text
/// AP-REQ          ::= [APPLICATION 14] SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (14),
///         ap-options      [2] APOptions,
///         ticket          [3] Ticket,
///         authenticator   [4] EncryptedData -- Authenticator
/// }
/// ```
///
/// The ticket is copied as the KDC sent it, never re-encoded (AP-01).
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct ApReq<'a> {
    #[asn1(context_specific = "0")]
    pub pvno: i32,
    #[asn1(context_specific = "1")]
    pub msg_type: i32,
    #[asn1(context_specific = "2")]
    pub ap_options: ApOptions,
    #[asn1(context_specific = "3")]
    pub ticket: Raw<'a>,
    #[asn1(context_specific = "4")]
    pub authenticator: EncryptedData<'a>,
}
application!(14, ApReq, "AP-REQ", direct);

/// ```text
/// -- Unencrypted authenticator
/// Authenticator   ::= [APPLICATION 2] SEQUENCE  {
///         authenticator-vno       [0] INTEGER (5),
///         crealm                  [1] Realm,
///         cname                   [2] PrincipalName,
///         cksum                   [3] Checksum OPTIONAL,
///         cusec                   [4] Microseconds,
///         ctime                   [5] KerberosTime,
///         subkey                  [6] EncryptionKey OPTIONAL,
///         seq-number              [7] UInt32 OPTIONAL,
///         authorization-data      [8] AuthorizationData OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct Authenticator<'a> {
    #[asn1(context_specific = "0")]
    pub authenticator_vno: i32,
    #[asn1(context_specific = "1")]
    pub crealm: KerberosString<'a>,
    #[asn1(context_specific = "2")]
    pub cname: PrincipalName<'a>,
    #[asn1(context_specific = "3", optional = "true")]
    pub cksum: Option<Checksum<'a>>,
    #[asn1(context_specific = "4")]
    pub cusec: Microseconds,
    #[asn1(context_specific = "5")]
    pub ctime: KerberosTime,
    #[asn1(context_specific = "6", optional = "true")]
    pub subkey: Option<EncryptionKey<'a>>,
    #[asn1(context_specific = "7", optional = "true")]
    pub seq_number: Option<UInt32>,
    #[asn1(context_specific = "8", optional = "true")]
    pub authorization_data: Option<AuthorizationData<'a>>,
}
application!(2, Authenticator, "Authenticator", direct);

/// ```text
/// AP-REP          ::= [APPLICATION 15] SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (15),
///         enc-part        [2] EncryptedData -- EncAPRepPart
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct ApRep<'a> {
    #[asn1(context_specific = "0")]
    pub pvno: i32,
    #[asn1(context_specific = "1")]
    pub msg_type: i32,
    #[asn1(context_specific = "2")]
    pub enc_part: EncryptedData<'a>,
}
application!(15, ApRep, "AP-REP", direct);

/// ```text
/// EncAPRepPart    ::= [APPLICATION 27] SEQUENCE {
///         ctime           [0] KerberosTime,
///         cusec           [1] Microseconds,
///         subkey          [2] EncryptionKey OPTIONAL,
///         seq-number      [3] UInt32 OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct EncApRepPart<'a> {
    #[asn1(context_specific = "0")]
    pub ctime: KerberosTime,
    #[asn1(context_specific = "1")]
    pub cusec: Microseconds,
    #[asn1(context_specific = "2", optional = "true")]
    pub subkey: Option<EncryptionKey<'a>>,
    #[asn1(context_specific = "3", optional = "true")]
    pub seq_number: Option<UInt32>,
}
application!(27, EncApRepPart, "EncAPRepPart", direct);
