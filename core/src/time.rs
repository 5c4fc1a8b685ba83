use std::time::Duration;

/// A moment on the driver's monotonic clock: microseconds since an origin that the driver chooses.
///
/// An integer rather than [`std::time::Instant`], which a test could not make up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The clock's origin.
    pub const ZERO: Timestamp = Timestamp(0);

    /// The end of time.
    pub const MAX: Timestamp = Timestamp(u64::MAX);

    /// The moment that many microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Self {
        Timestamp(micros)
    }

    /// Microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The moment `duration` later, or the end of time where that does not fit.
    pub fn saturating_add(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_microseconds_since_the_origin() {
        let moment = Timestamp::ZERO.saturating_add(Duration::from_millis(3));
        assert_eq!(moment, Timestamp::from_micros(3000));
        assert_eq!(moment.as_micros(), 3000);
    }

    #[test]
    fn ends_at_the_end_of_time() {
        let moment = Timestamp::from_micros(7);
        assert_eq!(moment.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.saturating_add(Duration::from_micros(1)), Timestamp::MAX);
    }

    #[test]
    fn nothing_is_less_than_no_time_ago() {
        let [earlier, later] = [1000, 1500].map(Timestamp::from_micros);
        assert_eq!(later.since(earlier), Duration::from_micros(500));
        assert_eq!(earlier.since(later), Duration::ZERO);
    }
}
