//! The built program's `check`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::settings::Settings;

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Runs `warehouse-sink check` with these settings. The program is given as `env!("CARGO_BIN_EXE_warehouse-sink")`.
///
/// # Panics
///
/// When it can't be started.
#[must_use]
#[track_caller]
pub fn check(program: impl AsRef<Path>, settings: &Settings) -> Ended {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let file = folder.path().join("sink.toml");
    fs::write(&file, settings.to_toml()).unwrap_or_else(|error| panic!("cannot write the settings: {error}"));
    let mut command = Command::new(program.as_ref());
    let Output { status, stdout, stderr } = command
        .arg("check")
        .arg("--config")
        .arg(&file)
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ended { code: status.code(), stdout, stderr }
}
