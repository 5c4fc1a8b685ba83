//! Settings: a TOML file, each value overridable from the environment.
//!
//! ```text
//!   keys.rs ── the one list ──┬──▶ Settings, a struct for each section
//!                             ├──▶ SECTIONS ──▶ unknown keys and their neighbours, names of variables
//!                             └──▶ reference() ──▶ docs/configuration.md
//!
//!   file.rs ──▶ environment.rs: legacy names, then our own ──▶ Reader ──▶ Settings ──▶ rules.rs ──▶ files.rs
//! ```
//!
//! A later source beats an earlier one. All mistakes are told at once, each in one line that says where it is.

mod address;
mod convert;
mod environment;
mod file;
mod files;
mod keys;
mod nearest;
mod percent;
mod problem;
mod reader;
mod reference;
mod route_rules;
mod routes;
mod rules;
mod schema_types;
mod table;
mod types;
mod value;

use std::ffi::OsString;
use std::path::Path;

pub use address::{ListenAddress, NatsUrls};
pub use keys::{
    Batch, DeadLetter, LEGACY_OPTIONS, Nats, Observability, Parquet, SECTIONS, Schema, Settings, Shutdown, Storage,
};
pub(crate) use nearest::name_hint;
pub use problem::{Origin, Origins, Problem, SettingsError};
pub use reference::reference;
pub use routes::{Messages, RouteSettings, Routes};
pub use schema_types::{Fields, Format, Headers, Paths, UnknownFields};
pub use table::{Default, Key, Section};
pub use types::{ColumnNames, LogFilter, LogFormat, Name, Options, Prefix, Secret, Service, Subject, Subjects};

use reader::Reader;

impl Settings {
    /// Reads the file, if there is one, and the variables over it, and tries the files that they name.
    ///
    /// # Errors
    ///
    /// When a file can't be read, and when anything in it or in the environment is not as it should be.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        let settings = match file {
            None => Self::parse(Path::new(""), "", variables)?,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
                Self::parse_in(path.parent(), path, &text, variables)?
            }
        };
        match files::unusable(&settings) {
            unusable if unusable.is_empty() => Ok(settings),
            unusable => Err(SettingsError::Invalid(unusable)),
        }
    }

    /// Reads the text of a file and the variables over it; the files that they name are left alone. `path` is what messages call the
    /// file.
    ///
    /// # Errors
    ///
    /// When anything in the text or in the environment is not as it should be.
    pub fn parse(
        path: &Path,
        text: &str,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        Self::parse_in(None, path, text, variables)
    }

    fn parse_in(
        folder: Option<&Path>,
        path: &Path,
        text: &str,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        let mut reader = Reader::default();
        file::read(path, text, folder, &mut reader);
        environment::read(variables, &mut reader);
        let settings = Settings::read(&mut reader);
        let problems = match &settings {
            Some(settings) if reader.problems.is_empty() => rules::broken(settings),
            _ => reader.problems,
        };
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(SettingsError::Invalid(problems)),
        }
    }
}
