//! RFC 4120 §5 as printed: every message, every field, in the order and under the names of the
//! standard.
//!
//! Decoding borrows from the input and is strict DER (MSG-01, MSG-02): definite minimal lengths,
//! one top-level element, nothing behind it (MSG-04). A value that was decoded says only that the
//! octets have the form of the type; what they claim is judged elsewhere.
//!
//! An optional list that arrives empty counts as absent, and is never sent (MSG-06): read one with
//! `as_deref().unwrap_or_default()`.
//!
//! Nesting and the number of elements are bounded before anything is decoded ([`MAX_DEPTH`],
//! [`MAX_ELEMENTS`], MSG-24).
//!
//! Parts that a peer has put a checksum over, and tickets, are kept as they arrived ([`Raw`],
//! MSG-21, AP-01).
//!
//! ```text
//! APPLICATION tag = msg-type                        first octet
//!  1 Ticket             2 Authenticator   3 EncTicketPart     61  62  63
//! 10 AS-REQ            11 AS-REP                              6A  6B
//! 12 TGS-REQ           13 TGS-REP                             6C  6D
//! 14 AP-REQ            15 AP-REP                              6E  6F
//! 20 KRB-SAFE          21 KRB-PRIV       22 KRB-CRED          74  75  76
//! 25 EncASRepPart      26 EncTGSRepPart  27 EncAPRepPart      79  7A  7B
//! 28 EncKrbPrivPart    29 EncKrbCredPart 30 KRB-ERROR         7C  7D  7E
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

#[macro_use]
mod macros;

pub mod ap;
pub mod authdata;
mod direct;
pub mod error;
pub mod kdc;
pub mod names;
pub mod numbers;
pub mod padata;
pub mod primitive;
pub mod sealed;
pub mod session;
pub mod ticket;
pub mod user_to_user;

pub use ap::{ApRep, ApReq, Authenticator, EncApRepPart};
pub use authdata::{
    AdAndOr, AdCammac, AdKdcIssued, AuthorizationData, AuthorizationDataElement, VerifierMac,
};
pub use error::{ErrorData, KerbErrorData, KrbError, TypedData};
pub use kdc::{
    AsRep, AsReq, EncAsRepPart, EncKdcRepPart, EncTgsRepPart, KdcRep, KdcReq, KdcReqBody, LastReq,
    TgsRep, TgsReq,
};
pub use names::{ErrorText, HostAddress, KerberosString, PrincipalName};
pub use numbers::*;
pub use padata::{EtypeInfo2Entry, EtypeInfoEntry, PaData, PaEncTsEnc, PaPacRequest};
pub use primitive::{
    MAX_DEPTH, MAX_ELEMENTS, Malformed, Message, Microseconds, OctetString, Raw, UInt32,
};
pub use sealed::{Checksum, EncryptedData, EncryptionKey};
pub use session::{
    EncKrbCredPart, EncKrbPrivPart, KrbCred, KrbCredInfo, KrbPriv, KrbSafe, KrbSafeBody,
};
pub use ticket::{EncTicketPart, Ticket, TransitedEncoding};
pub use user_to_user::{KerbTgtReply, KerbTgtRequest};

#[cfg(test)]
mod tests;
