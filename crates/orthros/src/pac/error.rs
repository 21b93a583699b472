//! What can be wrong with a PAC.

use std::fmt;

use super::{BufferType, FileTime, Sid};
use crate::crypto::ChecksumType;
use crate::error::{Error, Rejection};
use crate::time::KerberosTime;
use crate::wire::{ErrorCode, Malformed};

/// What is wrong with a PAC, or with the authorization data that should hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacError {
    /// An AD-IF-RELEVANT does not hold AuthorizationData.
    AuthorizationData(Malformed),
    /// AD-IF-RELEVANT within AD-IF-RELEVANT, more often than
    /// [`MAX_NESTING`](super::MAX_NESTING) times (security case 22).
    Nesting,
    /// The ticket holds two PACs (PAC-01).
    TwoPacs,
    /// The header, or a buffer's place, is impossible (PAC-02).
    Container {
        /// Which rule it breaks.
        why: &'static str,
    },
    /// A buffer that every PAC has is not there (PAC-04).
    Missing {
        /// Which.
        buffer: BufferType,
    },
    /// A buffer is there twice (PAC-04).
    Repeated {
        /// Which.
        buffer: BufferType,
    },
    /// A buffer does not hold what its type says (PAC-18, PAC-21, PAC-24, PAC-25).
    Buffer {
        /// Which.
        buffer: BufferType,
        /// The offset within the buffer at which the form broke.
        at: usize,
        /// What was wrong there.
        why: &'static str,
    },
    /// A signature is not of the type that the key makes (PAC-16).
    SignatureType {
        /// Whose signature.
        buffer: BufferType,
        /// Its type.
        found: ChecksumType,
        /// The type of the key's signatures.
        expected: ChecksumType,
    },
    /// A signature does not have the length of its type (PAC-16).
    SignatureLength {
        /// Whose signature.
        buffer: BufferType,
        /// How many octets follow the type.
        found: usize,
    },
    /// A signature does not fit (PAC-09 to PAC-12).
    Signature {
        /// Which.
        buffer: BufferType,
    },
    /// CLIENT_INFO is about another authentication than the ticket's (PAC-18).
    AuthTime {
        /// ClientId of the PAC.
        pac: FileTime,
        /// authtime of the ticket.
        ticket: KerberosTime,
    },
    /// CLIENT_INFO names another client than the ticket (PAC-18).
    ClientName {
        /// Name of the PAC.
        pac: String,
        /// cname of the ticket, in the form that the PAC should have.
        ticket: String,
    },
    /// The TGT was not issued to the account that its client name finds now (PAC-27).
    Requestor {
        /// REQUESTOR_SID, if there is one.
        pac: Option<Box<Sid>>,
        /// The account.
        account: Box<Sid>,
    },
    /// A PAC from over a trust describes a user of a domain that the trust does not cover
    /// (PAC-28).
    Foreign {
        /// The domain.
        domain: Sid,
    },
    /// What a PAC should be built of cannot be encoded.
    Unencodable {
        /// For which buffer.
        buffer: BufferType,
        /// Why.
        why: &'static str,
    },
}

impl PacError {
    /// The error-code for the peer.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::SignatureType { .. } | Self::SignatureLength { .. } => {
                ErrorCode::KDC_ERR_SUMTYPE_NOSUPP
            }
            Self::Requestor { .. } => ErrorCode::KDC_ERR_TGT_REVOKED,
            Self::Foreign { .. } => ErrorCode::KDC_ERR_POLICY,
            Self::Unencodable { .. } => ErrorCode::KRB_ERR_GENERIC,
            Self::AuthorizationData(_)
            | Self::Nesting
            | Self::TwoPacs
            | Self::Container { .. }
            | Self::Missing { .. }
            | Self::Repeated { .. }
            | Self::Buffer { .. }
            | Self::Signature { .. }
            | Self::AuthTime { .. }
            | Self::ClientName { .. } => ErrorCode::KRB_AP_ERR_MODIFIED,
        }
    }
}

impl fmt::Display for PacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuthorizationData(malformed) => malformed.fmt(f),
            Self::Nesting => f.write_str("AD-IF-RELEVANT is nested too deeply"),
            Self::TwoPacs => f.write_str("the ticket holds two PACs"),
            Self::Container { why } => write!(f, "the PAC's table of buffers is damaged: {why}"),
            Self::Missing { buffer } => write!(f, "the PAC has no {buffer}"),
            Self::Repeated { buffer } => write!(f, "the PAC has more than one {buffer}"),
            Self::Buffer { buffer, at, why } => {
                write!(f, "{buffer} of the PAC is damaged: {why} (octet {at})")
            }
            Self::SignatureType {
                buffer,
                found,
                expected,
            } => write!(
                f,
                "{buffer} of the PAC is of type {found}; the key makes {expected}"
            ),
            Self::SignatureLength { buffer, found } => write!(
                f,
                "{buffer} of the PAC has {found} octets, which its type does not have"
            ),
            Self::Signature { buffer } => write!(f, "{buffer} of the PAC does not verify"),
            Self::AuthTime { pac, ticket } => write!(
                f,
                "the PAC is of an authentication at {pac}, the ticket of one at {ticket}"
            ),
            Self::ClientName { pac, ticket } => {
                write!(f, "the PAC is of client {pac:?}, the ticket of {ticket:?}")
            }
            Self::Requestor {
                pac: Some(pac),
                account,
            } => write!(
                f,
                "the TGT was issued to {pac}, its client is now {account}"
            ),
            Self::Requestor { pac: None, account } => write!(
                f,
                "the TGT does not say to which account it was issued; its client is now {account}"
            ),
            Self::Foreign { domain } => {
                write!(f, "the trust does not cover the client's domain {domain}")
            }
            Self::Unencodable { buffer, why } => write!(f, "{buffer} cannot be encoded: {why}"),
        }
    }
}

impl std::error::Error for PacError {}

impl From<PacError> for Rejection {
    fn from(error: PacError) -> Self {
        Self::Pac {
            why: error.to_string(),
            code: error.code(),
        }
    }
}

impl From<PacError> for Error {
    fn from(error: PacError) -> Self {
        Self::rejected(error.into())
    }
}

/// What is wrong at which offset of a buffer; the buffer's reader does not know its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) why: &'static str,
}

impl Fault {
    pub(super) fn new(at: usize, why: &'static str) -> Self {
        Self { at, why }
    }

    pub(super) fn of(self, buffer: BufferType) -> PacError {
        PacError::Buffer {
            buffer,
            at: self.at,
            why: self.why,
        }
    }
}
