//! What can be wrong with settings, said in one line each: where, what, and what is expected instead.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of a settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Origin::Variable(name) => write!(formatter, "environment variable {name}"),
            Origin::Default => formatter.write_str("default"),
        }
    }
}

/// Where a message names a setting: the first counts, and of two there the longer.
type Place = (usize, Reverse<usize>);

/// Where each setting came from that somebody has set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Notes where a setting came from. A later source beats an earlier one.
    pub(super) fn note(&mut self, setting: String, origin: Origin) {
        self.0.insert(setting, origin);
    }

    /// Where the setting came from that a message names first, among those that somebody has set; of a section that it names, any.
    pub fn of(&self, message: &str) -> Option<&Origin> {
        let place = |setting: &str| message.find(setting).map(|place| (place, Reverse(setting.len())));
        let section = |setting: &str| setting.split_once('.').and_then(|(section, _)| place(&format!("{section}.")));
        let first = |place: &dyn Fn(&str) -> Option<Place>| {
            let named = self.0.iter().filter_map(|(setting, origin)| Some((place(setting)?, origin)));
            named.min_by_key(|(place, _)| *place).map(|(_, origin)| origin)
        };
        let of_routes = || self.0.get("schema.route").filter(|_| message.contains("the route of "));
        first(&place).or_else(of_routes).or_else(|| first(&section))
    }
}

impl fmt::Debug for Origins {
    /// Says nothing: settings are printed for what they are.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is, if it is in one place.
    pub origin: Option<Origin>,
    /// What it is and what to do about it.
    pub what: String,
}

impl Problem {
    /// A mistake in one place.
    pub fn at(origin: Origin, what: String) -> Self {
        Problem { origin: Some(origin), what }
    }

    /// A mistake of settings that the message names.
    pub fn between(origins: &Origins, what: String) -> Self {
        Problem { origin: origins.of(&what).cloned(), what }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(formatter, "{origin}: {}", self.what),
            None => formatter.write_str(&self.what),
        }
    }
}

/// Why there are no settings to work with.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Mistakes, all that were found. One stands on each line.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}
