//! A context goes on in another process.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::delegation::forwarded;
use super::exchange::{accepted, acceptor, established, initiator};
use super::{bits, unhex};
use crate::ap::tests::forge::{Forge, NOW, key, principal};
use crate::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::gss::{
    Acceptor, BindingOutcome, ContextFlags, MajorStatus, Protection, Role, SecurityContext,
    SequenceStatus,
};
use crate::random::{OsRandom, Random, RandomUnavailable};
use crate::time::Timestamp;
use crate::wire::{ErrorCode, TicketFlags};

const ENCTYPES: [Enctype; 4] = super::message::ENCTYPES;

fn seal() -> Key {
    key(Enctype::AES256_CTS_HMAC_SHA384_192, 77)
}

fn import(octets: &[u8]) -> Result<SecurityContext, Error> {
    SecurityContext::import(octets, &seal(), Arc::new(OsRandom))
}

fn carried(context: SecurityContext) -> SecurityContext {
    let octets = context.export(&seal(), &OsRandom).unwrap();
    import(&octets).unwrap()
}

/// What there is to compare: every field, keys by their fingerprints.
fn shown(context: &SecurityContext) -> String {
    let info = context.info();
    let mut keys = vec![info.keys.session.fingerprint()];
    let subkeys = [&info.keys.initiator_subkey, &info.keys.acceptor_subkey];
    keys.extend(subkeys.into_iter().flatten().map(Key::fingerprint));
    let delegated: Vec<_> = info
        .delegated
        .iter()
        .map(|one| (format!("{one:?}"), one.session_key.fingerprint()))
        .collect();
    format!("{info:?} {keys:?} {delegated:?} {context:?}")
}

fn converse(ours: &mut SecurityContext, theirs: &mut SecurityContext) {
    for protection in [Protection::Integrity, Protection::Confidentiality] {
        for (from, to) in [(0, 1), (1, 0)] {
            let ends = [&mut *ours, &mut *theirs];
            let token = ends[from].wrap(protection, b"message").unwrap();
            let unwrapped = ends[to].unwrap(&token).unwrap();
            assert_eq!(unwrapped.complete().unwrap(), b"message");
            let mic = ends[from].get_mic(b"message").unwrap();
            let status = ends[to].verify_mic(b"message", &mic).unwrap();
            assert_eq!(status, SequenceStatus::Complete);
        }
    }
}

#[test]
fn gss_13_an_exported_context_goes_on() {
    for enctype in ENCTYPES {
        let mut forge = Forge::right();
        forge.session_key = key(enctype, 5);
        let credentials = super::exchange::credentials(&forge);
        let credentials = Arc::new(credentials);
        for flags in [
            ContextFlags(0x3E),
            ContextFlags(0x3C),
            ContextFlags(0x36),
            ContextFlags(0x3A),
            ContextFlags(0x30),
        ] {
            let initiator = crate::gss::Initiator::new(Arc::clone(&credentials)).flags(flags);
            let (mut ours, mut theirs) = established(initiator, acceptor());
            assert!(ours.flags().contains(ContextFlags::TRANS));
            converse(&mut ours, &mut theirs);
            for _ in 0..3 {
                let before = (shown(&ours), shown(&theirs));
                (ours, theirs) = (carried(ours), carried(theirs));
                assert_eq!((shown(&ours), shown(&theirs)), before);
                converse(&mut ours, &mut theirs);
            }
            let before = ours.pseudo_random(crate::gss::PrfKey::Full, b"x", 40);
            let after = carried(ours).pseudo_random(crate::gss::PrfKey::Full, b"x", 40);
            assert_eq!(before.unwrap(), after.unwrap());
        }
    }
}

/// What was received before is known afterwards.
#[test]
fn case_038_the_window_is_carried() {
    let (mut ours, mut theirs) = established(initiator(), acceptor());
    let mut wrap = |n: u8| ours.wrap(Protection::Integrity, &[n]).unwrap();
    let tokens: Vec<_> = (0..100).map(&mut wrap).collect();
    let receive =
        |theirs: &mut SecurityContext, n: usize| theirs.unwrap(&tokens[n]).unwrap().status();
    assert_eq!(receive(&mut theirs, 0), SequenceStatus::Complete);
    assert_eq!(receive(&mut theirs, 5), SequenceStatus::Gap);
    let mut theirs = carried(theirs);
    assert_eq!(receive(&mut theirs, 0), SequenceStatus::Duplicate);
    assert_eq!(receive(&mut theirs, 3), SequenceStatus::Unseq);
    let mut theirs = carried(theirs);
    assert_eq!(receive(&mut theirs, 3), SequenceStatus::Duplicate);
    assert_eq!(receive(&mut theirs, 6), SequenceStatus::Complete);
    assert_eq!(receive(&mut theirs, 99), SequenceStatus::Gap);
    let mut theirs = carried(theirs);
    assert_eq!(receive(&mut theirs, 6), SequenceStatus::Unseq);
    // And the next to send has the next number.
    let token = carried(ours).wrap(Protection::Integrity, b"").unwrap();
    assert_eq!(
        theirs.unwrap(&token).unwrap().status(),
        SequenceStatus::Complete
    );
}

#[test]
fn gss_53_dce_style_is_carried() {
    let initiator = initiator().flags(ContextFlags(0x103E));
    let (leg1, next) = super::exchange::first(initiator);
    let crate::step::Step::Continue { token, next: third } = acceptor().accept(&leg1, NOW).unwrap()
    else {
        panic!()
    };
    let crate::step::Step::Established {
        token: Some(leg3),
        context: mut ours,
    } = next.reply(&token, NOW).unwrap()
    else {
        panic!()
    };
    let crate::step::Step::Established { context, .. } = third.accept(&leg3, NOW).unwrap() else {
        panic!()
    };
    let mut theirs = carried(context);
    let room = ours.sender().detached_room(Protection::Confidentiality);
    let (mut token, mut text) = (vec![0; room.token()], *b"text");
    ours.sender()
        .wrap_token(
            Protection::Confidentiality,
            &mut token,
            &mut [crate::gss::Piece::Data(&mut text)],
        )
        .unwrap();
    let stream = [&token[..], &text].concat();
    let unwrapped = theirs.unwrap(&stream).unwrap();
    assert_eq!(unwrapped.complete().unwrap(), b"text");
    converse(&mut theirs, &mut carried(ours));
}

#[test]
fn gss_35_what_was_delegated_is_carried() {
    let (_, theirs) = established(initiator().delegate(forwarded()), acceptor());
    let before = shown(&theirs);
    let ticket = theirs.info().delegated[0].ticket.clone();
    let theirs = carried(theirs);
    assert_eq!(shown(&theirs), before);
    let [received] = &theirs.info().delegated[..] else {
        panic!()
    };
    assert!(received.flags.contains(TicketFlags::FORWARDED));
    assert_eq!(received.session_key, forwarded().session_key);
    assert_eq!(received.ticket, ticket);
}

/// A recorded first token, in whose ticket is a PAC.
fn recorded() -> SecurityContext {
    let expected =
        include_str!("../../../../../vectors/pac/ad.example.test/alice-web/expected.json");
    let exchange = include_str!("../../../../../vectors/pac/ad.example.test/alice-web/gss.json");
    let token: &[u8] =
        include_bytes!("../../../../../vectors/pac/ad.example.test/alice-web/gss.i1.bin");
    let expected: Value = serde_json::from_str(expected).unwrap();
    let exchange: Value = serde_json::from_str(exchange).unwrap();
    let service = &expected["service_key"];
    let enctype = Enctype(service["etype"].as_i64().unwrap() as i32);
    let key = Key::new(enctype, &unhex(service["key"].as_str().unwrap())).unwrap();
    let server = principal(exchange["acceptor"].as_str().unwrap());
    let keys = ServiceKeys::new([(server.clone(), 2, key)]);
    let config = AcceptorConfig::new(Arc::new(keys), Accepts::Service(server));
    let now = Timestamp::from_secs(exchange["made_at"].as_i64().unwrap());
    accepted(Acceptor::new(ap::Acceptor::new(config)).accept(token, now)).1
}

fn sid(pac: &crate::pac::VerifiedPac) -> Option<String> {
    pac.user_sid().map(|sid| sid.to_string())
}

#[test]
fn ap_39_the_peer_is_carried_with_its_pac() {
    let context = recorded();
    let before = shown(&context);
    let was = context.peer().unwrap();
    let pac = was.pac().unwrap();
    let expected = (
        was.authorization_data(),
        was.client_authorization_data(),
        was.session_expiry(),
        was.clock_offset(),
        (
            was.keytab_entry(),
            was.keytab_kvno(),
            was.used_fallback_key(),
        ),
        was.replay_checked(),
        was.supplies_channel_bindings(),
        was.authentication_indicators(),
        (pac.octets().to_vec(), pac.checked(), sid(pac)),
        was.ticket().octets().to_vec(),
        was.ticket().transited.clone(),
    );
    let context = carried(context);
    assert_eq!(shown(&context), before);
    let is = context.peer().unwrap();
    let pac = is.pac().unwrap();
    let found = (
        is.authorization_data(),
        is.client_authorization_data(),
        is.session_expiry(),
        is.clock_offset(),
        (is.keytab_entry(), is.keytab_kvno(), is.used_fallback_key()),
        is.replay_checked(),
        is.supplies_channel_bindings(),
        is.authentication_indicators(),
        (pac.octets().to_vec(), pac.checked(), sid(pac)),
        is.ticket().octets().to_vec(),
        is.ticket().transited.clone(),
    );
    assert_eq!(found, expected);
    assert!(sid(pac).is_some() && is.replay_checked());
}

#[test]
fn gss_21_the_outcome_of_bindings_is_carried() {
    use crate::gss::{AcceptorBindings, BindingType, ChannelBindings};
    let ours = || ChannelBindings::from_application_data("a");
    for (sent, policy, expected) in [
        (
            Some("a"),
            AcceptorBindings::Allow(ours().into()),
            BindingOutcome::Agree {
                candidate: 0,
                binding_type: BindingType::Other,
            },
        ),
        (
            None,
            AcceptorBindings::Allow(ours().into()),
            BindingOutcome::Absent,
        ),
        (
            Some("b"),
            AcceptorBindings::Audit(ours().into()),
            BindingOutcome::Differ,
        ),
        (None, AcceptorBindings::None, BindingOutcome::NotCompared),
    ] {
        let initiator = match sent {
            Some(data) => initiator().bindings(ChannelBindings::from_application_data(data)),
            None => initiator(),
        };
        let (_, theirs) = established(initiator, acceptor().bindings(policy));
        let bound = theirs.flags().contains(ContextFlags::CHANNEL_BOUND);
        let theirs = carried(theirs);
        assert_eq!(theirs.info().bindings, expected);
        assert_eq!(theirs.flags().contains(ContextFlags::CHANNEL_BOUND), bound);
    }
}

fn exported() -> Vec<u8> {
    let (_, theirs) = established(initiator().delegate(forwarded()), acceptor());
    theirs.export(&seal(), &OsRandom).unwrap()
}

fn is_integrity(error: &Error) -> bool {
    let Error::Rejected(rejection) = error else {
        return false;
    };
    let expected = ErrorCode::KRB_AP_ERR_BAD_INTEGRITY;
    matches!(**rejection, Rejection::Message { code, .. } if code == expected)
}

#[test]
fn case_044_another_key_another_version() {
    let octets = exported();
    let with = |key: &Key| SecurityContext::import(&octets, key, Arc::new(OsRandom)).unwrap_err();
    let other = key(seal().enctype(), 78);
    assert!(is_integrity(&with(&other)));
    let other = key(Enctype::AES256_CTS_HMAC_SHA1_96, 77);
    let Error::Rejected(rejection) = with(&other) else {
        panic!()
    };
    assert!(matches!(*rejection, Rejection::Enctype { .. }));
    // What the same key sealed for something else.
    let text = seal()
        .encrypt(KeyUsage::KRB_PRIV, b"something", &OsRandom)
        .unwrap();
    let mut else_where = vec![0x30, 0, 0xA0, 3, 2, 1, 1, 0xA1, 3, 2, 1, 20, 0xA2, 0, 4, 0];
    else_where.extend_from_slice(&text);
    let len = text.len() as u8;
    (else_where[1], else_where[13], else_where[15]) = (len + 14, len + 2, len);
    assert!(is_integrity(&import(&else_where).unwrap_err()));
    // The version is in the clear and under the seal: each counts.
    let at = octets
        .windows(5)
        .position(|w| w == [0xA0, 3, 2, 1, 1])
        .unwrap();
    let mut newer = octets.clone();
    newer[at + 4] = 2;
    assert!(matches!(import(&newer).unwrap_err(), Error::Unsupported(_)));
    let mut state = vec![0x30, 5, 0xA0, 3, 2, 1, 2];
    let sealed = |state: &[u8]| {
        let text = seal()
            .encrypt(KeyUsage::EXPORTED_CONTEXT, state, &OsRandom)
            .unwrap();
        let mut octets = vec![0x30, 0, 0xA0, 3, 2, 1, 1, 0xA1, 3, 2, 1, 20, 0xA2, 0, 4, 0];
        let len = text.len() as u8;
        (octets[1], octets[13], octets[15]) = (len + 14, len + 2, len);
        octets.extend_from_slice(&text);
        octets
    };
    assert!(matches!(import(&sealed(&state)), Err(Error::Malformed(_))));
    state.clear();
    assert!(matches!(import(&sealed(&state)), Err(Error::Malformed(_))));
}

#[test]
fn case_044_cut_off_and_added_to() {
    let octets = exported();
    for len in 0..octets.len() {
        assert!(
            matches!(import(&octets[..len]), Err(Error::Malformed(_))),
            "{len}"
        );
    }
    for more in 1..4 {
        let longer = [&octets[..], &vec![0; more]].concat();
        assert!(matches!(import(&longer), Err(Error::Malformed(_))));
    }
    assert!(import(&octets).is_ok());
}

#[test]
fn case_044_every_bit_of_an_exported_context() {
    let octets = exported();
    for (bit, changed) in bits(&octets) {
        assert!(import(&changed).is_err(), "bit {bit}");
    }
}

#[test]
fn case_118_nothing_is_readable_without_the_key() {
    let context = recorded();
    let secrets: Vec<Vec<u8>> = [
        context.info().keys.session.expose(),
        context.session_key().expose(),
        context.peer().unwrap().pac().unwrap().octets(),
        context.info().initiator.component(0).unwrap().as_bytes(),
        context.info().acceptor.realm().as_bytes(),
    ]
    .into_iter()
    .map(<[u8]>::to_vec)
    .collect();
    let octets = context.export(&seal(), &OsRandom).unwrap();
    for secret in secrets {
        let run = secret.len().min(8);
        let shown = secret
            .windows(run)
            .any(|secret| octets.windows(run).any(|octets| octets == secret));
        assert!(!shown);
    }
}

/// Gives nothing.
struct Exhausted;

impl Random for Exhausted {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
        Err(RandomUnavailable)
    }
}

#[test]
fn without_randomness_nothing_is_exported() {
    let (ours, _) = established(initiator(), acceptor());
    assert!(ours.export(&seal(), &Exhausted).is_err());
}

#[test]
fn gss_14_46_the_end_of_a_context_by_policy() {
    let (mut ours, mut theirs) = established(initiator(), acceptor());
    let end = Timestamp::from(ours.info().endtime);
    let skew = Duration::from_secs(300);
    for (now, leeway, lives) in [
        (NOW, Duration::ZERO, true),
        (end, Duration::ZERO, true),
        (end.offset(1), Duration::ZERO, false),
        (end.offset(1), skew, true),
        (end.plus(skew), skew, true),
        (end.plus(skew).offset(1), skew, false),
    ] {
        for (role, context) in [(Role::Initiator, &mut ours), (Role::Acceptor, &mut theirs)] {
            match context.within_lifetime(now, leeway) {
                Ok(context) => {
                    assert!(lives);
                    context.wrap(Protection::Integrity, b"").unwrap();
                }
                Err(error) => {
                    assert!(!lives);
                    assert_eq!(error.gss_major(role), MajorStatus::CONTEXT_EXPIRED);
                    assert_eq!(error.protocol_code().0, 32);
                }
            }
        }
    }
    // Who has no such policy goes on.
    let token = ours.wrap(Protection::Integrity, b"late").unwrap();
    assert!(theirs.unwrap(&token).is_ok());
}
