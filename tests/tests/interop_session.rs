//! KRB-SAFE, KRB-PRIV and KRB-CRED with MIT krb5's library: `session_peer.c`, compiled here.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, OnceLock};

use orthros::ap::{
    Acceptor, AcceptorConfig, Accepts, Cksum, Freshness, HostAddr, HostAddresses, Initiator,
    InitiatorConfig, ServiceKeys, Session, SessionAddresses, SessionConfig, Unbound,
};
use orthros::ccache::Wanted;
use orthros::credentials::Credentials;
use orthros::env;
use orthros::principal::Principal;
use orthros::step::Step;
use orthros_tests::mit::{MitRealm, program_or_not_run};
use tempfile::TempDir;

const SERVICE: &str = "host/session@MIT.TEST";
const OTHER: &str = "host/other@MIT.TEST";

/// MIT's side, compiled once; `None` and `not run` where it cannot be.
fn peer() -> Option<&'static Path> {
    static PEER: OnceLock<Option<(TempDir, PathBuf)>> = OnceLock::new();
    let built = PEER.get_or_init(|| {
        let test = "sessions with MIT krb5";
        let cc = program_or_not_run(test, "cc")?;
        let folder = tempfile::tempdir().expect("a temporary directory");
        let program = folder.path().join("session_peer");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/session_peer.c");
        let output = Command::new(cc)
            .args(["-Wall", "-o"])
            .args([&program, &source])
            .arg("-lkrb5")
            .output()
            .expect("cc runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let absent = said.contains("krb5/krb5.h") || said.contains("-lkrb5");
        if !output.status.success() && absent {
            println!("not run: {test}: the headers of MIT krb5 (libkrb5-dev) are not installed");
            return None;
        }
        assert!(output.status.success(), "{said}");
        Some((folder, program))
    });
    built.as_ref().map(|(_, program)| program.as_path())
}

/// MIT's side, running.
struct Mit {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Mit {
    fn start(realm: &MitRealm, role: &str, how: &How) -> Option<Self> {
        // From its side. It writes what it is told of the peer as the recipient's address, where
        // a direction has no place.
        let (local, remote) = match (how.directional, role) {
            (true, "initiator") => ("3:00000000", "-"),
            (true, _) => ("3:00000001", "-"),
            (false, "initiator") => ("2:7f000001", "2:7f000002"),
            (false, _) => ("2:7f000002", "2:7f000001"),
        };
        let mut child = Command::new(peer()?)
            .args([role, SERVICE, &how.flags.to_string(), local, remote])
            .envs(realm.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("session_peer starts");
        let (to, from) = (child.stdin.take(), child.stdout.take());
        Some(Self {
            child,
            to: to.expect("its input"),
            from: from.expect("its output"),
        })
    }

    fn send(&mut self, octets: &[u8]) {
        let length = u32::try_from(octets.len()).expect("short");
        self.to
            .write_all(&length.to_be_bytes())
            .and_then(|()| self.to.write_all(octets))
            .expect("session_peer reads");
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.from
            .read_exact(&mut length)
            .expect("session_peer answers");
        let mut octets = vec![0; u32::from_be_bytes(length) as usize];
        self.from
            .read_exact(&mut octets)
            .expect("session_peer answers");
        octets
    }

    /// What it makes of it, or the number of its error.
    fn ask(&mut self, what: u8, octets: &[u8]) -> Result<Vec<u8>, i32> {
        self.send(&[&[what], octets].concat());
        let answer = self.receive();
        match answer.split_first() {
            Some((b'+', rest)) => Ok(rest.to_vec()),
            Some((b'-', rest)) => {
                let number = String::from_utf8_lossy(rest).into_owned();
                Err(number.parse().expect("a number"))
            }
            _ => panic!("session_peer said {answer:?}"),
        }
    }
}

impl Drop for Mit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What both sides are told.
#[derive(Clone, Copy, Debug)]
struct How {
    freshness: Freshness,
    directional: bool,
    /// Of MIT's auth context.
    flags: u32,
}

/// Times, numbers, both; hosts, directions; with a subkey of the acceptor's and without.
fn ways() -> Vec<How> {
    let mut ways = Vec::new();
    for (freshness, flags) in [
        (Freshness::Timestamps, 1),
        (Freshness::SequenceNumbers, 4),
        (Freshness::Both, 5),
    ] {
        for directional in [false, true] {
            for subkey in [0, 0x20] {
                ways.push(How {
                    freshness,
                    directional,
                    flags: flags | subkey,
                });
            }
        }
    }
    ways
}

fn config(how: &How, local: u8, peer: u8) -> SessionConfig {
    let host = |last: u8| HostAddr::from(std::net::IpAddr::from([127, 0, 0, last]));
    let addresses = match how.directional {
        true => SessionAddresses::Directional,
        false => HostAddresses::new(host(local), host(peer))
            .expect("addresses that may be named")
            .into(),
    };
    SessionConfig::new(how.freshness, addresses)
}

fn principal(name: &str) -> Principal {
    Principal::parse(name, None).expect("a principal")
}

fn realm() -> Option<MitRealm> {
    peer()?;
    let realm = MitRealm::start()?;
    realm.add_principal("alice", "password");
    realm.add_service(SERVICE);
    realm.add_service(OTHER);
    realm.kinit("alice", "password", &["-f"])?;
    realm.kvno(SERVICE)?;
    realm.kvno(OTHER)?;
    Some(realm)
}

fn ticket(realm: &MitRealm, name: &str) -> Credentials {
    let cache = env::read_ccache(&realm.ccache()).expect("MIT's cache");
    let name = principal(name);
    let found = cache.search(&Wanted::new(&name), env::now());
    let found = found.expect("a ticket");
    cache.to_credentials(found).expect("credentials")
}

/// Messages of every kind go both ways; each side refuses what it has to, with the same code.
fn talk(mit: &mut Mit, ours: &mut Session, how: &How) {
    for n in 0..3u8 {
        let data = vec![n; 5 + 100 * usize::from(n)];
        let safe = ours.make_safe(&data, env::now()).expect("KRB-SAFE");
        assert_eq!(mit.ask(b'S', &safe).as_ref(), Ok(&data), "{how:?}");
        let private = ours.make_priv(&data, env::now()).expect("KRB-PRIV");
        assert_eq!(mit.ask(b'P', &private).as_ref(), Ok(&data), "{how:?}");
        let safe = mit.ask(b's', &data).expect("MIT's KRB-SAFE");
        let read = ours.read_safe(&safe, env::now());
        assert_eq!(read.unwrap_or_else(|e| panic!("{how:?}: {e}")), data);
        let private = mit.ask(b'p', &data).expect("MIT's KRB-PRIV");
        let read = ours.read_priv(&private, env::now());
        let read = read.unwrap_or_else(|e| panic!("{how:?}: {e}"));
        assert_eq!(read.expose(), data);
    }
    // What was seen, and what was changed.
    let again = match how.freshness {
        Freshness::Timestamps => [34, 34],
        // Each may look at the time first, or at the number.
        _ => [42, 34],
    };
    let theirs = mit.ask(b'p', b"once").expect("MIT's KRB-PRIV");
    assert!(ours.read_priv(&theirs, env::now()).is_ok());
    let refused = ours.read_priv(&theirs, env::now()).expect_err("a replay");
    assert!(
        again.contains(&refused.protocol_code().0),
        "{how:?}: {refused}"
    );
    let mine = ours.make_priv(b"once", env::now()).expect("KRB-PRIV");
    assert!(mit.ask(b'P', &mine).is_ok());
    let refused = mit.ask(b'P', &mine).expect_err("a replay");
    assert!(again.contains(&refused), "{how:?}: {refused}");
    let mut changed = ours.make_safe(b"data", env::now()).expect("KRB-SAFE");
    *changed.last_mut().expect("octets") ^= 1;
    assert_eq!(mit.ask(b'S', &changed), Err(41), "{how:?}");
    changed = mit.ask(b's', b"data").expect("MIT's KRB-SAFE");
    *changed.last_mut().expect("octets") ^= 1;
    let refused = ours.read_safe(&changed, env::now()).expect_err("changed");
    assert_eq!(refused.protocol_code().0, 41, "{how:?}");
}

/// Tickets are given away both ways. With numbers MIT takes its next one for the nonce.
fn give(mit: &mut Mit, ours: &mut Session, other: &Credentials, how: &How) {
    let nonce = (how.freshness != Freshness::Timestamps).then(|| ours.next_number());
    let cred = ours
        .make_cred([other], nonce, env::now())
        .expect("KRB-CRED");
    let read = mit
        .ask(b'C', &cred)
        .unwrap_or_else(|e| panic!("{how:?}: {e}"));
    let expected = format!("alice@MIT.TEST {OTHER}\n");
    assert_eq!(String::from_utf8_lossy(&read), expected, "{how:?}");
    if how.freshness == Freshness::SequenceNumbers {
        return; // MIT sends no time then, which AP-71 demands.
    }
    let cred = mit.ask(b'c', OTHER.as_bytes()).expect("MIT's KRB-CRED");
    let read = ours.read_cred(&cred, None, env::now());
    let read = read.unwrap_or_else(|e| panic!("{how:?}: {e}"));
    let [one] = &read[..] else { panic!("{read:?}") };
    assert_eq!((&one.client, &one.server), (&other.client, &other.server));
    assert_eq!(one.ticket, other.ticket);
    assert_eq!(one.session_key, other.session_key);
    assert_eq!(one.endtime, other.endtime);
}

#[test]
fn ap_60_to_ap_73_with_an_acceptor_of_mit() {
    let Some(realm) = realm() else { return };
    let (mine, other) = (Arc::new(ticket(&realm, SERVICE)), ticket(&realm, OTHER));
    for how in ways() {
        let begin = || {
            let mut mit = Mit::start(&realm, "acceptor", &how)?;
            let initiator = Initiator::new(Arc::clone(&mine), InitiatorConfig::default());
            let step = initiator.request(Cksum::None, env::now());
            let Ok(Step::Continue { token, next }) = step else {
                panic!("mutual was asked for");
            };
            mit.send(&token);
            let reply = mit.receive();
            let Ok(Step::Established { context, .. }) = next.reply(&reply, env::now()) else {
                panic!("{how:?}: no AP-REP");
            };
            let session = Session::initiator(context, config(&how, 1, 2));
            Some((mit, session.expect("a session")))
        };
        // A session each: what MIT's context makes of numbers after a KRB-CRED is its own.
        let Some((mut mit, mut ours)) = begin() else {
            return;
        };
        give(&mut mit, &mut ours, &other, &how);
        let Some((mut mit, mut ours)) = begin() else {
            return;
        };
        talk(&mut mit, &mut ours, &how);
    }
}

#[test]
fn ap_60_to_ap_73_with_an_initiator_of_mit() {
    let Some(realm) = realm() else { return };
    let other = ticket(&realm, OTHER);
    let keytab = env::read_keytab(&realm.keytab()).expect("MIT's keytab");
    let accepts = Accepts::Service(principal(SERVICE));
    let acceptor = Acceptor::new(AcceptorConfig::new(
        Arc::new(ServiceKeys::from(&keytab)),
        accepts,
    ));
    for how in ways() {
        let begin = || {
            let mut mit = Mit::start(&realm, "initiator", &how)?;
            let request = mit.receive();
            let accepted = acceptor.accept(&request, &Unbound, None, env::now());
            let accepted = accepted.unwrap_or_else(|e| panic!("{how:?}: {e}"));
            mit.send(&accepted.reply.expect("an AP-REP"));
            let session = Session::acceptor(accepted.keys, config(&how, 2, 1));
            Some((mit, session.expect("a session")))
        };
        let Some((mut mit, mut ours)) = begin() else {
            return;
        };
        give(&mut mit, &mut ours, &other, &how);
        let Some((mut mit, mut ours)) = begin() else {
            return;
        };
        talk(&mut mit, &mut ours, &how);
    }
}
