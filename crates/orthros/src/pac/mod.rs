//! The PAC, Active Directory's privilege attribute certificate (MS-PAC): who the client is to its
//! domain, and its groups.
//!
//! ```text
//!  authorization-data ─locate─▶ octets ─Pac::parse─▶ Pac ─verify──────────▶ VerifiedPac     a service
//!                                                       ─verify_kdc ──────▶     "           a KDC: a TGT
//!                                                       ─verify_evidence ─▶     "           a KDC: S4U
//!  PacBuilder ─seal─▶ EncTicketPart                                                         a KDC
//! ```
//!
//! A [`Pac`] is a table of buffers, of which nothing can be read; a [`VerifiedPac`] is what was
//! proved to come from the KDC (PAC-17, security case 20). Verifying hashes the octets where they
//! are; they are never rearranged (PAC-05).
//!
//! | type | buffer | here |
//! |---|---|---|
//! | 1 | LOGON_INFO | [`LogonInfo`] |
//! | 2 | CREDENTIALS_INFO | octets |
//! | 6, 7, 16, 19 | signatures | [`Signature`] |
//! | 10 | CLIENT_INFO | [`ClientInfo`] |
//! | 11 | S4U_DELEGATION_INFO | [`DelegationInfo`] |
//! | 12 | UPN_DNS_INFO | [`UpnDnsInfo`] |
//! | 13, 15 | CLIENT_CLAIMS, DEVICE_CLAIMS | [`Claims`] |
//! | 14 | DEVICE_INFO | [`DeviceInfo`] |
//! | 17 | ATTRIBUTES_INFO | [`Attributes`] |
//! | 18 | REQUESTOR_SID | [`Sid`] |
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod attributes;
mod build;
mod claims;
mod client_info;
mod container;
mod delegation_info;
mod device_info;
mod error;
mod filetime;
mod filter;
mod locate;
mod logon_info;
mod ndr;
mod sid;
mod signature;
mod upn_dns_info;
mod verify;
mod xpress;

#[cfg(test)]
mod tests;

pub use attributes::Attributes;
pub use build::PacBuilder;
pub use claims::{ClaimEntry, ClaimValues, Claims, ClaimsArray, ClaimsSet, CompressionFormat};
pub use client_info::ClientInfo;
pub use container::{BufferType, Pac};
pub use delegation_info::DelegationInfo;
pub use device_info::DeviceInfo;
pub use error::PacError;
pub use filetime::FileTime;
pub use filter::{Filtered, SidFilter};
pub use locate::{MAX_NESTING, locate};
pub use logon_info::{
    DomainGroupMembership, GroupMembership, LogonInfo, SidAndAttributes, UserFlags, UserSessionKey,
};
pub use sid::{NotASid, Sid};
pub use signature::Signature;
pub use upn_dns_info::{SamNameAndSid, UpnDnsInfo};
pub use verify::{Checked, VerifiedPac};
