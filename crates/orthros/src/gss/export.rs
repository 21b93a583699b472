//! An established context, carried from one process to another (GSS_Export_sec_context).
//!
//! ```text
//! SecurityContext ─export─▶ octets, sealed under a key of the caller's ─import─▶ SecurityContext
//! ```
//!
//! The octets hold everything that a context needs to go on: keys, the next number to send, the
//! window of those received, flags and names, the end of the ticket, how the channel bindings
//! compared, credentials that were delegated, and the peer with its ticket and verified PAC. Of
//! these nothing can be read without the key, and no bit of them changed.
//!
//! Two things are not in them. The source of randomness is given again on import. And that they are
//! imported once: whoever imports the same octets twice has two contexts that send the same numbers
//! and each take the same tokens. Keep them as one keeps a key, and let them go when they are read.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use orthros::{crypto::Key, error::Error, gss::SecurityContext, random::OsRandom};
//! fn hand_over(context: SecurityContext, key: &Key) -> Result<Vec<u8>, Error> {
//!     context.export(key, &OsRandom)
//! }
//!
//! fn take_over(octets: &[u8], key: &Key) -> Result<SecurityContext, Error> {
//!     SecurityContext::import(octets, key, Arc::new(OsRandom))
//! }
//! ```

use std::sync::Arc;

use der::Sequence;
use zeroize::Zeroizing;

use super::bindings::{BindingOutcome, BindingType};
use super::checksum::ContextFlags;
use super::context::{ContextInfo, SecurityContext};
use super::message::Role;
use super::window::Window;
use crate::ap::session::cred;
use crate::ap::{Peer, SessionKeys};
use crate::credentials::Credentials;
use crate::crypto::{CryptoError, Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::random::Random;
use crate::time::KerberosTime;
use crate::wire::primitive::{from_der, to_der};
use crate::wire::{
    EncryptionKey, ErrorCode, KerberosString, KrbCredInfo, Malformed, OctetString, PrincipalName,
    Raw,
};

/// The version of what is exported. Another one is refused: the octets are for a while, not for
/// ever.
const VERSION: u32 = 1;

const OUTER: &str = "ExportedContext";
const INNER: &str = "ContextState";

/// ```text
/// ExportedContext ::= SEQUENCE {
///         version         [0] INTEGER (1),
///         etype           [1] Int32 -- of the caller's key --,
///         cipher          [2] OCTET STRING -- ContextState --
/// }
/// ```
#[derive(Sequence)]
struct ExportedContext<'a> {
    #[asn1(context_specific = "0")]
    version: u32,
    #[asn1(context_specific = "1")]
    etype: i32,
    #[asn1(context_specific = "2")]
    cipher: OctetString<'a>,
}

/// ```text
/// ContextState    ::= SEQUENCE {
///         version          [0] INTEGER (1),
///         by-acceptor      [1] BOOLEAN,
///         flags            [2] INTEGER,
///         endtime          [3] KerberosTime,
///         crealm           [4] Realm,
///         cname            [5] PrincipalName,
///         srealm           [6] Realm,
///         sname            [7] PrincipalName,
///         session          [8] EncryptionKey,
///         initiator-subkey [9] EncryptionKey OPTIONAL,
///         acceptor-subkey  [10] EncryptionKey OPTIONAL,
///         initiator-seq    [11] INTEGER,
///         acceptor-seq     [12] INTEGER,
///         next             [13] INTEGER -- to be sent --,
///         received         [14] Received,
///         bindings         [15] INTEGER,
///         delegated        [16] SEQUENCE OF DelegatedTicket,
///         peer             [17] OCTET STRING OPTIONAL -- PeerRecord --
/// }
/// ```
#[derive(Sequence)]
struct ContextState<'a> {
    #[asn1(context_specific = "0")]
    version: u32,
    #[asn1(context_specific = "1")]
    by_acceptor: bool,
    #[asn1(context_specific = "2")]
    flags: u32,
    #[asn1(context_specific = "3")]
    endtime: KerberosTime,
    #[asn1(context_specific = "4")]
    crealm: KerberosString<'a>,
    #[asn1(context_specific = "5")]
    cname: PrincipalName<'a>,
    #[asn1(context_specific = "6")]
    srealm: KerberosString<'a>,
    #[asn1(context_specific = "7")]
    sname: PrincipalName<'a>,
    #[asn1(context_specific = "8")]
    session: EncryptionKey<'a>,
    #[asn1(context_specific = "9", optional = "true")]
    initiator_subkey: Option<EncryptionKey<'a>>,
    #[asn1(context_specific = "10", optional = "true")]
    acceptor_subkey: Option<EncryptionKey<'a>>,
    #[asn1(context_specific = "11")]
    initiator_seq: u32,
    #[asn1(context_specific = "12")]
    acceptor_seq: u32,
    #[asn1(context_specific = "13")]
    next: u64,
    #[asn1(context_specific = "14")]
    received: Received,
    #[asn1(context_specific = "15")]
    bindings: u32,
    #[asn1(context_specific = "16")]
    delegated: Vec<DelegatedTicket<'a>>,
    #[asn1(context_specific = "17", optional = "true")]
    peer: Option<OctetString<'a>>,
}

/// ```text
/// Received        ::= SEQUENCE {
///         base            [0] INTEGER,
///         next            [1] INTEGER -- from base, to 2^64 --,
///         seen            [2] INTEGER -- bit n: next - 1 - n --,
///         replay          [3] BOOLEAN,
///         sequence        [4] BOOLEAN
/// }
/// ```
#[derive(Sequence)]
struct Received {
    #[asn1(context_specific = "0")]
    base: u64,
    #[asn1(context_specific = "1")]
    next: u128,
    #[asn1(context_specific = "2")]
    seen: u64,
    #[asn1(context_specific = "3")]
    replay: bool,
    #[asn1(context_specific = "4")]
    sequence: bool,
}

/// ```text
/// DelegatedTicket       ::= SEQUENCE {
///         ticket          [0] Ticket,
///         info            [1] KrbCredInfo,
///         clock-offset    [2] INTEGER,
///         second-ticket   [3] OCTET STRING OPTIONAL
/// }
/// ```
#[derive(Sequence)]
struct DelegatedTicket<'a> {
    #[asn1(context_specific = "0")]
    ticket: Raw<'a>,
    #[asn1(context_specific = "1")]
    info: KrbCredInfo<'a>,
    #[asn1(context_specific = "2")]
    clock_offset: i64,
    #[asn1(context_specific = "3", optional = "true")]
    second_ticket: Option<OctetString<'a>>,
}

impl SecurityContext {
    /// Everything about the context, sealed under `key`, which is of an AES enctype and belongs to
    /// the caller: the context goes on where these octets are [imported](Self::import), and nowhere
    /// else, so that no number is used twice.
    ///
    /// If it fails the context is gone, too.
    pub fn export(self, key: &Key, random: &dyn Random) -> Result<Vec<u8>, Error> {
        sealing(key)?;
        let (info, sender, receiver) = self.split();
        let peer = info.peer.as_ref().map(Peer::record).transpose()?;
        let delegated: Result<_, _> = info.delegated.iter().map(delegated).collect();
        let window = &receiver.window;
        let state = ContextState {
            version: VERSION,
            by_acceptor: info.role == Role::Acceptor,
            flags: info.flags.0,
            endtime: info.endtime,
            crealm: info.initiator.realm_to_wire(),
            cname: info.initiator.to_wire(),
            srealm: info.acceptor.realm_to_wire(),
            sname: info.acceptor.to_wire(),
            session: to_wire(&info.keys.session),
            initiator_subkey: info.keys.initiator_subkey.as_ref().map(to_wire),
            acceptor_subkey: info.keys.acceptor_subkey.as_ref().map(to_wire),
            initiator_seq: info.keys.initiator_seq,
            acceptor_seq: info.keys.acceptor_seq,
            next: sender.next_number(),
            received: Received {
                base: window.base,
                next: window.next,
                seen: window.seen,
                replay: window.replay,
                sequence: window.sequence,
            },
            bindings: outcome_number(info.bindings)?,
            delegated: delegated?,
            peer: peer.as_ref().map(|octets| OctetString(octets)),
        };
        let state = Zeroizing::new(to_der(INNER, &state)?);
        let cipher = key.encrypt(KeyUsage::EXPORTED_CONTEXT, &state, random)?;
        let exported = ExportedContext {
            version: VERSION,
            etype: key.enctype().0,
            cipher: OctetString(&cipher),
        };
        Ok(to_der(OUTER, &exported)?)
    }

    /// The context in octets that [`export`](Self::export) sealed under `key`.
    ///
    /// Another version is [`Error::Unsupported`], a key of another enctype [`Rejection::Enctype`],
    /// another key or a changed octet [`Rejection::Message`]; what is cut off or added
    /// [`Error::Malformed`].
    pub fn import(exported: &[u8], key: &Key, random: Arc<dyn Random>) -> Result<Self, Error> {
        sealing(key)?;
        let exported: ExportedContext<'_> = from_der(OUTER, exported)?;
        known(exported.version)?;
        if exported.etype != key.enctype().0 {
            return Err(Rejection::Enctype {
                what: "exported context",
                enctype: Enctype(exported.etype),
                permitted: vec![key.enctype()],
            }
            .into());
        }
        let state = key.decrypt(KeyUsage::EXPORTED_CONTEXT, exported.cipher.as_bytes());
        let state = Zeroizing::new(state.map_err(refused)?);
        let state: ContextState<'_> = from_der(INNER, &state)?;
        known(state.version)?;
        let received = &state.received;
        if received.next > 1 << 64 {
            return Err(
                Malformed::new(INNER, 0, "more was received than there are numbers").into(),
            );
        }
        let window = Window {
            base: received.base,
            next: received.next,
            seen: received.seen,
            replay: received.replay,
            sequence: received.sequence,
        };
        let delegated: Result<_, Error> = state.delegated.iter().map(credentials).collect();
        let peer = state.peer.map(|octets| Peer::restore(octets.as_bytes()));
        let info = ContextInfo {
            role: match state.by_acceptor {
                true => Role::Acceptor,
                false => Role::Initiator,
            },
            flags: ContextFlags(state.flags),
            initiator: Principal::from_wire(&state.crealm, &state.cname)?,
            acceptor: Principal::from_wire(&state.srealm, &state.sname)?,
            endtime: state.endtime,
            keys: SessionKeys {
                session: from_wire(&state.session)?,
                initiator_subkey: state.initiator_subkey.as_ref().map(from_wire).transpose()?,
                acceptor_subkey: state.acceptor_subkey.as_ref().map(from_wire).transpose()?,
                initiator_seq: state.initiator_seq,
                acceptor_seq: state.acceptor_seq,
            },
            peer: peer.transpose()?,
            delegated: delegated?,
            bindings: outcome(state.bindings)?,
        };
        let mut context = Self::new(info, random)?;
        context.sender().go_on_at(state.next);
        context.receiver().window = window;
        Ok(context)
    }
}

/// What seals has to be a key of AES.
fn sealing(key: &Key) -> Result<(), Error> {
    match key.enctype() {
        enctype if enctype.is_newer() => Ok(()),
        other => Err(CryptoError::UnsupportedEnctype(other).into()),
    }
}

/// Of a key that does not open them, and of octets that are others, there is one error.
fn refused(error: CryptoError) -> Error {
    match error {
        CryptoError::Integrity => Rejection::Message {
            why: "the exported context was changed, or is sealed under another key",
            code: ErrorCode::KRB_AP_ERR_BAD_INTEGRITY,
        }
        .into(),
        other => other.into(),
    }
}

fn known(version: u32) -> Result<(), Error> {
    match version {
        VERSION => Ok(()),
        other => {
            let what = format!("an exported context of version {other}");
            Err(Error::Unsupported(what))
        }
    }
}

fn to_wire(key: &Key) -> EncryptionKey<'_> {
    EncryptionKey {
        keytype: key.enctype().0,
        keyvalue: OctetString(key.expose()),
    }
}

fn from_wire(key: &EncryptionKey<'_>) -> Result<Key, CryptoError> {
    Key::new(Enctype(key.keytype), key.keyvalue.as_bytes())
}

fn delegated(credentials: &Credentials) -> Result<DelegatedTicket<'_>, Error> {
    let second = credentials.second_ticket.as_deref();
    Ok(DelegatedTicket {
        ticket: Raw::new(&credentials.ticket)?,
        info: cred::info(credentials),
        clock_offset: credentials.clock_offset,
        second_ticket: second.map(OctetString),
    })
}

fn credentials(delegated: &DelegatedTicket<'_>) -> Result<Credentials, Error> {
    let second = delegated.second_ticket.as_ref();
    Ok(Credentials {
        clock_offset: delegated.clock_offset,
        second_ticket: second.map(|octets| octets.as_bytes().to_vec()),
        ..cred::one(&delegated.ticket, &delegated.info)?
    })
}

const TYPES: [BindingType; 4] = [
    BindingType::ServerEndPoint,
    BindingType::Exporter,
    BindingType::Unique,
    BindingType::Other,
];

/// Three bits for the outcome; if the bindings agree two for their type, and the place of the
/// candidate.
fn outcome_number(outcome: BindingOutcome) -> Result<u32, Malformed> {
    Ok(match outcome {
        BindingOutcome::NotCompared => 0,
        BindingOutcome::Absent => 1,
        BindingOutcome::Withheld => 2,
        BindingOutcome::Agree {
            candidate,
            binding_type,
        } => {
            let kind = TYPES.iter().position(|known| *known == binding_type);
            let number = kind.zip(candidate.checked_mul(32));
            number
                .and_then(|(kind, place)| u32::try_from(3 | kind << 3 | place).ok())
                .ok_or_else(|| Malformed::new(INNER, 0, "too many candidate bindings"))?
        }
        BindingOutcome::Differ => 4,
    })
}

fn outcome(number: u32) -> Result<BindingOutcome, Malformed> {
    Ok(match number {
        0 => BindingOutcome::NotCompared,
        1 => BindingOutcome::Absent,
        2 => BindingOutcome::Withheld,
        4 => BindingOutcome::Differ,
        agree if agree & 7 == 3 => {
            let [_, kind, candidate] = [0, 3, 5].map(|bits| agree as usize >> bits);
            BindingOutcome::Agree {
                candidate,
                binding_type: TYPES.get(kind & 3).copied().unwrap_or(BindingType::Other),
            }
        }
        _ => return Err(Malformed::new(INNER, 0, "no such outcome of bindings")),
    })
}
