//! KRB-SAFE, KRB-PRIV and KRB-CRED (RFC 4120 §5.6, §5.7, §5.8).

use der::Sequence;

use super::names::{HostAddress, KerberosString, PrincipalName};
use super::numbers::TicketFlags;
use super::primitive::{Microseconds, OctetString, Raw, UInt32};
use super::sealed::{Checksum, EncryptedData, EncryptionKey};
use crate::time::KerberosTime;

/// ```text
/// KRB-SAFE        ::= [APPLICATION 20] SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (20),
///         safe-body       [2] KRB-SAFE-BODY,
///         cksum           [3] Checksum
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KrbSafe<'a> {
    #[asn1(context_specific = "0")]
    pub pvno: i32,
    #[asn1(context_specific = "1")]
    pub msg_type: i32,
    #[asn1(context_specific = "2")]
    pub safe_body: Raw<'a>,
    #[asn1(context_specific = "3")]
    pub cksum: Checksum<'a>,
}
application!(20, KrbSafe, "KRB-SAFE");

/// ```text
/// KRB-SAFE-BODY   ::= SEQUENCE {
///         user-data       [0] OCTET STRING,
///         timestamp       [1] KerberosTime OPTIONAL,
///         usec            [2] Microseconds OPTIONAL,
///         seq-number      [3] UInt32 OPTIONAL,
///         s-address       [4] HostAddress,
///         r-address       [5] HostAddress OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KrbSafeBody<'a> {
    #[asn1(context_specific = "0")]
    pub user_data: OctetString<'a>,
    #[asn1(context_specific = "1", optional = "true")]
    pub timestamp: Option<KerberosTime>,
    #[asn1(context_specific = "2", optional = "true")]
    pub usec: Option<Microseconds>,
    #[asn1(context_specific = "3", optional = "true")]
    pub seq_number: Option<UInt32>,
    #[asn1(context_specific = "4")]
    pub s_address: HostAddress<'a>,
    #[asn1(context_specific = "5", optional = "true")]
    pub r_address: Option<HostAddress<'a>>,
}

/// ```text
/// KRB-PRIV        ::= [APPLICATION 21] SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (21),
///                         -- NOTE: there is no [2] tag
///         enc-part        [3] EncryptedData -- EncKrbPrivPart
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KrbPriv<'a> {
    #[asn1(context_specific = "0")]
    pub pvno: i32,
    #[asn1(context_specific = "1")]
    pub msg_type: i32,
    #[asn1(context_specific = "3")]
    pub enc_part: EncryptedData<'a>,
}
application!(21, KrbPriv, "KRB-PRIV");

/// ```text
/// EncKrbPrivPart  ::= [APPLICATION 28] SEQUENCE {
///         user-data       [0] OCTET STRING,
///         timestamp       [1] KerberosTime OPTIONAL,
///         usec            [2] Microseconds OPTIONAL,
///         seq-number      [3] UInt32 OPTIONAL,
///         s-address       [4] HostAddress -- sender's addr --,
///         r-address       [5] HostAddress OPTIONAL -- recip's addr
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct EncKrbPrivPart<'a> {
    #[asn1(context_specific = "0")]
    pub user_data: OctetString<'a>,
    #[asn1(context_specific = "1", optional = "true")]
    pub timestamp: Option<KerberosTime>,
    #[asn1(context_specific = "2", optional = "true")]
    pub usec: Option<Microseconds>,
    #[asn1(context_specific = "3", optional = "true")]
    pub seq_number: Option<UInt32>,
    #[asn1(context_specific = "4")]
    pub s_address: HostAddress<'a>,
    #[asn1(context_specific = "5", optional = "true")]
    pub r_address: Option<HostAddress<'a>>,
}
application!(28, EncKrbPrivPart, "EncKrbPrivPart");

/// ```text
/// KRB-CRED        ::= [APPLICATION 22] SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (22),
///         tickets         [2] SEQUENCE OF Ticket,
///         enc-part        [3] EncryptedData -- EncKrbCredPart
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KrbCred<'a> {
    #[asn1(context_specific = "0")]
    pub pvno: i32,
    #[asn1(context_specific = "1")]
    pub msg_type: i32,
    #[asn1(context_specific = "2")]
    pub tickets: Vec<Raw<'a>>,
    #[asn1(context_specific = "3")]
    pub enc_part: EncryptedData<'a>,
}
application!(22, KrbCred, "KRB-CRED");

/// ```text
/// EncKrbCredPart  ::= [APPLICATION 29] SEQUENCE {
///         ticket-info     [0] SEQUENCE OF KrbCredInfo,
///         nonce           [1] UInt32 OPTIONAL,
///         timestamp       [2] KerberosTime OPTIONAL,
///         usec            [3] Microseconds OPTIONAL,
///         s-address       [4] HostAddress OPTIONAL,
///         r-address       [5] HostAddress OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct EncKrbCredPart<'a> {
    #[asn1(context_specific = "0")]
    pub ticket_info: Vec<KrbCredInfo<'a>>,
    #[asn1(context_specific = "1", optional = "true")]
    pub nonce: Option<UInt32>,
    #[asn1(context_specific = "2", optional = "true")]
    pub timestamp: Option<KerberosTime>,
    #[asn1(context_specific = "3", optional = "true")]
    pub usec: Option<Microseconds>,
    #[asn1(context_specific = "4", optional = "true")]
    pub s_address: Option<HostAddress<'a>>,
    #[asn1(context_specific = "5", optional = "true")]
    pub r_address: Option<HostAddress<'a>>,
}
application!(29, EncKrbCredPart, "EncKrbCredPart");

/// ```text
/// KrbCredInfo     ::= SEQUENCE {
///         key             [0] EncryptionKey,
///         prealm          [1] Realm OPTIONAL,
///         pname           [2] PrincipalName OPTIONAL,
///         flags           [3] TicketFlags OPTIONAL,
///         authtime        [4] KerberosTime OPTIONAL,
///         starttime       [5] KerberosTime OPTIONAL,
///         endtime         [6] KerberosTime OPTIONAL,
///         renew-till      [7] KerberosTime OPTIONAL,
///         srealm          [8] Realm OPTIONAL,
///         sname           [9] PrincipalName OPTIONAL,
///         caddr           [10] HostAddresses OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KrbCredInfo<'a> {
    #[asn1(context_specific = "0")]
    pub key: EncryptionKey<'a>,
    #[asn1(context_specific = "1", optional = "true")]
    pub prealm: Option<KerberosString<'a>>,
    #[asn1(context_specific = "2", optional = "true")]
    pub pname: Option<PrincipalName<'a>>,
    #[asn1(context_specific = "3", optional = "true")]
    pub flags: Option<TicketFlags>,
    #[asn1(context_specific = "4", optional = "true")]
    pub authtime: Option<KerberosTime>,
    #[asn1(context_specific = "5", optional = "true")]
    pub starttime: Option<KerberosTime>,
    #[asn1(context_specific = "6", optional = "true")]
    pub endtime: Option<KerberosTime>,
    #[asn1(context_specific = "7", optional = "true")]
    pub renew_till: Option<KerberosTime>,
    #[asn1(context_specific = "8", optional = "true")]
    pub srealm: Option<KerberosString<'a>>,
    #[asn1(context_specific = "9", optional = "true")]
    pub sname: Option<PrincipalName<'a>>,
    #[asn1(context_specific = "10", optional = "true")]
    pub caddr: Option<Vec<HostAddress<'a>>>,
}
