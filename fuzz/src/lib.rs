//! What the fuzz targets share: a bound on memory, a sealing hand, and a clock and randomness that
//! repeat.

pub mod recorded;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::{Debug, Display};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use orthros::crypto::{Enctype, Key};
use orthros::error::{Error, Rejection};
use orthros::random::{Random, RandomUnavailable};

/// What an input may make us hold at once: this many octets ...
const FLOOR: usize = 64 * 1024;
/// ... and this many for each of its own.
const FACTOR: usize = 64;

/// Counts what is held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promise is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The input that runs.
static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Whether the input itself holds a text: the fuzzer copies what it sees compared.
fn made_up(text: &str) -> bool {
    let input = INPUT.lock().unwrap_or_else(PoisonError::into_inner);
    input
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// Runs one input; fails if it made us hold more than a small multiple of itself.
pub fn bounded<T>(input: &[u8], run: impl FnOnce(&[u8]) -> T) -> T {
    *INPUT.lock().unwrap_or_else(PoisonError::into_inner) = input.to_vec();
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = run(input);
    let peak = PEAK.load(Ordering::Relaxed) - before;
    let bound = FLOOR + FACTOR * input.len();
    assert!(
        peak <= bound,
        "{} octets of input made us hold {peak}; the bound is {bound}",
        input.len()
    );
    result
}

/// Prints a value both ways, as a program would that reports it: neither may panic, and what a
/// person is to read is one line.
pub fn say(value: &(impl Debug + Display)) {
    let line = value.to_string();
    assert!(!line.contains('\n'), "more than one line: {line:?}");
    std::hint::black_box(format!("{value:?}"));
}

/// As [`say`], for an error with its explanation; nothing of a key may be in any of it.
pub fn refused(error: &Error, keys: &[&Key]) {
    say(error);
    hides(&format!("{error} {error:?} {:?}", error.explain()), keys);
}

/// No four octets of a key are in a text, neither in hexadecimal nor as a list.
///
/// The keys are those of the recorded conversation: what an input makes up may be anywhere.
pub fn hides(text: &str, keys: &[&Key]) {
    for four in keys.iter().flat_map(|key| key.expose().windows(4)) {
        let hex: String = four.iter().map(|octet| format!("{octet:02x}")).collect();
        let list = format!("{}, {}, {}, {}", four[0], four[1], four[2], four[3]);
        for shown in [hex, list] {
            assert!(!text.contains(&shown) || made_up(&shown), "part of a key");
        }
    }
}

/// As [`refused`], for a judgement that holds no key.
pub fn say_rejection(rejection: Rejection) {
    refused(&Error::rejected(rejection), &[]);
}

/// Octets that are the same in every run.
pub struct Repeating(AtomicU64);

impl Repeating {
    /// Begins at the same octets.
    pub fn new() -> Self {
        Self(AtomicU64::new(0x9E37_79B9_7F4A_7C15))
    }
}

impl Default for Repeating {
    fn default() -> Self {
        Self::new()
    }
}

impl Random for Repeating {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        let mut state = self.0.load(Ordering::Relaxed);
        for octet in out {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *octet = state.to_be_bytes()[0];
        }
        self.0.store(state, Ordering::Relaxed);
        Ok(())
    }
}

/// The enctypes there are keys of.
pub const ENCTYPES: [Enctype; 5] = [
    Enctype::AES128_CTS_HMAC_SHA1_96,
    Enctype::AES256_CTS_HMAC_SHA1_96,
    Enctype::AES128_CTS_HMAC_SHA256_128,
    Enctype::AES256_CTS_HMAC_SHA384_192,
    Enctype::RC4_HMAC,
];

/// A key that is the same in every run.
pub fn key(enctype: Enctype) -> Key {
    Key::random(enctype, &Repeating::new()).expect("an enctype of ENCTYPES")
}

/// The first octet, which picks something, and the rest.
pub fn pick<'a, T: Copy>(from: &[T], input: &'a [u8]) -> Option<(T, &'a [u8])> {
    let (first, rest) = input.split_first()?;
    Some((from[usize::from(*first) % from.len()], rest))
}
