//! Where random octets come from: the configuration, and by default the operating system.

use std::fmt;

/// A source of unpredictable octets.
///
/// The protocol draws keys, confounders, nonces and sequence numbers from the source in its
/// configuration. [`OsRandom`] is the only one in this crate (CRY-27).
pub trait Random: Send + Sync {
    /// Fills all of `out`.
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable>;
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        getrandom::fill(out).map_err(|_| RandomUnavailable)
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
