//! SASL with Cyrus SASL: our client against its sample server, its sample client against our
//! server, with every quality of protection.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::SystemTime;

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::ccache::CredentialCache;
use orthros::credentials::Credentials;
use orthros::crypto::DEFAULT_ENCTYPES;
use orthros::gss::{Acceptor, Initiator};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::sasl::{Client, Layer, Layers, Server, Session};
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros_tests::mit::{MitOptions, MitRealm, program_or_not_run};

const ALICE: &str = "alice";
const PASSWORD: &str = "correct horse";

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(octets: &[u8]) -> String {
    let mut text = String::new();
    for three in octets.chunks(3) {
        let number = (0..3).fold(0, |n, i| n << 8 | usize::from(*three.get(i).unwrap_or(&0)));
        for digit in 0..4 {
            match digit <= three.len() {
                true => text.push(DIGITS[number >> (18 - 6 * digit) & 63].into()),
                false => text.push('='),
            }
        }
    }
    text
}

fn unbase64(text: &str) -> Vec<u8> {
    let (mut bits, mut number, mut octets) = (0, 0usize, Vec::new());
    for digit in text.trim().trim_end_matches('=').bytes() {
        let value = DIGITS.iter().position(|known| *known == digit).unwrap();
        (number, bits) = (number << 6 | value, bits + 6);
        if bits >= 8 {
            bits -= 8;
            octets.push(u8::try_from(number >> bits & 0xFF).unwrap());
        }
    }
    octets
}

/// A sample program: lines with a letter, a colon and base64 are messages, all others are talk.
struct Sample {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    talk: String,
}

impl Sample {
    /// Its output has to come line by line.
    fn start(realm: &MitRealm, program: &str, arguments: &[&str]) -> Option<Self> {
        let stdbuf = program_or_not_run("interop_sasl", "stdbuf")?;
        let program = program_or_not_run("interop_sasl", program)?;
        let mut child = Command::new(stdbuf)
            .args(["-oL", "-eL"])
            .arg(program)
            .args(arguments)
            .envs(realm.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            talk: String::new(),
        })
    }

    fn send(&mut self, letter: char, message: &[u8]) {
        writeln!(self.input, "{letter}: {}", base64(message)).unwrap();
    }

    /// They print what they got, which need not be text.
    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.output.read_until(b'\n', &mut line).unwrap();
        String::from_utf8_lossy(&line).into_owned()
    }

    fn receive(&mut self, letter: char) -> Vec<u8> {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "it ended:\n{}", self.talk);
            if let Some(message) = line.strip_prefix(&format!("{letter}: ")) {
                return unbase64(message);
            }
            self.talk.push_str(&line);
        }
    }

    /// Reads on until it says this.
    fn says(&mut self, text: &str) {
        while !self.talk.contains(text) {
            let line = self.line();
            assert!(!line.is_empty(), "it does not say {text:?}:\n{}", self.talk);
            self.talk.push_str(&line);
        }
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sample server names itself by the machine's name.
struct Here {
    realm: MitRealm,
    host: String,
}

impl Here {
    fn start() -> Option<Self> {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
        let host = host.trim().to_ascii_lowercase();
        let options = MitOptions {
            sections: format!("[domain_realm]\n\t{host} = MIT.TEST\n"),
            ..MitOptions::default()
        };
        let realm = MitRealm::start_with(options)?;
        realm.add_principal(ALICE, PASSWORD);
        realm.add_service(&format!("host/{host}"));
        realm.kinit(ALICE, PASSWORD, &[])?;
        realm.kvno(&format!("host/{host}"))?;
        Some(Self { realm, host })
    }

    fn ticket(&self) -> Credentials {
        let cache = fs::read(self.realm.ccache()).unwrap();
        let cache = CredentialCache::parse(&cache, "ccache").unwrap();
        let service = format!("host/{}", self.host);
        let service = Principal::parse(&service, Some("MIT.TEST")).unwrap();
        let found = cache.find(&service, now(), DEFAULT_ENCTYPES).unwrap();
        cache.to_credentials(found).unwrap()
    }

    fn acceptor(&self) -> Acceptor {
        let keytab = fs::read(self.realm.keytab()).unwrap();
        let keytab = Keytab::parse(&keytab, "keytab").unwrap();
        let keys = keytab.entries().filter_map(|(_, entry)| {
            let key = entry.key()?.clone();
            Some((entry.principal().clone(), entry.kvno(), key))
        });
        let keys = ServiceKeys::new(keys.collect::<Vec<_>>());
        let accepts = Accepts::Class("host".into());
        Acceptor::new(ap::Acceptor::new(AcceptorConfig::new(
            Arc::new(keys),
            accepts,
        )))
    }
}

/// What the samples call the layers: bits of encryption, of which integrity is one.
const BITS: [(Layer, &str); 3] = [
    (Layer::None, "min=0,max=0"),
    (Layer::Integrity, "min=1,max=1"),
    (Layer::Confidentiality, "min=56,max=256"),
];

/// The messages that the samples send each other when they are done.
fn exchange(sample: &mut Sample, session: &mut Session, ours: char, theirs: char) {
    if session.layer() == Layer::None {
        return;
    }
    // They send the NUL at the end of a text, too.
    let (receives, sends) = match theirs {
        'S' => (&b"srv message 1"[..], &b"client message 1"[..]),
        _ => (&b"client message 1"[..], &b"srv message 1"[..]),
    };
    let mut out = Vec::new();
    if ours == 'S' {
        session.encode(sends, &mut out).unwrap();
        sample.send(ours, &out);
    }
    let mut received = Vec::new();
    let buffers = sample.receive(theirs);
    session.decode(&buffers, &mut received).unwrap();
    assert_eq!(received.strip_suffix(b"\0").unwrap_or(&received), receives);
    if ours == 'C' {
        session.encode(sends, &mut out).unwrap();
        sample.send(ours, &out);
    }
    let text = String::from_utf8_lossy(sends).into_owned();
    sample.says(&format!("recieved decoded message '{text}'"));
}

/// Our client's part against the sample server.
fn as_client(here: &Here, client: Client, bits: &str) -> Option<(Session, String)> {
    let name = client.mechanism().name();
    let arguments = ["-m", name, "-s", "host", "-b", bits];
    let mut server = Sample::start(&here.realm, "sasl-sample-server", &arguments)?;
    assert_eq!(server.receive('S'), name.as_bytes());
    let Step::Continue { token, mut next } = client.start(now()).unwrap() else {
        panic!();
    };
    server.send('C', &[name.as_bytes(), b"\0", &token].concat());
    let mut session = loop {
        let challenge = server.receive('S');
        match next.challenge(&challenge, now()).unwrap() {
            Step::Continue { token, next: again } => {
                server.send('C', &token);
                next = again;
            }
            Step::Established { token, context } => {
                server.send('C', &token.unwrap_or_default());
                break context;
            }
        }
    };
    server.says("Negotiation complete");
    server.says("SSF: ");
    exchange(&mut server, &mut session, 'C', 'S');
    Some((session, server.talk.clone()))
}

/// Our server's part against the sample client.
fn as_server(here: &Here, server: Server, bits: &str) -> Option<(Session, String)> {
    let name = server.mechanism().name();
    let arguments = ["-m", name, "-s", "host", "-n", &here.host, "-b", bits];
    let mut client = Sample::start(&here.realm, "sasl-sample-client", &arguments)?;
    client.send('S', name.as_bytes());
    let first = client.receive('C');
    let rest = first.strip_prefix(name.as_bytes()).unwrap();
    let mut response = rest.strip_prefix(b"\0").unwrap_or(rest).to_vec();
    let mut server = server;
    let mut session = loop {
        match server.respond(&response, now()).unwrap() {
            Step::Continue { token, next } => {
                client.send('S', &token);
                response = client.receive('C');
                server = next;
            }
            // The sample has no data with success.
            Step::Established { token, context } => {
                if let Some(token) = token {
                    client.send('S', &token);
                    assert!(client.receive('C').is_empty());
                }
                break context;
            }
        }
    };
    client.says("Negotiation complete");
    client.says("SSF: ");
    exchange(&mut client, &mut session, 'S', 'C');
    Some((session, client.talk.clone()))
}

#[test]
fn our_client_and_cyrus_server() {
    let Some(here) = Here::start() else { return };
    for (layer, bits) in BITS {
        let layers = Layers::only(layer);
        for client in [
            Client::gssapi(Initiator::new(here.ticket()), layers),
            Client::gssapi(Initiator::new(here.ticket()), Layers::ALL),
            Client::gss_spnego(Initiator::new(here.ticket()), layers),
        ] {
            let Some((session, talk)) = as_client(&here, client, bits) else {
                return;
            };
            assert_eq!(session.layer(), layer, "{talk}");
            assert!(talk.contains("Username: alice"), "{talk}");
        }
    }
}

#[test]
fn cyrus_client_and_our_server() {
    let Some(here) = Here::start() else { return };
    for (layer, bits) in BITS {
        let layers = Layers::only(layer);
        let mut servers = vec![
            Server::gssapi(here.acceptor(), layers).service("host", [&here.host]),
            Server::gssapi(here.acceptor(), Layers::ALL),
        ];
        // With GSS-SPNEGO the context's flags are the layer (MS-SPNG), and the sample client asks
        // for confidentiality where it may have integrity alone.
        if layer != Layer::Integrity {
            servers.push(Server::gss_spnego(here.acceptor(), layers));
        }
        for server in servers {
            // The sample names itself as the authorization identity.
            let server =
                server.authorize(|client, authzid| client.to_string().starts_with(authzid));
            let Some((session, talk)) = as_server(&here, server, bits) else {
                return;
            };
            assert_eq!(session.layer(), layer, "{talk}");
            assert_eq!(session.info().initiator.to_string(), "alice@MIT.TEST");
        }
    }
}
