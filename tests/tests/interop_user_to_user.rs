//! User-to-user over GSS-API: a ticket under the session key of the acceptor's own TGT, from MIT's
//! KDC and from ours, got by our client and by MIT's kvno.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::ccache::{CredentialCache, Wanted};
use orthros::client::TgsExchange;
use orthros::credentials::Credentials;
use orthros::crypto::Key;
use orthros::env;
use orthros::error::{Error, Rejection};
use orthros::gss::{Acceptor, AskTgt, Initiator, Protection, SecurityContext};
use orthros::principal::Principal;
use orthros::secret::Secret;
use orthros::step::{Refusal, Step};
use orthros::wire::{ApOptions, ApReq, ErrorCode, Message};
use orthros_kdc::{PrincipalSpec, RealmSpec, TestRealm};
use orthros_net::{KdcAddresses, KdcConfig, blocking::KdcClient};
use orthros_tests::mit::{MitRealm, expect_success, text};

const PASSWORD: &str = "correct horse";

fn principal(realm: &str, name: &str) -> Principal {
    Principal::parse(name, Some(realm)).unwrap()
}

fn tgt(kdcs: &KdcClient, realm: &str, name: &str) -> Credentials {
    let got = kdcs.get_tgt(principal(realm, name), Secret::from(PASSWORD));
    got.unwrap().credentials
}

/// An acceptor that has no key but that of its TGT.
fn acceptor(of: &Principal, tgt: &Key) -> Acceptor {
    let keys = Arc::new(ServiceKeys::new([]));
    let config = AcceptorConfig::new(keys, Accepts::Service(of.clone()));
    Acceptor::new(ap::Acceptor::new(config.user_to_user_only(tgt.clone())))
}

type Established = Result<(SecurityContext, SecurityContext), Refusal>;

fn establish(ticket: &Credentials, acceptor: Acceptor) -> Established {
    let initiator = Initiator::new(ticket.clone());
    let Step::Continue { token, next } = initiator.request(env::now())? else {
        panic!("MUTUAL is the default");
    };
    let (_, ap_req) = orthros::gss::token::unframe(&token).unwrap();
    let ap_req = ApReq::from_bytes(ap_req).unwrap();
    let session_key = ap_req.ap_options.contains(ApOptions::USE_SESSION_KEY);
    assert_eq!(session_key, ticket.second_ticket.is_some());
    let Step::Established { token, context } = acceptor.accept(&token, env::now())? else {
        panic!("two legs");
    };
    let theirs = context;
    let Step::Established { context, .. } = next.reply(&token.unwrap(), env::now())? else {
        panic!("two legs");
    };
    Ok((context, theirs))
}

fn converse(contexts: Established) -> SecurityContext {
    let (mut ours, mut theirs) = contexts.unwrap();
    for protection in [Protection::Confidentiality, Protection::Integrity] {
        let token = ours.wrap(protection, b"from the initiator").unwrap();
        let message = theirs.unwrap(&token).unwrap().complete().unwrap();
        assert_eq!(message, b"from the initiator");
        let token = theirs.wrap(protection, b"from the acceptor").unwrap();
        let message = ours.unwrap(&token).unwrap().complete().unwrap();
        assert_eq!(message, b"from the acceptor");
    }
    theirs
}

/// With tickets of one KDC, whichever it is.
fn every_way(kdcs: &KdcClient, realm: &str) {
    let (alice, bob) = (tgt(kdcs, realm, "alice"), tgt(kdcs, realm, "bob"));
    let exchange = TgsExchange::new(&alice, bob.client.clone()).user_to_user(bob.ticket.clone());
    let got = kdcs.run(exchange.start(kdcs.now()).unwrap()).unwrap();
    let ticket = got.credentials;
    let theirs = converse(establish(&ticket, acceptor(&bob.client, &bob.session_key)));
    assert_eq!(theirs.info().initiator, alice.client);
    assert_eq!(theirs.info().acceptor, bob.client);
    // The mechanism that asks for the TGT itself.
    let offering = acceptor(&bob.client, &bob.session_key);
    let offering = offering.user_to_user_mechanism(bob.ticket.clone());
    let asking = AskTgt::new().server(bob.client.clone());
    let (token, next) = asking.request().unwrap();
    let Step::Continue {
        token,
        next: offering,
    } = offering.accept(&token, env::now()).unwrap()
    else {
        panic!("a TGT first");
    };
    let given = next.reply(&token, env::now()).unwrap();
    assert_eq!(given, bob.ticket);
    let exchange = TgsExchange::new(&alice, bob.client.clone()).user_to_user(given);
    let got = kdcs.run(exchange.start(kdcs.now()).unwrap()).unwrap();
    let initiator = Initiator::new(got.credentials).user_to_user_mechanism();
    let Step::Continue { token, next } = initiator.request(env::now()).unwrap() else {
        panic!("MUTUAL is the default");
    };
    let Step::Established { token, context } = offering.accept(&token, env::now()).unwrap() else {
        panic!("the AP-REP is the last");
    };
    let theirs = context;
    let Step::Established { context, .. } = next.reply(&token.unwrap(), env::now()).unwrap() else {
        panic!("the AP-REP is the last");
    };
    converse(Ok((context, theirs)));
    // Another's TGT: the KDC gives no ticket for bob under it.
    let exchange = TgsExchange::new(&alice, bob.client.clone()).user_to_user(alice.ticket.clone());
    let refused = kdcs.run(exchange.start(kdcs.now()).unwrap());
    assert!(matches!(refused, Err(Error::Peer(_))), "{refused:?}");
    // Another TGT of bob's has another session key.
    let other = tgt(kdcs, realm, "bob");
    let refusal = establish(&ticket, acceptor(&bob.client, &other.session_key)).unwrap_err();
    let Error::Rejected(rejection) = &refusal.error else {
        panic!("{refusal:?}");
    };
    assert!(
        matches!(**rejection, Rejection::WrongKey { .. }),
        "{rejection:?}"
    );
    // An acceptor without one.
    let keys = Arc::new(ServiceKeys::new([]));
    let config = AcceptorConfig::new(keys, Accepts::Service(bob.client.clone()));
    let without = Acceptor::new(ap::Acceptor::new(config));
    let code = |refused: Established| refused.unwrap_err().error.protocol_code();
    assert_eq!(
        code(establish(&ticket, without)),
        ErrorCode::KRB_AP_ERR_NO_TGT
    );
    // And an ordinary ticket.
    let service = principal(realm, "host/localhost");
    let ordinary = kdcs.get_service_ticket(&alice, service.clone()).unwrap();
    let asked = establish(&ordinary.credentials, acceptor(&service, &bob.session_key));
    assert_eq!(code(asked), ErrorCode::KRB_AP_ERR_USER_TO_USER_REQUIRED);
}

#[test]
fn ap_78_ap_79_user_to_user_by_our_kdc() {
    let spec = RealmSpec {
        principals: vec![
            PrincipalSpec::user("alice", PASSWORD),
            PrincipalSpec::user("bob", PASSWORD),
            PrincipalSpec::service("host/localhost"),
        ],
        ..RealmSpec::default()
    };
    let realm = TestRealm::start_with(&spec).unwrap();
    let addresses = KdcAddresses::new().with(realm.name(), [realm.kdc_addr()]);
    every_way(&KdcClient::new(KdcConfig::new(addresses)), &realm.name());
}

#[test]
fn ap_78_ap_79_user_to_user_by_mits_kdc() {
    let Some(realm) = MitRealm::start() else {
        return;
    };
    realm.add_principal("alice", PASSWORD);
    realm.add_principal("bob", PASSWORD);
    realm.add_service("host/localhost");
    let addresses = KdcAddresses::new().with(realm.realm(), [realm.address()]);
    every_way(&KdcClient::new(KdcConfig::new(addresses)), realm.realm());
}

/// MIT's kvno has got the ticket; it lies in alice's cache beside the TGT it is sealed under.
#[test]
fn ap_78_user_to_user_by_kvno() {
    let Some(realm) = MitRealm::start() else {
        return;
    };
    realm.add_principal("alice", PASSWORD);
    realm.add_principal("bob", PASSWORD);
    let bobs = realm.path().join("bob");
    let Some(mut kinit) = realm.command("kinit") else {
        return;
    };
    kinit.arg("-c").arg(&bobs).arg("bob");
    kinit.stdin(Stdio::piped());
    kinit.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut kinit = kinit.spawn().unwrap();
    writeln!(kinit.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    let output = kinit.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let Some(alices) = realm.kinit("alice", PASSWORD, &[]) else {
        return;
    };
    let Some(mut kvno) = realm.command("kvno") else {
        return;
    };
    expect_success(kvno.arg("--u2u").arg(&bobs).arg("bob"));
    let read = |path| {
        let octets = fs::read(path).unwrap();
        CredentialCache::parse(&octets, "a cache of MIT's").unwrap()
    };
    let (alices, bobs) = (read(&alices), read(&bobs));
    let bob = bobs.tgt(env::now(), orthros::crypto::DEFAULT_ENCTYPES);
    let bob = bobs.to_credentials(bob.unwrap()).unwrap();
    let wanted = Wanted::new(&bob.client).user_to_user(&bob.ticket);
    let found = alices.search(&wanted, env::now()).unwrap();
    let ticket = alices.to_credentials(found).unwrap();
    assert_eq!(ticket.second_ticket.as_deref(), Some(&*bob.ticket));
    converse(establish(&ticket, acceptor(&bob.client, &bob.session_key)));
}
