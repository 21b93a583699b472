//! KDC-18, KDC-26, KDC-27, KDC-31, KDC-34: requests, replies with one thing changed, referrals.

use std::time::Duration;

use super::fake::{Answer, NOW, Name, error};
use crate::client::{ServiceCredentials, TgsAwait, TgsExchange};
use crate::credentials::Credentials;
use crate::crypto::{ChecksumType, Enctype, Key, KeyUsage};
use crate::error::Error;
use crate::principal::Principal;
use crate::random::OsRandom;
use crate::step::{Ask, Awaiting};
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    AddrType, ApReq, Authenticator, ErrorCode, KdcOptions, Message, PaDataType, TgsReq, TicketFlags,
};

const TYPE: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;

fn principal(text: &str) -> Principal {
    Principal::parse(text, None).unwrap()
}

/// A ticket that a KDC's answer is, as `Answer` makes it.
fn ticket(server: &str) -> Credentials {
    let server = principal(server);
    let wire = crate::wire::Ticket {
        tkt_vno: 5,
        realm: server.realm_to_wire(),
        sname: server.to_wire(),
        enc_part: crate::wire::EncryptedData {
            etype: 18,
            kvno: None,
            cipher: crate::wire::OctetString(&[1; 60]),
        },
    };
    Credentials {
        client: principal("alice@A"),
        ticket: wire.to_bytes().unwrap(),
        server,
        session_key: Key::random(TYPE, &OsRandom).unwrap(),
        flags: TicketFlags::INITIAL | TicketFlags::PRE_AUTHENT,
        authtime: NOW.time(),
        starttime: None,
        endtime: NOW.time().plus(Duration::from_secs(36_000)),
        renew_till: None,
        addresses: Vec::new(),
        clock_offset: 0,
        second_ticket: None,
    }
}

fn tgt() -> Credentials {
    ticket("krbtgt/A@A")
}

fn web() -> Principal {
    principal("HTTP/web.example@A")
}

type Asked = Result<Ask<TgsAwait, ServiceCredentials>, Error>;

fn send(ask: Asked) -> (String, Vec<u8>, TgsAwait) {
    match ask.unwrap() {
        Ask::Send {
            realm,
            request,
            next,
        } => (realm, request, next),
        Ask::Done(done) => panic!("done: {done:?}"),
    }
}

fn done(ask: Asked) -> ServiceCredentials {
    match ask.unwrap() {
        Ask::Done(done) => done,
        Ask::Send { request, .. } => panic!("asked again: {request:02x?}"),
    }
}

/// The authenticator of a request, which opens under the session key and usage 7.
fn with_authenticator<T>(
    request: &[u8],
    session: &Key,
    then: impl FnOnce(&Authenticator<'_>) -> T,
) -> T {
    let request = TgsReq::from_bytes(request).unwrap();
    let ap_req = super::fake::sent(&request, PaDataType::TGS_REQ).unwrap();
    let ap_req = ApReq::from_bytes(&ap_req).unwrap();
    let octets = session
        .decrypt(KeyUsage(7), ap_req.authenticator.cipher.0)
        .unwrap();
    then(&Authenticator::from_bytes(&octets).unwrap())
}

/// The KDC's genuine answer.
fn answer(request: &[u8], session: &Key) -> Answer {
    let subkey = with_authenticator(request, session, |authenticator| {
        authenticator
            .subkey
            .map(|key| Key::new(Enctype(key.keytype), key.keyvalue.0).unwrap())
    });
    let client = Name::new("A", &["alice"]);
    match subkey {
        Some(subkey) => Answer::to_tgs(request, client, subkey, KeyUsage(9)),
        None => Answer::to_tgs(request, client, session.clone(), KeyUsage(8)),
    }
}

fn run(exchange: TgsExchange, tgt: &Credentials, change: impl FnOnce(&mut Answer)) -> Asked {
    let (_, request, next) = send(exchange.start(NOW));
    let mut answer = answer(&request, &tgt.session_key);
    change(&mut answer);
    next.reply(&answer.octets(), NOW)
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Answer), why: &str) {
    let tgt = tgt();
    let error = run(TgsExchange::new(&tgt, web()), &tgt, change).expect_err(why);
    let text = format!("{error:?}");
    assert!(matches!(error, Error::Rejected(_)), "{text}");
    assert!(text.contains(why), "{text} does not say {why:?}");
}

#[test]
fn kdc_18_the_request() {
    let mut tgt = tgt();
    tgt.clock_offset = 3_600_000_000;
    tgt.client = principal("alice.smith@A");
    let (realm, octets, _) = send(TgsExchange::new(&tgt, web()).start(NOW));
    assert_eq!(realm, "A");
    let request = TgsReq::from_bytes(&octets).unwrap();
    assert_eq!(request.msg_type, 12);
    let body = request.body().unwrap();
    assert!(body.cname.is_none());
    assert!(body.nonce.0 < 1 << 31);
    assert_eq!(body.till, tgt.endtime);
    let ap_req = super::fake::sent(&request, PaDataType::TGS_REQ).unwrap();
    let ap_req = ApReq::from_bytes(&ap_req).unwrap();
    // AP-01, AP-06: the ticket as it came; no options.
    assert_eq!(ap_req.ticket.as_bytes(), tgt.ticket);
    assert_eq!(ap_req.ap_options.0, 0);
    // AP-04: no kvno.
    assert!(ap_req.authenticator.kvno.is_none());
    with_authenticator(&octets, &tgt.session_key, |authenticator| {
        // AP-05, AP-10: the KDC's name for the client, the KDC's time.
        assert!(
            tgt.client
                .matches(&authenticator.crealm, &authenticator.cname)
        );
        let time = Timestamp::new(authenticator.ctime, authenticator.cusec.get());
        assert!((time.micros_since(NOW) - 3_600_000_000).abs() < 1_000_000);
        // AP-08: a subkey.
        assert!(authenticator.subkey.is_some());
        // The checksum over the raw body, usage 6.
        let checksum = authenticator.cksum.unwrap();
        tgt.session_key
            .verify_checksum(
                KeyUsage(6),
                ChecksumType(checksum.cksumtype),
                request.req_body.as_bytes(),
                checksum.checksum.0,
            )
            .unwrap();
    });
}

#[test]
fn kdc_26_reply_under_subkey_or_session_key() {
    let tgt = tgt();
    let ticket = done(run(TgsExchange::new(&tgt, web()), &tgt, |_| {}));
    assert_eq!(ticket.credentials.server, web());
    done(run(
        TgsExchange::new(&tgt, web()).subkey(false),
        &tgt,
        |a| assert_eq!(a.usage, KeyUsage(8)),
    ));
    refused(|a| a.usage = KeyUsage(8), "does not open");
    refused(
        |a| a.key = Key::random(TYPE, &OsRandom).unwrap(),
        "does not open",
    );
}

#[test]
fn kdc_27_each_rule_alone() {
    refused(|a| a.pvno = 4, "pvno");
    refused(|a| a.msg_type = 11, "AS-REP");
    refused(|a| a.message = 11, "AS-REP");
    refused(|a| a.tkt_vno = 6, "tkt-vno");
    refused(|a| a.nonce = a.nonce.wrapping_add(1), "nonce");
    refused(|a| a.client.realm = "B".into(), "another client");
    refused(
        |a| a.client.components[0] = "Alice".into(),
        "another client",
    );
    let cifs = Name::new("A", &["cifs", "web.example"]);
    refused(
        |a| (a.server, a.ticket) = (cifs.clone(), cifs.clone()),
        "another server",
    );
    let elsewhere = Name::new("B", &["HTTP", "web.example"]);
    refused(
        |a| (a.server, a.ticket) = (elsewhere.clone(), elsewhere.clone()),
        "another server",
    );
    let later = |time: KerberosTime| time.plus(Duration::from_secs(1));
    refused(|a| a.endtime = later(a.endtime), "later than asked");
    refused(|a| a.endtime = a.starttime.unwrap(), "no later than");
    for distance in [302, -302] {
        let start = NOW.offset(distance * 1_000_000).time();
        refused(|a| a.starttime = Some(start), "starts at");
    }
    refused(|a| a.session_type = 23, "session key");
    refused(|a| a.etype = 23, "reply");
    refused(|a| a.caddr.push((AddrType::IPV4, vec![0; 4])), "addresses");
    refused(|a| a.flags = a.flags | TicketFlags::FORWARDABLE, "unasked");
    refused(|a| a.flags = a.flags | TicketFlags::INVALID, "unasked");
}

#[test]
fn msg_16_only_tag_26_in_a_tgs_reply() {
    let tgt = tgt();
    let error = run(TgsExchange::new(&tgt, web()), &tgt, |a| a.part_tag = 25).unwrap_err();
    assert!(matches!(error, Error::Malformed(_)), "{error:?}");
}

#[test]
fn case_081_clear_and_sealed_server_differ() {
    let other = Name::new("A", &["cifs", "web.example"]);
    let why = "the ticket names another server";
    refused(|a| a.ticket = other.clone(), why);
    refused(|a| a.server = other.clone(), why);
}

#[test]
fn kdc_27_a_referral_that_was_not_allowed() {
    let next = Name::new("A", &["krbtgt", "B"]);
    refused(
        |a| (a.server, a.ticket) = (next.clone(), next.clone()),
        "another server",
    );
}

#[test]
fn errors_of_the_kdc_are_told() {
    let (_, _, next) = send(TgsExchange::new(&tgt(), web()).start(NOW));
    let unknown = error(ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN, "A", None);
    let answer = next.reply(&unknown, NOW);
    assert!(
        matches!(answer, Err(Error::Peer(p)) if p.code == ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN)
    );
}

#[test]
fn options_and_what_comes_of_them() {
    let mut tgt = tgt();
    tgt.flags = tgt.flags | TicketFlags::FORWARDABLE | TicketFlags::RENEWABLE;
    tgt.renew_till = Some(NOW.time().plus(Duration::from_secs(99_999)));
    let asked = |exchange: TgsExchange| {
        let (realm, request, _) = send(exchange.start(NOW));
        let decoded = TgsReq::from_bytes(&request).unwrap();
        let body = decoded.body().unwrap();
        let names: Vec<_> = body.kdc_options.names().collect();
        (realm, names.join(" "), body.till)
    };
    let (_, options, _) = asked(TgsExchange::new(&tgt, web()));
    assert_eq!(options, "forwardable");
    let (realm, options, till) = asked(TgsExchange::renew(&tgt));
    assert_eq!((&*realm, &*options), ("A", "forwardable renewable renew"));
    assert_eq!(till, KerberosTime::EPOCH);
    let (_, options, _) = asked(TgsExchange::validate(&tgt));
    assert_eq!(options, "forwardable renewable validate");
    let (_, options, _) = asked(TgsExchange::forward(&tgt, Vec::new()));
    assert_eq!(options, "forwardable forwarded");
    let (_, options, till) = asked(
        TgsExchange::new(&tgt, web())
            .forwardable(false)
            .lifetime(Duration::from_secs(60))
            .renewable(Duration::from_secs(90))
            .canonicalize(true),
    );
    assert_eq!(options, "renewable canonicalize");
    assert_eq!(till, NOW.time().plus(Duration::from_secs(60)));
    // No longer than the TGT.
    let (_, _, till) = asked(TgsExchange::new(&tgt, web()).lifetime(Duration::from_secs(99_999)));
    assert_eq!(till, tgt.endtime);
    // A forwarded TGT must be one.
    let forward = || TgsExchange::forward(&tgt, vec![(AddrType::IPV4, vec![192, 0, 2, 7])]);
    let forwarded = done(run(forward(), &tgt, |_| {}));
    assert_eq!(forwarded.credentials.addresses.len(), 1);
    let plain = |a: &mut Answer| a.flags = a.flags.without(TicketFlags::FORWARDED);
    assert!(run(forward(), &tgt, plain).is_err());
    // A renewed ticket can be renewed as far as before, and no further.
    let renewed = done(run(TgsExchange::renew(&tgt), &tgt, |_| {}));
    assert!(renewed.credentials.flags.contains(TicketFlags::RENEWABLE));
    assert_eq!(renewed.credentials.renew_till, tgt.renew_till);
    let further =
        |a: &mut Answer| a.renew_till = Some(NOW.time().plus(Duration::from_secs(100_000)));
    assert!(run(TgsExchange::renew(&tgt), &tgt, further).is_err());
}

#[test]
fn ap_07_user_to_user_keeps_the_second_ticket() {
    let tgt = tgt();
    let theirs = ticket("krbtgt/A@A").ticket;
    let bob = principal("bob@A");
    let exchange = TgsExchange::new(&tgt, bob).user_to_user(theirs.clone());
    let (_, request, next) = send(exchange.start(NOW));
    let decoded = TgsReq::from_bytes(&request).unwrap();
    let body = decoded.body().unwrap();
    assert!(body.kdc_options.contains(KdcOptions::ENC_TKT_IN_SKEY));
    assert_eq!(body.additional_tickets.unwrap()[0].as_bytes(), theirs);
    let answer = answer(&request, &tgt.session_key);
    let got = done(next.reply(&answer.octets(), NOW));
    assert_eq!(got.credentials.second_ticket, Some(theirs));
}

#[test]
fn misuse_is_told() {
    let service = ticket("HTTP/web.example@A");
    let foreign = ticket("krbtgt/B@A");
    for exchange in [
        TgsExchange::new(&service, web()),
        TgsExchange::forward(&service, Vec::new()),
        TgsExchange::forward(&foreign, Vec::new()),
        TgsExchange::new(&tgt(), web()).enctypes(vec![Enctype(23), Enctype(1)]),
    ] {
        let ask = exchange.start(NOW);
        assert!(
            cfg!(feature = "legacy") || matches!(ask, Err(Error::Misuse(_))),
            "{ask:?}"
        );
    }
    // A service ticket can be renewed at the KDC that gave it.
    let (realm, ..) = send(TgsExchange::renew(&service).start(NOW));
    assert_eq!(realm, "A");
}

/// One KDC's answer: the server it names. The session key is for the next step.
fn hop(request: &[u8], session: &Key, next: TgsAwait, server: Option<Name>) -> (Asked, Key) {
    let mut answer = answer(request, session);
    if let Some(server) = server {
        (answer.server, answer.ticket) = (server.clone(), server);
    }
    let session = answer.session.clone();
    (next.reply(&answer.octets(), NOW), session)
}

fn sname(request: &[u8]) -> String {
    let decoded = TgsReq::from_bytes(request).unwrap();
    let body = decoded.body().unwrap();
    Principal::from_wire(&body.realm, &body.sname.unwrap())
        .unwrap()
        .to_string()
}

#[test]
fn kdc_31_across_realms() {
    let tgt = tgt();
    let service = principal("HTTP/web.example@C");
    let exchange = TgsExchange::new(&tgt, service.clone());
    let (realm, request, next) = send(exchange.start(NOW));
    assert_eq!((&*realm, &*sname(&request)), ("A", "krbtgt/C@A"));
    // A knows B, which is nearer.
    let nearer = Name::new("A", &["krbtgt", "B"]);
    let (asked, session) = hop(&request, &tgt.session_key, next, Some(nearer));
    let (realm, request, next) = send(asked);
    assert_eq!((&*realm, &*sname(&request)), ("B", "krbtgt/C@B"));
    let (asked, session) = hop(&request, &session, next, None);
    let (realm, request, next) = send(asked);
    assert_eq!((&*realm, &*sname(&request)), ("C", "HTTP/web.example@C"));
    let (asked, _) = hop(&request, &session, next, None);
    let got = done(asked);
    assert_eq!(got.credentials.server, service);
    let path: Vec<_> = got.path.iter().map(|tgt| tgt.server.to_string()).collect();
    assert_eq!(path, ["krbtgt/B@A", "krbtgt/C@B"]);
}

#[test]
fn kdc_31_loops_and_forbidden_realms() {
    let tgt = tgt();
    let exchange = || TgsExchange::new(&tgt, principal("HTTP/web.example@C"));
    let to = |here: &str, next: &str| Some(Name::new(here, &["krbtgt", next]));
    // A, B, A.
    let (_, request, next) = send(exchange().start(NOW));
    let (asked, session) = hop(&request, &tgt.session_key, next, to("A", "B"));
    let (_, request, next) = send(asked);
    let (asked, _) = hop(&request, &session, next, to("B", "A"));
    let error = asked.unwrap_err();
    assert!(
        format!("{error:?}").contains("leads back to A"),
        "{error:?}"
    );
    // A, A.
    let (_, request, next) = send(exchange().start(NOW));
    let (asked, _) = hop(&request, &tgt.session_key, next, to("A", "A"));
    assert!(asked.is_err());
    // Not through B.
    let (_, request, next) = send(exchange().only_through(vec!["D".into()]).start(NOW));
    let (asked, _) = hop(&request, &tgt.session_key, next, to("A", "B"));
    let error = asked.unwrap_err();
    assert!(format!("{error:?}").contains("not allowed"), "{error:?}");
    // Straight to the service's realm is always allowed.
    let (_, request, next) = send(exchange().only_through(Vec::new()).start(NOW));
    let (asked, _) = hop(&request, &tgt.session_key, next, to("A", "C"));
    send(asked);
    // A TGT by another KDC than was asked.
    let (_, request, next) = send(exchange().start(NOW));
    let (asked, _) = hop(&request, &tgt.session_key, next, to("D", "C"));
    let error = asked.unwrap_err();
    assert!(format!("{error:?}").contains("another server"), "{error:?}");
}

#[test]
fn kdc_31_at_most_ten_hops() {
    let tgt = tgt();
    let exchange = TgsExchange::new(&tgt, principal("HTTP/web.example@FAR"));
    let (mut here, mut request, mut next) = send(exchange.start(NOW));
    let mut session = tgt.session_key.clone();
    for n in 0..10 {
        let onward = Name::new(&here, &["krbtgt", &format!("R{n}")]);
        let (asked, new) = hop(&request, &session, next, Some(onward));
        session = new;
        (here, request, next) = send(asked);
    }
    let onward = Name::new(&here, &["krbtgt", "R10"]);
    let (asked, _) = hop(&request, &session, next, Some(onward));
    let error = asked.unwrap_err();
    assert!(format!("{error:?}").contains("10 realms"), "{error:?}");
}

#[test]
fn kdc_34_server_referral() {
    let tgt = tgt();
    let exchange = TgsExchange::new(&tgt, web()).canonicalize(true);
    let (_, request, next) = send(exchange.start(NOW));
    assert_eq!(sname(&request), "HTTP/web.example@A");
    let to = |here: &str, next: &str| Some(Name::new(here, &["krbtgt", next]));
    let (asked, session) = hop(&request, &tgt.session_key, next, to("A", "B"));
    let (realm, request, next) = send(asked);
    assert_eq!((&*realm, &*sname(&request)), ("B", "HTTP/web.example@B"));
    let (asked, _) = hop(&request, &session, next, None);
    let got = done(asked);
    assert_eq!(got.credentials.server.to_string(), "HTTP/web.example@B");
    assert_eq!(got.path.len(), 1);
}

#[test]
fn kdc_34_at_most_five_referrals() {
    let tgt = tgt();
    let exchange = TgsExchange::new(&tgt, web()).canonicalize(true);
    let (mut here, mut request, mut next) = send(exchange.start(NOW));
    let mut session = tgt.session_key.clone();
    for n in 0..5 {
        let onward = Name::new(&here, &["krbtgt", &format!("R{n}")]);
        let (asked, new) = hop(&request, &session, next, Some(onward));
        session = new;
        (here, request, next) = send(asked);
    }
    let onward = Name::new(&here, &["krbtgt", "R5"]);
    let (asked, _) = hop(&request, &session, next, Some(onward));
    let error = asked.unwrap_err();
    assert!(format!("{error:?}").contains("5 times"), "{error:?}");
}

/// The flags of a ticket for `HTTP/web.example@C` by way of A and B, whose KDCs recommend the next
/// realm or not, and of the TGTs on the way.
fn by_way_of_b(a: bool, b: bool, c: bool) -> (bool, Vec<bool>) {
    let recommends = |next: TgsAwait, request: &[u8], session: &Key, server, recommends| {
        let mut answer = answer(request, session);
        if let Some(server) = server {
            let server: Name = server;
            (answer.server, answer.ticket) = (server.clone(), server);
        }
        if recommends {
            answer.flags = answer.flags | TicketFlags::OK_AS_DELEGATE;
        }
        let session = answer.session.clone();
        (next.reply(&answer.octets(), NOW), session)
    };
    let tgt = tgt();
    let exchange = TgsExchange::new(&tgt, principal("HTTP/web.example@C"));
    let (_, request, next) = send(exchange.start(NOW));
    let nearer = Name::new("A", &["krbtgt", "B"]);
    let (asked, session) = recommends(next, &request, &tgt.session_key, Some(nearer), a);
    let (_, request, next) = send(asked);
    let (asked, session) = recommends(next, &request, &session, None, b);
    let (_, request, next) = send(asked);
    let (asked, _) = recommends(next, &request, &session, None, c);
    let got = done(asked);
    let ok = |ticket: &Credentials| ticket.flags.contains(TicketFlags::OK_AS_DELEGATE);
    // A TGT of the way that is kept has not forgotten how it was got.
    for (tgt, expected) in got.path.iter().zip([a, a && b]) {
        let service = principal(&format!("host/x@{}", tgt.server.component(1).unwrap()));
        let (_, request, next) = send(TgsExchange::new(tgt, service).start(NOW));
        let (asked, _) = recommends(next, &request, &tgt.session_key, None, true);
        assert_eq!(ok(&done(asked).credentials), expected);
    }
    (ok(&got.credentials), got.path.iter().map(ok).collect())
}

/// GSS-34, security case 108: another realm's KDC recommends its servers only as far as the client's
/// own realm, and every one between, recommends that realm.
#[test]
fn case_108_foreign_ok_as_delegate() {
    for a in [false, true] {
        for b in [false, true] {
            for c in [false, true] {
                assert_eq!(by_way_of_b(a, b, c), (a && b && c, vec![a, a && b]));
            }
        }
    }
}

/// Security case 108: in the client's own realm its KDC says it alone; a ticket that is renewed there
/// is recommended as its KDC says, and one of another realm stays without what it came without.
#[test]
fn case_108_own_realm_and_renewal() {
    let ok = TicketFlags::OK_AS_DELEGATE;
    let flags = |exchange: TgsExchange, header: &Credentials, flags: TicketFlags| {
        let got = done(run(exchange, header, |answer| {
            answer.flags = answer.flags | flags;
            answer.starttime = Some(NOW.time());
        }));
        got.credentials.flags.contains(ok)
    };
    let tgt = tgt();
    assert!(!tgt.flags.contains(ok));
    assert!(flags(TgsExchange::new(&tgt, web()), &tgt, ok));
    assert!(!flags(
        TgsExchange::new(&tgt, web()),
        &tgt,
        TicketFlags::NONE
    ));
    let renewable = |server: &str, flags: TicketFlags| {
        let mut ticket = ticket(server);
        ticket.flags = ticket.flags | TicketFlags::RENEWABLE | flags;
        ticket.renew_till = Some(NOW.time().plus(Duration::from_secs(72_000)));
        ticket
    };
    for (server, before, after) in [
        ("HTTP/web.example@A", TicketFlags::NONE, true),
        ("HTTP/web.example@C", TicketFlags::NONE, false),
        ("HTTP/web.example@C", ok, true),
        // Back from another realm.
        ("krbtgt/A@C", TicketFlags::NONE, false),
        ("krbtgt/C@A", TicketFlags::NONE, true),
    ] {
        let ticket = renewable(server, before);
        let renewed = flags(TgsExchange::renew(&ticket), &ticket, ok);
        assert_eq!(renewed, after, "{server}");
    }
    // A TGT of the own realm that came from another.
    let back = ticket("krbtgt/A@C");
    assert!(!flags(TgsExchange::new(&back, web()), &back, ok));
}
