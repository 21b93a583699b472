//! Our stream in the framing of MIT krb5's samples: towards gss-server, and from gss-client.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::ccache::CredentialCache;
use orthros::crypto::DEFAULT_ENCTYPES;
use orthros::gss::{Acceptor, AwaitReply, AwaitToken, Initiator};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::time::Timestamp;
use orthros_net::stream::{SecureStream, StreamConfig, blocking};
use orthros_tests::mit::{MitRealm, free_port, text};

const SERVICE: &str = "host/localhost";

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

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
    realm.kinit("alice", "correct horse", &[])?;
    realm.kvno(SERVICE)?;
    Some(realm)
}

fn initiator(realm: &MitRealm) -> Initiator {
    let cache = CredentialCache::parse(&fs::read(realm.ccache()).unwrap(), "ccache").unwrap();
    let service = Principal::parse(SERVICE, Some(realm.realm())).unwrap();
    let found = cache.find(&service, now(), DEFAULT_ENCTYPES).unwrap();
    Initiator::new(cache.to_credentials(found).unwrap())
}

fn acceptor(realm: &MitRealm) -> Acceptor {
    let keytab = Keytab::parse(&fs::read(realm.keytab()).unwrap(), "keytab").unwrap();
    let keys = keytab.entries().filter_map(|(_, entry)| {
        let key = entry.key()?.clone();
        Some((entry.principal().clone(), entry.kvno(), key))
    });
    let keys = ServiceKeys::new(keys.collect::<Vec<_>>());
    let service = Principal::parse(SERVICE, Some(realm.realm())).unwrap();
    let config = AcceptorConfig::new(Arc::new(keys), Accepts::Service(service));
    Acceptor::new(ap::Acceptor::new(config))
}

fn initiate(realm: &MitRealm, socket: TcpStream, config: StreamConfig) -> SecureStream<TcpStream> {
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let first = initiator(realm).request(now()).unwrap();
    let reply = |next: AwaitReply, token: &[u8]| next.reply(token, now());
    blocking::initiate(socket, first, reply, &config).unwrap()
}

fn accept(realm: &MitRealm, socket: TcpStream, config: StreamConfig) -> SecureStream<TcpStream> {
    let accept = |next: AwaitToken, token: &[u8]| next.accept(token, now());
    let stream = blocking::accept_socket(socket, acceptor(realm).into(), accept, &config).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.get_ref().set_read_timeout(patience).unwrap();
    stream
}

fn split(socket: TcpStream) -> std::io::Result<(TcpStream, TcpStream)> {
    Ok((socket.try_clone()?, socket))
}

#[test]
fn our_stream_and_gss_server() {
    let Some(realm) = realm() else { return };
    let port = free_port();
    let Some(mut command) = realm.command("gss-server") else {
        return;
    };
    let log = realm.path().join("gss-server.log");
    let server = command
        .args(["-port", &port.to_string(), "-verbose", "-logfile"])
        .arg(&log)
        .arg("host@localhost")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut server = Running(server);
    let patience = Instant::now() + Duration::from_secs(20);
    let socket = loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(socket) => break socket,
            Err(error) => assert!(Instant::now() < patience, "gss-server: {error}"),
        }
        assert!(server.0.try_wait().unwrap().is_none(), "gss-server ended");
        thread::sleep(Duration::from_millis(20));
    };
    let mut stream = initiate(&realm, socket, StreamConfig::gss_sample());
    for message in ["attack at dawn", "and at noon"] {
        stream.write_all(message.as_bytes()).unwrap();
    }
    // Its receipts are not data; it hangs up after the last frame.
    stream.finish().unwrap();
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    let patience = Instant::now() + Duration::from_secs(5);
    loop {
        let log = fs::read_to_string(&log).unwrap_or_default();
        if log.contains("attack at dawn") && log.contains("and at noon") {
            break;
        }
        assert!(Instant::now() < patience, "{log}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn gss_client_and_our_stream() {
    let Some(realm) = realm() else { return };
    let Some(mut command) = realm.command("gss-client") else {
        return;
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    command.args(["-port", &port, "-seq", "-nm", "-mcount", "3"]);
    command.args(["localhost", "host@localhost", "attack at dawn"]);
    let client = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (socket, _) = listener.accept().unwrap();
    let mut stream = accept(&realm, socket, StreamConfig::gss_sample());
    for _ in 0..3 {
        let mut message = [0; 14];
        stream.read_exact(&mut message).unwrap();
        assert_eq!(&message, b"attack at dawn");
        // Any answer is its receipt.
        stream.write_all(&message).unwrap();
    }
    assert_eq!(stream.read(&mut [0; 9]).unwrap(), 0, "the last frame");
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(text(&output).matches("Response received").count(), 3);
}

/// Both ends ours, in every framing that carries its own handshake: two threads on either side,
/// and a half-close.
#[test]
fn our_two_ends_with_halves_in_threads() {
    let Some(realm) = realm() else { return };
    let message: Vec<u8> = (0..3_000_000_u32).map(|i| (i * 7 / 3) as u8).collect();
    for config in [
        StreamConfig::knc(),
        StreamConfig::postgres(),
        StreamConfig::gss_sample(),
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let (socket, _) = listener.accept().unwrap();
                let stream = accept(&realm, socket, config.clone());
                let halves = stream.try_split(split);
                let (mut reader, mut writer) = halves.unwrap();
                std::io::copy(&mut reader, &mut writer).unwrap();
                let tcp = writer.finish().unwrap();
                tcp.shutdown(std::net::Shutdown::Write).unwrap();
            });
            let socket = TcpStream::connect(address).unwrap();
            let stream = initiate(&realm, socket, config.clone());
            let halves = stream.try_split(split);
            let (mut reader, mut writer) = halves.unwrap();
            let writing = scope.spawn(|| {
                writer.write_all(&message).unwrap();
                let tcp = writer.finish().unwrap();
                tcp.shutdown(std::net::Shutdown::Write).unwrap();
            });
            let mut back = Vec::new();
            reader.read_to_end(&mut back).unwrap();
            assert!(back == message);
            writing.join().unwrap();
        });
    }
}
