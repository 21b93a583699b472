//! Where random octets come from: the configuration, and by default the operating system.

use std::cell::RefCell;
use std::fmt;
use std::process;

use zeroize::Zeroize;

/// A source of unpredictable octets.
///
/// The protocol draws keys, confounders, nonces and sequence numbers from the source in its
/// configuration. [`OsRandom`] is the only one in this crate (CRY-27).
pub trait Random: Send + Sync {
    /// Fills all of `out`.
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable>;
}

/// The operating system's generator.
///
/// A thread draws from it several messages' worth at a time, because a call costs as much as the
/// cryptography of a short message. Octets are wiped from the store as they are given out, and a
/// process that was forked begins with an empty one, so that none is given out twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        let system = |out: &mut [u8]| getrandom::fill(out).map_err(|_| RandomUnavailable);
        if out.len() > LARGEST {
            return system(out);
        }
        let drawn = STORE.try_with(|store| store.try_borrow_mut().map(|mut s| s.draw(out, system)));
        match drawn {
            Ok(Ok(drawn)) => drawn,
            // The thread ends.
            _ => system(out),
        }
    }
}

/// How much a thread keeps.
const STORED: usize = 512;
/// More than this is not taken from the store.
const LARGEST: usize = 64;

thread_local! {
    static STORE: RefCell<Store> = const { RefCell::new(Store::new()) };
}

struct Store {
    octets: [u8; STORED],
    left: usize,
    process: u32,
}

impl Store {
    const fn new() -> Self {
        Self {
            octets: [0; STORED],
            left: 0,
            process: 0,
        }
    }

    fn draw(
        &mut self,
        out: &mut [u8],
        system: impl FnOnce(&mut [u8]) -> Result<(), RandomUnavailable>,
    ) -> Result<(), RandomUnavailable> {
        let process = process::id();
        if self.left < out.len() || self.process != process {
            self.left = 0;
            system(&mut self.octets)?;
            self.left = STORED;
            self.process = process;
        }
        let rest = self.left.checked_sub(out.len());
        let drawn = rest.and_then(|rest| self.octets.get_mut(rest..self.left));
        let drawn = drawn.ok_or(RandomUnavailable)?;
        out.copy_from_slice(drawn);
        drawn.zeroize();
        self.left -= out.len();
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

/// The generator gave nothing; no key may be made without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomUnavailable;

impl fmt::Display for RandomUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system's random number generator is not available")
    }
}

impl std::error::Error for RandomUnavailable {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A system that counts.
    fn counting(calls: &mut u32) -> impl FnOnce(&mut [u8]) -> Result<(), RandomUnavailable> {
        *calls += 1;
        let first = *calls as usize * STORED;
        move |out| {
            for (n, octet) in out.iter_mut().enumerate() {
                *octet = ((first + n) % 251) as u8 + 1;
            }
            Ok(())
        }
    }

    #[test]
    fn cry_27_what_was_given_out_is_wiped_and_not_given_again() {
        let mut store = Store::new();
        let mut out = [0; 52];
        for _ in 0..30 {
            store
                .draw(&mut out, |octets| {
                    octets.fill(7);
                    Ok(())
                })
                .unwrap();
            assert_eq!(out, [7; 52]);
            assert!(store.octets[store.left..].iter().all(|octet| *octet == 0));
            assert!(store.octets[..store.left].iter().all(|octet| *octet == 7));
        }
    }

    #[test]
    fn cry_27_a_forked_process_draws_anew() {
        let (mut store, mut calls) = (Store::new(), 0);
        let mut out = [0; 16];
        store.draw(&mut out, counting(&mut calls)).unwrap();
        let (before, left) = (out, store.left);
        // As the child finds it: the parent's number.
        store.process ^= 1;
        store.draw(&mut out, counting(&mut calls)).unwrap();
        assert_eq!(store.left, left, "a whole new store");
        assert_ne!(out, before);
    }

    #[test]
    fn cry_27_without_the_system_there_is_nothing() {
        let mut store = Store::new();
        let mut out = [0; 16];
        let gone = |_: &mut [u8]| Err(RandomUnavailable);
        assert_eq!(store.draw(&mut out, gone), Err(RandomUnavailable));
        assert_eq!(store.draw(&mut out, gone), Err(RandomUnavailable));
        assert_eq!(out, [0; 16]);
        assert_eq!(store.left, 0);
    }

    #[test]
    fn cry_27_no_octets_are_given_twice() {
        let mut seen = HashSet::new();
        std::thread::scope(|scope| {
            let draw = || {
                let mut drawn = Vec::new();
                for len in (16..=80).cycle().take(2000) {
                    let mut out = vec![0; len];
                    OsRandom.fill(&mut out).unwrap();
                    drawn.push(out[..16].to_vec());
                }
                drawn
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            for thread in threads {
                for octets in thread.join().unwrap() {
                    assert!(seen.insert(octets));
                }
            }
        });
    }
}
