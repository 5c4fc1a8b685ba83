//! Shutdown: flush, wait for writes until the deadline, give back what is left.

use std::time::Duration;

use super::rig::*;
use crate::machine::open::ClosedBatch;
use crate::machine::writes::Writes;
use crate::{BatchRow, Command, Config, Destination, Outcome, Timestamp};

const MINUTE: Duration = Duration::from_secs(60);

fn rig() -> Rig {
    Rig::new(Config { max_batch_rows: 2, ..config() })
}

#[test]
fn an_idle_machine_is_drained_at_once() {
    let mut rig = rig();
    assert!(!rig.machine.is_drained(), "no shutdown began");
    assert!(rig.shut_down(MINUTE).is_empty());
    assert!(rig.machine.is_drained());
    assert_eq!(rig.machine.poll_timeout(), None);
}

#[test]
fn a_shutdown_writes_every_open_batch() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "b"), one(2, 2, "a"), one(3, 3, DEAD)]);
    assert_eq!(rig.shut_down(MINUTE), ["write 0 b [1.0]", "write 1 a [2.0]", "write 2 dead [3.0]"]);
    assert_eq!(rig.written(1), ["ack 2"]);
    assert_eq!(rig.written(2), ["term 3"]);
    assert!(!rig.machine.is_drained());
    assert_eq!(rig.written(0), ["ack 1"]);
    assert!(rig.machine.is_drained());
}

#[test]
fn a_shutdown_waits_for_batches_without_a_slot() {
    let mut rig = Rig::new(Config { max_concurrent_writes: 1, ..config() });
    rig.fetch([one(1, 1, "a"), one(2, 2, "b")]);
    assert_eq!(rig.shut_down(MINUTE), ["write 0 a [1.0]"]);
    assert_eq!(rig.written(0), ["ack 1", "write 1 b [2.0]"]);
    assert_eq!(rig.written(1), ["ack 2"]);
    assert!(rig.machine.is_drained());
}

#[test]
fn failed_writes_are_tried_again_until_the_deadline() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.shut_down(MINUTE);
    rig.finish(0, TEMPORARY);
    assert_eq!(rig.pass(Duration::from_secs(1)), ["rewrite 0"]);
    assert_eq!(rig.written(0), ["ack 1", "ack 2"]);
}

#[test]
fn a_shutdown_does_not_wait_out_a_backoff() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.finish(0, TEMPORARY);
    assert_eq!(rig.shut_down(MINUTE), ["rewrite 0"]);
    assert_eq!(rig.written(0), ["ack 1", "ack 2"]);
}

#[test]
fn what_is_given_up_during_a_shutdown_goes_back_without_delay() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.shut_down(MINUTE);
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0", "nak 1 now", "nak 2 now"]);
    assert!(rig.machine.is_drained());
}

#[test]
fn at_the_deadline_all_that_is_left_goes_back_without_delay() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, max_concurrent_writes: 2, ..config() });
    rig.fetch(range(1, 4, "a"));
    rig.finish(1, Outcome::Unknown);
    rig.shut_down(Duration::from_millis(100));
    assert_eq!(rig.next_timeout(), Some(Duration::from_millis(100)));
    // Batch 3 was never handed out, so there is nothing of it to discard.
    let expected = ["discard 0", "discard 1", "discard 2", "nak 1 now", "nak 2 now", "nak 3 now", "nak 4 now"];
    assert_eq!(rig.pass(Duration::from_millis(100)), expected);
    assert!(rig.machine.is_drained());
    assert_eq!(rig.machine.stats().abandoned_messages, 4);
    assert_eq!(rig.machine.stats().bytes, 0);
    assert_eq!(rig.machine.poll_timeout(), None);
}

#[test]
fn a_deadline_that_is_over_gives_everything_back_at_once() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    assert_eq!(rig.shut_down(Duration::ZERO), ["nak 1 now"]);
    assert!(rig.machine.is_drained());
}

#[test]
fn a_half_written_message_is_given_back_once() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, ..config() });
    rig.fetch([many(1, 1, &["a", "b", "c"])]);
    rig.written(0);
    assert_eq!(rig.shut_down(Duration::ZERO), ["discard 1", "discard 2", "nak 1 now"]);
}

#[test]
fn a_result_at_the_very_deadline_counts() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, ..config() });
    rig.fetch(range(1, 2, "a"));
    rig.shut_down(MINUTE);
    rig.now = rig.now.saturating_add(MINUTE);
    assert_eq!(rig.written(0), ["ack 1", "discard 1", "nak 2 now"]);
}

#[test]
fn a_result_after_the_deadline_settles_nothing() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.shut_down(Duration::ZERO);
    assert!(rig.written(0).is_empty());
    assert!(rig.machine.is_drained());
    assert_eq!(rig.machine.stats().writes_in_flight, 0);
}

#[test]
fn deliveries_that_come_late_are_given_back() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.shut_down(MINUTE);
    assert_eq!(rig.fetch([one(3, 3, "a"), many(4, 4, &["a", "b"])]), ["nak 3 now", "nak 4 now"]);
    assert_eq!(rig.fetch([one(5, 1, "a")]), ["forget 1"], "it is being written");
    assert_eq!(rig.written(0), ["ack 5", "ack 2"]);
    assert_eq!(rig.fetch([one(6, 1, "a"), one(7, 7, "a")]), ["ack 6", "nak 7 now"]);
    assert!(rig.machine.is_drained());
}

#[test]
fn a_second_shutdown_can_shorten_the_wait() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    rig.shut_down(MINUTE);
    assert!(rig.shut_down(MINUTE / 2).is_empty());
    assert_eq!(rig.pass(MINUTE / 2), ["discard 0", "nak 1 now"]);
}

#[test]
fn a_second_shutdown_cannot_lengthen_the_wait() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    rig.shut_down(MINUTE);
    assert!(rig.shut_down(2 * MINUTE).is_empty());
    assert_eq!(rig.pass(MINUTE), ["discard 0", "nak 1 now"]);
}

#[test]
fn the_end_of_time_is_no_deadline() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    rig.shut_down(Duration::MAX);
    assert!(rig.pass(MINUTE).is_empty());
    assert_eq!(rig.written(0), ["ack 1"]);
    assert!(rig.machine.is_drained());
}

/// A result that comes late must never meet another batch.
#[test]
fn no_batch_is_named_like_one_that_was_given_up() {
    let mut writes = Writes::new();
    let mut start = || {
        let row = BatchRow { message: message(1, 1), index: 0, payload: () };
        let opened_at = Timestamp::ZERO;
        writes.enqueue(
            ClosedBatch { destination: Destination::Partition("a"), rows: vec![row], bytes: 1, opened_at },
            "EVENTS",
        );
        let Some(Command::Write(write)) = writes.start_next(&config()) else { panic!("nothing started") };
        assert_eq!(writes.abandon(), [write.batch]);
        write.batch
    };
    assert_ne!(start(), start());
}
