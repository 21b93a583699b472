//! Which messages were sent and received: times and numbers (AP-58, AP-66).

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::error::{Error, SessionFault};
use crate::time::Timestamp;

/// Octets that tell a message from every other under the same key: the beginning of its MAC, or
/// the end of its cipher text.
pub(super) type Tag = [u8; 12];

/// The last twelve octets.
pub(super) fn tag(octets: &[u8]) -> Tag {
    octets.last_chunk().copied().unwrap_or_default()
}

/// The times of messages that could still be played back.
pub(super) struct Times {
    capacity: usize,
    last_sent: i64,
    sent: Memory<Tag>,
    received: Memory<()>,
}

impl Times {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            last_sent: i64::MIN,
            sent: Memory::new(),
            received: Memory::new(),
        }
    }

    /// A time for a message of ours, which no other has.
    pub(super) fn draw(&mut self, now: Timestamp, skew: Duration) -> Result<Timestamp, Error> {
        if !self.sent.has_room(self.capacity, now, skew) {
            return Err(Error::Misuse(
                "more session messages within two skews than the session has memory for",
            ));
        }
        let micros = now.as_micros().max(self.last_sent.saturating_add(1));
        Ok(Timestamp::from_micros(micros))
    }

    pub(super) fn sent(&mut self, time: Timestamp, tag: Tag) {
        self.last_sent = time.as_micros();
        self.sent.times.insert(time.as_micros(), tag);
    }

    /// A time is there, within the skew, of no message that was received before, and the message
    /// is not one of ours.
    pub(super) fn check(
        &mut self,
        time: Option<Timestamp>,
        tag: &Tag,
        now: Timestamp,
        skew: Duration,
    ) -> Result<(), SessionFault> {
        let stale = |sent| SessionFault::Skew {
            sent,
            now,
            limit: skew.as_secs(),
        };
        let Some(sent) = time else {
            return Err(stale(None));
        };
        let micros = sent.as_micros();
        // A clock that was set back makes no message current again that was forgotten.
        if sent < now.minus(skew) || sent > now.plus(skew) || self.received.forgot(micros) {
            return Err(stale(Some(sent)));
        }
        if self.received.times.contains_key(&micros) {
            return Err(SessionFault::Repeat { sent });
        }
        if self.sent.forgot(micros) || self.sent.times.get(&micros) == Some(tag) {
            return Err(SessionFault::Reflected);
        }
        match self.received.has_room(self.capacity, now, skew) {
            true => Ok(()),
            false => Err(SessionFault::TooMany {
                remembered: self.capacity,
            }),
        }
    }

    pub(super) fn received(&mut self, time: Timestamp) {
        self.received.times.insert(time.as_micros(), ());
    }
}

/// Times in microseconds since 1970, and what belongs to each.
struct Memory<T> {
    times: HashMap<i64, T>,
    /// How many there may be before those that are too old are looked for.
    sweep_at: usize,
    /// The newest that was forgotten.
    forgotten: i64,
}

impl<T> Memory<T> {
    fn new() -> Self {
        Self {
            times: HashMap::new(),
            sweep_at: 64,
            forgotten: i64::MIN,
        }
    }

    fn forgot(&self, micros: i64) -> bool {
        micros <= self.forgotten
    }

    /// Whether one more can be remembered. Those whose messages are refused for their age are
    /// forgotten.
    fn has_room(&mut self, capacity: usize, now: Timestamp, skew: Duration) -> bool {
        if self.times.len() >= self.sweep_at.min(capacity) {
            let oldest = now.minus(skew).as_micros();
            let forgotten = &mut self.forgotten;
            self.times.retain(|time, _| {
                let kept = *time >= oldest;
                if !kept {
                    *forgotten = (*forgotten).max(*time);
                }
                kept
            });
            self.sweep_at = (self.times.len() * 2).max(64);
        }
        self.times.len() < capacity
    }
}

/// How many messages of ours are remembered by number.
const RECENT: usize = 1024;

/// The numbers of messages: unsigned, 0 after 2^32 - 1 (AP-58).
pub(super) struct Numbers {
    next_sent: u32,
    sent: u64,
    next_received: u32,
    /// The tags of the last messages of ours, the newest last.
    recent: VecDeque<Tag>,
}

impl Numbers {
    pub(super) fn new(next_sent: u32, next_received: u32) -> Self {
        Self {
            next_sent,
            sent: 0,
            next_received,
            recent: VecDeque::new(),
        }
    }

    pub(super) fn next_sent(&self) -> u32 {
        self.next_sent
    }

    /// The number for a message of ours. None is used twice with one key (AP-58).
    pub(super) fn draw(&self) -> Result<u32, Error> {
        match self.sent > u64::from(u32::MAX) {
            false => Ok(self.next_sent),
            true => Err(Error::Misuse(
                "a session whose sequence numbers are used up: it needs a new key",
            )),
        }
    }

    pub(super) fn sent(&mut self, tag: Tag) {
        self.next_sent = self.next_sent.wrapping_add(1);
        self.sent += 1;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(tag);
    }

    /// The number is the next one.
    pub(super) fn check(&self, number: Option<u32>) -> Result<(), SessionFault> {
        match number {
            Some(number) if number == self.next_received => Ok(()),
            found => Err(SessionFault::Order {
                found,
                expected: self.next_received,
            }),
        }
    }

    /// The message with the next number is not one of ours, for sessions in which nothing else
    /// tells. Of a number that we used ourselves so long ago that the message is forgotten, it
    /// cannot be said: it is refused.
    pub(super) fn check_direction(&self, tag: &Tag) -> Result<(), SessionFault> {
        // 1 for the last number that was sent.
        let ago = self.next_sent.wrapping_sub(self.next_received);
        if ago == 0 || u64::from(ago) > self.sent {
            return Ok(());
        }
        let at = usize::try_from(ago).ok();
        let at = at.and_then(|ago| self.recent.len().checked_sub(ago));
        match at.and_then(|at| self.recent.get(at)) {
            Some(ours) if ours != tag => Ok(()),
            _ => Err(SessionFault::Reflected),
        }
    }

    pub(super) fn received(&mut self) {
        self.next_received = self.next_received.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKEW: Duration = Duration::from_secs(300);
    const TAG: Tag = [7; 12];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn ap_58_numbers_are_not_used_twice_with_one_key() {
        let mut numbers = Numbers::new(5, 9);
        numbers.sent = u64::from(u32::MAX);
        numbers.next_sent = 4;
        assert_eq!(numbers.draw().unwrap(), 4);
        numbers.sent(TAG);
        assert!(matches!(numbers.draw(), Err(Error::Misuse(_))));
    }

    #[test]
    fn ap_66_times_are_remembered_while_they_are_current() {
        let mut times = Times::new(4);
        for n in 0..4 {
            assert!(times.check(Some(at(n)), &TAG, at(0), SKEW).is_ok());
            times.received(at(n));
        }
        // Full of times that could be played back: no more are taken, and none is forgotten.
        assert_eq!(
            times.check(Some(at(9)), &TAG, at(0), SKEW),
            Err(SessionFault::TooMany { remembered: 4 })
        );
        for n in 0..4 {
            assert_eq!(
                times.check(Some(at(n)), &TAG, at(300), SKEW),
                Err(SessionFault::Repeat { sent: at(n) })
            );
        }
        // One second later the first is too old, and makes room.
        assert!(times.check(Some(at(9)), &TAG, at(301), SKEW).is_ok());
        // A clock that is set back makes it current, but not acceptable.
        assert!(matches!(
            times.check(Some(at(0)), &TAG, at(0), SKEW),
            Err(SessionFault::Skew { .. })
        ));
    }

    #[test]
    fn our_times_are_unique_and_bounded() {
        let mut times = Times::new(3);
        let drawn: Vec<i64> = (0..3)
            .map(|_| {
                let time = times.draw(at(0), SKEW).unwrap();
                times.sent(time, TAG);
                time.as_micros() - at(0).as_micros()
            })
            .collect();
        assert_eq!(drawn, [0, 1, 2]);
        assert!(matches!(times.draw(at(0), SKEW), Err(Error::Misuse(_))));
        assert!(times.draw(at(301), SKEW).is_ok());
    }
}
