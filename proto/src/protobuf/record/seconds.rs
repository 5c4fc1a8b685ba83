//! Times and spans of time, and the ranges that protobuf gives them.

use super::Record;
use crate::protobuf::table::Seconds;

const NANOS: u32 = 1_000_000_000;

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z in seconds since the Unix epoch.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// About 10,000 years in seconds.
const LONGEST: i64 = 315_576_000_000;

impl Seconds {
    /// A time: seconds since the Unix epoch, and nanoseconds after that. None beyond the years 1 to 9999, or where the nanoseconds are
    /// not within a second.
    pub fn timestamp(self, record: &Record<'_>, base: u32) -> Option<(i64, u32)> {
        let (seconds, nanos) = self.values(record, base);
        let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < NANOS)?;
        TIMES.contains(&seconds).then_some((seconds, nanos))
    }

    /// A span: seconds, and nanoseconds of the same sign. None beyond 10,000 years, or where the two do not fit together.
    pub fn duration(self, record: &Record<'_>, base: u32) -> Option<(i64, i32)> {
        let (seconds, nanos) = self.values(record, base);
        let same_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
        let fits = same_sign && nanos.unsigned_abs() < NANOS && seconds.unsigned_abs() <= LONGEST.unsigned_abs();
        fits.then_some((seconds, nanos))
    }

    /// A time in microseconds since the Unix epoch, rounded down.
    pub fn timestamp_micros(self, record: &Record<'_>, base: u32) -> Option<i64> {
        let (seconds, nanos) = self.timestamp(record, base)?;
        Some(seconds * 1_000_000 + i64::from(nanos / 1_000))
    }

    /// A span in microseconds, rounded towards zero.
    pub fn duration_micros(self, record: &Record<'_>, base: u32) -> Option<i64> {
        let (seconds, nanos) = self.duration(record, base)?;
        Some(seconds * 1_000_000 + i64::from(nanos / 1_000))
    }

    fn values(self, record: &Record<'_>, base: u32) -> (i64, i32) {
        let number = |slot| record.value(base, slot).number().cast_signed();
        (number(self.seconds), number(self.nanos) as i32)
    }
}
