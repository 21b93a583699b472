//! Major status values (RFC 2743 §1.2.1, numbers of RFC 2744 §3.9).

use std::fmt;

use super::message::Role;
use super::window::SequenceStatus;
use crate::error::{Error, Rejection};
use crate::wire::ErrorCode;

/// A major status: a routine error in bits 16 to 23, informational bits below.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MajorStatus(pub u32);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        impl MajorStatus {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// The name in RFC 2743, without GSS_S_.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    /// Success.
    COMPLETE = 0;
    /// The mechanism is not this one.
    BAD_MECH = 1 << 16;
    /// A name is not well-formed.
    BAD_NAME = 2 << 16;
    /// A name type is not known.
    BAD_NAMETYPE = 3 << 16;
    /// The channel bindings differ.
    BAD_BINDINGS = 4 << 16;
    /// A status is not known.
    BAD_STATUS = 5 << 16;
    /// A signature does not verify; also called BAD_SIG.
    BAD_MIC = 6 << 16;
    /// There are no credentials for this.
    NO_CRED = 7 << 16;
    /// There is no context.
    NO_CONTEXT = 8 << 16;
    /// A token is damaged.
    DEFECTIVE_TOKEN = 9 << 16;
    /// A credential is damaged.
    DEFECTIVE_CREDENTIAL = 10 << 16;
    /// The credentials have expired.
    CREDENTIALS_EXPIRED = 11 << 16;
    /// The context has expired.
    CONTEXT_EXPIRED = 12 << 16;
    /// Everything else; the minor status says what.
    FAILURE = 13 << 16;
    /// The quality of protection is not supported.
    BAD_QOP = 14 << 16;
    /// A local policy forbids it.
    UNAUTHORIZED = 15 << 16;
    /// The operation is not supported.
    UNAVAILABLE = 16 << 16;
    /// The credential element exists already.
    DUPLICATE_ELEMENT = 17 << 16;
    /// The name is not one of the mechanism.
    NAME_NOT_MN = 18 << 16;
    /// The routine must be called again with the peer's token.
    CONTINUE_NEEDED = 1;
    /// A token was received before.
    DUPLICATE_TOKEN = 2;
    /// A token is too old to tell.
    OLD_TOKEN = 4;
    /// A later token was received already.
    UNSEQ_TOKEN = 8;
    /// A token before it was not received.
    GAP_TOKEN = 16;
}

impl fmt::Debug for MajorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "GSS_S_{name}"),
            None => write!(f, "MajorStatus({:#x})", self.0),
        }
    }
}

impl fmt::Display for MajorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl From<SequenceStatus> for MajorStatus {
    fn from(status: SequenceStatus) -> Self {
        match status {
            SequenceStatus::Complete => Self::COMPLETE,
            SequenceStatus::Duplicate => Self::DUPLICATE_TOKEN,
            SequenceStatus::Old => Self::OLD_TOKEN,
            SequenceStatus::Unseq => Self::UNSEQ_TOKEN,
            SequenceStatus::Gap => Self::GAP_TOKEN,
        }
    }
}

impl Error {
    /// The major status for the application of `role`; the minor status is
    /// [`protocol_code`](Self::protocol_code) (GSS-63, GSS-09).
    pub fn gss_major(&self, role: Role) -> MajorStatus {
        match self {
            Self::Malformed(_) => return MajorStatus::DEFECTIVE_TOKEN,
            Self::Rejected(rejection) => match **rejection {
                Rejection::Mechanism { .. }
                | Rejection::NoCommonMechanism { .. }
                | Rejection::NegotiationRefused => return MajorStatus::BAD_MECH,
                // Of a message, it is the context that has ended (GSS-46).
                Rejection::Message {
                    code: ErrorCode::KRB_AP_ERR_TKT_EXPIRED,
                    ..
                } => return MajorStatus::CONTEXT_EXPIRED,
                Rejection::Negotiation { .. } => return MajorStatus::DEFECTIVE_TOKEN,
                Rejection::Authorization { .. } => return MajorStatus::UNAUTHORIZED,
                // A checksum too short to hold bindings is taken for one without them (GSS-15).
                Rejection::ChannelBindings { .. } | Rejection::GssChecksum { len: ..24, .. } => {
                    return MajorStatus::BAD_BINDINGS;
                }
                _ => {}
            },
            Self::Peer(_) => {}
            // A keytab or a cache that gives no credential (GSS-61).
            Self::File(_) => return MajorStatus::NO_CRED,
            Self::Unsupported(_)
            | Self::Crypto(_)
            | Self::Preauthentication(_)
            | Self::Unreachable { .. }
            | Self::Misuse(_)
            | Self::Random => return MajorStatus::FAILURE,
        }
        match self.protocol_code() {
            ErrorCode::KRB_AP_ERR_BAD_INTEGRITY
            | ErrorCode::KRB_AP_ERR_MODIFIED
            | ErrorCode::KRB_AP_ERR_INAPP_CKSUM => MajorStatus::BAD_MIC,
            ErrorCode::KRB_AP_ERR_REPEAT => MajorStatus::DUPLICATE_TOKEN,
            ErrorCode::KRB_AP_ERR_TKT_EXPIRED if role == Role::Initiator => {
                MajorStatus::CREDENTIALS_EXPIRED
            }
            ErrorCode::KRB_AP_ERR_NOT_US
            | ErrorCode::KRB_AP_ERR_BADKEYVER
            | ErrorCode::KRB_AP_ERR_NOKEY => MajorStatus::NO_CRED,
            ErrorCode::KRB_AP_ERR_MSG_TYPE => MajorStatus::DEFECTIVE_TOKEN,
            _ => MajorStatus::FAILURE,
        }
    }
}
