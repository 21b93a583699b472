//! Every single-bit change of every kind of token.
//!
//! Tokens of a context that is being established, and messages of one that is, for each enctype,
//! with a subkey of the acceptor's and without, of either end. Messages in several places are in
//! `detached`, exported contexts in `export`.

use std::sync::Arc;

use super::exchange::credentials;
use super::{Given, bits};
use crate::ap;
use crate::ap::tests::forge::{Forge, NOW, key};
use crate::credentials::Credentials;
use crate::crypto::Enctype;
use crate::error::Error;
use crate::gss::token::{TokenId, frame, unframe};
use crate::gss::{
    Acceptor, AwaitReply, AwaitToken, ContextFlags, Initiator, Protection, Role, SecurityContext,
    SequenceStatus,
};
use crate::random::Random;
use crate::step::Step;
use crate::wire::{ApReq, Message, Ticket};

const ENCTYPES: [Enctype; 4] = super::message::ENCTYPES;
const MUTUAL: ContextFlags = ContextFlags(0x3E);

/// A ticket whose session key is of this enctype.
fn ticket(enctype: Enctype) -> Arc<Credentials> {
    let mut forge = Forge::right();
    forge.session_key = key(enctype, 5);
    Arc::new(credentials(&forge))
}

/// The same octets every time, so that the same exchange is to be had again.
fn random() -> Arc<dyn Random> {
    let octets: Vec<u8> = (0..4096u32).map(|n| (n * 7 + 3) as u8).collect();
    Arc::new(Given::new(&octets))
}

fn request(ticket: &Arc<Credentials>, flags: ContextFlags) -> (Vec<u8>, Option<AwaitReply>) {
    let initiator = Initiator::new(Arc::clone(ticket)).flags(flags);
    match initiator.random(random()).request(NOW).unwrap() {
        Step::Continue { token, next } => (token, Some(next)),
        Step::Established { token, .. } => (token.unwrap(), None),
    }
}

fn acceptor() -> Acceptor {
    Acceptor::new(ap::Acceptor::new(Forge::right().config().random(random())))
}

/// Where an element lies in a token.
fn place(token: &[u8], element: &[u8]) -> std::ops::Range<usize> {
    let mut found = token.windows(element.len()).enumerate();
    let (at, _) = found.find(|(_, octets)| *octets == element).unwrap();
    at..at + element.len()
}

/// Of an AP-REQ three fields are not protected by anything, and nothing depends on them: the options,
/// of which the checksum repeats the one that counts (GSS-12), the type of the server's name, which
/// is no part of it (AP-26), and the version of the key, which only says where to begin (AP-20). What
/// is accepted with another value there is the same context.
#[test]
fn every_bit_of_the_first_token() {
    for enctype in ENCTYPES {
        for flags in [MUTUAL, MUTUAL.without(ContextFlags::MUTUAL)] {
            let (token, _) = request(&ticket(enctype), flags);
            let (_, message) = unframe(&token).unwrap();
            let parsed = ApReq::from_bytes(message).unwrap();
            let sealed = Ticket::from_bytes(parsed.ticket.as_bytes()).unwrap();
            let options = place(&token, &[0xA2, 7, 3, 5, 0]);
            let options = options.start + 4..options.end + 4;
            let name = place(
                &token,
                &[0xA0, 3, 2, 1, sealed.sname.name_type.0 as u8, 0xA1],
            );
            let name = name.start + 4..name.start + 5;
            let kvno = place(
                &token,
                &[0xA1, 3, 2, 1, sealed.enc_part.kvno.unwrap().0 as u8, 0xA2],
            );
            let kvno = kvno.start + 4..kvno.start + 5;
            let whole = |step: Step<AwaitToken, SecurityContext>| match step {
                Step::Established { context, .. } => (
                    context.flags(),
                    context.session_key().clone(),
                    context.info().initiator.clone(),
                    context.info().acceptor.realm().to_owned(),
                    context.info().acceptor.name(),
                ),
                Step::Continue { .. } => panic!("no context"),
            };
            let right = whole(acceptor().accept(&token, NOW).unwrap());
            for (bit, changed) in bits(&token) {
                match acceptor().accept(&changed, NOW) {
                    Ok(step @ Step::Established { .. }) => {
                        let at = bit / 8;
                        let unprotected = [&options, &name, &kvno];
                        let unprotected = unprotected.iter().any(|range| range.contains(&at));
                        assert!(
                            unprotected,
                            "{enctype} {flags:?} octet {at} bit {}",
                            bit % 8
                        );
                        assert!(whole(step) == right, "another context");
                    }
                    // Another TOK_ID is answered with a KRB-ERROR, and a first token is due again
                    // (GSS-03).
                    Ok(Step::Continue { next, .. }) => {
                        assert!(matches!(next, AwaitToken::First(_)));
                    }
                    Err(_) => {}
                }
            }
        }
    }
}

#[test]
fn every_bit_of_the_acceptors_token() {
    for enctype in ENCTYPES {
        let ticket = ticket(enctype);
        // A conversation for each bit: no two requests have the same time.
        let begun = || {
            let (token, next) = request(&ticket, MUTUAL);
            match acceptor().accept(&token, NOW).unwrap() {
                Step::Established { token, .. } => (token.unwrap(), next.unwrap()),
                Step::Continue { .. } => panic!("one leg too many"),
            }
        };
        let (reply, next) = begun();
        assert!(next.reply(&reply, NOW).is_ok());
        for bit in 0..reply.len() * 8 {
            let (mut reply, next) = begun();
            reply[bit / 8] ^= 1 << (bit % 8);
            assert!(next.reply(&reply, NOW).is_err(), "{enctype} bit {bit}");
        }
    }
}

/// Nothing protects a KRB-ERROR (AP-76): whatever it says, it is no context, and there is no answer
/// to it.
#[test]
fn every_bit_of_an_error_token() {
    let ticket = ticket(ENCTYPES[0]);
    let (token, _) = request(&ticket, MUTUAL);
    let late = NOW.offset(3_600_000_000);
    let refusal = acceptor().accept(&token, late).unwrap_err();
    let error = refusal.token.unwrap();
    for (_, changed) in bits(&error) {
        let (_, next) = request(&ticket, MUTUAL);
        let refusal = next.unwrap().reply(&changed, NOW).unwrap_err();
        assert!(refusal.token.is_none());
        assert!(matches!(
            refusal.error,
            Error::Peer(_) | Error::Malformed(_) | Error::Rejected(_)
        ));
    }
}

#[test]
fn gss_54_every_bit_of_the_third_leg() {
    let dce = MUTUAL | ContextFlags::DCE_STYLE;
    for enctype in ENCTYPES {
        let ticket = ticket(enctype);
        let (leg1, next) = request(&ticket, dce);
        let second = || match acceptor().accept(&leg1, NOW).unwrap() {
            Step::Continue { token, next } => (token, next),
            Step::Established { .. } => panic!("a third leg is due"),
        };
        let (leg2, third) = second();
        let Step::Established { token, .. } = next.unwrap().reply(&leg2, NOW).unwrap() else {
            panic!()
        };
        let leg3 = token.unwrap();
        assert!(third.accept(&leg3, NOW).is_ok());
        for (bit, changed) in bits(&leg3) {
            let (again, third) = second();
            assert_eq!(again, leg2);
            assert!(third.accept(&changed, NOW).is_err(), "{enctype} bit {bit}");
        }
        // The second leg, too.
        for bit in 0..leg2.len() * 8 {
            let (leg1, next) = request(&ticket, dce);
            let Step::Continue { mut token, .. } = acceptor().accept(&leg1, NOW).unwrap() else {
                panic!()
            };
            token[bit / 8] ^= 1 << (bit % 8);
            let refused = next.unwrap().reply(&token, NOW);
            assert!(refused.is_err(), "{enctype} second leg, bit {bit}");
        }
    }
}

fn contexts(enctype: Enctype, flags: ContextFlags) -> [SecurityContext; 2] {
    let ticket = ticket(enctype);
    let (token, next) = request(&ticket, flags);
    let Step::Established { token, context } = acceptor().accept(&token, NOW).unwrap() else {
        panic!()
    };
    let ours = match (next, token) {
        (Some(next), Some(reply)) => next.reply(&reply, NOW).unwrap(),
        _ => {
            let initiator = Initiator::new(ticket).flags(flags);
            initiator.random(random()).request(NOW).unwrap()
        }
    };
    let Step::Established { context: ours, .. } = ours else {
        panic!()
    };
    [ours, context]
}

/// RRC is not protected (GSS-41): another value with the same rotation is the same token, any other
/// rotation is refused.
#[test]
fn gss_36_to_gss_42_every_bit_of_messages_of_either_end() {
    let mut subkeys = [0; 2];
    for enctype in ENCTYPES {
        for flags in [MUTUAL, MUTUAL.without(ContextFlags::MUTUAL)] {
            for role in [Role::Initiator, Role::Acceptor] {
                let [initiator, acceptor] = contexts(enctype, flags);
                let (mut from, mut to) = match role {
                    Role::Initiator => (initiator, acceptor),
                    Role::Acceptor => (acceptor, initiator),
                };
                subkeys[usize::from(from.info().keys.acceptor_subkey.is_some())] += 1;
                for protection in [Protection::Integrity, Protection::Confidentiality] {
                    let token = from.wrap(protection, b"a message").unwrap();
                    let payload = token.len() - 16;
                    for (bit, changed) in bits(&token) {
                        let mut copy = changed.clone();
                        let results = [
                            to.unwrap(&changed).is_err(),
                            to.unwrap_in_place(&mut copy).is_err(),
                        ];
                        let rrc = usize::from(u16::from_be_bytes([changed[6], changed[7]]));
                        let same = bit / 8 >= 6 && bit / 8 < 8 && rrc % payload == 0;
                        assert_eq!(results, [!same; 2], "{enctype} {protection:?} bit {bit}");
                    }
                    // None of them has touched the window.
                    let unwrapped = to.unwrap(&token).unwrap();
                    assert_eq!(unwrapped.complete().unwrap(), b"a message");
                }
                let mic = from.get_mic(b"a message").unwrap();
                for (bit, changed) in bits(&mic) {
                    let result = to.verify_mic(b"a message", &changed);
                    assert!(result.is_err(), "{enctype} MIC bit {bit}");
                }
                for (_, changed) in bits(b"a message") {
                    assert!(to.verify_mic(&changed, &mic).is_err());
                }
                let status = to.verify_mic(b"a message", &mic).unwrap();
                assert_eq!(status, SequenceStatus::Complete);
            }
        }
    }
    assert_eq!(subkeys, [8, 8]);
}

/// A failing call consumes what waited for the token: there is no half of a context left to call,
/// and nothing to free twice. What was established on the other side goes on or is dropped.
#[test]
fn case_045_an_error_in_the_second_leg() {
    let (token, next) = request(&ticket(ENCTYPES[1]), MUTUAL);
    let step = acceptor().accept(&token, NOW).unwrap();
    let Step::Established {
        token: Some(reply),
        context: mut theirs,
    } = step
    else {
        panic!()
    };
    let mut changed = reply.clone();
    *changed.last_mut().unwrap() ^= 1;
    let refusal = next.unwrap().reply(&changed, NOW).unwrap_err();
    assert!(refusal.token.is_none());
    assert!(theirs.wrap(Protection::Integrity, b"").is_ok());
    // The same of the acceptor: its state goes with the error.
    let bad = frame(TokenId::AP_REQ, &[0x6E, 0]);
    let acceptor = AwaitToken::from(acceptor());
    assert!(acceptor.accept(&bad, NOW).is_err());
}
