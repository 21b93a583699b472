//! What is no row: an acceptor whose replay cache is on a server, beside a bare round trip to it.

use std::fs::File;
use std::hint::black_box;
use std::net::{Ipv4Addr, TcpListener, TcpStream as Blocking};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use orthros::ap::{self, ReplayEntry, ReplayVerdict};
use orthros::crypto::Enctype;
use orthros::gss;
use orthros::random::{OsRandom, Random};
use orthros::step::Step;
use orthros_net::valkey::{Persistence, ValkeyConfig, ValkeyReplayCache};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peers::Peer;
use crate::peers::orthros::{Orthros, config, first_token};
use crate::realm::{PacKind, Realm, now};

const REQUESTS: usize = 500;

/// A redis-server on loopback; killed when dropped.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(realm: &Realm) -> Result<Self, String> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|s| s.local_addr());
        let port = free.map_err(|e| e.to_string())?.port();
        let log = File::create(realm.dir().join("redis.log")).map_err(|e| e.to_string())?;
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            // It counts as one that keeps everything, so that nobody waits; it is not killed.
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", "no"])
            .current_dir(realm.dir())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("redis-server is not on this machine ({e})"))?;
        let mut server = Self { process, port };
        let patience = Instant::now() + Duration::from_secs(20);
        while Blocking::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = server
                .process
                .try_wait()
                .is_ok_and(|status| status.is_some());
            if ended || Instant::now() > patience {
                return Err("redis-server does not start".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Compares, by the clock on the wall: the server is another process.
pub fn report(realm: &Realm, rounds: usize) {
    let server = match Server::start(realm) {
        Ok(server) => server,
        Err(why) => {
            println!("not run: a replay cache on a server: {why}");
            return;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut measured = runtime.block_on(compare(realm, server.port, rounds));
    println!("| replay cache on a server, wall time     |    µs | /bare |");
    println!("|-----------------------------------------|------:|------:|");
    let names = [
        "bare: the same SET on a socket",
        "cache: a request tested for and inserted",
        "accept/18, one ticket",
        "accept-new/18, a ticket each",
    ];
    for (column, name) in names.into_iter().enumerate() {
        let mut median = |of: fn(&[f64; 4], usize) -> f64| {
            measured.sort_by(|a, b| of(a, column).total_cmp(&of(b, column)));
            of(&measured[measured.len() / 2], column)
        };
        let time = median(|times, column| times[column]);
        let ratio = median(|times, column| times[column] / times[0]);
        println!("| {name:<40}| {:>5.1} | {ratio:>5.2} |", time / 1e3);
    }
}

/// Nanoseconds of each, round by round.
async fn compare(realm: &Realm, port: u16, rounds: usize) -> Vec<[f64; 4]> {
    let case = realm.case(Enctype::AES256_CTS_HMAC_SHA1_96, PacKind::Minimal);
    let config = config(realm).expect("a keytab").without_replay_cache();
    let acceptor = gss::Acceptor::new(ap::Acceptor::new(config));
    let cache = ValkeyReplayCache::new(
        ValkeyConfig::new("127.0.0.1", port)
            .persistence(Persistence::Kept)
            .timeout(Duration::from_secs(10)),
    );
    let mut bare = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("a connection");
    bare.set_nodelay(true).expect("a socket");
    let mut initiator = Orthros.initiator(realm, case).expect("a ticket");
    let mut measured = Vec::new();
    for round in 0..=rounds {
        let one_ticket: Vec<_> = (0..REQUESTS).map(|_| initiator.initiate().0).collect();
        let new: Vec<_> = (0..REQUESTS).map(|_| first_token(realm, case)).collect();
        let times = [
            round_trips(&mut bare).await,
            asks(&cache).await,
            accepts(&acceptor, &cache, &one_ticket).await,
            accepts(&acceptor, &cache, &new).await,
        ];
        // Round 0 warms up.
        if round > 0 {
            measured.push(times.map(|time| time.as_nanos() as f64 / REQUESTS as f64));
        }
    }
    measured
}

fn tag() -> [u8; 12] {
    let mut tag = [0; 12];
    OsRandom.fill(&mut tag).expect("a random number generator");
    tag
}

async fn round_trips(bare: &mut TcpStream) -> Duration {
    let commands: Vec<String> = (0..REQUESTS)
        .map(|_| {
            let tag = u128::from_be_bytes([[0; 4].as_slice(), &tag()].concat().try_into().expect("16"));
            format!(
                "*6\r\n$3\r\nSET\r\n$39\r\northros:replay:{tag:024x}\r\n$1\r\n1\r\n$2\r\nNX\r\n$2\r\nPX\r\n$6\r\n600001\r\n"
            )
        })
        .collect();
    let start = Instant::now();
    for command in &commands {
        bare.write_all(command.as_bytes()).await.expect("a server");
        let mut answer = [0; 5];
        bare.read_exact(&mut answer).await.expect("a server");
        assert_eq!(&answer, b"+OK\r\n");
    }
    start.elapsed()
}

async fn asks(cache: &ValkeyReplayCache) -> Duration {
    let at = now();
    let entries: Vec<_> = (0..REQUESTS)
        .map(|_| ReplayEntry {
            tag: tag(),
            ctime: at,
            expires: at.plus(Duration::from_secs(300)),
        })
        .collect();
    let start = Instant::now();
    for entry in &entries {
        let verdict = cache.check_and_insert(entry, at).await;
        assert_eq!(verdict, ReplayVerdict::Fresh);
    }
    start.elapsed()
}

async fn accepts(
    acceptor: &gss::Acceptor,
    cache: &ValkeyReplayCache,
    tokens: &[Vec<u8>],
) -> Duration {
    let start = Instant::now();
    for token in tokens {
        let verified = acceptor.clone().verify(token, now());
        let verified = verified.expect("orthros verifies");
        let verdict = cache.check_and_insert(verified.entry(), now()).await;
        match verified.admit(verdict, now()) {
            Ok(Step::Established { token, context }) => drop(black_box((token, context))),
            Ok(Step::Continue { .. }) => panic!("another token is wanted"),
            Err(refusal) => panic!("{}", refusal.error),
        }
    }
    start.elapsed()
}
