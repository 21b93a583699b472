//! FILETIME (MS-DTYP 2.3.3).

use std::fmt;

use crate::time::{KerberosTime, Timestamp};

/// 1601-01-01 to 1970-01-01.
const UNIX_EPOCH: u64 = 116_444_736_000_000_000;
const PER_SECOND: u64 = 10_000_000;

/// A number of 100-nanosecond intervals since 1601-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileTime(pub u64);

impl FileTime {
    /// "Never": an account that does not expire, a password that need not be changed (PAC-22).
    pub const NEVER: Self = Self(0x7FFF_FFFF_FFFF_FFFF);

    /// "Not set".
    pub const UNSET: Self = Self(0);

    /// The moment, unless it is "never" or "not set".
    pub fn timestamp(self) -> Option<Timestamp> {
        if self == Self::UNSET || self >= Self::NEVER {
            return None;
        }
        let micros = i64::try_from(self.0 / 10).ok()?;
        Some(Timestamp::from_micros(
            micros - (UNIX_EPOCH / 10).cast_signed(),
        ))
    }
}

impl From<KerberosTime> for FileTime {
    /// `unix * 10^7 + 116444736000000000` (PAC-18).
    fn from(time: KerberosTime) -> Self {
        Self(UNIX_EPOCH + time.as_secs().unsigned_abs() * PER_SECOND)
    }
}

impl fmt::Display for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timestamp() {
            Some(moment) => moment.fmt(f),
            None if *self == Self::UNSET => f.write_str("not set"),
            None => f.write_str("never"),
        }
    }
}

impl fmt::Debug for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
