//! Replay and sequence detection of per-message tokens (RFC 2743 §1.2.3).

use crate::error::{Error, Rejection};
use crate::wire::ErrorCode;

/// What a token's sequence number says, beside the token being genuine: the informational bits of
/// RFC 2743 §1.2.3.
#[must_use = "a repeated token is genuine, too"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceStatus {
    /// As it should be (GSS_S_COMPLETE).
    Complete,
    /// It was received before (GSS_S_DUPLICATE_TOKEN).
    Duplicate,
    /// Too old to say whether it was received before (GSS_S_OLD_TOKEN).
    Old,
    /// A later one was received already (GSS_S_UNSEQ_TOKEN).
    Unseq,
    /// One before it was not received (GSS_S_GAP_TOKEN).
    Gap,
}

impl SequenceStatus {
    /// Makes everything but [`Complete`](Self::Complete) an error.
    pub fn complete(self) -> Result<(), Error> {
        let (why, code) = match self {
            Self::Complete => return Ok(()),
            Self::Duplicate => ("it was received before", ErrorCode::KRB_AP_ERR_REPEAT),
            Self::Old => (
                "it is too old to tell whether it was received before",
                ErrorCode::KRB_AP_ERR_REPEAT,
            ),
            Self::Unseq => (
                "a later one was received already",
                ErrorCode::KRB_AP_ERR_BADORDER,
            ),
            Self::Gap => (
                "one before it was not received",
                ErrorCode::KRB_AP_ERR_BADORDER,
            ),
        };
        Err(Rejection::Message { why, code }.into())
    }
}

/// Which numbers were received: the highest, and of the 64 up to it each (GSS-31).
///
/// Numbers are counted from the peer's first, so that they may pass 2^64.
#[derive(Clone, Debug)]
pub struct Window {
    base: u64,
    /// One more than the highest number received, from `base`; up to 2^64.
    next: u128,
    /// Bit n is set if `next - 1 - n` was received.
    seen: u64,
    replay: bool,
    sequence: bool,
}

impl Window {
    /// How many numbers back it remembers.
    pub const LEN: u32 = u64::BITS;

    /// Expects `first`. With neither `replay` nor `sequence` nothing is detected.
    pub fn new(first: u64, replay: bool, sequence: bool) -> Self {
        Self {
            base: first,
            next: 0,
            seen: 0,
            replay,
            sequence,
        }
    }

    /// As [`receive`](Self::receive), of a number of which the token has the low 32 bits: those of
    /// RFC 1964, which begin anew after the last. Of all numbers that end so, it is the one nearest
    /// to what is due.
    pub fn receive_short(&mut self, number: u32) -> SequenceStatus {
        const TURN: u128 = 1 << 32;
        let from_base = number.wrapping_sub(self.base as u32);
        let ahead = from_base.wrapping_sub(self.next as u32);
        let counted = match ahead < 1 << 31 {
            true => self.next + u128::from(ahead),
            // Before the first there is none.
            false => (self.next + u128::from(ahead))
                .checked_sub(TURN)
                .unwrap_or(self.next + u128::from(ahead)),
        };
        self.receive(self.base.wrapping_add(counted as u64))
    }

    /// Takes note of the number of a token that is genuine.
    pub fn receive(&mut self, number: u64) -> SequenceStatus {
        use SequenceStatus::*;
        if !self.replay && !self.sequence {
            return Complete;
        }
        let number = u128::from(number.wrapping_sub(self.base));
        if let Some(ahead) = number.checked_sub(self.next) {
            let shift = u32::try_from(ahead + 1).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
            self.next = number + 1;
            return match ahead > 0 && self.sequence {
                true => Gap,
                false => Complete,
            };
        }
        let back = u32::try_from(self.next - 1 - number).unwrap_or(u32::MAX);
        let Some(bit) = 1u64.checked_shl(back) else {
            return match self.sequence {
                true => Unseq,
                false => Old,
            };
        };
        let seen = self.seen & bit != 0;
        self.seen |= bit;
        match (seen, self.sequence) {
            (true, _) if self.replay => Duplicate,
            (_, true) => Unseq,
            (_, false) => Complete,
        }
    }
}
