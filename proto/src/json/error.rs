//! What is wrong with a document, and with the declaration of columns.

use std::fmt;

use thiserror::Error;

/// How many names of a path are shown.
const MAX_SHOWN: usize = 8;

/// Why bytes are no document that fits the columns: what is wrong, in which value, and at which byte.
///
/// The text is for a person. It never repeats what the message holds.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    fault: Fault,
    at: usize,
    /// Where it is, from the inside out.
    path: Vec<Step>,
}

/// A step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The member of an object that has a column.
    Key(Box<str>),
    /// An element of an array, from 0.
    Element(usize),
    /// Some value of a map. Its key is the message's own, and could be anything.
    Entry,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes are no JSON.
    NoJson(NoJson),
    /// It is JSON, but of another form than its column.
    Form { expected: &'static str, found: &'static str },
    /// A number that its column can't hold.
    Range { expected: &'static str },
    /// A number with digits that its column has no place for.
    Fraction { expected: &'static str },
    /// A text that does not stand for what its column holds.
    Text { expected: &'static str },
    /// A time beyond the years 1 to 9999.
    Time,
    /// A time whose zone is not said.
    Zone,
    /// A required value that is not there.
    Missing,
    /// A required value that is null.
    Null,
    /// More values than memory is meant for.
    Values { limit: usize },
}

/// Why bytes are no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoJson {
    Utf8,
    Expected(&'static str),
    Escape,
    Surrogate,
    Control,
    Number,
    Depth { limit: u32 },
    Trailing,
    Size { bytes: usize },
}

impl JsonError {
    #[cold]
    pub(crate) fn new(fault: Fault, at: usize) -> Self {
        Self(Box::new(Inner { fault, at, path: Vec::new() }))
    }

    #[cold]
    pub(crate) fn no_json(fault: NoJson, at: usize) -> Self {
        Self::new(Fault::NoJson(fault), at)
    }

    /// The same, found within a value.
    #[cold]
    pub(crate) fn within(mut self, step: Step) -> Self {
        self.0.path.push(step);
        self
    }

    /// Where in the body it is, in bytes from its start.
    #[must_use]
    pub fn at(&self) -> usize {
        self.0.at
    }

    /// Whether the bytes are no JSON at all.
    #[must_use]
    pub fn is_no_json(&self) -> bool {
        matches!(self.0.fault, Fault::NoJson(_))
    }

    #[cfg(test)]
    pub(crate) fn fault(&self) -> Fault {
        self.0.fault
    }

    fn write_path(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.0.path;
        for (place, step) in path.iter().rev().enumerate() {
            match step {
                _ if place + 1 >= MAX_SHOWN && place + 1 < path.len() => {
                    if place + 1 == MAX_SHOWN {
                        f.write_str("…")?;
                    }
                }
                Step::Key(name) => write!(f, "{}{}", if place == 0 { "" } else { "." }, Quoted(name))?,
                Step::Element(index) => write!(f, "[{index}]")?,
                Step::Entry => f.write_str(".*")?,
            }
        }
        if path.is_empty() { Ok(()) } else { f.write_str(": ") }
    }
}

/// A name as a path has it: in quotes where it could be taken for something else.
pub(crate) struct Quoted<'n>(pub &'n str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
        match !self.0.is_empty() && self.0.chars().all(plain) {
            true => f.write_str(self.0),
            false => write!(f, "{:?}", self.0),
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.fault {
            Fault::NoJson(fault) => write!(f, "the body is not JSON: {fault}")?,
            fault => {
                f.write_str("the JSON can't be a row: ")?;
                self.write_path(f)?;
                write!(f, "{fault}")?;
            }
        }
        write!(f, " (at byte {})", self.0.at)
    }
}

impl fmt::Debug for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { fault, at, path } = &*self.0;
        f.debug_struct("JsonError").field("fault", fault).field("at", at).field("path", path).finish()
    }
}

impl std::error::Error for JsonError {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoJson(fault) => fault.fmt(f),
            Self::Form { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::Range { expected } => write!(f, "expected {expected}, found a number beyond its range"),
            Self::Fraction { expected } => write!(f, "expected {expected}, found a number with more decimal places"),
            Self::Text { expected } => write!(f, "expected {expected}, found another text"),
            Self::Time => f.write_str("is no time between the years 1 and 9999"),
            Self::Zone => f.write_str(
                "is a time without a zone, which may be any hour: expected one such as 2026-11-23T14:05:00Z or \
                 2026-11-23T14:05:00+01:00",
            ),
            Self::Missing => f.write_str("is required, and missing"),
            Self::Null => f.write_str("is required, and null"),
            Self::Values { limit } => write!(f, "holds too many values: with it they are more than {limit}"),
        }
    }
}

impl fmt::Display for NoJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf8 => f.write_str("it is not UTF-8"),
            Self::Expected(what) => write!(f, "expected {what}"),
            Self::Escape => f.write_str("a backslash begins an escape that JSON does not have"),
            Self::Surrogate => f.write_str("an escape is half of a surrogate pair, which is no character"),
            Self::Control => f.write_str("a control character in a string is not escaped"),
            Self::Number => f.write_str("a number is not written as JSON writes numbers"),
            Self::Depth { limit } => write!(f, "it is nested more than {limit} levels deep"),
            Self::Trailing => f.write_str("something stands behind the object"),
            Self::Size { bytes } => write!(f, "it is too large: {bytes} bytes"),
        }
    }
}

/// Why a text declares no columns.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {what}")]
pub struct ColumnsError {
    /// The line of the text, from 1.
    pub line: usize,
    /// What is wrong, and what is expected instead.
    pub what: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_where() {
        let error = JsonError::new(Fault::Missing, 7).within(Step::Key("a.b".into())).within(Step::Entry);
        let error = error.within(Step::Key("m".into())).within(Step::Element(3)).within(Step::Key("items".into()));
        let said = "the JSON can't be a row: items[3].m.*.\"a.b\": is required, and missing (at byte 7)";
        assert_eq!(error.to_string(), said);
        let deep =
            (0..20).fold(JsonError::new(Fault::Null, 0), |error, n| error.within(Step::Key(n.to_string().into())));
        let said = "the JSON can't be a row: 19.18.17.16.15.14.13….0: is required, and null (at byte 0)";
        assert_eq!(deep.to_string(), said);
        assert_eq!(
            JsonError::no_json(NoJson::Utf8, 1).to_string(),
            "the body is not JSON: it is not UTF-8 (at byte 1)"
        );
    }
}
