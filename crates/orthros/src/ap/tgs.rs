//! The AP-REQ inside a TGS-REQ, as the KDC judges it (RFC 4120 §3.3.2).

use std::time::Duration;

use super::address::{AddressPolicy, HostAddr};
use super::binding::verify_keyed;
use super::error_reply::Known;
use super::keys::ServiceKeys;
use super::policy::Accepts;
use super::ticket::{Contents, OpenTicket};
use super::verify;
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::Error;
use crate::time::Timestamp;

/// How a KDC judges a PA-TGS-REQ.
#[derive(Clone, Debug)]
pub struct TgsPolicy<'a> {
    /// The enctypes of tickets, session keys and subkeys.
    pub enctypes: &'a [Enctype],
    /// How far a client's clock may be off.
    pub skew: Duration,
    /// The client's address, if it is known.
    pub peer: Option<&'a HostAddr>,
    /// The request asks to validate a ticket whose INVALID flag is set (KDC-22).
    pub validate: bool,
    /// An anonymous client may ask.
    pub anonymous: bool,
}

/// Who asks for a ticket.
#[derive(Debug)]
pub struct TgsRequester {
    /// The header ticket.
    pub ticket: OpenTicket,
    /// The key in the authenticator; the reply is sealed with it if it is there (KDC-26).
    pub subkey: Option<Key>,
    /// The authenticator's time.
    pub ctime: Timestamp,
    /// The client's clock minus the KDC's, in microseconds.
    pub clock_offset: i64,
}

/// Judges the AP-REQ in a PA-TGS-REQ: key usages 7 and 6, and a keyed checksum over `body`, the
/// octets of the KDC-REQ-BODY as they were sent (KDC-18 to KDC-20).
///
/// `known` gets what a KRB-ERROR can name. Which tickets but TGTs are good for what is for the
/// caller to judge.
pub fn open(
    keys: &ServiceKeys,
    ap_req: &[u8],
    body: &[u8],
    policy: &TgsPolicy<'_>,
    now: Timestamp,
    known: &mut Known,
) -> Result<TgsRequester, Error> {
    let request = verify::decode(ap_req)?;
    let decoded = verify::decode_ticket(&request)?;
    let (accepts, enctypes) = (&Accepts::AnyKey, policy.enctypes);
    let options = request.ap_options;
    let opened = verify::open_ticket(options, &decoded, keys, accepts, enctypes, None, false)?;
    let (ticket, server) = decoded;
    let part = verify::ticket_part(opened.octets.expose(), enctypes)?;
    let cipher = part.2.cipher(KeyUsage::TGS_REQ_AUTHENTICATOR)?;
    let octets = verify::open_authenticator(&request, &cipher, &part.1)?;
    let claimed = verify::claim(part, octets.expose(), enctypes, known)?;
    verify::same_client(&claimed, &server)?;
    verify::admissible(
        &claimed,
        AddressPolicy::IfPresent,
        policy.peer,
        policy.anonymous,
    )?;
    let in_time = verify::in_time(&claimed, now, policy.skew, policy.validate)?;
    let (cksum, session) = (claimed.authenticator.cksum.as_ref(), &claimed.session_key);
    verify_keyed(cksum, session, KeyUsage::TGS_REQ_AUTHENTICATOR_CKSUM, body)?;

    let contents = Contents::of(&claimed.part, claimed.session_key, claimed.client);
    let (subkey, ctime) = (claimed.subkey, claimed.ctime);
    let sealed = &ticket.enc_part;
    let kvno = sealed.kvno.map(|kvno| kvno.0);
    let identity = (server, kvno, Enctype(sealed.etype));
    Ok(TgsRequester {
        ticket: OpenTicket::new(opened.octets, identity, contents),
        subkey,
        ctime,
        clock_offset: in_time.offset,
    })
}
