//! Writes that ended without an answer: the object may exist. Only the same object may be written again.

use std::time::Duration;

use super::rig::*;
use crate::{Config, Outcome};

fn rig() -> Rig {
    Rig::new(Config { max_batch_rows: 2, ..config() })
}

#[test]
fn an_unknown_outcome_acks_nothing_and_is_written_again() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    assert!(rig.finish(0, Outcome::Unknown).is_empty());
    assert_eq!(rig.pass(Duration::from_secs(1)), ["rewrite 0"]);
    assert_eq!(rig.written(0), ["ack 1", "ack 2"]);
}

#[test]
fn a_batch_that_may_exist_is_never_given_up() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.finish(0, Outcome::Unknown);
    for outcome in [TEMPORARY, PERMANENT, Outcome::Unknown].repeat(5) {
        assert_eq!(rig.pass(Duration::from_secs(8)), ["rewrite 0"]);
        assert!(rig.finish(0, outcome).is_empty());
    }
    assert_eq!(rig.pass(Duration::from_secs(8)), ["rewrite 0"]);
    assert_eq!(rig.written(0), ["ack 1", "ack 2"]);
}

#[test]
fn rows_that_come_later_stay_out_of_a_batch_that_may_exist() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.finish(0, Outcome::Unknown);
    assert_eq!(rig.fetch(range(3, 4, "a")), ["write 1 a [3.0 4.0]"]);
    assert_eq!(rig.written(1), ["ack 3", "ack 4"]);
    assert_eq!(rig.pass(Duration::from_secs(1)), ["rewrite 0"]);
}

#[test]
fn a_failure_after_other_failures_is_given_up_all_the_same() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.finish(0, TEMPORARY);
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0", "nak 1 later", "nak 2 later"]);
}
