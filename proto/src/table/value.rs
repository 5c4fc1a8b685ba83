//! What a layout needs to know of a message, whatever its format.

use std::fmt::Write as _;

use crate::hive;

/// What rows are spread by, of a message that was read.
pub(super) trait Values {
    /// The value of a field that makes a folder, by its index.
    fn folder(&self, index: usize) -> FolderValue<'_>;

    /// The event's time in milliseconds, in a layout where a field has it; none where it is no time.
    fn millis(&self) -> Option<i64>;
}

/// The value of a field that makes a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FolderValue<'v> {
    None,
    Text(&'v str),
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    /// A date, in days since the Unix epoch.
    Date(i32),
}

impl<'v> FolderValue<'v> {
    /// Appends it as Hive has it in a folder's name; none and an empty text are Hive's default.
    pub fn push_folder(self, path: &mut String) {
        match self {
            Self::None => hive::push_escaped(path, ""),
            Self::Text(text) => hive::push_escaped(path, text),
            _ => self.push_plain(path),
        }
    }

    /// What a reader of the path would see: an empty text is null there.
    pub fn text(self, scratch: &'v mut String) -> Option<&'v str> {
        match self {
            Self::None | Self::Text("") => None,
            Self::Text(text) => Some(text),
            _ => {
                scratch.clear();
                self.push_plain(scratch);
                Some(scratch)
            }
        }
    }

    fn push_plain(self, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::None => Ok(()),
            Self::Text(text) => out.write_str(text),
            Self::Bool(value) => write!(out, "{value}"),
            Self::Signed(number) => write!(out, "{number}"),
            Self::Unsigned(number) => write!(out, "{number}"),
            Self::Date(days) => match date(days) {
                Some(date) => write!(out, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day()),
                None => Ok(()),
            },
        };
    }
}

fn date(days: i32) -> Option<time::Date> {
    const EPOCH: i32 = 2_440_588;
    time::Date::from_julian_day(days.checked_add(EPOCH)?).ok()
}
