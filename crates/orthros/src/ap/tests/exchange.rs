//! Both sides.

use std::collections::HashSet;
use std::sync::Arc;

use super::forge::*;
use crate::ap::{
    Accepted, Acceptor, AuthenticatorParts, AwaitReply, Cksum, Initiator, InitiatorConfig,
    SessionKeys, Unbound, build_ap_req,
};
use crate::credentials::Credentials;
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::random::{OsRandom, Random, RandomUnavailable};
use crate::step::Step;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    ApOptions, ApRep, ApReq, Authenticator, EncApRepPart, EncryptedData, EncryptionKey, Message,
    Microseconds, OctetString, UInt32,
};

pub(super) fn credentials(forge: &Forge) -> Credentials {
    let time = |offset: i64| KerberosTime::from_secs(NOW.time().as_secs() + offset);
    Credentials {
        client: forge.client.clone(),
        server: forge.server.clone(),
        ticket: forge.ticket(),
        session_key: forge.session_key.clone(),
        flags: forge.flags,
        authtime: time(forge.authtime),
        starttime: None,
        endtime: time(forge.endtime),
        renew_till: None,
        addresses: Vec::new(),
        clock_offset: 0,
        second_ticket: None,
    }
}

fn ask(forge: &Forge, config: InitiatorConfig) -> (Vec<u8>, AwaitReply) {
    let initiator = Initiator::new(Arc::new(credentials(forge)), config);
    match initiator.request(Cksum::None, NOW).unwrap() {
        Step::Continue { token, next } => (token, next),
        Step::Established { .. } => panic!("mutual was asked for"),
    }
}

fn answer(forge: &Forge, request: &[u8]) -> Accepted<()> {
    let acceptor = Acceptor::new(forge.config());
    acceptor.accept(request, &Unbound, None, NOW).unwrap()
}

fn finish(next: AwaitReply, reply: &[u8]) -> Result<SessionKeys, Error> {
    match next.reply(reply, NOW) {
        Ok(Step::Established { context, .. }) => Ok(context),
        Ok(Step::Continue { .. }) => panic!("nothing more to say"),
        Err(refusal) => Err(refusal.error),
    }
}

/// The authenticator in a request, decrypted with the session key.
fn authenticator(forge: &Forge, request: &[u8], usage: u32) -> Vec<u8> {
    let request = ApReq::from_bytes(request).unwrap();
    let cipher = request.authenticator.cipher.as_bytes();
    forge.session_key.decrypt(KeyUsage(usage), cipher).unwrap()
}

#[test]
fn both_sides_agree() {
    let forge = Forge::right();
    let (request, next) = ask(&forge, InitiatorConfig::default());
    let accepted = answer(&forge, &request);
    let keys = finish(next, &accepted.reply.unwrap()).unwrap();
    assert_eq!(keys.in_force(), accepted.keys.in_force());
    assert!(keys.acceptor_subkey.is_some());
    assert_eq!(keys.initiator_seq, accepted.keys.initiator_seq);
    assert_eq!(keys.acceptor_seq, accepted.keys.acceptor_seq);
}

#[test]
fn ap_50_no_reply_unless_asked() {
    let forge = Forge {
        options: ApOptions::NONE,
        ..Forge::right()
    };
    assert!(present(&forge).unwrap().reply.is_none());
    let config = InitiatorConfig {
        mutual: false,
        ..InitiatorConfig::default()
    };
    let initiator = Initiator::new(Arc::new(credentials(&forge)), config);
    let Step::Established { token, context } = initiator.request(Cksum::None, NOW).unwrap() else {
        panic!("one leg");
    };
    let accepted = answer(&forge, &token.unwrap());
    assert_eq!(context.in_force(), accepted.keys.in_force());
    assert_eq!(accepted.keys.acceptor_seq, context.initiator_seq);
}

#[test]
fn ap_01_ticket_is_copied_octet_for_octet() {
    let forge = Forge::right();
    let mut credentials = credentials(&forge);
    // A length with a superfluous octet: no KDC of ours would write it.
    let mut odd = credentials.ticket.clone();
    assert_eq!(odd[1], 0x81);
    odd.splice(1..2, [0x82, 0x00]);
    credentials.ticket = odd.clone();
    let parts = AuthenticatorParts {
        usage: KeyUsage(11),
        mutual: false,
        cksum: Cksum::None,
        subkey: None,
        sequence: false,
        enctypes: &[],
    };
    // Strict DER refuses it (MSG-02) rather than rewriting it.
    assert!(build_ap_req(&credentials, &parts, NOW, &OsRandom).is_err());
    credentials.ticket = forge.ticket();
    let built = build_ap_req(&credentials, &parts, NOW, &OsRandom).unwrap();
    let request = ApReq::from_bytes(&built.octets).unwrap();
    assert_eq!(request.ticket.as_bytes(), credentials.ticket);
}

#[test]
fn ap_02_every_request_has_its_own_authenticator() {
    let forge = Forge::right();
    let (one, _) = ask(&forge, InitiatorConfig::default());
    let (two, _) = ask(&forge, InitiatorConfig::default());
    assert_ne!(sent_time(&forge, &one), sent_time(&forge, &two));
    let cipher = |request: &[u8]| {
        let request = ApReq::from_bytes(request).unwrap();
        request.authenticator.cipher.as_bytes().to_vec()
    };
    assert_ne!(cipher(&one), cipher(&two));
}

#[test]
fn ap_04_usage_and_no_kvno() {
    let forge = Forge::right();
    let (request, _) = ask(&forge, InitiatorConfig::default());
    let request = ApReq::from_bytes(&request).unwrap();
    let cipher = request.authenticator.cipher.as_bytes();
    assert!(forge.session_key.decrypt(KeyUsage(11), cipher).is_ok());
    assert!(forge.session_key.decrypt(KeyUsage(7), cipher).is_err());
    assert!(request.authenticator.kvno.is_none());
}

#[test]
fn ap_05_names_are_those_of_the_credentials() {
    let forge = Forge {
        client: principal("alice.canonical@EXAMPLE.COM"),
        ..Forge::right()
    };
    let (request, _) = ask(&forge, InitiatorConfig::default());
    assert_eq!(answer(&forge, &request).peer.client(), &forge.client);
}

#[test]
fn ap_06_ap_07_options() {
    let forge = Forge::right();
    for (mutual, second, expected) in [
        (true, None, 0x2000_0000),
        (false, None, 0),
        (true, Some(vec![1]), 0x6000_0000),
    ] {
        let mut credentials = credentials(&forge);
        credentials.second_ticket = second;
        let parts = AuthenticatorParts {
            usage: KeyUsage(11),
            mutual,
            cksum: Cksum::None,
            subkey: None,
            sequence: false,
            enctypes: &[],
        };
        let built = build_ap_req(&credentials, &parts, NOW, &OsRandom).unwrap();
        let request = ApReq::from_bytes(&built.octets).unwrap();
        assert_eq!(request.ap_options.0, expected);
    }
}

#[test]
fn ap_08_subkeys_differ() {
    let forge = Forge::right();
    let (one, _) = ask(&forge, InitiatorConfig::default());
    let (two, _) = ask(&forge, InitiatorConfig::default());
    let (one, two) = (answer(&forge, &one).keys, answer(&forge, &two).keys);
    assert_ne!(one.initiator_subkey.unwrap(), two.initiator_subkey.unwrap());
    assert_ne!(one.acceptor_subkey.unwrap(), two.acceptor_subkey.unwrap());
}

struct Constant(u8);

impl Random for Constant {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        out.fill(self.0);
        Ok(())
    }
}

#[test]
fn ap_09_sequence_numbers() {
    for octet in [0, 1, 0x3f, 0x7f, 0xff] {
        let seq = crate::ap::Draw::new(&Constant(octet)).unwrap().sequence();
        assert!((1..1 << 30).contains(&seq));
    }
    let drawn: HashSet<u32> = (0..100)
        .map(|_| crate::ap::Draw::new(&OsRandom).unwrap().sequence())
        .collect();
    assert!(drawn.len() > 95);
}

#[test]
fn ap_10_clock_offset() {
    let forge = Forge::right();
    let mut credentials = credentials(&forge);
    credentials.clock_offset = secs(3600);
    let initiator = Initiator::new(Arc::new(credentials), InitiatorConfig::default());
    let local = NOW.offset(secs(-3600));
    let Step::Continue { token, .. } = initiator.request(Cksum::None, local).unwrap() else {
        panic!("mutual was asked for");
    };
    assert!(answer(&forge, &token).peer.clock_offset().abs() < secs(2));
}

#[test]
fn ap_12_ap_53_enctype_negotiation() {
    use Enctype as E;
    let (e17, e18, e19, e20) = (
        E::AES128_CTS_HMAC_SHA1_96,
        E::AES256_CTS_HMAC_SHA1_96,
        E::AES128_CTS_HMAC_SHA256_128,
        E::AES256_CTS_HMAC_SHA384_192,
    );
    // Wanted list, session enctype, enctype of the acceptor's subkey.
    for (list, session, expected) in [
        (vec![e20, e18], e18, e20),
        (vec![e18, e20], e18, e18),
        (vec![e20, e19, e17], e17, e20),
        (vec![E(26), e19, e17], e17, e19),
        (vec![e20], e20, e20),
    ] {
        let forge = Forge {
            session_key: key(session, 2),
            ..Forge::right()
        };
        let config = InitiatorConfig {
            enctypes: list.clone(),
            negotiate: true,
            ..InitiatorConfig::default()
        };
        let (request, next) = ask(&forge, config);
        let accepted = answer(&forge, &request);
        let keys = finish(next, &accepted.reply.unwrap()).unwrap();
        assert_eq!(
            keys.acceptor_subkey.unwrap().enctype(),
            expected,
            "{list:?}"
        );
    }
    // Not unless switched on.
    let forge = Forge {
        session_key: key(e20, 2),
        ..Forge::right()
    };
    let (request, next) = ask(&forge, InitiatorConfig::default());
    let accepted = answer(&forge, &request);
    let keys = finish(next, &accepted.reply.unwrap()).unwrap();
    assert_eq!(keys.acceptor_subkey.unwrap().enctype(), e20);
    // Not without mutual authentication.
    let forge = Forge::right();
    let config = InitiatorConfig {
        enctypes: vec![e20, e18],
        negotiate: true,
        mutual: false,
        ..Default::default()
    };
    let initiator = Initiator::new(Arc::new(credentials(&forge)), config);
    let Step::Established { token, .. } = initiator.request(Cksum::None, NOW).unwrap() else {
        panic!("one leg");
    };
    let octets = authenticator(&forge, &token.unwrap(), 11);
    assert!(
        Authenticator::from_bytes(&octets)
            .unwrap()
            .authorization_data
            .is_none()
    );
}

#[test]
fn ap_54_acceptor_subkey_depends_on_the_session_key() {
    let subkey = |seed: u8| {
        let forge = Forge {
            session_key: key(AES256, seed),
            ..Forge::right()
        };
        let config = forge.config().random(Arc::new(Constant(7)));
        let accepted = accept(config, &forge.request()).unwrap();
        accepted.keys.acceptor_subkey.unwrap()
    };
    assert_ne!(subkey(2), subkey(3));
    assert_eq!(subkey(2), subkey(2));
}

/// An AP-REP that someone who has `key` could make.
fn forged_reply(key: &Key, usage: u32, ctime: Timestamp, subkey: Option<&Key>) -> Vec<u8> {
    let part = EncApRepPart {
        ctime: ctime.time(),
        cusec: Microseconds::from(ctime),
        subkey: subkey.map(|key| EncryptionKey {
            keytype: key.enctype().0,
            keyvalue: OctetString(key.expose()),
        }),
        seq_number: Some(UInt32(5)),
    };
    let cipher = key
        .encrypt(KeyUsage(usage), &part.to_bytes().unwrap(), &OsRandom)
        .unwrap();
    let reply = ApRep {
        pvno: 5,
        msg_type: 15,
        enc_part: EncryptedData {
            etype: key.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    reply.to_bytes().unwrap()
}

fn sent_time(forge: &Forge, request: &[u8]) -> Timestamp {
    let octets = authenticator(forge, request, 11);
    let sent = Authenticator::from_bytes(&octets).unwrap();
    Timestamp::new(sent.ctime, sent.cusec.get())
}

#[test]
fn ap_51_ap_52_ap_55_the_server_must_return_our_time_under_the_session_key() {
    let forge = Forge::right();
    let judge = |make: &dyn Fn(Timestamp) -> Vec<u8>| {
        let (request, next) = ask(&forge, InitiatorConfig::default());
        finish(next, &make(sent_time(&forge, &request)))
    };
    let session = &forge.session_key;
    assert!(judge(&|t| forged_reply(session, 12, t, None)).is_ok());
    for offset in [1, -1, 1_000_000] {
        let error = judge(&|t| forged_reply(session, 12, t.offset(offset), None)).unwrap_err();
        assert_eq!(error.protocol_code().0, 46, "{error:?}");
    }
    let other = key(AES256, 88);
    for error in [
        judge(&|t| forged_reply(&other, 12, t, None)).unwrap_err(),
        judge(&|t| forged_reply(session, 11, t, None)).unwrap_err(),
        judge(&|t| forged_reply(&key(AES128, 2), 12, t, None)).unwrap_err(),
    ] {
        assert_eq!(error.protocol_code().0, 31, "{error:?}");
    }
    // AP-24 for the acceptor's subkey.
    let config = InitiatorConfig {
        enctypes: vec![AES256],
        ..InitiatorConfig::default()
    };
    let (request, next) = ask(&forge, config);
    let weak = key(AES128, 4);
    let reply = forged_reply(session, 12, sent_time(&forge, &request), Some(&weak));
    assert_eq!(finish(next, &reply).unwrap_err().protocol_code().0, 14);
}

#[test]
fn ap_51_acceptor_seals_with_the_session_key() {
    let forge = Forge::right();
    let reply = present(&forge).unwrap().reply.unwrap();
    let reply = ApRep::from_bytes(&reply).unwrap();
    let cipher = reply.enc_part.cipher.as_bytes();
    assert!(reply.enc_part.kvno.is_none());
    let octets = forge.session_key.decrypt(KeyUsage(12), cipher).unwrap();
    let part = EncApRepPart::from_bytes(&octets).unwrap();
    assert_eq!(Timestamp::new(part.ctime, part.cusec.get()), NOW);
    assert!(part.seq_number.is_some());
    assert!(forge.subkey.unwrap().decrypt(KeyUsage(12), cipher).is_err());
}

#[test]
fn ap_55_other_messages_are_no_answer() {
    let forge = Forge::right();
    let judge = |answer: &[u8]| {
        let (_, next) = ask(&forge, InitiatorConfig::default());
        finish(next, answer).unwrap_err()
    };
    let right = present(&forge).unwrap().reply.unwrap();
    let request = forge.request();
    assert!(
        matches!(judge(&request), Error::Rejected(r) if matches!(*r, Rejection::MessageType { .. }))
    );
    assert!(matches!(judge(&[]), Error::Malformed(_)));
    for len in 0..right.len() {
        let _ = judge(&right[..len]);
    }
    let reply = ApRep::from_bytes(&right).unwrap();
    let other_type = ApRep {
        msg_type: 14,
        ..reply.clone()
    }
    .to_bytes()
    .unwrap();
    assert_eq!(judge(&other_type).protocol_code().0, 40);
    let other_version = ApRep { pvno: 4, ..reply }.to_bytes().unwrap();
    assert_eq!(judge(&other_version).protocol_code().0, 39);
}

/// AP-76: it is told, and changes nothing.
#[test]
fn ap_76_krb_error_is_the_peers_word() {
    let forge = Forge {
        ctime: NOW.offset(secs(-400)),
        ..Forge::right()
    };
    let token = present(&forge).unwrap_err().token.unwrap();
    let (_, next) = ask(&Forge::right(), InitiatorConfig::default());
    match finish(next, &token).unwrap_err() {
        Error::Peer(peer) => {
            assert_eq!(peer.code.0, 37);
            assert_eq!(peer.stime, NOW);
            assert_eq!(peer.client.as_deref(), Some("alice@EXAMPLE.COM"));
            assert_eq!(peer.server, "HTTP/web.example.com@EXAMPLE.COM");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn ap_59_absent_numbers_are_zero() {
    let forge = Forge {
        seq: None,
        ..Forge::right()
    };
    assert_eq!(present(&forge).unwrap().keys.initiator_seq, 0);
}
