//! How what stands in the file or the environment becomes a value.

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

/// A value as it was found, before its type is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// From the environment or a default: text that may stand for anything.
    Plain(String),
    /// A quoted string of the file.
    Text(String),
    /// A whole number of the file.
    Integer(i64),
    /// Any other number, as it is written.
    Float(String),
    /// `true` or `false` in the file.
    Boolean(bool),
    /// An array of the file.
    List(Vec<Raw>),
    /// A table of the file.
    Table(BTreeMap<String, Raw>),
    /// A date or a time, which no setting takes, as it is written.
    Date(String),
}

impl Raw {
    /// The text, if it may be read as text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Raw::Plain(text) | Raw::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of an array, or of a text with commas.
    pub fn items(&self) -> Option<Vec<&str>> {
        match self {
            Raw::List(items) => items.iter().map(Raw::text).collect(),
            other => Some(other.text()?.split(',').collect()),
        }
    }

    fn integer(&self) -> Option<i64> {
        match self {
            Raw::Integer(value) => Some(*value),
            Raw::Plain(text) => text.trim().replace('_', "").parse().ok(),
            _ => None,
        }
    }
}

/// As much of a value as an error message should repeat.
const SHOWN_CHARACTERS: usize = 60;

impl fmt::Display for Raw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raw::Plain(text) | Raw::Text(text) => write!(formatter, "{:?}", shortened(text)),
            Raw::Integer(value) => write!(formatter, "{value}"),
            Raw::Float(text) | Raw::Date(text) => write!(formatter, "{}", shortened(text)),
            Raw::Boolean(value) => write!(formatter, "{value}"),
            Raw::List(items) => {
                let items: Vec<String> = items.iter().map(Raw::to_string).collect();
                write!(formatter, "[{}]", shortened(&items.join(", ")))
            }
            Raw::Table(_) => formatter.write_str("a table"),
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The type of a setting.
pub trait Value: Sized {
    /// What the reference calls it.
    const KIND: &'static str;

    /// What an error message asks for instead of what it found.
    const EXPECTED: &'static str;

    /// The value, or nothing where `raw` isn't one.
    fn from_raw(raw: &Raw) -> Option<Self>;

    /// The value of a setting that neither is set nor has a default.
    fn absent() -> Option<Self> {
        None
    }

    /// What an error message may repeat of a value that was refused.
    fn show(raw: &Raw) -> String {
        raw.to_string()
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_raw(raw: &Raw) -> Option<Self> {
        T::from_raw(raw).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn show(raw: &Raw) -> String {
        T::show(raw)
    }
}

macro_rules! count {
    ($($type:ty),+) => {$(
        impl Value for $type {
            const KIND: &'static str = "count";
            const EXPECTED: &'static str = "a whole number of at least 1";

            fn from_raw(raw: &Raw) -> Option<Self> {
                Self::new(raw.integer()?.try_into().ok()?)
            }
        }
    )+};
}

count!(NonZeroUsize, NonZeroU32);

impl Value for usize {
    const KIND: &'static str = "count or 0";
    const EXPECTED: &'static str = "a whole number, 0 included";

    fn from_raw(raw: &Raw) -> Option<Self> {
        raw.integer()?.try_into().ok()
    }
}

impl Value for bool {
    const KIND: &'static str = "boolean";
    const EXPECTED: &'static str = "true or false";

    fn from_raw(raw: &Raw) -> Option<Self> {
        match raw {
            Raw::Boolean(value) => Some(*value),
            Raw::Plain(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }
}

/// Longer than any of these settings makes sense. It also catches `5M`, which humantime reads as five months.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Value for Duration {
    const KIND: &'static str = "duration";
    const EXPECTED: &'static str = "a duration above zero and of at most 7 days, such as \"30s\" or \"5m\"";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let duration = humantime::parse_duration(raw.text()?.trim()).ok()?;
        (!duration.is_zero() && duration <= LONGEST).then_some(duration)
    }
}

/// More than a machine has; it keeps sums of sizes from overflowing.
const LARGEST: ByteSize = ByteSize::tib(1);

impl Value for ByteSize {
    const KIND: &'static str = "size";
    const EXPECTED: &'static str = "a size above zero and of at most 1TiB, such as \"64MiB\"";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let size = match raw {
            Raw::Integer(bytes) => ByteSize::b(u64::try_from(*bytes).ok()?),
            other => other.text()?.trim().replace('_', "").parse().ok()?,
        };
        (size.as_u64() > 0 && size <= LARGEST).then_some(size)
    }
}

impl Value for String {
    const KIND: &'static str = "text";
    const EXPECTED: &'static str = "text that is not empty";

    fn from_raw(raw: &Raw) -> Option<Self> {
        raw.text().filter(|text| !text.is_empty()).map(str::to_owned)
    }
}

impl Value for PathBuf {
    const KIND: &'static str = "path";
    const EXPECTED: &'static str = "the path of a file, without white space before or after it";

    fn from_raw(raw: &Raw) -> Option<Self> {
        raw.text().filter(|text| !text.is_empty() && text.trim() == *text).map(PathBuf::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain<T: Value>(text: &str) -> Option<T> {
        T::from_raw(&Raw::Plain(text.to_owned()))
    }

    #[test]
    fn durations_have_units_and_bounds() {
        assert_eq!(plain("30s"), Some(Duration::from_secs(30)));
        assert_eq!(plain("1h0m0s"), Some(Duration::from_secs(3600)), "as Go writes them");
        for wrong in ["", "soon", "30", "0s", "8d", "5M", "-1s"] {
            assert_eq!(plain::<Duration>(wrong), None, "{wrong:?}");
        }
        assert_eq!(Duration::from_raw(&Raw::Integer(30)), None, "a number has no unit");
    }

    #[test]
    fn sizes_have_units_and_bounds() {
        assert_eq!(plain("64MiB"), Some(ByteSize::mib(64)));
        assert_eq!(plain("64 MB"), Some(ByteSize::mb(64)));
        assert_eq!(ByteSize::from_raw(&Raw::Integer(1024)), Some(ByteSize::kib(1)));
        for wrong in ["", "0", "lots", "2TiB", "-1", "64 MiBs"] {
            assert_eq!(plain::<ByteSize>(wrong), None, "{wrong:?}");
        }
        assert_eq!(ByteSize::from_raw(&Raw::Integer(-1)), None);
    }

    #[test]
    fn counts_are_numbers_in_the_file_and_text_in_the_environment() {
        let ten_thousand = NonZeroUsize::new(10_000);
        assert_eq!(plain("10_000"), ten_thousand);
        assert_eq!(NonZeroUsize::from_raw(&Raw::Integer(10_000)), ten_thousand);
        assert_eq!(NonZeroUsize::from_raw(&Raw::Text("10000".to_owned())), None, "a string in the file is a mistake");
        for wrong in ["", "0", "-1", "1.5", "many", "99999999999999999999"] {
            assert_eq!(plain::<NonZeroUsize>(wrong), None, "{wrong:?}");
        }
        assert_eq!(plain::<NonZeroU32>("4294967296"), None, "more than the type holds");
        assert_eq!((plain::<usize>("0"), usize::from_raw(&Raw::Integer(-1))), (Some(0), None));
    }

    #[test]
    fn a_long_value_is_shortened_in_messages() {
        let shown = Raw::Plain("ä".repeat(1000)).to_string();
        assert_eq!(shown.chars().count(), SHOWN_CHARACTERS + 3, "{shown}");
    }
}
