//! The AS and TGS exchanges (RFC 4120 §5.4).

use der::Sequence;

use super::names::{HostAddress, KerberosString, PrincipalName};
use super::numbers::{KdcOptions, LrType, TicketFlags};
use super::padata::PaData;
use super::primitive::{Malformed, Raw, UInt32, application_number, from_der};
use super::sealed::{EncryptedData, EncryptionKey};
use crate::time::KerberosTime;

/// ```text
/// KDC-REQ         ::= SEQUENCE {
///         -- NOTE: first tag is [1], not [0]
///         pvno            [1] INTEGER (5) ,
///         msg-type        [2] INTEGER (10 -- AS -- | 12 -- TGS --),
///         padata          [3] SEQUENCE OF PA-DATA OPTIONAL
///                             -- NOTE: not empty --,
///         req-body        [4] KDC-REQ-BODY
/// }
/// ```
///
/// The body stays raw: checksums are over its octets as sent (MSG-21).
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KdcReq<'a> {
    #[asn1(context_specific = "1")]
    pub pvno: i32,
    #[asn1(context_specific = "2")]
    pub msg_type: i32,
    #[asn1(context_specific = "3", optional = "true")]
    pub padata: Option<Vec<PaData<'a>>>,
    #[asn1(context_specific = "4")]
    pub req_body: Raw<'a>,
}

impl<'a> KdcReq<'a> {
    /// The decoded body.
    pub fn body(&self) -> Result<KdcReqBody<'a>, Malformed> {
        from_der("KDC-REQ-BODY", self.req_body.as_bytes())
    }
}

/// `AS-REQ ::= [APPLICATION 10] KDC-REQ`
pub struct AsReq;
/// `TGS-REQ ::= [APPLICATION 12] KDC-REQ`
pub struct TgsReq;
/// `AS-REP ::= [APPLICATION 11] KDC-REP`
pub struct AsRep;
/// `TGS-REP ::= [APPLICATION 13] KDC-REP`
pub struct TgsRep;
/// `EncASRepPart ::= [APPLICATION 25] EncKDCRepPart`; 26 is accepted (MSG-16).
pub struct EncAsRepPart;
/// `EncTGSRepPart ::= [APPLICATION 26] EncKDCRepPart`
pub struct EncTgsRepPart;

/// The two APPLICATION tags under which one SEQUENCE travels.
macro_rules! twice {
    ($($alias:ident = $number:literal $(or $other:literal)?, $name:literal of $inner:ident;)*) => {$(
        impl $alias {
            /// The APPLICATION tag.
            pub const APPLICATION: u8 = $number;

            /// Decodes exactly one element.
            pub fn from_bytes(octets: &[u8]) -> Result<$inner<'_>, Malformed> {
                let number = match application_number(octets) {
                    $(Some($other) => $other,)?
                    _ => $number,
                };
                <$inner<'_> as super::Message<'_>>::from_bytes_tagged(octets, number)
                    .map_err(|e| Malformed { what: $name, ..e })
            }

            /// The DER encoding.
            pub fn to_bytes(value: &$inner<'_>) -> Result<Vec<u8>, Malformed> {
                super::Message::to_bytes_tagged(value, $number)
            }
        }
    )*};
}
twice! {
    AsReq = 10, "AS-REQ" of KdcReq;
    TgsReq = 12, "TGS-REQ" of KdcReq;
    AsRep = 11, "AS-REP" of KdcRep;
    TgsRep = 13, "TGS-REP" of KdcRep;
    EncAsRepPart = 25 or 26, "EncASRepPart" of EncKdcRepPart;
    EncTgsRepPart = 26, "EncTGSRepPart" of EncKdcRepPart;
}
application!(10, KdcReq, "KDC-REQ");
application!(11, KdcRep, "KDC-REP");
application!(25, EncKdcRepPart, "EncKDCRepPart");

/// ```text
/// KDC-REQ-BODY    ::= SEQUENCE {
///         kdc-options             [0] KDCOptions,
///         cname                   [1] PrincipalName OPTIONAL
///                                     -- Used only in AS-REQ --,
///         realm                   [2] Realm
///                                     -- Server's realm
///                                     -- Also client's in AS-REQ --,
///         sname                   [3] PrincipalName OPTIONAL,
///         from                    [4] KerberosTime OPTIONAL,
///         till                    [5] KerberosTime,
///         rtime                   [6] KerberosTime OPTIONAL,
///         nonce                   [7] UInt32,
///         etype                   [8] SEQUENCE OF Int32 -- EncryptionType
///                                     -- in preference order --,
///         addresses               [9] HostAddresses OPTIONAL,
///         enc-authorization-data  [10] EncryptedData OPTIONAL
///                                     -- AuthorizationData --,
///         additional-tickets      [11] SEQUENCE OF Ticket OPTIONAL
///                                         -- NOTE: not empty
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KdcReqBody<'a> {
    #[asn1(context_specific = "0")]
    pub kdc_options: KdcOptions,
    #[asn1(context_specific = "1", optional = "true")]
    pub cname: Option<PrincipalName<'a>>,
    #[asn1(context_specific = "2")]
    pub realm: KerberosString<'a>,
    #[asn1(context_specific = "3", optional = "true")]
    pub sname: Option<PrincipalName<'a>>,
    #[asn1(context_specific = "4", optional = "true")]
    pub from: Option<KerberosTime>,
    #[asn1(context_specific = "5")]
    pub till: KerberosTime,
    #[asn1(context_specific = "6", optional = "true")]
    pub rtime: Option<KerberosTime>,
    #[asn1(context_specific = "7")]
    pub nonce: UInt32,
    #[asn1(context_specific = "8")]
    pub etype: Vec<i32>,
    #[asn1(context_specific = "9", optional = "true")]
    pub addresses: Option<Vec<HostAddress<'a>>>,
    #[asn1(context_specific = "10", optional = "true")]
    pub enc_authorization_data: Option<EncryptedData<'a>>,
    #[asn1(context_specific = "11", optional = "true")]
    pub additional_tickets: Option<Vec<Raw<'a>>>,
}

/// ```text
/// KDC-REP         ::= SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (11 -- AS -- | 13 -- TGS --),
///         padata          [2] SEQUENCE OF PA-DATA OPTIONAL
///                                 -- NOTE: not empty --,
///         crealm          [3] Realm,
///         cname           [4] PrincipalName,
///         ticket          [5] Ticket,
///         enc-part        [6] EncryptedData
///                                 -- EncASRepPart or EncTGSRepPart,
///                                 -- as appropriate
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KdcRep<'a> {
    #[asn1(context_specific = "0")]
    pub pvno: i32,
    #[asn1(context_specific = "1")]
    pub msg_type: i32,
    #[asn1(context_specific = "2", optional = "true")]
    pub padata: Option<Vec<PaData<'a>>>,
    #[asn1(context_specific = "3")]
    pub crealm: KerberosString<'a>,
    #[asn1(context_specific = "4")]
    pub cname: PrincipalName<'a>,
    #[asn1(context_specific = "5")]
    pub ticket: Raw<'a>,
    #[asn1(context_specific = "6")]
    pub enc_part: EncryptedData<'a>,
}

/// ```text
/// EncKDCRepPart   ::= SEQUENCE {
///         key             [0] EncryptionKey,
///         last-req        [1] LastReq,
///         nonce           [2] UInt32,
///         key-expiration  [3] KerberosTime OPTIONAL,
///         flags           [4] TicketFlags,
///         authtime        [5] KerberosTime,
///         starttime       [6] KerberosTime OPTIONAL,
///         endtime         [7] KerberosTime,
///         renew-till      [8] KerberosTime OPTIONAL,
///         srealm          [9] Realm,
///         sname           [10] PrincipalName,
///         caddr           [11] HostAddresses OPTIONAL,
///         encrypted-pa-data [12] SEQUENCE OF PA-DATA OPTIONAL -- RFC 6806 §11
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct EncKdcRepPart<'a> {
    #[asn1(context_specific = "0")]
    pub key: EncryptionKey<'a>,
    #[asn1(context_specific = "1")]
    pub last_req: Vec<LastReq>,
    #[asn1(context_specific = "2")]
    pub nonce: UInt32,
    #[asn1(context_specific = "3", optional = "true")]
    pub key_expiration: Option<KerberosTime>,
    #[asn1(context_specific = "4")]
    pub flags: TicketFlags,
    #[asn1(context_specific = "5")]
    pub authtime: KerberosTime,
    #[asn1(context_specific = "6", optional = "true")]
    pub starttime: Option<KerberosTime>,
    #[asn1(context_specific = "7")]
    pub endtime: KerberosTime,
    #[asn1(context_specific = "8", optional = "true")]
    pub renew_till: Option<KerberosTime>,
    #[asn1(context_specific = "9")]
    pub srealm: KerberosString<'a>,
    #[asn1(context_specific = "10")]
    pub sname: PrincipalName<'a>,
    #[asn1(context_specific = "11", optional = "true")]
    pub caddr: Option<Vec<HostAddress<'a>>>,
    #[asn1(context_specific = "12", optional = "true")]
    pub encrypted_pa_data: Option<Vec<PaData<'a>>>,
}

/// ```text
/// LastReq         ::=     SEQUENCE OF SEQUENCE {
///         lr-type         [0] Int32,
///         lr-value        [1] KerberosTime
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct LastReq {
    #[asn1(context_specific = "0")]
    pub lr_type: LrType,
    #[asn1(context_specific = "1")]
    pub lr_value: KerberosTime,
}
