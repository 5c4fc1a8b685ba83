//! Whether runs do anything: checks of commands that are never given would check nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::{run, steps};

const RUNS: usize = 200;

/// How often each command is given in the same 200 runs every time.
fn commands() -> BTreeMap<String, usize> {
    let mut runner = TestRunner::deterministic();
    let cases = (steps::setup(), prop::collection::vec(steps::step(), 1..300));
    let mut counts = BTreeMap::new();
    for _ in 0..RUNS {
        let (setup, steps) = cases.new_tree(&mut runner).unwrap().current();
        for line in run(&setup, &steps) {
            let command = line.split_whitespace().nth(1).unwrap();
            let name = command.split('(').next().unwrap();
            *counts.entry(name.to_owned()).or_insert(0) += 1;
        }
    }
    counts
}

#[test]
fn every_command_is_given_often() {
    let counts = commands();
    for command in ["Ack", "Nak", "Term", "Progress", "Forget", "Write", "Rewrite", "Discard"] {
        let count = counts.get(command).copied().unwrap_or(0);
        assert!(count >= RUNS, "{command} was given {count} times in {RUNS} runs: {counts:?}");
    }
}
