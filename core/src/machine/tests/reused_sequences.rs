//! A stream that was created again, or a server that lost its tail: the same sequences for other messages.

use std::time::Duration;

use super::rig::*;
use crate::{Config, Outcome};

fn rig() -> Rig {
    Rig::new(Config { max_batch_rows: 1, ..config() })
}

/// Delivery number `id` of the message that has sequence 1 since `published_at`.
fn reused(id: u64, published_at: i64) -> TestDelivery {
    TestDelivery { message: message(1, published_at), ..one(id, 1, "a") }
}

#[test]
fn a_message_with_the_sequence_of_a_written_one_is_written() {
    let mut rig = rig();
    rig.fetch([reused(1, 100)]);
    rig.written(0);
    assert_eq!(rig.fetch([reused(2, 200)]), ["write 1 a [1.0]"]);
    assert_eq!(rig.written(1), ["ack 2"]);
    assert_eq!(rig.fetch([reused(3, 200)]), ["ack 3"]);
}

#[test]
fn a_held_message_loses_its_delivery_to_the_one_that_has_the_sequence_now() {
    let mut rig = rig();
    assert_eq!(rig.fetch([reused(1, 100)]), ["write 0 a [1.0]"]);
    assert_eq!(rig.fetch([reused(2, 200)]), ["forget 1", "write 1 a [1.0]"]);
    assert!(rig.written(0).is_empty(), "an ack would have settled the other message");
    assert_eq!(rig.written(1), ["ack 2"]);
}

#[test]
fn a_late_delivery_of_the_older_message_is_written_and_not_settled() {
    let mut rig = rig();
    rig.fetch([reused(1, 200)]);
    assert_eq!(rig.fetch([reused(2, 100)]), ["forget 2", "write 1 a [1.0]"]);
    assert_eq!(rig.fetch([reused(3, 100)]), ["forget 3"]);
    assert!(rig.written(1).is_empty());
    assert_eq!(rig.fetch([reused(4, 100)]), ["forget 4"], "it is written, and the newer one is not yet");
    assert_eq!(rig.written(0), ["ack 1"]);
    assert_eq!(rig.fetch([reused(5, 100)]), ["ack 5"], "both are written: an ack can do no harm");
}

#[test]
fn a_failed_write_of_an_outdated_message_settles_nothing() {
    let mut rig = rig();
    rig.fetch([reused(1, 100)]);
    rig.fetch([reused(2, 200)]);
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0"]);
    assert_eq!(rig.finish(1, PERMANENT), ["discard 1", "nak 2 later"]);
}

#[test]
fn an_outdated_message_is_kept_alive_no_more() {
    let mut rig = Rig::new(Config { ack_wait: Duration::from_secs(4), max_batch_rows: 1, ..config() });
    rig.fetch([reused(1, 100)]);
    rig.fetch([reused(2, 200)]);
    assert_eq!(rig.pass(Duration::from_secs(1)), ["progress 2"]);
}

/// A stream restored from an old backup has messages older than what was written under their sequences. They come
/// until they are acked: to write them without an ack would be to write them for ever.
#[test]
fn an_older_message_comes_to_an_end_after_a_newer_one_was_written() {
    let mut rig = rig();
    rig.fetch([reused(1, 200)]);
    rig.written(0);
    assert_eq!(rig.fetch([reused(2, 100)]), ["write 1 a [1.0]"]);
    assert_eq!(rig.written(1), ["ack 2"]);
    assert_eq!(rig.fetch([reused(3, 100), reused(4, 200)]), ["ack 3", "ack 4"]);
}

#[test]
fn both_messages_may_share_a_batch() {
    let mut rig = Rig::new(Config { max_batch_rows: 2, ..config() });
    assert_eq!(rig.fetch([reused(1, 100), reused(2, 200)]), ["forget 1", "write 0 a [1.0 1.0]"]);
    assert_eq!(rig.finish(0, Outcome::Written), ["ack 2"]);
}
