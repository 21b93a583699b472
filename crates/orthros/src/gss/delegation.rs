//! Delegation: a forwarded TGT inside the 0x8003 checksum, as a KRB-CRED (RFC 4121 §4.1.1,
//! RFC 4120 §5.8).

use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::Error;
use crate::principal::Principal;
use crate::random::Random;
use crate::wire::{
    EncKrbCredPart, EncryptedData, EncryptionKey, HostAddress, KRB5_PVNO, KrbCred, KrbCredInfo,
    Malformed, Message, MsgType, OctetString, Raw, Ticket,
};

const WHAT: &str = "KRB-CRED";

/// The KRB-CRED of one forwarded TGT, encrypted with the ticket session key (GSS-32, AP-70).
pub(super) fn krb_cred(
    forwarded: &Credentials,
    session: &Key,
    rng: &dyn Random,
) -> Result<Vec<u8>, Error> {
    let addresses: Vec<_> = forwarded
        .addresses
        .iter()
        .map(|(addr_type, address)| HostAddress {
            addr_type: *addr_type,
            address: OctetString(address),
        })
        .collect();
    let part = EncKrbCredPart {
        ticket_info: vec![KrbCredInfo {
            key: EncryptionKey {
                keytype: forwarded.session_key.enctype().0,
                keyvalue: OctetString(forwarded.session_key.expose()),
            },
            prealm: Some(forwarded.client.realm_to_wire()),
            pname: Some(forwarded.client.to_wire()),
            flags: Some(forwarded.flags),
            authtime: Some(forwarded.authtime),
            starttime: forwarded.starttime,
            endtime: Some(forwarded.endtime),
            renew_till: forwarded.renew_till,
            srealm: Some(forwarded.server.realm_to_wire()),
            sname: Some(forwarded.server.to_wire()),
            caddr: (!addresses.is_empty()).then_some(addresses),
        }],
        nonce: None,
        timestamp: None,
        usec: None,
        s_address: None,
        r_address: None,
    };
    let part = Zeroizing::new(part.to_bytes()?);
    let cipher = session.encrypt(KeyUsage::KRB_CRED, &part, rng)?;
    let message = KrbCred {
        pvno: KRB5_PVNO,
        msg_type: MsgType::CRED.0,
        tickets: vec![Raw::new(&forwarded.ticket)?],
        enc_part: EncryptedData {
            etype: session.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    Ok(message.to_bytes()?)
}

/// What a KRB-CRED delegates.
///
/// It came inside an authenticator, so that it may be in the clear (AP-72). Otherwise it is
/// encrypted with the initiator's subkey or, as it should be, with the session key (AP-73).
pub(super) fn credentials(
    krb_cred: &[u8],
    session: &Key,
    subkey: Option<&Key>,
) -> Result<Vec<Credentials>, Malformed> {
    let message = KrbCred::from_bytes(krb_cred)?;
    if message.pvno != KRB5_PVNO || message.msg_type != MsgType::CRED.0 {
        return Err(Malformed::new(WHAT, 0, "another pvno or msg-type"));
    }
    let sealed = &message.enc_part;
    let opened = match Enctype(sealed.etype) {
        Enctype(0) => Some(sealed.cipher.as_bytes().to_vec()),
        enctype => subkey
            .into_iter()
            .chain([session])
            .filter(|key| key.enctype() == enctype)
            .find_map(|key| {
                key.decrypt(KeyUsage::KRB_CRED, sealed.cipher.as_bytes())
                    .ok()
            }),
    };
    let part = opened
        .map(Zeroizing::new)
        .ok_or_else(|| Malformed::new(WHAT, 0, "it does not decrypt"))?;
    let part = EncKrbCredPart::from_bytes(&part)?;
    if part.ticket_info.len() != message.tickets.len() {
        return Err(Malformed::new(
            WHAT,
            0,
            "tickets and their keys differ in number",
        ));
    }
    message
        .tickets
        .iter()
        .zip(&part.ticket_info)
        .map(|(ticket, info)| one(ticket, info))
        .collect()
}

fn one(ticket: &Raw<'_>, info: &KrbCredInfo<'_>) -> Result<Credentials, Malformed> {
    let missing = |field: &str| Malformed::new(WHAT, 0, format!("no {field}"));
    let name = |error: crate::principal::NameError| Malformed::new(WHAT, 0, error.to_string());
    Ticket::from_bytes(ticket.as_bytes())?;
    let (Some(prealm), Some(pname)) = (&info.prealm, &info.pname) else {
        return Err(missing("client name"));
    };
    let (Some(srealm), Some(sname)) = (&info.srealm, &info.sname) else {
        return Err(missing("server name"));
    };
    let endtime = info.endtime.ok_or_else(|| missing("endtime"))?;
    let session_key = Key::new(Enctype(info.key.keytype), info.key.keyvalue.as_bytes())
        .map_err(|error| Malformed::new(WHAT, 0, error.to_string()))?;
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
