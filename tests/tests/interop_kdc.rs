//! MIT krb5's client programs against our KDC.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use orthros::crypto::Enctype;
use orthros::kdc::{Identity, Policy};
use orthros::principal::Principal;
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
    let mut spec = RealmSpec {
        principals,
        ..RealmSpec::default()
    };
    // kinit asks for just five minutes to change a password, counted from when it begins to ask:
    // with the default of five minutes it is refused when a second has passed (KDC-15).
    spec.policy.min_life = Duration::from_secs(60);
    TestRealm::start_with(&spec).expect("a realm")
}

#[test]
fn interop_kinit_with_a_password_for_each_enctype_over_each_transport() {
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
            let service = list
                .rsplit("HTTP/localhost")
                .next()
                .expect("the last ticket");
            assert!(
                service.contains(&format!("skey, tkt): {name}, {name}"))
                    || service.contains(&format!("{name}, {name}")),
                "{name}: {list}"
            );
        }
    }
}

#[test]
fn interop_kdc_11_refusals_as_kinit_tells_them() {
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
        ("host/nowhere", "not found in Kerberos database"),
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
fn interop_kdc_16_flags_and_addresses_as_klist_shows_them() {
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
fn interop_kdc_23_kinit_renews() {
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
fn interop_kdc_15_postdated_and_validated() {
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

fn keytab_name(realm: &TestRealm) -> String {
    format!("FILE:{}", realm.keytab_path().display())
}

#[test]
fn interop_kinit_with_a_keytab_and_mit_opens_our_tickets() {
    for enctype in ENCTYPES {
        let only = |spec: PrincipalSpec| PrincipalSpec {
            enctypes: vec![enctype],
            kvno: 7,
            ..spec
        };
        let realm = realm_of(vec![
            only(PrincipalSpec::user("alice", "secret")),
            only(PrincipalSpec::service("HTTP/localhost")),
        ]);
        for name in ["alice", "HTTP/localhost"] {
            let principal = Principal::parse(name, Some(&realm.name())).expect("a name");
            realm.export(&principal).expect("a keytab");
        }
        let keytab = keytab_name(&realm);
        for name in ["alice", "HTTP/localhost"] {
            let arguments = ["kinit", "-k", "-t", &keytab, name];
            let Some(_) = succeeds(&realm, &arguments, "") else {
                return;
            };
        }
        let arguments = ["kvno", "-k", &keytab, "HTTP/localhost"];
        let output = succeeds(&realm, &arguments, "").expect("kvno");
        assert!(output.contains("kvno = 7, keytab entry valid"), "{output}");
    }
}

/// The C program that asks MIT's library about a ticket; `None` and `not run` without a compiler
/// or the library's header.
fn pac_verify(realm: &TestRealm) -> Option<std::path::PathBuf> {
    let test = "MIT krb5 verifies our PAC";
    let compiler = program_or_not_run(test, "cc")?;
    let program = realm.directory().join("pac_verify");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/c/pac_verify.c");
    let output = Command::new(compiler)
        .args(["-Wall", "-o"])
        .arg(&program)
        .args([source, "-lkrb5", "-lk5crypto", "-lcom_err"])
        .output()
        .expect("the compiler runs");
    if !output.status.success() {
        println!("not run: {test}: {}", text(&output));
        return None;
    }
    Some(program)
}

#[test]
fn interop_pac_13_mit_verifies_our_signatures() {
    for enctype in ENCTYPES {
        let realm = TestRealm::start_with(&RealmSpec {
            policy: Policy {
                // Of the realm's own keys: they sign.
                enctypes: std::iter::once(enctype)
                    .chain(ENCTYPES.into_iter().filter(|other| *other != enctype))
                    .collect(),
                ..Policy::default()
            },
            principals: vec![PrincipalSpec::user("alice", "pw")],
            ..RealmSpec::default()
        })
        .expect("a realm");
        let Some(program) = pac_verify(&realm) else {
            return;
        };
        realm.service("HTTP/localhost").expect("a service");
        let krbtgt = Principal::krbtgt(&realm.name()).expect("a name");
        realm.export(&krbtgt).expect("a keytab");
        let (program, keytab) = (program.display().to_string(), keytab_name(&realm));
        let krbtgt = krbtgt.to_string();
        let arguments = [&program, "HTTP/localhost", &keytab, &krbtgt, &keytab];
        let run = |arguments: &[&str; 5]| {
            let output = Command::new(arguments[0])
                .envs(realm.environment())
                .args(&arguments[1..])
                .output()
                .expect("it runs");
            assert!(output.status.success(), "{enctype}: {}", text(&output));
            text(&output)
        };
        let arguments = arguments.map(|a: &str| a);
        if succeeds(&realm, &["kinit", "alice"], "pw\n").is_none() {
            return;
        }
        let says = run(&arguments);
        assert!(says.contains("server and KDC signature: valid"), "{says}");
        assert!(says.contains("ticket signature: valid"), "{says}");
        assert!(says.contains("types: 1 10 12 6 7 16 19"), "{says}");
        // Without a PAC if the client wants none (PAC-29).
        succeeds(&realm, &["kinit", "--no-request-pac", "alice"], "pw\n").expect("kinit");
        assert_eq!(run(&arguments), "no PAC\n");
    }
}

#[test]
fn interop_kdc_30_user_to_user_with_mit() {
    let realm = realm_of(vec![
        PrincipalSpec::user("alice", "pw"),
        PrincipalSpec::user("bob", "pw"),
    ]);
    let cache = |name: &str| format!("FILE:{}", realm.directory().join(name).display());
    let bob = cache("bob");
    if succeeds(&realm, &["kinit", "-c", &bob, "bob"], "pw\n").is_none() {
        return;
    }
    succeeds(&realm, &["kinit", "alice"], "pw\n").expect("kinit");
    let arguments = ["kvno", "--u2u", &bob, "bob"];
    let output = succeeds(&realm, &arguments, "").expect("kvno");
    assert!(output.contains("bob@ORTHROS.TEST: kvno = 0"), "{output}");
    // Another's TGT does not make a ticket for bob (KDC-30).
    let alice = cache("ccache");
    let arguments = ["kvno", "--u2u", &alice, "bob"];
    let refused = fails(&realm, &arguments, "").expect("kvno");
    assert!(
        refused.contains("Requested server and ticket don't match"),
        "{refused}"
    );
}

#[test]
fn interop_kdc_49_a_ticket_too_large_for_udp() {
    let mut alice = PrincipalSpec::user("alice", "pw");
    let mut identity = Identity::new(1_104);
    identity.groups = (2_000..2_800).collect();
    alice.identity = Some(identity);
    let realm = realm_of(vec![alice, PrincipalSpec::service("HTTP/localhost")]);
    // UDP first; TCP when the KDC says so.
    configure(&realm, TRANSPORTS[1]);
    if succeeds(&realm, &["kinit", "alice"], "pw\n").is_none() {
        return;
    }
    succeeds(&realm, &["kvno", "HTTP/localhost"], "").expect("kvno");
    let size = std::fs::metadata(realm.ccache_path())
        .expect("a cache")
        .len();
    assert!(size > 2 * 4096, "{size}");
}

#[test]
fn interop_an_enterprise_name_becomes_the_canonical_one() {
    let mut alice = PrincipalSpec::user("alice", "pw");
    alice.aliases.push(r"alice\@corp.test".to_owned());
    let realm = realm_of(vec![alice]);
    let arguments = ["kinit", "-C", "-E", "alice@corp.test"];
    if succeeds(&realm, &arguments, "pw\n").is_none() {
        return;
    }
    let list = succeeds(&realm, &["klist"], "").expect("klist");
    assert!(
        list.contains("Default principal: alice@ORTHROS.TEST"),
        "{list}"
    );
}
