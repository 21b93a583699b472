//! Every option of MIT krb5's gss-client and gss-server that `interop_gss` and `interop_spnego` do
//! not run: the clients against our acceptor, the servers against our initiator.
//!
//! `-threads` of either program is there on Windows only.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::credentials::Credentials;
use orthros::crypto::DEFAULT_ENCTYPES;
use orthros::env;
use orthros::error::Error;
use orthros::gss::{
    Acceptor, AwaitToken, ContextFlags, Initiator, MajorStatus, Protection, Role, SecurityContext,
};
use orthros::principal::Principal;
use orthros::spnego;
use orthros::step::{Refusal, Step};
use orthros_tests::mit::{MitRealm, free_port, text};

const SERVICE: &str = "host/localhost@MIT.TEST";
const MESSAGE: &[u8] = b"attack at dawn";
const PATIENCE: Duration = Duration::from_secs(20);

// The flags of a frame of the sample programs.
const NOOP: u8 = 1;
const CONTEXT: u8 = 1 << 1;
const DATA: u8 = 1 << 2;
const MIC: u8 = 1 << 3;
const CONTEXT_NEXT: u8 = 1 << 4;
const WRAPPED: u8 = 1 << 5;
const ENCRYPTED: u8 = 1 << 6;
const SEND_MIC: u8 = 1 << 7;

/// The framing of the sample programs: an octet of flags, four of length, the token. Their first
/// version had no flags.
struct Wire {
    stream: TcpStream,
    first_version: bool,
}

impl Wire {
    fn new(stream: TcpStream, first_version: bool) -> Self {
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a read timeout");
        Self {
            stream,
            first_version,
        }
    }

    fn send(&mut self, flags: u8, token: &[u8]) {
        let mut frame = vec![flags];
        if self.first_version {
            frame.clear();
        }
        frame.extend_from_slice(&u32::try_from(token.len()).expect("short").to_be_bytes());
        frame.extend_from_slice(token);
        self.stream.write_all(&frame).expect("the peer reads");
    }

    /// Nothing where the peer hung up.
    fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut flags = [0];
        if !self.first_version {
            self.stream.read_exact(&mut flags).ok()?;
        }
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut token = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut token).ok()?;
        Some((flags[0], token))
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

fn realm() -> Option<MitRealm> {
    let realm = MitRealm::start()?;
    realm.add_principal("alice", "correct horse");
    realm.add_service(SERVICE);
    realm.kinit("alice", "correct horse", &["-f"])?;
    realm.kvno(SERVICE)?;
    Some(realm)
}

fn ticket(realm: &MitRealm) -> Arc<Credentials> {
    let cache = env::read_ccache(&realm.ccache()).expect("MIT's cache");
    let service = Principal::parse(SERVICE, None).expect("a principal");
    let found = cache.find(&service, env::now(), DEFAULT_ENCTYPES);
    let found = found.expect("a ticket");
    Arc::new(cache.to_credentials(found).expect("credentials"))
}

fn our_acceptor(realm: &MitRealm) -> Acceptor {
    let keytab = env::read_keytab(&realm.keytab()).expect("MIT's keytab");
    let service = Principal::parse(SERVICE, None).expect("a principal");
    let config = AcceptorConfig::new(
        Arc::new(ServiceKeys::from(&keytab)),
        Accepts::Service(service),
    );
    Acceptor::new(ap::Acceptor::new(config))
}

/// What came of a connection of gss-client.
struct Served {
    /// `None` where it did not authenticate.
    context: Option<SecurityContext>,
    /// The flags of each message's frame, and the message.
    messages: Vec<(u8, Vec<u8>)>,
}

/// Who takes the client's tokens.
#[derive(Clone)]
enum Taker {
    Kerberos(Acceptor),
    Spnego(Acceptor),
}

/// The legs of the establishment.
fn establish(wire: &mut Wire, taker: Taker) -> Result<SecurityContext, Refusal> {
    let next_token = |wire: &mut Wire| {
        let (flags, token) = wire.receive().expect("a context token");
        assert!(wire.first_version || flags == CONTEXT);
        token
    };
    match taker {
        Taker::Kerberos(acceptor) => {
            let mut next = AwaitToken::from(acceptor);
            loop {
                match next.accept(&next_token(wire), env::now())? {
                    Step::Continue { token, next: more } => {
                        wire.send(CONTEXT, &token);
                        next = more;
                    }
                    Step::Established { token, context } => {
                        token.inspect(|token| wire.send(CONTEXT, token));
                        return Ok(context);
                    }
                }
            }
        }
        Taker::Spnego(acceptor) => {
            let mut step = spnego::Acceptor::new(acceptor).accept(&next_token(wire), env::now())?;
            loop {
                match step {
                    Step::Continue { token, next } => {
                        wire.send(CONTEXT, &token);
                        step = next.accept(&next_token(wire), env::now())?;
                    }
                    Step::Established { token, context } => {
                        token.inspect(|token| wire.send(CONTEXT, token));
                        return Ok(context);
                    }
                }
            }
        }
    }
}

/// gss-server's part, played by us.
fn serve(mut wire: Wire, taker: Taker) -> Result<Served, Refusal> {
    let mut context = None;
    let announced = match wire.first_version {
        true => true,
        false => {
            let (flags, _) = wire.receive().expect("a first frame");
            assert_eq!(flags & NOOP, NOOP);
            flags & CONTEXT_NEXT != 0
        }
    };
    if announced {
        match establish(&mut wire, taker) {
            Ok(established) => context = Some(established),
            Err(refusal) => {
                if let Some(token) = &refusal.token {
                    wire.send(CONTEXT, token);
                }
                return Err(refusal);
            }
        }
    }
    let mut messages = Vec::new();
    while let Some((flags, token)) = wire.receive() {
        if flags & NOOP != 0 {
            break;
        }
        // What the first version sends is always wrapped, and signed by the answer.
        let flags = match wire.first_version {
            true => DATA | WRAPPED | SEND_MIC,
            false => flags,
        };
        let message = match (&mut context, flags & WRAPPED) {
            (Some(context), WRAPPED) => {
                let unwrapped = context.unwrap(&token).expect("genuine");
                unwrapped.complete().expect("in order")
            }
            _ => token,
        };
        match (&mut context, flags & SEND_MIC) {
            (Some(context), SEND_MIC) => {
                let mic = context.get_mic(&message).expect("signed");
                wire.send(MIC, &mic);
            }
            _ => wire.send(NOOP, b""),
        }
        messages.push((flags, message));
    }
    Ok(Served { context, messages })
}

/// Runs a gss-client against our acceptor, for so many connections.
fn run(
    mut command: Command,
    options: &[&str],
    message: &str,
    taker: Taker,
    connections: usize,
) -> (Output, Vec<Result<Served, Refusal>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port().to_string();
    command.args(["-port", &port]).args(options);
    command.args(["localhost", "host@localhost", message]);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = Running(command.spawn().expect("gss-client starts"));
    listener.set_nonblocking(true).expect("a listener");
    let patience = Instant::now() + PATIENCE;
    let mut served = Vec::new();
    while served.len() < connections {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("a connection");
                let wire = Wire::new(stream, options.contains(&"-v1"));
                served.push(serve(wire, taker.clone()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let ended = client.0.try_wait().expect("gss-client").is_some();
                assert!(
                    !ended && Instant::now() < patience,
                    "gss-client does not come"
                );
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut pipes = (
        client.0.stdout.take().expect("its output"),
        client.0.stderr.take().expect("its errors"),
    );
    pipes.0.read_to_end(&mut out).expect("read");
    pipes.1.read_to_end(&mut err).expect("read");
    let output = Output {
        status: client.0.wait().expect("gss-client ends"),
        stdout: out,
        stderr: err,
    };
    (output, served)
}

fn one(served: Vec<Result<Served, Refusal>>) -> Served {
    let [served] = <[_; 1]>::try_from(served).unwrap_or_else(|_| panic!("one connection"));
    served.unwrap_or_else(|refusal| panic!("{refusal}"))
}

#[test]
fn gss_client_names_the_mechanism() {
    let Some(realm) = realm() else { return };
    let acceptor = our_acceptor(&realm);
    let message = String::from_utf8_lossy(MESSAGE);
    for options in [
        &["-krb5"][..],
        &["-mech", "{ 1 2 840 113554 1 2 2 }"],
        &["-spnego"],
        &["-spnego", "-krb5", "-user", "alice"],
        &["-spnego", "-nomutual", "-seq"],
        &["-d", "-seq", "-krb5"],
    ] {
        let Some(command) = realm.command("gss-client") else {
            return;
        };
        let taker = match options.contains(&"-spnego") {
            true => Taker::Spnego(acceptor.clone()),
            false => Taker::Kerberos(acceptor.clone()),
        };
        let (output, served) = run(command, options, &message, taker, 1);
        let served = one(served);
        assert!(output.status.success(), "{options:?}: {}", text(&output));
        assert_eq!(served.messages[0].1, MESSAGE, "{options:?}");
        let context = served.context.expect("established");
        let delegated = context.flags().contains(ContextFlags::DELEG);
        assert_eq!(delegated, options.contains(&"-d"), "{options:?}");
    }
}

#[test]
fn gss_53_gss_client_in_dce_style() {
    let Some(realm) = realm() else { return };
    let Some(command) = realm.command("gss-client") else {
        return;
    };
    let taker = Taker::Kerberos(our_acceptor(&realm));
    let (output, served) = run(command, &["-dce", "-seq"], "message", taker, 1);
    let served = one(served);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("Signature verified."));
    let context = served.context.expect("established");
    assert!(context.flags().contains(ContextFlags::DCE_STYLE));
    assert_eq!(served.messages[0].1, b"message");
}

#[test]
fn gss_client_with_a_password() {
    let Some(realm) = realm() else { return };
    for options in [
        &["-user", "alice", "-pass", "correct horse"][..],
        &["-user", "alice", "-pass", "correct horse", "-spnego"],
        &["-user", "alice"],
    ] {
        let Some(mut command) = realm.command("gss-client") else {
            return;
        };
        // With a password there is no cache to take a ticket from.
        if options.contains(&"-pass") {
            command.env("KRB5CCNAME", realm.path().join("no such cache"));
        }
        let acceptor = our_acceptor(&realm);
        let taker = match options.contains(&"-spnego") {
            true => Taker::Spnego(acceptor),
            false => Taker::Kerberos(acceptor),
        };
        let (output, served) = run(command, options, "message", taker, 1);
        let served = one(served);
        assert!(output.status.success(), "{options:?}: {}", text(&output));
        let context = served.context.expect("established");
        let client = context.info().initiator.to_string();
        assert_eq!(client, "alice@MIT.TEST");
    }
}

#[test]
fn gss_client_from_a_file_quietly_and_often() {
    let Some(realm) = realm() else { return };
    let long: Vec<u8> = (0..70_000u32).map(|n| b'a' + (n % 26) as u8).collect();
    let file = realm.path().join("message");
    fs::write(&file, &long).expect("a file");
    let file = file.to_str().expect("a path").to_owned();
    for (options, connections, messages) in [
        (&["-f"][..], 1, 1),
        (&["-f", "-nx"], 1, 1),
        (&["-f", "-nw", "-nx"], 1, 1),
        (&["-f", "-q", "-mcount", "3", "-ccount", "2"], 2, 3),
    ] {
        let Some(command) = realm.command("gss-client") else {
            return;
        };
        let taker = Taker::Kerberos(our_acceptor(&realm));
        let (output, served) = run(command, options, &file, taker, connections);
        assert!(output.status.success(), "{options:?}: {}", text(&output));
        for served in served {
            let served = served.unwrap_or_else(|refusal| panic!("{refusal}"));
            assert_eq!(served.messages.len(), messages, "{options:?}");
            assert!(served.messages.iter().all(|(_, message)| *message == long));
        }
        if options.contains(&"-q") {
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{options:?}");
        }
    }
}

#[test]
fn gss_client_without_authentication() {
    let Some(realm) = realm() else { return };
    let Some(command) = realm.command("gss-client") else {
        return;
    };
    let taker = Taker::Kerberos(our_acceptor(&realm));
    let (output, served) = run(command, &["-na"], "in the clear", taker, 1);
    let served = one(served);
    assert!(output.status.success(), "{}", text(&output));
    assert!(served.context.is_none());
    assert_eq!(served.messages, [(DATA, b"in the clear".to_vec())]);
}

#[test]
fn gss_client_of_the_first_version() {
    let Some(realm) = realm() else { return };
    let Some(command) = realm.command("gss-client") else {
        return;
    };
    let taker = Taker::Kerberos(our_acceptor(&realm));
    let (output, served) = run(command, &["-v1"], "message", taker, 1);
    let served = one(served);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("Signature verified."));
    assert_eq!(served.messages[0].1, b"message");
}

/// IAKERB is recognised and named in the refusal.
#[test]
fn gss_04_gss_client_with_iakerb() {
    let Some(realm) = realm() else { return };
    let Some(command) = realm.command("gss-client") else {
        return;
    };
    let options = [
        "-iakerb",
        "-user",
        "alice@MIT.TEST",
        "-pass",
        "correct horse",
    ];
    let taker = Taker::Kerberos(our_acceptor(&realm));
    let (output, mut served) = run(command, &options, "message", taker, 1);
    assert!(!text(&output).contains("Signature verified."));
    let Some(Err(refusal)) = served.pop() else {
        panic!("IAKERB was accepted");
    };
    let error = refusal.error;
    let said = format!("{error} {:?}", error.explain());
    assert!(said.contains("IAKERB"), "{said}");
    let major = error.gss_major(Role::Acceptor);
    assert_eq!(major, MajorStatus::BAD_MECH, "{error}");
    assert!(matches!(error, Error::Rejected(_)), "{error}");
}

/// gss-client's part, played by us.
fn talk(stream: TcpStream, initiator: Initiator) -> SecurityContext {
    let mut wire = Wire::new(stream, false);
    wire.send(NOOP | CONTEXT_NEXT, b"");
    let mut step = initiator.request(env::now()).expect("a request");
    let mut context = loop {
        match step {
            Step::Continue { token, next } => {
                wire.send(CONTEXT, &token);
                let (flags, reply) = wire.receive().expect("an answer");
                assert_eq!(flags, CONTEXT);
                step = next.reply(&reply, env::now()).expect("MIT's answer");
            }
            Step::Established { token, context } => {
                token.inspect(|token| wire.send(CONTEXT, token));
                break context;
            }
        }
    };
    // Several, so that numbers go on after each export.
    for n in 0..5u8 {
        for protection in [Protection::Integrity, Protection::Confidentiality] {
            let message = vec![b'a' + n; 100];
            let sealed = match protection {
                Protection::Integrity => 0,
                Protection::Confidentiality => ENCRYPTED,
            };
            let token = context.wrap(protection, &message).expect("wrapped");
            wire.send(DATA | SEND_MIC | WRAPPED | sealed, &token);
            let (flags, mic) = wire.receive().expect("a MIC");
            assert_eq!(flags, MIC);
            let status = context.verify_mic(&message, &mic).expect("genuine");
            status.complete().expect("in order");
        }
    }
    wire.send(NOOP, b"");
    context
}

fn server(realm: &MitRealm, options: &[&str]) -> Option<(Running, u16)> {
    let port = free_port();
    let mut command = realm.command("gss-server")?;
    let server = command
        .args(["-port", &port.to_string()])
        .args(options)
        .arg("host@localhost")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("gss-server starts");
    Some((Running(server), port))
}

/// One connection, no more: `-once` ends with the first.
fn connected(server: &mut Running, port: u16) -> TcpStream {
    let patience = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(stream) => return stream,
            Err(_) => {
                let ended = server.0.try_wait().expect("gss-server").is_some();
                assert!(
                    !ended && Instant::now() < patience,
                    "gss-server does not listen"
                );
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn ways() -> [ContextFlags; 3] {
    let all = ContextFlags(0x3E);
    [
        all,
        all.without(ContextFlags::MUTUAL),
        all | ContextFlags::DCE_STYLE,
    ]
}

/// MIT exports its context and imports it again, three times, before it goes on.
#[test]
fn gss_server_exports_its_context_and_ends_after_one() {
    let Some(realm) = realm() else { return };
    let credentials = ticket(&realm);
    for flags in ways() {
        // It appends to one that is there.
        let log = realm.path().join(format!("gss-server-{}.log", flags.0));
        let path = log.to_str().expect("a path");
        let options = ["-once", "-export", "-verbose", "-logfile", path];
        let Some((mut server, port)) = server(&realm, &options) else {
            return;
        };
        let stream = connected(&mut server, port);
        let initiator = Initiator::new(Arc::clone(&credentials)).flags(flags);
        let context = talk(stream, initiator);
        assert!(context.flags().contains(flags));
        let patience = Instant::now() + PATIENCE;
        while server.0.try_wait().expect("gss-server").is_none() {
            assert!(Instant::now() < patience, "gss-server goes on after one");
            thread::sleep(Duration::from_millis(10));
        }
        let log = fs::read_to_string(&log).expect("its log");
        assert_eq!(log.matches("Exported context:").count(), 3, "{log}");
        assert_eq!(log.matches("Importing context:").count(), 3, "{log}");
        assert!(log.contains("NOOP token"), "{log}");
    }
}

#[test]
fn gss_server_with_a_keytab() {
    let Some(realm) = realm() else { return };
    let elsewhere = realm.path().join("other.keytab");
    fs::rename(realm.keytab(), &elsewhere).expect("moved");
    let options = ["-keytab", elsewhere.to_str().expect("a path")];
    let Some((mut server, port)) = server(&realm, &options) else {
        return;
    };
    let credentials = ticket(&realm);
    for flags in ways() {
        let stream = connected(&mut server, port);
        let initiator = Initiator::new(Arc::clone(&credentials)).flags(flags);
        talk(stream, initiator);
    }
}

/// The connection is its standard input.
#[test]
fn gss_server_from_inetd() {
    let Some(realm) = realm() else { return };
    let credentials = ticket(&realm);
    for flags in ways() {
        let Some(mut command) = realm.command("gss-server") else {
            return;
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let ours = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (theirs, _) = listener.accept().expect("accepted");
        let child = command
            .args(["-inetd", "-export", "host@localhost"])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gss-server starts");
        let mut server = Running(child);
        // `command` holds its end until it is dropped.
        drop(command);
        talk(ours, Initiator::new(Arc::clone(&credentials)).flags(flags));
        assert!(server.0.wait().expect("gss-server ends").success());
    }
}
