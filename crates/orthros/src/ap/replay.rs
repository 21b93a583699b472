//! Replay caches (AP-43 to AP-47, FILE-21).

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::time::Timestamp;

/// What identifies a request that was admitted, and how long to remember it.
///
/// The tag is out of the authenticator's cipher text: the beginning of its MAC (AP-45, the same
/// twelve octets as MIT krb5). Nothing of it is in the clear part of a message, so that rewriting
/// the clear part hides no replay (security case 2), and all services that share a cache see each
/// other's requests (security case 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplayEntry {
    /// Twelve octets that only the holder of the session key could have made.
    pub tag: [u8; 12],
    /// The authenticator's time.
    pub ctime: Timestamp,
    /// From then on the authenticator is refused for its age: `ctime + skew`, which can be two
    /// skews after it was received (AP-46).
    pub expires: Timestamp,
}

impl ReplayEntry {
    /// The entry of an authenticator's cipher text, whose MAC has `mac_len` octets.
    pub(super) fn new(ciphertext: &[u8], mac_len: usize, ctime: Timestamp, skew: Duration) -> Self {
        let mac = ciphertext
            .get(ciphertext.len().saturating_sub(mac_len)..)
            .unwrap_or_default();
        let mut tag = [0; 12];
        for (to, from) in tag.iter_mut().zip(mac) {
            *to = *from;
        }
        Self {
            tag,
            ctime,
            expires: ctime.plus(skew),
        }
    }
}

/// What a replay cache says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayVerdict {
    /// Not seen before, and remembered from now on.
    Fresh,
    /// Seen before.
    Seen,
    /// It could not be remembered, so it must not be admitted (AP-47).
    Full {
        /// How many entries there are.
        entries: usize,
    },
    /// The cache is younger than the request could be (AP-49).
    Young {
        /// From when the cache can be relied upon.
        ready: Timestamp,
    },
}

/// Remembers the requests of one skew and refuses the second of equal ones.
///
/// Test and insertion are one step: of any number of threads that bring the same entry, one gets
/// [`Fresh`](ReplayVerdict::Fresh).
pub trait ReplayCache: Send + Sync {
    /// Tests for `entry` and inserts it.
    fn check_and_insert(&self, entry: &ReplayEntry, now: Timestamp) -> ReplayVerdict;
}

const SHARDS: usize = 64;
const DEFAULT_CAPACITY: usize = 4_000_000;

/// A replay cache in this process's memory.
///
/// It forgets no entry before it expires: when full it refuses new requests (FILE-21). One cache
/// must serve all acceptors that hold the same key (AP-48): share it behind an `Arc`.
pub struct MemoryReplayCache {
    shards: Box<[Mutex<Shard>]>,
    shard_capacity: usize,
    hasher: RandomState,
    ready: Option<Timestamp>,
}

#[derive(Default)]
struct Shard {
    /// Microseconds since 1970 at which each entry expires.
    entries: HashMap<[u8; 12], i64>,
    /// How many entries there may be before those that have expired are looked for.
    sweep_at: usize,
}

impl MemoryReplayCache {
    /// Room for four million requests.
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// Room for `capacity` requests within two skews.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_capacity: capacity.div_ceil(SHARDS).max(1),
            hasher: RandomState::new(),
            ready: None,
        }
    }

    /// For a service that may have run before: every request is refused until one skew after
    /// `started`, because an earlier process may have admitted it (AP-49).
    #[must_use]
    pub fn restarted(mut self, started: Timestamp, skew: Duration) -> Self {
        self.ready = Some(started.plus(skew));
        self
    }

    /// How many entries there are, expired ones included.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| lock(s).entries.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A panic in another thread left no entry half written.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ReplayCache for MemoryReplayCache {
    fn check_and_insert(&self, entry: &ReplayEntry, now: Timestamp) -> ReplayVerdict {
        if let Some(ready) = self.ready.filter(|ready| now < *ready) {
            return ReplayVerdict::Young { ready };
        }
        // Which shard is not for the client to choose.
        let shard = self.hasher.hash_one(entry.tag) as usize % SHARDS;
        let Some(shard) = self.shards.get(shard) else {
            return ReplayVerdict::Full { entries: 0 };
        };
        let mut shard = lock(shard);
        if shard.entries.len() >= shard.sweep_at.min(self.shard_capacity) {
            let now = now.as_micros();
            shard.entries.retain(|_, expires| *expires >= now);
            shard.sweep_at = (shard.entries.len() * 2).max(64);
        }
        if let Some(expires) = shard.entries.get(&entry.tag) {
            if *expires >= now.as_micros() {
                return ReplayVerdict::Seen;
            }
        } else if shard.entries.len() >= self.shard_capacity {
            let entries = shard.entries.len() * SHARDS;
            return ReplayVerdict::Full { entries };
        }
        shard.entries.insert(entry.tag, entry.expires.as_micros());
        ReplayVerdict::Fresh
    }
}

impl Default for MemoryReplayCache {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryReplayCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplayCache")
            .field("entries", &self.len())
            .field("capacity", &(self.shard_capacity * SHARDS))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKEW: Duration = Duration::from_secs(300);

    fn entry(number: u64, ctime: Timestamp) -> ReplayEntry {
        let mut tag = [0; 12];
        tag[..8].copy_from_slice(&number.to_be_bytes());
        ReplayEntry {
            tag,
            ctime,
            expires: ctime.plus(SKEW),
        }
    }

    #[test]
    fn ap_45_tag_is_the_beginning_of_the_mac() {
        let ciphertext: Vec<u8> = (0..60).collect();
        let now = Timestamp::from_secs(0);
        for (mac_len, first) in [(12, 48), (16, 44), (24, 36)] {
            let entry = ReplayEntry::new(&ciphertext, mac_len, now, SKEW);
            assert_eq!(entry.tag[0], first);
            assert_eq!(entry.tag[11], first + 11);
        }
        assert_eq!(
            ReplayEntry::new(&[7], 12, now, SKEW).tag,
            [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    /// Also security case 5.
    #[test]
    fn ap_46_kept_until_the_authenticator_is_too_old() {
        let cache = MemoryReplayCache::with_capacity(64);
        let start = Timestamp::from_secs(1_000_000);
        let early = entry(1, start.plus(Duration::from_secs(299)));
        assert_eq!(cache.check_and_insert(&early, start), ReplayVerdict::Fresh);
        let later = start.plus(Duration::from_secs(301));
        for n in 2..40 {
            let _ = cache.check_and_insert(&entry(n, later), later);
        }
        assert_eq!(cache.check_and_insert(&early, later), ReplayVerdict::Seen);
        let last = start.plus(Duration::from_secs(599));
        assert_eq!(cache.check_and_insert(&early, last), ReplayVerdict::Seen);
    }

    #[test]
    fn ap_47_one_winner_among_threads() {
        let cache = MemoryReplayCache::new();
        let now = Timestamp::from_secs(1_000_000);
        for number in 0..200 {
            let winners = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| cache.check_and_insert(&entry(number, now), now)))
                    .collect();
                threads
                    .into_iter()
                    .filter(|_| true)
                    .map(|t| t.join().unwrap())
                    .filter(|v| *v == ReplayVerdict::Fresh)
                    .count()
            });
            assert_eq!(winners, 1);
        }
    }

    #[test]
    fn file_21_full_is_refused_and_nothing_live_forgotten() {
        let cache = MemoryReplayCache::with_capacity(640);
        let now = Timestamp::from_secs(1_000_000);
        let (mut admitted, mut refused) = (Vec::new(), 0);
        for number in 0..2000 {
            match cache.check_and_insert(&entry(number, now), now) {
                ReplayVerdict::Fresh => admitted.push(number),
                ReplayVerdict::Full { .. } => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(admitted.len() <= 640 && refused >= 1360);
        for number in admitted {
            let verdict = cache.check_and_insert(&entry(number, now), now);
            assert_eq!(verdict, ReplayVerdict::Seen);
        }
        let later = now.plus(SKEW).plus(Duration::from_secs(1));
        let verdict = cache.check_and_insert(&entry(9999, later), later);
        assert_eq!(verdict, ReplayVerdict::Fresh);
    }

    #[test]
    fn ap_49_refuses_until_one_skew_after_a_restart() {
        let start = Timestamp::from_secs(1_000_000);
        let cache = MemoryReplayCache::new().restarted(start, SKEW);
        let ready = start.plus(SKEW);
        let just_before = ready.offset(-1);
        assert_eq!(
            cache.check_and_insert(&entry(1, just_before), just_before),
            ReplayVerdict::Young { ready }
        );
        assert_eq!(
            cache.check_and_insert(&entry(1, ready), ready),
            ReplayVerdict::Fresh
        );
    }
}
