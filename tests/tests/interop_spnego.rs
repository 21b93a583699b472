//! SPNEGO with MIT krb5: our initiator against its gss-server, its gss-client against our acceptor.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::ccache::CredentialCache;
use orthros::credentials::Credentials;
use orthros::crypto::DEFAULT_ENCTYPES;
use orthros::gss::{self, ContextFlags, Protection, SecurityContext};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::spnego::{Acceptor, Initiator};
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros_tests::mit::{MitRealm, free_port};

const ALICE: &str = "alice";
const PASSWORD: &str = "correct horse";
const SERVICE: &str = "host/localhost";

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

fn ticket(realm: &MitRealm) -> Option<Credentials> {
    realm.kvno(SERVICE)?;
    let cache = fs::read(realm.ccache()).unwrap();
    let cache = CredentialCache::parse(&cache, "ccache").unwrap();
    let service = Principal::parse(SERVICE, Some(realm.realm())).unwrap();
    let found = cache.find(&service, now(), DEFAULT_ENCTYPES).unwrap();
    Some(cache.to_credentials(found).unwrap())
}

fn gss_server(realm: &MitRealm) -> Option<(Running, u16)> {
    let port = free_port();
    let mut command = realm.command("gss-server")?;
    command.args(["-port", &port.to_string(), "host@localhost"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut server = Running(command.spawn().unwrap());
    let patience = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(server.0.try_wait().unwrap().is_none(), "gss-server ended");
        assert!(Instant::now() < patience, "gss-server does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    Some((server, port))
}

const FULL: ContextFlags = ContextFlags(0x3E);
const ONE_LEG: ContextFlags = ContextFlags(0x3C);

fn patient(stream: TcpStream) -> Wire {
    stream.set_nonblocking(false).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    Wire(stream)
}

/// gss-client's part, played by us; how many tokens came back.
fn talk(port: u16, initiator: Initiator) -> (SecurityContext, usize) {
    let mut wire = patient(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap());
    wire.send(sample::NOOP | sample::CONTEXT_NEXT, b"").unwrap();
    let mut step = initiator.request(now()).unwrap();
    let mut replies = 0;
    let mut context = loop {
        step = match step {
            Step::Continue { token, next } => {
                wire.send(sample::CONTEXT, &token).unwrap();
                let (flags, reply) = wire.receive().unwrap();
                assert_eq!(flags, sample::CONTEXT);
                replies += 1;
                next.reply(&reply, now()).unwrap()
            }
            Step::Established { token, context } => {
                if let Some(token) = token {
                    wire.send(sample::CONTEXT, &token).unwrap();
                }
                break context;
            }
        };
    };
    for protection in [Protection::Integrity, Protection::Confidentiality] {
        let sealed = match protection {
            Protection::Integrity => 0,
            Protection::Confidentiality => sample::ENCRYPTED,
        };
        let token = context.wrap(protection, b"hello, hello").unwrap();
        let flags = sample::DATA | sample::SEND_MIC | sample::WRAPPED | sealed;
        wire.send(flags, &token).unwrap();
        let (flags, mic) = wire.receive().unwrap();
        assert_eq!(flags, sample::MIC);
        let status = context.verify_mic(b"hello, hello", &mic).unwrap();
        status.complete().unwrap();
    }
    wire.send(sample::NOOP, b"").unwrap();
    (context, replies)
}

#[test]
fn our_initiator_and_gss_server() {
    let Some(realm) = realm() else { return };
    let Some((_server, port)) = gss_server(&realm) else {
        return;
    };
    let Some(credentials) = ticket(&realm) else {
        return;
    };
    let credentials = Arc::new(credentials);
    for flags in [FULL, ONE_LEG] {
        for both in [false, true] {
            let initiator = gss::Initiator::new(Arc::clone(&credentials)).flags(flags);
            let initiator = match both {
                false => Initiator::new(initiator),
                true => Initiator::new(initiator).both_names(),
            };
            let (context, replies) = talk(port, initiator);
            let local = ContextFlags::PROT_READY | ContextFlags::TRANS;
            assert_eq!(context.flags(), flags | local);
            assert!(replies >= 1);
        }
    }
}

fn our_acceptor(realm: &MitRealm) -> ap::Acceptor {
    let keytab = Keytab::parse(&fs::read(realm.keytab()).unwrap(), "keytab").unwrap();
    let keys = keytab.entries().filter_map(|(_, entry)| {
        let key = entry.key()?.clone();
        Some((entry.principal().clone(), entry.kvno(), key))
    });
    let keys = ServiceKeys::new(keys.collect::<Vec<_>>());
    let service = Principal::parse(SERVICE, Some(realm.realm())).unwrap();
    ap::Acceptor::new(AcceptorConfig::new(
        Arc::new(keys),
        Accepts::Service(service),
    ))
}

/// gss-server's part, played by us; how many tokens of the context came.
fn serve(stream: TcpStream, acceptor: Acceptor) -> (SecurityContext, usize) {
    let mut wire = patient(stream);
    let (flags, _) = wire.receive().unwrap();
    assert_eq!(flags, sample::NOOP | sample::CONTEXT_NEXT);
    let context_token = |wire: &mut Wire| {
        let (flags, token) = wire.receive().unwrap();
        assert_eq!(flags, sample::CONTEXT);
        token
    };
    let mut step = acceptor.accept(&context_token(&mut wire), now()).unwrap();
    let mut tokens = 1;
    let mut context = loop {
        step = match step {
            Step::Continue { token, next } => {
                wire.send(sample::CONTEXT, &token).unwrap();
                tokens += 1;
                next.accept(&context_token(&mut wire), now()).unwrap()
            }
            Step::Established { token, context } => {
                if let Some(token) = token {
                    wire.send(sample::CONTEXT, &token).unwrap();
                }
                break context;
            }
        };
    };
    loop {
        let (flags, token) = wire.receive().unwrap();
        if flags & sample::NOOP != 0 {
            return (context, tokens);
        }
        let message = context.unwrap(&token).unwrap().complete().unwrap();
        assert_eq!(message, b"attack at dawn");
        assert_ne!(flags & (sample::DATA | sample::SEND_MIC), 0);
        let mic = context.get_mic(&message).unwrap();
        wire.send(sample::MIC, &mic).unwrap();
    }
}

#[test]
fn gss_client_and_our_acceptor() {
    let Some(realm) = realm() else { return };
    let shared = our_acceptor(&realm);
    for options in [&["-spnego"][..], &["-spnego", "-nomutual"], &[]] {
        for protect in [false, true] {
            let Some(mut command) = realm.command("gss-client") else {
                return;
            };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port().to_string();
            command.args(["-port", &port]).args(options);
            command.args(["localhost", "host@localhost", "attack at dawn"]);
            command.stdin(Stdio::null());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut client = Running(command.spawn().unwrap());
            listener.set_nonblocking(true).unwrap();
            let patience = Instant::now() + Duration::from_secs(20);
            let stream = loop {
                match listener.accept() {
                    Ok((stream, _)) => break stream,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        assert!(Instant::now() < patience, "gss-client does not come");
                        thread::sleep(Duration::from_millis(5));
                    }
                    Err(error) => panic!("{error}"),
                }
            };
            let acceptor = Acceptor::new(gss::Acceptor::new(shared.clone()));
            let acceptor = match protect {
                true => acceptor.protect_list(),
                false => acceptor,
            };
            let (context, tokens) = serve(stream, acceptor);
            let peer = context.peer().unwrap();
            assert_eq!(peer.client().to_string(), "alice@MIT.TEST");
            // request-mic costs one leg more; Kerberos itself has no list to protect.
            let expected = 1 + usize::from(protect && !options.is_empty());
            assert_eq!(tokens, expected, "{options:?}");
            let status = client.0.wait().unwrap();
            assert!(status.success(), "{options:?}");
        }
    }
}
