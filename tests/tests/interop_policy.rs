//! MIT's kvno and gss-client, with tickets of MIT's KDC, before acceptors of every policy.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use orthros::ap::{self, AcceptorConfig, Accepts, AddressPolicy, PacPolicy, ServiceKeys};
use orthros::crypto::Enctype;
use orthros::error::{Error, Rejection};
use orthros::gss::{Acceptor, AcceptorBindings, BindingOutcome, ChannelBindings, SecurityContext};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros_tests::mit::MitRealm;

const SERVICE: &str = "host/localhost";

fn realm() -> Option<MitRealm> {
    let realm = MitRealm::start()?;
    realm.add_principal("alice", "correct horse");
    realm.add_service(SERVICE);
    realm.kinit("alice", "correct horse", &[])?;
    realm.kvno(SERVICE)?;
    realm.command("gss-client")?;
    Some(realm)
}

fn principal(name: &str) -> Principal {
    Principal::parse(name, Some("MIT.TEST")).unwrap()
}

fn config(realm: &MitRealm, accepts: Accepts) -> AcceptorConfig {
    let keytab = Keytab::parse(&fs::read(realm.keytab()).unwrap(), "keytab").unwrap();
    AcceptorConfig::new(Arc::new(ServiceKeys::from(&keytab)), accepts)
}

fn own(realm: &MitRealm) -> AcceptorConfig {
    config(realm, Accepts::Service(principal(SERVICE)))
}

/// What an acceptor makes of gss-client's first token.
fn judge(
    realm: &MitRealm,
    config: AcceptorConfig,
    bindings: AcceptorBindings,
) -> Result<SecurityContext, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut client = realm
        .command("gss-client")
        .unwrap()
        .args(["-port", &port, "localhost", "host@localhost", "message"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(_) if Instant::now() < patience => thread::sleep(Duration::from_millis(5)),
            Err(error) => {
                let _ = client.kill();
                let _ = client.wait();
                panic!("gss-client does not come: {error}");
            }
        }
    };
    stream.set_nonblocking(false).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // Each frame is an octet of flags, four of length, and the token; the first frame is empty.
    let mut token = Vec::new();
    for _ in 0..2 {
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        let [_, length @ ..] = head;
        token = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut token).unwrap();
    }
    let now = Timestamp::from(SystemTime::now());
    let acceptor = Acceptor::new(ap::Acceptor::new(config)).bindings(bindings);
    let result = acceptor.accept(&token, now);
    let answer = match &result {
        Ok(Step::Established { token, .. }) => token.as_deref(),
        _ => None,
    };
    if let Some(answer) = answer {
        let length = u32::try_from(answer.len()).unwrap().to_be_bytes();
        let _ = stream.write_all(&[&[2], &length[..], answer].concat());
    }
    drop(stream);
    let _ = client.wait();
    match result {
        Ok(Step::Established { context, .. }) => Ok(context),
        Ok(Step::Continue { .. }) => panic!("gss-client begins with an AP-REQ"),
        Err(refusal) => Err(refusal.error),
    }
}

/// The code of a refusal.
fn refused(result: Result<SecurityContext, Error>) -> i32 {
    match result {
        Ok(context) => panic!("accepted: {:?}", context.info()),
        Err(error) => error.protocol_code().0,
    }
}

#[test]
fn gss_client_under_each_policy() {
    let Some(realm) = realm() else { return };
    let none = || AcceptorBindings::None;
    let judged = |config| judge(&realm, config, none());

    // Which service (AP-19).
    for accepts in [
        Accepts::Service(principal(SERVICE)),
        Accepts::Class("host".into()),
        Accepts::AnyKey,
    ] {
        let context = judged(config(&realm, accepts)).unwrap();
        let peer = context.peer().unwrap();
        assert_eq!(peer.client(), &principal("alice"));
        assert_eq!(peer.server(), &principal(SERVICE));
        assert!(peer.keytab_entry().is_some() && peer.keytab_kvno().is_some());
        assert_eq!(context.info().bindings, BindingOutcome::NotCompared);
    }
    for accepts in [
        Accepts::Service(principal("HTTP/localhost")),
        Accepts::Class("HTTP".into()),
    ] {
        assert_eq!(refused(judged(config(&realm, accepts))), 35);
    }

    // Enctypes (AP-24), skew (AP-28), addresses (AP-27), user-to-user (AP-79).
    let aes128 = [Enctype::AES128_CTS_HMAC_SHA1_96];
    assert_eq!(refused(judged(own(&realm).permitted_enctypes(aes128))), 14);
    assert!(judged(own(&realm).skew(Duration::from_secs(60))).is_ok());
    let demanding = own(&realm).addresses(AddressPolicy::Required);
    assert_eq!(refused(judged(demanding)), 38);
    let key = orthros::crypto::Key::new(Enctype::AES256_CTS_HMAC_SHA1_96, &[7; 32]).unwrap();
    assert!(judged(own(&realm).user_to_user(key.clone())).is_ok());
    assert_eq!(refused(judged(own(&realm).user_to_user_only(key))), 69);

    // MIT's KDC issues a PAC without LOGON_INFO since 1.20 (PAC-19).
    let has_pac = judged(own(&realm)).unwrap().peer().unwrap().pac().is_some();
    let required = judged(own(&realm).pac(PacPolicy::Required));
    assert_eq!(required.is_ok(), has_pac);
    let logon_info = own(&realm).pac(PacPolicy::RequiredWithLogonInfo);
    assert_eq!(refused(judged(logon_info)), 12);

    // gss-client has no channel bindings (GSS-21).
    let ours = ChannelBindings::from_application_data("tls-exporter:1");
    for policy in [
        AcceptorBindings::Allow(ours.clone().into()),
        AcceptorBindings::Audit(ours.clone().into()),
    ] {
        let context = judge(&realm, own(&realm), policy).unwrap();
        assert_eq!(context.info().bindings, BindingOutcome::Absent);
    }
    let error = judge(&realm, own(&realm), AcceptorBindings::Require(ours.into())).unwrap_err();
    let Error::Rejected(rejection) = error else {
        panic!("{error:?}")
    };
    assert!(matches!(
        *rejection,
        Rejection::ChannelBindings { sent: false }
    ));
}

/// The key is changed under a client that holds a ticket (AP-18, AP-20).
#[test]
fn a_ticket_from_before_the_key_was_changed() {
    let Some(realm) = realm() else { return };
    let none = || AcceptorBindings::None;
    realm.ktadd(&realm.keytab(), SERVICE);
    let context = judge(&realm, own(&realm), none()).unwrap();
    let peer = context.peer().unwrap();
    assert_eq!(peer.keytab_kvno(), peer.ticket().kvno);
    assert!(!peer.used_fallback_key());
    // A keytab that holds the new key only.
    fs::remove_file(realm.keytab()).unwrap();
    realm.ktadd(&realm.keytab(), SERVICE);
    assert_eq!(refused(judge(&realm, own(&realm), none())), 44);
}
