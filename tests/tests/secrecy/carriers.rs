//! What carries the exchange: KDCs on sockets, protected streams, a fleet's replay cache.

use std::io::{Cursor, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use orthros::ap::{self, AcceptorConfig, Accepts, ReplayEntry};
use orthros::gss::{self, Protection, SecurityContext};
use orthros::principal::Principal;
use orthros::sasl::{Client, Layer, Layers, Server};
use orthros::secret::Secret;
use orthros::step::Step;
use orthros_kdc::{KeySpec, Limits, Listener, PrincipalSpec, RealmSpec, Service, TestRealm};
use orthros_net::stream::{Opener, Sealer, StreamConfig, blocking};
use orthros_net::valkey::{ValkeyConfig, ValkeyReplayCache};
use orthros_net::{KdcAddresses, KdcConfig, blocking::KdcClient};
use orthros_tests::secrecy::Shown;

use crate::exchange::World;
use crate::{MESSAGE, NOW, PASSWORD};

pub(crate) fn carriers(shown: &mut Shown, world: &World) {
    realm(shown, world);
    streams(shown, world);
    fleet(shown);
}

/// A realm on loopback, asked by clients.
fn realm(shown: &mut Shown, world: &World) {
    let known: Vec<_> = world.keys.iter().map(|key| key.key().clone()).collect();
    for spec in [
        KeySpec::Random,
        KeySpec::Password(Secret::from(PASSWORD)),
        KeySpec::Keys(known.clone()),
    ] {
        shown.debug(&spec);
    }
    let mut service = PrincipalSpec::service("HTTP/web");
    service.key = KeySpec::Keys(known);
    shown.debug(&service);
    let mut spec = RealmSpec {
        realm: "A.TEST".to_owned(),
        principals: vec![PrincipalSpec::user("alice", PASSWORD), service],
        ..RealmSpec::default()
    };
    shown.debug(&spec);
    let realm = TestRealm::start_with(&spec).expect("a realm");
    for name in realm.kdc().principals() {
        for (_, _, key) in realm.kdc().keys_of(&name).expect("keys") {
            shown.key(&key);
        }
    }
    shown.debug(&realm);
    shown.debug(&**realm.kdc());
    shown.debug(&Service {
        kdc: Arc::clone(realm.kdc()),
        clock: Arc::clone(realm.clock()),
        limits: Limits::default(),
        observer: None,
    });
    shown.debug(&Listener::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port"));
    shown.text("krb5.conf", realm.krb5_conf());
    // A name that is there twice, and one that is none.
    for name in ["alice", "al\0ice@"] {
        if let Err(error) = realm.user(name, PASSWORD) {
            shown.debug(&error);
            shown.text("an error of the realm", error.to_string());
        }
    }
    spec.principals.push(PrincipalSpec::user("alice", PASSWORD));
    let error = TestRealm::start_with(&spec).expect_err("alice is there twice");
    shown.debug(&error);
    shown.text("an error of the realm", error.to_string());

    let addresses = KdcAddresses::new().with("A.TEST", [realm.kdc_addr()]);
    let config = KdcConfig::new(addresses);
    shown.debug(&config);
    let client = KdcClient::new(config.clone());
    shown.debug(&client);
    shown.debug(&orthros_net::tokio::KdcClient::new(config));
    let alice = world.alice.clone();
    let web = Principal::parse("HTTP/web", Some("A.TEST")).expect("a name");
    let tgt = client.get_tgt(alice.clone(), Secret::from(PASSWORD));
    let tgt = tgt.expect("a TGT").credentials;
    shown.key(&tgt.session_key);
    shown.debug(&tgt);
    let ticket = client.get_service_ticket(&tgt, web);
    let ticket = ticket.expect("a ticket");
    shown.key(&ticket.credentials.session_key);
    shown.debug(&ticket);
    let wrong = "zR5~Wm1^Yc8}Ld3!";
    shown.secrets.push(wrong.as_bytes().to_vec());
    let refused = client.get_tgt(alice.clone(), Secret::from(wrong));
    shown.error(&refused.expect_err("the wrong password"));
    let mallory = Principal::parse("mallory", Some("A.TEST")).expect("a name");
    let refused = client.get_tgt(mallory, Secret::from(wrong));
    shown.error(&refused.expect_err("nobody"));
    drop(realm);
    let refused = client.get_tgt(alice, Secret::from(PASSWORD));
    shown.error(&refused.expect_err("no KDC"));
}

/// Both sides of a new context.
fn contexts(world: &World) -> (SecurityContext, SecurityContext) {
    let acceptor = acceptor(world);
    let initiator = gss::Initiator::new(world.credentials.clone());
    let Ok(Step::Continue { token, next }) =
        initiator.random(Arc::clone(&world.random)).request(NOW)
    else {
        panic!("mutual authentication is asked for");
    };
    let Ok(Step::Established {
        token: Some(reply),
        context: theirs,
    }) = acceptor.accept(&token, NOW)
    else {
        panic!("established");
    };
    match next.reply(&reply, NOW) {
        Ok(Step::Established { context, .. }) => (context, theirs),
        other => panic!("{other:?}"),
    }
}

fn acceptor(world: &World) -> gss::Acceptor {
    let accepts = Accepts::Service(world.web.clone());
    let config = AcceptorConfig::new(Arc::clone(&world.keys), accepts)
        .random(Arc::clone(&world.random))
        .without_replay_cache();
    gss::Acceptor::new(ap::Acceptor::new(config))
}

fn keys(shown: &mut Shown, context: &SecurityContext) {
    crate::exchange::session_keys(shown, &context.info().keys);
}

/// Streams in every state: new, with octets that wait, broken.
fn streams(shown: &mut Shown, world: &World) {
    shown.debug(&orthros_net::tls::NoBinding::Handshaking);
    for config in [
        StreamConfig::knc(),
        StreamConfig::postgres(),
        StreamConfig::gss_sample(),
        StreamConfig::sasl(Protection::Confidentiality, 4096, 4096),
    ] {
        shown.debug(&config);
        let (ours, theirs) = contexts(world);
        keys(shown, &ours);
        keys(shown, &theirs);
        // A sealer with a frame that is not sent, an opener with half of it and with all of it.
        let (_, sender, receiver) = ours.split();
        let mut sealer = Sealer::new(sender, &config).expect("a sealer");
        shown.debug(&sealer);
        sealer.seal(MESSAGE).expect("sealed");
        shown.debug(&sealer);
        let frame = sealer.pending().to_vec();
        let mut back = Opener::new(receiver, gss::Role::Initiator, &config);
        shown.debug(&back);
        // It is our own, so that it is refused.
        back.room()[..frame.len()].copy_from_slice(&frame);
        back.filled(frame.len());
        let error = back.read(&mut [0; 100]).expect_err("reflected");
        shown.debug(&error);
        shown.text("an error of a stream", error.to_string());
        shown.debug(&back);
        let (_, sender, receiver) = theirs.split();
        let mut opener = Opener::new(receiver, gss::Role::Acceptor, &config);
        for half in frame.chunks(frame.len() / 2 + 1) {
            opener.room()[..half.len()].copy_from_slice(half);
            opener.filled(half.len());
            let mut out = [0; 5];
            shown.debug(&opener.read(&mut out[..0]).expect("nothing yet"));
            let read = opener.read(&mut out).expect("a part").unwrap_or_default();
            assert!(read == 0 || MESSAGE.starts_with(&out[..read]));
            // The rest of the message is in it, opened.
            shown.debug(&opener);
        }
        let sealer = Sealer::new(sender, &config).expect("a sealer");
        let stream =
            blocking::SecureStream::of_halves(Cursor::new(Vec::<u8>::new()), sealer, opener);
        shown.debug(&stream);
        let (reader, writer) = stream.split(|inner| (inner.clone(), inner));
        shown.debug(&reader);
        shown.debug(&writer);

        let (ours, _) = contexts(world);
        let pipe = tokio::io::duplex(1 << 16).0;
        let stream = orthros_net::stream::tokio::SecureStream::new(pipe, ours, &config);
        let stream = stream.expect("a stream");
        shown.debug(&stream);
        let (reader, writer) = stream.split(tokio::io::split);
        shown.debug(&reader);
        shown.debug(&writer);
    }
    handshakes(shown, world);
    of_sasl(shown, world);
}

/// A handshake over TCP, and one that a damaged token ends.
fn handshakes(shown: &mut Shown, world: &World) {
    for broken in [false, true] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its number");
        let theirs = acceptor(world);
        let server = thread::spawn(move || {
            let (tcp, _) = listener.accept().expect("a client");
            let accept = |acceptor: gss::AwaitToken, token: &[u8]| {
                let mut token = token.to_vec();
                let at = token.len() / 2;
                token[at] ^= u8::from(broken);
                acceptor.accept(&token, NOW)
            };
            let config = StreamConfig::knc();
            let mut stream = blocking::accept(tcp, theirs.into(), accept, &config)?;
            let mut message = vec![0; MESSAGE.len()];
            stream.read_exact(&mut message)?;
            Ok::<_, orthros_net::stream::HandshakeError>(stream)
        });
        let tcp = std::net::TcpStream::connect(address).expect("connected");
        let first = gss::Initiator::new(world.credentials.clone())
            .random(Arc::clone(&world.random))
            .request(NOW)
            .expect("a token");
        let reply = |next: gss::AwaitReply, token: &[u8]| next.reply(token, NOW);
        let ours = blocking::initiate(tcp, first, reply, &StreamConfig::knc());
        match ours {
            Ok(mut stream) => {
                stream.write_all(MESSAGE).expect("sent");
                shown.debug(&stream);
            }
            Err(error) => {
                shown.text("an error of a handshake", error.to_string());
                shown.debug(&error);
            }
        }
        match server.join().expect("no panic") {
            Ok(stream) => {
                assert!(!broken);
                shown.debug(&stream);
            }
            Err(error) => {
                assert!(broken);
                shown.text("an error of a handshake", error.to_string());
                shown.debug(&error);
            }
        }
    }
}

/// A stream in the layer of SASL.
fn of_sasl(shown: &mut Shown, world: &World) {
    let layers = Layers::only(Layer::Confidentiality);
    let initiator = gss::Initiator::new(world.credentials.clone());
    let client = Client::gss_spnego(initiator.random(Arc::clone(&world.random)), layers);
    let Ok(Step::Continue { token, next }) = client.start(NOW) else {
        panic!("a challenge is due");
    };
    let server = Server::gss_spnego(acceptor(world), layers);
    let Ok(Step::Established {
        token: Some(token), ..
    }) = server.respond(&token, NOW)
    else {
        panic!("established");
    };
    let Ok(Step::Established { context, .. }) = next.challenge(&token, NOW) else {
        panic!("established");
    };
    crate::exchange::session_keys(shown, &context.info().keys);
    let stream = blocking::SecureStream::sasl(Cursor::new(Vec::<u8>::new()), context);
    shown.debug(&stream.expect("a stream"));
}

/// The password of a replay cache's server: in the configuration, and in the mouth of a server that
/// does not know the command it is sent in and repeats it, as Redis does.
fn fleet(shown: &mut Shown) {
    let password = "hQ7*xK2(nV9_bT4)";
    shown.secrets.push(password.as_bytes().to_vec());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its number").port();
    let server = thread::spawn(move || {
        let (mut tcp, _) = listener.accept().expect("a client");
        let timeout = Some(Duration::from_secs(10));
        tcp.set_read_timeout(timeout).expect("a timeout");
        let mut asked = [0; 4096];
        let octets = tcp.read(&mut asked).expect("a command");
        let words: Vec<String> = String::from_utf8_lossy(&asked[..octets])
            .split("\r\n")
            .filter(|word| !word.starts_with(['*', '$']) && !word.is_empty())
            .map(str::to_owned)
            .collect();
        assert!(words.iter().any(|word| word == password), "{words:?}");
        let words = words.join("' '");
        let error = format!("-ERR unknown command, with args beginning with: '{words}'\r\n");
        for _ in 0..4 {
            if tcp.write_all(error.as_bytes()).is_err() {
                break;
            }
        }
        thread::sleep(Duration::from_millis(200));
    });
    let config = ValkeyConfig::new("127.0.0.1", port).user("orthros", password);
    shown.debug(&config);
    let cache = ValkeyReplayCache::new(config);
    shown.debug(&cache);
    let entry = ReplayEntry {
        tag: [7; 12],
        ctime: NOW,
        expires: NOW.plus(Duration::from_secs(300)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let verdict = runtime.block_on(cache.check_and_insert(&entry, NOW));
    assert!(
        matches!(verdict, ap::ReplayVerdict::Unavailable { .. }),
        "{verdict:?}"
    );
    shown.debug(&verdict);
    shown.debug(&cache);
    server.join().expect("no panic");
}
