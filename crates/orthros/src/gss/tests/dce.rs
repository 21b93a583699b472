//! DCE style contexts.

use super::exchange::{accepted, acceptor, established, first, initiator};
use crate::ap::tests::forge::{Forge, NOW};
use crate::crypto::KeyUsage;
use crate::error::{Error, Rejection};
use crate::gss::token::{TokenId, frame, unframe};
use crate::gss::{
    AwaitToken, ContextFlags, Initiator, MajorStatus, PrfKey, Protection, Role, SecurityContext,
};
use crate::random::OsRandom;
use crate::step::{Refusal, Step};
use crate::wire::{
    ApRep, EncApRepPart, EncryptedData, EncryptionKey, ErrorCode, Message, OctetString, UInt32,
};

fn dce() -> Initiator {
    initiator().flags(ContextFlags::DCE_STYLE | ContextFlags::REPLAY | ContextFlags::SEQUENCE)
}

fn second(token: &[u8]) -> (Vec<u8>, AwaitToken) {
    match acceptor().accept(token, NOW).unwrap() {
        Step::Continue { token, next } => (token, next),
        other => panic!("{other:?}"),
    }
}

/// The initiator's context and third leg, the acceptor's second and what waits for the third.
fn two_legs() -> (SecurityContext, Vec<u8>, Vec<u8>, AwaitToken) {
    let (leg1, next) = first(dce());
    let (leg2, third) = second(&leg1);
    let Step::Established {
        token: Some(leg3),
        context,
    } = next.reply(&leg2, NOW).unwrap()
    else {
        panic!()
    };
    (context, leg2, leg3, third)
}

fn refused(refusal: Refusal, code: ErrorCode) {
    assert_eq!(refusal.error.protocol_code(), code, "{refusal}");
    assert!(refusal.token.is_none());
}

#[test]
fn gss_53_three_bare_legs() {
    let (leg1, next) = first(dce());
    assert_eq!(leg1[0], 0x6E);
    let (leg2, third) = second(&leg1);
    assert_eq!(leg2[0], 0x6F);
    let Step::Established {
        token: Some(leg3),
        context: mut ours,
    } = next.reply(&leg2, NOW).unwrap()
    else {
        panic!()
    };
    assert_eq!(leg3[0], 0x6F);
    let Step::Established {
        token: None,
        context: mut theirs,
    } = third.accept(&leg3, NOW).unwrap()
    else {
        panic!()
    };
    for context in [&ours, &theirs] {
        let flags = context.flags();
        assert!(flags.contains(ContextFlags::DCE_STYLE | ContextFlags::MUTUAL));
        // The acceptor always makes a subkey.
        assert!(context.info().keys.acceptor_subkey.is_some());
    }
    let token = ours.wrap(Protection::Confidentiality, b"there").unwrap();
    assert_eq!(theirs.unwrap(&token).unwrap().complete().unwrap(), b"there");
    let token = theirs.wrap(Protection::Integrity, b"back").unwrap();
    assert_eq!(ours.unwrap(&token).unwrap().complete().unwrap(), b"back");
}

#[test]
fn gss_05_bare_exactly_if_dce_style() {
    let defective = |refusal: Refusal| {
        assert_eq!(
            refusal.error.gss_major(Role::Acceptor),
            MajorStatus::DEFECTIVE_TOKEN
        );
    };
    // Bare without the flag.
    let (token, _) = first(initiator());
    let (_, bare) = unframe(&token).unwrap();
    defective(acceptor().accept(bare, NOW).unwrap_err());
    // Framed with it.
    let (bare, _) = first(dce());
    let framed = frame(TokenId::AP_REQ, &bare);
    defective(acceptor().accept(&framed, NOW).unwrap_err());
    // Bare and right.
    second(&bare);
    // Bare, and no checksum of GSS-API that could have the flag (GSS-19).
    let forge = Forge::right();
    let bare = forge.request();
    defective(acceptor().accept(&bare, NOW).unwrap_err());
    let framed = frame(TokenId::AP_REQ, &bare);
    assert!(acceptor().accept(&framed, NOW).is_ok());
}

#[test]
fn gss_53_a_framed_third_leg() {
    let (_, _, leg3, third) = two_legs();
    let error = third
        .accept(&frame(TokenId::AP_REP, &leg3), NOW)
        .unwrap_err()
        .error;
    let Error::Rejected(rejection) = &error else {
        panic!("{error:?}");
    };
    assert!(
        matches!(**rejection, Rejection::MessageType { .. }),
        "{error}"
    );
}

#[test]
fn gss_05_the_initiator_takes_a_bare_reply_only() {
    let (leg1, next) = first(dce());
    let (leg2, _) = second(&leg1);
    let refusal = next.reply(&frame(TokenId::AP_REP, &leg2), NOW).unwrap_err();
    assert_eq!(
        refusal.error.gss_major(Role::Initiator),
        MajorStatus::DEFECTIVE_TOKEN
    );
    // And without DCE style a framed one only.
    let (token, next) = first(initiator());
    let (reply, _) = accepted(acceptor().accept(&token, NOW));
    let reply = reply.unwrap();
    let (_, bare) = unframe(&reply).unwrap();
    assert!(next.reply(bare, NOW).is_err());
}

#[test]
fn gss_54_the_third_leg() {
    let (context, _, leg3, _) = two_legs();
    let reply = ApRep::from_bytes(&leg3).unwrap();
    let session = Forge::right().session_key;
    let octets = session
        .decrypt(KeyUsage::AP_REP, reply.enc_part.cipher.as_bytes())
        .unwrap();
    let part = EncApRepPart::from_bytes(&octets).unwrap();
    assert!(part.subkey.is_none());
    assert_eq!(part.seq_number.unwrap().0, context.info().keys.acceptor_seq);
    assert_eq!(part.ctime, NOW.time());
}

#[test]
fn case_026_our_own_reply_echoed_back() {
    let (_, leg2, _, third) = two_legs();
    let refusal = third.accept(&leg2, NOW).unwrap_err();
    assert!(matches!(&refusal.error,
        Error::Rejected(r) if matches!(**r, Rejection::Mutual { .. })));
    assert_eq!(
        refusal.error.gss_major(Role::Acceptor),
        MajorStatus::FAILURE
    );
    refused(refusal, ErrorCode::KRB_AP_ERR_MUT_FAIL);
}

/// The third leg with something changed in what is sealed.
fn changed(leg3: &[u8], change: impl Fn(&mut EncApRepPart<'_>)) -> Vec<u8> {
    let session = Forge::right().session_key;
    let mut reply = ApRep::from_bytes(leg3).unwrap();
    let octets = session
        .decrypt(KeyUsage::AP_REP, reply.enc_part.cipher.as_bytes())
        .unwrap();
    let mut part = EncApRepPart::from_bytes(&octets).unwrap();
    change(&mut part);
    let sealed = session
        .encrypt(KeyUsage::AP_REP, &part.to_bytes().unwrap(), &OsRandom)
        .unwrap();
    reply.enc_part = EncryptedData {
        etype: session.enctype().0,
        kvno: None,
        cipher: OctetString(&sealed),
    };
    reply.to_bytes().unwrap()
}

#[test]
fn gss_54_number_and_subkey_of_the_third_leg() {
    let failed = ErrorCode::KRB_AP_ERR_MUT_FAIL;
    let (_, _, leg3, third) = two_legs();
    assert!(third.accept(&changed(&leg3, |_| ()), NOW).is_ok());
    let (_, _, leg3, third) = two_legs();
    let other = changed(&leg3, |part| {
        let number = part.seq_number.unwrap().0;
        part.seq_number = Some(UInt32(number ^ 1));
    });
    refused(third.accept(&other, NOW).unwrap_err(), failed);
    let (_, _, leg3, third) = two_legs();
    let none = changed(&leg3, |part| part.seq_number = None);
    refused(third.accept(&none, NOW).unwrap_err(), failed);
    let (_, _, leg3, third) = two_legs();
    let keytype = Forge::right().session_key.enctype().0;
    let with_subkey = changed(&leg3, move |part| {
        part.subkey = Some(EncryptionKey {
            keytype,
            keyvalue: OctetString(&[7; 32]),
        });
    });
    refused(third.accept(&with_subkey, NOW).unwrap_err(), failed);
}

#[test]
fn every_bit_of_the_third_leg() {
    let mut bit = 0;
    loop {
        let (_, _, mut leg3, third) = two_legs();
        let Some(octet) = leg3.get_mut(bit / 8) else {
            break;
        };
        *octet ^= 1 << (bit % 8);
        assert!(third.accept(&leg3, NOW).is_err(), "bit {bit}");
        bit += 1;
    }
    for len in 0..bit / 8 - 1 {
        let (_, _, leg3, third) = two_legs();
        assert!(third.accept(&leg3[..len], NOW).is_err(), "{len} octets");
    }
}

#[test]
fn gss_62_both_ends_have_one_pseudo_random_function() {
    let (ours, theirs) = established(initiator(), acceptor());
    let of = |context: &SecurityContext, which| {
        let output = context.pseudo_random(which, b"gss prf test", 50).unwrap();
        output.expose().to_vec()
    };
    for which in [PrfKey::Full, PrfKey::Partial] {
        assert_eq!(of(&ours, which), of(&theirs, which));
    }
    assert_ne!(of(&ours, PrfKey::Full), of(&ours, PrfKey::Partial));
    let one = initiator().flags(ContextFlags::NONE);
    let (ours, theirs) = established(one, acceptor());
    assert_eq!(of(&ours, PrfKey::Full), of(&theirs, PrfKey::Partial));
    assert_eq!(ours.session_key(), theirs.session_key());
}
