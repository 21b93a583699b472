//! The machine's clock, turned by hand.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use orthros::env;
use orthros::time::Timestamp;

/// The machine's clock with an offset: it runs on by itself, and can be turned.
#[derive(Debug, Default)]
pub struct Clock {
    /// In microseconds.
    offset: AtomicI64,
}

impl Clock {
    /// The machine's time.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        env::now().offset(self.offset.load(Ordering::SeqCst))
    }

    /// Turns it forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let add = |offset: i64| Some(offset.saturating_add(micros));
        // The closure never refuses.
        let _ = self
            .offset
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
    }

    /// Turns it to `moment`, from where it runs on.
    pub fn set(&self, moment: Timestamp) {
        let offset = moment.micros_since(env::now());
        self.offset.store(offset, Ordering::SeqCst);
    }

    /// How far it is ahead of the machine's, in microseconds.
    pub fn offset(&self) -> i64 {
        self.offset.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_turned_and_runs_on() {
        let clock = Clock::new();
        let before = clock.now();
        clock.advance(Duration::from_secs(3_600));
        let off = clock.now().micros_since(before);
        assert!((3_600_000_000..3_660_000_000).contains(&off), "{off}");
        clock.set(Timestamp::from_secs(1_000));
        let shows = clock.now();
        assert!(shows >= Timestamp::from_secs(1_000) && shows < Timestamp::from_secs(1_060));
    }
}
