//! An LDAP search over SASL GSSAPI with confidentiality: our client, and slapd with 500 entries.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use orthros_tests::mit::{MitRealm, expect_success, free_port, program_or_not_run};

#[path = "../../examples/ldap_search.rs"]
#[allow(dead_code, unreachable_pub)]
mod ldap_search;

const BASE: &str = "dc=mit,dc=test";

struct Slapd(Child);

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn slapd(realm: &MitRealm, directory: &Path) -> Option<(Slapd, u16)> {
    let program = program_or_not_run("interop_ldap", "slapd")?;
    let slapadd = program_or_not_run("interop_ldap", "slapadd")?;
    let plugins = Path::new("/usr/lib");
    let gssapi = fs::read_dir(plugins)
        .ok()?
        .any(|entry| entry.is_ok_and(|entry| entry.path().join("sasl2/libgssapiv2.so").is_file()));
    if !gssapi {
        println!("not run: interop_ldap: libsasl2-modules-gssapi-mit is not installed");
        return None;
    }
    let database = directory.join("db");
    fs::create_dir(&database).unwrap();
    let conf = directory.join("slapd.conf");
    // Only who is authenticated and encrypted reads anything.
    fs::write(
        &conf,
        format!(
            "include /etc/ldap/schema/core.schema\n\
             pidfile {directory}/pid\n\
             modulepath /usr/lib/ldap\n\
             moduleload back_mdb\n\
             sasl-host localhost\n\
             sasl-secprops noanonymous,noplain,minssf=56\n\
             sizelimit unlimited\n\
             database mdb\n\
             suffix {BASE}\n\
             directory {database}\n\
             access to * by sasl_ssf=56 users read by * none\n",
            directory = directory.display(),
            database = database.display(),
        ),
    )
    .unwrap();
    let mut ldif =
        format!("dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: mit\no: m\n");
    for n in 0..500 {
        let name = format!("person {n:03} {}", "x".repeat(n % 97));
        write!(
            ldif,
            "\ndn: cn={name},{BASE}\nobjectClass: person\ncn: {name}\nsn: {n}\n"
        )
        .unwrap();
    }
    let file = directory.join("people.ldif");
    fs::write(&file, ldif).unwrap();
    expect_success(
        Command::new(slapadd)
            .arg("-f")
            .arg(&conf)
            .arg("-l")
            .arg(&file),
    );
    let port = free_port();
    let mut slapd = Slapd(
        Command::new(program)
            .envs(realm.environment())
            .args(["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}")])
            .arg("-f")
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let patience = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(slapd.0.try_wait().unwrap().is_none(), "slapd ended");
        assert!(Instant::now() < patience, "slapd does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    Some((slapd, port))
}

#[test]
fn a_search_with_confidentiality_gives_500_entries() {
    const SERVICE: &str = "ldap/localhost";
    let Some(realm) = MitRealm::start() else {
        return;
    };
    realm.add_principal("alice", "correct horse");
    realm.add_service(SERVICE);
    if realm.kinit("alice", "correct horse", &[]).is_none() || realm.kvno(SERVICE).is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let Some((_slapd, port)) = slapd(&realm, directory.path()) else {
        return;
    };
    let cache = realm.ccache();
    let ticket = ldap_search::ticket(cache.to_str().unwrap(), SERVICE).unwrap();
    let mut stream = ldap_search::connect(&format!("127.0.0.1:{port}"), ticket).unwrap();
    for _ in 0..2 {
        let names = ldap_search::search(&mut stream, BASE, "objectClass", "person").unwrap();
        assert_eq!(names.len(), 500);
        assert!(names.iter().any(|name| name.starts_with("cn=person 499 ")));
    }
    assert_eq!(
        ldap_search::search(&mut stream, BASE, "sn", "7").unwrap(),
        [format!("cn=person 007 xxxxxxx,{BASE}")]
    );
}
