//! RC4 contexts and the tokens of RFC 1964, with the GSS-API library of MIT krb5 on the other
//! side, in either role.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::SystemTime;

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::ccache::CredentialCache;
use orthros::credentials::Credentials;
use orthros::crypto::Enctype;
use orthros::error::{Error, Rejection};
use orthros::gss::{
    Acceptor, ContextFlags, Initiator, MajorStatus, Protection, Role, SecurityContext,
    SequenceStatus,
};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros_tests::mit::{MitOptions, MitRealm, text};

const ALICE: &str = "alice";
const PASSWORD: &str = "correct horse";
/// With keys of AES and RC4, but session keys of RC4.
const SERVICE: &str = "host/localhost";
/// With a key of RC4 alone.
const OLD_SERVICE: &str = "old/localhost";

const RC4: Enctype = Enctype::RC4_HMAC;
const AES256: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;
const AES128: Enctype = Enctype::AES128_CTS_HMAC_SHA1_96;

const BASE: ContextFlags = ContextFlags(
    ContextFlags::REPLAY.0
        | ContextFlags::SEQUENCE.0
        | ContextFlags::CONF.0
        | ContextFlags::INTEG.0,
);

/// MIT krb5's library by way of python3-gssapi: one command a line, one answer a line, octets in
/// hex after a colon.
const PEER: &str = r#"
import sys, gssapi
import gssapi.raw as raw
context = None
def octets(word): return bytes.fromhex(word[1:])
def shown(data): return ':' + (data or b'').hex()
def flags(mutual):
    wanted = gssapi.RequirementFlag
    base = wanted.replay_detection | wanted.out_of_sequence_detection
    base |= wanted.confidentiality | wanted.integrity
    return base | wanted.mutual_authentication if mutual else base
def run(command, *words):
    global context
    if command == 'initiate':
        name = gssapi.Name(words[0], gssapi.NameType.hostbased_service)
        context = gssapi.SecurityContext(name=name, usage='initiate', flags=flags(words[1] == 'mutual'),
            mech=gssapi.MechType.kerberos)
        return shown(context.step())
    if command == 'accept':
        context = gssapi.SecurityContext(usage='accept')
        return shown(context.step(octets(words[0])))
    if command == 'step':
        return shown(context.step(octets(words[0])))
    if command == 'wrap':
        return shown(context.wrap(octets(words[1]), words[0] == 'conf').message)
    if command == 'mic':
        return shown(context.get_signature(octets(words[0])))
    if command == 'unwrap':
        unwrapped = context.unwrap(octets(words[0]))
        return ('conf ' if unwrapped.encrypted else 'integ ') + shown(unwrapped.message)
    if command == 'verify':
        context.verify_signature(octets(words[0]), octets(words[1]))
        return 'genuine'
    if command == 'limit':
        return str(context.get_wrap_size_limit(int(words[1]), words[0] == 'conf'))
    if command == 'key':
        oid = gssapi.OID.from_int_seq('1.2.840.113554.1.2.2.5.5')
        return shown(raw.inquire_sec_context_by_oid(context, oid)[0])
for line in sys.stdin:
    try:
        answer = run(*line.split())
    except gssapi.exceptions.GSSError as error:
        answer = 'status %d' % error.maj_code
    print(answer, flush=True)
"#;

struct Peer {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hex(octets: &[u8]) -> String {
    let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    format!(":{digits}")
}

fn unhex(answer: &str) -> Vec<u8> {
    let (_, digits) = answer.split_once(':').unwrap_or_else(|| panic!("{answer}"));
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

impl Peer {
    /// None, and `not run`, where there is no Python with gssapi.
    fn start(realm: &MitRealm, krb5_conf: Option<&Path>) -> Option<Self> {
        let python = ["/usr/bin/python3", "/usr/local/bin/python3"]
            .into_iter()
            .find(|python| {
                Command::new(python)
                    .args(["-c", "import gssapi"])
                    .stderr(Stdio::null())
                    .status()
                    .is_ok_and(|status| status.success())
            });
        let Some(python) = python else {
            println!("not run: interop_rc4: python3-gssapi is not installed");
            return None;
        };
        let mut command = Command::new(python);
        command.envs(realm.environment());
        if let Some(krb5_conf) = krb5_conf {
            command.env("KRB5_CONFIG", krb5_conf);
        }
        command.args(["-c", PEER]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Some(Self {
            to: child.stdin.take().unwrap(),
            from: BufReader::new(child.stdout.take().unwrap()),
            child,
        })
    }

    fn ask(&mut self, command: &[&str]) -> String {
        writeln!(self.to, "{}", command.join(" ")).unwrap();
        let mut answer = String::new();
        self.from.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    fn octets(&mut self, command: &[&str]) -> Vec<u8> {
        unhex(&self.ask(command))
    }

    fn wrap(&mut self, protection: Protection, message: &[u8]) -> Vec<u8> {
        self.octets(&["wrap", word(protection), &hex(message)])
    }

    fn mic(&mut self, message: &[u8]) -> Vec<u8> {
        self.octets(&["mic", &hex(message)])
    }

    fn unwrap(&mut self, token: &[u8]) -> String {
        self.ask(&["unwrap", &hex(token)])
    }

    fn verify(&mut self, message: &[u8], token: &[u8]) -> String {
        self.ask(&["verify", &hex(message), &hex(token)])
    }
}

fn word(protection: Protection) -> &'static str {
    match protection {
        Protection::Confidentiality => "conf",
        Protection::Integrity => "integ",
    }
}

fn status(major: MajorStatus) -> String {
    format!("status {}", major.0)
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// A realm that gives RC4 to who asks for it, and what permits MIT krb5 to use AES before it.
fn realm() -> Option<(MitRealm, PathBuf)> {
    let weak = "\tallow_weak_crypto = true\n\tallow_rc4 = true\n";
    let realm = MitRealm::start_with(MitOptions {
        realm: "RC4.TEST".into(),
        libdefaults: format!("{weak}\tpermitted_enctypes = {RC4} {AES256} {AES128}\n"),
        enctypes: format!("{AES256}:normal {RC4}:normal"),
        ..MitOptions::default()
    })?;
    realm.add_principal(ALICE, PASSWORD);
    realm.add_service(SERVICE);
    let old = format!("{RC4}:normal");
    let keytab = realm.keytab();
    let keytab = keytab.to_str().unwrap();
    realm.kadmin(&["addprinc", "-randkey", "-e", &old, OLD_SERVICE]);
    realm.kadmin(&["ktadd", "-k", keytab, "-norandkey", OLD_SERVICE]);
    for service in [SERVICE, OLD_SERVICE] {
        realm.kadmin(&["setstr", service, "session_enctypes", &RC4.to_string()]);
    }
    realm.kinit(ALICE, PASSWORD, &[])?;
    let aes_first = realm.other_krb5_conf(
        "aes.conf",
        &format!("\tpermitted_enctypes = {AES256} {RC4}\n"),
    );
    // The first of two lines of the same name counts.
    let text = fs::read_to_string(&aes_first).unwrap();
    let text = text.replacen(
        &format!("\tpermitted_enctypes = {RC4} {AES256} {AES128}\n"),
        "",
        1,
    );
    fs::write(&aes_first, text).unwrap();
    Some((realm, aes_first))
}

fn service(realm: &MitRealm, name: &str) -> Principal {
    Principal::parse(name, Some(realm.realm())).unwrap()
}

/// A ticket with an RC4 session key, by way of MIT's kvno and cache.
fn ticket(realm: &MitRealm, name: &str) -> Option<Credentials> {
    let mut kvno = realm.command("kvno")?;
    kvno.args(["-e", &RC4.to_string(), name]);
    let output = kvno.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let cache = CredentialCache::parse(&fs::read(realm.ccache()).unwrap(), "ccache").unwrap();
    let found = cache.find(&service(realm, name), now(), &[RC4]).unwrap();
    let credentials = cache.to_credentials(found).unwrap();
    assert_eq!(credentials.session_key.enctype(), RC4);
    Some(credentials)
}

fn acceptor(realm: &MitRealm, name: &str, permitted: Option<&[Enctype]>) -> Acceptor {
    let keytab = Keytab::parse(&fs::read(realm.keytab()).unwrap(), "keytab").unwrap();
    let keys = keytab.entries().filter_map(|(_, entry)| {
        let key = entry.key()?.clone();
        Some((entry.principal().clone(), entry.kvno(), key))
    });
    let keys = Arc::new(ServiceKeys::new(keys.collect::<Vec<_>>()));
    let mut config = AcceptorConfig::new(keys, Accepts::Service(service(realm, name)));
    if let Some(permitted) = permitted {
        config = config.permitted_enctypes(permitted);
    }
    Acceptor::new(ap::Acceptor::new(config))
}

/// Our initiator, MIT krb5's acceptor.
fn to_mit(initiator: Initiator, peer: &mut Peer) -> SecurityContext {
    match initiator.request(now()).unwrap() {
        Step::Continue { token, next } => {
            let reply = peer.octets(&["accept", &hex(&token)]);
            match next.reply(&reply, now()).unwrap() {
                Step::Established { context, .. } => context,
                other => panic!("{other:?}"),
            }
        }
        Step::Established { token, context } => {
            let reply = peer.octets(&["accept", &hex(&token.unwrap())]);
            assert!(reply.is_empty());
            context
        }
    }
}

/// MIT krb5's initiator, our acceptor.
fn from_mit(peer: &mut Peer, name: &str, mutual: bool, acceptor: Acceptor) -> SecurityContext {
    let name = name.replace('/', "@");
    let how = match mutual {
        true => "mutual",
        false => "oneway",
    };
    let token = peer.octets(&["initiate", &name, how]);
    let Step::Established { token, context } = acceptor.accept(&token, now()).unwrap() else {
        panic!("not established");
    };
    assert_eq!(token.is_some(), mutual);
    if let Some(token) = token {
        assert!(peer.octets(&["step", &hex(&token)]).is_empty());
    }
    context
}

/// Messages of every kind and of many lengths, in both directions.
fn converse(ours: &mut SecurityContext, peer: &mut Peer) {
    let long = vec![0x5A; 70_000];
    // Where the length of the frame takes another octet: 84, 212, 65,492.
    let lengths = [
        0, 1, 7, 8, 9, 83, 84, 85, 211, 212, 213, 65_491, 65_492, 70_000,
    ];
    for length in lengths {
        let message = &long[..length];
        for protection in [Protection::Integrity, Protection::Confidentiality] {
            let token = ours.wrap(protection, message).unwrap();
            let expected = format!("{} {}", word(protection), hex(message));
            assert_eq!(peer.unwrap(&token), expected);

            let token = peer.wrap(protection, message);
            let unwrapped = ours.unwrap(&token).unwrap();
            assert_eq!(unwrapped.protection(), protection);
            assert_eq!(unwrapped.complete().unwrap(), message);
            assert_eq!(
                ours.sender().token_len(protection, message.len()),
                token.len()
            );
        }
        let mic = ours.get_mic(message).unwrap();
        assert_eq!(peer.verify(message, &mic), "genuine");
        let mic = peer.mic(message);
        let status = ours.verify_mic(message, &mic).unwrap();
        assert_eq!(status, SequenceStatus::Complete);
    }
}

/// Tokens late, twice and with one missing: both sides say the same of them.
fn out_of_order(ours: &mut SecurityContext, peer: &mut Peer) {
    use SequenceStatus::{Complete, Duplicate, Gap, Unseq};
    let order = [
        (0, Complete),
        (2, Gap),
        (1, Unseq),
        (1, Duplicate),
        (2, Duplicate),
        (3, Complete),
    ];
    let from_us: Vec<_> = (0..4u8)
        .map(|n| ours.wrap(Protection::Confidentiality, &[n]).unwrap())
        .collect();
    for (n, said) in order {
        let expected = match said {
            Complete => format!("conf {}", hex(&[n as u8])),
            other => status(other.into()),
        };
        assert_eq!(peer.unwrap(&from_us[n]), expected);
    }
    let from_peer: Vec<_> = (0..4u8).map(|n| peer.mic(&[n])).collect();
    for (n, said) in order {
        assert_eq!(ours.verify_mic(&[n as u8], &from_peer[n]).unwrap(), said);
    }
}

/// What was changed is refused on both sides, and so is what comes back to its maker.
fn changed(ours: &mut SecurityContext, peer: &mut Peer) {
    let bad = status(MajorStatus::BAD_MIC);
    let token = ours.wrap(Protection::Confidentiality, b"message").unwrap();
    let mic = ours.get_mic(b"message").unwrap();
    // SND_SEQ, SGN_CKSUM, confounder, message, padding.
    for at in [21, 28, 29, 36, 37, 44, 45, 51, 52] {
        let mut token = token.clone();
        token[at] ^= 1;
        assert_eq!(peer.unwrap(&token), bad, "octet {at}");
    }
    let ours_back = ours.unwrap(&token).unwrap_err();
    assert_eq!(ours_back.gss_major(Role::Initiator), MajorStatus::BAD_MIC);
    assert!(peer.unwrap(&token).starts_with("conf"));
    assert_eq!(peer.verify(b"massage", &mic), bad);
    assert_eq!(peer.verify(b"message", &mic), "genuine");

    let token = peer.wrap(Protection::Confidentiality, b"message");
    for at in 21..token.len() {
        let mut token = token.clone();
        token[at] ^= 1;
        let error = ours.unwrap(&token).unwrap_err();
        assert_eq!(error.gss_major(Role::Initiator), MajorStatus::BAD_MIC);
    }
    assert_eq!(peer.unwrap(&token), bad);
    let unwrapped = ours.unwrap(&token).unwrap();
    assert_eq!(unwrapped.complete().unwrap(), b"message");
}

fn session(ours: &mut SecurityContext, peer: &mut Peer) {
    assert_eq!(ours.session_key().enctype(), RC4);
    assert_eq!(ours.weak_enctype(), Some(RC4));
    assert_eq!(
        peer.octets(&["key"]),
        ours.session_key().expose(),
        "the same key"
    );
    let token = ours.wrap(Protection::Integrity, b"first").unwrap();
    assert_eq!(token[0], 0x60);
    assert_eq!(peer.unwrap(&token), format!("integ {}", hex(b"first")));
    converse(ours, peer);
    out_of_order(ours, peer);
    changed(ours, peer);
    for size in [100, 127, 130, 300, 5000, 65_540] {
        for protection in [Protection::Integrity, Protection::Confidentiality] {
            let limit = peer.ask(&["limit", word(protection), &size.to_string()]);
            // MIT krb5 is never more daring than what is exact, as its own tokens show.
            let limit: usize = limit.parse().unwrap();
            let exact = ours.wrap_size_limit(protection, size);
            assert!(limit <= exact, "{size}: {limit}, {exact}");
            assert!(peer.wrap(protection, &vec![1; exact]).len() <= size);
            assert!(peer.wrap(protection, &vec![1; exact + 1]).len() > size);
        }
    }
}

#[test]
fn gss_28_gss_48_to_52_our_initiator_and_mit() {
    let Some((realm, _)) = realm() else { return };
    for name in [SERVICE, OLD_SERVICE] {
        let Some(credentials) = ticket(&realm, name).map(Arc::new) else {
            return;
        };
        for flags in [BASE | ContextFlags::MUTUAL, BASE] {
            let Some(mut peer) = Peer::start(&realm, None) else {
                return;
            };
            let initiator = Initiator::new(Arc::clone(&credentials))
                .enctypes([RC4])
                .flags(flags);
            let mut ours = to_mit(initiator, &mut peer);
            session(&mut ours, &mut peer);
        }
    }
}

#[test]
fn gss_28_gss_48_to_52_mit_and_our_acceptor() {
    let Some((realm, _)) = realm() else { return };
    for name in [SERVICE, OLD_SERVICE] {
        if ticket(&realm, name).is_none() {
            return;
        }
        for mutual in [true, false] {
            let Some(mut peer) = Peer::start(&realm, None) else {
                return;
            };
            let acceptor = acceptor(&realm, name, Some(&[AES256, RC4]));
            let mut ours = from_mit(&mut peer, name, mutual, acceptor);
            assert!(ours.info().keys.acceptor_subkey.is_none());
            session(&mut ours, &mut peer);
        }
    }
}

/// RFC 4537 on an RC4 ticket: both sides have AES, and the context is one of AES.
#[test]
fn gss_28_gss_48_moved_to_aes() {
    let Some((realm, aes_first)) = realm() else {
        return;
    };
    let Some(credentials) = ticket(&realm, SERVICE) else {
        return;
    };
    let Some(mut peer) = Peer::start(&realm, Some(&aes_first)) else {
        return;
    };
    let initiator = Initiator::new(credentials).enctypes([AES256, RC4]);
    let mut ours = to_mit(initiator, &mut peer);
    let check = |ours: &mut SecurityContext, peer: &mut Peer| {
        assert_eq!(ours.session_key().enctype(), AES256);
        assert_eq!(ours.weak_enctype(), Some(RC4));
        let token = ours.wrap(Protection::Integrity, b"").unwrap();
        assert_eq!(token[..2], [5, 4]);
        assert_eq!(peer.unwrap(&token), "integ :");
        converse(ours, peer);
    };
    check(&mut ours, &mut peer);

    let Some(mut peer) = Peer::start(&realm, Some(&aes_first)) else {
        return;
    };
    let acceptor = acceptor(&realm, SERVICE, Some(&[AES256, RC4]));
    let mut ours = from_mit(&mut peer, SERVICE, true, acceptor);
    check(&mut ours, &mut peer);
}

/// Security case 53: MIT krb5 permits RC4, and what it sends or gives is refused all the same.
#[test]
fn case_053_rc4_is_refused_unless_permitted() {
    let Some((realm, _)) = realm() else { return };
    let Some(credentials) = ticket(&realm, SERVICE) else {
        return;
    };
    let refused = |error: Error| {
        let Error::Rejected(rejection) = error else {
            panic!("{error}");
        };
        let Rejection::Enctype { enctype: RC4, .. } = *rejection else {
            panic!("{rejection:?}");
        };
    };
    refused(Initiator::new(credentials).request(now()).unwrap_err());
    let Some(mut peer) = Peer::start(&realm, None) else {
        return;
    };
    let token = peer.octets(&["initiate", "host@localhost", "mutual"]);
    let acceptor = acceptor(&realm, SERVICE, None);
    refused(acceptor.accept(&token, now()).unwrap_err().error);
}
