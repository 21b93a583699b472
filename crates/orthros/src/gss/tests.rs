//! Tokens that others made, and what a hostile peer may send.

mod bindings;
mod bulk;
mod checksum;
mod dce;
mod delegation;
mod detached;
pub(crate) mod exchange;
mod message;
mod name;
mod prf;
mod recorded;
mod retry;
#[cfg(feature = "legacy")]
mod rfc1964;
mod status;
mod token;
mod user_to_user;
mod window;

use std::sync::Mutex;

use crate::random::{Random, RandomUnavailable};

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

/// Each single-bit change of `token`, with the bit's place.
fn bits(token: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..token.len() * 8).map(|bit| {
        let mut changed = token.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        (bit, changed)
    })
}

/// Gives the octets it was made of, then zeros.
struct Given(Mutex<Vec<u8>>);

impl Given {
    fn new(octets: &[u8]) -> Self {
        Self(Mutex::new(octets.to_vec()))
    }
}

impl Random for Given {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        let mut left = self.0.lock().unwrap();
        for octet in out {
            *octet = if left.is_empty() { 0 } else { left.remove(0) };
        }
        Ok(())
    }
}
