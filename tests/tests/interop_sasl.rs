//! SASL with Cyrus SASL: our client against its sample server, its sample client against our
//! server, with every quality of protection; its GS2 with and without bindings, which the samples
//! do not have. And with GNU SASL: its client and its server.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::SystemTime;

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::ccache::CredentialCache;
use orthros::credentials::Credentials;
use orthros::crypto::DEFAULT_ENCTYPES;
use orthros::error::{Error, Rejection};
use orthros::gss::{Acceptor, BindingOutcome, BindingType, Initiator};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::sasl::{
    Advertisement, Binding, Channel, Client, Layer, Layers, Mechanism, Server, Session,
};
use orthros::step::{Refusal, Step};
use orthros::time::Timestamp;
use orthros_tests::mit::{MitOptions, MitRealm, program_or_not_run};

/// One end by Cyrus SASL's library, in Python.
const CYRUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/cyrus.py");

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

/// A service on this host.
struct Here {
    realm: MitRealm,
    service: &'static str,
    host: String,
}

impl Here {
    /// The sample server names itself by the machine's name.
    fn start() -> Option<Self> {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
        Self::start_as("host", &host.trim().to_ascii_lowercase())
    }

    fn start_as(service: &'static str, host: &str) -> Option<Self> {
        let options = MitOptions {
            sections: format!("[domain_realm]\n\t{host} = MIT.TEST\n"),
            ..MitOptions::default()
        };
        let realm = MitRealm::start_with(options)?;
        realm.add_principal(ALICE, PASSWORD);
        realm.add_service(&format!("{service}/{host}"));
        realm.kinit(ALICE, PASSWORD, &[])?;
        realm.kvno(&format!("{service}/{host}"))?;
        let host = host.to_owned();
        Some(Self {
            realm,
            service,
            host,
        })
    }

    fn ticket(&self) -> Credentials {
        let cache = fs::read(self.realm.ccache()).unwrap();
        let cache = CredentialCache::parse(&cache, "ccache").unwrap();
        let service = format!("{}/{}", self.service, self.host);
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
        let accepts = Accepts::Class(self.service.into());
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

/// One end by Cyrus SASL's library, with the bindings of a channel, if there are any.
fn cyrus(
    here: &Here,
    role: &str,
    mechanism: Mechanism,
    bindings: Option<(&str, &[u8])>,
) -> Option<Sample> {
    program_or_not_run("interop_sasl", "sasl-sample-server")?;
    let mut arguments = vec![CYRUS, role, mechanism.name(), here.service, &here.host];
    arguments.extend(["0", "0"]);
    let data = bindings.map(|(_, data)| {
        let digits: Vec<String> = data.iter().map(|octet| format!("{octet:02x}")).collect();
        digits.concat()
    });
    if let (Some((name, _)), Some(data)) = (bindings, &data) {
        arguments.extend([name, data.as_str()]);
    }
    Sample::start(&here.realm, "python3", &arguments)
}

/// Our server's part against such a client.
fn against_cyrus_client(server: Server, mut client: Sample) -> Result<Session, Refusal> {
    let mut server = server;
    loop {
        let response = client.receive('C');
        match server.respond(&response, now())? {
            Step::Continue { token, next } => {
                client.send('S', &token);
                server = next;
            }
            Step::Established { token, context } => {
                client.send('S', &token.unwrap());
                client.says("done alice 0");
                return Ok(context);
            }
        }
    }
}

/// Cyrus SASL puts what the application calls the data of the bindings behind the header of GS2, as
/// it is: there is no type before it, as there is none in its SCRAM (SASL-12).
#[test]
fn sasl_12_sasl_13_gs2_with_cyrus_and_the_bindings_of_a_channel() {
    let Some(here) = Here::start_as("imap", "localhost") else {
        return;
    };
    let (exporter, end_point) = ("tls-exporter", "tls-server-end-point");
    let data = [0xA5; 32];
    let prefixed = [b"tls-exporter:", &data[..]].concat();
    let plus = Mechanism::Gs2Krb5Plus;
    for (ours, theirs, good) in [
        ((exporter, &data[..]), (exporter, &data[..]), true),
        ((end_point, &data), (end_point, &data), true),
        ((exporter, &data), (exporter, &data[1..]), false),
        ((exporter, &data), (exporter, &prefixed), false),
        ((exporter, &prefixed), (exporter, &data), false),
        ((exporter, &data), (end_point, &data), false),
    ] {
        // Of several, ours says which it was.
        let channel = [("tls-unique", &b"u"[..]), (ours.0, b"another"), ours];
        let server = Server::gs2_plus(here.acceptor(), channel);
        let Some(client) = cyrus(&here, "client", plus, Some(theirs)) else {
            return;
        };
        match (against_cyrus_client(server, client), good) {
            (Ok(session), true) => {
                let expected = BindingOutcome::Agree {
                    candidate: 2,
                    binding_type: BindingType::of_name(ours.0),
                };
                assert_eq!(session.info().bindings, expected);
                assert_eq!(session.info().initiator.to_string(), "alice@MIT.TEST");
            }
            (Err(refusal), false) => {
                assert!(matches!(refusal.error, Error::Rejected(_)), "{refusal}");
                if ours.0 == theirs.0 {
                    assert_eq!(refusal.error.explain().code, "GSS_BINDINGS_MISMATCH");
                }
            }
            (other, _) => panic!("{ours:?} {theirs:?}: {other:?}"),
        }
    }
}

#[test]
fn sasl_12_gs2_with_cyrus_and_no_bindings() {
    let Some(here) = Here::start_as("imap", "localhost") else {
        return;
    };
    let gs2 = Mechanism::Gs2Krb5;
    for advertised in [false, true] {
        let Some(client) = cyrus(&here, "client", gs2, None) else {
            return;
        };
        let server = Server::gs2(here.acceptor(), advertised);
        let session = against_cyrus_client(server, client).unwrap();
        assert_eq!(session.info().bindings, BindingOutcome::NotCompared);
    }
    // A client of Cyrus without bindings cannot be made to take PLUS, and a server with it takes
    // nobody else (SASL-13).
    let Some(client) = cyrus(&here, "client", gs2, None) else {
        return;
    };
    let server = Server::gs2_plus(here.acceptor(), [("tls-exporter", b"x")]);
    assert!(against_cyrus_client(server, client).is_err());
}

/// GNU SASL's program: messages are lines of base64, and there is talk between them.
struct Gsasl {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    mechanism: &'static str,
    talk: String,
}

impl Gsasl {
    fn start(here: &Here, role: &str, mechanism: Mechanism, more: &[&str]) -> Option<Self> {
        let program = program_or_not_run("interop_sasl", "gsasl")?;
        let mut child = Command::new(program)
            .args([role, "--quiet", "--no-cb", "-m", mechanism.name()])
            .args(["--service", here.service, "--hostname", &here.host])
            .args(more)
            .envs(here.realm.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            mechanism: mechanism.name(),
            talk: String::new(),
        })
    }

    fn send(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Its next message; `None` at its end.
    fn receive(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // A question has no end of line of its own.
            let line = line.trim_end();
            let line = line
                .rsplit_once("(y/n)")
                .map_or(line, |(_, rest)| rest.trim());
            if line != self.mechanism && !line.contains(':') {
                return Some(unbase64(line));
            }
            self.talk.push_str(line);
            self.talk.push('\n');
            // It asks whether that is somebody.
            if line.starts_with("Display Name: ") {
                self.send("y");
            }
        }
    }

    /// It was content, and says so.
    fn ends(mut self, who: &str) {
        if !who.is_empty() {
            while !self.talk.contains("Display Name: ") {
                assert!(self.receive().is_some(), "{}", self.talk);
            }
            assert!(self.talk.contains(who), "{}", self.talk);
        }
        // It asks for one line more than it needs.
        self.send("");
        self.input = None;
        while self.receive().is_some() {}
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.talk);
    }
}

impl Drop for Gsasl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// GS2-KRB5 of GNU SASL, which has no GS2-KRB5-PLUS. Its GSSAPI names a size though there is no
/// layer, which RFC 4752 forbids and neither end here takes (SASL-05, SASL-07). It takes no `y`.
#[test]
fn sasl_12_our_client_and_gsasl_server() {
    let Some(here) = Here::start_as("imap", "localhost") else {
        return;
    };
    let initiator = || Initiator::new(here.ticket());
    for client in [
        Client::gs2(initiator(), Binding::None),
        Client::gs2(initiator(), Binding::None).authzid("bob, the =builder"),
    ] {
        let text = format!("{client:?}");
        let mechanism = client.mechanism();
        let Some(mut server) = Gsasl::start(&here, "--server", mechanism, &[]) else {
            return;
        };
        // An empty challenge asks for the initial response.
        assert_eq!(server.receive().unwrap(), b"");
        let Step::Continue { token, mut next } = client.start(now()).unwrap() else {
            panic!();
        };
        server.send(&base64(&token));
        let session = loop {
            let challenge = server
                .receive()
                .unwrap_or_else(|| panic!("{text}: it ended: {}", server.talk));
            match next.challenge(&challenge, now()).unwrap() {
                Step::Continue { token, next: again } => {
                    server.send(&base64(&token));
                    next = again;
                }
                Step::Established { token, context } => {
                    if let Some(token) = token {
                        server.send(&base64(&token));
                    }
                    break context;
                }
            }
        };
        assert_eq!(session.layer(), Layer::None);
        if let Some(authzid) = session.authzid() {
            assert!(server.talk.contains(authzid), "{}", server.talk);
        }
        server.ends("Display Name: alice@MIT.TEST");
    }
    // SASL-03: what GNU SASL names too, and PLUS besides, if there are bindings.
    let acceptor = here.acceptor();
    let advertised = Advertisement::new(&acceptor, "imap").channel(Channel::Known);
    assert_eq!(advertised.mechanisms().len(), 4);
    let other = Advertisement::new(&acceptor, "ldap").channel(Channel::Known);
    assert!(other.mechanisms().is_empty());
}

#[test]
fn sasl_12_gsasl_client_and_our_server() {
    let Some(here) = Here::start_as("imap", "localhost") else {
        return;
    };
    for (authzid, good) in [("alice", true), ("bob,=", true), ("mallory", false)] {
        {
            let server = Server::gs2(here.acceptor(), false);
            let mechanism = server.mechanism();
            let mut server = server
                .service("imap", ["localhost"])
                .authorize(|_, authzid| ["alice", "bob,="].contains(&authzid));
            let names = ["-a", "alice", "-z", authzid];
            let Some(mut client) = Gsasl::start(&here, "--client", mechanism, &names) else {
                return;
            };
            let judged = loop {
                let response = client.receive().unwrap();
                match server.respond(&response, now()) {
                    Ok(Step::Continue { token, next }) => {
                        client.send(&base64(&token));
                        server = next;
                    }
                    Ok(Step::Established { token, context }) => {
                        if let Some(token) = token {
                            client.send(&base64(&token));
                        }
                        break Ok(context);
                    }
                    Err(refusal) => break Err(refusal.error),
                }
            };
            match (judged, good) {
                (Ok(session), true) => {
                    assert_eq!(session.authzid(), Some(authzid));
                    assert_eq!(session.layer(), Layer::None);
                    assert_eq!(session.info().initiator.to_string(), "alice@MIT.TEST");
                    client.ends("");
                }
                (Err(Error::Rejected(why)), false) => {
                    assert!(matches!(*why, Rejection::Authorization { .. }), "{why:?}");
                }
                (other, _) => panic!("{mechanism} {authzid}: {other:?}"),
            }
        }
    }
}
