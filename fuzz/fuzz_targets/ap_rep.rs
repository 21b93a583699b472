//! The initiator's answer to what comes back: an AP-REP or a KRB-ERROR as it comes, or what
//! somebody with the session key has sealed in an AP-REP.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use orthros::ap::{Cksum, Initiator, InitiatorConfig};
use orthros::crypto::KeyUsage;
use orthros::step::Step;
use orthros::wire::{ApRep, EncApRepPart, EncryptedData, KRB5_PVNO, Message, MsgType, OctetString};
use orthros_fuzz::recorded::{CREDENTIALS, NOW, SESSION, sealed};
use orthros_fuzz::{Repeating, bounded, pick, refused};

/// What the input is.
#[derive(Clone, Copy)]
enum Input {
    /// What comes back.
    Message,
    /// An EncAPRepPart.
    Part,
    /// An EncAPRepPart, but for its time, which is the one that was sent.
    InTime,
}

fn ap_rep(part: &[u8]) -> Vec<u8> {
    let cipher = sealed(&SESSION, KeyUsage::AP_REP, part);
    let reply = ApRep {
        pvno: KRB5_PVNO,
        msg_type: MsgType::AP_REP.0,
        enc_part: EncryptedData {
            etype: SESSION.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    reply.to_bytes().expect("short")
}

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let inputs = [Input::Message, Input::Part, Input::InTime];
    let Some((input, octets)) = pick(&inputs, input) else {
        return;
    };
    let initiator = Initiator::new(Arc::clone(&CREDENTIALS), InitiatorConfig::default())
        .random(Arc::new(Repeating::new()));
    let Ok(Step::Continue { token, next }) = initiator.request(Cksum::None, NOW) else {
        panic!("mutual authentication was asked for");
    };
    let answer = match input {
        Input::Message => octets.to_vec(),
        Input::Part => ap_rep(octets),
        Input::InTime => {
            let Ok(mut part) = EncApRepPart::from_bytes(octets) else {
                return;
            };
            let request = orthros::wire::ApReq::from_bytes(&token).expect("ours");
            let authenticator = SESSION
                .decrypt(
                    KeyUsage::AP_REQ_AUTHENTICATOR,
                    request.authenticator.cipher.as_bytes(),
                )
                .expect("ours");
            let sent = orthros::wire::Authenticator::from_bytes(&authenticator).expect("ours");
            (part.ctime, part.cusec) = (sent.ctime, sent.cusec);
            ap_rep(&part.to_bytes().expect("short"))
        }
    };
    match next.reply(&answer, NOW) {
        Ok(Step::Established { token, context }) => {
            assert!(token.is_none());
            assert!(matches!(input, Input::InTime), "a time that was not sent");
            std::hint::black_box(format!("{context:?}"));
        }
        Ok(Step::Continue { .. }) => panic!("there is no third leg"),
        Err(refusal) => refused(&refusal.error, &[&SESSION]),
    }
}));
