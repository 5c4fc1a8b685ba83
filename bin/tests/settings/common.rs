//! What the tests of settings share.

use std::ffi::OsString;
use std::path::Path;

use warehouse_sink::settings::{Settings, SettingsError};

/// Settings of a file's text and of variables.
pub fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Settings::parse(Path::new("sink.toml"), text, variables)
}

/// The lines of the message that refuses them.
pub fn mistakes(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let error = parse(text, variables).map(|taken| format!("{taken:?}")).unwrap_err();
    error.to_string().lines().map(str::to_owned).collect()
}
