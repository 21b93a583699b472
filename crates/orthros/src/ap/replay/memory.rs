//! The replay cache in a process's memory.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{ReplayCache, ReplayEntry, ReplayVerdict};
use crate::time::Timestamp;

const SHARDS: usize = 64;
const DEFAULT_CAPACITY: usize = 4_000_000;
/// What a shard has room for beyond its live entries, at least.
const SPARE: usize = 64;

/// A replay cache in this process's memory.
///
/// It forgets no entry before it expires: when full it refuses new requests (FILE-21). One cache
/// must serve all acceptors that hold the same key (AP-48): share it behind an `Arc`.
///
/// # After a restart
///
/// An empty cache does not know what an earlier process admitted within the last skew (AP-49).
/// The core has no clock and cannot tell a restart from a first start, so whoever makes the cache
/// says which it is:
///
/// - [`restarted`](Self::restarted) refuses every request until one skew has passed. It is for
///   protocols in which the AP-REQ alone authenticates what comes with it, as in HTTP.
/// - [`new`](Self::new) answers at once. It is for a service that did not run before, and for
///   protocols in which a key of the acceptor's protects all that follows (AP-43): whoever replays
///   the request cannot go on. All GSS-API contexts with mutual authentication are such, as far as
///   the application uses their per-message protection.
///
/// A cache in a file or on a server survives the restart, and nobody has to wait.
pub struct MemoryReplayCache {
    shards: Box<[Mutex<Shard>]>,
    shard_capacity: usize,
    keys: TagKeys,
    ready: Option<Timestamp>,
}

/// Entries leave a shard only when it is rebuilt, so its table never has holes and never grows by
/// itself: an entry takes 24 octets of a table that is between 39 and 87 per cent full.
struct Shard {
    entries: HashMap<Tag, Times, TagKeys>,
    /// How many entries there may be before the shard is rebuilt.
    limit: usize,
    /// Before then rebuilding it would gain nothing.
    first_expiry: i64,
}

/// Two moments, without the alignment of an `i64`.
#[derive(Clone, Copy)]
struct Times {
    /// Microseconds since 1970 at which the entry expires.
    expires: [u8; 8],
    /// How many milliseconds before that it came; the largest number for longer.
    before: [u8; 3],
}

impl Times {
    const LONGER: u32 = 0xFF_FFFF;

    fn new(expires: Timestamp, came: Timestamp) -> Self {
        let before = expires.micros_since(came).div_euclid(1000);
        let before = u32::try_from(before).map_or(Self::LONGER, |ms| ms.min(Self::LONGER));
        let [_, before @ ..] = before.to_be_bytes();
        Self {
            expires: expires.as_micros().to_ne_bytes(),
            before,
        }
    }

    fn expires(&self) -> i64 {
        i64::from_ne_bytes(self.expires)
    }

    fn came(&self) -> Option<Timestamp> {
        let [a, b, c] = self.before;
        match u32::from_be_bytes([0, a, b, c]) {
            Self::LONGER => None,
            before => {
                let micros = self.expires().saturating_sub(i64::from(before) * 1000);
                Some(Timestamp::from_micros(micros))
            }
        }
    }
}

impl MemoryReplayCache {
    /// Room for four million requests.
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// Room for `capacity` requests within two skews.
    pub fn with_capacity(capacity: usize) -> Self {
        let keys = TagKeys::random();
        let shard = || Shard {
            entries: HashMap::with_hasher(keys),
            limit: 0,
            first_expiry: i64::MIN,
        };
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(),
            shard_capacity: capacity.div_ceil(SHARDS).max(1),
            keys,
            ready: None,
        }
    }

    /// For a service that may have run before: every request is refused until one skew after
    /// `started`, because an earlier process may have admitted it; and after that every one that
    /// says it was made before then (AP-49).
    #[must_use]
    pub fn restarted(mut self, started: Timestamp, skew: Duration) -> Self {
        self.ready = Some(started.plus(skew));
        self
    }

    /// How many entries there are, expired ones included.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| lock(s).entries.len()).sum()
    }

    /// Whether the entry is there, expired or not.
    pub fn contains(&self, entry: &ReplayEntry) -> bool {
        let tag = Tag(entry.tag);
        let shard = self.shard(tag);
        shard.is_some_and(|shard| lock(shard).entries.contains_key(&tag))
    }

    fn shard(&self, tag: Tag) -> Option<&Mutex<Shard>> {
        // The table uses the lowest bits and the highest.
        let shard = (self.keys.hash_one(tag) >> 32) as usize % SHARDS;
        self.shards.get(shard)
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
        if let Some(young) = self.ready.and_then(|at| entry.too_early_for(at, now)) {
            return young;
        }
        let tag = Tag(entry.tag);
        let Some(shard) = self.shard(tag) else {
            return ReplayVerdict::Full { entries: 0 };
        };
        let mut shard = lock(shard);
        let times = Times::new(entry.expires, now);
        let now = now.as_micros();
        if let Some(old) = shard.entries.get_mut(&tag) {
            if old.expires() >= now {
                return ReplayVerdict::Seen;
            }
            *old = times;
            return ReplayVerdict::Fresh;
        }
        if shard.entries.len() >= shard.limit {
            if now > shard.first_expiry {
                shard.rebuild(now, self.shard_capacity);
            }
            if shard.entries.len() >= shard.limit {
                let entries = shard.entries.len() * SHARDS;
                return ReplayVerdict::Full { entries };
            }
        }
        shard.entries.insert(tag, times);
        ReplayVerdict::Fresh
    }

    fn kind(&self) -> &'static str {
        "memory"
    }

    fn first_seen(&self, entry: &ReplayEntry) -> Option<Timestamp> {
        let tag = Tag(entry.tag);
        let times = lock(self.shard(tag)?).entries.get(&tag).copied();
        times?.came()
    }
}

impl Shard {
    /// Drops what has expired and makes room for an eighth more than is left, within `capacity`.
    ///
    /// What is dropped or grown is an eighth at least, so an insertion costs a few steps on
    /// average.
    fn rebuild(&mut self, now: i64, capacity: usize) {
        let live = |times: &Times| times.expires() >= now;
        let count = self.entries.values().filter(|e| live(e)).count();
        let wanted = (count + count / 8 + SPARE).min(capacity);
        let mut entries = HashMap::with_capacity_and_hasher(wanted, *self.entries.hasher());
        entries.extend(self.entries.drain().filter(|(_, times)| live(times)));
        let times = entries.values().map(Times::expires);
        // Below its capacity a shard is rebuilt whenever it is full.
        self.limit = entries.capacity().min(capacity);
        self.first_expiry = match count >= capacity {
            true => times.min().unwrap_or(i64::MIN),
            false => i64::MIN,
        };
        self.entries = entries;
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
            .field("ready", &self.ready)
            .finish()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Tag([u8; 12]);

impl Hash for Tag {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// The keys of a hash of tags.
///
/// A client that holds a session key can choose its tags with some work. It knows neither these
/// keys nor the hash of any tag, so it cannot choose tags that fall together.
#[derive(Clone, Copy)]
struct TagKeys(u64, u64);

impl TagKeys {
    fn random() -> Self {
        let random = RandomState::new();
        Self(random.hash_one(1), random.hash_one(2))
    }
}

impl BuildHasher for TagKeys {
    type Hasher = TagHasher;

    fn build_hasher(&self) -> TagHasher {
        TagHasher {
            keys: *self,
            hash: 0,
        }
    }
}

/// The product of both halves of a tag, each masked with a key, folded.
struct TagHasher {
    keys: TagKeys,
    hash: u64,
}

impl Hasher for TagHasher {
    fn write(&mut self, tag: &[u8]) {
        let Some((first, rest)) = tag.split_first_chunk() else {
            return;
        };
        let rest = rest.first_chunk().copied().unwrap_or_default();
        let first = u64::from_ne_bytes(*first) ^ self.keys.0;
        let rest = u64::from(u32::from_ne_bytes(rest)) ^ self.keys.1;
        let product = u128::from(first) * u128::from(rest);
        self.hash = (product as u64) ^ ((product >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.hash
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

    /// ctime is nearly one skew ahead; after an insertion's own skew the entry is still there.
    fn kept_until_too_old() {
        let cache = MemoryReplayCache::with_capacity(64);
        let start = Timestamp::from_secs(1_000_000);
        let early = entry(1, start.plus(Duration::from_secs(299)));
        assert_eq!(cache.check_and_insert(&early, start), ReplayVerdict::Fresh);
        let later = start.plus(Duration::from_secs(301));
        for n in 2..400 {
            let _ = cache.check_and_insert(&entry(n, later), later);
        }
        assert_eq!(cache.check_and_insert(&early, later), ReplayVerdict::Seen);
        let last = start.plus(Duration::from_secs(599));
        assert_eq!(cache.check_and_insert(&early, last), ReplayVerdict::Seen);
        // The request itself is too old from then on.
        let after = last.plus(Duration::from_secs(1));
        assert_eq!(cache.check_and_insert(&early, after), ReplayVerdict::Fresh);
    }

    #[test]
    fn ap_46_kept_until_the_authenticator_is_too_old() {
        kept_until_too_old();
    }

    #[test]
    fn case_005_expires_by_the_time_in_the_request() {
        kept_until_too_old();
    }

    #[test]
    fn ap_47_one_winner_among_threads() {
        let cache = MemoryReplayCache::new();
        let now = Timestamp::from_secs(1_000_000);
        for number in 0..100 {
            let winners = std::thread::scope(|scope| {
                let bring = || cache.check_and_insert(&entry(number, now), now);
                let threads: Vec<_> = (0..64).map(|_| scope.spawn(bring)).collect();
                let verdicts = threads.into_iter().map(|t| t.join().unwrap());
                verdicts.filter(|v| *v == ReplayVerdict::Fresh).count()
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

    /// Requests at one rate for an hour: the cache stays as large as what is live.
    #[test]
    fn file_21_expired_entries_make_room() {
        let cache = MemoryReplayCache::with_capacity(200_000);
        let start = Timestamp::from_secs(1_000_000);
        for second in 0..3600 {
            let now = start.plus(Duration::from_secs(second));
            for n in 0..20 {
                let verdict = cache.check_and_insert(&entry(second * 20 + n, now), now);
                assert_eq!(verdict, ReplayVerdict::Fresh);
            }
        }
        // 6000 are live; a rebuilt shard has room for twice that and its spare.
        assert!(cache.len() <= 3 * 6000 + SHARDS * SPARE * 2, "{cache:?}");
    }

    /// At most 64 MB for a million: a slot of the table is an entry and an octet, and seven of eight
    /// slots of a power of two can be used.
    #[test]
    fn file_21_sixty_four_octets_an_entry() {
        const SLOT: usize = size_of::<(Tag, [u8; 8])>() + 1;
        let cache = MemoryReplayCache::new();
        let now = Timestamp::from_secs(1_000_000);
        let octets = || {
            let tables = cache.shards.iter().map(|shard| {
                let capacity = lock(shard).entries.capacity();
                (capacity * 8).div_ceil(7).next_power_of_two() * SLOT + 16
            });
            tables.sum::<usize>()
        };
        for number in 1..=300_000 {
            let verdict = cache.check_and_insert(&entry(number, now), now);
            assert_eq!(verdict, ReplayVerdict::Fresh);
            if number >= 50_000 && number % 1000 == 0 {
                let octets = octets();
                assert!(octets <= 64 * cache.len(), "{octets} for {number}");
            }
        }
    }

    #[test]
    fn file_21_shards_and_slots_are_used_evenly() {
        // A tag is a piece of a MAC, so it is as good as random.
        let mac = RandomState::new();
        let keys = TagKeys::random();
        let mut shards = [0u32; SHARDS];
        let mut slots = [0u32; 256];
        for number in 0..64_000u64 {
            let mut tag = [0; 12];
            tag[..8].copy_from_slice(&mac.hash_one(number).to_be_bytes());
            tag[8..].copy_from_slice(&mac.hash_one(!number).to_be_bytes()[4..]);
            let hash = keys.hash_one(Tag(tag));
            shards[(hash >> 32) as usize % SHARDS] += 1;
            slots[hash as usize % 256] += 1;
        }
        assert!(shards.iter().all(|n| (500..2000).contains(n)), "{shards:?}");
        assert!(slots.iter().all(|n| (100..600).contains(n)), "{slots:?}");
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

    /// The process that ended took a request dated one skew ahead. Its successor must not take it
    /// again, although one skew has passed since it began.
    #[test]
    fn ap_49_nothing_that_an_earlier_process_could_have_taken() {
        let start = Timestamp::from_secs(1_000_000);
        let ahead = entry(1, start.plus(Duration::from_secs(299)));
        let before = MemoryReplayCache::new();
        let taken = before.check_and_insert(&ahead, start.offset(-1_000_000));
        assert_eq!(taken, ReplayVerdict::Fresh);
        let after = MemoryReplayCache::new().restarted(start, SKEW);
        for second in [1, 299, 300, 301, 599] {
            let now = start.plus(Duration::from_secs(second));
            let verdict = after.check_and_insert(&ahead, now);
            assert!(matches!(verdict, ReplayVerdict::Young { .. }), "{second}");
        }
        // The client's clock is 30 s behind: it has to wait so much longer.
        let now = start.plus(Duration::from_secs(310));
        let behind = entry(2, now.minus(Duration::from_secs(30)));
        let ready = now.plus(Duration::from_secs(20));
        let verdict = after.check_and_insert(&behind, now);
        assert_eq!(verdict, ReplayVerdict::Young { ready });
    }
}
