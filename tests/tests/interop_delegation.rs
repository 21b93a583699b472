//! Delegation: forwarded TGTs that our client gets of MIT's KDC and of ours, given to MIT's acceptor
//! and to ours, and used there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys, TransitedPolicy};
use orthros::ccache::CredentialCache;
use orthros::client::AsExchange;
use orthros::credentials::Credentials;
use orthros::env;
use orthros::gss::{Acceptor, ContextFlags, Initiator, SecurityContext};
use orthros::principal::Principal;
use orthros::secret::Secret;
use orthros::step::Step;
use orthros::wire::TicketFlags;
use orthros_kdc::{PrincipalSpec, RealmSpec, TestRealm};
use orthros_net::{KdcAddresses, KdcConfig, blocking, tokio};
use orthros_tests::mit::{MitOptions, MitRealm, expect_success, text};

const PASSWORD: &str = "correct horse";
const SERVICE: &str = "host/localhost";
const DELEG: ContextFlags = ContextFlags::DELEG;
const POLICY: ContextFlags = ContextFlags::DELEG_POLICY;

fn config(realms: &[&MitRealm]) -> KdcConfig {
    let addresses = realms.iter().fold(KdcAddresses::new(), |addresses, realm| {
        addresses.with(realm.realm(), [realm.address()])
    });
    KdcConfig::new(addresses)
}

fn principal(realm: &str, name: &str) -> Principal {
    Principal::parse(name, Some(realm)).unwrap()
}

/// A forwardable TGT of alice.
fn login(kdcs: &blocking::KdcClient, realm: &str) -> Credentials {
    let alice = AsExchange::with_password(principal(realm, "alice"), Secret::from(PASSWORD));
    let ask = alice.forwardable(true).start(kdcs.now()).unwrap();
    kdcs.run(ask).unwrap().credentials
}

/// An acceptor of MIT krb5: a token in, a token out; what was delegated goes to a cache.
const ACCEPTOR: &str = r#"
import sys, gssapi, gssapi.raw as raw
context = gssapi.SecurityContext(usage='accept')
token = context.step(bytes.fromhex(sys.argv[1]))
print(token.hex() if token else '')
print('delegated' if context.delegated_creds else 'none')
if context.delegated_creds:
    context.delegated_creds.store({'ccache': sys.argv[2]}, usage='initiate', overwrite=True,
                                  set_default=True)
"#;

/// Our initiator and MIT's acceptor; the context, and the cache if something was delegated.
fn accepted_by_mit(
    realm: &MitRealm,
    initiator: Initiator,
    kdcs: &blocking::KdcClient,
) -> Option<(SecurityContext, Option<PathBuf>)> {
    let python = Path::new("/usr/bin/python3");
    let module = Command::new(python).args(["-c", "import gssapi"]).output();
    if !module.is_ok_and(|output| output.status.success()) {
        println!("not run: delegation: Python's gssapi module (python3-gssapi) is not installed");
        return None;
    }
    let Step::Continue { token, next } = initiator.request(kdcs.now()).unwrap() else {
        panic!("MUTUAL was asked for");
    };
    let token: String = token.iter().map(|octet| format!("{octet:02x}")).collect();
    let cache = realm.path().join("delegated");
    let _ = std::fs::remove_file(&cache);
    let mut command = Command::new(python);
    command.args(["-c", ACCEPTOR, &token]).arg(&cache);
    command.envs(realm.environment()).stdin(Stdio::null());
    let output = expect_success(&mut command);
    let output = String::from_utf8(output.stdout).unwrap();
    let [reply, delegated] = output.lines().collect::<Vec<_>>()[..] else {
        panic!("{output}");
    };
    let reply: Vec<u8> = (0..reply.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&reply[at..at + 2], 16).unwrap())
        .collect();
    let Step::Established { context, .. } = next.reply(&reply, kdcs.now()).unwrap() else {
        panic!("two legs");
    };
    Some((context, (delegated == "delegated").then_some(cache)))
}

fn accepted_by_us(realm: &MitRealm, initiator: Initiator) -> (SecurityContext, SecurityContext) {
    let keys = ServiceKeys::from(&env::read_keytab(&realm.keytab()).unwrap());
    established(
        initiator,
        AcceptorConfig::new(Arc::new(keys), Accepts::AnyKey),
    )
}

fn established(initiator: Initiator, config: AcceptorConfig) -> (SecurityContext, SecurityContext) {
    let acceptor = Acceptor::new(ap::Acceptor::new(config));
    let Step::Continue { token, next } = initiator.request(env::now()).unwrap() else {
        panic!("MUTUAL was asked for");
    };
    let Step::Established { token, context } = acceptor.accept(&token, env::now()).unwrap() else {
        panic!("two legs");
    };
    let theirs = context;
    let Step::Established { context, .. } = next.reply(&token.unwrap(), env::now()).unwrap() else {
        panic!("two legs");
    };
    (context, theirs)
}

/// MIT's klist and kvno with a cache.
fn use_cache(realm: &MitRealm, cache: &Path) -> Option<String> {
    let mut klist = realm.command("klist")?;
    let listed = text(&expect_success(klist.args(["-f", "-c"]).arg(cache)));
    let mut kvno = realm.command("kvno")?;
    expect_success(kvno.env("KRB5CCNAME", cache).arg(SERVICE));
    Some(listed)
}

fn one_realm() -> Option<MitRealm> {
    let realm = MitRealm::start()?;
    realm.add_principal("alice", PASSWORD);
    realm.add_service(SERVICE);
    Some(realm)
}

#[test]
fn gss_32_gss_34_gss_35_forwarded_by_mits_kdc() {
    let Some(realm) = one_realm() else { return };
    let kdcs = blocking::KdcClient::new(config(&[&realm]));
    let tgt = login(&kdcs, realm.realm());
    for recommended in [false, true] {
        let attribute = ["-ok_as_delegate", "+ok_as_delegate"][usize::from(recommended)];
        realm.kadmin(&["modprinc", attribute, SERVICE]);
        let service = principal(realm.realm(), SERVICE);
        let ticket = kdcs.get_service_ticket(&tgt, service).unwrap().credentials;
        let ticket = Arc::new(ticket);
        assert_eq!(
            ticket.flags.contains(TicketFlags::OK_AS_DELEGATE),
            recommended
        );
        for (asked, has) in [
            (ContextFlags::NONE, ContextFlags::NONE),
            (DELEG, DELEG),
            (
                POLICY,
                if recommended {
                    DELEG | POLICY
                } else {
                    ContextFlags::NONE
                },
            ),
            (
                DELEG | POLICY,
                if recommended { DELEG | POLICY } else { DELEG },
            ),
        ] {
            let initiator =
                || Initiator::new(Arc::clone(&ticket)).flags(asked | ContextFlags::MUTUAL);
            let (ready, failed) = kdcs.delegate(initiator(), &tgt);
            assert!(failed.is_none(), "{failed:?}");
            let Some((context, cache)) = accepted_by_mit(&realm, ready, &kdcs) else {
                return;
            };
            assert_eq!(context.flags().and(DELEG | POLICY), has, "{asked:?}");
            assert_eq!(cache.is_some(), has.contains(DELEG));
            let Some(cache) = cache else { continue };
            let Some(listed) = use_cache(&realm, &cache) else {
                return;
            };
            assert!(listed.contains("alice@MIT.TEST"), "{listed}");
            // Forwardable, forwarded.
            assert!(listed.contains("Flags: FfT"), "{listed}");
            // The same with our acceptor, which stores it.
            let (ready, _) = kdcs.delegate(initiator(), &tgt);
            let (_, theirs) = accepted_by_us(&realm, ready);
            let [received] = &theirs.info().delegated[..] else {
                panic!("one TGT");
            };
            assert!(received.addresses.is_empty());
            assert_eq!(received.session_key.enctype(), ticket.session_key.enctype());
            let cache = realm.path().join("received");
            env::write_ccache(&cache, &CredentialCache::with_credentials(received)).unwrap();
            assert!(use_cache(&realm, &cache).unwrap().contains("Flags: FfT"));
            // And our client uses it.
            let service = principal(realm.realm(), SERVICE);
            let got = kdcs.get_service_ticket(received, service).unwrap();
            assert!(got.credentials.flags.contains(TicketFlags::FORWARDED));
        }
    }
    assert!(realm.log().contains("TGS_REQ"));
}

/// GSS-33: the KDC forwards no TGT that is not forwardable, none is reached, or the TGT is another's;
/// the context is established, without.
#[test]
fn gss_33_no_forwarded_tgt() {
    let Some(realm) = one_realm() else { return };
    realm.add_principal("bob", PASSWORD);
    let kdcs = blocking::KdcClient::new(config(&[&realm]));
    let alice =
        AsExchange::with_password(principal(realm.realm(), "alice"), Secret::from(PASSWORD));
    let ask = alice.forwardable(false).start(kdcs.now()).unwrap();
    let fixed = kdcs.run(ask).unwrap().credentials;
    assert!(!fixed.flags.contains(TicketFlags::FORWARDABLE));
    let bob = kdcs.get_tgt(principal(realm.realm(), "bob"), Secret::from(PASSWORD));
    let bob = bob.unwrap().credentials;
    let service = principal(realm.realm(), SERVICE);
    let ticket = kdcs.get_service_ticket(&fixed, service).unwrap();
    let ticket = Arc::new(ticket.credentials);
    let initiator = || Initiator::new(Arc::clone(&ticket)).flags(DELEG | ContextFlags::MUTUAL);
    let nowhere = blocking::KdcClient::new(KdcConfig::new(KdcAddresses::new()));
    for (kdcs, tgt) in [(&kdcs, &fixed), (&nowhere, &fixed), (&kdcs, &bob)] {
        let (ready, failed) = kdcs.delegate(initiator(), tgt);
        assert!(failed.is_some());
        let (ours, theirs) = accepted_by_us(&realm, ready);
        assert!(!ours.flags().contains(DELEG));
        assert!(theirs.info().delegated.is_empty());
    }
    let (ready, _) = kdcs.delegate(initiator(), &fixed);
    if let Some((context, cache)) = accepted_by_mit(&realm, ready, &kdcs) {
        assert!(!context.flags().contains(DELEG));
        assert!(cache.is_none());
    }
}

/// The client for tokio, and our own KDC.
#[test]
fn gss_32_forwarded_by_our_kdc_with_tokio() {
    let alice = PrincipalSpec::user("alice", PASSWORD);
    let mut service = PrincipalSpec::service(SERVICE);
    service.attributes.ok_as_delegate = true;
    let spec = RealmSpec {
        principals: vec![alice, service],
        ..RealmSpec::default()
    };
    let realm = TestRealm::start_with(&spec).unwrap();
    let addresses = KdcAddresses::new().with(realm.name(), [realm.kdc_addr()]);
    let config = KdcConfig::new(addresses);
    let kdcs = blocking::KdcClient::new(config.clone());
    let tgt = login(&kdcs, &realm.name());
    let service = principal(&realm.name(), SERVICE);
    let keytab = realm.export(&service).unwrap();
    let runtime = ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let kdcs = tokio::KdcClient::new(config);
    let ready = runtime.block_on(async {
        let ticket = kdcs.get_service_ticket(&tgt, service).await.unwrap();
        let initiator = Initiator::new(ticket.credentials);
        let initiator = initiator.add_flags(POLICY);
        let (ready, failed) = kdcs.delegate(initiator, &tgt).await;
        assert!(failed.is_none(), "{failed:?}");
        ready
    });
    let keys = ServiceKeys::from(&keytab);
    let (ours, theirs) = established(ready, AcceptorConfig::new(Arc::new(keys), Accepts::AnyKey));
    assert!(ours.flags().contains(DELEG | POLICY));
    let [received] = &theirs.info().delegated[..] else {
        panic!("one TGT");
    };
    assert_eq!(received.client, tgt.client);
    let both = TicketFlags::FORWARDED | TicketFlags::FORWARDABLE;
    assert!(received.flags.contains(both));
}

/// GSS-34, security case 108: A, B and C; each realm recommends the next or not, and C the service.
#[test]
fn gss_34_case_108_three_realms() {
    let start = |name: &str| {
        MitRealm::start_with(MitOptions {
            realm: name.to_owned(),
            sections: "[capaths]\n\tA.TEST = {\n\t\tC.TEST = B.TEST\n\t}\n".to_owned(),
            ..MitOptions::default()
        })
    };
    let (Some(a), Some(b), Some(c)) = (start("A.TEST"), start("B.TEST"), start("C.TEST")) else {
        return;
    };
    let trusts = [
        (&a, &b, "krbtgt/B.TEST@A.TEST"),
        (&b, &c, "krbtgt/C.TEST@B.TEST"),
    ];
    for (from, to, trust) in trusts {
        from.add_principal(trust, "the trust between the two");
        to.add_principal(trust, "the trust between the two");
    }
    a.add_principal("alice", PASSWORD);
    c.add_service(SERVICE);
    let kdcs = blocking::KdcClient::new(config(&[&a, &b, &c]));
    let tgt = login(&kdcs, "A.TEST");
    let recommend = |realm: &MitRealm, name: &str, wanted: bool| {
        let attribute = ["-ok_as_delegate", "+ok_as_delegate"][usize::from(wanted)];
        realm.kadmin(&["modprinc", attribute, name]);
    };
    for combination in 0..8_u8 {
        let [by_a, by_b, by_c] = [1, 2, 4].map(|bit| combination & bit != 0);
        recommend(&a, "krbtgt/B.TEST@A.TEST", by_a);
        recommend(&b, "krbtgt/C.TEST@B.TEST", by_b);
        recommend(&c, SERVICE, by_c);
        let service = principal("C.TEST", SERVICE);
        let got = kdcs.get_service_ticket(&tgt, service).unwrap();
        assert_eq!(got.path.len(), 2);
        let initiator = Initiator::new(got.credentials).flags(POLICY | ContextFlags::MUTUAL);
        let (ready, failed) = kdcs.delegate(initiator, &tgt);
        assert!(failed.is_none(), "{failed:?}");
        let keys = ServiceKeys::from(&env::read_keytab(&c.keytab()).unwrap());
        let path = TransitedPolicy::hierarchical().capath("A.TEST", "C.TEST", ["B.TEST"]);
        let config = AcceptorConfig::new(Arc::new(keys), Accepts::AnyKey).transited(path);
        let (ours, theirs) = established(ready, config);
        let all = by_a && by_b && by_c;
        assert_eq!(ours.flags().contains(DELEG | POLICY), all, "{combination}");
        assert_eq!(theirs.info().delegated.len(), usize::from(all));
        if let [received] = &theirs.info().delegated[..] {
            // Of the client's own realm.
            assert_eq!(received.server.to_string(), "krbtgt/A.TEST@A.TEST");
        }
    }
}
