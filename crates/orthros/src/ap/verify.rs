//! RFC 4120 §3.2.3, check by check, in one fixed order.
//!
//! ```text
//! ApReq ─key found▶ TicketOpened ─session key▶ Claimed ─┬─ names agree ──▶ SameClient
//!                                                       ├─ address ──────▶ Admissible
//!                                                       ├─ now in window ▶ InTime
//!                                                       ├─ realms ───────▶ PathAccepted
//!                                                       ├─ data, PAC ────▶ Authorized
//!                                                       ├─ checksum ─────▶ Bound
//!                                                       └─ not seen ─────▶ Fresh
//! ```
//!
//! Each check gives a value that cannot be had otherwise, and a [`Peer`](super::Peer) is made of
//! all of them.

use std::sync::Arc;
use std::time::Duration;

use super::address::{AddressPolicy, HostAddr};
use super::authdata::{self, TicketData, UnknownCritical};
use super::binding::{Binding, BindingKeys};
use super::error_reply::Known;
use super::keys::{self, OpenedWith, ServiceKeys};
use super::policy::{Accepts, InvalidPac, PacPolicy};
use super::ticket::OpenTicket;
use super::transited::TransitedPolicy;
use crate::cause::recognised;
use crate::crypto::{Cipher, Enctype, Key, KeyUsage, Mac};
use crate::error::{Error, Rejection};
use crate::pac::{Pac, VerifiedPac};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    AddrType, ApOptions, ApReq, Authenticator, AuthorizationDataElement, EncTicketPart,
    EncryptionKey, ErrorCode, HostAddress, KRB5_PVNO, Message, MsgType, NameType, OctetString,
    Ticket, TicketFlags, TransitedEncoding, primitive::application_number,
};

/// Decodes an AP-REQ (AP-13, AP-14); nothing is verified.
pub(super) fn decode(octets: &[u8]) -> Result<ApReq<'_>, Error> {
    let refuse_type = |found: String| Rejection::MessageType {
        expected: "AP-REQ",
        found,
    };
    // Another message of the protocol: its type is the news.
    if let Some(number) = application_number(octets).filter(|n| *n != ApReq::APPLICATION) {
        return Err(refuse_type(MsgType(number.into()).to_string()).into());
    }
    let request = ApReq::from_bytes(octets).map_err(|error| recognised(error, octets))?;
    if request.msg_type != MsgType::AP_REQ.0 {
        return Err(refuse_type(format!("msg-type {}", request.msg_type)).into());
    }
    version("pvno", request.pvno)?;
    Ok(request)
}

/// Decodes the ticket in an AP-REQ, and whom it is for (AP-14, AP-15); nothing is verified.
pub(super) fn decode_ticket<'a>(request: &ApReq<'a>) -> Result<(Ticket<'a>, Principal), Error> {
    let ticket = Ticket::from_bytes(request.ticket.as_bytes())?;
    version("tkt-vno", ticket.tkt_vno)?;
    let server = Principal::from_wire(&ticket.realm, &ticket.sname)?;
    Ok((ticket, server))
}

/// AP-14.
fn version(field: &'static str, found: i32) -> Result<(), Rejection> {
    if found == KRB5_PVNO {
        Ok(())
    } else {
        Err(Rejection::Version { field, found })
    }
}

/// AP-24: `what` is of an enctype that policy permits.
pub(super) fn permitted(
    what: &'static str,
    enctype: Enctype,
    permitted: &[Enctype],
) -> Result<(), Rejection> {
    if permitted.contains(&enctype) {
        Ok(())
    } else {
        Err(Rejection::Enctype {
            what,
            enctype,
            permitted: permitted.to_vec(),
        })
    }
}

/// A ticket that a key of ours opened.
pub(super) struct TicketOpened<'k> {
    pub(super) sealed_by: SealedBy<'k>,
    pub(super) fallback: bool,
    pub(super) octets: Secret,
}

/// Which key sealed a ticket.
pub(super) enum SealedBy<'k> {
    /// A long-term key.
    Service(&'k super::ServiceKey),
    /// The session key of our TGT: user-to-user.
    Tgt(&'k Key),
}

impl SealedBy<'_> {
    pub(super) fn key(&self) -> &Key {
        match self {
            Self::Service(service) => service.key(),
            Self::Tgt(session) => session,
        }
    }

    fn verify_pac(
        &self,
        pac: Pac<'_>,
        client: &Principal,
        authtime: KerberosTime,
    ) -> Result<VerifiedPac, Rejection> {
        let verify = |mac: &Mac| pac.verify(mac, client, authtime).map_err(Rejection::from);
        match self {
            Self::Service(service) => verify(service.pac_mac().map_err(no_mac)?),
            Self::Tgt(session) => verify(&session.mac(KeyUsage::NON_KERB_CKSUM).map_err(no_mac)?),
        }
    }
}

fn no_mac(error: crate::crypto::CryptoError) -> Rejection {
    Rejection::Pac {
        why: error.to_string(),
        code: ErrorCode::KDC_ERR_SUMTYPE_NOSUPP,
    }
}

/// Chooses the key and opens the ticket (AP-16 to AP-24, AP-78, AP-79).
pub(super) fn open_ticket<'k>(
    options: ApOptions,
    (ticket, server): &(Ticket<'_>, Principal),
    keys: &'k ServiceKeys,
    accepts: &Accepts,
    enctypes: &[Enctype],
    tgt: Option<&'k Key>,
    user_to_user_only: bool,
) -> Result<TicketOpened<'k>, Rejection> {
    if !accepts.accept(server) {
        return Err(Rejection::NotUs {
            ticket: server.clone(),
            accepts: match keys.iter().any(|key| key.principal() == server) {
                true => format!("{accepts} (and the keytab has a key of the ticket's server)"),
                false => format!("{accepts} (and the keytab has no key of the ticket's server)"),
            },
        });
    }
    // Before it is decrypted: nothing runs a cipher that policy has switched off.
    let enctype = Enctype(ticket.enc_part.etype);
    permitted("ticket", enctype, enctypes)?;
    if options.contains(ApOptions::USE_SESSION_KEY) {
        let tgt = tgt.ok_or(Rejection::NoTgt)?;
        return Ok(TicketOpened {
            sealed_by: SealedBy::Tgt(tgt),
            fallback: false,
            octets: keys::open_user_to_user(tgt, &ticket.enc_part, server)?,
        });
    }
    if user_to_user_only {
        return Err(Rejection::UserToUserRequired);
    }
    let OpenedWith {
        key,
        fallback,
        plaintext,
    } = keys.open(ticket, server)?;
    Ok(TicketOpened {
        sealed_by: SealedBy::Service(key),
        fallback,
        octets: plaintext,
    })
}

/// A key in a message, if policy permits its enctype (AP-24).
fn key_of(what: &'static str, key: &EncryptionKey<'_>, enctypes: &[Enctype]) -> Result<Key, Error> {
    permitted(what, Enctype(key.keytype), enctypes)?;
    Ok(Key::new(Enctype(key.keytype), key.keyvalue.as_bytes())?)
}

/// What ticket and authenticator say; the client claims to be the ticket's.
pub(super) struct Claimed<'t, 'a> {
    pub(super) part: EncTicketPart<'t>,
    pub(super) client: Principal,
    pub(super) session_key: Key,
    pub(super) authenticator: Authenticator<'a>,
    pub(super) subkey: Option<Key>,
    pub(super) ctime: Timestamp,
}

/// The sealed part of a ticket, decoded, with its session key (AP-24).
pub(super) fn ticket_part<'t>(
    octets: &'t [u8],
    enctypes: &[Enctype],
) -> Result<(EncTicketPart<'t>, Principal, Key), Error> {
    let part = EncTicketPart::from_bytes(octets)?;
    let client = Principal::from_wire(&part.crealm, &part.cname)?;
    let session_key = key_of("session key", &part.key, enctypes)?;
    Ok((part, client, session_key))
}

/// The same of a ticket that was opened before, without its authorization data, which was judged
/// then ([`Vouching::Known`]).
pub(super) fn known_part(ticket: &OpenTicket) -> (EncTicketPart<'_>, Principal, Key) {
    let (client, session_key) = (&ticket.client, &ticket.session_key);
    let (tr_type, contents) = &ticket.transited;
    let part = EncTicketPart {
        flags: ticket.flags,
        key: EncryptionKey {
            keytype: session_key.enctype().0,
            keyvalue: OctetString(session_key.expose()),
        },
        crealm: client.realm_to_wire(),
        cname: client.to_wire(),
        transited: TransitedEncoding {
            tr_type: *tr_type,
            contents: OctetString(contents),
        },
        authtime: ticket.authtime,
        starttime: ticket.starttime,
        endtime: ticket.endtime,
        renew_till: ticket.renew_till,
        caddr: match ticket.addresses.is_empty() {
            true => None,
            false => Some(ticket.addresses.iter().map(address).collect()),
        },
        authorization_data: None,
    };
    (part, client.clone(), session_key.clone())
}

fn address((addr_type, address): &(AddrType, Vec<u8>)) -> HostAddress<'_> {
    HostAddress {
        addr_type: *addr_type,
        address: OctetString(address),
    }
}

/// The authenticator's cipher text, decrypted with the session key (AP-25): `cipher` is of usage
/// 11, or 7 in a TGS-REQ (AP-04).
pub(super) fn open_authenticator(
    request: &ApReq<'_>,
    cipher: &Cipher,
    client: &Principal,
) -> Result<Secret, Error> {
    let sealed = &request.authenticator;
    let refuse = || Rejection::AuthenticatorModified {
        client: client.clone(),
        enctype: cipher.enctype(),
    };
    if Enctype(sealed.etype) != cipher.enctype() {
        return Err(refuse().into());
    }
    match cipher.decrypt(sealed.cipher.as_bytes()) {
        Ok(octets) => Ok(Secret::new(octets)),
        Err(_) => Err(refuse().into()),
    }
}

/// Decodes the authenticator (AP-14, AP-24). From then on a KRB-ERROR can name client and time
/// (AP-74).
pub(super) fn claim<'t, 'a>(
    (part, client, session_key): (EncTicketPart<'t>, Principal, Key),
    authenticator: &'a [u8],
    enctypes: &[Enctype],
    known: &mut Known,
) -> Result<Claimed<'t, 'a>, Error> {
    let authenticator = Authenticator::from_bytes(authenticator)?;
    let ctime = Timestamp::new(authenticator.ctime, authenticator.cusec.get());
    known.ctime = Some(ctime);
    known.client = Some(client.clone());
    version("authenticator-vno", authenticator.authenticator_vno)?;
    let subkey = match &authenticator.subkey {
        Some(subkey) => Some(key_of("subkey", subkey, enctypes)?),
        None => None,
    };
    Ok(Claimed {
        part,
        client,
        session_key,
        authenticator,
        subkey,
        ctime,
    })
}

/// Ticket and authenticator name one client.
pub(super) struct SameClient(());

/// AP-26, AP-40: realm and components are equal, octet for octet; well-known names are ones we
/// know.
pub(super) fn same_client(
    claimed: &Claimed<'_, '_>,
    server: &Principal,
) -> Result<SameClient, Rejection> {
    let Claimed {
        client,
        authenticator,
        ..
    } = claimed;
    if !client.matches(&authenticator.crealm, &authenticator.cname) {
        let named = Principal::from_wire(&authenticator.crealm, &authenticator.cname);
        return Err(Rejection::ClientMismatch {
            ticket: client.clone(),
            authenticator: named.map_or_else(|_| "no name".to_owned(), |p| p.to_string()),
        });
    }
    known_name(client)?;
    known_name(server)?;
    Ok(SameClient(()))
}

/// RFC 6111: `WELLKNOWN/ANONYMOUS` and the realm `WELLKNOWN:ANONYMOUS` are the only well-known
/// names.
fn known_name(principal: &Principal) -> Result<(), Rejection> {
    let unknown = |code| {
        Err(Rejection::WellKnown {
            name: principal.to_string(),
            code,
        })
    };
    if principal.realm().starts_with("WELLKNOWN:") && principal.realm() != "WELLKNOWN:ANONYMOUS" {
        return unknown(ErrorCode::KRB_AP_ERR_REALM_UNKNOWN);
    }
    if principal.component(0) == Some("WELLKNOWN") {
        if is_anonymous(principal) {
            return Ok(());
        }
        return unknown(ErrorCode::KRB_AP_ERR_PRINCIPAL_UNKNOWN);
    }
    if principal.name_type() == NameType::WELLKNOWN {
        return unknown(ErrorCode::KRB_AP_ERR_PRINCIPAL_RESERVED);
    }
    Ok(())
}

pub(super) fn is_anonymous(principal: &Principal) -> bool {
    principal.components().eq(["WELLKNOWN", "ANONYMOUS"])
}

/// When the KDC sealed the ticket, by its own clock; of a postdated ticket nothing says it.
fn issued(part: &EncTicketPart<'_>) -> Option<KerberosTime> {
    let postdated = TicketFlags::POSTDATED | TicketFlags::INVALID;
    match part.flags.0 & postdated.0 {
        0 => Some(part.starttime.unwrap_or(part.authtime)),
        _ => None,
    }
}

/// The ticket may be used from where it came.
pub(super) struct Admissible(());

/// AP-27, AP-41.
pub(super) fn admissible(
    claimed: &Claimed<'_, '_>,
    addresses: AddressPolicy,
    peer: Option<&HostAddr>,
    anonymous: bool,
) -> Result<Admissible, Rejection> {
    addresses.check(peer, claimed.part.caddr.as_deref())?;
    let flagged = claimed.part.flags.contains(TicketFlags::ANONYMOUS);
    if (flagged || is_anonymous(&claimed.client)) && !anonymous {
        return Err(Rejection::Anonymous);
    }
    Ok(Admissible(()))
}

/// Authenticator and ticket are of now.
pub(super) struct InTime {
    /// The client's clock minus ours, in microseconds.
    pub(super) offset: i64,
}

/// AP-28 to AP-31. A TGS-REQ may bring a ticket that is to be validated (`invalid_allowed`).
pub(super) fn in_time(
    claimed: &Claimed<'_, '_>,
    now: Timestamp,
    skew: Duration,
    invalid_allowed: bool,
) -> Result<InTime, Rejection> {
    let part = &claimed.part;
    let limit = i64::try_from(skew.as_micros()).unwrap_or(i64::MAX);
    let offset = claimed.ctime.micros_since(now);
    if offset.saturating_abs() > limit {
        return Err(Rejection::Skew {
            client_time: claimed.ctime,
            now,
            limit: skew.as_secs(),
            issued: issued(part),
        });
    }
    let starttime = part.starttime.unwrap_or(part.authtime);
    if Timestamp::from(starttime) > now.offset(limit) {
        return Err(Rejection::NotYetValid { starttime, now });
    }
    if part.flags.contains(TicketFlags::INVALID) && !invalid_allowed {
        return Err(Rejection::InvalidFlag { flags: part.flags });
    }
    if now > Timestamp::from(part.endtime).offset(limit) {
        return Err(Rejection::Expired {
            endtime: part.endtime,
            now,
        });
    }
    Ok(InTime { offset })
}

/// The realms between the client's and ours may stand there.
pub(super) struct PathAccepted(());

/// AP-32, AP-33.
pub(super) fn transited(
    claimed: &Claimed<'_, '_>,
    server: &Principal,
    policy: &TransitedPolicy,
) -> Result<PathAccepted, Rejection> {
    let part = &claimed.part;
    let checked = part.flags.contains(TicketFlags::TRANSITED_POLICY_CHECKED);
    if claimed.client.realm() == server.realm() || checked {
        return Ok(PathAccepted(()));
    }
    policy
        .check(claimed.client.realm(), server.realm(), &part.transited)
        .map(PathAccepted)
}

/// What the authorization data of a ticket says, as far as somebody vouches for it.
#[derive(Clone)]
pub(super) struct Vouched {
    pub(super) pac: Option<Arc<VerifiedPac>>,
    pub(super) kdc_issued: Vec<authdata::AuthData>,
    pub(super) cammac: Vec<authdata::AuthData>,
}

/// What authorization data says.
pub(super) struct Authorized {
    pub(super) vouched: Vouched,
    /// What the client can do (RFC 4537).
    pub(super) enctypes: Vec<Enctype>,
    /// KERB-AP-OPTIONS.
    pub(super) ap_options: u32,
}

/// How authorization data is judged.
pub(super) struct AuthDataPolicy {
    pub(super) unknown: UnknownCritical,
    pub(super) pac: PacPolicy,
    pub(super) invalid_pac: InvalidPac,
}

/// Where what a ticket's authorization data says is known from.
pub(super) enum Vouching<'k> {
    /// It is to be found out: this key sealed the ticket.
    Key(&'k SealedBy<'k>),
    /// It was found out when the same ticket came before.
    Known(&'k Vouched),
}

/// AP-34 to AP-38, AP-80, AP-82; PAC-01, PAC-17, PAC-19.
pub(super) fn authorized(
    claimed: &Claimed<'_, '_>,
    vouching: &Vouching<'_>,
    policy: &AuthDataPolicy,
) -> Result<Authorized, Rejection> {
    let of_ticket: &[AuthorizationDataElement<'_>] = claimed
        .part
        .authorization_data
        .as_deref()
        .unwrap_or_default();
    let session = &claimed.session_key;
    let data = match vouching {
        Vouching::Key(sealed_by) => {
            authdata::of_ticket(of_ticket, session, sealed_by.key(), policy.unknown)?
        }
        Vouching::Known(_) => TicketData::default(),
    };
    let of_client = claimed
        .authenticator
        .authorization_data
        .as_deref()
        .unwrap_or_default();
    let client = authdata::of_authenticator(of_client, policy.unknown)?;
    let vouched = match vouching {
        Vouching::Key(sealed_by) => Vouched {
            pac: match (
                verified_pac(claimed, sealed_by, data.pac, data.second_pac),
                policy.invalid_pac,
            ) {
                (Ok(pac), _) => pac,
                (Err(refused), InvalidPac::Refuse) => return Err(refused),
                (Err(_), InvalidPac::Ignore) => None,
            },
            kdc_issued: data.kdc_issued,
            cammac: data.cammac,
        },
        Vouching::Known(vouched) => (*vouched).clone(),
    };
    let missing = match (&vouched.pac, policy.pac) {
        (None, PacPolicy::Required | PacPolicy::RequiredWithLogonInfo) => Some("a PAC"),
        (Some(pac), PacPolicy::RequiredWithLogonInfo) if pac.logon_info().is_none() => {
            Some("a PAC with LOGON_INFO")
        }
        _ => None,
    };
    if let Some(required) = missing {
        return Err(Rejection::PacMissing { required });
    }
    Ok(Authorized {
        vouched,
        enctypes: client.enctypes,
        ap_options: client.ap_options,
    })
}

fn verified_pac(
    claimed: &Claimed<'_, '_>,
    sealed_by: &SealedBy<'_>,
    octets: Option<&[u8]>,
    second: bool,
) -> Result<Option<Arc<VerifiedPac>>, Rejection> {
    let Some(octets) = octets else {
        return Ok(None);
    };
    if second {
        return Err(Rejection::Pac {
            why: "the ticket holds two PACs".to_owned(),
            code: ErrorCode::KRB_AP_ERR_MODIFIED,
        });
    }
    let pac = Pac::parse(octets)?;
    let pac = sealed_by.verify_pac(pac, &claimed.client, claimed.part.authtime)?;
    Ok(Some(Arc::new(pac)))
}

/// The request is for this connection, this application data.
pub(super) struct Bound<B>(pub(super) B);

/// AP-11, GSS-15 to GSS-23: the protocol around the exchange judges the checksum.
pub(super) fn bound<B: Binding>(
    claimed: &Claimed<'_, '_>,
    authorized: &Authorized,
    binding: &B,
) -> Result<Bound<B::Bound>, Rejection> {
    let keys = BindingKeys {
        session: &claimed.session_key,
        subkey: claimed.subkey.as_ref(),
        client_supplies_bindings: authorized.ap_options & authdata::AP_OPTIONS_CBT != 0,
    };
    binding
        .bind(claimed.authenticator.cksum.as_ref(), &keys)
        .map(Bound)
}
