//! The TGS-REQs of the last skew (RFC 4120 §3.3.2).
//!
//! An authenticator is good for one request: with another it is a replay (KDC-21). The very request
//! it came with may come again, because it or its answer was lost (KDC-17).

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::ap::{MemoryReplayCache, ReplayCache, ReplayEntry, ReplayVerdict};
use crate::error::Rejection;
use crate::principal::Principal;
use crate::time::Timestamp;

/// What is remembered of requests: the authenticator, and the whole.
pub(super) struct SeenRequests {
    cache: MemoryReplayCache,
    /// Of two threads with one request, the second must find all that the first has to say.
    one_by_one: Mutex<()>,
}

/// A request whose authenticator was judged.
pub(super) struct Seen<'a> {
    /// The cipher text of the authenticator.
    pub(super) authenticator: &'a [u8],
    /// The whole request.
    pub(super) request: &'a [u8],
    pub(super) client: &'a Principal,
    pub(super) ctime: Timestamp,
}

impl SeenRequests {
    pub(super) fn new() -> Self {
        Self {
            cache: MemoryReplayCache::new(),
            one_by_one: Mutex::new(()),
        }
    }

    /// Takes note of a request, unless its authenticator came with another.
    pub(super) fn admit(
        &self,
        seen: &Seen<'_>,
        skew: Duration,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let entry = |octets: &[u8]| {
            let mut tag = [0; 12];
            for (to, from) in tag.iter_mut().zip(Sha256::digest(octets)) {
                *to = from;
            }
            ReplayEntry {
                tag,
                ctime: seen.ctime,
                expires: seen.ctime.plus(skew),
            }
        };
        let (authenticator, request) = (entry(seen.authenticator), entry(seen.request));
        let _held = self
            .one_by_one
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let verdict = match self.cache.check_and_insert(&authenticator, now) {
            ReplayVerdict::Fresh => self.cache.check_and_insert(&request, now),
            ReplayVerdict::Seen if self.cache.contains(&request) => ReplayVerdict::Fresh,
            ReplayVerdict::Seen => {
                return Err(Rejection::Replay {
                    client: seen.client.clone(),
                    ctime: seen.ctime,
                    first_seen: self.cache.first_seen(&authenticator),
                    now,
                    cache: Some(self.cache.kind()),
                    tag: authenticator.tag,
                });
            }
            verdict => verdict,
        };
        match verdict {
            ReplayVerdict::Full { entries } => Err(Rejection::ReplayCacheFull { entries }),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for SeenRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SeenRequests").field(&self.cache).finish()
    }
}
