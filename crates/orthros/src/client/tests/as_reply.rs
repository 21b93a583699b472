//! KDC-03, KDC-04: the genuine AS-REP is accepted; with one thing changed it is refused, and the
//! reason names that thing.

use std::sync::Arc;
use std::time::Duration;

use super::fake::{Answer, NOW, Name};
use crate::client::{AsAwait, AsExchange, InitialCredentials};
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::random::{OsRandom, Random, RandomUnavailable};
use crate::secret::Secret;
use crate::step::{Ask, Awaiting};
use crate::time::KerberosTime;
use crate::wire::{AddrType, AsReq, EtypeInfo2Entry, KdcOptions, PaDataType, TicketFlags};

const TYPE: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;

fn key() -> Key {
    Key::from_password(TYPE, b"password", b"the salt", None).unwrap()
}

fn exchange() -> AsExchange {
    let alice = Principal::parse("alice@EXAMPLE.COM", None).unwrap();
    AsExchange::with_keys(alice, vec![key()])
        .lifetime(Duration::from_secs(36_000))
        .addresses(vec![(AddrType::IPV4, vec![192, 0, 2, 1])])
}

fn out(exchange: AsExchange) -> (Vec<u8>, AsAwait) {
    match exchange.start(NOW).unwrap() {
        Ask::Send { request, next, .. } => (request, next),
        Ask::Done(_) => panic!("done before anything was asked"),
    }
}

fn run(
    exchange: AsExchange,
    change: impl FnOnce(&mut Answer),
) -> Result<InitialCredentials, Error> {
    let (request, next) = out(exchange);
    let mut answer = Answer::to_as(&request, &key());
    change(&mut answer);
    match next.reply(&answer.octets(), NOW)? {
        Ask::Done(initial) => Ok(initial),
        Ask::Send { .. } => panic!("asked again"),
    }
}

/// The refusal and its reason.
#[track_caller]
fn refused(exchange: AsExchange, change: impl FnOnce(&mut Answer), why: &str) {
    let error = run(exchange, change).expect_err(why);
    let text = format!("{error:?}");
    assert!(matches!(error, Error::Rejected(_)), "{text}");
    assert!(text.contains(why), "{text} does not say {why:?}");
}

#[test]
fn kdc_03_the_genuine_reply_is_accepted() {
    let initial = run(exchange(), |_| {}).unwrap();
    assert_eq!(initial.credentials.client.to_string(), "alice@EXAMPLE.COM");
    assert_eq!(
        initial.credentials.server.to_string(),
        "krbtgt/EXAMPLE.COM@EXAMPLE.COM"
    );
    assert_eq!(initial.credentials.clock_offset, 0);
    assert!(initial.fast_available);
}

#[test]
fn kdc_03_version_and_type() {
    refused(exchange(), |a| a.pvno = 4, "pvno");
    refused(exchange(), |a| a.msg_type = 13, "TGS-REP");
    refused(exchange(), |a| a.tkt_vno = 4, "tkt-vno");
    refused(exchange(), |a| a.message = 13, "TGS-REP");
}

#[test]
fn kdc_03_key_and_usage() {
    refused(exchange(), |a| a.usage = KeyUsage(8), "ReplyKey");
    refused(
        exchange(),
        |a| a.key = Key::random(TYPE, &OsRandom).unwrap(),
        "ReplyKey",
    );
}

#[test]
fn kdc_03_nonce() {
    refused(exchange(), |a| a.nonce ^= 1, "nonce");
}

#[test]
fn kdc_03_client() {
    let another = "another client";
    refused(
        exchange(),
        |a| a.client.components[0] = "Alice".into(),
        another,
    );
    refused(
        exchange(),
        |a| a.client.components.push("admin".into()),
        another,
    );
    refused(
        exchange(),
        |a| a.client.realm = "EXAMPLE.ORG".into(),
        another,
    );
}

#[test]
fn kdc_03_server() {
    let other = Name::new("EXAMPLE.COM", &["krbtgt", "EXAMPLE.ORG"]);
    refused(
        exchange(),
        |a| (a.server, a.ticket) = (other.clone(), other.clone()),
        "another server",
    );
    let other = Name::new("EXAMPLE.ORG", &["krbtgt", "EXAMPLE.COM"]);
    refused(
        exchange(),
        |a| (a.server, a.ticket) = (other.clone(), other.clone()),
        "another server",
    );
}

#[test]
fn case_081_clear_and_sealed_server_differ() {
    let other = Name::new("EXAMPLE.COM", &["kadmin", "changepw"]);
    let why = "the ticket names another server";
    refused(exchange(), |a| a.ticket = other.clone(), why);
    refused(exchange(), |a| a.server = other.clone(), why);
    refused(exchange(), |a| a.ticket.realm = "EXAMPLE.ORG".into(), why);
    refused(exchange(), |a| a.server.realm = "EXAMPLE.ORG".into(), why);
}

#[test]
fn kdc_03_addresses() {
    let why = "addresses";
    refused(exchange(), |a| a.caddr.clear(), why);
    refused(exchange(), |a| a.caddr[0].1[3] = 2, why);
    refused(
        exchange(),
        |a| a.caddr.push((AddrType::IPV6, vec![0; 16])),
        why,
    );
    let anywhere = || exchange().addresses(Vec::new());
    run(anywhere(), |_| {}).unwrap();
    refused(
        anywhere(),
        |a| a.caddr.push((AddrType::IPV4, vec![192, 0, 2, 1])),
        why,
    );
}

#[test]
fn kdc_03_flags_unasked() {
    for (flag, why) in [
        (TicketFlags::FORWARDABLE, "forwardable"),
        (TicketFlags::FORWARDED, "forwarded"),
        (TicketFlags::PROXIABLE, "proxiable"),
        (TicketFlags::PROXY, "proxy"),
        (TicketFlags::MAY_POSTDATE, "may-postdate"),
        (TicketFlags::POSTDATED, "postdated"),
        (TicketFlags::INVALID, "invalid"),
        (TicketFlags::RENEWABLE, "renewable"),
        (TicketFlags::ANONYMOUS, "anonymous"),
    ] {
        let why = format!("the ticket is {why}, unasked");
        refused(exchange(), |a| a.flags = a.flags | flag, &why);
    }
    run(exchange().forwardable(true).proxiable(true), |_| {}).unwrap();
}

#[test]
fn kdc_03_flags_required() {
    let no = |flag| move |a: &mut Answer| a.flags = a.flags.without(flag);
    refused(exchange(), no(TicketFlags::INITIAL), "not initial");
    let wanted = || exchange().forwardable(true);
    run(wanted(), no(TicketFlags::FORWARDABLE)).unwrap();
    refused(
        wanted().require(TicketFlags::FORWARDABLE),
        no(TicketFlags::FORWARDABLE),
        "not forwardable",
    );
    // What is required comes to what was required before.
    refused(
        wanted()
            .proxiable(true)
            .require(TicketFlags::FORWARDABLE)
            .require(TicketFlags::PROXIABLE),
        no(TicketFlags::FORWARDABLE),
        "not forwardable",
    );
}

#[test]
fn kdc_03_times() {
    let later = |time: KerberosTime| time.plus(Duration::from_secs(1));
    refused(
        exchange(),
        |a| a.endtime = later(a.endtime),
        "later than asked",
    );
    refused(
        exchange(),
        |a| a.endtime = a.starttime.unwrap(),
        "no later than it starts",
    );
    refused(
        exchange(),
        |a| a.starttime = Some(a.authtime.plus(Duration::from_secs(302))),
        "starts at",
    );
    let renewable = || exchange().renewable(Duration::from_secs(72_000));
    run(renewable(), |_| {}).unwrap();
    refused(
        renewable(),
        |a| a.renew_till = a.renew_till.map(later),
        "can be renewed until",
    );
    refused(renewable(), |a| a.renew_till = None, "without an end");
    let postdated = || exchange().postdated(NOW.time().plus(Duration::from_secs(7_200)));
    run(postdated(), |_| {}).unwrap();
    refused(
        postdated(),
        |a| a.starttime = a.starttime.map(later),
        "not when it was asked",
    );
    // RENEWABLE-OK: the renewals end where the ticket was to end.
    let ok = |till: Duration| {
        move |a: &mut Answer| {
            a.flags = a.flags | TicketFlags::RENEWABLE;
            a.renew_till = Some(NOW.time().plus(till));
        }
    };
    run(
        exchange().renewable_ok(true),
        ok(Duration::from_secs(36_000)),
    )
    .unwrap();
    refused(
        exchange().renewable_ok(true),
        ok(Duration::from_secs(36_001)),
        "can be renewed until",
    );
}

#[test]
fn kdc_06_enctypes_that_were_not_asked_for() {
    let only = || exchange().enctypes(vec![TYPE]);
    refused(only(), |a| a.etype = 17, "reply");
    refused(only(), |a| a.etype = 23, "reply");
    refused(only(), |a| a.session_type = 17, "session key");
    refused(
        only(),
        |a| {
            a.session = Key::random(Enctype::AES128_CTS_HMAC_SHA1_96, &OsRandom).unwrap();
            a.session_type = 23;
        },
        "session key",
    );
}

#[test]
fn kdc_03_session_key_of_the_wrong_length() {
    let error = run(exchange(), |a| {
        a.session = Key::random(Enctype::AES128_CTS_HMAC_SHA1_96, &OsRandom).unwrap();
    })
    .unwrap_err();
    assert!(matches!(error, Error::Crypto(_)), "{error:?}");
}

#[test]
fn kdc_04_checksum_of_the_request() {
    refused(
        exchange(),
        |a| a.encrypted_padata.clear(),
        "lacks the checksum",
    );
    refused(
        exchange(),
        |a| {
            a.encrypted_padata.remove(0);
        },
        "lacks the checksum",
    );
    refused(
        exchange(),
        |a| *a.encrypted_padata[0].1.last_mut().unwrap() ^= 1,
        "another request",
    );
    // A checksum of another type than the reply key's: the octet of cksumtype.
    refused(
        exchange(),
        |a| a.encrypted_padata[0].1[6] = 15,
        "another request",
    );
    // Without the flag the KDC does not know 149, and whatever else is there proves nothing.
    let initial = run(exchange(), |a| {
        a.flags = a.flags.without(TicketFlags::ENC_PA_REP);
        a.encrypted_padata.remove(0);
    })
    .unwrap();
    assert!(!initial.fast_available);
}

#[test]
fn kdc_04_enctype_list_changed_on_the_way() {
    let (request, next) = out(exchange());
    let mut seen = request.clone();
    let last = seen.len() - 1;
    // Where the KDC finds another list than was sent, its checksum is of another request.
    seen.swap(last, 0);
    let mut answer = Answer::to_as(&request, &key());
    let mac = key().mac(KeyUsage::REQ_ENC_PA_REP).unwrap();
    let checksum = mac.checksum(&[&seen]);
    let value = &mut answer.encrypted_padata[0].1;
    let at = value.len() - checksum.len();
    value[at..].copy_from_slice(&checksum);
    let error = next.reply(&answer.octets(), NOW).unwrap_err();
    assert!(
        format!("{error:?}").contains("another request"),
        "{error:?}"
    );
}

#[test]
fn msg_16_both_tags_of_the_sealed_part() {
    run(exchange(), |a| a.part_tag = 26).unwrap();
    let error = run(exchange(), |a| a.part_tag = 27).unwrap_err();
    assert!(matches!(error, Error::Malformed(_)), "{error:?}");
}

fn etype_info2(entries: &[i32]) -> Vec<u8> {
    let entries: Vec<_> = entries
        .iter()
        .map(|etype| EtypeInfo2Entry {
            etype: *etype,
            salt: None,
            s2kparams: None,
        })
        .collect();
    crate::wire::primitive::to_der("ETYPE-INFO2", &entries).unwrap()
}

#[test]
fn msg_19_etype_info2_of_a_reply_has_one_entry_of_the_reply_s_enctype() {
    for (entries, why) in [
        (&[18, 18][..], "2 entries"),
        (&[], "0 entries"),
        (&[17], "aes128"),
    ] {
        let info = etype_info2(entries);
        refused(exchange(), |a| a.padata[0].1 = info, why);
    }
}

#[test]
fn msg_18_default_and_empty_salt_of_a_reply() {
    let alice = Principal::parse("alice/admin@EXAMPLE.COM", None).unwrap();
    for (salt, used) in [(None, "EXAMPLE.COMaliceadmin"), (Some(""), "")] {
        let key = Key::from_password(TYPE, b"password", used.as_bytes(), None).unwrap();
        let exchange = AsExchange::with_password(alice.clone(), Secret::from("password"));
        let (request, next) = out(exchange);
        let mut answer = Answer::to_as(&request, &key);
        let entry = EtypeInfo2Entry {
            etype: TYPE.0,
            salt: salt.map(crate::wire::KerberosString),
            s2kparams: None,
        };
        answer.padata[0].1 = crate::wire::primitive::to_der("ETYPE-INFO2", &vec![entry]).unwrap();
        assert!(matches!(
            next.reply(&answer.octets(), NOW),
            Ok(Ask::Done(_))
        ));
    }
}

#[test]
fn kdc_09_offset_is_kept_or_refused() {
    let slow = Duration::from_secs(7_200);
    let shift = |a: &mut Answer| {
        a.authtime = a.authtime.plus(slow);
        a.starttime = Some(a.authtime);
    };
    let initial = run(exchange(), shift).unwrap();
    assert_eq!(initial.credentials.clock_offset, 7_200_000_000);
    let error = run(exchange().follow_kdc_clock(false), shift).unwrap_err();
    assert!(format!("{error:?}").contains("starts at"), "{error:?}");
    let initial = run(exchange().follow_kdc_clock(false), |_| {}).unwrap();
    assert_eq!(initial.credentials.clock_offset, 0);
}

#[test]
fn kdc_32_other_names_only_with_canonicalize() {
    let changed = |a: &mut Answer| a.client.components[0] = "alice.smith".into();
    refused(exchange(), changed, "another client");
    let initial = run(exchange().canonicalize(true), changed).unwrap();
    assert_eq!(
        initial.credentials.client.to_string(),
        "alice.smith@EXAMPLE.COM"
    );
    // The realm in its own spelling, everywhere.
    let spelled = |a: &mut Answer| {
        a.client.realm = "Example.com".into();
        a.server = Name::new("Example.com", &["krbtgt", "Example.com"]);
        a.ticket = a.server.clone();
    };
    run(exchange().canonicalize(true), spelled).unwrap();
    refused(exchange(), spelled, "another server");
    // Never another service, nor a client of a realm that did not answer.
    let other = Name::new("EXAMPLE.COM", &["kadmin", "admin"]);
    refused(
        exchange().canonicalize(true),
        |a| (a.server, a.ticket) = (other.clone(), other.clone()),
        "another server",
    );
    refused(
        exchange().canonicalize(true),
        |a| a.client.realm = "EXAMPLE.ORG".into(),
        "another client",
    );
}

#[test]
fn kdc_01_kdc_02_the_request() {
    let (request, _) = out(exchange());
    let request = AsReq::from_bytes(&request).unwrap();
    let body = request.body().unwrap();
    assert_eq!(
        super::fake::sent(&request, PaDataType::REQ_ENC_PA_REP),
        Some(Vec::new())
    );
    assert_eq!(body.cname.unwrap().name_string[0].0, "alice");
    let sname = body.sname.unwrap();
    assert_eq!(sname.name_type.0, 2);
    assert_eq!(sname.name_string[1].0, "EXAMPLE.COM");
    assert_eq!(body.realm.0, "EXAMPLE.COM");
    assert!(body.nonce.0 < 1 << 31);
    assert_eq!(body.etype, [18, 17, 20, 19]);
    assert_eq!(body.kdc_options, KdcOptions::NONE);
    assert!(body.enc_authorization_data.is_none() && body.additional_tickets.is_none());
    let (request, _) = out(exchange().addresses(Vec::new()));
    let request = AsReq::from_bytes(&request).unwrap();
    assert!(request.body().unwrap().addresses.is_none());
}

#[test]
fn kdc_01_nonces_differ() {
    let nonce = || {
        let (request, _) = out(exchange());
        AsReq::from_bytes(&request).unwrap().body().unwrap().nonce
    };
    assert_ne!(nonce(), nonce());
}

#[test]
fn no_randomness_no_request() {
    struct Nothing;
    impl Random for Nothing {
        fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
            Err(RandomUnavailable)
        }
    }
    let error = exchange().random(Arc::new(Nothing)).start(NOW).unwrap_err();
    assert!(matches!(error, Error::Random));
}

#[test]
fn misuse_is_told() {
    let alice = || Principal::parse("alice@EXAMPLE.COM", None).unwrap();
    let elsewhere = Principal::parse("kadmin/changepw@EXAMPLE.ORG", None).unwrap();
    for exchange in [
        exchange().service(elsewhere),
        exchange().enctypes(vec![Enctype::AES128_CTS_HMAC_SHA1_96]),
        exchange().enctypes(Vec::new()),
        AsExchange::with_keys(alice(), Vec::new()),
        AsExchange::with_password(alice(), Secret::from("x")).enctypes(vec![Enctype(1)]),
    ] {
        assert!(matches!(exchange.start(NOW), Err(Error::Misuse(_))));
    }
}

#[test]
fn cry_27_no_secret_is_printed() {
    let alice = Principal::parse("alice@EXAMPLE.COM", None).unwrap();
    let exchange = AsExchange::with_password(alice, Secret::from("hunter2"));
    assert!(!format!("{exchange:?}").contains("hunter2"));
    let (request, next) = out(exchange);
    assert!(!format!("{next:?}").contains("hunter2"));
    let mut answer = Answer::to_as(&request, &key());
    answer.nonce ^= 1;
    let error = next.reply(&answer.octets(), NOW).unwrap_err();
    assert!(matches!(&error, Error::Rejected(r) if matches!(**r, Rejection::ReplyKey { .. })));
    assert!(!format!("{error:?}").contains("hunter2"));
}
