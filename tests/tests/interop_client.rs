//! Our client against MIT krb5's KDC, over real sockets.

use std::time::{Duration, SystemTime};

use orthros::client::{AsExchange, TgsExchange};
use orthros::credentials::Credentials;
use orthros::crypto::{Enctype, Key, KeyUsage};
use orthros::env;
use orthros::error::{Error, Rejection};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::secret::Secret;
use orthros::time::Timestamp;
use orthros::wire::{EncTicketPart, ErrorCode, LrType, Message, Ticket, TicketFlags};
use orthros_net::{KdcAddresses, KdcConfig, Policy, blocking};
use orthros_tests::mit::{MitOptions, MitRealm};

const ENCTYPES: [Enctype; 4] = [
    Enctype::AES256_CTS_HMAC_SHA1_96,
    Enctype::AES128_CTS_HMAC_SHA1_96,
    Enctype::AES256_CTS_HMAC_SHA384_192,
    Enctype::AES128_CTS_HMAC_SHA256_128,
];
const PASSWORD: &str = "pässword of alice";

/// The transport that is tried first, for every length of request.
#[derive(Clone, Copy, Debug)]
enum First {
    Udp,
    Tcp,
}

fn config(realms: &[&MitRealm], first: First) -> KdcConfig {
    let addresses = realms.iter().fold(KdcAddresses::new(), |addresses, realm| {
        addresses.with(realm.realm(), [realm.address()])
    });
    KdcConfig::new(addresses).policy(Policy {
        udp_preference_limit: match first {
            First::Udp => usize::MAX,
            First::Tcp => 0,
        },
        // A machine with much else to do is no silent KDC.
        first_wait: Duration::from_secs(10),
        ..Policy::default()
    })
}

fn client(realms: &[&MitRealm]) -> blocking::KdcClient {
    blocking::KdcClient::new(config(realms, First::Udp))
}

fn principal(realm: &MitRealm, name: &str) -> Principal {
    Principal::parse(name, Some(realm.realm())).unwrap()
}

fn password() -> Secret {
    Secret::from(PASSWORD)
}

/// The service's key opens the ticket, and what is sealed in it is what the client was told.
#[track_caller]
fn assert_genuine(credentials: &Credentials, keytab: &Keytab) {
    let ticket = Ticket::from_bytes(&credentials.ticket).unwrap();
    let key = keytab
        .newest_keys(&credentials.server)
        .into_iter()
        .find(|key| key.enctype().0 == ticket.enc_part.etype)
        .expect("a key of the ticket's enctype");
    let octets = key
        .decrypt(KeyUsage::TICKET, ticket.enc_part.cipher.0)
        .unwrap();
    let part = EncTicketPart::from_bytes(&octets).unwrap();
    assert!(credentials.client.matches(&part.crealm, &part.cname));
    assert_eq!(part.key.keyvalue.0, credentials.session_key.expose());
    assert_eq!(part.key.keytype, credentials.session_key.enctype().0);
    assert_eq!(part.endtime, credentials.endtime);
    assert_eq!(part.flags, credentials.flags);
}

fn add_user(realm: &MitRealm, name: &str, enctype: Enctype, attributes: &[&str]) {
    let salted = format!("{}:normal", enctype.name().unwrap());
    let mut arguments = vec!["addprinc", "-pw", PASSWORD, "-e", &salted];
    arguments.extend_from_slice(attributes);
    arguments.push(name);
    realm.kadmin(&arguments);
}

#[test]
fn password_and_keytab_every_enctype_over_udp_and_tcp() {
    let Some(realm) = MitRealm::start() else {
        return;
    };
    for enctype in ENCTYPES {
        let name = enctype.name().unwrap();
        add_user(&realm, name, enctype, &["+requires_preauth"]);
        add_user(&realm, &format!("open-{name}"), enctype, &[]);
        add_user(
            &realm,
            &format!("daemon-{name}"),
            enctype,
            &["+requires_preauth"],
        );
        let salted = format!("{name}:normal");
        let service = format!("HTTP/{name}");
        realm.kadmin(&["addprinc", "-randkey", "-e", &salted, &service]);
        realm.ktadd(&realm.keytab(), &service);
        let keytab = realm.path().join("daemons.keytab");
        let keytab = keytab.to_str().unwrap();
        realm.kadmin(&[
            "ktadd",
            "-e",
            &salted,
            "-k",
            keytab,
            &format!("daemon-{name}"),
        ]);
    }
    let services = env::read_keytab(&realm.keytab()).unwrap();
    let daemons = env::read_keytab(&realm.path().join("daemons.keytab")).unwrap();
    for first in [First::Udp, First::Tcp] {
        let kdcs = blocking::KdcClient::new(config(&[&realm], first));
        for enctype in ENCTYPES {
            let name = enctype.name().unwrap();
            let only = vec![enctype];
            for exchange in [
                AsExchange::with_password(principal(&realm, name), password()),
                AsExchange::with_password(principal(&realm, &format!("open-{name}")), password()),
                AsExchange::with_keytab(principal(&realm, &format!("daemon-{name}")), &daemons),
            ] {
                let exchange = exchange.enctypes(only.clone());
                let initial = kdcs.run(exchange.start(kdcs.now()).unwrap()).unwrap();
                let tgt = &initial.credentials;
                assert_eq!(tgt.session_key.enctype(), enctype);
                assert!(tgt.flags.contains(TicketFlags::INITIAL));
                // KDC-04: MIT signs the request and has FAST.
                assert!(tgt.flags.contains(TicketFlags::ENC_PA_REP) && initial.fast_available);
                assert!(
                    initial
                        .last_req
                        .iter()
                        .all(|(kind, _)| *kind == LrType::NONE)
                );
                let service = principal(&realm, &format!("HTTP/{name}"));
                let exchange = TgsExchange::new(tgt, service.clone()).enctypes(only.clone());
                let got = kdcs.run(exchange.start(kdcs.now()).unwrap()).unwrap();
                assert_eq!(got.credentials.server, service);
                assert_eq!(got.credentials.session_key.enctype(), enctype);
                assert_genuine(&got.credentials, &services);
            }
        }
    }
}

#[test]
fn the_plain_calls_and_the_tokio_client() {
    let Some(realm) = MitRealm::start() else {
        return;
    };
    realm.add_principal("alice", PASSWORD);
    realm.add_service("HTTP/web");
    let keytab = env::read_keytab(&realm.keytab()).unwrap();
    let alice = principal(&realm, "alice");
    let web = principal(&realm, "HTTP/web");

    let kdcs = client(&[&realm]);
    let tgt = kdcs.get_tgt(alice.clone(), password()).unwrap();
    let ticket = kdcs
        .get_service_ticket(&tgt.credentials, web.clone())
        .unwrap();
    assert_genuine(&ticket.credentials, &keytab);
    kdcs.get_tgt_with_keytab(web.clone(), &keytab).unwrap();

    let kdcs = orthros_net::tokio::KdcClient::new(config(&[&realm], First::Tcp));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let tgt = kdcs.get_tgt(alice, password()).await.unwrap();
        let ticket = kdcs.get_service_ticket(&tgt.credentials, web.clone());
        assert_genuine(&ticket.await.unwrap().credentials, &keytab);
        kdcs.get_tgt_with_keytab(web, &keytab).await.unwrap();
    });
}

#[track_caller]
fn assert_peer<T: std::fmt::Debug>(result: Result<T, Error>, code: ErrorCode) {
    assert!(
        matches!(&result, Err(Error::Peer(peer)) if peer.code == code),
        "{result:?}"
    );
}

#[test]
fn what_the_kdc_refuses() {
    let Some(realm) = MitRealm::start() else {
        return;
    };
    let aes = ENCTYPES[0];
    add_user(&realm, "alice", aes, &["+requires_preauth"]);
    add_user(&realm, "open", aes, &[]);
    add_user(&realm, "expired", aes, &["-pwexpire", "2001-01-01"]);
    add_user(&realm, "locked", aes, &["-allow_tix"]);
    let kdcs = client(&[&realm]);
    let get =
        |name: &str, password: &str| kdcs.get_tgt(principal(&realm, name), Secret::from(password));
    assert_peer(get("alice", "wrong"), ErrorCode::KDC_ERR_PREAUTH_FAILED);
    assert_peer(
        get("nobody", "wrong"),
        ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN,
    );
    assert_peer(get("expired", PASSWORD), ErrorCode::KDC_ERR_KEY_EXPIRED);
    assert_peer(get("locked", PASSWORD), ErrorCode::KDC_ERR_CLIENT_REVOKED);
    // Where nobody asks for proof beforehand, the reply does not open.
    let wrong = get("open", "wrong");
    assert!(
        matches!(&wrong, Err(Error::Rejected(r)) if matches!(**r, Rejection::ReplyKey { .. })),
        "{wrong:?}"
    );
    let tgt = get("alice", PASSWORD).unwrap().credentials;
    let nowhere = principal(&realm, "HTTP/nowhere");
    assert_peer(
        kdcs.get_service_ticket(&tgt, nowhere),
        ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN,
    );
    // Another session key than the ticket's.
    let mut forged = tgt.clone();
    forged.session_key = Key::new(tgt.session_key.enctype(), &[7; 32]).unwrap();
    let krbtgt = tgt.server.clone();
    assert_peer(
        kdcs.get_service_ticket(&forged, krbtgt),
        ErrorCode::KRB_AP_ERR_BAD_INTEGRITY,
    );
    let keys = vec![Key::new(aes, &[7; 32]).unwrap()];
    let exchange = AsExchange::with_keys(principal(&realm, "alice"), keys);
    assert_peer(
        kdcs.run(exchange.start(kdcs.now()).unwrap()),
        ErrorCode::KDC_ERR_PREAUTH_FAILED,
    );
}

#[test]
fn options_renewal_forwarding_and_validation() {
    let Some(realm) = MitRealm::start() else {
        return;
    };
    realm.add_principal("alice", PASSWORD);
    let kdcs = client(&[&realm]);
    let alice = || AsExchange::with_password(principal(&realm, "alice"), password());
    let hour = Duration::from_secs(3_600);
    let exchange = alice()
        .lifetime(hour)
        .renewable(hour * 24)
        .forwardable(true)
        .proxiable(true)
        .require(TicketFlags::FORWARDABLE | TicketFlags::RENEWABLE);
    let tgt = kdcs.run(exchange.start(kdcs.now()).unwrap()).unwrap();
    let tgt = tgt.credentials;
    assert!(tgt.flags.contains(TicketFlags::PROXIABLE));
    assert!(tgt.renew_till.unwrap() > tgt.endtime);

    let renewed = TgsExchange::renew(&tgt).require(TicketFlags::RENEWABLE);
    let renewed = kdcs.run(renewed.start(kdcs.now()).unwrap()).unwrap();
    let renewed = renewed.credentials;
    assert_eq!(renewed.server, tgt.server);
    assert_eq!(renewed.renew_till, tgt.renew_till);
    assert_ne!(renewed.session_key, tgt.session_key);

    let forwarded = TgsExchange::forward(&renewed, Vec::new());
    let forwarded = kdcs.run(forwarded.start(kdcs.now()).unwrap()).unwrap();
    assert!(forwarded.credentials.flags.contains(TicketFlags::FORWARDED));
    // A ticket made with a forwarded TGT is forwarded, too.
    let again = kdcs
        .get_service_ticket(&forwarded.credentials, tgt.server.clone())
        .unwrap();
    assert!(again.credentials.flags.contains(TicketFlags::FORWARDED));

    // Without a subkey the reply is under the session key (KDC-26).
    let exchange = TgsExchange::new(&tgt, tgt.server.clone()).subkey(false);
    kdcs.run(exchange.start(kdcs.now()).unwrap()).unwrap();

    // Postdated, and validated once its start has come.
    let start = kdcs.now().plus(Duration::from_secs(2)).time();
    let exchange = alice().lifetime(hour).postdated(start);
    let later = kdcs.run(exchange.start(kdcs.now()).unwrap()).unwrap();
    let later = later.credentials;
    assert!(later.flags.contains(TicketFlags::INVALID));
    assert_eq!(later.starttime, Some(start));
    let refused = kdcs.run(TgsExchange::validate(&later).start(kdcs.now()).unwrap());
    assert_peer(refused, ErrorCode::KRB_AP_ERR_TKT_NYV);
    std::thread::sleep(Duration::from_secs(3));
    let exchange = TgsExchange::validate(&later);
    let valid = kdcs.run(exchange.start(kdcs.now()).unwrap()).unwrap();
    assert!(!valid.credentials.flags.contains(TicketFlags::INVALID));
}

#[test]
fn ap_07_user_to_user() {
    let Some(realm) = MitRealm::start() else {
        return;
    };
    realm.add_principal("alice", PASSWORD);
    realm.add_principal("bob", PASSWORD);
    let kdcs = client(&[&realm]);
    let get = |name: &str| {
        let initial = kdcs.get_tgt(principal(&realm, name), password());
        initial.unwrap().credentials
    };
    let (alice, bob) = (get("alice"), get("bob"));
    let exchange = TgsExchange::new(&alice, bob.client.clone()).user_to_user(bob.ticket.clone());
    let got = kdcs.run(exchange.start(kdcs.now()).unwrap()).unwrap();
    let got = got.credentials;
    assert_eq!(got.second_ticket.as_deref(), Some(&*bob.ticket));
    // Sealed under the session key of bob's TGT.
    let ticket = Ticket::from_bytes(&got.ticket).unwrap();
    let octets = bob
        .session_key
        .decrypt(KeyUsage::TICKET, ticket.enc_part.cipher.0)
        .unwrap();
    let part = EncTicketPart::from_bytes(&octets).unwrap();
    assert!(alice.client.matches(&part.crealm, &part.cname));
}

#[test]
fn kdc_08_kdc_09_a_clock_that_is_two_hours_off() {
    let Some(realm) = MitRealm::start() else {
        return;
    };
    add_user(&realm, "alice", ENCTYPES[0], &["+requires_preauth"]);
    realm.add_service("HTTP/web");
    let off = 7_200_000_000;
    let wrong_clock =
        config(&[&realm], First::Udp).clock(move || Timestamp::from(SystemTime::now()).offset(off));
    let kdcs = blocking::KdcClient::new(wrong_clock);
    let alice = principal(&realm, "alice");
    // By default the unprotected time of the error is told and not used.
    let refused = kdcs.get_tgt(alice.clone(), password());
    assert_peer(refused, ErrorCode::KRB_AP_ERR_SKEW);
    let exchange = AsExchange::with_password(alice, password()).retry_with_kdc_time(true);
    let tgt = kdcs.run(exchange.start(kdcs.now()).unwrap()).unwrap();
    let tgt = tgt.credentials;
    assert!((tgt.clock_offset + off).abs() < 60_000_000);
    // The authenticator goes by the KDC's clock.
    let got = kdcs.get_service_ticket(&tgt, principal(&realm, "HTTP/web"));
    assert_eq!(got.unwrap().credentials.clock_offset, tgt.clock_offset);
}

/// A, B and C; A trusts B and B trusts C.
fn three_realms() -> Option<[MitRealm; 3]> {
    let start = |name: &str| {
        MitRealm::start_with(MitOptions {
            realm: name.to_owned(),
            sections: "[capaths]\n\
                       \tA.TEST = {\n\t\tC.TEST = B.TEST\n\t}\n\
                       [domain_realm]\n\
                       \t.b.test = B.TEST\n"
                .to_owned(),
            ..MitOptions::default()
        })
    };
    let realms = [start("A.TEST")?, start("B.TEST")?, start("C.TEST")?];
    for (from, to, trust) in [
        (0, 1, "krbtgt/B.TEST@A.TEST"),
        (1, 2, "krbtgt/C.TEST@B.TEST"),
    ] {
        realms[from].add_principal(trust, "the trust between the two");
        realms[to].add_principal(trust, "the trust between the two");
    }
    Some(realms)
}

#[test]
fn kdc_31_kdc_34_across_realms() {
    let Some([a, b, c]) = three_realms() else {
        return;
    };
    a.add_principal("alice", PASSWORD);
    b.add_service("HTTP/web.b.test");
    c.add_service("HTTP/web");
    let kdcs = client(&[&a, &b, &c]);
    let alice = principal(&a, "alice");
    let tgt = kdcs.get_tgt(alice.clone(), password()).unwrap().credentials;
    // Through B to C.
    let got = kdcs
        .get_service_ticket(&tgt, principal(&c, "HTTP/web"))
        .unwrap();
    assert_genuine(&got.credentials, &env::read_keytab(&c.keytab()).unwrap());
    assert_eq!(got.credentials.client, alice);
    let path: Vec<_> = got.path.iter().map(|tgt| tgt.server.to_string()).collect();
    assert_eq!(path, ["krbtgt/B.TEST@A.TEST", "krbtgt/C.TEST@B.TEST"]);
    // A TGT of the way leads there by itself.
    let kept = kdcs.get_service_ticket(&got.path[1], principal(&c, "HTTP/web"));
    assert!(kept.unwrap().path.is_empty());
    // Not through B.
    let exchange = TgsExchange::new(&tgt, principal(&c, "HTTP/web")).only_through(Vec::new());
    let refused = kdcs.run(exchange.start(kdcs.now()).unwrap());
    assert!(matches!(refused, Err(Error::Rejected(_))), "{refused:?}");
    // The KDC of A knows by the host's name that the service is B's.
    let service = principal(&a, "HTTP/web.b.test");
    let exchange = TgsExchange::new(&tgt, service.clone()).canonicalize(true);
    let got = kdcs.run(exchange.start(kdcs.now()).unwrap()).unwrap();
    assert_eq!(got.credentials.server.to_string(), "HTTP/web.b.test@B.TEST");
    assert_genuine(&got.credentials, &env::read_keytab(&b.keytab()).unwrap());
    assert_peer(
        kdcs.get_service_ticket(&tgt, service),
        ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN,
    );
}
