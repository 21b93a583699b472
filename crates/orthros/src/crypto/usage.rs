//! Key usage numbers (RFC 4120 §7.5.1 and its successors).

use std::fmt;

/// What a key is used for; the number goes into the derivation, so that no ciphertext or checksum
/// of one message part is one of another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyUsage(pub u32);

macro_rules! usages {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl KeyUsage {
            $($(#[$doc])* pub const $name: KeyUsage = KeyUsage($number);)*

            /// The name of the constant with this number.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

usages! {
    /// PA-ENC-TIMESTAMP, with the client's key.
    PA_ENC_TIMESTAMP = 1;
    /// A Ticket's enc-part, with the service's key (or the TGT's session key, user-to-user).
    TICKET = 2;
    /// An AS-REP's enc-part, with the reply key.
    AS_REP = 3;
    /// The enc-authorization-data of a TGS-REQ, with the TGT's session key.
    TGS_REQ_AUTHDATA_SESSION_KEY = 4;
    /// The enc-authorization-data of a TGS-REQ, with the authenticator's subkey.
    TGS_REQ_AUTHDATA_SUBKEY = 5;
    /// The checksum in the authenticator of a TGS-REQ, with the TGT's session key.
    TGS_REQ_AUTHENTICATOR_CKSUM = 6;
    /// The authenticator of a TGS-REQ, with the TGT's session key.
    TGS_REQ_AUTHENTICATOR = 7;
    /// A TGS-REP's enc-part, with the TGT's session key.
    TGS_REP_SESSION_KEY = 8;
    /// A TGS-REP's enc-part, with the authenticator's subkey.
    TGS_REP_SUBKEY = 9;
    /// The checksum in the authenticator of an AP-REQ, with the session key.
    AP_REQ_AUTHENTICATOR_CKSUM = 10;
    /// The authenticator of an AP-REQ, with the session key.
    AP_REQ_AUTHENTICATOR = 11;
    /// An AP-REP's enc-part, with the session key.
    AP_REP = 12;
    /// A KRB-PRIV's enc-part, with the key in force.
    KRB_PRIV = 13;
    /// A KRB-CRED's enc-part, with the key in force (GSS: the session key).
    KRB_CRED = 14;
    /// A KRB-SAFE's checksum, with the key in force.
    KRB_SAFE = 15;
    /// Encrypted data of an application (historic).
    APP_DATA = 16;
    /// A checksum outside the Kerberos messages: PAC signatures, PA-FOR-USER.
    NON_KERB_CKSUM = 17;
    /// The checksum of a KRB-ERROR (historic).
    KRB_ERROR_CKSUM = 18;
    /// The checksum of AD-KDCIssued, with the ticket's session key.
    AD_KDC_ISSUED = 19;
    /// GSS Wrap, with and without confidentiality, acceptor to initiator.
    ACCEPTOR_SEAL = 22;
    /// GSS GetMIC, acceptor to initiator.
    ACCEPTOR_SIGN = 23;
    /// GSS Wrap, with and without confidentiality, initiator to acceptor.
    INITIATOR_SEAL = 24;
    /// GSS GetMIC, initiator to acceptor.
    INITIATOR_SIGN = 25;
    /// PA-S4U-X509-USER in a request.
    PA_S4U_X509_USER_REQUEST = 26;
    /// PA-S4U-X509-USER in a reply.
    PA_S4U_X509_USER_REPLY = 27;
    /// The GSS FINISHED extension of PKU2U and IAKERB drafts.
    FINISHED = 41;
    /// IAKERB's finished message.
    IAKERB_FINISHED = 42;
    /// The channel-binding MIC extension (RFC 6542).
    CHANNEL_BINDING_MIC = 43;
    /// PA-PKINIT-KX (RFC 8062), with the reply key.
    PA_PKINIT_KX = 44;
    /// PA-OTP-REQUEST (RFC 6560).
    PA_OTP_REQUEST = 45;
    /// The checksum of a FAST request, with the armor key.
    FAST_REQ_CHKSUM = 50;
    /// A FAST request, with the armor key.
    FAST_ENC = 51;
    /// A FAST reply, with the armor key.
    FAST_REP = 52;
    /// The checksum that finishes FAST, with the armor key.
    FAST_FINISHED = 53;
    /// The client's encrypted challenge.
    ENC_CHALLENGE_CLIENT = 54;
    /// The KDC's encrypted challenge.
    ENC_CHALLENGE_KDC = 55;
    /// The checksum of PA-REQ-ENC-PA-REP (RFC 6806), with the reply key.
    REQ_ENC_PA_REP = 56;
    /// The verifiers of AD-CAMMAC.
    CAMMAC = 64;
    /// SPAKE pre-authentication (RFC 9588).
    SPAKE = 65;
    /// The FAST cookie, of one KDC to itself.
    FAST_COOKIE = 513;
    /// The freshness token, of one KDC to itself.
    FRESHNESS = 514;
    /// An exported GSS context, of one host to itself.
    EXPORTED_CONTEXT = 515;
    /// Encryption in a protocol that names no usage.
    UNSPECIFIED_ENCRYPTION = 1024;
    /// A checksum in a protocol that names no usage.
    UNSPECIFIED_CKSUM = 1025;
}

impl fmt::Display for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "key usage {} ({name})", self.0),
            None => write!(f, "key usage {}", self.0),
        }
    }
}

impl fmt::Debug for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyUsage({})", self.0)
    }
}
