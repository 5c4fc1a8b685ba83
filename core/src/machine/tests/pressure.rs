//! Batches that are closed early because a limit of the whole machine is near.

use super::rig::*;
use crate::Config;

#[test]
fn over_half_of_the_bytes_the_largest_batch_goes_first() {
    let mut rig = Rig::new(Config { max_batch_bytes: 500, max_bytes: 1000, ..config() });
    rig.fetch([sized(1, 1, "a", 100), sized(2, 2, "b", 250), sized(3, 3, "c", 150)]);
    assert_eq!(rig.fetch([sized(4, 4, "d", 1)]), ["write 0 b [2.0]"]);
}

#[test]
fn over_half_of_the_messages_the_longest_batch_goes_first() {
    let mut rig = Rig::new(Config { max_batch_rows: 5, max_messages: 10, ..config() });
    rig.fetch([sized(1, 1, "a", 9), one(2, 2, "b"), one(3, 3, "b"), one(4, 4, "b"), one(5, 5, "c")]);
    assert_eq!(rig.fetch([one(6, 6, "c")]), ["write 0 b [2.0 3.0 4.0]"]);
}

#[test]
fn of_two_equally_large_batches_the_older_goes_first() {
    let mut rig = Rig::new(Config { max_batch_bytes: 100, max_bytes: 200, ..config() });
    rig.fetch([sized(1, 1, "b", 50), sized(2, 2, "a", 50)]);
    assert_eq!(rig.fetch([sized(3, 3, "c", 1)]), ["write 0 b [1.0]"]);
}

#[test]
fn exactly_half_is_no_pressure() {
    let mut rig =
        Rig::new(Config { max_batch_bytes: 100, max_bytes: 200, max_batch_rows: 2, max_messages: 4, ..config() });
    assert!(rig.fetch([sized(1, 1, "b", 50), sized(2, 2, "a", 50)]).is_empty());
}

#[test]
fn with_exactly_half_of_the_bytes_the_messages_decide() {
    let mut rig =
        Rig::new(Config { max_batch_bytes: 100, max_bytes: 200, max_batch_rows: 3, max_messages: 6, ..config() });
    let commands = rig.fetch([sized(1, 1, "a", 97), one(2, 2, "b"), one(3, 3, "b"), one(4, 4, "c")]);
    assert_eq!(commands, ["write 0 b [2.0 3.0]"]);
}

#[test]
fn pressure_closes_as_many_batches_as_it_takes() {
    let mut rig = Rig::new(Config { max_batch_bytes: 100, max_bytes: 200, ..config() });
    let commands = rig.fetch([sized(1, 1, "a", 60), sized(2, 2, "b", 70), sized(3, 3, "c", 80)]);
    assert_eq!(commands, ["write 0 c [3.0]", "write 1 b [2.0]"]);
}

#[test]
fn what_the_writes_do_not_need_may_fill() {
    let mut rig = Rig::new(Config { max_batch_rows: 2, max_messages: 10, max_concurrent_writes: 1, ..config() });
    let eight = ["a", "b", "c", "d", "e", "f", "g", "h"];
    assert!(rig.fetch((1..).zip(eight).map(|(number, partition)| one(number, number, partition))).is_empty());
    assert_eq!(rig.fetch([one(9, 9, "i")]), ["write 0 a [1.0]"]);
}

#[test]
fn what_backs_off_takes_from_what_may_fill() {
    let mut rig = Rig::new(Config { max_batch_rows: 2, max_messages: 10, max_concurrent_writes: 1, ..config() });
    rig.fetch([one(1, 1, "x"), one(2, 2, "x")]);
    rig.finish(0, TEMPORARY);
    let six = ["a", "b", "c", "d", "e", "f"];
    assert!(rig.fetch((3..).zip(six).map(|(number, partition)| one(number, number, partition))).is_empty());
    assert_eq!(rig.fetch([one(9, 9, "g")]), ["write 1 a [3.0]"]);
}

#[test]
fn a_batch_that_would_wait_for_its_turn_stays_open() {
    let mut rig = Rig::new(Config { max_batch_bytes: 100, max_bytes: 200, max_concurrent_writes: 1, ..config() });
    let commands = rig.fetch([sized(1, 1, "a", 60), sized(2, 2, "b", 30), sized(3, 3, "c", 80), sized(4, 4, "d", 25)]);
    assert_eq!(commands, ["write 0 c [3.0]"], "and 115 bytes stay open");
    rig.fetch([sized(5, 5, "b", 50)]);
    assert_eq!(rig.written(0), ["ack 3", "write 1 b [2.0 5.0]"]);
    assert_eq!(rig.written(1), ["ack 2", "ack 5"]);
}

#[test]
fn what_backs_off_has_no_slot() {
    let mut rig = Rig::new(Config { max_batch_bytes: 100, max_bytes: 200, max_concurrent_writes: 1, ..config() });
    rig.fetch([sized(1, 1, "a", 60), sized(2, 2, "b", 90), sized(3, 3, "c", 45)]);
    assert_eq!(rig.fetch([sized(4, 4, "d", 1)]), [""; 0]);
    assert_eq!(rig.finish(0, TEMPORARY), ["write 1 a [1.0]"]);
}

#[test]
fn one_partition_more_than_may_be_open_closes_the_oldest() {
    let mut rig = Rig::new(Config { max_open_partitions: 2, ..config() });
    // The largest stays: a flood of tiny partitions is not to break up those that carry the data.
    rig.fetch([one(1, 1, "tiny"), one(2, 2, "big"), one(3, 3, "big")]);
    assert_eq!(rig.fetch([one(4, 4, "c")]), ["write 0 tiny [1.0]"]);
    assert!(rig.fetch([one(5, 5, "big")]).is_empty());
}

#[test]
fn the_dead_letter_counts_as_an_open_partition() {
    let mut rig = Rig::new(Config { max_open_partitions: 1, ..config() });
    rig.fetch([one(1, 1, "a")]);
    assert_eq!(rig.fetch([one(2, 2, DEAD)]), ["write 0 a [1.0]"]);
}

#[test]
fn a_partition_that_was_closed_and_opened_again_is_the_youngest() {
    let mut rig = Rig::new(Config { max_open_partitions: 2, max_batch_rows: 2, ..config() });
    rig.fetch([one(1, 1, "a"), one(2, 2, "b"), one(3, 3, "a"), one(4, 4, "a")]);
    assert_eq!(rig.fetch([one(5, 5, "c")]), ["write 1 b [2.0]"]);
}
