//! Tickets (RFC 4120 §5.3).

use der::Sequence;

use super::authdata::AuthorizationData;
use super::names::{HostAddress, KerberosString, PrincipalName};
use super::numbers::{TicketFlags, TrType};
use super::primitive::OctetString;
use super::sealed::{EncryptedData, EncryptionKey};
use crate::time::KerberosTime;

/// ```text
/// Ticket          ::= [APPLICATION 1] SEQUENCE {
///         tkt-vno         [0] INTEGER (5),
///         realm           [1] Realm,
///         sname           [2] PrincipalName,
///         enc-part        [3] EncryptedData -- EncTicketPart
/// }
/// ```
///
/// `realm` and `sname` are not protected: they say which key to try, nothing more.
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct Ticket<'a> {
    #[asn1(context_specific = "0")]
    pub tkt_vno: i32,
    #[asn1(context_specific = "1")]
    pub realm: KerberosString<'a>,
    #[asn1(context_specific = "2")]
    pub sname: PrincipalName<'a>,
    #[asn1(context_specific = "3")]
    pub enc_part: EncryptedData<'a>,
}
application!(1, Ticket, "Ticket", direct);

/// ```text
/// -- Encrypted part of ticket
/// EncTicketPart   ::= [APPLICATION 3] SEQUENCE {
///         flags                   [0] TicketFlags,
///         key                     [1] EncryptionKey,
///         crealm                  [2] Realm,
///         cname                   [3] PrincipalName,
///         transited               [4] TransitedEncoding,
///         authtime                [5] KerberosTime,
///         starttime               [6] KerberosTime OPTIONAL,
///         endtime                 [7] KerberosTime,
///         renew-till              [8] KerberosTime OPTIONAL,
///         caddr                   [9] HostAddresses OPTIONAL,
///         authorization-data      [10] AuthorizationData OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct EncTicketPart<'a> {
    #[asn1(context_specific = "0")]
    pub flags: TicketFlags,
    #[asn1(context_specific = "1")]
    pub key: EncryptionKey<'a>,
    #[asn1(context_specific = "2")]
    pub crealm: KerberosString<'a>,
    #[asn1(context_specific = "3")]
    pub cname: PrincipalName<'a>,
    #[asn1(context_specific = "4")]
    pub transited: TransitedEncoding<'a>,
    #[asn1(context_specific = "5")]
    pub authtime: KerberosTime,
    #[asn1(context_specific = "6", optional = "true")]
    pub starttime: Option<KerberosTime>,
    #[asn1(context_specific = "7")]
    pub endtime: KerberosTime,
    #[asn1(context_specific = "8", optional = "true")]
    pub renew_till: Option<KerberosTime>,
    #[asn1(context_specific = "9", optional = "true")]
    pub caddr: Option<Vec<HostAddress<'a>>>,
    #[asn1(context_specific = "10", optional = "true")]
    pub authorization_data: Option<AuthorizationData<'a>>,
}
application!(3, EncTicketPart, "EncTicketPart", direct);

/// ```text
/// TransitedEncoding       ::= SEQUENCE {
///         tr-type         [0] Int32 -- must be registered --,
///         contents        [1] OCTET STRING
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct TransitedEncoding<'a> {
    #[asn1(context_specific = "0")]
    pub tr_type: TrType,
    #[asn1(context_specific = "1")]
    pub contents: OctetString<'a>,
}
