//! A server that delivers nothing new until something is settled: the consumer's max ack pending is reached.

use super::rig::*;
use crate::{Capacity, Config};

/// A batch can't fill: the server lets fewer messages be un-settled than it takes.
fn small() -> Config {
    Config { max_ack_pending: 10, ..config() }
}

#[test]
fn more_than_half_of_what_the_server_allows_is_written_at_once() {
    let mut rig = Rig::new(small());
    assert!(rig.fetch(range(1, 5, "a")).is_empty(), "exactly half may fill");
    assert_eq!(rig.fetch([one(6, 6, "b")]), ["write 0 a [1.0 2.0 3.0 4.0 5.0]"]);
    assert!(rig.fetch(range(7, 10, "b")).is_empty(), "five are open, the others are in a write");
}

#[test]
fn no_more_is_asked_for_than_the_server_gives() {
    let mut rig = Rig::new(small());
    assert_eq!(rig.machine.capacity(), Capacity { messages: 10, bytes: 10_000_000 });
    rig.fetch(range(1, 4, "a"));
    assert_eq!(rig.machine.capacity().messages, 6);
}

#[test]
fn a_message_of_many_rows_is_one_to_the_server() {
    let mut rig = Rig::new(small());
    assert!(rig.fetch((1..=5).map(|number| many(number, number, &["a"; 10]))).is_empty());
    assert_eq!(rig.fetch([many(6, 6, &["b"])]).len(), 1);
}

#[test]
fn it_waits_for_a_slot_as_all_do_that_are_closed_early() {
    let mut rig = Rig::new(Config { max_concurrent_writes: 1, ..small() });
    assert_eq!(rig.fetch(range(1, 6, "a")).len(), 1);
    assert!(rig.fetch(range(7, 12, "b")).is_empty());
    assert_eq!(rig.written(0).pop().unwrap(), "write 1 b [7.0 8.0 9.0 10.0 11.0 12.0]");
}

#[test]
fn where_others_hold_the_rest_the_larger_half_is_written_each_time_that_the_server_is_exhausted() {
    let mut rig = Rig::new(config());
    rig.fetch([one(1, 1, "a"), one(2, 2, "b"), one(3, 3, "b"), one(4, 4, "b"), one(5, 5, "c"), one(6, 6, "c")]);
    assert_eq!(rig.exhausted(), ["write 0 b [2.0 3.0 4.0]"]);
    assert!(rig.exhausted().is_empty(), "what is being written may be enough");
    rig.written(0);
    assert_eq!(rig.exhausted(), ["write 1 c [5.0 6.0]"]);
    rig.written(1);
    assert_eq!(rig.exhausted(), ["write 2 a [1.0]"]);
    rig.written(2);
    assert!(rig.exhausted().is_empty());
}

#[test]
fn what_backs_off_holds_up_no_other() {
    let mut rig = Rig::new(config());
    rig.fetch([one(1, 1, "a"), one(2, 2, "b"), one(3, 3, "b")]);
    assert_eq!(rig.exhausted(), ["write 0 b [2.0 3.0]"]);
    rig.finish(0, TEMPORARY);
    assert_eq!(rig.exhausted(), ["write 1 a [1.0]"]);
}
