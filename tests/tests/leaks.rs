//! What a failing call leaves behind: nothing. One test, because what is counted is the whole
//! process.

use std::alloc::System;
use std::sync::Arc;

use orthros::ap::{
    self, AcceptorConfig, Accepts, Cksum, Freshness, InitiatorConfig, MemoryReplayCache,
    ServiceKeys, Session, SessionAddresses, SessionConfig, SessionKeys, Unbound,
};
use orthros::credentials::Credentials;
use orthros::crypto::{Enctype, Key};
use orthros::gss::token::{TokenId, frame};
use orthros::gss::{
    self, AcceptorBindings, ChannelBindings, ContextFlags, MessageKeys, Piece, Protection,
    Receiver, Role, SecurityContext, Sender, Window,
};
use orthros::principal::Principal;
use orthros::random::{OsRandom, Random, RandomUnavailable};
use orthros::sasl::{self, Layers};
use orthros::spnego;
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros::wire::{EncTicketPart, Message};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A recorded ticket, what is sealed in it, and when its client used it.
const TICKET: &[u8] = include_bytes!("../../vectors/pac/ad.example.test/alice-web/ticket.der");
const ENC_TICKET_PART: &[u8] =
    include_bytes!("../../vectors/pac/ad.example.test/alice-web/enc_ticket_part.der");
const NOW: Timestamp = Timestamp::from_secs(1_795_336_232);
const SERVICE_KEY: &str = "d58e28524005ceff81781398a4ce3775e57521b28f98c987c4c06d7aa08b547a";

fn principal(name: &str) -> Principal {
    Principal::parse(name, None).expect("a name")
}

fn service() -> Principal {
    principal("HTTP/web.ad.example.test@AD.EXAMPLE.TEST")
}

fn credentials() -> Arc<Credentials> {
    let part = EncTicketPart::from_bytes(ENC_TICKET_PART).expect("recorded");
    let session_key = Key::new(Enctype(part.key.keytype), part.key.keyvalue.as_bytes());
    Arc::new(Credentials {
        client: principal("alice@AD.EXAMPLE.TEST"),
        server: service(),
        ticket: TICKET.to_vec(),
        session_key: session_key.expect("a key"),
        flags: part.flags,
        authtime: part.authtime,
        starttime: part.starttime,
        endtime: part.endtime,
        renew_till: part.renew_till,
        addresses: Vec::new(),
        clock_offset: 0,
        second_ticket: None,
    })
}

fn keys() -> Arc<ServiceKeys> {
    let octets: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&SERVICE_KEY[2 * i..2 * i + 2], 16).expect("hex"))
        .collect();
    let key = Key::new(Enctype::AES256_CTS_HMAC_SHA1_96, &octets).expect("a key");
    Arc::new(ServiceKeys::new([(service(), 2, key)]))
}

/// Gives nothing.
struct Exhausted;

impl Random for Exhausted {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
        Err(RandomUnavailable)
    }
}

/// What a hostile peer makes of a token: the `n`th of its changes.
fn spoilt(token: &[u8], n: usize) -> Vec<u8> {
    let mut token = token.to_vec();
    let at = (n * 31) % token.len();
    match n % 4 {
        0 => token.truncate(at),
        1 => {
            // Where it is not protected, another bit may be no change at all: the last octets are.
            let last = token.len() - 1 - n % 8;
            token[last] ^= 1 << (n % 8);
        }
        2 => {
            token.push(n as u8);
        }
        _ => {
            let first = token[0];
            token.fill(n as u8);
            token[0] = first;
        }
    }
    token
}

/// A call that fails, and its name.
type Failing = (&'static str, Box<dyn FnMut(usize)>);

fn refused<T, E>(result: Result<T, E>) {
    assert!(result.is_err());
}

fn request(flags: ContextFlags) -> (Vec<u8>, gss::AwaitReply) {
    let initiator = gss::Initiator::new(credentials()).flags(flags);
    match initiator.request(NOW).expect("a request") {
        Step::Continue { token, next } => (token, next),
        Step::Established { .. } => panic!("an answer is due"),
    }
}

const MUTUAL: ContextFlags = ContextFlags(0x3E);
const DCE: ContextFlags = ContextFlags(0x103E);

fn establishing(all: &mut Vec<Failing>) {
    let config = AcceptorConfig::new(keys(), Accepts::Service(service()))
        .replay_cache(Arc::new(MemoryReplayCache::with_capacity(64)));
    let shared = ap::Acceptor::new(config);
    let (first, _) = request(MUTUAL);

    let acceptor = gss::Acceptor::new(shared.clone());
    let token = first.clone();
    all.push((
        "gss::Acceptor::accept",
        Box::new(move |n| refused(acceptor.clone().accept(&spoilt(&token, n), NOW))),
    ));
    let acceptor = gss::Acceptor::new(shared.clone());
    let token = first.clone();
    all.push((
        "gss::Acceptor::accept, much too late",
        Box::new(move |n| {
            let late = NOW.offset(4_000_000_000 + n as i64);
            refused(acceptor.clone().accept(&token, late));
        }),
    ));
    let acceptor = gss::Acceptor::new(shared.clone());
    let token = first.clone();
    all.push((
        "gss::Acceptor::verify",
        Box::new(move |n| refused(acceptor.clone().verify(&spoilt(&token, n), NOW))),
    ));
    // Another service's acceptor: no key.
    let other = Accepts::Service(principal("host/other@AD.EXAMPLE.TEST"));
    let elsewhere = gss::Acceptor::new(ap::Acceptor::new(AcceptorConfig::new(keys(), other)));
    let token = first.clone();
    all.push((
        "gss::Acceptor::accept of another service",
        Box::new(move |_| refused(elsewhere.clone().accept(&token, NOW))),
    ));
    let bound = ChannelBindings::from_application_data("tls-server-end-point:");
    let requires =
        gss::Acceptor::new(shared.clone()).bindings(AcceptorBindings::Require(bound.into()));
    let token = first.clone();
    all.push((
        "gss::Acceptor::accept without bindings",
        Box::new(move |_| refused(requires.clone().accept(&token, NOW))),
    ));
    let acceptor = gss::Acceptor::new(shared.clone());
    all.push((
        "gss::Acceptor::accept of no AP-REQ, twice",
        Box::new(move |_| {
            let iakerb = frame(TokenId::IAKERB, b"");
            let Ok(Step::Continue { next, .. }) = acceptor.clone().accept(&iakerb, NOW) else {
                return;
            };
            refused(next.accept(b"\x60", NOW));
        }),
    ));

    // What an acceptor answers to another request.
    let fresh = || {
        let config = AcceptorConfig::new(keys(), Accepts::Service(service()));
        gss::Acceptor::new(ap::Acceptor::new(config))
    };
    let answer = match fresh().accept(&first, NOW).expect("accepted") {
        Step::Established { token, .. } => token.expect("mutual"),
        Step::Continue { .. } => panic!("not DCE style"),
    };
    let reply = answer.clone();
    all.push((
        "gss::AwaitReply::reply",
        Box::new(move |n| {
            refused(request(MUTUAL).1.reply(&spoilt(&reply, n), NOW));
        }),
    ));
    let error = fresh()
        .accept(&first, NOW.offset(4_000_000_000))
        .expect_err("too late")
        .token
        .expect("a KRB-ERROR");
    all.push((
        "gss::AwaitReply::reply of a KRB-ERROR",
        Box::new(move |_| refused(request(MUTUAL).1.reply(&error, NOW))),
    ));
    all.push((
        "gss::AwaitToken::accept of a third leg",
        Box::new(move |n| {
            let config = AcceptorConfig::new(keys(), Accepts::Service(service()))
                .replay_cache(Arc::new(MemoryReplayCache::with_capacity(1)));
            let acceptor = gss::Acceptor::new(ap::Acceptor::new(config));
            let (leg1, _) = request(DCE);
            let Ok(Step::Continue { token, next }) = acceptor.accept(&leg1, NOW) else {
                panic!("a third leg is due");
            };
            let third = match n % 2 {
                0 => token,
                _ => spoilt(&token, n / 2),
            };
            refused(next.accept(&third, NOW));
        }),
    ));

    let acceptor = gss::Acceptor::new(shared.clone());
    let offer = match spnego::Initiator::new(gss::Initiator::new(credentials())).request(NOW) {
        Ok(Step::Continue { token, .. }) => token,
        _ => panic!("an answer is due"),
    };
    let hostile = offer.clone();
    all.push((
        "spnego::Acceptor::accept",
        Box::new(move |n| {
            let mut token = spoilt(&hostile, n);
            if token.is_empty() {
                token.push(0x60);
            }
            match spnego::Acceptor::new(acceptor.clone()).accept(&token, NOW) {
                Ok(Step::Continue { next, .. }) => refused(next.accept(b"\xA1", NOW)),
                other => refused(other),
            }
        }),
    ));
    all.push((
        "spnego::AwaitReply::reply",
        Box::new(move |n| {
            let initiator = spnego::Initiator::new(gss::Initiator::new(credentials()));
            let Ok(Step::Continue { next, .. }) = initiator.request(NOW) else {
                panic!("an answer is due");
            };
            refused(next.reply(&spoilt(&answer, n), NOW));
        }),
    ));

    type Make = fn(gss::Acceptor) -> sasl::Server;
    let servers: [(&str, Make); 3] = [
        ("sasl::Server, GSSAPI", |acceptor| {
            sasl::Server::gssapi(acceptor, Layers::ALL)
        }),
        ("sasl::Server, GSS-SPNEGO", |acceptor| {
            sasl::Server::gss_spnego(acceptor, Layers::ALL)
        }),
        ("sasl::Server, GS2-KRB5", |acceptor| {
            sasl::Server::gs2(acceptor, false)
        }),
    ];
    for (name, make) in servers {
        let shared = shared.clone();
        let (first, offer) = (first.clone(), offer.clone());
        all.push((
            name,
            Box::new(move |n| {
                let token = match n % 2 {
                    0 => spoilt(&first, n / 2),
                    _ => spoilt(&offer, n / 2),
                };
                let server = make(gss::Acceptor::new(shared.clone()));
                match server.respond(&token, NOW) {
                    Ok(Step::Continue { next, .. }) => refused(next.respond(b"\x60\x00", NOW)),
                    other => refused(other),
                }
            }),
        ));
    }
    let first_token = first.clone();
    all.push((
        "sasl::Client, GSSAPI",
        Box::new(move |n| {
            let client = sasl::Client::gssapi(gss::Initiator::new(credentials()), Layers::ALL);
            let Ok(Step::Continue { next, .. }) = client.start(NOW) else {
                panic!("the server has to answer");
            };
            refused(next.challenge(&spoilt(&first_token, n), NOW));
        }),
    ));
}

fn exchanges(all: &mut Vec<Failing>) {
    let request = || {
        let config = InitiatorConfig::default();
        match ap::Initiator::new(credentials(), config).request(Cksum::None, NOW) {
            Ok(Step::Continue { token, next }) => (token, next),
            _ => panic!("an answer is due"),
        }
    };
    let (first, _) = request();
    let config = AcceptorConfig::new(keys(), Accepts::Service(service()));
    let acceptor = ap::Acceptor::new(config);
    let reply = acceptor.accept(&first, &Unbound, None, NOW);
    let reply = reply.expect("accepted").reply.expect("mutual");
    all.push((
        "ap::Acceptor::accept, again and spoilt",
        Box::new(move |n| {
            let token = match n % 2 {
                0 => first.clone(),
                _ => spoilt(&first, n / 2),
            };
            refused(acceptor.accept(&token, &Unbound, None, NOW));
        }),
    ));
    all.push((
        "ap::AwaitReply::reply",
        Box::new(move |n| {
            refused(request().1.reply(&spoilt(&reply, n), NOW));
        }),
    ));

    let session = |acceptor: bool| {
        let keys = SessionKeys {
            session: credentials().session_key.clone(),
            initiator_subkey: None,
            acceptor_subkey: None,
            initiator_seq: 1,
            acceptor_seq: 2,
        };
        let config = SessionConfig::new(Freshness::Both, SessionAddresses::Directional);
        let session = match acceptor {
            true => Session::acceptor(keys, config),
            false => Session::initiator(keys, config),
        };
        session.expect("a session")
    };
    let mut from = session(false);
    let messages = [
        from.make_safe(b"data", NOW).expect("made"),
        from.make_priv(b"data", NOW).expect("made"),
        from.make_cred([&*credentials()], None, NOW).expect("made"),
    ];
    let mut to = session(true);
    all.push((
        "ap::Session::read_safe, read_priv, read_cred",
        Box::new(move |n| {
            let message = spoilt(&messages[n % 3], n / 3);
            refused(to.read_safe(&message, NOW));
            refused(to.read_priv(&message, NOW));
            refused(to.read_cred(&message, None, NOW));
        }),
    ));
}

fn messages(all: &mut Vec<Failing>) {
    for enctype in [
        Enctype::AES256_CTS_HMAC_SHA1_96,
        Enctype::AES256_CTS_HMAC_SHA384_192,
    ] {
        let keys = MessageKeys {
            base: Key::random(enctype, &OsRandom).expect("a key"),
            acceptor_subkey: None,
        };
        let sender =
            || Sender::new(&keys, Role::Initiator, 1, Arc::new(OsRandom)).expect("a sender");
        let receiver = || {
            let window = Window::new(1, true, true);
            Receiver::new(&keys, Role::Acceptor, window).expect("a receiver")
        };
        let mut from = sender();
        let tokens = [Protection::Integrity, Protection::Confidentiality]
            .map(|protection| from.wrap(protection, &[7; 300]).expect("wrapped"));
        let mic = from.get_mic(b"message").expect("signed");
        let mut to = receiver();
        all.push((
            "gss::Receiver",
            Box::new(move |n| {
                let token = spoilt(&tokens[n % 2], n / 2);
                refused(to.unwrap(&token));
                refused(to.unwrap_in_place(&mut token.clone()));
                refused(to.unwrap_stream(b"a", &mut token.clone(), b"b"));
                to.unwrap_many_in_place([&mut token.clone()[..]], refused);
                let mut octets = token.clone();
                let (front, back) = octets.split_at_mut(token.len() / 2);
                refused(to.unwrap_detached(front, &mut [], back));
                refused(to.unwrap_token(front, &mut [Piece::Data(back)]));
                refused(to.verify_mic(b"message", &spoilt(&mic, n)));
                refused(to.verify_mic_of(&[b"m"], &mic));
            }),
        ));
        let mut without =
            Sender::new(&keys, Role::Initiator, 1, Arc::new(Exhausted)).expect("a sender");
        let mut from = sender();
        all.push((
            "gss::Sender",
            Box::new(move |n| {
                let sealed = Protection::Confidentiality;
                refused(without.wrap(sealed, b"message"));
                refused(without.wrap_into(sealed, b"message", &mut Vec::new()));
                refused(from.wrap_in_place(sealed, &mut vec![0; n % 20]));
                refused(from.wrap_token(sealed, &mut vec![0; n % 20], &mut []));
                refused(from.get_mic_of(&[], &mut []));
            }),
        ));
    }
    let seal = Key::random(Enctype::AES256_CTS_HMAC_SHA384_192, &OsRandom).expect("a key");
    let config = AcceptorConfig::new(keys(), Accepts::Service(service()));
    let acceptor = gss::Acceptor::new(ap::Acceptor::new(config));
    let Ok(Step::Established { context, .. }) = acceptor.accept(&request(MUTUAL).0, NOW) else {
        panic!("accepted");
    };
    let exported = context.export(&seal, &OsRandom).expect("exported");
    all.push((
        "gss::SecurityContext::import",
        Box::new(move |n| {
            let octets = spoilt(&exported, n);
            refused(SecurityContext::import(&octets, &seal, Arc::new(OsRandom)));
        }),
    ));
}

#[test]
fn case_057_failing_calls_leave_nothing() {
    const TURNS: usize = 600;
    let mut all = Vec::new();
    establishing(&mut all);
    exchanges(&mut all);
    messages(&mut all);
    assert!(all.len() * TURNS >= 10_000);
    for (name, call) in &mut all {
        // What is made once and kept: derived keys, caches up to their size, a drawn pool.
        for n in 0..100 {
            call(n);
        }
        let region = Region::new(ALLOCATOR);
        for n in 0..TURNS {
            call(n);
        }
        let change = region.change();
        // A reallocation is counted as the difference, in one column or the other.
        let (more, less) = (change.bytes_allocated, change.bytes_deallocated);
        let held = more as i64 - less as i64;
        assert_eq!(held, 0, "{name} holds on to {held} octets");
        assert_eq!(change.allocations, change.deallocations, "{name}");
    }
}
