//! A service and its requests, for threads and processes that share a replay cache.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::client::{AsExchange, TgsExchange};
use orthros::credentials::Credentials;
use orthros::gss::{Acceptor, Initiator, Verified};
use orthros::kdc::{EmbeddedKdc, Policy};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::random::OsRandom;
use orthros::secret::Secret;
use orthros::step::{Ask, Awaiting, Step};
use orthros::time::Timestamp;

const REALM: &str = "REPLAY.TEST";
const SERVICE: &str = "host/localhost";

/// The system's clock.
pub fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// A service's keys, and a client's ticket for it.
pub struct Service {
    keytab: Keytab,
    credentials: Arc<Credentials>,
}

impl Service {
    /// Of a realm that is made for it and gone.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let kdc = EmbeddedKdc::new(REALM, Policy::default(), Arc::new(OsRandom)).expect("a realm");
        let alice = Principal::parse("alice", Some(REALM)).expect("a name");
        let service = Principal::parse(SERVICE, Some(REALM)).expect("a name");
        let password = || Secret::from("correct horse");
        kdc.add_user(alice.clone(), &password()).expect("a user");
        kdc.add_service(service.clone()).expect("a service");
        let exchange = AsExchange::with_password(alice, password());
        let tgt = run(&kdc, exchange.start(now()).expect("an AS-REQ")).credentials;
        let exchange = TgsExchange::new(&tgt, service.clone());
        let ticket = run(&kdc, exchange.start(now()).expect("a TGS-REQ"));
        Self {
            keytab: kdc.keytab_for(&service, now()).expect("its keys"),
            credentials: Arc::new(ticket.credentials),
        }
    }

    /// The client, with its ticket.
    pub fn initiator(&self) -> Initiator {
        Initiator::new(Arc::clone(&self.credentials))
    }

    /// Requests of the client, each with an authenticator of its own.
    pub fn tokens(&self, count: usize) -> Vec<Vec<u8>> {
        let request = |_| match self.initiator().request(now()).expect("an AP-REQ") {
            Step::Continue { token, .. } => token,
            Step::Established { token, .. } => token.expect("a token"),
        };
        (0..count).map(request).collect()
    }

    /// An acceptor whose replay cache is asked by the test.
    pub fn acceptor(&self) -> Acceptor {
        acceptor(&self.keytab)
    }

    /// Puts keys and requests where other processes find them.
    pub fn write(&self, directory: &Path, tokens: &[Vec<u8>]) {
        let keytab = self.keytab.to_bytes();
        fs::write(directory.join("keytab"), keytab.expose()).expect("a file");
        let lines: Vec<String> = tokens.iter().map(|token| hex(token)).collect();
        fs::write(directory.join("tokens"), lines.join("\n")).expect("a file");
    }
}

/// What [`Service::write`] wrote.
pub fn read(directory: &Path) -> (Acceptor, Vec<Vec<u8>>) {
    let keytab = fs::read(directory.join("keytab")).expect("a keytab");
    let keytab = Keytab::parse(&keytab, "keytab").expect("a keytab");
    let tokens = fs::read_to_string(directory.join("tokens")).expect("tokens");
    (acceptor(&keytab), tokens.lines().map(octets).collect())
}

fn acceptor(keytab: &Keytab) -> Acceptor {
    let keys = keytab.entries().filter_map(|(_, entry)| {
        let key = entry.key()?.clone();
        Some((entry.principal().clone(), entry.kvno(), key))
    });
    let keys = Arc::new(ServiceKeys::new(keys.collect::<Vec<_>>()));
    let config = AcceptorConfig::new(keys, Accepts::Class("host".into()));
    Acceptor::new(ap::Acceptor::new(config))
}

/// A token that passed every check but the last.
pub fn verified(acceptor: &Acceptor, token: &[u8]) -> Verified {
    let verified = acceptor.clone().verify(token, now());
    verified.expect("a token against which nothing can be said")
}

fn run<N: Awaiting>(kdc: &EmbeddedKdc, mut ask: Ask<N, N::Output>) -> N::Output {
    loop {
        match ask {
            Ask::Done(output) => return output,
            Ask::Send { request, next, .. } => {
                let answer = kdc.answer(&request, now()).expect("an answer");
                ask = next.reply(&answer, now()).expect("a good answer");
            }
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn octets(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Presents every token from each of `threads` threads at once; gives how often each was
/// accepted.
pub fn race(
    threads: usize,
    tokens: &[Vec<u8>],
    accept: impl Fn(&[u8]) -> bool + Sync,
) -> Vec<usize> {
    let accepted: Vec<AtomicUsize> = tokens.iter().map(|_| AtomicUsize::new(0)).collect();
    let start = std::sync::Barrier::new(threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                start.wait();
                for (token, accepted) in tokens.iter().zip(&accepted) {
                    if accept(token) {
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    accepted.into_iter().map(AtomicUsize::into_inner).collect()
}

/// Waits until a moment, in microseconds since 1970, that several processes were told.
pub fn wait_until(micros: i64) {
    while now().as_micros() < micros {
        thread::sleep(Duration::from_micros(200));
    }
}

/// How often each number stands in the lines `accepted N` of several outputs.
pub fn count(outputs: &[String]) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    let lines = outputs.iter().flat_map(|output| output.lines());
    // The test harness may have begun the line.
    for (_, number) in lines.filter_map(|line| line.split_once("accepted ")) {
        if let Ok(number) = number.trim().parse() {
            *counts.entry(number).or_default() += 1;
        }
    }
    counts
}
