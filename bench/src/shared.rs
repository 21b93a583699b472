//! What is no row: an acceptor that threads share, and what a replay cache in memory takes.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use orthros::ap::{self, MemoryReplayCache, ReplayCache, ReplayEntry, ReplayVerdict};
use orthros::crypto::Enctype;
use orthros::gss;
use orthros::random::{OsRandom, Random};

use crate::peers::Peer;
use crate::peers::orthros::{Orthros, config, first_token};
use crate::realm::{PacKind, Realm, now};
use crate::{alloc, clock};

const TOKENS: usize = 4_000;

/// What one and what two threads accept in the same time, by the clock on the wall and by
/// processor time. Each round does both.
pub fn threads(realm: &Realm, rounds: usize) {
    println!(
        "| accepts, one acceptor              | one thread, µs | two threads, µs | two/one, wall | two/one, processor |"
    );
    println!(
        "|------------------------------------|---------------:|----------------:|--------------:|-------------------:|"
    );
    for enctype in [
        Enctype::AES256_CTS_HMAC_SHA1_96,
        Enctype::AES256_CTS_HMAC_SHA384_192,
    ] {
        for new in [false, true] {
            let mut measured: Vec<[f64; 4]> = (0..=rounds)
                .map(|_| {
                    let one = accept(realm, enctype, new, 1);
                    let two = accept(realm, enctype, new, 2);
                    [one.1, two.1, 2.0 * one.0 / two.0, 2.0 * one.1 / two.1]
                })
                .skip(1)
                .collect();
            let median = |column: usize, measured: &mut Vec<[f64; 4]>| {
                measured.sort_by(|a, b| a[column].total_cmp(&b[column]));
                measured[measured.len() / 2][column]
            };
            let [one, two, wall, cpu] = [0, 1, 2, 3].map(|column| median(column, &mut measured));
            let name = match new {
                false => format!("accept/{}, one ticket", enctype.0),
                true => format!("accept-new/{}, a ticket each", enctype.0),
            };
            println!(
                "| {name:<34} | {:>14.2} | {:>15.2} | {wall:>13.2} | {cpu:>18.2} |",
                one / 1e3,
                two / 1e3
            );
        }
    }
}

/// Nanoseconds for one accept of one of so many threads: of the wall's clock, and of the processor.
fn accept(realm: &Realm, enctype: Enctype, new: bool, threads: usize) -> (f64, f64) {
    let case = realm.case(enctype, PacKind::Minimal);
    let acceptor = gss::Acceptor::new(ap::Acceptor::new(config(realm).expect("a keytab")));
    let mut initiator = Orthros.initiator(realm, case).expect("a ticket");
    let mut token = || match new {
        true => first_token(realm, case),
        false => initiator.initiate().0,
    };
    let shares: Vec<Vec<Vec<u8>>> = (0..threads)
        .map(|_| (0..TOKENS).map(|_| token()).collect())
        .collect();
    let start = Barrier::new(threads);
    let work = &|tokens: &Vec<Vec<u8>>| {
        start.wait();
        let (wall, cpu) = (Instant::now(), clock::thread_cpu_time());
        for token in tokens {
            let accepted = acceptor.clone().accept(token, now());
            let _ = black_box(accepted.expect("orthros accepts"));
        }
        (wall.elapsed(), clock::thread_cpu_time() - cpu)
    };
    let times: Vec<(Duration, Duration)> = std::thread::scope(|scope| {
        let spawn = |tokens| scope.spawn(move || work(tokens));
        let running: Vec<_> = shares.iter().map(spawn).collect();
        let joined = running.into_iter().map(|thread| thread.join());
        joined
            .map(|time| time.expect("the thread accepts"))
            .collect()
    });
    let wall = times.iter().map(|time| time.0).max().unwrap_or_default();
    let cpu: Duration = times.iter().map(|time| time.1).sum();
    let one = TOKENS as f64;
    (
        wall.as_nanos() as f64 / one,
        cpu.as_nanos() as f64 / one / threads as f64,
    )
}

/// What the replay cache in memory takes for a million live entries, and at its least favourable
/// before that.
pub fn memory() {
    let before = alloc::held();
    let cache = MemoryReplayCache::new();
    let at = now();
    let mut worst: f64 = 0.0;
    for number in 1..=1_000_000 {
        let mut tag = [0; 12];
        OsRandom.fill(&mut tag).expect("a random number generator");
        let entry = ReplayEntry {
            tag,
            ctime: at,
            expires: at.plus(Duration::from_secs(300)),
        };
        assert_eq!(cache.check_and_insert(&entry, at), ReplayVerdict::Fresh);
        if number >= 100_000 {
            worst = worst.max((alloc::held() - before) as f64 / f64::from(number));
        }
    }
    println!(
        "replay cache in memory: {:.1} MB for 1 000 000 live entries; at most {worst:.1} octets an \
         entry from 100 000 on",
        (alloc::held() - before) as f64 / 1e6,
    );
}
