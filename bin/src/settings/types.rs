//! The types that only settings have.

use std::collections::BTreeMap;
use std::fmt;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use warehouse_sink_io::encode::{Compression, Encodings};

use super::value::{Raw, Value};

/// What stands in for a secret wherever it could be printed.
const REDACTED: &str = "[redacted]";

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

impl Value for Secret {
    const KIND: &'static str = "secret";
    const EXPECTED: &'static str = "text that is not empty";

    fn from_raw(raw: &Raw) -> Option<Self> {
        String::from_raw(raw).map(Secret)
    }

    fn show(_: &Raw) -> String {
        REDACTED.to_owned()
    }
}

/// A name that NATS takes for a stream or a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Name {
    const KIND: &'static str = "name";
    const EXPECTED: &'static str = "a name without spaces, dots, slashes, `*` or `>`";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let name = String::from_raw(raw)?;
        let refused = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
        (name.len() <= 255 && !name.contains(refused)).then_some(Name(name))
    }
}

/// Subjects, wildcards allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjects(Vec<String>);

impl Subjects {
    /// The subjects; there is at least one.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// One subject, without wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// The subject.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Subject {
    const KIND: &'static str = "subject";
    const EXPECTED: &'static str = "a subject without wildcards or a dot at its end, such as \"JS.hub.API\"";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let subject = String::from_raw(raw)?;
        (is_subject(&subject) && !subject.contains(['*', '>'])).then_some(Subject(subject))
    }
}

pub(super) fn is_subject(subject: &str) -> bool {
    let tokens: Vec<&str> = subject.split('.').collect();
    tokens.iter().enumerate().all(|(position, token)| match *token {
        "" => false,
        ">" => position + 1 == tokens.len(),
        "*" => true,
        token => !token.contains(|c: char| c.is_whitespace() || c == '*' || c == '>'),
    })
}

impl Value for Subjects {
    const KIND: &'static str = "list of subjects";
    const EXPECTED: &'static str = "an array of subjects such as [\"events.>\"]";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let subjects: Vec<String> = raw.items()?.into_iter().map(|item| item.trim().to_owned()).collect();
        (!subjects.is_empty() && subjects.iter().all(|subject| is_subject(subject))).then_some(Subjects(subjects))
    }
}

/// Columns of the event files, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnNames(Vec<String>);

impl ColumnNames {
    /// The names, as they were given.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl Value for ColumnNames {
    const KIND: &'static str = "list of columns";
    const EXPECTED: &'static str = "an array of columns such as [\"id\", \"device_id\"]";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let names: Vec<String> = raw.items()?.into_iter().map(|item| item.trim().to_owned()).collect();
        let is_name = |name: &String| !name.is_empty() && !name.contains(char::is_control);
        names.iter().all(is_name).then_some(ColumnNames(names))
    }
}

/// What every key begins with: segments with slashes between them, none at either end; possibly empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// The prefix without a slash at either end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The prefix with `suffix` after it; the bare suffix without its leading dash where the prefix is empty.
    pub fn with_suffix(&self, suffix: &str) -> Prefix {
        Prefix(format!("{}{suffix}", self.0).trim_start_matches('-').to_owned())
    }

    /// Whether a key of `other` could begin with this prefix: it is the same, or lies within.
    pub fn contains(&self, other: &Prefix) -> bool {
        match other.0.strip_prefix(&self.0) {
            Some(rest) => self.0.is_empty() || rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }
}

/// Object stores take keys of 1,024 bytes; the partition and the name need the rest.
const LONGEST_PREFIX: usize = 256;

impl Value for Prefix {
    const KIND: &'static str = "prefix";
    const EXPECTED: &'static str = "a path of at most 256 bytes without `.`, `..` or empty segments, none of which begins or ends with white space";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let prefix = raw.text()?.trim_matches('/');
        let usable = |segment: &str| {
            // Stores and readers take white space off the ends of a name, each in its own way.
            !matches!(segment, "" | "." | "..") && !segment.contains(char::is_control) && segment.trim() == segment
        };
        let valid = prefix.is_empty() || (prefix.len() <= LONGEST_PREFIX && prefix.split('/').all(usable));
        valid.then(|| Prefix(prefix.to_owned()))
    }
}

/// A storage service by OpenDAL's name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service(String);

impl Service {
    /// The service whose options the Go sink's `S3_` variables set.
    pub const S3: &'static str = "s3";

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Service {
    const KIND: &'static str = "name";
    const EXPECTED: &'static str = "the name of a storage service such as \"s3\", \"gcs\", \"azblob\" or \"fs\"";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let name = String::from_raw(raw)?;
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-').then_some(Service(name))
    }
}

/// A storage service's own settings.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<String, String>);

impl Options {
    /// The settings by their OpenDAL names, secrets among them.
    pub fn expose(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// Options that an operator wants to see and that hold no secret. Any other may be one.
const PLAIN_OPTIONS: &[&str] = &["bucket", "container", "region", "root"];

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(name, value)| {
            let plain = PLAIN_OPTIONS.contains(&name.as_str());
            (name, if plain { value.as_str() } else { REDACTED })
        });
        formatter.debug_map().entries(shown).finish()
    }
}

impl Value for Options {
    const KIND: &'static str = "table";
    const EXPECTED: &'static str =
        "a table of names and values, or variables such as WAREHOUSE_SINK__STORAGE__OPTIONS__BUCKET";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let Raw::Table(entries) = raw else { return None };
        let options = entries.iter().map(|(name, value)| match value {
            Raw::Plain(text) | Raw::Text(text) | Raw::Float(text) => Some((name.clone(), text.clone())),
            Raw::Integer(_) | Raw::Boolean(_) => Some((name.clone(), value.to_string())),
            _ => None,
        });
        options.collect::<Option<_>>().map(Options)
    }

    fn absent() -> Option<Self> {
        Some(Options::default())
    }

    fn show(_: &Raw) -> String {
        REDACTED.to_owned()
    }
}

impl Value for Compression {
    const KIND: &'static str = "compression";
    const EXPECTED: &'static str =
        "zstd, snappy, gzip, lz4 or none, with a level of 1 to 22 as in \"zstd(3)\" or of 0 to 9 as in \"gzip(6)\"";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let text = raw.text()?.trim().to_ascii_lowercase();
        match text.split_once('(') {
            Some((name, level)) => format!("{name}:{}", level.strip_suffix(')')?).parse().ok(),
            None => text.parse().ok(),
        }
    }
}

impl Value for Encodings {
    const KIND: &'static str = "compact or compatible";
    const EXPECTED: &'static str = "compact or compatible";

    fn from_raw(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "compact" => Some(Self::Compact),
            "compatible" => Some(Self::Compatible),
            _ => None,
        }
    }
}

/// Which log lines are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The directives, as [`EnvFilter`] takes them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for LogFilter {
    const KIND: &'static str = "log filter";
    const EXPECTED: &'static str = "error, warn, info, debug, trace or off, or a list such as \"info,async_nats=warn\"";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let text = String::from_raw(raw)?;
        // To EnvFilter a bare word that is no level is a module whose every line is wanted: a typo would go unseen.
        let meant = text.split(',').all(|part| part.contains(['=', '[']) || part.trim().parse::<LevelFilter>().is_ok());
        (meant && EnvFilter::try_new(&text).is_ok()).then_some(LogFilter(text))
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object on each line.
    Json,
    /// Text for people.
    Text,
}

impl Value for LogFormat {
    const KIND: &'static str = "log format";
    const EXPECTED: &'static str = "json or text";

    fn from_raw(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim().to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_no_wildcards() {
        let subject = |text: &str| Subject::from_raw(&Raw::Plain(text.to_owned()));
        assert_eq!(subject("JS.hub.API").unwrap().as_str(), "JS.hub.API");
        for wrong in ["", "JS.", "JS.>", "*.API", "a b", "a..b"] {
            assert_eq!(subject(wrong), None, "{wrong:?}");
        }
    }
}
