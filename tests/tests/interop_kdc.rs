//! MIT krb5's client programs against our KDC.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use orthros::crypto::Enctype;
use orthros_kdc::{PrincipalSpec, RealmSpec, TestRealm};
use orthros_tests::mit::{program_or_not_run, text};

const ENCTYPES: [Enctype; 4] = [
    Enctype::AES128_CTS_HMAC_SHA1_96,
    Enctype::AES256_CTS_HMAC_SHA1_96,
    Enctype::AES128_CTS_HMAC_SHA256_128,
    Enctype::AES256_CTS_HMAC_SHA384_192,
];

/// What makes MIT's library use one transport only.
const TRANSPORTS: [&str; 2] = [
    "    udp_preference_limit = 1\n",
    "    udp_preference_limit = 32700\n",
];

/// Runs one of MIT's programs in the realm; `None` and `not run` if there is none.
fn mit(realm: &TestRealm, arguments: &[&str], stdin: &str) -> Option<Output> {
    let (name, arguments) = arguments.split_first().expect("a program");
    let mut command = Command::new(program_or_not_run("MIT krb5 against our KDC", name)?);
    command
        .envs(realm.environment())
        .envs([("LC_ALL", "C"), ("TZ", "UTC")])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    if let Some(mut pipe) = child.stdin.take() {
        // A program that asks for nothing may be gone before it reads.
        let _ = pipe.write_all(stdin.as_bytes());
    }
    Some(child.wait_with_output().expect("it ends"))
}

/// It succeeds; what it prints.
fn succeeds(realm: &TestRealm, arguments: &[&str], stdin: &str) -> Option<String> {
    let output = mit(realm, arguments, stdin)?;
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    Some(text(&output))
}

/// It fails; what it prints.
fn fails(realm: &TestRealm, arguments: &[&str], stdin: &str) -> Option<String> {
    let output = mit(realm, arguments, stdin)?;
    assert!(!output.status.success(), "{arguments:?}: {}", text(&output));
    Some(text(&output))
}

fn configure(realm: &TestRealm, libdefaults: &str) {
    let text = realm.krb5_conf_with(libdefaults);
    std::fs::write(realm.krb5_conf_path(), text).expect("krb5.conf is written");
}

fn realm_of(principals: Vec<PrincipalSpec>) -> TestRealm {
    TestRealm::start_with(&RealmSpec {
        principals,
        ..RealmSpec::default()
    })
    .expect("a realm")
}

#[test]
fn kinit_with_a_password_for_each_enctype_over_each_transport() {
    for enctype in ENCTYPES {
        let only = |spec: PrincipalSpec| PrincipalSpec {
            enctypes: vec![enctype],
            ..spec
        };
        let realm = realm_of(vec![
            only(PrincipalSpec::user("alice", "secret")),
            only(PrincipalSpec::service("HTTP/localhost")),
        ]);
        for transport in TRANSPORTS {
            configure(&realm, transport);
            let Some(_) = succeeds(&realm, &["kinit", "alice"], "secret\n") else {
                return;
            };
            succeeds(&realm, &["kvno", "HTTP/localhost"], "").expect("kvno");
            let list = succeeds(&realm, &["klist", "-e", "-f"], "").expect("klist");
            assert!(list.contains("krbtgt/ORTHROS.TEST@ORTHROS.TEST"), "{list}");
            assert!(list.contains("HTTP/localhost@ORTHROS.TEST"), "{list}");
            let name = enctype.name().expect("a name");
            let service = list.rsplit("HTTP/localhost").next().expect("the last ticket");
            assert!(
                service.contains(&format!("skey, tkt): {name}, {name}"))
                    || service.contains(&format!("{name}, {name}")),
                "{name}: {list}"
            );
        }
    }
}

#[test]
fn kdc_11_refusals_as_kinit_tells_them() {
    let mut locked = PrincipalSpec::user("locked", "pw");
    locked.attributes.locked = true;
    let mut expired = PrincipalSpec::user("expired", "pw");
    expired.expires = Some(orthros::time::KerberosTime::from_secs(1_000_000_000));
    let mut stale = PrincipalSpec::user("stale", "pw");
    stale.must_change_password = true;
    let mut lockedsvc = PrincipalSpec::service("locked/svc");
    lockedsvc.attributes.locked = true;
    let mut expiredsvc = PrincipalSpec::service("expired/svc");
    expiredsvc.expires = Some(orthros::time::KerberosTime::from_secs(1_000_000_000));
    let mut changepw = PrincipalSpec::service("kadmin/changepw");
    changepw.attributes.only_initial = true;
    let realm = realm_of(vec![
        changepw,
        locked,
        expired,
        stale,
        lockedsvc,
        expiredsvc,
        PrincipalSpec::user("alice", "pw"),
        PrincipalSpec::user("bob", "pw"),
    ]);
    let cases = [
        ("locked", "Client's credentials have been revoked"),
        ("expired", "Client's entry in database has expired"),
        ("stale", "Password expired"),
        ("nobody", "not found in Kerberos database"),
    ];
    for (name, says) in cases {
        let Some(output) = fails(&realm, &["kinit", name], "pw\n") else {
            return;
        };
        assert!(output.contains(says), "{name}: {output}");
    }
    let wrong = fails(&realm, &["kinit", "alice"], "wrong\n").expect("kinit");
    assert!(wrong.contains("Password incorrect"), "{wrong}");
    succeeds(&realm, &["kinit", "alice"], "pw\n").expect("kinit");
    let cases = [
        ("kadmin/changepw", "KDC policy rejects request"),
        ("host/nowhere", "Server not found in Kerberos database"),
        ("locked/svc", "Credentials for server have been revoked"),
        ("expired/svc", "Server's entry in database has expired"),
        ("bob", "Server principal valid for user2user only"),
    ];
    for (name, says) in cases {
        let output = fails(&realm, &["kvno", name], "").expect("kvno");
        assert!(output.contains(says), "{name}: {output}");
    }
}

#[test]
fn kdc_16_flags_and_addresses_as_klist_shows_them() {
    let realm = realm_of(vec![
        PrincipalSpec::user("alice", "pw"),
        PrincipalSpec::service("host/svc"),
    ]);
    let flags = |list: &str, name: &str| {
        let rest = list.split(name).nth(1).expect("the ticket").to_owned();
        let flags = rest.split("Flags: ").nth(1).expect("flags");
        flags.split([',', '\n']).next().expect("a line").to_owned()
    };
    let tgt = "krbtgt/ORTHROS.TEST@";
    if succeeds(&realm, &["kinit", "alice"], "pw\n").is_none() {
        return;
    }
    let list = succeeds(&realm, &["klist", "-f"], "").expect("klist");
    assert_eq!(flags(&list, tgt), "IA", "{list}");
    succeeds(&realm, &["kinit", "-f", "-p", "-r", "7d", "alice"], "pw\n").expect("kinit");
    succeeds(&realm, &["kvno", "host/svc"], "").expect("kvno");
    let list = succeeds(&realm, &["klist", "-f"], "").expect("klist");
    assert_eq!(flags(&list, tgt), "FPRIA", "{list}");
    assert_eq!(flags(&list, "host/svc@"), "FPRAT", "{list}");
}

#[test]
fn kdc_23_kinit_renews() {
    let realm = realm_of(vec![PrincipalSpec::user("alice", "pw")]);
    let arguments = ["kinit", "-l", "10m", "-r", "1d", "alice"];
    if succeeds(&realm, &arguments, "pw\n").is_none() {
        return;
    }
    let before = succeeds(&realm, &["klist", "-f"], "").expect("klist");
    // MIT's library allows for five minutes between its clock and the KDC's.
    realm.advance_clock(Duration::from_secs(200));
    succeeds(&realm, &["kinit", "-R"], "").expect("kinit -R");
    let after = succeeds(&realm, &["klist", "-f"], "").expect("klist");
    assert_ne!(before, after);
    assert!(after.contains("Flags: RIA"), "{after}");
    // Not renewable: no.
    succeeds(&realm, &["kinit", "alice"], "pw\n").expect("kinit");
    let refused = fails(&realm, &["kinit", "-R"], "").expect("kinit -R");
    assert!(
        refused.contains("KDC can't fulfill requested option"),
        "{refused}"
    );
}

#[test]
fn kdc_15_postdated_and_validated() {
    let realm = realm_of(vec![
        PrincipalSpec::user("alice", "pw"),
        PrincipalSpec::service("host/svc"),
    ]);
    let arguments = ["kinit", "-s", "1h", "-l", "3h", "alice"];
    if succeeds(&realm, &arguments, "pw\n").is_none() {
        return;
    }
    let list = succeeds(&realm, &["klist", "-f"], "").expect("klist");
    assert!(list.contains("Flags: DdiIA"), "{list}");
    let early = fails(&realm, &["kinit", "-v"], "").expect("kinit -v");
    assert!(early.contains("Ticket not yet valid"), "{early}");
}
