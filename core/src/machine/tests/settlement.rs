//! What is acked, and when: after the write, never before.

use std::time::Duration;

use super::rig::*;
use crate::Config;

#[test]
fn messages_are_acked_after_their_object_is_written() {
    let mut rig = Rig::new(Config { max_batch_rows: 2, ..config() });
    assert_eq!(rig.fetch(range(1, 2, "a")), ["write 0 a [1.0 2.0]"]);
    assert!(rig.pass(Duration::from_secs(30)).is_empty());
    assert_eq!(rig.written(0), ["ack 1", "ack 2"]);
    assert_eq!(rig.machine.stats().messages, 0);
}

#[test]
fn a_result_settles_the_messages_of_its_own_batch_and_no_others() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, ..config() });
    rig.fetch([one(1, 1, "a"), one(2, 2, "b"), one(3, 3, "a")]);
    assert_eq!(rig.written(2), ["ack 3"]);
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0", "nak 1 later"]);
    assert_eq!(rig.written(1), ["ack 2"]);
}

#[test]
fn a_result_for_a_batch_that_is_not_being_written_is_ignored() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, max_concurrent_writes: 1, ..config() });
    assert_eq!(rig.fetch(range(1, 2, "a")), ["write 0 a [1.0]"]);
    assert!(rig.written(1).is_empty(), "it waits for a slot");
    assert!(rig.written(77).is_empty(), "there is none");
    assert_eq!(rig.written(0), ["ack 1", "write 1 a [2.0]"]);
    assert!(rig.written(0).is_empty(), "it is settled");
    assert_eq!(rig.written(1), ["ack 2"]);
}

#[test]
fn a_message_without_rows_is_acked_at_once() {
    let mut rig = Rig::new(config());
    assert_eq!(rig.fetch([many(1, 1, &[])]), ["ack 1"]);
    assert_eq!(rig.machine.poll_timeout(), None);
}

#[test]
fn writes_wait_for_a_free_slot_in_order() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, max_concurrent_writes: 2, ..config() });
    assert_eq!(rig.fetch(range(1, 4, "a")), ["write 0 a [1.0]", "write 1 a [2.0]"]);
    let stats = rig.machine.stats();
    assert_eq!((stats.writes_in_flight, stats.writes_waiting), (2, 2));
    assert_eq!(rig.written(1), ["ack 2", "write 2 a [3.0]"]);
    assert_eq!(rig.written(0), ["ack 1", "write 3 a [4.0]"]);
}
