//! The machine in every state that a small world can bring it into, found by Stateright.
//!
//! Each scenario is searched breadth first until there is no new state. In each state the promises are checked by
//! [`judge`], and a copy of the world is healed to see that everything gets stored and settled from there.
//!
//! | promise | property |
//! |---|---|
//! | acked only when stored, terminated only poison | `stored first`, `nothing lost` |
//! | terminated no more while nothing can be decoded | `held` |
//! | each delivery settled exactly once, nothing unaccounted for | `settled once` |
//! | bounded messages, bytes, partitions, writes | `bounded` |
//! | kept alive within half of the ack wait | `kept alive` |
//! | no row twice without a reason | `not twice`, `objects` |
//! | drained at the shutdown's deadline | `drained` |
//! | everything moves, from every state | `heals` |
//!
//! `cargo test -p warehouse-sink-core --test model -- --nocapture` prints the number of states.

#![allow(clippy::disallowed_types, reason = "it is shown how long the search takes; nothing depends on it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a check that fails panics")]

mod healing;
mod judge;
mod process;
mod sabotage;
mod scenario;
mod search;
mod server;
mod world;

use std::collections::BTreeSet;
use std::time::Instant;

use sabotage::Sabotage;
use scenario::Scenario;
use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// Fewer states than this, of all scenarios together, would mean that the model had lost most of its steps.
const LEAST_STATES: usize = 500_000;

/// Searches all of one scenario; gives the number of states, and the examples that it met.
fn search(scenario: Scenario) -> (usize, BTreeSet<&'static str>) {
    let (name, faults, started) = (scenario.name, scenario.faults, Instant::now());
    let checker = scenario.checker().threads(2).spawn_bfs().join();
    let states = checker.unique_state_count();
    println!("{name}, {faults}: {states} states in {:.1?}", started.elapsed());
    for property in checker.model().properties() {
        if property.expectation != Expectation::Always {
            continue;
        }
        if let Some(path) = checker.discovery(property.name) {
            panic!("{name}, {faults}: \"{}\" does not hold after {:?}", property.name, path.into_actions());
        }
    }
    (states, checker.discoveries().into_keys().collect())
}

#[test]
fn every_state_keeps_every_promise() {
    let (mut states, mut met) = (0, BTreeSet::new());
    for scenario in Scenario::all() {
        let (more, examples) = search(scenario);
        assert!(examples.contains("all is stored and settled"));
        states += more;
        met.extend(examples);
    }
    println!("{states} states in all");
    assert!(states >= LEAST_STATES, "only {states} states");
    for property in Scenario::queue().properties() {
        let wanted = property.expectation == Expectation::Sometimes;
        assert!(!wanted || met.contains(property.name), "no scenario meets \"{}\"", property.name);
    }
}

/// Whether some mix of faults in this world shows that this machine breaks this promise.
fn finds(sabotage: Sabotage, world: &str, promise: &'static str) -> bool {
    let promise = BTreeSet::from([promise]);
    Scenario::all().into_iter().filter(|scenario| scenario.name == world).any(|scenario| {
        let finish = HasDiscoveries::AnyOf(promise.clone());
        let checker = Scenario { sabotage, ..scenario }.checker().threads(2).finish_when(finish).spawn_bfs().join();
        promise.iter().any(|promise| checker.discovery(promise).is_some())
    })
}

#[test]
fn wrong_machines_are_found_out() {
    for (sabotage, world, promise) in [
        (Sabotage::UnknownIsWritten, "split", "stored first"),
        (Sabotage::FailureIsWritten, "split", "stored first"),
        (Sabotage::ResultsAreSwapped, "split", "stored first"),
        (Sabotage::NakIsAck, "split", "nothing lost"),
        (Sabotage::TermIsAck, "poison", "stored first"),
        (Sabotage::AckTwice, "split", "settled once"),
        (Sabotage::NakIsForgotten, "split", "settled once"),
        (Sabotage::ForgetIsForgotten, "split", "settled once"),
        (Sabotage::UnknownIsFailed, "split", "not twice"),
        (Sabotage::NoProgress, "split", "kept alive"),
        (Sabotage::IgnoreCapacity, "narrow", "bounded"),
        (Sabotage::NoTimeout, "split", "heals"),
        (Sabotage::NoRewrite, "split", "heals"),
        (Sabotage::NoDeadline, "split", "drained"),
        (Sabotage::RowsAreReversed, "split", "objects"),
        (Sabotage::NoHold, "wrong", "held"),
    ] {
        let started = Instant::now();
        assert!(finds(sabotage, world, promise), "{sabotage:?} is not found to break \"{promise}\"");
        println!("{sabotage:?} breaks \"{promise}\", found in {:.1?}", started.elapsed());
    }
}
