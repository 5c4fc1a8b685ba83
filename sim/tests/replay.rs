//! One run again, with all that happened in it:
//!
//! - `SEED=17 cargo sim --test replay -- --nocapture`
//! - `PLAN=sim/regressions/some.toml cargo sim --test replay -- --nocapture`

#![allow(missing_docs, reason = "a test has no users")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![cfg(madsim)]

use std::path::{Path, PathBuf};

use warehouse_sink_sim::case::Case;
use warehouse_sink_sim::oracle::judge;
use warehouse_sink_sim::report::violation;
use warehouse_sink_sim::sabotage::Sabotage;
use warehouse_sink_sim::timeline::timeline;

/// The case that the environment names.
fn case() -> Option<Case> {
    if let Some(path) = std::env::var_os("PLAN") {
        // Tests run in the folder of their package; a person stands at the root.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        return Some(Case::read(&root.join(PathBuf::from(path))).unwrap_or_else(|error| panic!("{error}")));
    }
    let seed = std::env::var("SEED").ok()?;
    Some(Case::of_seed(seed.parse().unwrap_or_else(|error| panic!("SEED={seed}: {error}"))))
}

#[test]
fn replay() {
    let Some(case) = case() else { return };
    println!("{}", case.to_toml().unwrap());
    let history = case.run(Sabotage::None);
    println!("{}", timeline(&history));
    for judgement in judge(&history) {
        println!("{:>9} times evaluated: {}", judgement.evaluated, judgement.oracle);
    }
    if let Some(violation) = violation(&history) {
        panic!("\"{}\" is broken at {:?}: {}", violation.oracle, violation.at, violation.text);
    }
}
