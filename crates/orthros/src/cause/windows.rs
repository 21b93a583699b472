//! What Windows calls the same thing: the SSPI status, and the events that its logs may show.

use std::fmt;

use super::Explanation;
use crate::error::{Error, Rejection};
use crate::wire::ErrorCode;

/// What Windows says where this happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The SECURITY_STATUS of SSPI.
    pub status: u32,
    /// Its name.
    pub name: &'static str,
    /// Events that tell more, each with the log and the machine it is on.
    pub events: &'static [&'static str],
}

macro_rules! statuses {
    ($($name:ident = $value:literal;)*) => {
        $(const $name: (u32, &str) = ($value, stringify!($name));)*
    };
}

statuses! {
    SEC_E_TARGET_UNKNOWN = 0x8009_0303;
    SEC_E_INTERNAL_ERROR = 0x8009_0304;
    SEC_E_SECPKG_NOT_FOUND = 0x8009_0305;
    SEC_E_INVALID_TOKEN = 0x8009_0308;
    SEC_E_LOGON_DENIED = 0x8009_030C;
    SEC_E_NO_CREDENTIALS = 0x8009_030E;
    SEC_E_MESSAGE_ALTERED = 0x8009_030F;
    SEC_E_OUT_OF_SEQUENCE = 0x8009_0310;
    SEC_E_NO_AUTHENTICATING_AUTHORITY = 0x8009_0311;
    SEC_E_CONTEXT_EXPIRED = 0x8009_0317;
    SEC_E_WRONG_PRINCIPAL = 0x8009_0322;
    SEC_E_TIME_SKEW = 0x8009_0324;
    SEC_E_NO_TGT_REPLY = 0x8009_0334;
    SEC_E_KDC_UNKNOWN_ETYPE = 0x8009_0342;
    SEC_E_UNSUPPORTED_PREAUTH = 0x8009_0343;
    SEC_E_BAD_BINDINGS = 0x8009_0346;
    SEC_E_NO_KERB_KEY = 0x8009_0348;
    SEC_E_MUTUAL_AUTH_FAILED = 0x8009_0363;
}

const RECEIVED: &str =
    "System log of the client, Security-Kerberos 3: a KRB-ERROR was received (with LogLevel 1)";
const MODIFIED: &str =
    "System log of the client, Security-Kerberos 4: the server could not open the ticket";
const DUPLICATE: &str = "System log of the domain controller, Kerberos-Key-Distribution-Center 11: a name is registered on two accounts";
const RC4: &str = "System log of the domain controller, KDCSVC 201 to 209: tickets that need RC4";
const AS: &str = "Security log of the domain controller, 4768: a TGT was requested";
const TGS: &str = "Security log of the domain controller, 4769: a service ticket was requested";
const PREAUTH: &str = "Security log of the domain controller, 4771: pre-authentication failed";

impl Windows {
    fn new((status, name): (u32, &'static str), events: &'static [&'static str]) -> Self {
        Self {
            status,
            name,
            events,
        }
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#010X})", self.name, self.status)
    }
}

impl Error {
    /// What Windows calls it.
    pub fn windows(&self) -> Windows {
        match self {
            Self::Malformed(_) => return Windows::new(SEC_E_INVALID_TOKEN, &[]),
            Self::File(_) => return Windows::new(SEC_E_NO_CREDENTIALS, &[]),
            Self::Unreachable { .. } => {
                return Windows::new(SEC_E_NO_AUTHENTICATING_AUTHORITY, &[]);
            }
            Self::Misuse(_) | Self::Random => return Windows::new(SEC_E_INTERNAL_ERROR, &[]),
            Self::Rejected(rejection) => match **rejection {
                Rejection::ChannelBindings { .. } => return Windows::new(SEC_E_BAD_BINDINGS, &[]),
                Rejection::Mechanism { .. } => return Windows::new(SEC_E_SECPKG_NOT_FOUND, &[]),
                Rejection::WrongKey { .. } => {
                    return Windows::new(SEC_E_MESSAGE_ALTERED, &[MODIFIED, DUPLICATE]);
                }
                Rejection::Mutual { .. } | Rejection::ReplyModified { .. } => {
                    return Windows::new(SEC_E_MUTUAL_AUTH_FAILED, &[]);
                }
                Rejection::KdcReply { .. } => return Windows::new(SEC_E_MESSAGE_ALTERED, &[]),
                Rejection::ReplyKey { .. } => return Windows::new(SEC_E_LOGON_DENIED, &[AS]),
                _ => {}
            },
            _ => {}
        }
        of_code(self.protocol_code())
    }
}

fn of_code(code: ErrorCode) -> Windows {
    let (status, events): (_, &[&str]) = match code {
        ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN
        | ErrorCode::KDC_ERR_CLIENT_REVOKED
        | ErrorCode::KDC_ERR_KEY_EXPIRED => (SEC_E_LOGON_DENIED, &[AS]),
        ErrorCode::KDC_ERR_PREAUTH_FAILED => (SEC_E_LOGON_DENIED, &[PREAUTH]),
        ErrorCode::KDC_ERR_PADATA_TYPE_NOSUPP => (SEC_E_UNSUPPORTED_PREAUTH, &[PREAUTH]),
        ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN => (SEC_E_TARGET_UNKNOWN, &[TGS, DUPLICATE]),
        ErrorCode::KDC_ERR_ETYPE_NOSUPP => (SEC_E_KDC_UNKNOWN_ETYPE, &[TGS, RC4]),
        ErrorCode::KRB_AP_ERR_BAD_INTEGRITY | ErrorCode::KRB_AP_ERR_MODIFIED => {
            (SEC_E_MESSAGE_ALTERED, &[MODIFIED])
        }
        ErrorCode::KRB_AP_ERR_TKT_EXPIRED => (SEC_E_CONTEXT_EXPIRED, &[RECEIVED]),
        ErrorCode::KRB_AP_ERR_SKEW | ErrorCode::KRB_AP_ERR_TKT_NYV => {
            (SEC_E_TIME_SKEW, &[RECEIVED])
        }
        ErrorCode::KRB_AP_ERR_NOT_US | ErrorCode::KRB_AP_ERR_BADMATCH => {
            (SEC_E_WRONG_PRINCIPAL, &[RECEIVED])
        }
        ErrorCode::KRB_AP_ERR_BADKEYVER | ErrorCode::KRB_AP_ERR_NOKEY => {
            (SEC_E_NO_KERB_KEY, &[RECEIVED, DUPLICATE])
        }
        ErrorCode::KRB_AP_ERR_REPEAT
        | ErrorCode::KRB_AP_ERR_BADORDER
        | ErrorCode::KRB_AP_ERR_BADSEQ => (SEC_E_OUT_OF_SEQUENCE, &[RECEIVED]),
        ErrorCode::KRB_AP_ERR_MUT_FAIL => (SEC_E_MUTUAL_AUTH_FAILED, &[RECEIVED]),
        ErrorCode::KRB_AP_ERR_NO_TGT | ErrorCode::KRB_AP_ERR_USER_TO_USER_REQUIRED => {
            (SEC_E_NO_TGT_REPLY, &[RECEIVED])
        }
        ErrorCode::KRB_AP_ERR_MSG_TYPE | ErrorCode::KRB_AP_ERR_BADVERSION => {
            (SEC_E_INVALID_TOKEN, &[RECEIVED])
        }
        ErrorCode::KDC_ERR_SVC_UNAVAILABLE => (SEC_E_NO_AUTHENTICATING_AUTHORITY, &[RECEIVED]),
        _ => (SEC_E_LOGON_DENIED, &[RECEIVED]),
    };
    Windows::new(status, events)
}

impl Explanation {
    /// What Windows says where nothing went wrong.
    pub(super) const NO_WINDOWS: Windows = Windows {
        status: 0,
        name: "SEC_E_OK",
        events: &[],
    };
}
