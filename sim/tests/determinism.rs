//! The same seed gives the same history, byte for byte, in another process: without that nothing else here means much.

#![allow(missing_docs, reason = "a test has no users")]
#![cfg(madsim)]

use std::process::Command;

use warehouse_sink_sim::case::Case;
use warehouse_sink_sim::history::trace;
use warehouse_sink_sim::sabotage::Sabotage;

const SEEDS: u64 = 60;
/// Set in the child processes: where to write the histories.
const OUTPUT: &str = "WAREHOUSE_SINK_SIM_HISTORIES";
/// Set in one of them: it runs the seeds from the last to the first.
const BACKWARDS: &str = "WAREHOUSE_SINK_SIM_BACKWARDS";

#[test]
fn the_same_seed_gives_the_same_history_in_two_processes() {
    let folder = std::env::temp_dir().join(format!("warehouse-sink-sim-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let histories = ["one", "two"].map(|name| {
        let file = folder.join(name);
        let test = std::env::current_exe().unwrap();
        let mut child = Command::new(test);
        child.args(["--exact", "write_histories", "--nocapture"]).env(OUTPUT, &file);
        if name == "two" {
            child.env(BACKWARDS, "1");
        }
        assert!(child.output().unwrap().status.success());
        std::fs::read_to_string(file).unwrap()
    });
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(histories[0].len() > 100_000, "the histories are {} bytes long", histories[0].len());
    let mut lines = histories[0].lines().zip(histories[1].lines());
    let first_difference = lines.find(|(one, two)| one != two);
    assert_eq!(first_difference, None);
    assert_eq!(histories[0].len(), histories[1].len());
}

/// What each of the two processes does; nothing in an ordinary run.
#[test]
fn write_histories() {
    let Some(file) = std::env::var_os(OUTPUT) else { return };
    let run = |seed| trace(&Case::of_seed(seed).run(Sabotage::None));
    // What ran before in a process must make no difference either.
    let histories: Vec<String> = if std::env::var_os(BACKWARDS).is_some() {
        let mut histories: Vec<_> = (0..SEEDS).rev().map(run).collect();
        histories.reverse();
        histories
    } else {
        (0..SEEDS).map(run).collect()
    };
    std::fs::write(file, histories.concat()).unwrap();
}
