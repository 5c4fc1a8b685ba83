//! Every wrong sink is caught, by the oracle that its row names, within a bounded number of seeds.

#![allow(missing_docs, reason = "a test has no users")]
#![cfg(madsim)]

use std::sync::atomic::{AtomicUsize, Ordering};

use warehouse_sink_sim::case::Case;
use warehouse_sink_sim::oracle::judge;
use warehouse_sink_sim::sabotage::Sabotage;

/// The most seeds that one may take.
const SEEDS: u64 = 2_000;

/// The first seed in which the named oracle sees something wrong.
fn caught(sabotage: Sabotage, oracle: &str) -> Option<u64> {
    (0..SEEDS).find(|seed| {
        let history = Case::of_seed(*seed).run(sabotage);
        judge(&history).iter().any(|judgement| judgement.oracle == oracle && judgement.violation.is_some())
    })
}

#[test]
fn every_wrong_sink_is_caught() {
    let next = AtomicUsize::new(0);
    let missed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((sabotage, oracle)) = Sabotage::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match caught(*sabotage, oracle) {
                        Some(seed) => println!("{sabotage:?}: caught by \"{oracle}\" with seed {seed}"),
                        None => missed.lock().unwrap().push((*sabotage, *oracle)),
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not caught within {SEEDS} seeds: {missed:?}");
}
