//! Where a row belongs: the app and the UTC hour of the event.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::hive;
use crate::poison::Poison;

/// The longest app id that is taken, in bytes once escaped. A path component takes 255 bytes on the usual file systems,
/// and
/// `app_id=` stands before it.
pub const MAX_ESCAPED_APP_ID: usize = 240;

/// The last millisecond of the year 9999.
const MAX_TIMESTAMP_MS: i64 = 253_402_300_799_999;

/// An hour of the calendar in UTC. Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventHour {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
}

impl EventHour {
    /// The hour that holds an event's time, given in milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`Poison::NoTimestamp`] when the time is zero or negative, [`Poison::FarFuture`] when it lies after the year
    /// 9999.
    pub fn from_timestamp_ms(timestamp_ms: i64) -> Result<Self, Poison> {
        if timestamp_ms <= 0 {
            return Err(Poison::NoTimestamp { timestamp_ms });
        }
        let far_future = Poison::FarFuture { timestamp_ms };
        if timestamp_ms > MAX_TIMESTAMP_MS {
            return Err(far_future);
        }
        let Ok(time) = time::OffsetDateTime::from_unix_timestamp(timestamp_ms / 1000) else {
            return Err(far_future);
        };
        let Ok(year) = u16::try_from(time.year()) else {
            return Err(far_future);
        };
        Ok(Self { year, month: u8::from(time.month()), day: time.day(), hour: time.hour() })
    }

    /// The year, 1970 to 9999.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }

    /// The hour of the day, 0 to 23.
    #[must_use]
    pub const fn hour(self) -> u8 {
        self.hour
    }

    /// Appends the folders of this hour down to a unit of time: `year=YYYY/month=MM/day=DD/hour=HH`.
    pub(crate) fn push_path(self, path: &mut String, down_to: PartitionTime) {
        let Self { year, month, day, hour } = self;
        // Writing to a String cannot fail.
        let _ = match down_to {
            PartitionTime::None => Ok(()),
            PartitionTime::Month => write!(path, "year={year:04}/month={month:02}"),
            PartitionTime::Day => write!(path, "year={year:04}/month={month:02}/day={day:02}"),
            PartitionTime::Hour => write!(path, "year={year:04}/month={month:02}/day={day:02}/hour={hour:02}"),
        };
    }
}

/// The unit of event time, in UTC, that has a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartitionTime {
    /// `year=YYYY/month=MM/day=DD/hour=HH`.
    Hour,
    /// `year=YYYY/month=MM/day=DD`.
    Day,
    /// `year=YYYY/month=MM`.
    Month,
    /// No folders of time.
    None,
}

/// What goes into one file: one folder of one table. Cheap to clone, and ordered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(Place);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    /// As the built-in schema has it: one app, one UTC hour of event time.
    AppHour { app_id: Arc<str>, hour: EventHour },
    /// A folder of one of several tables.
    Folder { table: u16, folder: Arc<str> },
}

impl Partition {
    /// The partition of an app's hour.
    ///
    /// # Errors
    ///
    /// [`Poison::AppIdTooLong`] when the escaped app id is longer than [`MAX_ESCAPED_APP_ID`] bytes.
    pub fn new(app_id: Arc<str>, hour: EventHour) -> Result<Self, Poison> {
        check_app_id(&app_id)?;
        Ok(Self::from_checked(app_id, hour))
    }

    /// The partition of an app id that [`check_app_id`] has let through.
    pub(crate) const fn from_checked(app_id: Arc<str>, hour: EventHour) -> Self {
        Self(Place::AppHour { app_id, hour })
    }

    /// A folder, as a path without a slash at either end, of the table with this number.
    pub(crate) const fn from_folder(table: u16, folder: Arc<str>) -> Self {
        Self(Place::Folder { table, folder })
    }

    /// The number of the table: its place among the routes, from 0.
    #[must_use]
    pub const fn table(&self) -> usize {
        match &self.0 {
            Place::AppHour { .. } => 0,
            Place::Folder { table, .. } => *table as usize,
        }
    }

    /// The folder of the partition: `app_id=.../year=YYYY/month=MM/day=DD/hour=HH` for the built-in schema, without a slash at
    /// either end. It is empty for a table that is not partitioned.
    ///
    /// Values are escaped as Hive does it, so that each stays one folder whatever it holds. An empty one is
    /// `__HIVE_DEFAULT_PARTITION__`; an app that really has this name shares the folder, and reads as null too.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.0 {
            Place::AppHour { app_id, hour } => {
                let mut path = String::from("app_id=");
                hive::push_escaped(&mut path, app_id);
                path.push('/');
                hour.push_path(&mut path, PartitionTime::Hour);
                path
            }
            Place::Folder { folder, .. } => folder.to_string(),
        }
    }
}

/// Refuses an app id that makes no folder name.
pub(crate) fn check_app_id(app_id: &str) -> Result<(), Poison> {
    // Nearly all, without a look at their characters.
    if app_id.len() <= MAX_ESCAPED_APP_ID / hive::MAX_ESCAPED {
        return Ok(());
    }
    let bytes = hive::escaped_len(app_id);
    if bytes > MAX_ESCAPED_APP_ID {
        return Err(Poison::AppIdTooLong { bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(app_id: &str, timestamp_ms: i64) -> String {
        let hour = EventHour::from_timestamp_ms(timestamp_ms).unwrap();
        Partition::new(app_id.into(), hour).unwrap().path()
    }

    #[test]
    fn an_hour_ends_with_its_last_millisecond() {
        // 2025-06-30T23:59:59.999Z and one millisecond later.
        assert_eq!(path("a", 1_751_327_999_999), "app_id=a/year=2025/month=06/day=30/hour=23");
        assert_eq!(path("a", 1_751_328_000_000), "app_id=a/year=2025/month=07/day=01/hour=00");
        // Within a day: 2025-07-01T00:59:59.999Z and one millisecond later.
        assert_eq!(path("a", 1_751_331_599_999), "app_id=a/year=2025/month=07/day=01/hour=00");
        assert_eq!(path("a", 1_751_331_600_000), "app_id=a/year=2025/month=07/day=01/hour=01");
    }

    #[test]
    fn the_leap_day_exists_only_in_leap_years() {
        // 2024-02-29T12:00Z, 2000-02-29T00:00Z, and the second before 2100-03-01.
        assert_eq!(path("a", 1_709_208_000_000), "app_id=a/year=2024/month=02/day=29/hour=12");
        assert_eq!(path("a", 951_782_400_000), "app_id=a/year=2000/month=02/day=29/hour=00");
        assert_eq!(path("a", 4_107_542_399_000), "app_id=a/year=2100/month=02/day=28/hour=23");
    }

    #[test]
    fn the_first_and_the_last_millisecond() {
        assert_eq!(path("a", 1), "app_id=a/year=1970/month=01/day=01/hour=00");
        assert_eq!(path("a", MAX_TIMESTAMP_MS), "app_id=a/year=9999/month=12/day=31/hour=23");
        for timestamp_ms in [0, -1, i64::MIN] {
            let poison = EventHour::from_timestamp_ms(timestamp_ms);
            assert!(matches!(poison, Err(Poison::NoTimestamp { .. })), "{timestamp_ms}");
        }
        for timestamp_ms in [MAX_TIMESTAMP_MS + 1, i64::MAX] {
            let poison = EventHour::from_timestamp_ms(timestamp_ms);
            assert!(matches!(poison, Err(Poison::FarFuture { .. })), "{timestamp_ms}");
        }
    }

    #[test]
    fn hostile_app_ids_stay_one_folder() {
        let tail = "/year=1970/month=01/day=01/hour=00";
        assert_eq!(path("", 1), format!("app_id=__HIVE_DEFAULT_PARTITION__{tail}"));
        assert_eq!(path("..", 1), format!("app_id=..{tail}"));
        assert_eq!(path("/../x=y", 1), format!("app_id=%2F..%2Fx%3Dy{tail}"));
    }

    #[test]
    fn the_longest_app_id() {
        let hour = EventHour::from_timestamp_ms(1).unwrap();
        let longest = "a".repeat(MAX_ESCAPED_APP_ID);
        assert!(Partition::new(longest.as_str().into(), hour).is_ok());
        let longer = Partition::new(format!("{longest}a").into(), hour);
        assert!(matches!(longer, Err(Poison::AppIdTooLong { bytes: 241 })));
        // It is the escaped form that must fit: 81 slashes take 243 bytes.
        let slashes = Partition::new("/".repeat(81).into(), hour);
        assert!(matches!(slashes, Err(Poison::AppIdTooLong { bytes: 243 })));
    }

    #[test]
    fn partitions_are_ordered_by_app_and_then_by_time() {
        let at = |app: &str, ms| Partition::new(app.into(), EventHour::from_timestamp_ms(ms).unwrap()).unwrap();
        let sorted = [at("a", 951_782_400_000), at("a", 1_709_208_000_000), at("b", 1)];
        assert!(sorted.is_sorted());
    }
}
