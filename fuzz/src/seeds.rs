//! The seeds, run without the fuzzer.

use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn the_seeds_keep_every_promise_and_reach_every_command() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/machine");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Named before it runs: the output of a test that fails is shown, and its last line is the seed.
        println!("{}", path.display());
        for line in crate::machine(&std::fs::read(&path).unwrap()) {
            let command = line.split_whitespace().nth(1).unwrap();
            let name = command.split('(').next().unwrap();
            *counts.entry(name.to_owned()).or_insert(0) += 1;
        }
    }
    for command in ["Ack", "Nak", "Term", "Progress", "Forget", "Write", "Rewrite", "Discard"] {
        assert!(counts.get(command).is_some_and(|count| *count >= 10), "{command} is given too seldom: {counts:?}");
    }
}
