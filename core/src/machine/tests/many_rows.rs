//! Messages of several rows: settled with the last of them, and never written twice in part.

use super::rig::*;
use crate::Config;

fn rig() -> Rig {
    Rig::new(Config { max_batch_rows: 1, ..config() })
}

#[test]
fn a_message_is_acked_when_the_last_of_its_rows_is_written() {
    let mut rig = rig();
    let commands = rig.fetch([many(1, 1, &["a", "b", "c"])]);
    assert_eq!(commands, ["write 0 a [1.0]", "write 1 b [1.1]", "write 2 c [1.2]"]);
    assert!(rig.written(2).is_empty());
    assert!(rig.written(0).is_empty());
    assert_eq!(rig.written(1), ["ack 1"]);
}

#[test]
fn rows_for_one_partition_share_a_batch() {
    let mut rig = Rig::new(Config { max_batch_rows: 3, ..config() });
    assert_eq!(rig.fetch([many(1, 1, &["a", "a"]), one(2, 2, "a")]), ["write 0 a [1.0 1.1 2.0]"]);
    assert_eq!(rig.written(0), ["ack 1", "ack 2"]);
}

#[test]
fn a_message_is_given_back_once_when_several_rows_fail() {
    let mut rig = rig();
    rig.fetch([many(1, 1, &["a", "b", "c"])]);
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0"], "the others may still be written");
    assert_eq!(rig.finish(1, PERMANENT), ["discard 1"]);
    assert_eq!(rig.written(2), ["nak 1 later"]);
}

#[test]
fn rows_that_are_written_are_not_written_again_with_those_that_failed() {
    let mut rig = rig();
    rig.fetch([many(1, 1, &["a", "b", "c"])]);
    rig.written(0);
    rig.finish(1, PERMANENT);
    assert_eq!(rig.written(2), ["nak 1 later"]);
    assert_eq!(rig.fetch([many(2, 1, &["a", "b", "c"])]), ["write 3 b [1.1]"]);
    assert_eq!(rig.written(3), ["ack 2"]);
    assert_eq!(rig.fetch([many(3, 1, &["a", "b", "c"])]), ["ack 3"]);
}

#[test]
fn parts_add_up_over_any_number_of_failures() {
    let mut rig = rig();
    rig.fetch([many(1, 1, &["a", "b", "c"])]);
    rig.written(2);
    rig.finish(0, PERMANENT);
    rig.finish(1, PERMANENT);
    assert_eq!(rig.fetch([many(2, 1, &["a", "b", "c"])]), ["write 3 a [1.0]", "write 4 b [1.1]"]);
    rig.written(3);
    assert_eq!(rig.finish(4, PERMANENT), ["discard 4", "nak 2 later"]);
    assert_eq!(rig.fetch([many(3, 1, &["a", "b", "c"])]), ["write 5 b [1.1]"]);
    assert_eq!(rig.written(5), ["ack 3"]);
}

#[test]
fn a_redelivery_of_a_half_written_message_replaces_its_delivery() {
    let mut rig = rig();
    rig.fetch([many(1, 1, &["a", "b"])]);
    rig.written(0);
    assert_eq!(rig.fetch([many(2, 1, &["a", "b"])]), ["forget 1"]);
    assert_eq!(rig.written(1), ["ack 2"]);
}

#[test]
fn the_parts_of_a_reused_sequence_are_of_another_message() {
    let mut rig = rig();
    rig.fetch([many(1, 1, &["a", "b"])]);
    rig.written(0);
    rig.finish(1, PERMANENT);
    let other = TestDelivery { message: message(1, 999_999), ..many(2, 1, &["a", "b"]) };
    assert_eq!(rig.fetch([other]), ["write 2 a [1.0]", "write 3 b [1.1]"]);
}

#[test]
fn a_message_counts_its_bytes_until_all_of_it_is_settled() {
    let mut rig = rig();
    rig.fetch([many(1, 1, &["a", "b"])]);
    rig.written(0);
    assert_eq!(rig.machine.stats().bytes, 2);
    rig.written(1);
    assert_eq!(rig.machine.stats().bytes, 0);
}

#[test]
fn a_message_of_more_rows_than_a_batch_is_split() {
    let mut rig = Rig::new(Config { max_batch_rows: 2, ..config() });
    let commands = rig.fetch([many(1, 1, &["a", "a", "a", "a", "a"])]);
    assert_eq!(commands, ["write 0 a [1.0 1.1]", "write 1 a [1.2 1.3]"]);
    rig.written(0);
    rig.written(1);
    assert_eq!(rig.pass(FLUSH), ["write 2 a [1.4]"]);
    assert_eq!(rig.written(2), ["ack 1"]);
}

#[test]
fn messages_of_one_row_push_no_part_out_of_the_memory() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, max_remembered: 1, ..config() });
    rig.fetch([many(1, 1, &["a", "b"])]);
    rig.written(0);
    rig.finish(1, PERMANENT);
    rig.fetch([one(2, 2, "a")]);
    assert_eq!(rig.written(2), ["ack 2"]);
    assert_eq!(rig.fetch([many(3, 1, &["a", "b"])]), ["write 3 b [1.1]"], "the other part is remembered");
}
