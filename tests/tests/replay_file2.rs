//! Replay caches of one host: memory, and MIT krb5's `file2` with its own programs.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use orthros::ap::{MemoryReplayCache, ReplayCache, ReplayEntry, ReplayVerdict};
use orthros::ccache::CredentialCache;
use orthros::crypto::Enctype;
use orthros::env::{Environment, File2ReplayCache, RcacheName};
use orthros::gss::{Acceptor, Initiator};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::step::Step;
use orthros_tests::mit::{MitRealm, free_port, program_or_not_run, text};
use orthros_tests::replay::{Service, count, now, race, read, verified, wait_until};

const THREADS: usize = 64;
const PROCESSES: usize = 8;

fn admit(acceptor: &Acceptor, cache: &dyn ReplayCache, token: &[u8]) -> bool {
    let verified = verified(acceptor, token);
    let verdict = cache.check_and_insert(verified.entry(), now());
    let accepted = verified.admit(verdict.clone(), now()).is_ok();
    assert!(
        matches!(verdict, ReplayVerdict::Fresh | ReplayVerdict::Seen),
        "{verdict:?}"
    );
    accepted
}

#[test]
fn ap_47_sixty_four_threads_one_accepted_memory() {
    let service = Service::new();
    let (acceptor, cache) = (service.acceptor(), MemoryReplayCache::new());
    let accepted = race(THREADS, &service.tokens(20), |token| {
        admit(&acceptor, &cache, token)
    });
    assert_eq!(accepted, [1; 20]);
}

#[test]
fn ap_47_sixty_four_threads_one_accepted_file2() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::new();
    let acceptor = service.acceptor();
    let cache = File2ReplayCache::open(directory.path().join("rcache")).unwrap();
    let accepted = race(THREADS, &service.tokens(20), |token| {
        admit(&acceptor, &cache, token)
    });
    assert_eq!(accepted, [1; 20]);
}

/// What a cache that several processes share knows of the first time: of ours to the second, of
/// MIT's too.
#[test]
fn ap_43_the_file_knows_when_it_was_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rcache");
    let service = Service::new();
    let (acceptor, tokens) = (service.acceptor(), service.tokens(2));
    let (first, second) = (
        File2ReplayCache::open(&path).unwrap(),
        File2ReplayCache::open(&path).unwrap(),
    );
    let before = now();
    assert!(admit(&acceptor, &first, &tokens[0]));
    let known = *verified(&acceptor, &tokens[0]).entry();
    let other = *verified(&acceptor, &tokens[1]).entry();
    assert_eq!(second.check_and_insert(&known, now()), ReplayVerdict::Seen);
    let seen = second.first_seen(&known).unwrap().micros_since(before);
    assert!((-1_000_000..=2_000_000).contains(&seen), "{seen}");
    assert_eq!(second.first_seen(&other), None);
    assert_eq!(second.kind(), "file2");
    let Some(program) = rcache_program(directory.path()) else {
        return;
    };
    let theirs = store_with_mit(&program, &path, 0..5);
    assert_eq!(lines(theirs).len(), 5);
    let seen = second.first_seen(&entry(3));
    assert!(seen.is_some());
}

/// This program again, to run `child` with these variables.
fn again(directory: &Path, role: &str, start: i64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("ORTHROS_REPLAY", directory)
        .env("ORTHROS_REPLAY_ROLE", role)
        .env("ORTHROS_REPLAY_START", start.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What a process of the tests below does; nothing when it is run with the other tests.
#[test]
fn child() {
    let Some(directory) = std::env::var_os("ORTHROS_REPLAY").map(PathBuf::from) else {
        return;
    };
    let role = std::env::var("ORTHROS_REPLAY_ROLE").unwrap();
    let start = std::env::var("ORTHROS_REPLAY_START").unwrap();
    let (acceptor, tokens) = read(&directory);
    let cache = File2ReplayCache::open(directory.join("rcache")).unwrap();
    wait_until(start.parse().unwrap());
    if role == "race" {
        let accepted = race(THREADS, &tokens, |token| admit(&acceptor, &cache, token));
        for (number, accepted) in accepted.iter().enumerate() {
            for _ in 0..*accepted {
                println!("accepted {number}");
            }
        }
        return;
    }
    // Each worker begins elsewhere, and writes down what it accepts before it goes on.
    let first = std::process::id() as usize * 131 % tokens.len();
    let path = directory.join(format!("log-{}", std::process::id()));
    let mut log = fs::File::create(path).unwrap();
    for number in (first..tokens.len()).chain(0..first) {
        if admit(&acceptor, &cache, &tokens[number]) {
            log.write_all(format!("accepted {number}\n").as_bytes())
                .unwrap();
        }
    }
}

fn output(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

#[test]
fn ap_48_eight_processes_of_sixty_four_threads_one_accepted_file2() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::new();
    service.write(directory.path(), &service.tokens(20));
    let start = now().plus(Duration::from_secs(1)).as_micros();
    let children: Vec<Child> = (0..PROCESSES)
        .map(|_| again(directory.path(), "race", start).spawn().unwrap())
        .collect();
    let outputs: Vec<String> = children.into_iter().map(output).collect();
    let expected = (0..20).map(|number| (number, 1)).collect();
    assert_eq!(count(&outputs), expected);
}

/// Workers are killed while they store, and others take their place.
#[test]
fn ap_47_killed_at_any_moment_nothing_is_accepted_twice_file2() {
    const TOKENS: usize = 4000;
    let directory = tempfile::tempdir().unwrap();
    let service = Service::new();
    let tokens = service.tokens(TOKENS);
    service.write(directory.path(), &tokens);
    let worker = || again(directory.path(), "work", 0).spawn().unwrap();
    let mut workers: Vec<Child> = (0..4).map(|_| worker()).collect();
    let mut kills = 0;
    for round in 0u64..60 {
        // Between its start and its end, everywhere.
        thread::sleep(Duration::from_millis(20 + round * 37 % 90));
        let index = round as usize % workers.len();
        if workers[index].try_wait().unwrap().is_none() {
            workers[index].kill().unwrap();
            kills += 1;
        }
        workers[index].wait().unwrap();
        workers[index] = worker();
    }
    for worker in workers {
        output(worker);
    }
    assert!(kills > 10, "{kills} kills");
    let logs = fs::read_dir(directory.path()).unwrap();
    let logs = logs.map(|entry| entry.unwrap().path());
    let logs: Vec<String> = logs
        .filter(|path| path.to_string_lossy().contains("log-"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let counts = count(&logs);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    // Whoever was killed after it stored and before it wrote has taken its token along.
    assert!(counts.len() >= TOKENS - kills, "{}", counts.len());
    let cache = File2ReplayCache::open(directory.path().join("rcache")).unwrap();
    let acceptor = service.acceptor();
    assert!(!tokens.iter().any(|token| admit(&acceptor, &cache, token)));
}

// ------------------------------------------------------------------------------------ MIT krb5

fn rcache_program(directory: &Path) -> Option<PathBuf> {
    let test = "replay caches with MIT krb5";
    let cc = program_or_not_run(test, "cc")?;
    let program = directory.join("rcache-program");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/rcache.c");
    let output = Command::new(cc)
        .arg(source)
        .arg("-o")
        .arg(&program)
        .arg("-lkrb5")
        .output()
        .unwrap();
    if !output.status.success() {
        println!("not run: {test}: no headers of its library");
        return None;
    }
    Some(program)
}

fn tag(number: u32) -> [u8; 12] {
    let mut tag = [0x5a; 12];
    // Spread, so that it is not the hash alone that spreads them.
    tag[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
    tag
}

fn entry(number: u32) -> ReplayEntry {
    let ctime = now();
    ReplayEntry {
        tag: tag(number),
        ctime,
        expires: ctime.plus(Duration::from_secs(300)),
    }
}

/// Starts MIT's program with these tags.
fn store_with_mit(program: &Path, cache: &Path, numbers: std::ops::Range<u32>) -> Child {
    let mut child = Command::new(program)
        .arg(format!("file2:{}", cache.display()))
        .env("KRB5_CONFIG", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::spawn(move || {
        for number in numbers {
            let hex: String = tag(number).iter().map(|o| format!("{o:02x}")).collect();
            writeln!(stdin, "{hex}").unwrap();
        }
    });
    child
}

fn lines(child: Child) -> Vec<String> {
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    assert!(status.success(), "{status}");
    let stdout = String::from_utf8(stdout).unwrap();
    stdout.lines().map(str::to_owned).collect()
}

/// Enough for four tables.
#[test]
fn file_20_mit_finds_what_we_stored_and_we_what_mit_stored() {
    let directory = tempfile::tempdir().unwrap();
    let Some(program) = rcache_program(directory.path()) else {
        return;
    };
    for ours_first in [true, false] {
        let path = directory.path().join(format!("rcache-{ours_first}"));
        let store = |numbers: std::ops::Range<u32>| {
            let cache = File2ReplayCache::open(&path).unwrap();
            let stored = numbers.map(|n| cache.check_and_insert(&entry(n), now()));
            stored.collect::<Vec<_>>()
        };
        let mit = |numbers| lines(store_with_mit(&program, &path, numbers));
        let ours = 0..6000;
        let theirs = 6000..12_000;
        let all = |verdicts: &[ReplayVerdict], verdict| verdicts.iter().all(|v| *v == verdict);
        if ours_first {
            assert!(all(&store(ours.clone()), ReplayVerdict::Fresh));
            assert!(mit(theirs.clone()).iter().all(|line| line == "fresh"));
        } else {
            assert!(mit(theirs.clone()).iter().all(|line| line == "fresh"));
            assert!(all(&store(ours.clone()), ReplayVerdict::Fresh));
        }
        assert!(fs::metadata(&path).unwrap().len() > 114_688);
        assert!(mit(ours).iter().all(|line| line == "replay"));
        assert!(all(&store(theirs), ReplayVerdict::Seen));
    }
}

/// Both at once: each tag has one winner, so each sees the other's lock.
#[test]
fn file_20_mit_and_we_at_the_same_time() {
    const TAGS: u32 = 5000;
    let directory = tempfile::tempdir().unwrap();
    let Some(program) = rcache_program(directory.path()) else {
        return;
    };
    let path = directory.path().join("rcache");
    let theirs = [(); 2].map(|()| store_with_mit(&program, &path, 0..TAGS));
    let ours: Vec<_> = (0..2)
        .map(|_| {
            let cache = File2ReplayCache::open(&path).unwrap();
            thread::spawn(move || {
                let fresh = |n| cache.check_and_insert(&entry(n), now()) == ReplayVerdict::Fresh;
                (0..TAGS).map(fresh).collect::<Vec<bool>>()
            })
        })
        .collect();
    let mut winners = vec![0; TAGS as usize];
    for child in theirs {
        for (winners, line) in winners.iter_mut().zip(lines(child)) {
            *winners += u32::from(line == "fresh");
        }
    }
    for thread in ours {
        for (winners, fresh) in winners.iter_mut().zip(thread.join().unwrap()) {
            *winners += u32::from(fresh);
        }
    }
    assert!(winners.iter().all(|count| *count == 1));
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn gss_server(realm: &MitRealm) -> Option<(Running, u16)> {
    let port = free_port();
    let mut command = realm.command("gss-server")?;
    let server = command
        .args(["-port", &port.to_string(), "host@localhost"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut server = Running(server);
    let patience = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(server.0.try_wait().unwrap().is_none(), "gss-server ended");
        assert!(Instant::now() < patience, "gss-server does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    Some((server, port))
}

/// Whether gss-server answers a token with an AP-REP.
fn gss_server_accepts(port: u16, token: &[u8]) -> bool {
    use std::io::Read;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut frame = |flags: u8, token: &[u8]| {
        let length = u32::try_from(token.len()).unwrap().to_be_bytes();
        let octets = [&[flags][..], &length, token].concat();
        stream.write_all(&octets).unwrap();
    };
    frame(1 | 1 << 4, b"");
    frame(1 << 1, token);
    let mut head = [0; 5];
    if stream.read_exact(&mut head).is_err() {
        return false;
    }
    let length = u32::from_be_bytes(head[1..].try_into().unwrap());
    let mut reply = vec![0; length as usize];
    stream.read_exact(&mut reply).unwrap();
    // TOK_ID after the mechanism: 02 00 is an AP-REP, 03 00 a KRB-ERROR.
    let mech = [
        0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02,
    ];
    let at = reply.windows(mech.len()).position(|w| w == mech).unwrap();
    reply[at + mech.len()] == 2
}

#[test]
fn file_20_a_token_accepted_by_one_is_a_replay_at_the_other() {
    let Some(realm) = MitRealm::start() else {
        return;
    };
    realm.add_principal("alice", "correct horse");
    realm.add_service("host/localhost");
    if realm.kinit("alice", "correct horse", &[]).is_none() {
        return;
    }
    let Some((_server, port)) = gss_server(&realm) else {
        return;
    };
    // The name is the one that gss-server has in its environment.
    let (_, name) = realm
        .environment()
        .into_iter()
        .find(|(variable, _)| *variable == "KRB5RCACHENAME")
        .unwrap();
    let environment = Environment::of_trusted_process()
        .with("KRB5RCACHENAME", name)
        .unwrap();
    let name = environment.replay_cache(None).unwrap();
    assert!(matches!(name, RcacheName::File2(_)));
    let cache = name.open().unwrap().unwrap();

    let keytab = Keytab::parse(&fs::read(realm.keytab()).unwrap(), "keytab").unwrap();
    let keys = keytab.entries().filter_map(|(_, entry)| {
        let key = entry.key()?.clone();
        Some((entry.principal().clone(), entry.kvno(), key))
    });
    let keys = orthros::ap::ServiceKeys::new(keys.collect::<Vec<_>>());
    let service = Principal::parse("host/localhost", Some(realm.realm())).unwrap();
    let accepts = orthros::ap::Accepts::Service(service.clone());
    let config = orthros::ap::AcceptorConfig::new(Arc::new(keys), accepts);
    let config = config.replay_cache(Arc::clone(&cache));
    let acceptor = Acceptor::new(orthros::ap::Acceptor::new(config));

    // The MAC has 12, 24 and 16 octets.
    for enctype in [
        Enctype::AES256_CTS_HMAC_SHA1_96,
        Enctype::AES256_CTS_HMAC_SHA384_192,
        Enctype::AES128_CTS_HMAC_SHA256_128,
    ] {
        let mut kvno = realm.command("kvno").unwrap();
        kvno.args(["-e", &enctype.to_string(), "host/localhost"]);
        let output = kvno.output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        let ccache = CredentialCache::parse(&fs::read(realm.ccache()).unwrap(), "ccache").unwrap();
        let found = ccache.find(&service, now(), &[enctype]).unwrap();
        let credentials = Arc::new(ccache.to_credentials(found).unwrap());
        let token = || match Initiator::new(Arc::clone(&credentials)).request(now()) {
            Ok(Step::Continue { token, .. }) => token,
            other => panic!("{other:?}"),
        };
        let ours_first = token();
        assert!(acceptor.clone().accept(&ours_first, now()).is_ok());
        assert!(!gss_server_accepts(port, &ours_first), "{enctype}");
        let theirs_first = token();
        assert!(gss_server_accepts(port, &theirs_first), "{enctype}");
        let refusal = acceptor.clone().accept(&theirs_first, now()).unwrap_err();
        assert_eq!(refusal.error.protocol_code().0, 34, "{enctype}");
        assert!(gss_server_accepts(port, &token()));
    }
}
