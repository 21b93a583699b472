//! LDAP over SASL. Our client with slapd: a search of 500 entries with confidentiality, and binds
//! that are bound to the certificate of TLS below. OpenLDAP's client with a small server of ours:
//! every mechanism and security layer, and what is refused.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::channel;
use orthros::credentials::Credentials;
use orthros::gss::{Acceptor, Initiator};
use orthros::keytab::Keytab;
use orthros::sasl::{Client, Layer, Layers};
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros_net::stream::blocking::SecureStream;
use orthros_net::tls;
use orthros_net::tls::rustls::{self, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use orthros_tests::mit::{MitRealm, expect_success, free_port, program_or_not_run, text};
use rustls::pki_types::{CertificateDer, ServerName};

#[path = "../../examples/ldap_search.rs"]
#[allow(dead_code, unreachable_pub)]
mod ldap_search;
#[allow(unreachable_pub)]
mod ldap_server;

use ldap_search::{ber, bind, message, receive, result, sasl_bind};
use ldap_server::{INVALID_CREDENTIALS, LdapServer, Terms};

const BASE: &str = "dc=mit,dc=test";

struct Slapd(Child);

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Only who is authenticated and encrypted by SASL reads anything.
const ENCRYPTED: &str = "sasl-secprops noanonymous,noplain,minssf=56\n";

fn slapd(realm: &MitRealm, directory: &Path, settings: &str) -> Option<(Slapd, u16)> {
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
    fs::write(
        &conf,
        format!(
            "include /etc/ldap/schema/core.schema\n\
             pidfile {directory}/pid\n\
             modulepath /usr/lib/ldap\n\
             moduleload back_mdb\n\
             sasl-host localhost\n\
             {settings}\
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

const SERVICE: &str = "ldap/localhost";
const ALICE: &str = "alice@MIT.TEST";

fn realm() -> Option<MitRealm> {
    let realm = MitRealm::start()?;
    realm.add_principal("alice", "correct horse");
    realm.add_service(SERVICE);
    realm.kinit("alice", "correct horse", &[])?;
    realm.kvno(SERVICE)?;
    Some(realm)
}

fn ticket(realm: &MitRealm) -> Credentials {
    ldap_search::ticket(realm.ccache().to_str().unwrap(), SERVICE).unwrap()
}

fn dial(port: u16) -> TcpStream {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let patience = Some(Duration::from_secs(20));
    socket.set_read_timeout(patience).unwrap();
    socket
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

#[test]
fn a_search_with_confidentiality_gives_500_entries() {
    let Some(realm) = realm() else { return };
    let directory = tempfile::tempdir().unwrap();
    let Some((_slapd, port)) = slapd(&realm, directory.path(), ENCRYPTED) else {
        return;
    };
    let address = format!("127.0.0.1:{port}");
    let gssapi = ldap_search::connect(&address, ticket(&realm)).unwrap();
    let layers = Layers::only(Layer::Confidentiality);
    let spnego = Client::gss_spnego(Initiator::new(ticket(&realm)), layers);
    let mut socket = dial(port);
    let session = bind(&mut socket, spnego).unwrap();
    let spnego = SecureStream::sasl(socket, session).unwrap();
    for mut stream in [gssapi, spnego] {
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
    // A server that wants protection is not content with less.
    for client in [
        Client::gssapi(Initiator::new(ticket(&realm)), Layers::only(Layer::None)),
        Client::gssapi(
            Initiator::new(ticket(&realm)),
            Layers::only(Layer::Integrity),
        ),
    ] {
        assert!(bind(&mut dial(port), client).is_err());
    }
}

/// Our client, with each mechanism and each layer, with a slapd that takes everything.
#[test]
fn our_client_and_slapd_with_each_layer() {
    let Some(realm) = realm() else { return };
    let directory = tempfile::tempdir().unwrap();
    let Some((_slapd, port)) = slapd(&realm, directory.path(), "") else {
        return;
    };
    for layer in [Layer::None, Layer::Integrity, Layer::Confidentiality] {
        let layers = Layers::only(layer);
        let initiator = || Initiator::new(ticket(&realm));
        for client in [
            Client::gssapi(initiator(), layers),
            Client::gss_spnego(initiator(), layers),
        ] {
            let mechanism = client.mechanism();
            let mut socket = dial(port);
            let session = bind(&mut socket, client).unwrap();
            assert_eq!(session.layer(), layer);
            let who = match layer {
                Layer::None => who_am_i(&mut socket),
                _ => who_am_i(&mut SecureStream::sasl(socket, session).unwrap()),
            };
            assert!(
                who.starts_with("dn:uid=alice"),
                "{mechanism} {layer}: {who}"
            );
        }
    }
}

/// The extended operation of RFC 4532.
fn who_am_i(stream: &mut (impl Read + Write)) -> String {
    let request = ber::tlv(0x77, &[&ber::tlv(0x80, &[b"1.3.6.1.4.1.4203.1.11.3"])]);
    stream.write_all(&message(90, &request)).unwrap();
    stream.flush().unwrap();
    let (tag, contents) = receive(stream).unwrap();
    let mut rest = &contents[..];
    let (code, words) = result(&mut rest).unwrap();
    assert_eq!((tag, code), (0x78, 0), "{words}");
    while !rest.is_empty() {
        if let (0x8B, who) = ber::take(&mut rest).unwrap() {
            return String::from_utf8(who.to_vec()).unwrap();
        }
    }
    String::new()
}

/// Asks for TLS on a connection that has none (RFC 4511 §4.14).
fn start_tls(stream: &mut TcpStream) {
    let request = ber::tlv(0x77, &[&ber::tlv(0x80, &[b"1.3.6.1.4.1.1466.20037"])]);
    stream.write_all(&message(80, &request)).unwrap();
    let (tag, contents) = receive(stream).unwrap();
    let (code, words) = result(&mut &contents[..]).unwrap();
    assert_eq!((tag, code), (0x78, 0), "{words}");
}

fn trusting(certificate: &CertificateDer<'static>) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// CB-02: slapd compares with the certificate that it shows, and so do we. MIT krb5, below it,
/// lets in who sends no bindings at all.
#[test]
fn cb_02_our_client_is_bound_to_the_certificate_of_slapd() {
    let Some(realm) = realm() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    for (algorithm, name) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "p256"),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "p384"),
    ] {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let files = path.join(name);
        fs::create_dir(&files).unwrap();
        fs::write(files.join("cert.pem"), certificate.pem()).unwrap();
        fs::write(files.join("key.pem"), key.serialize_pem()).unwrap();
        let settings = format!(
            "TLSCertificateFile {files}/cert.pem\n\
             TLSCertificateKeyFile {files}/key.pem\n\
             sasl-cbinding tls-endpoint\n",
            files = files.display(),
        );
        let Some((_slapd, port)) = slapd(&realm, &files, &settings) else {
            return;
        };
        let config = trusting(certificate.der());
        let connected = || {
            let mut socket = dial(port);
            start_tls(&mut socket);
            let server = ServerName::try_from("localhost").unwrap();
            let connection = ClientConnection::new(Arc::clone(&config), server).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            // The binding wants a finished handshake.
            stream.conn.complete_io(&mut stream.sock).unwrap();
            stream
        };
        let other = channel::tls_server_end_point_of_hash(&[7; 32]).unwrap();
        for layer in [Layer::None, Layer::Confidentiality] {
            for (sent, good) in [(true, true), (false, false)] {
                for spnego in [false, true] {
                    let mut stream = connected();
                    let bindings = match sent {
                        true => tls::server_end_point(&stream.conn).unwrap(),
                        false => other.clone(),
                    };
                    let initiator = Initiator::new(ticket(&realm)).bindings(bindings);
                    let layers = Layers::only(layer);
                    let client = match spnego {
                        true => Client::gss_spnego(initiator, layers),
                        false => Client::gssapi(initiator, layers),
                    };
                    match (bind(&mut stream, client), good) {
                        (Ok(session), true) => {
                            let who = match layer {
                                Layer::None => who_am_i(&mut stream),
                                _ => who_am_i(&mut SecureStream::sasl(stream, session).unwrap()),
                            };
                            assert!(who.starts_with("dn:uid=alice"), "{who}");
                        }
                        (Err(error), false) => {
                            let error = error.to_string();
                            assert!(error.starts_with("bind: 49"), "{error}");
                        }
                        (other, _) => panic!("{name} {layer} {spnego}: {other:?}"),
                    }
                }
            }
        }
        let mut stream = connected();
        let layers = Layers::only(Layer::None);
        let unbound = Client::gssapi(Initiator::new(ticket(&realm)), layers);
        assert!(bind(&mut stream, unbound).is_ok());
    }
}

fn our_acceptor(realm: &MitRealm) -> Acceptor {
    let keytab = Keytab::parse(&fs::read(realm.keytab()).unwrap(), "keytab").unwrap();
    let keys = keytab.entries().filter_map(|(_, entry)| {
        let key = entry.key()?.clone();
        Some((entry.principal().clone(), entry.kvno(), key))
    });
    let keys = Arc::new(ServiceKeys::new(keys.collect::<Vec<_>>()));
    Acceptor::new(ap::Acceptor::new(AcceptorConfig::new(
        keys,
        Accepts::AnyKey,
    )))
}

fn ours(realm: &MitRealm, layers: Layers) -> LdapServer {
    LdapServer::start(Terms {
        acceptor: our_acceptor(realm),
        hosts: vec!["localhost".into()],
        layers,
    })
}

/// A program of OpenLDAP against our server, with GSSAPI of this realm.
fn ldap(realm: &MitRealm, program: &str, port: u16, arguments: &[&str]) -> Option<Output> {
    let program = program_or_not_run("interop_ldap", program)?;
    let output = Command::new(program)
        .envs(realm.environment())
        .env("LDAPNOINIT", "1")
        .args([
            "-H",
            &format!("ldap://localhost:{port}"),
            "-o",
            "nettimeout=20",
        ])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Some(output)
}

const WHOAMI: &str = "ldapwhoami";

#[test]
fn ldapwhoami_and_our_server_with_each_layer() {
    let Some(realm) = realm() else { return };
    for (layer, properties) in [
        (Layer::None, "minssf=0,maxssf=0"),
        (Layer::Integrity, "minssf=1,maxssf=1"),
        (Layer::Confidentiality, "minssf=56,maxssf=256"),
    ] {
        for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
            // With GSS-SPNEGO the context's flags are the layer (MS-SPNG), and the plug-in asks for
            // confidentiality where it may have integrity alone.
            let layers = match (mechanism, layer) {
                ("GSS-SPNEGO", Layer::Integrity) => Layers::at_least(Layer::Integrity),
                _ => Layers::only(layer),
            };
            for layers in [layers, Layers::ALL] {
                let server = ours(&realm, layers);
                let arguments = ["-Q", "-N", "-Y", mechanism, "-O", properties];
                let Some(output) = ldap(&realm, WHOAMI, server.port, &arguments) else {
                    return;
                };
                let said = text(&output);
                assert!(output.status.success(), "{mechanism} {layer}: {said}");
                assert_eq!(said.trim(), format!("u:{ALICE}"), "{mechanism} {layer}");
                let records = server.records();
                assert_eq!(records.len(), 1, "{records:?}");
                assert_eq!(records[0]["result"], "accepted");
                assert_eq!(records[0]["client"]["name"], ALICE);
                assert_eq!(records[0]["mutual"], true);
            }
        }
    }
}

/// Security case 61, from the other side: a client that wants more than we offer, and one that is
/// content with less than we demand, are no party to anything.
#[test]
fn case_061_ldapwhoami_and_our_server_do_not_agree_on_a_layer() {
    let Some(realm) = realm() else { return };
    for (layers, properties, records) in [
        (Layers::only(Layer::None), "minssf=1", 0),
        (Layers::only(Layer::Integrity), "minssf=56", 0),
        (Layers::only(Layer::Confidentiality), "maxssf=0", 1),
        (Layers::at_least(Layer::Integrity), "maxssf=0", 1),
    ] {
        let server = ours(&realm, layers);
        let arguments = ["-Q", "-N", "-Y", "GSSAPI", "-O", properties];
        let Some(output) = ldap(&realm, WHOAMI, server.port, &arguments) else {
            return;
        };
        assert!(!output.status.success(), "{layers} {properties}");
        let kept = server.records();
        assert!(kept.len() <= records, "{kept:?}");
        assert!(kept.iter().all(|record| record["cause"] == "SASL_LAYER"));
    }
}

/// Who acts for another, who has a ticket for another service, and who has said it before: 49 for
/// all of them, and the reason for the operator alone.
#[test]
fn sasl_07_sasl_11_ldap_refuses_with_invalid_credentials() {
    let Some(realm) = realm() else { return };
    let server = ours(&realm, Layers::ALL);
    let refused = |server: &LdapServer, arguments: &[&str], cause: &str| {
        let output = ldap(&realm, WHOAMI, server.port, arguments)?;
        let said = text(&output);
        assert_eq!(
            output.status.code(),
            Some(i32::from(INVALID_CREDENTIALS)),
            "{said}"
        );
        assert!(said.contains("Invalid credentials (49)"), "{said}");
        // Nothing but the code goes out.
        assert!(!said.contains("additional info"), "{said}");
        let last = server.records().pop().unwrap();
        assert_eq!(last["cause"], cause, "{last}");
        assert_eq!(last["result"], "refused");
        Some(last)
    };
    let bob = ["-Q", "-N", "-Y", "GSSAPI", "-X", "u:bob"];
    if refused(&server, &bob, "SASL_AUTHZID").is_none() {
        return;
    }
    // A key of the keytab, but of another name than the server's.
    realm.add_service("ldap/ldap.mit.test");
    for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
        let other = LdapServer::start(Terms {
            acceptor: our_acceptor(&realm),
            hosts: vec!["ldap.mit.test".into()],
            layers: Layers::ALL,
        });
        let arguments = ["-Q", "-N", "-Y", mechanism];
        refused(&other, &arguments, "AP_NOT_US").unwrap();
    }

    // The very same bind on another connection.
    let client = Client::gssapi(Initiator::new(ticket(&realm)), Layers::ALL);
    let Step::Continue { token, .. } = client.start(now()).unwrap() else {
        panic!();
    };
    let first = sasl_bind(&mut dial(server.port), 1, "GSSAPI", &token).unwrap();
    assert_eq!(first.0, ldap_search::SASL_BIND_IN_PROGRESS);
    let (code, credentials, words) =
        sasl_bind(&mut dial(server.port), 1, "GSSAPI", &token).unwrap();
    assert_eq!((code, words.as_str()), (INVALID_CREDENTIALS, ""));
    assert!(credentials.is_empty());
    let last = server.records().pop().unwrap();
    assert_eq!(last["cause"], "AP_REPLAY", "{last}");
    assert_eq!(last["client"]["name"], ALICE);
}

/// SASL-03: what ldapsearch finds in the root is what there are keys for, and nothing else binds.
#[test]
fn sasl_03_the_root_names_what_there_are_keys_for() {
    let Some(realm) = realm() else { return };
    for (host, there) in [("localhost", true), ("ldap.mit.test", false)] {
        let server = LdapServer::start(Terms {
            acceptor: our_acceptor(&realm),
            hosts: vec![host.into()],
            layers: Layers::ALL,
        });
        let root = [
            "-LLL",
            "-x",
            "-s",
            "base",
            "-b",
            "",
            "supportedSASLMechanisms",
        ];
        let Some(output) = ldap(&realm, "ldapsearch", server.port, &root) else {
            return;
        };
        let said = text(&output);
        for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
            let line = format!("supportedSASLMechanisms: {mechanism}\n");
            assert_eq!(said.contains(&line), there, "{said}");
            let arguments = ["-Q", "-N", "-Y", mechanism];
            let output = ldap(&realm, WHOAMI, server.port, &arguments).unwrap();
            let said = text(&output);
            match there {
                true => assert_eq!(said.trim(), format!("u:{ALICE}")),
                // authMethodNotSupported.
                false => assert!(said.contains("(7)"), "{said}"),
            }
        }
        // One that there never was.
        let output = ldap(&realm, WHOAMI, server.port, &["-Q", "-Y", "PLAIN"]).unwrap();
        assert!(!output.status.success());
    }
}
