//! The cause codes of judgements that carry a protocol code, one for each number.

use crate::error::SessionFault;
use crate::wire::ErrorCode;

macro_rules! codes {
    ($($number:literal $name:literal)*) => {
        /// What a peer or a KDC told us.
        pub(super) const fn told(code: ErrorCode) -> &'static str {
            match code.0 {
                $($number => concat!("PEER_", $name),)*
                _ => "PEER_UNKNOWN_CODE",
            }
        }

        /// What our own KDC answers.
        pub(super) const fn answered(code: ErrorCode) -> &'static str {
            match code.0 {
                $($number => concat!("KDC_", $name),)*
                _ => "KDC_UNKNOWN_CODE",
            }
        }

        #[cfg(test)]
        pub(super) const ALL: &[(i32, &str)] = &[$(($number, $name)),*];
    };
}

codes! {
    0 "NONE"
    1 "NAME_EXP"
    2 "SERVICE_EXP"
    3 "BAD_PVNO"
    4 "C_OLD_MAST_KVNO"
    5 "S_OLD_MAST_KVNO"
    6 "C_PRINCIPAL_UNKNOWN"
    7 "S_PRINCIPAL_UNKNOWN"
    8 "PRINCIPAL_NOT_UNIQUE"
    9 "NULL_KEY"
    10 "CANNOT_POSTDATE"
    11 "NEVER_VALID"
    12 "POLICY"
    13 "BADOPTION"
    14 "ETYPE_NOSUPP"
    15 "SUMTYPE_NOSUPP"
    16 "PADATA_TYPE_NOSUPP"
    17 "TRTYPE_NOSUPP"
    18 "CLIENT_REVOKED"
    19 "SERVICE_REVOKED"
    20 "TGT_REVOKED"
    21 "CLIENT_NOTYET"
    22 "SERVICE_NOTYET"
    23 "KEY_EXPIRED"
    24 "PREAUTH_FAILED"
    25 "PREAUTH_REQUIRED"
    26 "SERVER_NOMATCH"
    27 "MUST_USE_USER2USER"
    28 "PATH_NOT_ACCEPTED"
    29 "SVC_UNAVAILABLE"
    31 "BAD_INTEGRITY"
    32 "TKT_EXPIRED"
    33 "TKT_NYV"
    34 "REPEAT"
    35 "NOT_US"
    36 "BADMATCH"
    37 "SKEW"
    38 "BADADDR"
    39 "BADVERSION"
    40 "MSG_TYPE"
    41 "MODIFIED"
    42 "BADORDER"
    44 "BADKEYVER"
    45 "NOKEY"
    46 "MUT_FAIL"
    47 "BADDIRECTION"
    48 "METHOD"
    49 "BADSEQ"
    50 "INAPP_CKSUM"
    51 "AP_PATH_NOT_ACCEPTED"
    52 "RESPONSE_TOO_BIG"
    60 "GENERIC"
    61 "FIELD_TOOLONG"
    62 "CLIENT_NOT_TRUSTED"
    63 "KDC_NOT_TRUSTED"
    64 "INVALID_SIG"
    65 "DH_KEY_PARAMETERS_NOT_ACCEPTED"
    66 "CERTIFICATE_MISMATCH"
    67 "NO_TGT"
    68 "WRONG_REALM"
    69 "USER_TO_USER_REQUIRED"
    70 "CANT_VERIFY_CERTIFICATE"
    71 "INVALID_CERTIFICATE"
    72 "REVOKED_CERTIFICATE"
    73 "REVOCATION_STATUS_UNKNOWN"
    74 "REVOCATION_STATUS_UNAVAILABLE"
    75 "CLIENT_NAME_MISMATCH"
    76 "KDC_NAME_MISMATCH"
    77 "INCONSISTENT_KEY_PURPOSE"
    78 "DIGEST_IN_CERT_NOT_ACCEPTED"
    79 "PA_CHECKSUM_MUST_BE_INCLUDED"
    80 "DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED"
    81 "PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED"
    82 "PRINCIPAL_UNKNOWN"
    83 "REALM_UNKNOWN"
    84 "PRINCIPAL_RESERVED"
    85 "IAKERB_KDC_NOT_FOUND"
    86 "IAKERB_KDC_NO_RESPONSE"
    90 "PREAUTH_EXPIRED"
    91 "MORE_PREAUTH_DATA_REQUIRED"
    92 "PREAUTH_BAD_AUTHENTICATION_SET"
    93 "UNKNOWN_CRITICAL_FAST_OPTIONS"
}

/// A per-message token or session message that we refuse.
pub(super) const fn message(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::KRB_AP_ERR_BAD_INTEGRITY => "MSG_BAD_INTEGRITY",
        ErrorCode::KRB_AP_ERR_REPEAT => "MSG_REPEAT",
        ErrorCode::KRB_AP_ERR_SKEW => "MSG_SKEW",
        ErrorCode::KRB_AP_ERR_BADADDR => "MSG_BADADDR",
        ErrorCode::KRB_AP_ERR_BADVERSION => "MSG_BADVERSION",
        ErrorCode::KRB_AP_ERR_MSG_TYPE => "MSG_MSG_TYPE",
        ErrorCode::KRB_AP_ERR_MODIFIED => "MSG_MODIFIED",
        ErrorCode::KRB_AP_ERR_BADORDER => "MSG_BADORDER",
        ErrorCode::KRB_AP_ERR_BADDIRECTION => "MSG_BADDIRECTION",
        ErrorCode::KRB_AP_ERR_BADSEQ => "MSG_BADSEQ",
        ErrorCode::KRB_AP_ERR_INAPP_CKSUM => "MSG_INAPP_CKSUM",
        ErrorCode::KRB_AP_ERR_TKT_EXPIRED => "MSG_TKT_EXPIRED",
        _ => "MSG_REFUSED",
    }
}

/// A KRB-SAFE, KRB-PRIV or KRB-CRED that we refuse.
pub(super) const fn session(fault: &SessionFault) -> &'static str {
    match fault {
        SessionFault::ChecksumType { .. } => "SESSION_CHECKSUM_TYPE",
        SessionFault::Checksum => "SESSION_CHECKSUM",
        SessionFault::Integrity => "SESSION_INTEGRITY",
        SessionFault::InTheClear => "SESSION_IN_THE_CLEAR",
        SessionFault::Address { .. } => "SESSION_ADDRESS",
        SessionFault::Undated => "SESSION_UNDATED",
        SessionFault::Skew { .. } => "SESSION_CLOCK_SKEW",
        SessionFault::Repeat { .. } => "SESSION_REPEAT",
        SessionFault::Reflected => "SESSION_REFLECTED",
        SessionFault::Order { .. } => "SESSION_ORDER",
        SessionFault::Nonce => "SESSION_NONCE",
        SessionFault::TooMany { .. } => "SESSION_TOO_MANY",
    }
}

/// A PAC that we refuse.
pub(super) const fn pac(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::KRB_AP_ERR_BAD_INTEGRITY => "PAC_BAD_INTEGRITY",
        ErrorCode::KRB_AP_ERR_MODIFIED => "PAC_MODIFIED",
        ErrorCode::KDC_ERR_SUMTYPE_NOSUPP => "PAC_SUMTYPE",
        ErrorCode::KDC_ERR_POLICY => "PAC_POLICY",
        ErrorCode::KDC_ERR_TGT_REVOKED => "PAC_REQUESTOR",
        _ => "PAC_REFUSED",
    }
}

/// A reserved name that we refuse.
pub(super) const fn well_known(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::KRB_AP_ERR_PRINCIPAL_UNKNOWN => "AP_WELLKNOWN_PRINCIPAL",
        ErrorCode::KRB_AP_ERR_REALM_UNKNOWN => "AP_WELLKNOWN_REALM",
        _ => "AP_RESERVED_NAME",
    }
}
