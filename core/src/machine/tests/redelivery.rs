//! Messages that come again: while they are held, and after they were written.

use std::time::Duration;

use super::rig::*;
use crate::Config;

fn rig() -> Rig {
    Rig::new(Config { max_batch_rows: 2, ..config() })
}

#[test]
fn the_newest_delivery_of_a_held_message_takes_the_place_of_the_older_one() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    assert_eq!(rig.fetch([one(2, 1, "a")]), ["forget 1"]);
    assert_eq!(rig.machine.stats().messages, 1);
    assert_eq!(rig.fetch([one(3, 2, "a")]), ["write 0 a [1.0 2.0]"]);
    assert_eq!(rig.written(0), ["ack 2", "ack 3"]);
}

#[test]
fn a_redelivery_during_the_write_is_not_written_again() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    assert_eq!(rig.fetch([one(3, 1, "a"), one(4, 1, "a")]), ["forget 1", "forget 3"]);
    assert_eq!(rig.written(0), ["ack 4", "ack 2"]);
}

#[test]
fn a_redelivery_between_two_attempts_is_given_back_with_the_batch() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.finish(0, TEMPORARY);
    assert_eq!(rig.fetch([TestDelivery { delivery_count: 4, ..one(3, 1, "a") }]), ["forget 1"]);
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0", "nak 3 later", "nak 2 later"]);
    let delays = rig.nak_delays();
    assert!(delays[0] >= Duration::from_secs(20), "the delay goes by the newest count: {delays:?}");
}

#[test]
fn a_redelivery_of_a_written_message_is_acked_and_not_written() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.written(0);
    assert_eq!(rig.fetch([one(3, 1, "a"), one(4, 2, "a")]), ["ack 3", "ack 4"]);
    assert_eq!(rig.fetch([one(5, 1, "a")]), ["ack 5"], "as often as it comes");
    assert_eq!(rig.machine.stats().messages, 0);
}

#[test]
fn the_same_message_twice_in_one_fetch_is_written_once() {
    let mut rig = rig();
    assert_eq!(rig.fetch([one(1, 1, "a"), one(2, 1, "a")]), ["forget 1"]);
    assert_eq!(rig.pass(FLUSH), ["write 0 a [1.0]"]);
}

#[test]
fn a_redelivery_takes_none_of_the_capacity() {
    let mut rig = rig();
    rig.fetch([sized(1, 1, "a", 10)]);
    let capacity = rig.machine.capacity();
    rig.fetch([sized(2, 1, "a", 10)]);
    assert_eq!(rig.machine.capacity(), capacity);
}

#[test]
fn what_was_written_is_forgotten_over_the_limit_and_then_written_again() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, max_remembered: 1, ..config() });
    rig.fetch(range(1, 2, "a"));
    rig.written(0);
    rig.written(1);
    assert_eq!(rig.fetch([one(3, 2, "a")]), ["ack 3"]);
    assert_eq!(rig.fetch([one(4, 1, "a")]), ["write 2 a [1.0]"], "twice rather than never");
}

#[test]
fn without_a_memory_everything_is_written() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, max_remembered: 0, ..config() });
    rig.fetch([one(1, 1, "a")]);
    assert_eq!(rig.written(0), ["ack 1"]);
    assert_eq!(rig.fetch([one(2, 1, "a")]), ["write 1 a [1.0]"]);
    assert_eq!(rig.written(1), ["ack 2"]);
}
