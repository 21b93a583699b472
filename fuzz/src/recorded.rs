//! A recorded conversation whose keys are known, so that what is sealed can be made anew: alice and
//! a web service in the domain AD.EXAMPLE.TEST (`vectors/pac/`).

use std::sync::{Arc, LazyLock};

use orthros::ap::{AcceptorConfig, Accepts, MemoryReplayCache, ServiceKeys};
use orthros::credentials::Credentials;
use orthros::crypto::{Enctype, Key, KeyUsage};
use orthros::principal::Principal;
use orthros::time::Timestamp;
use orthros::wire::{
    ApOptions, ApReq, Authenticator, EncTicketPart, EncryptedData, KRB5_PVNO, Message,
    Microseconds, MsgType, OctetString, Raw, Ticket, UInt32,
};

use crate::Repeating;

/// The Ticket, DER.
pub const TICKET: &[u8] = include_bytes!("../../vectors/pac/ad.example.test/alice-web/ticket.der");
/// What is sealed in it.
pub const ENC_TICKET_PART: &[u8] =
    include_bytes!("../../vectors/pac/ad.example.test/alice-web/enc_ticket_part.der");
/// When the client made its AP-REQ.
pub const NOW: Timestamp = Timestamp::from_secs(1_795_336_232);

const SERVICE_KEY: &str = "d58e28524005ceff81781398a4ce3775e57521b28f98c987c4c06d7aa08b547a";
const CLIENT_KEY: &str = "629480052600fe9e9ca2db8759699a5606ceaad562b9d7f647d9469f39288058";

/// The key of the service.
pub static SERVICE: LazyLock<Key> = LazyLock::new(|| aes256(SERVICE_KEY));

/// The key of the client, which its password gives.
pub static CLIENT: LazyLock<Key> = LazyLock::new(|| aes256(CLIENT_KEY));

/// A key in hexadecimal.
pub fn aes256(hex: &str) -> Key {
    let octets: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
        .collect();
    Key::new(Enctype::AES256_CTS_HMAC_SHA1_96, &octets).expect("a key")
}

/// The key of ticket and client.
pub static SESSION: LazyLock<Key> = LazyLock::new(|| {
    let part = EncTicketPart::from_bytes(ENC_TICKET_PART).expect("recorded");
    Key::new(Enctype(part.key.keytype), part.key.keyvalue.as_bytes()).expect("a key")
});

/// What the client holds.
pub static CREDENTIALS: LazyLock<Arc<Credentials>> = LazyLock::new(|| {
    let part = EncTicketPart::from_bytes(ENC_TICKET_PART).expect("recorded");
    Arc::new(Credentials {
        client: client(),
        server: service(),
        ticket: TICKET.to_vec(),
        session_key: SESSION.clone(),
        flags: part.flags,
        authtime: part.authtime,
        starttime: part.starttime,
        endtime: part.endtime,
        renew_till: part.renew_till,
        addresses: Vec::new(),
        clock_offset: 0,
        second_ticket: None,
    })
});

/// What a keytab of the service holds.
pub static KEYS: LazyLock<Arc<ServiceKeys>> =
    LazyLock::new(|| Arc::new(ServiceKeys::new([(service(), 2, SERVICE.clone())])));

/// The service.
pub fn service() -> Principal {
    Principal::parse("HTTP/web.ad.example.test@AD.EXAMPLE.TEST", None).expect("a name")
}

/// The client.
pub fn client() -> Principal {
    Principal::parse("alice@AD.EXAMPLE.TEST", None).expect("a name")
}

/// An acceptor's configuration for one input: nothing is remembered from the last.
pub fn acceptor() -> AcceptorConfig {
    AcceptorConfig::new(Arc::clone(&KEYS), Accepts::Service(service()))
        .replay_cache(Arc::new(MemoryReplayCache::with_capacity(64)))
        .random(Arc::new(Repeating::new()))
}

/// A ticket of the service with other contents.
pub fn ticket_of(enc_ticket_part: &[u8]) -> Vec<u8> {
    let cipher = sealed(&SERVICE, KeyUsage::TICKET, enc_ticket_part);
    let recorded = Ticket::from_bytes(TICKET).expect("recorded");
    let ticket = Ticket {
        enc_part: EncryptedData {
            cipher: OctetString(&cipher),
            ..recorded.enc_part
        },
        ..recorded
    };
    ticket.to_bytes().expect("short")
}

/// An AP-REQ of a ticket and the contents of an authenticator.
pub fn ap_req(ticket: &[u8], session: &Key, authenticator: &[u8]) -> Vec<u8> {
    let cipher = sealed(session, KeyUsage::AP_REQ_AUTHENTICATOR, authenticator);
    let request = ApReq {
        pvno: KRB5_PVNO,
        msg_type: MsgType::AP_REQ.0,
        ap_options: ApOptions::MUTUAL_REQUIRED,
        ticket: Raw::new(ticket).expect("an element"),
        authenticator: EncryptedData {
            etype: session.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    request.to_bytes().expect("short")
}

/// The contents of an authenticator that goes with these contents of a ticket.
pub fn authenticator_for(part: &EncTicketPart<'_>) -> Vec<u8> {
    let authenticator = Authenticator {
        authenticator_vno: KRB5_PVNO,
        crealm: part.crealm,
        cname: part.cname.clone(),
        cksum: None,
        cusec: Microseconds::from(NOW),
        ctime: NOW.time(),
        subkey: None,
        seq_number: Some(UInt32(1)),
        authorization_data: None,
    };
    authenticator.to_bytes().expect("short")
}

/// Seals octets as they are.
pub fn sealed(key: &Key, usage: KeyUsage, plaintext: &[u8]) -> Vec<u8> {
    key.encrypt(usage, plaintext, &Repeating::new())
        .expect("sealed")
}
