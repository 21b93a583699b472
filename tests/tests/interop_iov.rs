//! Messages in several buffers with MIT krb5's GSS library: gss_wrap_iov, gss_wrap_aead, MICs over
//! several buffers; contexts of DCE style, three legs, both ways. The peer is `gss_iov.c`, compiled
//! here.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, OnceLock};

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::credentials::Credentials;
use orthros::crypto::{DEFAULT_ENCTYPES, Enctype};
use orthros::env;
use orthros::gss::{
    Acceptor, ContextFlags, Initiator, MajorStatus, Piece, Protection, Role, SecurityContext,
};
use orthros::principal::Principal;
use orthros::step::Step;
use orthros_tests::mit::{MitRealm, program_or_not_run};
use tempfile::TempDir;

const TEST: &str = "messages in several buffers with MIT krb5";
const SERVICE: &str = "host/localhost@MIT.TEST";
const BOTH: [Protection; 2] = [Protection::Integrity, Protection::Confidentiality];

/// MIT's side, compiled once; `None` and `not run` where it cannot be.
fn peer() -> Option<&'static Path> {
    static PEER: OnceLock<Option<(TempDir, PathBuf)>> = OnceLock::new();
    let built = PEER.get_or_init(|| {
        let cc = program_or_not_run(TEST, "cc")?;
        let folder = tempfile::tempdir().expect("a temporary directory");
        let program = folder.path().join("gss_iov");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/gss_iov.c");
        let output = Command::new(cc)
            .args(["-Wall", "-o"])
            .args([&program, &source])
            .arg("-lgssapi_krb5")
            .output()
            .expect("cc runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let absent = said.contains("gssapi/gssapi") || said.contains("-lgssapi_krb5");
        if !output.status.success() && absent {
            println!("not run: {TEST}: the headers of MIT krb5 (libkrb5-dev) are not installed");
            return None;
        }
        assert!(output.status.success(), "{said}");
        Some((folder, program))
    });
    built.as_ref().map(|(_, program)| program.as_path())
}

/// A buffer, and the letter that names its kind to MIT's side.
type Buffer = (u8, Vec<u8>);

/// MIT's side, running.
struct Mit {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Mit {
    fn start(realm: &MitRealm, arguments: &[&str], environment: &[(&str, PathBuf)]) -> Self {
        let mut child = Command::new(peer().expect("compiled"))
            .args(arguments)
            .envs(realm.environment())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("gss_iov starts");
        let (to, from) = (child.stdin.take(), child.stdout.take());
        Self {
            child,
            to: to.expect("its input"),
            from: from.expect("its output"),
        }
    }

    fn send(&mut self, octets: &[u8]) {
        let length = u32::try_from(octets.len()).expect("short");
        self.to
            .write_all(&length.to_be_bytes())
            .and_then(|()| self.to.write_all(octets))
            .expect("gss_iov reads");
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.from.read_exact(&mut length).expect("gss_iov answers");
        let mut octets = vec![0; u32::from_be_bytes(length) as usize];
        self.from.read_exact(&mut octets).expect("gss_iov answers");
        octets
    }

    /// What it makes of the buffers, or the major status.
    fn ask(
        &mut self,
        what: u8,
        protection: Protection,
        buffers: &[Buffer],
    ) -> Result<(Protection, Vec<Buffer>), MajorStatus> {
        let confidential = protection == Protection::Confidentiality;
        let mut asked = vec![what, u8::from(confidential)];
        for (kind, octets) in buffers {
            asked.push(*kind);
            asked.extend_from_slice(&u32::try_from(octets.len()).expect("short").to_be_bytes());
            asked.extend_from_slice(octets);
        }
        self.send(&asked);
        let answer = self.receive();
        match answer.split_first() {
            Some((b'+', rest)) => {
                let (state, mut rest) = rest.split_first().expect("a state");
                let mut found = Vec::new();
                while let Some((kind, more)) = rest.split_first() {
                    let (length, more) = more.split_first_chunk().expect("a length");
                    let (octets, more) = more.split_at(u32::from_be_bytes(*length) as usize);
                    found.push((*kind, octets.to_vec()));
                    rest = more;
                }
                let protection = match state {
                    0 => Protection::Integrity,
                    _ => Protection::Confidentiality,
                };
                Ok((protection, found))
            }
            Some((b'-', rest)) => {
                let major = u32::from_str_radix(&String::from_utf8_lossy(rest), 16);
                Err(MajorStatus(major.expect("a number")))
            }
            _ => panic!("gss_iov said {answer:?}"),
        }
    }
}

impl Drop for Mit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn realm() -> Option<MitRealm> {
    peer()?;
    let realm = MitRealm::start()?;
    realm.add_principal("alice", "password");
    realm.add_service(SERVICE);
    realm.kinit("alice", "password", &["-f"])?;
    Some(realm)
}

fn ticket(realm: &MitRealm, enctype: Enctype) -> Option<Credentials> {
    let mut kvno = realm.command("kvno")?;
    let status = kvno.args(["-e", &enctype.to_string(), SERVICE]).output();
    assert!(status.expect("kvno runs").status.success());
    let cache = env::read_ccache(&realm.ccache()).expect("MIT's cache");
    let service = Principal::parse(SERVICE, None).expect("a principal");
    let found = cache
        .find(&service, env::now(), &[enctype])
        .expect("a ticket");
    Some(cache.to_credentials(found).expect("credentials"))
}

fn flags(dce: bool) -> ContextFlags {
    let flags = ContextFlags(0x3E);
    match dce {
        true => flags | ContextFlags::DCE_STYLE,
        false => flags,
    }
}

/// Our initiator, and an acceptor of MIT's.
fn initiated(realm: &MitRealm, credentials: Credentials, dce: bool) -> (Mit, SecurityContext) {
    let mut mit = Mit::start(realm, &["acceptor", "-", "-"], &[]);
    let initiator = Initiator::new(credentials).flags(flags(dce));
    let Ok(Step::Continue { token, next }) = initiator.request(env::now()) else {
        panic!("an answer is due");
    };
    mit.send(&token);
    let reply = mit.receive();
    match next.reply(&reply, env::now()).expect("MIT's AP-REP") {
        Step::Established { token, context } => {
            assert_eq!(token.is_some(), dce, "the third leg");
            if let Some(token) = token {
                mit.send(&token);
            }
            (mit, context)
        }
        other => panic!("{other:?}"),
    }
}

/// An initiator of MIT's, and our acceptor. All keys are of one enctype.
fn accepted(realm: &MitRealm, enctype: Enctype, dce: bool) -> Option<(Mit, SecurityContext)> {
    let name = format!("krb5-{}.conf", enctype.0);
    let only = format!("\tpermitted_enctypes = {enctype}\n");
    let config = realm.other_krb5_conf(&name, &only);
    let cache = realm.path().join(format!("ccache-{}", enctype.0));
    if !cache.exists() {
        let mut kinit = realm.command("kinit")?;
        let mut kinit = kinit
            .env("KRB5_CONFIG", &config)
            .env("KRB5CCNAME", &cache)
            .arg("alice")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("kinit starts");
        writeln!(kinit.stdin.take().expect("its input"), "password").expect("kinit reads");
        assert!(kinit.wait().expect("kinit ends").success());
    }
    let arguments = ["initiator", "host@localhost", &flags(dce).0.to_string()];
    let environment = [("KRB5_CONFIG", config), ("KRB5CCNAME", cache)];
    let mut mit = Mit::start(realm, &arguments, &environment);
    let keytab = env::read_keytab(&realm.keytab()).expect("MIT's keytab");
    let service = Principal::parse(SERVICE, None).expect("a principal");
    let config = AcceptorConfig::new(
        Arc::new(ServiceKeys::from(&keytab)),
        Accepts::Service(service),
    );
    let acceptor = Acceptor::new(ap::Acceptor::new(config));
    let first = mit.receive();
    let context = match acceptor.accept(&first, env::now()).expect("MIT's AP-REQ") {
        Step::Continue { token, next } => {
            assert!(dce, "an answer without a third leg");
            mit.send(&token);
            let third = mit.receive();
            match next.accept(&third, env::now()).expect("MIT's third leg") {
                Step::Established {
                    token: None,
                    context,
                } => context,
                other => panic!("{other:?}"),
            }
        }
        Step::Established { token, context } => {
            assert!(!dce, "no third leg");
            mit.send(&token.expect("an AP-REP"));
            context
        }
    };
    Some((mit, context))
}

fn data(buffers: &[Buffer]) -> Vec<u8> {
    let data = buffers.iter().filter(|(kind, _)| *kind == b'd');
    data.flat_map(|(_, octets)| octets.clone()).collect()
}

fn pieces(buffers: &mut [Buffer]) -> Vec<Piece<'_>> {
    let each = buffers.iter_mut();
    each.filter_map(|(kind, octets)| match *kind {
        b'd' => Some(Piece::Data(octets)),
        b's' => Some(Piece::SignOnly(octets)),
        _ => None,
    })
    .collect()
}

fn part(buffers: &[Buffer], wanted: u8) -> Vec<u8> {
    let found = buffers.iter().find(|(kind, _)| *kind == wanted);
    found.map(|(_, octets)| octets.clone()).unwrap_or_default()
}

/// Messages in one piece and many, with what is signed only at each place.
fn messages() -> Vec<Vec<Buffer>> {
    let long: Vec<u8> = (0..5000u32).map(|n| n as u8).collect();
    let of = |buffers: &[(u8, &[u8])]| {
        let each = buffers
            .iter()
            .map(|(kind, octets)| (*kind, octets.to_vec()));
        each.collect()
    };
    vec![
        of(&[(b'd', b"")]),
        of(&[(b'd', b"a")]),
        of(&[(b'd', b"0123456789abcdef")]),
        of(&[(b'd', &long)]),
        of(&[(b'd', b"one"), (b'd', b"two"), (b'd', &long)]),
        of(&[(b's', b"before"), (b'd', b"0123456789abcdef0")]),
        of(&[(b'd', &long), (b's', b"behind")]),
        of(&[
            (b's', b"header of the packet"),
            (b'd', b"some"),
            (b's', b"in between"),
            (b'd', &long),
            (b's', b"trailer of the packet"),
        ]),
    ]
}

fn with(kind: u8, octets: Vec<u8>, rest: &[Buffer]) -> Vec<Buffer> {
    [&[(kind, octets)][..], rest].concat()
}

/// Our tokens, in each shape, to MIT.
fn to_mit(mit: &mut Mit, ours: &mut SecurityContext, dce: bool) {
    for protection in BOTH {
        for message in messages() {
            let what = format!("{protection:?}, DCE style: {dce}, {message:02x?}");
            let expected = Ok((protection, data(&message)));
            let found = |answer: Result<(Protection, Vec<Buffer>), MajorStatus>| {
                answer.map(|(protection, buffers)| (protection, data(&buffers)))
            };
            // Header and trailer.
            let room = ours.sender().detached_room(protection);
            let (mut header, mut trailer) = (vec![0; room.header], vec![0; room.trailer]);
            let mut sent = message.clone();
            ours.sender()
                .wrap_detached(
                    protection,
                    &mut header,
                    &mut pieces(&mut sent),
                    &mut trailer,
                )
                .expect("wrapped");
            let mut buffers = with(b'h', header, &sent);
            buffers.push((b't', trailer));
            // Another octet in what is signed only: refused, and it is not too late for the right.
            if let Some(at) = buffers.iter().position(|(kind, _)| *kind == b's') {
                let mut wrong = buffers.clone();
                wrong[at].1[0] ^= 1;
                let refused = mit.ask(b'u', protection, &wrong);
                assert_eq!(refused.err(), Some(MajorStatus::BAD_MIC), "{what}");
            }
            assert_eq!(
                found(mit.ask(b'u', protection, &buffers)),
                expected,
                "{what}"
            );

            // Token and data.
            let mut token = vec![0; room.token()];
            let mut sent = message.clone();
            ours.sender()
                .wrap_token(protection, &mut token, &mut pieces(&mut sent))
                .expect("wrapped");
            let buffers = with(b'h', token, &sent);
            assert_eq!(
                found(mit.ask(b'u', protection, &buffers)),
                expected,
                "{what}"
            );

            // All in one place.
            let token = ours.wrap(protection, &data(&message)).expect("wrapped");
            let asked = [(b'S', token)];
            assert_eq!(found(mit.ask(b'U', protection, &asked)), expected, "{what}");

            // What a receiver finds in one place, with what is signed only before the message. In
            // DCE style MIT krb5 takes no such stream.
            if dce {
                continue;
            }
            let signed = part(&message, b's');
            let (mut header, mut trailer) = (vec![0; room.header], vec![0; room.trailer]);
            let mut text = data(&message);
            let mut two = [Piece::SignOnly(&signed), Piece::Data(&mut text)];
            ours.sender()
                .wrap_detached(protection, &mut header, &mut two, &mut trailer)
                .expect("wrapped");
            let stream = [header, text, trailer].concat();
            let asked = [(b's', signed), (b'S', stream)];
            assert_eq!(found(mit.ask(b'b', protection, &asked)), expected, "{what}");
        }
    }
    for message in messages() {
        let parts: Vec<&[u8]> = message.iter().map(|(_, octets)| &octets[..]).collect();
        let mut token = vec![0; ours.sender().mic_len()];
        ours.sender()
            .get_mic_of(&parts, &mut token)
            .expect("signed");
        let asked = with(b'M', token, &message);
        let answer = mit.ask(b'v', Protection::Integrity, &asked);
        assert!(answer.is_ok(), "{answer:?}");
    }
}

/// MIT's tokens, in each shape, to us.
fn from_mit(mit: &mut Mit, ours: &mut SecurityContext, dce: bool) {
    let empty = |kind| (kind, Vec::new());
    for protection in BOTH {
        for message in messages() {
            let what = format!("{protection:?}, DCE style: {dce}, {message:02x?}");
            // Header, padding and trailer.
            let mut asked = with(b'h', Vec::new(), &message);
            asked.extend([empty(b'p'), empty(b't')]);
            let (_, mut made) = mit.ask(b'w', protection, &asked).expect("MIT wraps");
            let (mut header, mut trailer) = (part(&made, b'h'), part(&made, b't'));
            let room = ours.sender().detached_room(protection);
            assert_eq!((header.len(), trailer.len()), (room.header, room.trailer));
            assert_eq!(part(&made, b'p').len(), room.padding);
            if let Some(at) = made.iter().position(|(kind, _)| *kind == b's') {
                let mut wrong = made.clone();
                wrong[at].1[0] ^= 1;
                let (mut header, mut trailer) = (header.clone(), trailer.clone());
                let refused = ours.receiver().unwrap_detached(
                    &mut header,
                    &mut pieces(&mut wrong),
                    &mut trailer,
                );
                let error = refused.expect_err("what is signed only is another");
                assert_eq!(
                    error.gss_major(Role::Acceptor),
                    MajorStatus::BAD_MIC,
                    "{what}"
                );
            }
            let unwrapped = ours
                .receiver()
                .unwrap_detached(&mut header, &mut pieces(&mut made), &mut trailer)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(unwrapped.protection(), protection);
            unwrapped.complete().expect("in order");
            assert_eq!(data(&made), data(&message), "{what}");

            // No trailer: all of it is in the header.
            let asked = with(b'h', Vec::new(), &message);
            let (_, mut made) = mit.ask(b'w', protection, &asked).expect("MIT wraps");
            let mut token = part(&made, b'h');
            assert_eq!(token.len(), room.token());
            let unwrapped = ours
                .receiver()
                .unwrap_token(&mut token, &mut pieces(&mut made))
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            unwrapped.complete().expect("in order");
            assert_eq!(data(&made), data(&message), "{what}");

            // The same, received in one place: what is signed only is before the message alone.
            let signed = part(&message, b's');
            let asked = [empty(b'h'), (b's', signed.clone()), (b'd', data(&message))];
            let (_, made) = mit.ask(b'w', protection, &asked).expect("MIT wraps");
            let mut stream = [part(&made, b'h'), data(&made)].concat();
            let unwrapped = ours
                .receiver()
                .unwrap_stream(&signed, &mut stream, b"")
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(unwrapped.complete().expect("in order"), data(&message));

            // Associated data and payload.
            let asked = [(b's', signed.clone()), (b'd', data(&message))];
            let (_, made) = mit.ask(b'a', protection, &asked).expect("MIT wraps");
            let mut stream = data(&made);
            let unwrapped = ours
                .receiver()
                .unwrap_stream(&signed, &mut stream, b"")
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(unwrapped.complete().expect("in order"), data(&message));

            // All in one place.
            let asked = [(b'd', data(&message))];
            let (_, made) = mit.ask(b'W', protection, &asked).expect("MIT wraps");
            let unwrapped = ours.unwrap(&data(&made)).expect("unwrapped");
            assert_eq!(unwrapped.complete().expect("in order"), data(&message));
        }
    }
    for message in messages() {
        let asked = with(b'M', Vec::new(), &message);
        let (_, made) = mit
            .ask(b'm', Protection::Integrity, &asked)
            .expect("MIT signs");
        let parts: Vec<&[u8]> = message.iter().map(|(_, octets)| &octets[..]).collect();
        let status = ours.receiver().verify_mic_of(&parts, &part(&made, b'M'));
        status.expect("genuine").complete().expect("in order");
    }
}

#[test]
fn gss_45_several_buffers_with_an_acceptor_of_mit() {
    let Some(realm) = realm() else { return };
    for enctype in DEFAULT_ENCTYPES {
        let Some(credentials) = ticket(&realm, *enctype) else {
            return;
        };
        let (mut mit, mut ours) = initiated(&realm, credentials, false);
        assert_eq!(ours.session_key().enctype(), *enctype);
        to_mit(&mut mit, &mut ours, false);
        from_mit(&mut mit, &mut ours, false);
    }
}

#[test]
fn gss_45_several_buffers_with_an_initiator_of_mit() {
    let Some(realm) = realm() else { return };
    for enctype in DEFAULT_ENCTYPES {
        let Some((mut mit, mut ours)) = accepted(&realm, *enctype, false) else {
            return;
        };
        assert_eq!(ours.session_key().enctype(), *enctype);
        to_mit(&mut mit, &mut ours, false);
        from_mit(&mut mit, &mut ours, false);
    }
}

#[test]
fn gss_45_53_54_dce_style_with_an_acceptor_of_mit() {
    let Some(realm) = realm() else { return };
    for enctype in DEFAULT_ENCTYPES {
        let Some(credentials) = ticket(&realm, *enctype) else {
            return;
        };
        let (mut mit, mut ours) = initiated(&realm, credentials, true);
        assert!(ours.flags().contains(flags(true)));
        to_mit(&mut mit, &mut ours, true);
        from_mit(&mut mit, &mut ours, true);
    }
}

#[test]
fn gss_45_53_54_dce_style_with_an_initiator_of_mit() {
    let Some(realm) = realm() else { return };
    for enctype in DEFAULT_ENCTYPES {
        let Some((mut mit, mut ours)) = accepted(&realm, *enctype, true) else {
            return;
        };
        assert!(ours.flags().contains(flags(true)));
        to_mit(&mut mit, &mut ours, true);
        from_mit(&mut mit, &mut ours, true);
    }
}
