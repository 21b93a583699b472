//! A session's messages: KRB-SAFE, KRB-PRIV and KRB-CRED as they come, or what somebody with the
//! session's key has put into one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::ap::{Freshness, Session, SessionAddresses, SessionConfig, SessionKeys};
use orthros::crypto::KeyUsage;
use orthros::error::Error;
use orthros::wire::{
    Checksum, EncryptedData, KRB5_PVNO, KrbCred, KrbPriv, KrbSafe, Message, MsgType, OctetString,
    Raw,
};
use orthros_fuzz::recorded::{NOW, SESSION, TICKET, sealed};
use orthros_fuzz::{Repeating, bounded, hides, pick, refused};

/// What the input is.
#[derive(Clone, Copy)]
enum Input {
    /// A message.
    Message,
    /// A KRB-SAFE-BODY.
    Safe,
    /// An EncKrbPrivPart.
    Private,
    /// An EncKrbCredPart of one ticket.
    Cred,
    /// The same, in the clear.
    Clear,
}

const INPUTS: [Input; 5] = [
    Input::Message,
    Input::Safe,
    Input::Private,
    Input::Cred,
    Input::Clear,
];

const FRESHNESS: [Freshness; 3] = [
    Freshness::Timestamps,
    Freshness::SequenceNumbers,
    Freshness::Both,
];

fn safe(body: &[u8]) -> Option<Vec<u8>> {
    let body = Raw::new(body).ok()?;
    let with = |cksumtype, checksum: &[u8]| {
        let message = KrbSafe {
            pvno: KRB5_PVNO,
            msg_type: MsgType::SAFE.0,
            safe_body: body,
            cksum: Checksum {
                cksumtype,
                checksum: OctetString(checksum),
            },
        };
        message.to_bytes().expect("short")
    };
    let mac = SESSION.mac(KeyUsage::KRB_SAFE).expect("a usage");
    let checksum = mac.checksum(&[&with(0, &[])]);
    Some(with(mac.checksum_type().0, &checksum))
}

fn private(part: &[u8]) -> Vec<u8> {
    let cipher = sealed(&SESSION, KeyUsage::KRB_PRIV, part);
    let message = KrbPriv {
        pvno: KRB5_PVNO,
        msg_type: MsgType::PRIV.0,
        enc_part: EncryptedData {
            etype: SESSION.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    message.to_bytes().expect("short")
}

fn cred(etype: i32, cipher: &[u8]) -> Vec<u8> {
    let message = KrbCred {
        pvno: KRB5_PVNO,
        msg_type: MsgType::CRED.0,
        tickets: vec![Raw::new(TICKET).expect("recorded")],
        enc_part: EncryptedData {
            etype,
            kvno: None,
            cipher: OctetString(cipher),
        },
    };
    message.to_bytes().expect("short")
}

fn session(freshness: Freshness) -> Session {
    let keys = SessionKeys {
        session: SESSION.clone(),
        initiator_subkey: None,
        acceptor_subkey: None,
        initiator_seq: 1,
        acceptor_seq: 2,
    };
    let config = SessionConfig::new(freshness, SessionAddresses::Directional)
        .random(std::sync::Arc::new(Repeating::new()));
    Session::acceptor(keys, config).expect("a session")
}

/// What was read once is not read again.
fn once<T>(mut read: impl FnMut() -> Result<T, Error>) -> Option<T> {
    match read() {
        Ok(value) => {
            let again = read().err().expect("a message is taken once");
            refused(&again, &[&SESSION]);
            Some(value)
        }
        Err(error) => {
            refused(&error, &[&SESSION]);
            None
        }
    }
}

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((freshness, input)) = pick(&FRESHNESS, input) else {
        return;
    };
    let Some((kind, octets)) = pick(&INPUTS, input) else {
        return;
    };
    let message = match kind {
        Input::Message => octets.to_vec(),
        Input::Safe => match safe(octets) {
            Some(message) => message,
            None => return,
        },
        Input::Private => private(octets),
        Input::Cred => cred(
            SESSION.enctype().0,
            &sealed(&SESSION, KeyUsage::KRB_CRED, octets),
        ),
        Input::Clear => cred(0, octets),
    };
    let mut session = session(freshness);
    if let Some(data) = once(|| session.read_safe(&message, NOW).map(<[u8]>::to_vec)) {
        assert!(matches!(kind, Input::Safe), "a checksum that nobody made");
        assert!(message.windows(data.len().max(1)).any(|w| w == data) || data.is_empty());
    }
    if once(|| session.read_priv(&message, NOW)).is_some() {
        assert!(matches!(kind, Input::Private), "a MAC that nobody made");
    }
    if let Some(credentials) = once(|| session.read_cred(&message, None, NOW)) {
        assert!(matches!(kind, Input::Cred), "a MAC that nobody made");
        assert_eq!(credentials.len(), 1);
        hides(&format!("{credentials:?}"), &[&SESSION]);
    }
    hides(&format!("{session:?}"), &[&SESSION]);
}));
