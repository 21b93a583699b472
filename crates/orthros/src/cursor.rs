//! Reading big-endian numbers and counted octets out of a file, never past its end.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

use std::fmt;

/// A place in octets that somebody else wrote.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    at: usize,
}

/// A length that reaches beyond the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    /// The offset of what is too short.
    pub(crate) at: usize,
    what: &'static str,
    wanted: usize,
    left: usize,
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the {} takes {} octets, {} are left",
            self.what, self.wanted, self.left
        )
    }
}

impl<'a> Cursor<'a> {
    /// At the start of `octets`.
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self {
            rest: octets,
            at: 0,
        }
    }

    /// How many octets lie before this place.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// How many octets are left.
    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` octets, which are `what`.
    pub(crate) fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], Short> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                self.at += count;
                Ok(taken)
            }
            None => Err(Short {
                at: self.at,
                what,
                wanted: count,
                left: self.rest.len(),
            }),
        }
    }

    /// A cursor over the next `count` octets only; its offsets are those of the whole.
    pub(crate) fn part(&mut self, count: usize, what: &'static str) -> Result<Self, Short> {
        let at = self.at;
        let rest = self.take(count, what)?;
        Ok(Self { rest, at })
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Short> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    /// One octet.
    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, Short> {
        Ok(u8::from_be_bytes(self.array(what)?))
    }

    /// Two octets.
    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, Short> {
        Ok(u16::from_be_bytes(self.array(what)?))
    }

    /// Four octets.
    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Short> {
        Ok(u32::from_be_bytes(self.array(what)?))
    }

    /// Octets behind their length in two octets.
    pub(crate) fn counted16(&mut self, what: &'static str) -> Result<&'a [u8], Short> {
        let count = self.u16(what)?;
        self.take(usize::from(count), what)
    }

    /// Octets behind their length in four octets.
    pub(crate) fn counted32(&mut self, what: &'static str) -> Result<&'a [u8], Short> {
        let count = self.u32(what)?;
        // Where a usize has 16 bits the length cannot be had either.
        self.take(usize::try_from(count).unwrap_or(usize::MAX), what)
    }
}
