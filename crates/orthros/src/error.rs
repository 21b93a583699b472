//! What can go wrong, with the facts that show it.
//!
//! One function gives the code for the peer ([`Error::protocol_code`]), one the text for the
//! operator ([`Error::explain`], in [`cause`](crate::cause)). No variant can hold a key, a
//! password or decrypted plaintext.

use std::fmt;

use crate::crypto::{CryptoError, Enctype};
use crate::principal::{NameError, Principal};
use crate::random::RandomUnavailable;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    AdType, ErrorCode, KerberosString, KrbError, Malformed, MsgType, PrincipalName, TicketFlags,
};

/// Everything that can go wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// Octets that are not the message they should be.
    Malformed(Malformed),
    /// We judged the peer.
    Rejected(Box<Rejection>),
    /// The peer, or a KDC, judged us with a KRB-ERROR. Nothing protects that message (AP-76).
    Peer(Box<PeerError>),
    /// A kind of file, mechanism or context that we do not have.
    Unsupported(String),
    /// An enctype, checksum type or parameter that we do not have, or a key that is none.
    Crypto(CryptoError),
    /// The KDC demands a pre-authentication that we do not have.
    Preauthentication(String),
    /// A keytab, credential cache or configuration file.
    File(Box<FileError>),
    /// No KDC could be reached.
    Unreachable {
        /// Whose KDCs.
        realm: String,
        /// Every address that was tried and what it answered.
        attempts: Vec<String>,
    },
    /// The caller asked for something that cannot be; never caused by a peer's octets.
    Misuse(&'static str),
    /// The operating system gave no random octets.
    Random,
}

/// A judgement of ours about a message: one variant for each rule.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The message is of another type (AP-13).
    MessageType {
        /// The type that was due.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// pvno, tkt-vno or authenticator-vno is not 5 (AP-14).
    Version {
        /// Which of them.
        field: &'static str,
        /// Its value.
        found: i32,
    },
    /// The ticket is for another service than the acceptor was opened for (AP-19).
    NotUs {
        /// The server that the ticket names.
        ticket: Principal,
        /// What the acceptor accepts.
        accepts: String,
    },
    /// No key at all for the ticket's server (AP-17).
    NoKey {
        /// The server that the ticket names.
        server: Principal,
        /// The keytab entries, and why each was passed over.
        considered: Vec<ConsideredKey>,
    },
    /// The server is known, but not with this key version (AP-18).
    KeyVersion {
        /// The server that the ticket names.
        server: Principal,
        /// The ticket's kvno.
        kvno: u32,
        /// The highest kvno held for the server.
        newest: u32,
        /// The keytab entries, and why each was passed over.
        considered: Vec<ConsideredKey>,
    },
    /// The server is known in this version, but with no key of the ticket's enctype.
    KeyEnctype {
        /// The server that the ticket names.
        server: Principal,
        /// The ticket's enctype.
        enctype: Enctype,
        /// The keytab entries, and why each was passed over.
        considered: Vec<ConsideredKey>,
    },
    /// The enctype of ticket, session key or subkey is not permitted (AP-24).
    Enctype {
        /// `"ticket"`, `"session key"`, `"subkey"`.
        what: &'static str,
        /// Which enctype.
        enctype: Enctype,
        /// What is permitted.
        permitted: Vec<Enctype>,
    },
    /// No key opened the ticket: same name, version and enctype, another key (AP-22).
    WrongKey {
        /// The server that the ticket names.
        server: Principal,
        /// The ticket's kvno, if it has one.
        kvno: Option<u32>,
        /// The ticket's enctype.
        enctype: Enctype,
        /// The keytab entries, and why each was passed over.
        considered: Vec<ConsideredKey>,
    },
    /// The key fits, but the ticket's cipher text was changed after it was sealed (AP-22).
    TicketModified {
        /// The server that the ticket names.
        server: Principal,
        /// The ticket's kvno, if it has one.
        kvno: Option<u32>,
        /// The ticket's enctype.
        enctype: Enctype,
    },
    /// The authenticator does not open under the ticket's session key (AP-25).
    AuthenticatorModified {
        /// The client that the ticket names.
        client: Principal,
        /// The session key's enctype.
        enctype: Enctype,
    },
    /// Ticket and authenticator name different clients (AP-26).
    ClientMismatch {
        /// Sealed by the KDC.
        ticket: Principal,
        /// Written by the client.
        authenticator: String,
    },
    /// The peer's address is not one of the ticket's (AP-27).
    Address {
        /// Where the request came from.
        peer: String,
        /// The ticket's addresses; empty where they were demanded.
        ticket: Vec<String>,
    },
    /// The authenticator's time is too far from ours (AP-28).
    Skew {
        /// The client's clock.
        client_time: Timestamp,
        /// Our clock.
        now: Timestamp,
        /// The limit, in seconds.
        limit: u64,
        /// When the KDC issued the ticket, by its own clock, which cannot be before that now.
        issued: Option<KerberosTime>,
    },
    /// The ticket is not valid yet (AP-29).
    NotYetValid {
        /// When it starts.
        starttime: KerberosTime,
        /// Our clock.
        now: Timestamp,
    },
    /// The ticket's INVALID flag is set: postdated, not validated (AP-30).
    InvalidFlag {
        /// All its flags.
        flags: TicketFlags,
    },
    /// The ticket has ended (AP-31).
    Expired {
        /// When it ended.
        endtime: KerberosTime,
        /// Our clock.
        now: Timestamp,
    },
    /// The path of realms is not acceptable (AP-32, AP-33).
    Transited {
        /// The client's realm.
        client_realm: String,
        /// The server's realm.
        server_realm: String,
        /// The realm that breaks the path, or the reason.
        why: String,
    },
    /// Authorization data that must be understood and is not (AP-34, AP-35).
    AuthorizationData {
        /// Which.
        ad_type: AdType,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The authenticator's checksum is of a type that cannot protect (AP-11, KDC-19).
    ChecksumType {
        /// Its type.
        cksumtype: i32,
    },
    /// The authenticator's checksum does not fit the data (AP-11).
    ChecksumMismatch,
    /// The authenticator has no checksum where one is required.
    ChecksumMissing,
    /// The 0x8003 checksum is damaged (GSS-15).
    GssChecksum {
        /// What is wrong with it.
        why: &'static str,
        /// How many octets it has.
        len: usize,
    },
    /// A GSS token of another mechanism (GSS-04).
    Mechanism {
        /// The mechanism's OID.
        oid: String,
    },
    /// The channel bindings differ or are missing (GSS-21).
    ChannelBindings {
        /// Whether the client sent any.
        sent: bool,
    },
    /// The request was seen before (AP-43).
    Replay {
        /// The client.
        client: Principal,
        /// The authenticator's time.
        ctime: Timestamp,
        /// When it was received first, at the latest, if the cache remembers that.
        first_seen: Option<Timestamp>,
        /// Our clock.
        now: Timestamp,
        /// What kind of replay cache has seen it.
        cache: Option<&'static str>,
        /// What the cache knows it by: the beginning of the authenticator's MAC. The record of the
        /// first one has the same.
        tag: [u8; 12],
    },
    /// The replay cache could not take the entry: nothing is accepted unremembered (AP-47).
    ReplayCacheFull {
        /// How many entries it holds.
        entries: usize,
    },
    /// The replay cache was started less than one skew ago and cannot know what came before
    /// (AP-49).
    ReplayCacheYoung {
        /// From when it can be relied upon.
        ready: Timestamp,
        /// Our clock.
        now: Timestamp,
    },
    /// The replay cache did not answer: nothing is accepted unremembered (AP-47).
    ReplayCacheUnavailable {
        /// What its file or server said.
        why: String,
    },
    /// The PAC is damaged, not signed for this service or not this client's (PAC-19).
    Pac {
        /// Which rule.
        why: String,
        /// The code for the peer.
        code: ErrorCode,
    },
    /// Policy requires a PAC and there is none (PAC-19).
    PacMissing {
        /// What policy requires.
        required: &'static str,
    },
    /// The client is anonymous and the application did not ask for such (AP-41).
    Anonymous,
    /// A well-known name or realm that is not known (AP-40).
    WellKnown {
        /// The name.
        name: String,
        /// 82, 83 or 84.
        code: ErrorCode,
    },
    /// The ticket is sealed under a TGT's session key, and there is no TGT (AP-78).
    NoTgt,
    /// Only user-to-user is accepted (AP-79).
    UserToUserRequired,
    /// The server did not prove itself: its AP-REP is missing, of another exchange or forged
    /// (AP-55).
    Mutual {
        /// What is wrong with it.
        why: &'static str,
        /// The server that was to prove itself.
        server: Principal,
    },
    /// The AP-REP does not open under the session key (AP-51, AP-55): forged, or damaged.
    ReplyModified {
        /// The server that was to prove itself.
        server: Principal,
    },
    /// A KRB-SAFE, KRB-PRIV or KRB-CRED is refused (RFC 4120 §3.4.2, §3.5.2, §3.6.2).
    Session {
        /// Which of them.
        message: MsgType,
        /// Which rule it breaks.
        fault: SessionFault,
    },
    /// A per-message token is damaged (GSS-36..43).
    Message {
        /// What is wrong with it.
        why: &'static str,
        /// 31, 41, 42 ...
        code: ErrorCode,
    },
    /// A KDC's reply is not the answer to our request (KDC-03, KDC-27).
    KdcReply {
        /// Which rule it breaks.
        why: String,
    },
    /// A KDC's reply does not open under the client's key: a wrong password, key or salt (KDC-03).
    ReplyKey {
        /// The client.
        client: Principal,
        /// The enctype of its key.
        enctype: Enctype,
    },
    /// A KDC refuses a request.
    Kdc {
        /// The code for the client.
        code: ErrorCode,
        /// Why, for the KDC's operator.
        why: String,
    },
    /// None of the mechanisms that SPNEGO's initiator offers is Kerberos (NEG-07).
    NoCommonMechanism {
        /// What it offers, most wanted first.
        offered: Vec<String>,
    },
    /// A SPNEGO token breaks a rule of RFC 4178, or the negotiation was tampered with (NEG-12).
    Negotiation {
        /// Which rule.
        why: &'static str,
    },
    /// The acceptor ended the SPNEGO negotiation, and gave no reason (NEG-23).
    NegotiationRefused,
    /// A SASL message breaks a rule of its mechanism (SASL-05 to SASL-10).
    Sasl {
        /// Which rule.
        why: &'static str,
    },
    /// The SASL peer offers or chooses no security layer that we accept (SASL-08; security
    /// case 61).
    SecurityLayer {
        /// What it has, as QOP words.
        theirs: String,
        /// What we accept, as QOP words.
        ours: String,
    },
    /// The client may not act as whom it wants to act (SASL-07).
    Authorization {
        /// Who it is.
        client: Principal,
        /// Who it wants to be.
        authzid: String,
    },
}

/// What is wrong with a session message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionFault {
    /// Its checksum is not a keyed one of our key's enctype (AP-62).
    ChecksumType {
        /// Its type.
        cksumtype: i32,
    },
    /// Its checksum does not fit its contents (AP-60).
    Checksum,
    /// It does not open under our keys (AP-63, AP-73).
    Integrity,
    /// A KRB-CRED in the clear, outside of a carrier that protects it (AP-72).
    InTheClear,
    /// An address is missing or another than it has to be (AP-67, AP-68, AP-69).
    Address {
        /// `"s-address"` or `"r-address"`.
        field: &'static str,
        /// The one in the message.
        found: Option<String>,
        /// The ones that were right.
        expected: Vec<String>,
    },
    /// It has neither time nor number (AP-65).
    Undated,
    /// Its time is missing or too far from ours (AP-66, AP-71).
    Skew {
        /// Its time.
        sent: Option<Timestamp>,
        /// Our clock.
        now: Timestamp,
        /// The limit, in seconds.
        limit: u64,
    },
    /// A message of this time was received before (AP-66).
    Repeat {
        /// Its time.
        sent: Timestamp,
    },
    /// It is a message of our own, sent back to us (AP-66, AP-68).
    Reflected,
    /// Its number is missing or not the next one (AP-66).
    Order {
        /// Its number.
        found: Option<u32>,
        /// The next one.
        expected: u32,
    },
    /// Its nonce is not the one that was asked for (AP-71).
    Nonce,
    /// More messages came within two skews than are remembered (AP-47).
    TooMany {
        /// How many are remembered.
        remembered: usize,
    },
}

impl SessionFault {
    /// The error-code for the peer.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::ChecksumType { .. } => ErrorCode::KRB_AP_ERR_INAPP_CKSUM,
            Self::Checksum | Self::Undated => ErrorCode::KRB_AP_ERR_MODIFIED,
            Self::Integrity => ErrorCode::KRB_AP_ERR_BAD_INTEGRITY,
            Self::Address { .. } => ErrorCode::KRB_AP_ERR_BADADDR,
            Self::Skew { .. } => ErrorCode::KRB_AP_ERR_SKEW,
            Self::Repeat { .. } | Self::Reflected => ErrorCode::KRB_AP_ERR_REPEAT,
            Self::Order { .. } | Self::Nonce => ErrorCode::KRB_AP_ERR_BADORDER,
            Self::InTheClear | Self::TooMany { .. } => ErrorCode::KRB_ERR_GENERIC,
        }
    }
}

impl fmt::Display for SessionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChecksumType { cksumtype } => {
                write!(f, "a checksum of type {cksumtype} is not one of our key")
            }
            Self::Checksum => f.write_str("its checksum does not fit its contents"),
            Self::Integrity => f.write_str("it does not open under our keys"),
            Self::InTheClear => f.write_str("it is not encrypted, and nothing around it is"),
            Self::Address {
                field,
                found,
                expected,
            } => {
                let expected = expected.join(" or ");
                match found {
                    Some(found) => write!(f, "its {field} is {found}, not {expected}"),
                    None => write!(f, "it has no {field}, which has to be {expected}"),
                }
            }
            Self::Undated => f.write_str("it has neither a time nor a number"),
            Self::Skew {
                sent: Some(sent),
                now,
                limit,
            } => write!(
                f,
                "it is of {sent}, which is more than {limit} s from our clock, {now}"
            ),
            Self::Skew { sent: None, .. } => f.write_str("it has no time"),
            Self::Repeat { sent } => write!(f, "a message of {sent} was received before"),
            Self::Reflected => f.write_str("it is a message of our own"),
            Self::Order {
                found: Some(found),
                expected,
            } => write!(f, "its number is {found}, and {expected} was due"),
            Self::Order {
                found: None,
                expected,
            } => write!(f, "it has no number, and {expected} was due"),
            Self::Nonce => f.write_str("its nonce is not the one that was asked for"),
            Self::TooMany { remembered } => {
                write!(f, "there were more than {remembered} in a short time")
            }
        }
    }
}

/// A key that was considered for opening a ticket, and what spoke against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsideredKey {
    /// Its place in the keytab, from 1.
    pub index: usize,
    /// Whose key.
    pub principal: Principal,
    /// Its version.
    pub kvno: u32,
    /// Its enctype.
    pub enctype: Enctype,
    /// Why it was passed over.
    pub verdict: KeyVerdict,
}

/// Why a key was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyVerdict {
    /// It belongs to another principal.
    OtherPrincipal,
    /// It has another version.
    OtherVersion,
    /// It has another enctype.
    OtherEnctype,
    /// It was tried and did not open the ticket.
    DidNotDecrypt,
    /// It has another version than the ticket names, and would open it: its number in the keytab is
    /// not the KDC's.
    Misnumbered,
    /// It belongs to another principal, and would open the ticket: the two names are one account's.
    /// A ticket for another name is not accepted for that.
    Alias,
}

impl fmt::Display for KeyVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherPrincipal => "other principal",
            Self::OtherVersion => "other kvno",
            Self::OtherEnctype => "other enctype",
            Self::DidNotDecrypt => "did not decrypt",
            Self::Misnumbered => "other kvno, but it opens the ticket",
            Self::Alias => "other principal, but it opens the ticket",
        })
    }
}

impl fmt::Display for ConsideredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "#{} {} kvno {} {}: {}",
            self.index, self.principal, self.kvno, self.enctype, self.verdict
        )
    }
}

/// A KRB-ERROR from the peer or a KDC.
#[derive(Clone, Debug)]
pub struct PeerError {
    /// Its error-code.
    pub code: ErrorCode,
    /// Its e-text.
    pub text: Option<String>,
    /// Its e-data, undecoded.
    pub data: Option<Vec<u8>>,
    /// The server's time.
    pub stime: Timestamp,
    /// Our time when it arrived.
    pub now: Timestamp,
    /// The client it names.
    pub client: Option<String>,
    /// The server it names.
    pub server: String,
    /// What the request was made with, where that is known and no secret: the kind of the client's
    /// key, its enctype and salt.
    pub tried: Option<String>,
}

impl PeerError {
    /// What `error` says, arrived at `now`.
    pub fn new(error: &KrbError<'_>, now: Timestamp) -> Self {
        let name = |realm: &KerberosString<'_>, name: &PrincipalName<'_>| {
            Principal::from_wire(realm, name)
                .map(|p| p.to_string())
                .ok()
        };
        let client = match (&error.crealm, &error.cname) {
            (Some(crealm), Some(cname)) => name(crealm, cname),
            _ => None,
        };
        Self {
            code: error.error_code,
            text: error.e_text.map(|text| text.as_str().to_owned()),
            data: error.e_data.map(|data| data.as_bytes().to_vec()),
            stime: Timestamp::new(error.stime, error.susec.get()),
            now,
            client,
            server: name(&error.realm, &error.sname).unwrap_or_default(),
            tried: None,
        }
    }
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// Its name as the user knows it.
    pub path: String,
    /// The line, or for a binary file the offset, where it went wrong.
    pub at: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{}, at {at}: {}", self.path, self.what),
            None => write!(f, "{}: {}", self.path, self.what),
        }
    }
}

impl Error {
    /// A rejection of ours.
    pub fn rejected(rejection: Rejection) -> Self {
        Self::Rejected(Box::new(rejection))
    }

    /// The error-code for the peer, always one of RFC 4120 §7.5.9 and its extensions: a number
    /// that is none of these becomes KRB_ERR_GENERIC (security case 25).
    pub fn protocol_code(&self) -> ErrorCode {
        let code = match self {
            Self::Rejected(rejection) => rejection.protocol_code(),
            Self::Peer(error) => error.code,
            Self::Crypto(error) => crypto_code(error),
            Self::Preauthentication(_) => ErrorCode::KDC_ERR_PADATA_TYPE_NOSUPP,
            Self::Malformed(_)
            | Self::Unsupported(_)
            | Self::File(_)
            | Self::Unreachable { .. }
            | Self::Misuse(_)
            | Self::Random => ErrorCode::KRB_ERR_GENERIC,
        };
        match code.name() {
            Some(_) => code,
            None => ErrorCode::KRB_ERR_GENERIC,
        }
    }
}

/// The error-code for a key, parameter or checksum that cannot be used.
fn crypto_code(error: &CryptoError) -> ErrorCode {
    match error {
        CryptoError::UnsupportedEnctype(_) => ErrorCode::KDC_ERR_ETYPE_NOSUPP,
        CryptoError::UnsupportedChecksum(_) => ErrorCode::KDC_ERR_SUMTYPE_NOSUPP,
        CryptoError::ChecksumMismatch { .. } => ErrorCode::KRB_AP_ERR_INAPP_CKSUM,
        CryptoError::Integrity | CryptoError::TooShort { .. } => {
            ErrorCode::KRB_AP_ERR_BAD_INTEGRITY
        }
        CryptoError::KeyLength { .. }
        | CryptoError::IterationCount { .. }
        | CryptoError::StringToKeyParameter { .. }
        | CryptoError::PasswordEncoding(_)
        | CryptoError::InvalidUsage(_)
        | CryptoError::OutputLength { .. }
        | CryptoError::Random => ErrorCode::KRB_ERR_GENERIC,
    }
}

impl Rejection {
    /// The error-code for the peer.
    pub fn protocol_code(&self) -> ErrorCode {
        use Rejection::*;
        match self {
            MessageType { .. } => ErrorCode::KRB_AP_ERR_MSG_TYPE,
            Version { .. } => ErrorCode::KRB_AP_ERR_BADVERSION,
            NotUs { .. } => ErrorCode::KRB_AP_ERR_NOT_US,
            NoKey { .. } => ErrorCode::KRB_AP_ERR_NOKEY,
            KeyVersion { .. } | KeyEnctype { .. } => ErrorCode::KRB_AP_ERR_BADKEYVER,
            Enctype { .. } => ErrorCode::KDC_ERR_ETYPE_NOSUPP,
            WrongKey { .. }
            | TicketModified { .. }
            | AuthenticatorModified { .. }
            | ReplyModified { .. }
            | ReplyKey { .. } => ErrorCode::KRB_AP_ERR_BAD_INTEGRITY,
            ClientMismatch { .. } => ErrorCode::KRB_AP_ERR_BADMATCH,
            Address { .. } => ErrorCode::KRB_AP_ERR_BADADDR,
            Skew { .. } => ErrorCode::KRB_AP_ERR_SKEW,
            NotYetValid { .. } | InvalidFlag { .. } => ErrorCode::KRB_AP_ERR_TKT_NYV,
            Expired { .. } => ErrorCode::KRB_AP_ERR_TKT_EXPIRED,
            Transited { .. } => ErrorCode::KRB_AP_PATH_NOT_ACCEPTED,
            ChecksumType { .. } | ChecksumMissing => ErrorCode::KRB_AP_ERR_INAPP_CKSUM,
            ChecksumMismatch => ErrorCode::KRB_AP_ERR_MODIFIED,
            Replay { .. } | ReplayCacheYoung { .. } => ErrorCode::KRB_AP_ERR_REPEAT,
            Pac { code, .. } | WellKnown { code, .. } | Message { code, .. } | Kdc { code, .. } => {
                *code
            }
            Session { fault, .. } => fault.code(),
            PacMissing { .. } => ErrorCode::KDC_ERR_POLICY,
            NoTgt => ErrorCode::KRB_AP_ERR_NO_TGT,
            UserToUserRequired => ErrorCode::KRB_AP_ERR_USER_TO_USER_REQUIRED,
            Mutual { .. } => ErrorCode::KRB_AP_ERR_MUT_FAIL,
            AuthorizationData { .. }
            | GssChecksum { .. }
            | Mechanism { .. }
            | ChannelBindings { .. }
            | ReplayCacheFull { .. }
            | ReplayCacheUnavailable { .. }
            | Anonymous
            | KdcReply { .. }
            | NoCommonMechanism { .. }
            | Negotiation { .. }
            | NegotiationRefused
            | Sasl { .. }
            | SecurityLayer { .. }
            | Authorization { .. } => ErrorCode::KRB_ERR_GENERIC,
        }
    }
}

impl std::error::Error for Error {}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::rejected(rejection)
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Self::File(Box::new(error))
    }
}

impl From<RandomUnavailable> for Error {
    fn from(_: RandomUnavailable) -> Self {
        Self::Random
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::Malformed(Malformed::new("principal name", 0, error.to_string()))
    }
}

impl From<CryptoError> for Error {
    /// For errors of keys and parameters. An integrity failure is turned into the [`Rejection`]
    /// that names the culprit where it happens.
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::Random => Self::Random,
            CryptoError::Integrity => Self::rejected(Rejection::Message {
                why: "the integrity check failed",
                code: ErrorCode::KRB_AP_ERR_BAD_INTEGRITY,
            }),
            other => Self::Crypto(other),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain().message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{ChecksumType, KeyUsage};

    /// What is not supported has the code of its kind.
    #[test]
    fn case_025_codes_of_what_is_not_supported() {
        let enctype = Enctype::DES_CBC_CRC;
        for (error, code) in [
            (CryptoError::UnsupportedEnctype(enctype), 14),
            (CryptoError::UnsupportedChecksum(ChecksumType(4711)), 15),
            (
                CryptoError::ChecksumMismatch {
                    checksum: ChecksumType::RSA_MD5,
                    key: enctype,
                },
                50,
            ),
            (CryptoError::Integrity, 31),
            (
                CryptoError::TooShort {
                    enctype,
                    minimum: 28,
                    actual: 3,
                },
                31,
            ),
            (
                CryptoError::KeyLength {
                    enctype,
                    expected: 8,
                    actual: 7,
                },
                60,
            ),
            (
                CryptoError::IterationCount {
                    count: 1 << 31,
                    maximum: 1,
                },
                60,
            ),
            (CryptoError::InvalidUsage(KeyUsage(0)), 60),
            (CryptoError::Random, 60),
        ] {
            assert_eq!(
                Error::from(error.clone()).protocol_code().0,
                code,
                "{error}"
            );
        }
        let file = Error::Unsupported("keytab type MEMORY".into());
        assert_eq!(file.protocol_code().0, 60);
        let offers = Error::Preauthentication("the KDC accepts no PA-ENC-TIMESTAMP".into());
        assert_eq!(offers.protocol_code().0, 16);
    }
}
