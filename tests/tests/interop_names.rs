//! Names of GSS-API beside MIT krb5's: what it makes of them, what it exports, what it takes for
//! equal. MIT's library is asked through Python's `gssapi` module.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use orthros::gss::{ExportedName, GssNameType, Locality, MechAttribute, Name};
use orthros::principal::Principal;
use orthros_tests::mit::{MitRealm, text};

const REALM: &str = "MIT.TEST";

/// Reads lines `type hex`, prints the exported name in hexadecimal or `error`.
const CANONICALIZE: &str = r#"
import sys, gssapi, gssapi.raw as raw
from gssapi import NameType as T, MechType
TYPES = {'host': T.hostbased_service, 'user': T.user, 'principal': T.kerberos_principal,
         'anonymous': T.anonymous, 'export': T.export, 'machine': T.machine_uid,
         'string': T.string_uid}
for line in sys.stdin:
    kind, octets = line.rstrip('\n').split(' ')
    try:
        name = raw.import_name(bytes.fromhex(octets), TYPES[kind])
        name = raw.canonicalize_name(name, MechType.kerberos)
        shown = raw.display_name(name, True)
        print(raw.export_name(name).hex(), shown.name.hex(), bytes(shown.name_type).hex())
    except raw.GSSError as error:
        print('error')
"#;

/// Reads exported names in hexadecimal, prints for each pair whether they are equal.
const COMPARE: &str = r#"
import sys, gssapi.raw as raw
from gssapi import NameType as T, MechType
names = [raw.import_name(bytes.fromhex(line.strip()), T.export) for line in sys.stdin]
names = [raw.canonicalize_name(name, MechType.kerberos) for name in names]
for a in names:
    print(' '.join(str(int(raw.compare_name(a, b))) for b in names))
"#;

/// The attributes of the mechanism, then all that are known.
const ATTRIBUTES: &str = r#"
import gssapi.raw as raw
from gssapi import MechType
found = raw.inquire_attrs_for_mech(MechType.kerberos)
for attributes in (found.mech_attrs, found.known_mech_attrs):
    print(' '.join(sorted(oid.dotted_form for oid in attributes)))
"#;

/// A context with itself; the initiator's name as the acceptor exports it, both ways.
const ACCEPTED: &str = r#"
import gssapi, gssapi.raw as raw
service = gssapi.Name('host@localhost', gssapi.NameType.hostbased_service)
initiator = gssapi.SecurityContext(name=service, usage='initiate')
acceptor = gssapi.SecurityContext(usage='accept')
token = initiator.step()
while token:
    token = acceptor.step(token)
    if token:
        token = initiator.step(token)
name = acceptor.initiator_name
print(raw.export_name(name).hex())
print(raw.export_name_composite(name).hex())
"#;

/// What MIT's library says; `None` and `not run` where there is no module for it.
fn python(test: &str, script: &str, config: &[(&str, &Path)], input: &str) -> Option<Vec<String>> {
    let python = Path::new("/usr/bin/python3");
    let module = Command::new(python).args(["-c", "import gssapi"]).output();
    if !module.is_ok_and(|output| output.status.success()) {
        println!("not run: {test}: Python's gssapi module (python3-gssapi) is not installed");
        return None;
    }
    let mut command = Command::new(python);
    command.args(["-c", script]).env("LC_ALL", "C.UTF-8");
    command.envs(config.iter().copied());
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(lines.lines().map(str::to_owned).collect())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// A configuration of its own, in which this host and `example.com` are of the realm.
struct Local {
    directory: tempfile::TempDir,
    host: String,
}

impl Local {
    fn new() -> Option<Self> {
        let host = "import socket; print(socket.gethostname())";
        let host = python("interop_names", host, &[], "")?.remove(0);
        let directory = tempfile::tempdir().unwrap();
        let lower = host.to_ascii_lowercase();
        let config = format!(
            "[libdefaults]\n\
             \tdefault_realm = {REALM}\n\
             \tdns_lookup_kdc = false\n\
             \tdns_lookup_realm = false\n\
             \tdns_canonicalize_hostname = false\n\
             \tqualify_shortname = \"\"\n\
             \trdns = false\n\
             [domain_realm]\n\
             \texample.com = {REALM}\n\
             \t.example.com = {REALM}\n\
             \t{lower} = {REALM}\n"
        );
        fs::write(directory.path().join("krb5.conf"), config).unwrap();
        Some(Self { directory, host })
    }

    fn ask(&self, script: &str, input: &str) -> Vec<String> {
        let config = self.directory.path().join("krb5.conf");
        python("interop_names", script, &[("KRB5_CONFIG", &config)], input).unwrap()
    }

    fn locality(&self) -> Locality<'_> {
        Locality::of_realm(REALM).host(&self.host)
    }
}

/// Whole names that both take.
const PRINCIPALS: &[&str] = &[
    "alice@MIT.TEST",
    "Alice@MIT.TEST",
    "alice@mit.test",
    "alice/admin@MIT.TEST",
    r"alice\/admin@MIT.TEST",
    "a/b/c/d/e@MIT.TEST",
    r"user\@corp.example@MIT.TEST",
    r"back\\slash@MIT.TEST",
    r"\\\\@MIT.TEST",
    r"new\nline/t\tab/back\bspace@MIT.TEST",
    "new\nline/t\tab@MIT.TEST",
    "with space/ and more @MIT.TEST",
    r"quoted\ more\x@MIT.TEST",
    "a//b@MIT.TEST",
    "a/@MIT.TEST",
    "/a@MIT.TEST",
    "ä/ö€@ÜBER.TEST",
    r"a@odd\/realm",
    r"a@odd\@realm\\",
    "a@realm with space",
    r"a@tab\trealm",
    "krbtgt/MIT.TEST@MIT.TEST",
    "WELLKNOWN/ANONYMOUS@MIT.TEST",
];

const HOST_BASED: &[&str] = &[
    "HTTP@WWW.Example.COM",
    "HTTP@www.example.com.",
    "HTTP@www.example.com:8080",
    "HTTP@WWW.EXAMPLE.COM:Abc",
    "MSSQLSvc@db.example.com:1433",
    "a/b@host.example.com",
    r"h\x@host.example.com",
    "Host@a.b.example.com",
    "HTTP",
];

/// GSS-55 to GSS-58: MIT imports, and what it exports is what we export, octet for octet; each reads
/// the other's.
#[test]
fn gss_58_names_are_mits_octet_for_octet() {
    let Some(local) = Local::new() else { return };
    let kinds = [
        ("principal", GssNameType::KerberosPrincipal, PRINCIPALS),
        ("user", GssNameType::UserName, PRINCIPALS),
        ("user", GssNameType::UserName, &["bob", "bob/admin"]),
        ("host", GssNameType::HostBasedService, HOST_BASED),
        ("anonymous", GssNameType::Anonymous, &["", "x"]),
    ];
    let all: Vec<_> = kinds
        .iter()
        .flat_map(|(kind, name_type, names)| names.iter().map(|name| (*kind, *name_type, *name)))
        .collect();
    let lines: String = all
        .iter()
        .map(|(kind, _, name)| format!("{kind} {}\n", hex(name.as_bytes())))
        .collect();
    let answers = local.ask(CANONICALIZE, &lines);
    assert_eq!(answers.len(), all.len());
    let mut exported = Vec::new();
    for ((_, name_type, name), answer) in all.iter().zip(&answers) {
        let ours = Name::import(*name_type, name.as_bytes()).unwrap();
        let ours = ours.canonicalize(&local.locality()).unwrap();
        let [theirs, shown, shown_type] = answer.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{name}: {answer}");
        };
        assert_eq!(hex(&ours.export_name()), theirs, "{name}");
        assert_eq!(hex(ours.to_string().as_bytes()), shown, "{name}");
        assert_eq!(hex(&ours.gss_name_type().oid()[2..]), shown_type, "{name}");
        // We read theirs.
        let read = ExportedName::from_bytes(&unhex(theirs)).unwrap();
        assert_eq!(read.principal(), &ours);
        exported.push(ours.export_name());
    }
    // They read ours.
    let lines: String = exported
        .iter()
        .map(|octets| format!("export {}\n", hex(octets)))
        .collect();
    for (octets, answer) in exported.iter().zip(local.ask(CANONICALIZE, &lines)) {
        assert_eq!(answer.split(' ').next(), Some(&*hex(octets)));
    }
}

/// Names that both refuse. MIT 1.20 ends itself on octets behind an exported name (security case
/// 54), and so is not asked.
#[test]
fn case_054_what_mit_refuses_too() {
    let Some(local) = Local::new() else { return };
    let good = Principal::parse("a@R", None).unwrap().export_name();
    let mut other = good.clone();
    other[14] = 3;
    let mut bad: Vec<(&str, GssNameType, Vec<u8>)> = vec![
        ("export", GssNameType::Export, other),
        (
            "principal",
            GssNameType::KerberosPrincipal,
            b"a@R@S".to_vec(),
        ),
        ("principal", GssNameType::KerberosPrincipal, b"a\\".to_vec()),
        ("string", GssNameType::StringUid, b"4000000000".to_vec()),
        ("machine", GssNameType::MachineUid, vec![0; 2]),
        ("host", GssNameType::HostBasedService, Vec::new()),
        ("user", GssNameType::UserName, Vec::new()),
    ];
    for len in 0..good.len() {
        bad.push(("export", GssNameType::Export, good[..len].to_vec()));
    }
    let lines: String = bad
        .iter()
        .map(|(kind, _, octets)| format!("{kind} {}\n", hex(octets)))
        .collect();
    let answers = local.ask(CANONICALIZE, &lines);
    assert_eq!(answers.len(), bad.len());
    for ((kind, name_type, octets), answer) in bad.iter().zip(answers) {
        assert_eq!(answer, "error", "{kind} {octets:02x?}");
        let ours = Name::import(*name_type, octets);
        let ours = ours.and_then(|name| name.canonicalize(&local.locality()));
        assert!(ours.is_err(), "{kind} {octets:02x?}");
    }
}

#[test]
fn gss_58_names_are_equal_exactly_if_mit_says_so() {
    let Some(local) = Local::new() else { return };
    let names: Vec<_> = PRINCIPALS
        .iter()
        .map(|name| Principal::parse(name, None).unwrap())
        .collect();
    let lines: String = names
        .iter()
        .map(|name| format!("{}\n", hex(&name.export_name())))
        .collect();
    let answers = local.ask(COMPARE, &lines);
    assert_eq!(answers.len(), names.len());
    for (a, answer) in names.iter().zip(answers) {
        for (b, equal) in names.iter().zip(answer.split(' ')) {
            assert_eq!(a.names_same(b), equal == "1", "{a} {b}");
            assert_eq!(a.export_name() == b.export_name(), equal == "1");
        }
    }
}

/// A composite name, which MIT exports of an initiator it has accepted.
#[test]
fn gss_58_composite_names_of_mit() {
    let Some(realm) = MitRealm::start() else {
        return;
    };
    realm.add_principal("alice", "password");
    realm.add_service("host/localhost");
    let Some(ccache) = realm.kinit("alice", "password", &[]) else {
        return;
    };
    let (config, keytab) = (realm.krb5_conf(), realm.keytab());
    let config = [
        ("KRB5_CONFIG", &*config),
        ("KRB5CCNAME", &*ccache),
        ("KRB5_KTNAME", &*keytab),
    ];
    let Some(answers) = python("composite names", ACCEPTED, &config, "") else {
        return;
    };
    let [plain, composite] = &answers[..] else {
        panic!("{answers:?}");
    };
    let alice = Principal::parse("alice@MIT.TEST", None).unwrap();
    assert_eq!(unhex(plain), alice.export_name());
    let composite = unhex(composite);
    let read = ExportedName::from_bytes(&composite).unwrap();
    assert_eq!(read.principal(), &alice);
    assert!(read.attributes().is_some());
    assert_eq!(read.name_type(), GssNameType::CompositeExport);
    assert_eq!(read.to_bytes(), composite);
    for len in 0..composite.len() {
        assert!(ExportedName::from_bytes(&composite[..len]).is_err());
    }
}

/// What we have, MIT has; but anonymous initiators, which it has and does not say, and contexts that
/// are exported or used before they are complete, which it has and we say nothing of.
#[test]
fn gss_64_attributes_beside_mits() {
    let Some(local) = Local::new() else { return };
    let answers = local.ask(ATTRIBUTES, "");
    let [theirs, known] = &answers[..] else {
        panic!("{answers:?}");
    };
    let dotted = |attribute: &MechAttribute| format!("1.3.6.1.5.5.13.{}", attribute.0);
    let theirs: Vec<_> = theirs.split(' ').collect();
    for ours in MechAttribute::OF_KERBEROS {
        let has = theirs.contains(&&*dotted(ours));
        assert!(has || *ours == MechAttribute::AUTH_INIT_ANON, "{ours}");
    }
    let known: Vec<_> = known.split(' ').collect();
    for ours in MechAttribute::KNOWN {
        assert!(known.contains(&&*dotted(ours)), "{ours}");
    }
}
