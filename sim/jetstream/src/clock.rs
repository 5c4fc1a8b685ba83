//! The server's two clocks: one that only goes on, and the one on the wall.

use std::time::Duration;

use warehouse_sink_core::Timestamp;

const SECOND: i64 = 1_000_000_000;

/// What both clocks show now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub now: Timestamp,
    /// The wall clock at the origin of `now`, in nanoseconds since the Unix epoch.
    pub epoch: i64,
}

impl Clock {
    /// The wall clock, in nanoseconds since the Unix epoch.
    pub fn wall(self) -> i64 {
        self.wall_at(self.now)
    }

    /// What the wall clock shows at this moment.
    pub fn wall_at(self, at: Timestamp) -> i64 {
        let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
        self.epoch.saturating_add(micros.saturating_mul(1000))
    }

    /// When the wall clock shows this; the origin where that was before it.
    pub fn when(self, wall: i64) -> Timestamp {
        let nanos = u64::try_from(wall.saturating_sub(self.epoch)).unwrap_or(0);
        Timestamp::from_micros(nanos / 1000)
    }
}

/// A time that is stored keeps no fraction of a second.
pub(crate) fn whole_seconds(wall: i64) -> i64 {
    wall.div_euclid(SECOND) * SECOND
}

pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
