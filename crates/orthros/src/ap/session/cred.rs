//! KRB-CRED: tickets and their keys (RFC 4120 §3.6, §5.8).

use zeroize::Zeroizing;

use super::{Dated, Session, order, refused, tagged, version_and_type};
use crate::ap::BindingKeys;
use crate::credentials::Credentials;
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::{Error, SessionFault};
use crate::principal::{NameError, Principal};
use crate::random::Random;
use crate::time::Timestamp;
use crate::wire::{
    EncKrbCredPart, EncryptedData, EncryptionKey, HostAddress, KRB5_PVNO, KrbCred, KrbCredInfo,
    Malformed, Message, Microseconds, MsgType, OctetString, Raw, Ticket, UInt32,
};

const WHAT: &str = "KRB-CRED";

impl Session {
    /// A KRB-CRED that gives `credentials` away, encrypted with the key in force (AP-70, AP-57):
    /// who reads it can do in the client's name what the tickets are good for.
    ///
    /// It carries the time, whatever the session's other messages carry, no addresses, and the
    /// `nonce` if the peer asked for one.
    pub fn make_cred<'c>(
        &mut self,
        credentials: impl IntoIterator<Item = &'c Credentials>,
        nonce: Option<u32>,
        now: Timestamp,
    ) -> Result<Vec<u8>, Error> {
        let now = self.peer_clock(now);
        let time = self.times.draw(now, self.config.skew)?;
        let credentials: Vec<&Credentials> = credentials.into_iter().collect();
        let (key, rng) = (self.keys.in_force(), &*self.config.rng);
        let octets = seal(&credentials, key, Some(time), nonce, rng)?;
        // The cipher text is the last field.
        let dated = Dated {
            time: Some(time),
            number: None,
        };
        self.sent(dated, order::tag(&octets));
        Ok(octets)
    }

    /// The credentials in a KRB-CRED that passes every check: that of the `nonce` if one was asked
    /// for (AP-71), and none of addresses, which gain nothing here (RFC 4120 §3.6.2).
    ///
    /// It opens under the key in force or the ticket session key (AP-73). One in the clear is
    /// refused (AP-72).
    pub fn read_cred(
        &mut self,
        octets: &[u8],
        nonce: Option<u32>,
        now: Timestamp,
    ) -> Result<Vec<Credentials>, Error> {
        let now = self.peer_clock(now);
        let refuse = refused(MsgType::CRED);
        let message = decode(octets)?;
        if Enctype(message.enc_part.etype) == Enctype::NULL {
            return Err(refuse(SessionFault::InTheClear));
        }
        let keys = [self.keys.in_force(), &self.keys.session];
        let part = open(&message, &keys).map_err(&refuse)?;
        let part = EncKrbCredPart::from_bytes(&part)?;
        let time = part
            .timestamp
            .map(|time| Timestamp::new(time, part.usec.unwrap_or_default().get()));
        self.times
            .check(time, &order::tag(octets), now, self.config.skew)
            .map_err(&refuse)?;
        if nonce.is_some() && part.nonce.map(|nonce| nonce.0) != nonce {
            return Err(refuse(SessionFault::Nonce));
        }
        let credentials = contents(&message, &part)?;
        self.received(&Dated { time, number: None });
        Ok(credentials)
    }
}

/// The KRB-CRED of these credentials, in their order (AP-70).
pub(crate) fn seal(
    credentials: &[&Credentials],
    key: &Key,
    time: Option<Timestamp>,
    nonce: Option<u32>,
    rng: &dyn Random,
) -> Result<Vec<u8>, Error> {
    if credentials.is_empty() {
        return Err(Error::Misuse("a KRB-CRED without a ticket"));
    }
    let part = EncKrbCredPart {
        ticket_info: credentials.iter().map(|one| info(one)).collect(),
        nonce: nonce.map(UInt32),
        timestamp: time.map(Timestamp::time),
        usec: time.map(Microseconds::from),
        s_address: None,
        r_address: None,
    };
    let part = Zeroizing::new(part.to_bytes()?);
    let cipher = key.encrypt(KeyUsage::KRB_CRED, &part, rng)?;
    let tickets: Result<Vec<_>, _> = credentials.iter().map(|c| Raw::new(&c.ticket)).collect();
    let message = KrbCred {
        pvno: KRB5_PVNO,
        msg_type: MsgType::CRED.0,
        tickets: tickets?,
        enc_part: EncryptedData {
            etype: key.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    Ok(message.to_bytes()?)
}

/// What a KRB-CRED says about its ticket.
pub(crate) fn info(credentials: &Credentials) -> KrbCredInfo<'_> {
    let addresses = credentials.addresses.iter();
    let addresses: Vec<_> = addresses
        .map(|(addr_type, address)| HostAddress {
            addr_type: *addr_type,
            address: OctetString(address),
        })
        .collect();
    KrbCredInfo {
        key: EncryptionKey {
            keytype: credentials.session_key.enctype().0,
            keyvalue: OctetString(credentials.session_key.expose()),
        },
        prealm: Some(credentials.client.realm_to_wire()),
        pname: Some(credentials.client.to_wire()),
        flags: Some(credentials.flags),
        authtime: Some(credentials.authtime),
        starttime: credentials.starttime,
        endtime: Some(credentials.endtime),
        renew_till: credentials.renew_till,
        srealm: Some(credentials.server.realm_to_wire()),
        sname: Some(credentials.server.to_wire()),
        caddr: (!addresses.is_empty()).then_some(addresses),
    }
}

/// What a KRB-CRED inside of an authenticator gives (RFC 4121 §4.1.1).
///
/// The authenticator was decrypted and is the peer's, so that what is in it may be in the clear
/// (AP-72; RFC 6448 §3). Otherwise it opens under the initiator's subkey or, as it should be, the
/// session key (AP-73). It needs no time of its own: the authenticator has one.
pub(crate) fn inside_authenticator(
    octets: &[u8],
    keys: &BindingKeys<'_>,
) -> Result<Vec<Credentials>, Error> {
    let message = decode(octets)?;
    let part = match Enctype(message.enc_part.etype) {
        Enctype::NULL => Zeroizing::new(message.enc_part.cipher.as_bytes().to_vec()),
        _ => {
            let keys: Vec<&Key> = keys.subkey.into_iter().chain([keys.session]).collect();
            open(&message, &keys).map_err(refused(MsgType::CRED))?
        }
    };
    let part = EncKrbCredPart::from_bytes(&part)?;
    contents(&message, &part)
}

/// Type and version (RFC 4120 §3.6.2).
fn decode(octets: &[u8]) -> Result<KrbCred<'_>, Error> {
    tagged(octets, MsgType::CRED)?;
    let message = KrbCred::from_bytes(octets)?;
    version_and_type(message.pvno, message.msg_type, MsgType::CRED)?;
    Ok(message)
}

/// The sealed part, under the first of `keys` that opens it. A kvno means nothing here.
fn open(message: &KrbCred<'_>, keys: &[&Key]) -> Result<Zeroizing<Vec<u8>>, SessionFault> {
    let sealed = &message.enc_part;
    keys.iter()
        .filter(|key| key.enctype() == Enctype(sealed.etype))
        .find_map(|key| {
            key.decrypt(KeyUsage::KRB_CRED, sealed.cipher.as_bytes())
                .ok()
        })
        .map(Zeroizing::new)
        .ok_or(SessionFault::Integrity)
}

/// Tickets and what is said about them, paired by position (AP-70).
fn contents(message: &KrbCred<'_>, part: &EncKrbCredPart<'_>) -> Result<Vec<Credentials>, Error> {
    if part.ticket_info.len() != message.tickets.len() {
        let why = "tickets and their keys differ in number";
        return Err(Malformed::new(WHAT, 0, why).into());
    }
    let pairs = message.tickets.iter().zip(&part.ticket_info);
    pairs.map(|(ticket, info)| one(ticket, info)).collect()
}

/// The credentials of a ticket and what is said about it.
pub(crate) fn one(ticket: &Raw<'_>, info: &KrbCredInfo<'_>) -> Result<Credentials, Error> {
    let missing = |field: &str| Error::from(Malformed::new(WHAT, 0, format!("no {field}")));
    let name = |error: NameError| Malformed::new(WHAT, 0, error.to_string());
    Ticket::from_bytes(ticket.as_bytes())?;
    let (Some(prealm), Some(pname)) = (&info.prealm, &info.pname) else {
        return Err(missing("client name"));
    };
    let (Some(srealm), Some(sname)) = (&info.srealm, &info.sname) else {
        return Err(missing("server name"));
    };
    let endtime = info.endtime.ok_or_else(|| missing("endtime"))?;
    let session_key = Key::new(Enctype(info.key.keytype), info.key.keyvalue.as_bytes())?;
    Ok(Credentials {
        client: Principal::from_wire(prealm, pname).map_err(name)?,
        server: Principal::from_wire(srealm, sname).map_err(name)?,
        ticket: ticket.as_bytes().to_vec(),
        session_key,
        flags: info.flags.unwrap_or_default(),
        authtime: info.authtime.or(info.starttime).unwrap_or_default(),
        starttime: info.starttime,
        endtime,
        renew_till: info.renew_till,
        addresses: info
            .caddr
            .iter()
            .flatten()
            .map(|address| (address.addr_type, address.address.as_bytes().to_vec()))
            .collect(),
        clock_offset: 0,
        second_ticket: None,
    })
}
