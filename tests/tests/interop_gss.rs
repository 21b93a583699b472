//! GSS-API with MIT krb5: our initiator against its gss-server, its gss-client against our
//! acceptor, tickets from its KDC.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::ccache::CredentialCache;
use orthros::credentials::Credentials;
use orthros::crypto::{DEFAULT_ENCTYPES, Enctype};
use orthros::gss::{
    Acceptor, AcceptorBindings, ChannelBindings, ContextFlags, Initiator, MajorStatus, Protection,
    Role, SecurityContext,
};
use orthros::kdc::Identity;
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros_kdc::{PrincipalSpec, RealmSpec, TestRealm};
use orthros_tests::mit::{MitRealm, free_port, program_or_not_run, text};

const ALICE: &str = "alice";
const PASSWORD: &str = "correct horse";
const SERVICE: &str = "host/localhost";

/// What no token says and every context has.
const LOCAL: ContextFlags = ContextFlags(ContextFlags::PROT_READY.0 | ContextFlags::TRANS.0);

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// The framing of MIT's sample programs: an octet of flags, four of length, the token.
mod sample {
    pub(super) const NOOP: u8 = 1;
    pub(super) const CONTEXT: u8 = 1 << 1;
    pub(super) const DATA: u8 = 1 << 2;
    pub(super) const MIC: u8 = 1 << 3;
    pub(super) const CONTEXT_NEXT: u8 = 1 << 4;
    pub(super) const WRAPPED: u8 = 1 << 5;
    pub(super) const ENCRYPTED: u8 = 1 << 6;
    pub(super) const SEND_MIC: u8 = 1 << 7;
}

struct Wire(TcpStream);

impl Wire {
    fn send(&mut self, flags: u8, token: &[u8]) -> io::Result<()> {
        let mut frame = vec![flags];
        frame.extend_from_slice(&u32::try_from(token.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(token);
        self.0.write_all(&frame)
    }

    fn receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head)?;
        let [flags, length @ ..] = head;
        let mut token = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut token)?;
        Ok((flags, token))
    }
}

/// Whose KDC issues the tickets.
trait Realm {
    fn name(&self) -> String;
    fn ccache(&self) -> PathBuf;
    fn keytab(&self) -> PathBuf;
    /// A program of MIT krb5 in this realm.
    fn command(&self, name: &str) -> Option<Command>;
}

impl Realm for MitRealm {
    fn name(&self) -> String {
        self.realm().to_owned()
    }

    fn ccache(&self) -> PathBuf {
        self.ccache()
    }

    fn keytab(&self) -> PathBuf {
        self.keytab()
    }

    fn command(&self, name: &str) -> Option<Command> {
        self.command(name)
    }
}

impl Realm for TestRealm {
    fn name(&self) -> String {
        self.name()
    }

    fn ccache(&self) -> PathBuf {
        self.ccache_path()
    }

    fn keytab(&self) -> PathBuf {
        self.keytab_path()
    }

    fn command(&self, name: &str) -> Option<Command> {
        let mut command = Command::new(program_or_not_run("interop_gss", name)?);
        command.envs(self.environment());
        Some(command)
    }
}

/// A realm of ours in which alice has logged in with MIT's kinit. Her tickets hold a PAC.
fn own_realm() -> Option<TestRealm> {
    let mut alice = PrincipalSpec::user(ALICE, PASSWORD);
    alice.identity = Some(Identity::new(1104));
    let spec = RealmSpec {
        principals: vec![alice, PrincipalSpec::service(SERVICE)],
        ..RealmSpec::default()
    };
    let realm = TestRealm::start_with(&spec).unwrap();
    let service = Principal::parse(SERVICE, Some(&realm.name())).unwrap();
    realm.export(&service).unwrap();
    let mut kinit = Realm::command(&realm, "kinit")?;
    kinit.arg(ALICE).stdin(Stdio::piped());
    kinit.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut kinit = kinit.spawn().unwrap();
    writeln!(kinit.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    let output = kinit.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    Some(realm)
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn realm() -> Option<MitRealm> {
    let realm = MitRealm::start()?;
    realm.add_principal(ALICE, PASSWORD);
    realm.add_service(SERVICE);
    realm.kinit(ALICE, PASSWORD, &["-f"])?;
    Some(realm)
}

/// A ticket for the service with a session key of `enctype`, by way of MIT's kvno and cache.
fn ticket(realm: &impl Realm, enctype: Enctype) -> Option<Credentials> {
    let mut kvno = realm.command("kvno")?;
    let output = kvno
        .args(["-e", &enctype.to_string(), SERVICE])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let cache = realm.ccache();
    let cache = CredentialCache::parse(&fs::read(&cache).unwrap(), "ccache").unwrap();
    let service = Principal::parse(SERVICE, Some(&realm.name())).unwrap();
    let found = cache.find(&service, now(), &[enctype]).unwrap();
    Some(cache.to_credentials(found).unwrap())
}

fn tgt(realm: &MitRealm) -> Credentials {
    let cache = CredentialCache::parse(&fs::read(realm.ccache()).unwrap(), "ccache").unwrap();
    let found = cache.tgt(now(), DEFAULT_ENCTYPES).unwrap();
    cache.to_credentials(found).unwrap()
}

fn gss_server(realm: &impl Realm, krb5_conf: Option<&Path>) -> Option<(Running, u16)> {
    let port = free_port();
    let mut command = realm.command("gss-server")?;
    if let Some(krb5_conf) = krb5_conf {
        command.env("KRB5_CONFIG", krb5_conf);
    }
    let server = command
        .args(["-port", &port.to_string(), "host@localhost"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut server = Running(server);
    let patience = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(server.0.try_wait().unwrap().is_none(), "gss-server ended");
        assert!(Instant::now() < patience, "gss-server does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    Some((server, port))
}

/// gss-client's part, played by us.
fn talk(port: u16, initiator: Initiator, messages: &[&[u8]]) -> SecurityContext {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut wire = Wire(stream);
    wire.send(sample::NOOP | sample::CONTEXT_NEXT, b"").unwrap();
    let mut context = match initiator.request(now()).unwrap() {
        Step::Continue { token, next } => {
            wire.send(sample::CONTEXT, &token).unwrap();
            let (flags, reply) = wire.receive().unwrap();
            assert_eq!(flags, sample::CONTEXT);
            match next.reply(&reply, now()).unwrap() {
                Step::Established {
                    token: None,
                    context,
                } => context,
                other => panic!("{other:?}"),
            }
        }
        Step::Established { token, context } => {
            wire.send(sample::CONTEXT, &token.unwrap()).unwrap();
            context
        }
    };
    for message in messages {
        for protection in [
            None,
            Some(Protection::Integrity),
            Some(Protection::Confidentiality),
        ] {
            let (flags, token) = match protection {
                None => (0, message.to_vec()),
                Some(protection) => {
                    let sealed = match protection {
                        Protection::Integrity => 0,
                        Protection::Confidentiality => sample::ENCRYPTED,
                    };
                    let token = context.wrap(protection, message).unwrap();
                    (sample::WRAPPED | sealed, token)
                }
            };
            wire.send(sample::DATA | sample::SEND_MIC | flags, &token)
                .unwrap();
            let (flags, mic) = wire.receive().unwrap();
            assert_eq!(flags, sample::MIC);
            // The server signs what it unwrapped.
            let status = context.verify_mic(message, &mic).unwrap();
            status.complete().unwrap();
        }
    }
    wire.send(sample::NOOP, b"").unwrap();
    context
}

const BASE: ContextFlags = ContextFlags(
    ContextFlags::REPLAY.0
        | ContextFlags::SEQUENCE.0
        | ContextFlags::CONF.0
        | ContextFlags::INTEG.0,
);

#[test]
fn our_initiator_and_gss_server() {
    let Some(realm) = realm() else { return };
    let Some((_server, port)) = gss_server(&realm, None) else {
        return;
    };
    let long = vec![0x5A; 70_000];
    let messages: [&[u8]; 4] = [b"a", b"0123456789abcdef", b"hello, hello", &long];
    for enctype in DEFAULT_ENCTYPES {
        let Some(credentials) = ticket(&realm, *enctype) else {
            return;
        };
        assert_eq!(credentials.session_key.enctype(), *enctype);
        let credentials = Arc::new(credentials);
        for flags in [BASE | ContextFlags::MUTUAL, BASE, ContextFlags::MUTUAL] {
            let initiator = Initiator::new(Arc::clone(&credentials)).flags(flags);
            let context = talk(port, initiator, &messages);
            assert_eq!(context.flags(), flags | LOCAL);
            // MIT krb5 takes a subkey of its own exactly if it answers.
            assert_eq!(
                context.info().keys.acceptor_subkey.is_some(),
                flags.contains(ContextFlags::MUTUAL)
            );
        }
    }
}

#[test]
fn our_initiator_and_gss_server_with_tickets_of_our_kdc() {
    let Some(realm) = own_realm() else { return };
    let Some((_server, port)) = gss_server(&realm, None) else {
        return;
    };
    for enctype in DEFAULT_ENCTYPES {
        let Some(credentials) = ticket(&realm, *enctype) else {
            return;
        };
        assert_eq!(credentials.session_key.enctype(), *enctype);
        let flags = BASE | ContextFlags::MUTUAL;
        let initiator = Initiator::new(credentials).flags(flags);
        let context = talk(port, initiator, &[b"hello, hello"]);
        assert_eq!(context.flags(), flags | LOCAL);
    }
}

#[test]
fn gss_client_and_our_acceptor_with_tickets_of_our_kdc() {
    let Some(realm) = own_realm() else { return };
    if program_or_not_run("interop_gss", "gss-client").is_none() {
        return;
    }
    for options in [
        &[][..],
        &["-nx"],
        &["-nw"],
        &["-nm"],
        &["-nomutual", "-seq"],
    ] {
        let (_, served) = run_client(&realm, options, "attack at dawn", 1).unwrap();
        let [served] = &served[..] else { panic!() };
        assert_eq!(served.messages[0].1, b"attack at dawn", "{options:?}");
        let peer = served.context.peer().unwrap();
        assert_eq!(peer.client().to_string(), format!("alice@{}", realm.name()));
        let sid = peer.pac().unwrap().user_sid().unwrap().to_string();
        assert!(sid.ends_with("-1104"), "{sid}");
    }
}

/// RFC 4537: the session key is of AES-128, and the acceptor's subkey of what both have more of.
/// MIT krb5 takes the first enctype of its own list that is offered.
#[test]
fn our_initiator_offers_other_enctypes() {
    let Some(realm) = realm() else { return };
    let aes128 = Enctype::AES128_CTS_HMAC_SHA1_96;
    let Some(credentials) = ticket(&realm, aes128) else {
        return;
    };
    let credentials = Arc::new(credentials);
    for wanted in DEFAULT_ENCTYPES {
        let permitted = format!(
            "\tpermitted_enctypes = {wanted} {aes128} {}\n",
            Enctype::AES256_CTS_HMAC_SHA1_96
        );
        let krb5_conf = realm.other_krb5_conf("server.conf", &permitted);
        let Some((_server, port)) = gss_server(&realm, Some(&krb5_conf)) else {
            return;
        };
        let initiator = Initiator::new(Arc::clone(&credentials)).enctypes([*wanted, aes128]);
        let context = talk(port, initiator, &[b"message"]);
        let subkey = context.info().keys.acceptor_subkey.as_ref().unwrap();
        assert_eq!(subkey.enctype(), *wanted);
    }
}

#[test]
fn our_initiator_delegates_to_gss_server() {
    let Some(realm) = realm() else { return };
    let Some((_server, port)) = gss_server(&realm, None) else {
        return;
    };
    let Some(credentials) = ticket(&realm, Enctype::AES256_CTS_HMAC_SHA1_96) else {
        return;
    };
    // gss-server fails if it cannot open the KRB-CRED.
    let initiator = Initiator::new(credentials).delegate(tgt(&realm));
    let context = talk(port, initiator, &[b"message"]);
    assert!(context.flags().contains(ContextFlags::DELEG));
}

#[test]
fn gss_server_refuses_us() {
    let Some(realm) = realm() else { return };
    let Some((_server, port)) = gss_server(&realm, None) else {
        return;
    };
    let Some(credentials) = ticket(&realm, Enctype::AES256_CTS_HMAC_SHA1_96) else {
        return;
    };
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut wire = Wire(stream);
    wire.send(sample::NOOP | sample::CONTEXT_NEXT, b"").unwrap();
    let late = now().minus(Duration::from_secs(3000));
    let Step::Continue { token, next } = Initiator::new(credentials).request(late).unwrap() else {
        panic!();
    };
    wire.send(sample::CONTEXT, &token).unwrap();
    let (_, reply) = wire.receive().unwrap();
    let refusal = next.reply(&reply, now()).unwrap_err();
    let error = refusal.error;
    assert_eq!(error.protocol_code().0, 37, "{error}");
    assert_eq!(error.gss_major(Role::Initiator), MajorStatus::FAILURE);
}

fn our_acceptor(realm: &impl Realm) -> ap::Acceptor {
    let keytab = Keytab::parse(&fs::read(realm.keytab()).unwrap(), "keytab").unwrap();
    let keys = keytab.entries().filter_map(|(_, entry)| {
        let key = entry.key()?.clone();
        Some((entry.principal().clone(), entry.kvno(), key))
    });
    let keys = ServiceKeys::new(keys.collect::<Vec<_>>());
    let service = Principal::parse(SERVICE, Some(&realm.name())).unwrap();
    ap::Acceptor::new(AcceptorConfig::new(
        Arc::new(keys),
        Accepts::Service(service),
    ))
}

/// What happened on one connection from gss-client.
struct Served {
    context: SecurityContext,
    messages: Vec<(u8, Vec<u8>)>,
}

/// gss-server's part, played by us.
fn serve(stream: TcpStream, acceptor: Acceptor) -> Served {
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut wire = Wire(stream);
    let (flags, _) = wire.receive().unwrap();
    assert_eq!(flags, sample::NOOP | sample::CONTEXT_NEXT);
    let (flags, token) = wire.receive().unwrap();
    assert_eq!(flags, sample::CONTEXT);
    let Step::Established {
        token: reply,
        mut context,
    } = acceptor.accept(&token, now()).unwrap()
    else {
        panic!("not established");
    };
    if let Some(reply) = reply {
        wire.send(sample::CONTEXT, &reply).unwrap();
    }
    let mut messages = Vec::new();
    loop {
        let (flags, token) = wire.receive().unwrap();
        if flags & sample::NOOP != 0 {
            break;
        }
        assert_ne!(flags & sample::DATA, 0);
        let message = match flags & sample::WRAPPED {
            0 => token,
            _ => {
                let unwrapped = context.unwrap(&token).unwrap();
                let expected = match flags & sample::ENCRYPTED {
                    0 => Protection::Integrity,
                    _ => Protection::Confidentiality,
                };
                assert_eq!(unwrapped.protection(), expected);
                unwrapped.complete().unwrap()
            }
        };
        match flags & sample::SEND_MIC {
            0 => wire.send(sample::NOOP, b"").unwrap(),
            _ => {
                let mic = context.get_mic(&message).unwrap();
                wire.send(sample::MIC, &mic).unwrap();
            }
        }
        messages.push((flags, message));
    }
    Served { context, messages }
}

/// Runs gss-client against our acceptor.
fn run_client(
    realm: &impl Realm,
    options: &[&str],
    message: &str,
    connections: usize,
) -> Option<(Output, Vec<Served>)> {
    run_client_with(
        realm,
        realm.command("gss-client")?,
        options,
        message,
        connections,
    )
}

fn run_client_with(
    realm: &impl Realm,
    mut command: Command,
    options: &[&str],
    message: &str,
    connections: usize,
) -> Option<(Output, Vec<Served>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let shared = our_acceptor(realm);
    command.args(["-port", &port]).args(options);
    command.args(["localhost", "host@localhost", message]);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let client = command.spawn().unwrap();
    listener.set_nonblocking(true).unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    let mut served = Vec::new();
    while served.len() < connections {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                served.push(serve(stream, Acceptor::new(shared.clone())));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if Instant::now() > patience {
                    let mut client = Running(client);
                    let _ = client.0.kill();
                    panic!("gss-client does not come");
                }
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    Some((output, served))
}

#[test]
fn gss_client_and_our_acceptor() {
    let Some(realm) = realm() else { return };
    if program_or_not_run("interop_gss", "gss-client").is_none() {
        return;
    }
    let conf_integ = ContextFlags::CONF | ContextFlags::INTEG;
    let full = conf_integ | ContextFlags::MUTUAL | ContextFlags::REPLAY;
    let wrapped = sample::DATA | sample::WRAPPED | sample::ENCRYPTED | sample::SEND_MIC;
    for (options, flags, data) in [
        (&[][..], full, wrapped),
        (&["-nomutual"], full.without(ContextFlags::MUTUAL), wrapped),
        (&["-seq"], full | ContextFlags::SEQUENCE, wrapped),
        (&["-noreplay"], full.without(ContextFlags::REPLAY), wrapped),
        (
            &["-seq", "-noreplay", "-nomutual"],
            conf_integ | ContextFlags::SEQUENCE,
            wrapped,
        ),
        (&["-nx"], full, wrapped & !sample::ENCRYPTED),
        (
            &["-nw"],
            full,
            sample::DATA | sample::SEND_MIC | sample::ENCRYPTED,
        ),
        (&["-nm"], full, wrapped & !sample::SEND_MIC),
        (&["-nw", "-nx", "-nm"], full, sample::DATA),
    ] {
        let message = "attack at dawn";
        let (output, served) = run_client(&realm, options, message, 1).unwrap();
        let [served] = &served[..] else { panic!() };
        let got = served.context.flags().without(LOCAL);
        assert_eq!(got, flags, "{options:?}");
        assert_eq!(
            served.messages,
            [(data, message.as_bytes().to_vec())],
            "{options:?}"
        );
        let printed = text(&output);
        assert_eq!(
            printed.contains("Signature verified."),
            data & sample::SEND_MIC != 0,
            "{options:?}: {printed}"
        );
        let info = served.context.info();
        assert_eq!(info.initiator.to_string(), "alice@MIT.TEST");
        assert_eq!(info.acceptor.to_string(), "host/localhost@MIT.TEST");
    }
}

#[test]
fn gss_client_with_many_messages_and_connections() {
    let Some(realm) = realm() else { return };
    let Some((_, served)) = run_client(
        &realm,
        &["-seq", "-mcount", "70", "-ccount", "3"],
        "again",
        3,
    ) else {
        return;
    };
    for served in served {
        assert_eq!(served.messages.len(), 70);
        assert!(served.messages.iter().all(|(_, m)| m == b"again"));
    }
}

#[test]
fn gss_client_of_every_enctype() {
    let Some(realm) = realm() else { return };
    for enctype in DEFAULT_ENCTYPES {
        let name = format!("krb5-{}.conf", enctype.0);
        let only = format!("\tpermitted_enctypes = {enctype}\n");
        let krb5_conf = realm.other_krb5_conf(&name, &only);
        let cache = realm.path().join(format!("ccache-{}", enctype.0));
        if program_or_not_run("interop_gss", "gss-client").is_none() {
            return;
        }
        let mut kinit = realm.command("kinit").unwrap();
        let mut kinit = kinit
            .env("KRB5_CONFIG", &krb5_conf)
            .env("KRB5CCNAME", &cache)
            .arg(ALICE)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(kinit.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        assert!(kinit.wait().unwrap().success());
        for options in [&["-seq"][..], &["-nomutual"], &["-nx"]] {
            let mut command = realm.command("gss-client").unwrap();
            command
                .env("KRB5_CONFIG", &krb5_conf)
                .env("KRB5CCNAME", &cache);
            let (_, served) = run_client_with(&realm, command, options, "message", 1).unwrap();
            let keys = &served[0].context.info().keys;
            assert_eq!(keys.session.enctype(), *enctype);
            assert_eq!(keys.in_force().enctype(), *enctype);
        }
    }
}

#[test]
fn gss_client_delegates_to_us() {
    let Some(realm) = realm() else { return };
    let Some((_, served)) = run_client(&realm, &["-d"], "message", 1) else {
        return;
    };
    let info = served[0].context.info();
    assert!(info.flags.contains(ContextFlags::DELEG));
    let [forwarded] = &info.delegated[..] else {
        panic!("{:?}", info.delegated);
    };
    assert_eq!(forwarded.client.to_string(), "alice@MIT.TEST");
    assert_eq!(forwarded.server.to_string(), "krbtgt/MIT.TEST@MIT.TEST");
    let forwarded_flag = orthros::wire::TicketFlags::FORWARDED;
    assert!(forwarded.flags.contains(forwarded_flag));
    // MIT's tools get a ticket with it: the key is the right one.
    let mut cache = CredentialCache::new(forwarded.client.clone());
    cache.store(forwarded.into());
    let path = realm.path().join("delegated");
    fs::write(&path, cache.to_bytes().unwrap().expose()).unwrap();
    let mut kvno = realm.command("kvno").unwrap();
    let output = kvno.env("KRB5CCNAME", &path).arg(SERVICE).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

/// A program of ours in C, because none of MIT's samples has channel bindings; `None` and
/// `not run` where it cannot be compiled.
fn bindings_program(realm: &MitRealm) -> Option<PathBuf> {
    let cc = program_or_not_run("channel bindings with MIT krb5", "cc")?;
    let program = realm.path().join("gss_bindings");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/gss_bindings.c");
    let output = Command::new(cc)
        .arg(source)
        .arg("-o")
        .arg(&program)
        .arg("-lgssapi_krb5")
        .output()
        .unwrap();
    if !output.status.success() {
        println!("not run: channel bindings with MIT krb5: no headers of its GSS library");
        return None;
    }
    Some(program)
}

const OURS: &str = "tls-server-end-point:0123456789";
const OTHER: &str = "tls-server-end-point:012345678a";

fn initiator_with(credentials: &Arc<Credentials>, data: &str) -> Initiator {
    let initiator = Initiator::new(Arc::clone(credentials)).flags(BASE);
    match data {
        "" => initiator,
        data => initiator.bindings(ChannelBindings::from_application_data(data)),
    }
}

#[test]
fn our_bindings_and_mits_acceptor() {
    let Some(realm) = realm() else { return };
    let Some(program) = bindings_program(&realm) else {
        return;
    };
    for enctype in DEFAULT_ENCTYPES {
        let credentials = Arc::new(ticket(&realm, *enctype).unwrap());
        let bound = ContextFlags::CHANNEL_BOUND;
        for (sent, wanted, expected) in [
            ("", "", Some(ContextFlags::NONE)),
            ("", OURS, Some(ContextFlags::NONE)),
            (OURS, "", Some(ContextFlags::NONE)),
            (OURS, OURS, Some(bound)),
            (OTHER, OURS, None),
        ] {
            let step = initiator_with(&credentials, sent).request(now()).unwrap();
            let Step::Established {
                token: Some(token), ..
            } = step
            else {
                panic!("{step:?}");
            };
            let mut accept = Command::new(&program)
                .envs(realm.environment())
                .args(["accept", wanted])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            accept.stdin.take().unwrap().write_all(&token).unwrap();
            let output = text(&accept.wait_with_output().unwrap());
            let printed: Vec<u32> = output
                .split_whitespace()
                .map(|number| u32::from_str_radix(number, 16).unwrap())
                .collect();
            let [major, flags] = printed[..] else {
                panic!("{output}");
            };
            match expected {
                Some(flag) => {
                    assert_eq!(major, MajorStatus::COMPLETE.0, "{sent:?} {wanted:?}");
                    assert_eq!(ContextFlags(flags).and(bound), flag, "{sent:?} {wanted:?}");
                }
                None => assert_eq!(major, MajorStatus::BAD_BINDINGS.0),
            }
        }
    }
}

#[test]
fn mits_bindings_and_our_acceptor() {
    let Some(realm) = realm() else { return };
    let Some(program) = bindings_program(&realm) else {
        return;
    };
    let acceptor = our_acceptor(&realm);
    let ours = || ChannelBindings::from_application_data(OURS);
    let (allow, require) = (
        AcceptorBindings::Allow(ours().into()),
        AcceptorBindings::Require(ours().into()),
    );
    for (sent, wanted, expected) in [
        ("", AcceptorBindings::None, Some(false)),
        ("", allow.clone(), Some(false)),
        ("", require.clone(), None),
        (OURS, AcceptorBindings::None, Some(false)),
        (OURS, allow.clone(), Some(true)),
        (OURS, require.clone(), Some(true)),
        (OTHER, AcceptorBindings::None, Some(false)),
        (OTHER, allow, None),
        (OTHER, require, None),
    ] {
        let output = Command::new(&program)
            .envs(realm.environment())
            .args(["init", "host@localhost", sent])
            .output()
            .unwrap();
        assert!(output.status.success());
        let acceptor = Acceptor::new(acceptor.clone()).bindings(wanted.clone());
        match (acceptor.accept(&output.stdout, now()), expected) {
            (Ok(Step::Established { context, .. }), Some(expected)) => {
                let bound = context.flags().contains(ContextFlags::CHANNEL_BOUND);
                assert_eq!(bound, expected, "{sent:?} {wanted:?}");
            }
            (Err(refusal), None) => assert_eq!(
                refusal.error.gss_major(Role::Acceptor),
                MajorStatus::BAD_BINDINGS
            ),
            (other, _) => panic!("{sent:?} {wanted:?}: {other:?}"),
        }
    }
}
