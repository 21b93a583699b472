//! Replay caches (AP-43 to AP-49, FILE-21).
//!
//! ```text
//! Verified::entry ─▶ a cache ─▶ ReplayVerdict ─▶ Verified::admit ─▶ Accepted | Refusal
//! ```
//!
//! | cache | who shares it | after a restart |
//! |---|---|---|
//! | [`MemoryReplayCache`] | the threads of one process | empty: see there (AP-49) |
//! | `env::File2ReplayCache` | the processes of one host, those of MIT krb5 too | as it was |
//! | `orthros_net::valkey` | a fleet | as the server keeps it |
//!
//! [`Acceptor::accept`](super::Acceptor::accept) asks the cache of its configuration, which answers
//! at once. A cache that has to be waited for is asked between
//! [`Acceptor::verify`](super::Acceptor::verify) and [`Verified::admit`](super::Verified::admit).

mod memory;

use std::time::Duration;

pub use memory::MemoryReplayCache;

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

    /// How far the acceptor lets clocks be off.
    pub fn skew(&self) -> Duration {
        let micros = self.expires.micros_since(self.ctime);
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }

    /// What a cache has to say that can be relied upon from `ready` on, one skew after its contents
    /// were lost (AP-49); `None` if it can answer.
    ///
    /// A client whose clock is ahead makes requests that are good for up to two skews. So until
    /// `ready` no request is taken, and after it none that could have been admitted before the
    /// loss: those whose own time is before `ready`.
    pub fn too_early_for(&self, ready: Timestamp, now: Timestamp) -> Option<ReplayVerdict> {
        if now >= ready && self.ctime >= ready {
            return None;
        }
        // When this client's clock gets there.
        let its = now.offset(ready.micros_since(self.ctime));
        Some(ReplayVerdict::Young {
            ready: ready.max(its),
        })
    }
}

/// What a replay cache says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The cache did not answer: its file or server cannot be used. The request is not admitted
    /// (AP-47).
    Unavailable {
        /// What the file or server said, for the operator.
        why: String,
    },
    /// Nobody looked, and the service admits the request all the same: it was told to do without
    /// a cache, or to go on when its cache fails. The peer says so
    /// ([`Peer::replay_checked`](super::Peer::replay_checked)).
    Unchecked,
}

/// Remembers the requests of one skew and refuses the second of equal ones.
///
/// Test and insertion are one step: of any number of threads that bring the same entry, one gets
/// [`Fresh`](ReplayVerdict::Fresh).
pub trait ReplayCache: Send + Sync {
    /// Tests for `entry` and inserts it.
    fn check_and_insert(&self, entry: &ReplayEntry, now: Timestamp) -> ReplayVerdict;

    /// What kind of cache it is, for the record: `memory`, `file2`, `redis`.
    fn kind(&self) -> &'static str {
        "other"
    }

    /// When it took the entry, at the latest, as far as it remembers that. It is asked for the
    /// operator, after a request was refused; nothing is judged by the answer.
    fn first_seen(&self, entry: &ReplayEntry) -> Option<Timestamp> {
        let _ = entry;
        None
    }
}

/// For the configuration of an acceptor whose cache is asked between
/// [`Acceptor::verify`](super::Acceptor::verify) and [`Verified::admit`](super::Verified::admit):
/// names its kind for the record. [`Acceptor::accept`](super::Acceptor::accept) refuses every
/// request, since nobody would have looked.
#[derive(Clone, Copy, Debug)]
pub struct AskedElsewhere {
    /// The kind of that cache: `redis`.
    pub kind: &'static str,
}

impl ReplayCache for AskedElsewhere {
    fn check_and_insert(&self, _: &ReplayEntry, _: Timestamp) -> ReplayVerdict {
        ReplayVerdict::Unavailable {
            why: format!(
                "the acceptor's cache, {}, is asked between verification and admission, and was not",
                self.kind
            ),
        }
    }

    fn kind(&self) -> &'static str {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKEW: Duration = Duration::from_secs(300);

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

    #[test]
    fn ap_46_expires_by_the_time_in_the_request() {
        let ctime = Timestamp::from_secs(1_000_000);
        let entry = ReplayEntry::new(&[1; 40], 12, ctime, SKEW);
        assert_eq!(entry.expires, Timestamp::from_secs(1_000_300));
        assert_eq!(entry.skew(), SKEW);
    }
}
