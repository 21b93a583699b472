//! Security case 118: nothing that is printed, logged or serialised holds a run of four octets of a
//! key or password, in any notation. And every public type that holds a secret and can be printed
//! is among what is printed here.

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use orthros::ap::{self, AcceptorConfig, Accepts, BindingKeys, ServiceKeys, Unbound};
use orthros::ccache::{CachedCredential, CredentialCache};
use orthros::client::{AsExchange, LoginCheck, TgsExchange};
use orthros::credentials::Credentials;
use orthros::crypto::{Key, KeyUsage};
use orthros::error::Error;
use orthros::gss::{self, ContextFlags, MessageKeys, Protection};
use orthros::kdc::{EmbeddedKdc, Policy};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::random::{Random, RandomUnavailable};
use orthros::report::Report;
use orthros::secret::Secret;
use orthros::step::{Ask, Awaiting, Step};
use orthros::time::Timestamp;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const PASSWORD: &str = "Wq7#zX9!kJ4_vT2%";

// ------------------------------------------------------------------------------------ the scan

/// Octets that are the same in every run, so that no accident of chance is found.
struct Repeating(AtomicU64);

impl Random for Repeating {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        for octet in out {
            let mut z = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            *octet = (z ^ z >> 31).to_be_bytes()[3];
        }
        Ok(())
    }
}

const BASE64: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

fn base64(octets: &[u8], alphabet: &[u8; 64]) -> String {
    let mut out = String::new();
    for three in octets.chunks_exact(3) {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        for shift in [18, 12, 6, 0] {
            out.push(char::from(alphabet[(bits >> shift & 63) as usize]));
        }
    }
    out
}

/// How four octets could be written.
fn notations(four: &[u8]) -> Vec<String> {
    let join = |one: &dyn Fn(&u8) -> String, between: &str| {
        four.iter().map(one).collect::<Vec<_>>().join(between)
    };
    let mut all = Vec::new();
    for between in ["", " ", ":", "-", ", ", ","] {
        all.push(join(&|o| format!("{o:02x}"), between));
        all.push(join(&|o| format!("{o:02X}"), between));
    }
    for between in [" ", ", ", ","] {
        all.push(join(&|o| format!("{o:#04x}"), between));
        all.push(join(&|o| format!("{o:#04X}"), between));
        all.push(join(&|o| o.to_string(), between));
    }
    // As `{:#?}` prints a list.
    for margin in 1..8 {
        all.push(join(
            &|o| o.to_string(),
            &format!(",\n{}", "    ".repeat(margin)),
        ));
    }
    all.push(join(&|o| format!("\\x{o:02x}"), ""));
    all.push(four.escape_ascii().to_string());
    if let Ok(text) = std::str::from_utf8(four) {
        all.push(text.to_owned());
    }
    all
}

/// What is looked for: of each secret every run of four octets in every notation, and in base64
/// runs of six, whose eight characters are no accident.
fn needles(secrets: &[Vec<u8>]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for secret in secrets {
        for four in secret.windows(4) {
            all.extend(notations(four));
        }
        for six in secret.windows(6) {
            all.extend(BASE64.map(|alphabet| base64(six, alphabet)));
        }
    }
    // Four characters that are in any text say nothing.
    all.retain(|needle| needle.len() >= 4);
    all
}

/// The needles by their first four octets.
type Index<'a> = BTreeMap<[u8; 4], Vec<&'a String>>;

fn index(needles: &BTreeSet<String>) -> Index<'_> {
    let mut index = Index::new();
    for needle in needles {
        if let Some(head) = needle.as_bytes().first_chunk() {
            index.entry(*head).or_default().push(needle);
        }
    }
    index
}

fn found<'a>(text: &str, index: &Index<'a>) -> Vec<&'a String> {
    let octets = text.as_bytes();
    let mut found = Vec::new();
    for at in 0..octets.len() {
        let rest = &octets[at..];
        let Some(candidates) = rest.first_chunk().and_then(|head| index.get(head)) else {
            continue;
        };
        let here = candidates
            .iter()
            .filter(|needle| rest.starts_with(needle.as_bytes()));
        found.extend(here.copied());
    }
    found
}

/// What was printed, of which type.
#[derive(Default)]
struct Shown {
    texts: Vec<(String, String)>,
    types: BTreeSet<String>,
    secrets: Vec<Vec<u8>>,
}

impl Shown {
    fn debug<T: Debug>(&mut self, value: &T) {
        let name = type_name::<T>();
        // `orthros::ap::acceptor::Accepted<()>` as its definition is called.
        let plain = name
            .split('<')
            .next()
            .unwrap_or(name)
            .trim_start_matches('&')
            .to_owned();
        self.texts
            .push((plain.clone(), format!("{value:?}\n{value:#?}")));
        self.types.insert(plain);
    }

    fn text(&mut self, what: &str, text: impl Into<String>) {
        self.texts.push((what.to_owned(), text.into()));
    }

    /// An error in every form in which it reaches a person.
    fn error(&mut self, error: &Error) {
        self.debug(error);
        let explanation = error.explain();
        self.debug(&explanation);
        self.text("an error", format!("{error}\n{}", explanation.render()));
        self.text(
            "an explanation in JSON",
            serde_json::to_string(&explanation).expect("JSON"),
        );
        self.report(Report::failed(error));
        if let Error::Rejected(rejection) = error {
            self.debug(&**rejection);
        }
    }

    fn report(&mut self, report: Report<'_>) {
        self.debug(&report.record());
        self.text("a record", report.record().to_string());
        self.text(
            "a record in JSON",
            serde_json::to_string(&report).expect("JSON"),
        );
        let listener = Listener::default();
        tracing::subscriber::with_default(listener.clone(), || report.emit());
        let events = listener.0.lock().expect("the events").join("\n");
        assert!(!events.is_empty());
        self.text("an event", events);
    }

    fn key(&mut self, key: &Key) {
        self.secrets.push(key.expose().to_vec());
    }
}

/// Writes down every field of every event and span.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

impl tracing::field::Visit for Listener {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        self.0
            .lock()
            .expect("the events")
            .push(format!("{field}={value:?}"));
    }
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut self.clone());
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, fields: &tracing::span::Record<'_>) {
        fields.record(&mut self.clone());
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

// -------------------------------------------------------------------------------- the exchange

fn principal(name: &str) -> Principal {
    Principal::parse(name, Some("A.TEST")).expect("a name")
}

/// Carries an exchange to `kdc`, and prints every state of it.
fn run<N: Awaiting + Debug>(
    shown: &mut Shown,
    kdc: &EmbeddedKdc,
    mut ask: Ask<N, N::Output>,
) -> Result<N::Output, Error> {
    loop {
        match ask {
            Ask::Done(output) => return Ok(output),
            Ask::Send { request, next, .. } => {
                shown.debug(&next);
                let answer = kdc.answer(&request, NOW).expect("an answer");
                ask = next.reply(&answer, NOW)?;
            }
        }
    }
}

fn session_keys(shown: &mut Shown, keys: &ap::SessionKeys) {
    shown.key(&keys.session);
    for key in [&keys.initiator_subkey, &keys.acceptor_subkey]
        .into_iter()
        .flatten()
    {
        shown.key(key);
    }
    shown.debug(keys);
}

/// Octets with one bit changed, here and there.
fn damaged(octets: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..octets.len()).step_by(7).map(|at| {
        let mut copy = octets.to_vec();
        copy[at] ^= 1;
        copy
    })
}

/// Everything that happens between a password and a protected message.
fn everything() -> Shown {
    let mut shown = Shown::default();
    let random: Arc<dyn Random> = Arc::new(Repeating(AtomicU64::new(7)));
    let kdc = EmbeddedKdc::new("A.TEST", Policy::default(), Arc::clone(&random)).expect("a KDC");
    let (alice, web) = (principal("alice"), principal("HTTP/web.a.test"));
    let password = Secret::from(PASSWORD);
    shown.secrets.push(PASSWORD.as_bytes().to_vec());
    kdc.add_user(alice.clone(), &password).expect("a user");
    kdc.add_service(web.clone()).expect("a service");
    for name in kdc.principals() {
        for (_, _, key) in kdc.keys_of(&name).expect("keys") {
            shown.key(&key);
            shown.debug(&key);
        }
        let entry = kdc.entry(&name).expect("an entry");
        shown.debug(&*entry);
        let newest = entry.newest().expect("keys");
        shown.debug(newest);
        for key in &newest.keys {
            shown.debug(key);
        }
    }
    shown.debug(&kdc);
    shown.debug(&*kdc.kdc());
    shown.debug(&password);
    if let Err(error) = kdc.add_user(alice.clone(), &password) {
        shown.debug(&error);
        shown.text("an error of the store", error.to_string());
    }

    // Files.
    let keytab = kdc.keytab_for(&web, NOW).expect("a keytab");
    shown.debug(&keytab);
    for (_, entry) in keytab.entries() {
        shown.debug(entry);
    }
    let octets = keytab.to_bytes();
    shown.debug(&octets);
    for end in (0..octets.expose().len()).step_by(5) {
        if let Err(error) = Keytab::parse(&octets.expose()[..end], "FILE:/k") {
            shown.error(&error);
        }
    }

    // Tickets.
    let exchange =
        AsExchange::with_password(alice.clone(), password.clone()).random(Arc::clone(&random));
    shown.debug(&exchange);
    let wrong = AsExchange::with_password(alice.clone(), Secret::from("Zz9$uQ3~hB8^mN5"));
    shown.secrets.push(b"Zz9$uQ3~hB8^mN5".to_vec());
    if let Err(error) = wrong.start(NOW).and_then(|ask| run(&mut shown, &kdc, ask)) {
        shown.error(&error);
    }
    let ask = exchange.start(NOW).expect("a request");
    let initial = run(&mut shown, &kdc, ask).expect("a TGT");
    shown.debug(&initial);
    let tgt: &Credentials = &initial.credentials;
    shown.key(&tgt.session_key);
    shown.debug(tgt);
    let exchange = TgsExchange::new(tgt, web.clone()).random(Arc::clone(&random));
    shown.debug(&exchange);
    let ask = exchange.start(NOW).expect("a request");
    let service = run(&mut shown, &kdc, ask).expect("a ticket");
    shown.debug(&service);
    let credentials: Credentials = service.credentials.clone();
    shown.key(&credentials.session_key);

    let mut cache = CredentialCache::with_credentials(&credentials);
    cache.store(CachedCredential::from(tgt));
    shown.debug(&cache);
    for credential in cache.credentials() {
        shown.debug(credential);
    }
    let octets = cache.to_bytes().expect("octets");
    for end in (0..octets.expose().len()).step_by(11) {
        if let Err(error) = CredentialCache::parse(&octets.expose()[..end], "FILE:/c") {
            shown.error(&error);
        }
    }

    // The exchange.
    let keys = Arc::new(ServiceKeys::from(&keytab));
    shown.debug(&*keys);
    for key in keys.iter() {
        shown.debug(key);
    }
    let config = || {
        AcceptorConfig::new(Arc::clone(&keys), Accepts::Service(web.clone()))
            .random(Arc::clone(&random))
            .user_to_user(tgt.session_key.clone())
            .without_replay_cache()
    };
    shown.debug(&config());
    let acceptor = ap::Acceptor::new(config());
    shown.debug(&acceptor);
    let initiator = || gss::Initiator::new(credentials.clone()).random(Arc::clone(&random));
    shown.debug(&initiator());
    let step = initiator().request(NOW).expect("a token");
    shown.debug(&step);
    let Step::Continue { token, next } = step else {
        panic!("mutual authentication is asked for");
    };
    shown.debug(&next);
    let theirs = || gss::Acceptor::new(acceptor.clone());
    shown.debug(&theirs());
    let verified = theirs().verify(&token, NOW).expect("verified");
    shown.debug(&verified);
    let accepted = theirs().accept(&token, NOW).expect("accepted");
    shown.debug(&accepted);
    let Step::Established {
        token: Some(reply),
        mut context,
    } = accepted
    else {
        panic!("established");
    };
    shown.report(Report::established(context.info()).request(&token).at(NOW));
    session_keys(&mut shown, &context.info().keys);
    let peer = context.peer().expect("a peer");
    shown.debug(peer);
    let ticket = peer.ticket();
    shown.debug(ticket);
    shown.debug(&ticket.enc_part().expect("a ticket"));
    shown.debug(&ticket.enc_part().expect("a ticket").key);
    let pac = peer.pac().expect("a PAC");
    shown.debug(pac);

    // What is refused: every part of the token changed, and the answer.
    for token in damaged(&token) {
        if let Err(refusal) = theirs().accept(&token, NOW) {
            shown.debug(&refusal);
            shown.error(&refusal.error);
            shown.report(Report::refused(&refusal).request(&token).at(NOW));
        }
    }
    for later in [400, 100_000, -400, -100_000] {
        let refusal = theirs()
            .accept(&token, NOW.offset(later * 1_000_000))
            .expect_err("refused");
        shown.debug(&refusal);
        shown.error(&refusal.error);
    }
    for reply in damaged(&reply).step_by(4) {
        let Ok(Step::Continue { next, .. }) = initiator().request(NOW) else {
            continue;
        };
        if let Err(refusal) = next.reply(&reply, NOW) {
            shown.error(&refusal.error);
        }
    }

    // Bare AP-REQs.
    let (_, ap_req) = gss::token::unframe(&token).expect("framed");
    let bare = acceptor
        .verify(ap_req, &Unbound, None, NOW)
        .expect("verified");
    shown.debug(&bare);
    let bare = acceptor
        .accept(ap_req, &Unbound, None, NOW)
        .expect("accepted");
    shown.debug(&bare);
    shown.report(Report::accepted(&bare.peer));
    session_keys(&mut shown, &bare.keys);
    let binding = BindingKeys {
        session: &bare.keys.session,
        subkey: bare.keys.initiator_subkey.as_ref(),
        client_supplies_bindings: false,
    };
    shown.debug(&binding);

    // Messages that hold keys.
    opened(&mut shown, ap_req, &reply, &credentials);

    // The session.
    let Ok(Step::Established {
        context: mut ours, ..
    }) = next.reply(&reply, NOW)
    else {
        panic!("established");
    };
    shown.report(Report::established(ours.info()));
    session_keys(&mut shown, &ours.info().keys);
    let sealed = ours
        .wrap(Protection::Confidentiality, b"a message")
        .expect("sealed");
    for sealed in damaged(&sealed) {
        if let Err(error) = context.unwrap(&sealed) {
            shown.error(&error);
        }
    }
    context
        .unwrap(&sealed)
        .expect("opened")
        .complete()
        .expect("in order");
    shown.debug(ours.sender());
    shown.debug(ours.receiver());
    shown.debug(&ours);
    let (info, _, _) = ours.split();
    shown.debug(&info);
    assert!(info.flags.contains(ContextFlags::MUTUAL));
    let keys = MessageKeys {
        base: info.keys.session.clone(),
        acceptor_subkey: info.keys.acceptor_subkey.clone(),
    };
    shown.debug(&keys);

    // A login that is checked against a key of this host.
    let login = LoginCheck::new(initial, web, keys_of(&keytab)).random(random);
    shown.debug(&login);
    let ask = login.start(NOW).expect("a request");
    let login = run(&mut shown, &kdc, ask).expect("a login");
    shown.debug(&login);
    shown
}

fn keys_of(keytab: &Keytab) -> Arc<ServiceKeys> {
    Arc::new(ServiceKeys::from(keytab))
}

/// The sealed parts, opened as whoever has the key does.
fn opened(shown: &mut Shown, ap_req: &[u8], reply: &[u8], credentials: &Credentials) {
    use orthros::wire::{
        ApRep, ApReq, Authenticator, EncApRepPart, EncKdcRepPart, EncKrbCredPart, EncryptionKey,
        KrbCredInfo, Message, OctetString, TicketFlags, UInt32,
    };
    let key = &credentials.session_key;
    let request = ApReq::from_bytes(ap_req).expect("an AP-REQ");
    shown.debug(&request);
    let octets = key
        .decrypt(
            KeyUsage::AP_REQ_AUTHENTICATOR,
            request.authenticator.cipher.as_bytes(),
        )
        .expect("opened");
    shown.debug(&Authenticator::from_bytes(&octets).expect("an Authenticator"));
    let (_, reply) = gss::token::unframe(reply).expect("framed");
    let reply = ApRep::from_bytes(reply).expect("an AP-REP");
    let octets = key
        .decrypt(KeyUsage::AP_REP, reply.enc_part.cipher.as_bytes())
        .expect("opened");
    shown.debug(&EncApRepPart::from_bytes(&octets).expect("an EncAPRepPart"));
    let key = EncryptionKey {
        keytype: key.enctype().0,
        keyvalue: OctetString(key.expose()),
    };
    shown.debug(&EncKdcRepPart {
        key,
        last_req: Vec::new(),
        nonce: UInt32(1),
        key_expiration: None,
        flags: TicketFlags::INITIAL,
        authtime: NOW.time(),
        starttime: None,
        endtime: NOW.time(),
        renew_till: None,
        srealm: credentials.server.realm_to_wire(),
        sname: credentials.server.to_wire(),
        caddr: None,
        encrypted_pa_data: None,
    });
    let info = KrbCredInfo {
        key,
        prealm: None,
        pname: None,
        flags: None,
        authtime: None,
        starttime: None,
        endtime: None,
        renew_till: None,
        srealm: None,
        sname: None,
        caddr: None,
    };
    shown.debug(&info);
    shown.debug(&EncKrbCredPart {
        ticket_info: vec![info],
        nonce: None,
        timestamp: None,
        usec: None,
        s_address: None,
        r_address: None,
    });
}

#[test]
fn case_118_nothing_printed_holds_a_key_or_password() {
    let shown = everything();
    assert!(shown.secrets.len() > 8, "{} secrets", shown.secrets.len());
    assert!(shown.texts.len() > 300, "{} texts", shown.texts.len());
    let needles = needles(&shown.secrets);
    let index = index(&needles);
    let mut leaks = BTreeMap::new();
    // The same refusal comes many times.
    let texts: BTreeSet<_> = shown.texts.iter().collect();
    for (what, text) in texts {
        if let [needle, ..] = found(text, &index)[..] {
            leaks.insert(what, (needle, text));
        }
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn the_scan_finds_every_notation() {
    let secret = vec![0x9f, 0x03, 0xd2, 0x41, 0x7e, 0xb5, 0x18, 0xc6];
    let needles = needles(std::slice::from_ref(&secret));
    let index = index(&needles);
    for leak in [
        format!("{secret:?}"),
        format!("{secret:#?}"),
        format!("{secret:x?}"),
        "key 9f03d2417eb518c6".to_owned(),
        "KEY 9F:03:D2:41".to_owned(),
        "d2 41 7e b5".to_owned(),
        "0xd2, 0x41, 0x7e, 0xb5".to_owned(),
        "nwPSQX61GMY=".to_owned(),
        // "x" and "xx" before it.
        "eJ8D0kF+tRjG".to_owned(),
        "eHifA9JBfrUYxg==".to_owned(),
        secret.escape_ascii().to_string(),
    ] {
        assert!(!found(&leak, &index).is_empty(), "{leak}");
    }
    assert!(found("nothing of the kind, 9f03d2, 1234", &index).is_empty());
}

// ----------------------------------------------------------------------------------- the guard

/// Public types that can be printed and hold a secret by their fields, and are not printed above:
/// each with the reason.
const NOT_SHOWN: &[(&str, &str)] = &[
    ("orthros::report::Report", "prints its Record"),
    (
        "orthros::report::ChannelBinding",
        "holds none: a variant has a type's name",
    ),
    (
        "orthros::gss::message::Role",
        "holds none: a variant has a type's name",
    ),
    (
        "orthros::pac::verify::Checked",
        "holds none: a variant has a type's name",
    ),
    ("orthros::kdc::Serve", "derived, of types that are shown"),
    ("orthros::kdc::Pending", "derived, of types that are shown"),
    ("orthros::kdc::Answer", "derived, of types that are shown"),
    ("orthros::kdc::Event", "derived, of types that are shown"),
    (
        "orthros::ap::initiator::Cksum",
        "by hand: numbers and lengths",
    ),
    (
        "orthros::ap::initiator::AuthenticatorParts",
        "derived, of types that are shown",
    ),
    (
        "orthros::ap::initiator::BuiltApReq",
        "derived, of types that are shown",
    ),
    (
        "orthros::ap::initiator::AwaitReply",
        "is in gss::AwaitReply",
    ),
    (
        "orthros::ap::tgs::TgsRequester",
        "derived, of types that are shown",
    ),
    (
        "orthros::ap::session::Session",
        "derived or by hand, its keys as Key, which is shown",
    ),
    (
        "orthros::ap::session::config::Party",
        "derived or by hand, its keys as Key, which is shown",
    ),
    ("orthros::ap::initiator::Initiator", "is in gss::Initiator"),
    (
        "orthros::sasl::client::Client",
        "derived: a gss::Initiator and terms",
    ),
    (
        "orthros::sasl::client::AwaitChallenge",
        "derived: a gss::AwaitReply or a SecurityContext, and terms",
    ),
    (
        "orthros::sasl::server::Server",
        "derived: an acceptor or a SecurityContext, and terms",
    ),
    (
        "orthros::sasl::mechanism::Mechanism",
        "holds none: a variant has a type's name",
    ),
    (
        "orthros::sasl::session::Session",
        "derived: the halves of a SecurityContext",
    ),
    (
        "orthros::sasl::session::Encoder",
        "derived: a Sender, which is shown",
    ),
    (
        "orthros::sasl::session::Decoder",
        "by hand: a Receiver, which is shown, and a length",
    ),
    (
        "orthros::spnego::acceptor::Acceptor",
        "by hand: a gss::Acceptor, which is shown",
    ),
    (
        "orthros::spnego::acceptor::AwaitToken",
        "by hand: says what is due",
    ),
    (
        "orthros::spnego::initiator::Initiator",
        "by hand: a gss::Initiator, which is shown",
    ),
    (
        "orthros::spnego::initiator::AwaitReply",
        "by hand: says how far it is",
    ),
    (
        "orthros::gss::dce::AwaitThirdLeg",
        "derived: a ContextInfo, which is shown",
    ),
    (
        "orthros::gss::acceptor::AwaitToken",
        "derived: a gss::Acceptor, which is shown, or an AwaitThirdLeg",
    ),
    (
        "orthros::ap::initiator::AwaitReplyOrSkew",
        "is in gss::AwaitReply",
    ),
];

struct Type {
    name: String,
    public: bool,
    printable: bool,
    fields: String,
}

fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "tests" {
            sources(&path, all);
        } else if path.extension().is_some_and(|e| e == "rs") && entry.file_name() != "tests.rs" {
            all.push(path);
        }
    }
}

/// The types that a source defines.
fn types_of(source: &str) -> Vec<Type> {
    let source = source
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines: Vec<&str> = source.lines().collect();
    let mut all = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let public = line.starts_with("pub ");
        let rest = line.strip_prefix("pub ").unwrap_or(line);
        let rest = match rest.starts_with("pub(") {
            true => rest.split_once(") ").map_or(rest, |(_, rest)| rest),
            false => rest,
        };
        let Some(rest) = rest
            .strip_prefix("struct ")
            .or_else(|| rest.strip_prefix("enum "))
        else {
            continue;
        };
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let mut fields = rest[name.len()..].to_owned();
        if !line.ends_with(';') && !line.ends_with('}') {
            for line in lines[at + 1..]
                .iter()
                .take_while(|line| !line.starts_with(['}', ')']))
            {
                fields.push('\n');
                fields.push_str(line.split("//").next().unwrap_or_default());
            }
        }
        let above = lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with(['#', '/']));
        let derived = above
            .into_iter()
            .any(|line| line.starts_with("#[derive") && line.contains("Debug"));
        let implemented = source.contains(&format!("Debug for {name}"));
        all.push(Type {
            name,
            public,
            printable: derived || implemented,
            fields,
        });
    }
    all
}

/// Whether `name` stands in the text as a word, not as a part of a path.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back().unwrap_or(' ');
        let behind = text[at + name.len()..].chars().next().unwrap_or(' ');
        !(before.is_alphanumeric() || before == '_' || behind.is_alphanumeric() || behind == '_')
    })
}

/// `crates/orthros/src/ap/mod.rs` as `orthros::ap`.
fn module(crates: &Path, path: &Path) -> String {
    let path = path.strip_prefix(crates).unwrap_or(path).with_extension("");
    let parts: Vec<String> = path
        .iter()
        .map(|part| part.to_string_lossy().replace('-', "_"))
        .filter(|part| !matches!(part.as_str(), "src" | "mod" | "lib" | "main"))
        .collect();
    parts.join("::")
}

#[test]
fn every_public_type_that_holds_a_secret_is_scanned() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut files = Vec::new();
    // The other crates hold no key of their own: what they hold of these types prints as these do.
    sources(&crates.join("orthros/src"), &mut files);
    let mut all = Vec::new();
    for path in &files {
        let source = fs::read_to_string(path).expect("a source");
        all.extend(
            types_of(&source)
                .into_iter()
                .map(|t| (module(&crates, path), t)),
        );
    }
    // What is secret in itself, and then, over and over, whoever holds it.
    let mut secret: BTreeSet<String> = ["Key", "Secret", "Zeroizing", "EncryptionKey"]
        .map(str::to_owned)
        .into_iter()
        .collect();
    loop {
        let more: Vec<String> = all
            .iter()
            .filter(|(_, t)| !secret.contains(&t.name))
            .filter(|(_, t)| secret.iter().any(|secret| names(&t.fields, secret)))
            .map(|(_, t)| t.name.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        secret.extend(more);
    }
    let shown = everything().types;
    let missing: Vec<String> = all
        .iter()
        .filter(|(_, t)| t.public && t.printable && secret.contains(&t.name))
        .map(|(module, t)| format!("{module}::{}", t.name))
        .filter(|path| !shown.contains(path))
        .filter(|path| !NOT_SHOWN.iter().any(|(known, _)| known == path))
        .collect();
    assert!(secret.len() > 30, "{secret:?}");
    assert!(
        missing.is_empty(),
        "these hold a secret and are not scanned:\n{}",
        missing.join("\n")
    );
}
