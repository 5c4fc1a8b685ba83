//! Runs that once broke a promise, each by its own plan of faults: `sim/regressions/`. They break none any more.

#![allow(missing_docs, reason = "a test has no users")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![cfg(madsim)]

use std::path::{Path, PathBuf};

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

#[test]
fn what_was_mended_stays_mended() {
    let files = files();
    assert!(!files.is_empty());
    let mut broken = Vec::new();
    for file in files {
        let case = Case::read(&file).unwrap_or_else(|error| panic!("{error}"));
        let history = case.run(Sabotage::None);
        let inflicted =
            history.iter().filter(|(_, happening)| matches!(happening, Happening::Inflicted { .. })).count();
        println!("{}: {inflicted} faults", file.display());
        assert!(inflicted > 0, "{}: nothing goes wrong in it", file.display());
        if let Some(violation) = violation(&history) {
            broken.push(format!("{}: \"{}\": {}\n{}", file.display(), violation.oracle, violation.text, case.story));
        }
    }
    assert!(broken.is_empty(), "broken again:\n{}", broken.join("\n\n"));
}
