//! The built program's commands that end by themselves.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::settings::Settings;
use crate::tools::tool;

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
    command(program, settings, &["check"])
}

/// Runs a command of the program, such as `["inspect", "--strict"]`, with these settings, and waits until it ends.
///
/// # Panics
///
/// When it can't be started.
#[must_use]
#[track_caller]
pub fn command(program: impl AsRef<Path>, settings: &Settings, arguments: &[&str]) -> Ended {
    run(&mut Command::new(program.as_ref()), settings, arguments)
}

/// Runs a command as [`command`] does, on a terminal of its own. What it shows there is its standard output.
///
/// # Panics
///
/// When it can't be started.
#[must_use]
#[track_caller]
pub fn on_a_terminal(program: impl AsRef<Path>, settings: &Settings, arguments: &[&str]) -> Ended {
    const SPAWN: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut terminal = Command::new(tool("python"));
    run(terminal.args(["-c", SPAWN]).arg(program.as_ref()).stdin(Stdio::null()), settings, arguments)
}

/// Settings that take a consumer over for good, where it has another destination: with the digest that the program itself names when it
/// refuses the consumer.
///
/// # Panics
///
/// When the program can't be started.
#[must_use]
#[track_caller]
pub fn moved(program: impl AsRef<Path>, settings: Settings) -> Settings {
    let said = check(program, &settings).stderr;
    match said.split("nats.moved_from = \"").nth(1).and_then(|rest| rest.split('"').next()) {
        Some(digest) => settings.set("nats", "moved_from", digest),
        None => settings,
    }
}

#[track_caller]
fn run(command: &mut Command, settings: &Settings, arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let file = folder.path().join("sink.toml");
    let settings = settings.clone().set_if_unset("observability", "metrics_addr", "127.0.0.1:0");
    fs::write(&file, settings.to_toml()).unwrap_or_else(|error| panic!("cannot write the settings: {error}"));
    let Output { status, stdout, stderr } = command
        .args(arguments)
        .arg("--config")
        .arg(&file)
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ended { code: status.code(), stdout, stderr }
}

impl Ended {
    /// That `check` found nothing wrong; the stream may hold messages that can't be decoded.
    ///
    /// # Panics
    ///
    /// When it did.
    #[track_caller]
    pub fn assert_fine(&self) {
        let said = |line: &str| {
            line.contains("messages that wait in the stream can't be decoded and will become dead letters")
        };
        assert!(self.code == Some(0) && self.stderr.lines().all(said), "{self:?}");
    }

    /// What it wrote to standard output, as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}
