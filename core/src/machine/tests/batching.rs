//! When a batch is closed: by rows, by bytes, by age; and what is in it.

use std::time::Duration;

use super::rig::*;
use crate::{Command, Config};

#[test]
fn rows_wait_until_their_batch_is_full() {
    let mut rig = Rig::new(Config { max_batch_rows: 3, ..config() });
    assert!(rig.fetch(range(1, 2, "a")).is_empty());
    assert_eq!(rig.fetch(range(3, 4, "a")), ["write 0 a [1.0 2.0 3.0]"]);
    assert_eq!(rig.machine.stats().open_partitions, 1);
}

#[test]
fn each_partition_has_a_batch_of_its_own() {
    let mut rig = Rig::new(Config { max_batch_rows: 2, ..config() });
    assert!(rig.fetch([one(1, 1, "a"), one(2, 2, "b"), one(3, 3, "c")]).is_empty());
    assert_eq!(rig.machine.stats().open_partitions, 3);
    assert_eq!(rig.fetch([one(4, 4, "b"), one(5, 5, "a")]), ["write 0 b [2.0 4.0]", "write 1 a [1.0 5.0]"]);
}

#[test]
fn a_batch_is_closed_before_a_row_would_overfill_it() {
    let mut rig = Rig::new(Config { max_batch_bytes: 100, ..config() });
    assert!(rig.fetch([sized(1, 1, "a", 60), sized(2, 2, "a", 39)]).is_empty());
    assert_eq!(rig.fetch([sized(3, 3, "a", 2)]), ["write 0 a [1.0 2.0]"]);
}

#[test]
fn a_batch_is_closed_when_its_bytes_are_full_to_the_last() {
    let mut rig = Rig::new(Config { max_batch_bytes: 100, ..config() });
    assert_eq!(rig.fetch([sized(1, 1, "a", 60), sized(2, 2, "a", 40)]), ["write 0 a [1.0 2.0]"]);
}

#[test]
fn a_row_larger_than_a_batch_is_a_batch_of_its_own() {
    let mut rig = Rig::new(Config { max_batch_bytes: 100, ..config() });
    let commands = rig.fetch([sized(1, 1, "a", 10), sized(2, 2, "a", 500), sized(3, 3, "a", 10)]);
    assert_eq!(commands, ["write 0 a [1.0]", "write 1 a [2.0]"]);
    assert_eq!(rig.machine.stats().open_partitions, 1);
}

#[test]
fn a_batch_is_closed_when_the_flush_interval_has_passed_since_its_first_row() {
    let mut rig = Rig::new(config());
    rig.fetch([one(1, 1, "a")]);
    assert_eq!(rig.next_timeout(), Some(FLUSH));
    rig.pass(FLUSH / 2);
    rig.fetch([one(2, 2, "a"), one(3, 3, "b")]);
    assert!(rig.pass(FLUSH / 2 - Duration::from_micros(1)).is_empty());
    assert_eq!(rig.pass(Duration::from_micros(1)), ["write 0 a [1.0 2.0]"]);
    assert_eq!(rig.pass(FLUSH / 2), ["write 1 b [3.0]"]);
}

#[test]
fn any_event_closes_what_is_due() {
    let mut rig = Rig::new(config());
    rig.fetch([one(1, 1, "a")]);
    rig.now = rig.now.saturating_add(FLUSH);
    assert_eq!(rig.fetch([one(2, 2, "b")]), ["write 0 a [1.0]"]);
}

#[test]
fn a_write_tells_its_bytes_and_when_it_was_opened() {
    let mut rig = Rig::new(config());
    rig.fetch([sized(1, 1, "a", 10)]);
    let opened_at = rig.now;
    rig.pass(Duration::from_secs(1));
    rig.fetch([sized(2, 2, "a", 32)]);
    rig.pass(FLUSH);
    let Command::Write(write) = &rig.last[0] else { panic!("{:?}", rig.last) };
    assert_eq!((write.bytes, write.opened_at), (42, opened_at));
    assert!(write.name.as_str().starts_with("00000000000000000001-00000000000000000002-"), "{}", write.name);
}

#[test]
fn rows_are_sorted_whatever_order_they_arrived_in() {
    let mut rig = Rig::new(Config { max_batch_rows: 4, ..config() });
    let commands = rig.fetch([one(1, 9, "a"), many(2, 3, &["a", "a"]), one(3, 5, "a")]);
    assert_eq!(commands, ["write 0 a [3.0 3.1 5.0 9.0]"]);
}

#[test]
fn the_same_events_give_the_same_commands() {
    let run = || {
        let mut rig = Rig::new(Config { max_batch_rows: 2, max_concurrent_writes: 1, ..config() });
        rig.fetch([one(1, 1, "b"), one(2, 2, "a"), one(3, 3, "b"), one(4, 4, "a")]);
        let first = rig.last.clone();
        rig.finish(0, TEMPORARY);
        (first, rig.pass(FLUSH), rig.machine)
    };
    assert_eq!(run(), run());
}
