//! Why a cryptographic operation was refused.

use std::fmt;

use super::{ChecksumType, Enctype, KeyUsage};
use crate::random::RandomUnavailable;

/// Why a key, a ciphertext or a checksum was refused.
///
/// It names types and lengths, never octets (CRY-27).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptoError {
    /// The MAC is not the one this key and usage give for these octets: KRB_AP_ERR_BAD_INTEGRITY
    /// for a ciphertext, KRB_AP_ERR_MODIFIED for a checksum.
    Integrity,
    /// The enctype is not implemented in this build: KDC_ERR_ETYPE_NOSUPP.
    UnsupportedEnctype(Enctype),
    /// The checksum type is not implemented in this build: KDC_ERR_SUMTYPE_NOSUPP.
    UnsupportedChecksum(ChecksumType),
    /// The checksum type is not the required one of the key's enctype (CRY-16):
    /// KRB_AP_ERR_INAPP_CKSUM.
    ChecksumMismatch {
        /// The type received.
        checksum: ChecksumType,
        /// The enctype of the key that was to verify it.
        key: Enctype,
    },
    /// A key of this enctype has another length (CRY-17).
    KeyLength {
        /// The enctype.
        enctype: Enctype,
        /// Its key length in octets.
        expected: usize,
        /// The length of the octets given.
        actual: usize,
    },
    /// The ciphertext is shorter than its confounder and MAC: KRB_AP_ERR_BAD_INTEGRITY.
    TooShort {
        /// The enctype.
        enctype: Enctype,
        /// The shortest ciphertext there is.
        minimum: usize,
        /// The length received.
        actual: usize,
    },
    /// The iteration count of the string-to-key parameter is out of bounds (CRY-07).
    IterationCount {
        /// The count asked for; 2^32 if the parameter is four zero octets.
        count: u64,
        /// The highest count that is allowed.
        maximum: u32,
    },
    /// The string-to-key parameter is not one of this enctype.
    StringToKeyParameter {
        /// The enctype.
        enctype: Enctype,
        /// How many octets the parameter has.
        length: usize,
    },
    /// The password is not UTF-8, and this enctype must transcode it.
    PasswordEncoding(Enctype),
    /// Key usage 0 is never used (CRY-16).
    InvalidUsage(KeyUsage),
    /// More pseudo-random octets were asked for than the function has (CRY-14).
    OutputLength {
        /// The enctype.
        enctype: Enctype,
        /// How many there are at most.
        maximum: usize,
        /// How many were asked for.
        requested: usize,
    },
    /// The source of randomness gave nothing.
    Random,
}

impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integrity => f.write_str("integrity check failed: wrong key or altered octets"),
            Self::UnsupportedEnctype(enctype) => {
                write!(f, "encryption type {enctype} is not supported")
            }
            Self::UnsupportedChecksum(checksum) => {
                write!(f, "checksum type {checksum} is not supported")
            }
            Self::ChecksumMismatch { checksum, key } => {
                write!(
                    f,
                    "checksum type {checksum} does not fit a key of type {key}"
                )
            }
            Self::KeyLength {
                enctype,
                expected,
                actual,
            } => {
                write!(
                    f,
                    "a key of type {enctype} has {expected} octets, not {actual}"
                )
            }
            Self::TooShort {
                enctype,
                minimum,
                actual,
            } => write!(
                f,
                "{actual} octets are no ciphertext of type {enctype}, which has at least {minimum}"
            ),
            Self::IterationCount { count, maximum } => {
                write!(
                    f,
                    "{count} iterations of string-to-key, at most {maximum} are allowed"
                )
            }
            Self::StringToKeyParameter { enctype, length } => {
                write!(
                    f,
                    "a string-to-key parameter of {length} octets is not one of {enctype}"
                )
            }
            Self::PasswordEncoding(enctype) => {
                write!(
                    f,
                    "the password is not UTF-8, as string-to-key of {enctype} needs it"
                )
            }
            Self::InvalidUsage(usage) => write!(f, "{usage} is not a usable number"),
            Self::OutputLength {
                enctype,
                maximum,
                requested,
            } => write!(
                f,
                "{requested} pseudo-random octets asked of a key of type {enctype}, \
                 which gives at most {maximum}"
            ),
            Self::Random => fmt::Display::fmt(&RandomUnavailable, f),
        }
    }
}

impl std::error::Error for CryptoError {}

impl From<RandomUnavailable> for CryptoError {
    fn from(_: RandomUnavailable) -> Self {
        Self::Random
    }
}
