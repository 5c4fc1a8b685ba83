//! Runs that once broke a promise, each by its own plan of faults: `sim/regressions/`. They break none any more.

#![allow(missing_docs, reason = "a test has no users")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![cfg(madsim)]

use std::path::{Path, PathBuf};
use std::process::Command;

use warehouse_sink_sim::case::Case;
use warehouse_sink_sim::history::Happening;
use warehouse_sink_sim::report::violation;
use warehouse_sink_sim::sabotage::Sabotage;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

/// In the child processes: the case to run.
const CASE: &str = "WAREHOUSE_SINK_SIM_CASE";

/// Each runs in a process of its own, as a replay does: what ran before in a process can shift the order of tasks.
#[test]
fn what_was_mended_stays_mended() {
    let files = files();
    assert!(!files.is_empty());
    let broken: Vec<String> = files.iter().filter_map(|file| run_alone(file)).collect();
    assert!(broken.is_empty(), "broken again:\n{}", broken.join("\n\n"));
}

fn run_alone(file: &Path) -> Option<String> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", "one_case", "--nocapture"]).env(CASE, file).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(text.contains("1 passed") || !output.status.success(), "{text}");
    (!output.status.success()).then(|| format!("{}:\n{text}", file.display()))
}

/// What a child process does; nothing in an ordinary run.
#[test]
fn one_case() {
    let Some(file) = std::env::var_os(CASE) else { return };
    let case = Case::read(Path::new(&file)).unwrap_or_else(|error| panic!("{error}"));
    let history = case.run(Sabotage::None);
    let inflicted = history.iter().filter(|(_, happening)| matches!(happening, Happening::Inflicted { .. })).count();
    assert!(inflicted > 0, "nothing goes wrong in it");
    if let Some(violation) = violation(&history) {
        panic!("\"{}\" is broken: {}\n{}", violation.oracle, violation.text, case.story);
    }
}
