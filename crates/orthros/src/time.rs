//! Kerberos time: whole seconds with microseconds beside them. Nothing here reads a clock.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in microseconds since 1970-01-01T00:00:00Z, the `now` of every party.
///
/// On the wire it is a KerberosTime (whole seconds) and a separate Microseconds field
/// (RFC 4120 §5.2.3, §5.2.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Whole seconds since 1970.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// A KerberosTime and its Microseconds.
    pub const fn new(time: KerberosTime, micros: u32) -> Self {
        Self(
            time.0
                .saturating_mul(1_000_000)
                .saturating_add(micros as i64),
        )
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The whole second, rounded down.
    pub const fn time(self) -> KerberosTime {
        KerberosTime(self.0.div_euclid(1_000_000))
    }

    /// The microseconds within the second, 0 to 999 999.
    pub const fn cusec(self) -> u32 {
        self.0.rem_euclid(1_000_000) as u32
    }

    /// `self - earlier`, in microseconds; negative if `self` is the earlier one.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `span` later.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// The moment `span` earlier.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    /// The moment moved by a signed number of microseconds.
    pub const fn offset(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => Self(micros(before.duration()).saturating_neg()),
        }
    }
}

impl From<KerberosTime> for Timestamp {
    fn from(time: KerberosTime) -> Self {
        Self::new(time, 0)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with microseconds: `2026-11-22T10:31:07.482913Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = civil(self.time().0);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z",
            self.cusec()
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// KerberosTime: seconds since 1970-01-01T00:00:00Z (RFC 4120 §5.2.3).
///
/// `19700101000000Z` in the `till` field of a request means "as long as policy allows" (MSG-17).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KerberosTime(i64);

impl KerberosTime {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// 9999-12-31T23:59:59Z, the last moment a KerberosTime can name.
    pub const LAST: Self = Self(253_402_300_799);

    /// Seconds since 1970, brought into the range that a KerberosTime can name.
    pub const fn from_secs(seconds: i64) -> Self {
        if seconds < 0 {
            Self::EPOCH
        } else if seconds > Self::LAST.0 {
            Self::LAST
        } else {
            Self(seconds)
        }
    }

    /// Seconds since 1970.
    pub const fn as_secs(self) -> i64 {
        self.0
    }

    /// The moment `span` later, to the second.
    pub fn plus(self, span: Duration) -> Self {
        Self::from_secs(
            self.0
                .saturating_add(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)),
        )
    }

    /// The moment `span` earlier, to the second.
    pub fn minus(self, span: Duration) -> Self {
        Self::from_secs(
            self.0
                .saturating_sub(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for KerberosTime {
    /// RFC 3339: `2026-11-22T10:31:07Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = civil(self.0);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

impl fmt::Debug for KerberosTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Year, month, day, hour, minute, second of a number of seconds since 1970 (proleptic Gregorian).
pub(crate) fn civil(seconds: i64) -> (i64, u32, u32, u32, u32, u32) {
    let days = seconds.div_euclid(86_400);
    let of_day = seconds.rem_euclid(86_400) as u32;
    // Years are counted from 1 March so that the leap day is the last day of a year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * march_month + 2) / 5 + 1) as u32;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        year,
        month,
        day,
        of_day / 3_600,
        of_day / 60 % 60,
        of_day % 60,
    )
}

/// Seconds since 1970 of a calendar moment that is known to be valid.
pub(crate) fn seconds(year: i64, month: u32, day: u32, hour: u32, minute: u32, second: u32) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * march_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    days * 86_400 + i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second)
}

/// How many days `month` has in `year`.
pub(crate) fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        assert_eq!(
            KerberosTime::from_secs(0).to_string(),
            "1970-01-01T00:00:00Z"
        );
        assert_eq!(
            KerberosTime::from_secs(2_147_483_648).to_string(),
            "2038-01-19T03:14:08Z"
        );
        assert_eq!(KerberosTime::LAST.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(seconds(2000, 2, 29, 12, 0, 0), 951_825_600);
        assert_eq!(
            KerberosTime::from_secs(951_825_600).to_string(),
            "2000-02-29T12:00:00Z"
        );
    }

    #[test]
    fn microseconds_stay_below_a_second() {
        let moment = Timestamp::from_micros(-1);
        assert_eq!(moment.cusec(), 999_999);
        assert_eq!(moment.time().as_secs(), -1);
        let moment = Timestamp::new(KerberosTime::from_secs(5), 999_999);
        assert_eq!(moment.as_micros(), 5_999_999);
        assert_eq!(moment.offset(1).cusec(), 0);
    }
}
