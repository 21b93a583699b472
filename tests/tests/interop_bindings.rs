//! Contexts that are bound to TLS below them: rustls at both ends, OpenSSL and MIT krb5 (through
//! Python) at one.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::ccache::CredentialCache;
use orthros::channel;
use orthros::credentials::Credentials;
use orthros::crypto::DEFAULT_ENCTYPES;
use orthros::gss::{
    Acceptor, AcceptorBindings, BindingOutcome, BindingType, Candidates, ChannelBindings,
    Initiator, Protection, SecurityContext,
};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros_net::tls::rustls::version::{TLS12, TLS13};
use orthros_net::tls::rustls::{
    self, ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    StreamOwned, SupportedProtocolVersion,
};
use orthros_net::tls::{self, NoBinding};
use orthros_tests::mit::{MitRealm, expect_success, free_port, program_or_not_run};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};

const SERVICE: &str = "host/localhost";
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/tls_gssapi.py");

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// A realm with a service, and a ticket for it.
struct World {
    realm: MitRealm,
    credentials: Arc<Credentials>,
    acceptor: ap::Acceptor,
}

impl World {
    fn new() -> Option<Self> {
        let realm = MitRealm::start()?;
        realm.add_principal("alice", "correct horse");
        realm.add_service(SERVICE);
        realm.kinit("alice", "correct horse", &[])?;
        realm.kvno(SERVICE)?;
        let cache = fs::read(realm.ccache()).unwrap();
        let cache = CredentialCache::parse(&cache, "ccache").unwrap();
        let service = Principal::parse(SERVICE, Some(realm.realm())).unwrap();
        let found = cache.find(&service, now(), DEFAULT_ENCTYPES).unwrap();
        let credentials = Arc::new(cache.to_credentials(found).unwrap());
        let keytab = fs::read(realm.keytab()).unwrap();
        let keytab = Keytab::parse(&keytab, "keytab").unwrap();
        let keys = keytab.entries().filter_map(|(_, entry)| {
            let key = entry.key()?.clone();
            Some((entry.principal().clone(), entry.kvno(), key))
        });
        let keys = Arc::new(ServiceKeys::new(keys.collect::<Vec<_>>()));
        let config = AcceptorConfig::new(keys, Accepts::Service(service));
        Some(Self {
            realm,
            credentials,
            acceptor: ap::Acceptor::new(config),
        })
    }

    fn initiator(&self) -> Initiator {
        Initiator::new(Arc::clone(&self.credentials))
    }

    fn acceptor(&self, candidates: Candidates) -> Acceptor {
        Acceptor::new(self.acceptor.clone()).bindings(AcceptorBindings::Require(candidates))
    }
}

/// A certificate and its key, and the name that OpenSSL has for its hash.
struct Identity {
    what: &'static str,
    /// `None` where the type is not defined (CB-03).
    hash: Option<&'static str>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    files: PathBuf,
}

impl Identity {
    fn file(&self, name: &str) -> String {
        self.files.join(name).display().to_string()
    }
}

/// One of each kind; those of RSA only where there is an openssl to make a key.
fn identities(directory: &Path) -> Vec<Identity> {
    let made = [
        (
            "ECDSA-SHA256",
            Some("sha256"),
            &rcgen::PKCS_ECDSA_P256_SHA256,
        ),
        (
            "ECDSA-SHA384",
            Some("sha384"),
            &rcgen::PKCS_ECDSA_P384_SHA384,
        ),
        ("Ed25519", None, &rcgen::PKCS_ED25519),
    ];
    let mut keys: Vec<_> = made
        .into_iter()
        .map(|(what, hash, algorithm)| {
            (what, hash, rcgen::KeyPair::generate_for(algorithm).unwrap())
        })
        .collect();
    if let Some(openssl) = program_or_not_run("bindings to certificates of RSA", "openssl") {
        let pem = expect_success(Command::new(openssl).args([
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
        ]));
        let pem = String::from_utf8(pem.stdout).unwrap();
        for (what, hash, algorithm) in [
            ("RSA-SHA256", "sha256", &rcgen::PKCS_RSA_SHA256),
            ("RSA-SHA384", "sha384", &rcgen::PKCS_RSA_SHA384),
            ("RSA-SHA512", "sha512", &rcgen::PKCS_RSA_SHA512),
        ] {
            let key = rcgen::KeyPair::from_pem_and_sign_algo(&pem, algorithm).unwrap();
            keys.push((what, Some(hash), key));
        }
    }
    let identity = |(what, hash, key): (&'static str, Option<&'static str>, rcgen::KeyPair)| {
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let files = directory.join(what);
        fs::create_dir(&files).unwrap();
        fs::write(files.join("cert.pem"), certificate.pem()).unwrap();
        fs::write(files.join("key.pem"), key.serialize_pem()).unwrap();
        Identity {
            what,
            hash,
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            files,
        }
    };
    keys.into_iter().map(identity).collect()
}

fn client_config(
    certificate: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn server_config(
    identity: &Identity,
    version: &'static SupportedProtocolVersion,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())
        .unwrap();
    Arc::new(config)
}

fn patient(socket: TcpStream) -> TcpStream {
    let patience = Some(Duration::from_secs(20));
    socket.set_read_timeout(patience).unwrap();
    socket
}

type Client = StreamOwned<ClientConnection, TcpStream>;
type Server = StreamOwned<ServerConnection, TcpStream>;

fn connect(port: u16, config: Arc<ClientConfig>) -> Client {
    let socket = patient(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap());
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(config, name).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    stream
}

fn accept(listener: &TcpListener, config: Arc<ServerConfig>) -> Server {
    let socket = patient(listener.accept().unwrap().0);
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    stream
}

fn send(stream: &mut impl Write, token: &[u8]) {
    let length = u32::try_from(token.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, token].concat()).unwrap();
    stream.flush().unwrap();
}

fn receive(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut token = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut token)?;
    Ok(token)
}

/// The initiator's part; `None` if the other end hangs up.
fn initiate(stream: &mut (impl Read + Write), initiator: Initiator) -> Option<SecurityContext> {
    let Step::Continue { token, next } = initiator.request(now()).unwrap() else {
        panic!();
    };
    send(stream, &token);
    let Ok(Step::Established { context, .. }) = next.reply(&receive(stream).ok()?, now()) else {
        panic!();
    };
    Some(context)
}

/// The acceptor's part; what became of the bindings, or the code of the refusal.
fn serve(
    stream: &mut (impl Read + Write),
    acceptor: Acceptor,
) -> Result<SecurityContext, &'static str> {
    match acceptor.accept(&receive(stream).unwrap(), now()) {
        Ok(Step::Established { token, context }) => {
            send(stream, &token.unwrap());
            Ok(context)
        }
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.error.explain().code),
    }
}

/// What the client binds to.
type Bind = fn(&ClientConnection) -> Result<ChannelBindings, NoBinding>;

/// A context over live TLS on loopback: what the acceptor makes of the bindings that the client
/// has.
fn over_tls(
    world: &World,
    identity: &Identity,
    version: &'static SupportedProtocolVersion,
    bind: Bind,
    candidates: impl FnOnce(&ServerConnection) -> Candidates,
) -> Result<BindingOutcome, &'static str> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = client_config(&identity.certificate, version);
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut stream = connect(port, config);
            let initiator = match bind(&stream.conn) {
                Ok(bindings) => world.initiator().bindings(bindings),
                Err(_) => world.initiator(),
            };
            let mut context = initiate(&mut stream, initiator)?;
            let token = context.wrap(Protection::Confidentiality, b"hello").unwrap();
            send(&mut stream, &token);
            Some(())
        });
        let mut stream = accept(&listener, server_config(identity, version));
        let candidates = candidates(&stream.conn);
        let served = serve(&mut stream, world.acceptor(candidates));
        let outcome = served.map(|mut context| {
            let token = receive(&mut stream).unwrap();
            let hello = context.unwrap(&token).unwrap().complete().unwrap();
            assert_eq!(hello, b"hello");
            context.info().bindings
        });
        drop(stream);
        assert_eq!(client.join().unwrap().is_some(), outcome.is_ok());
        outcome
    })
}

#[test]
fn cb_02_cb_03_cb_06_a_context_over_each_certificate_and_version() {
    let Some(world) = World::new() else { return };
    let directory = tempfile::tempdir().unwrap();
    let all = identities(directory.path());
    for (at, identity) in all.iter().enumerate() {
        for (version, has_exporter) in [(&TLS12, false), (&TLS13, true)] {
            let what = format!("{} {version:?}", identity.what);
            let other = &all[usize::from(at == 0)].certificate;
            // CB-04: a proxy's certificate before ours, and the exporter after it.
            let candidates = |connection: &ServerConnection| {
                let mut candidates = tls::own_end_points([other, &identity.certificate]);
                candidates.extend(tls::exporter(connection));
                candidates
            };
            let outcome = over_tls(&world, identity, version, tls::server_end_point, candidates);
            match identity.hash {
                Some(_) => assert_eq!(
                    outcome,
                    Ok(BindingOutcome::Agree {
                        candidate: 1,
                        binding_type: BindingType::ServerEndPoint,
                    }),
                    "{what}"
                ),
                // No binding is offered, and who requires one refuses.
                None => assert_eq!(outcome, Err("GSS_BINDINGS_MISSING"), "{what}"),
            }
            let outcome = over_tls(&world, identity, version, tls::exporter, candidates);
            match has_exporter {
                true => assert_eq!(
                    outcome,
                    Ok(BindingOutcome::Agree {
                        candidate: 1 + usize::from(identity.hash.is_some()),
                        binding_type: BindingType::Exporter,
                    }),
                    "{what}"
                ),
                false => assert_eq!(outcome, Err("GSS_BINDINGS_MISSING"), "{what}"),
            }
            // Somebody in the middle, who has a certificate of his own.
            let middle = |_: &ServerConnection| tls::own_end_points([other]);
            let outcome = over_tls(&world, identity, version, tls::server_end_point, middle);
            assert!(outcome.is_err(), "{what}");
        }
    }
}

/// The connection inside a stream of tokio-rustls, at both ends.
#[tokio::test]
async fn cb_05_a_context_inside_tokio_rustls() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    let Some(world) = World::new() else { return };
    let directory = tempfile::tempdir().unwrap();
    let all = identities(directory.path());
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(server_config(&all[0], &TLS13));
    let connector = TlsConnector::from(client_config(&all[0].certificate, &TLS13));
    let connected = async {
        let socket = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let name = ServerName::try_from("localhost").unwrap();
        connector.connect(name, socket).await
    };
    let accepted = async { acceptor.accept(listener.accept().await?.0).await };
    let (mut client, mut server) = tokio::try_join!(connected, accepted).unwrap();

    for (bindings, candidate) in [
        (tls::server_end_point(client.get_ref().1).unwrap(), 0),
        (tls::exporter(client.get_ref().1).unwrap(), 1),
    ] {
        let mut candidates = tls::own_end_points([&all[0].certificate]);
        candidates.extend(tls::exporter(server.get_ref().1));
        let initiator = world.initiator().bindings(bindings);
        let Step::Continue { token, next } = initiator.request(now()).unwrap() else {
            panic!();
        };
        client.write_all(&token).await.unwrap();
        client.flush().await.unwrap();
        let mut received = vec![0; token.len()];
        server.read_exact(&mut received).await.unwrap();
        let accepted = world.acceptor(candidates).accept(&received, now());
        let Ok(Step::Established { token, context }) = accepted else {
            panic!("{accepted:?}");
        };
        assert!(next.reply(&token.unwrap(), now()).is_ok());
        match context.info().bindings {
            BindingOutcome::Agree { candidate: at, .. } => assert_eq!(at, candidate),
            other => panic!("{other:?}"),
        }
    }
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let output = self.0.stdout.take().unwrap();
        BufReader::new(output).lines().map_while(Result::ok)
    }
}

/// MIT krb5 and OpenSSL in Python; `None` and `not run` without them.
fn python(world: &World, arguments: &[&str]) -> Option<Running> {
    const DEBIAN: &str = "/usr/bin/python3";
    let ready = Command::new(DEBIAN)
        .args(["-c", "import gssapi, ssl"])
        .stderr(Stdio::null())
        .status();
    if !ready.is_ok_and(|status| status.success()) {
        println!("not run: bindings of MIT krb5 to TLS of OpenSSL: no python3-gssapi");
        return None;
    }
    let child = Command::new(DEBIAN)
        .arg(PYTHON)
        .args(arguments)
        .envs(world.realm.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    Some(Running(child))
}

const VERSIONS: [(&SupportedProtocolVersion, &str); 2] = [(&TLS12, "1.2"), (&TLS13, "1.3")];

/// OpenSSL shows its certificate, hashes it and gives that to MIT's acceptor.
#[test]
fn cb_01_cb_02_our_client_is_bound_to_openssl_and_mit() {
    let Some(world) = World::new() else { return };
    let directory = tempfile::tempdir().unwrap();
    for identity in identities(directory.path()) {
        let Some(hash) = identity.hash else { continue };
        let (cert, key) = (identity.file("cert.pem"), identity.file("key.pem"));
        for (version, name) in VERSIONS {
            for right in [true, false] {
                let port = free_port();
                let text = port.to_string();
                let arguments = ["server", &text, &cert, hash, name, &key];
                let Some(mut peer) = python(&world, &arguments) else {
                    return;
                };
                let mut lines = peer.lines();
                assert_eq!(lines.next().as_deref(), Some("listening"));
                let config = client_config(&identity.certificate, version);
                let mut stream = connect(port, config);
                let bindings = match right {
                    true => tls::server_end_point(&stream.conn).unwrap(),
                    false => channel::tls_server_end_point_of_hash(&[7; 32]).unwrap(),
                };
                let context = initiate(&mut stream, world.initiator().bindings(bindings));
                match (context, right) {
                    (Some(mut context), true) => {
                        let token = context.wrap(Protection::Confidentiality, b"from Rust");
                        send(&mut stream, &token.unwrap());
                        let token = receive(&mut stream).unwrap();
                        let said = context.unwrap(&token).unwrap().complete().unwrap();
                        assert_eq!(said, b"from Python");
                        assert_eq!(lines.next().as_deref(), Some("established from Rust"));
                    }
                    // GSS_S_BAD_BINDINGS.
                    (None, false) => assert_eq!(lines.next().as_deref(), Some("refused 4")),
                    (context, _) => panic!("{} {name}: {context:?}", identity.what),
                }
            }
        }
    }
}

/// OpenSSL hashes the certificate that our rustls showed, and MIT's initiator binds to that.
#[test]
fn cb_01_cb_02_openssl_and_mit_are_bound_to_our_server() {
    let Some(world) = World::new() else { return };
    let directory = tempfile::tempdir().unwrap();
    let all = identities(directory.path());
    for (at, identity) in all.iter().enumerate() {
        let Some(hash) = identity.hash else { continue };
        let other = &all[usize::from(at == 0)].certificate;
        let cert = identity.file("cert.pem");
        for (version, name) in VERSIONS {
            for right in [true, false] {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                let port = listener.local_addr().unwrap().port().to_string();
                let arguments = ["client", &port, &cert, hash, name];
                let Some(mut peer) = python(&world, &arguments) else {
                    return;
                };
                let mut lines = peer.lines();
                let mut stream = accept(&listener, server_config(identity, version));
                // CB-04: the same two certificates that a proxy and we might have.
                let candidates = match right {
                    true => tls::own_end_points([other, &identity.certificate]),
                    false => tls::own_end_points([other]),
                };
                match (serve(&mut stream, world.acceptor(candidates)), right) {
                    (Ok(mut context), true) => {
                        let expected = BindingOutcome::Agree {
                            candidate: 1,
                            binding_type: BindingType::ServerEndPoint,
                        };
                        assert_eq!(context.info().bindings, expected);
                        let token = receive(&mut stream).unwrap();
                        let said = context.unwrap(&token).unwrap().complete().unwrap();
                        assert_eq!(said, b"from Python");
                        let token = context.wrap(Protection::Confidentiality, b"from Rust");
                        send(&mut stream, &token.unwrap());
                        assert_eq!(lines.next().as_deref(), Some("established from Rust"));
                    }
                    (Err(code), false) => {
                        assert_eq!(code, "GSS_BINDINGS_MISMATCH");
                        drop(stream);
                        assert_eq!(lines.next().as_deref(), Some("refused"));
                    }
                    (other, _) => panic!("{} {name}: {other:?}", identity.what),
                }
            }
        }
    }
}

/// OpenSSL exports the same octets from the other end of the connection.
#[test]
fn cb_05_openssl_exports_the_same() {
    let Some(openssl) = program_or_not_run("tls-exporter of OpenSSL", "openssl") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let all = identities(directory.path());
    let identity = &all[0];
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let child = Command::new(openssl)
        .args(["s_client", "-tls1_3", "-CAfile", &identity.file("cert.pem")])
        .args(["-connect", &format!("127.0.0.1:{port}")])
        .args(["-keymatexport", "EXPORTER-Channel-Binding"])
        .args(["-keymatexportlen", "32"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut peer = Running(child);
    let stream = accept(&listener, server_config(identity, &TLS13));
    let ours = tls::exporter(&stream.conn).unwrap();
    let ours = ours
        .application_data
        .strip_prefix(b"tls-exporter:")
        .unwrap();
    let digits: Vec<String> = ours.iter().map(|octet| format!("{octet:02X}")).collect();
    let theirs = peer
        .lines()
        .find_map(|line| Some(line.trim().strip_prefix("Keying material: ")?.to_owned()));
    assert_eq!(theirs, Some(digits.concat()));
}
