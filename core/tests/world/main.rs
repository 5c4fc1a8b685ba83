//! The machine in a small world: a JetStream, a store that fails in every way, a driver, and a clock, all in one thread.
//!
//! A run is a list of steps, made up and shrunk by proptest. What must be true is checked at every command by
//! [`ledger`], which knows nothing of the machine's insides, and again after the world has healed.
//!
//! | promise | checked in |
//! |---|---|
//! | acked only when stored, terminated only poison | `ledger.rs`, `settled` |
//! | terminated no more while nothing can be decoded | `ledger.rs`, `not_held` |
//! | each delivery settled exactly once | `ledger.rs`, `take` |
//! | bounded messages, bytes, partitions, writes | `checks.rs`, `bounds` |
//! | written within the flush interval | `checks.rs`, `flushed_in_time` |
//! | kept alive within half of the ack wait | `checks.rs`, `kept_alive` |
//! | drained at the shutdown's deadline | `checks.rs`, `drained` |
//! | no row twice without a reason | `store.rs` and `world.rs`, `put` |
//! | objects sorted, named by their rows, the same when written again | `process.rs`, `store.rs` |
//! | everything stored in the end | `healing.rs` |
//!
//! `PROPTEST_CASES=10000 cargo test -p warehouse-sink-core --test world` looks longer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a check that fails panics")]

mod checks;
mod coverage;
mod healing;
mod ledger;
mod process;
mod server;
mod steps;
mod store;
mod world;

use proptest::prelude::*;

use steps::{Setup, Step};
use world::World;

fn settings() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

/// Runs the steps, heals the world and gives all commands as text.
fn run(setup: &Setup, steps: &[Step]) -> Vec<String> {
    let mut world = World::new(setup);
    for step in steps {
        world.step(step);
    }
    healing::heal(&mut world);
    world.trace
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn the_promises_hold_whatever_happens(
        setup in steps::setup(),
        steps in prop::collection::vec(steps::step(), 1..300),
    ) {
        run(&setup, &steps);
    }

    /// Nothing stops, so that one process lives through all of it and its memory has to be right.
    #[test]
    fn one_process_writes_no_row_twice(
        setup in steps::setup(),
        steps in prop::collection::vec(steps::step(), 1..300),
    ) {
        run(&Setup { stops: false, ..setup }, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..settings() })]

    #[test]
    fn the_same_world_gives_the_same_commands(
        setup in steps::setup(),
        steps in prop::collection::vec(steps::step(), 1..300),
    ) {
        prop_assert_eq!(run(&setup, &steps), run(&setup, &steps));
    }
}
