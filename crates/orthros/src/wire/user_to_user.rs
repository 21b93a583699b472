//! The messages with which a client asks a server for its TGT (draft-ietf-cat-user2user-03 §2).

use der::Sequence;

use super::names::{KerberosString, PrincipalName};
use super::primitive::Raw;

/// ```text
/// KERB-TGT-REQUEST ::= SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (16),
///         server-name     [2] PrincipalName OPTIONAL,
///         realm           [3] Realm OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KerbTgtRequest<'a> {
    #[asn1(context_specific = "0")]
    pub pvno: i32,
    #[asn1(context_specific = "1")]
    pub msg_type: i32,
    #[asn1(context_specific = "2", optional = "true")]
    pub server_name: Option<PrincipalName<'a>>,
    #[asn1(context_specific = "3", optional = "true")]
    pub realm: Option<KerberosString<'a>>,
}

/// ```text
/// KERB-TGT-REPLY ::= SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (17),
///         ticket          [2] Ticket
/// }
/// ```
#[derive(Clone, Copy, Debug, Sequence)]
#[expect(missing_docs, reason = "the ASN.1 above")]
pub struct KerbTgtReply<'a> {
    #[asn1(context_specific = "0")]
    pub pvno: i32,
    #[asn1(context_specific = "1")]
    pub msg_type: i32,
    #[asn1(context_specific = "2")]
    pub ticket: Raw<'a>,
}
