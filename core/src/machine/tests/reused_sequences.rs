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

/// The older message by its time may be the newer one by the server's clock, which jumps: the order of times means nothing.
#[test]
fn of_two_messages_with_one_sequence_the_last_to_be_written_is_settled() {
    for times in [[100, 200], [200, 100]] {
        for [first, last] in [[0, 1], [1, 0]] {
            let mut rig = rig();
            assert_eq!(rig.fetch([reused(1, times[0])]), ["write 0 a [1.0]"]);
            assert_eq!(rig.fetch([reused(2, times[1])]), ["write 1 a [1.0]"]);
            let forgotten = format!("forget {}", first + 1);
            assert_eq!(rig.written(first), [forgotten], "an ack could have settled the other message");
            assert_eq!(rig.written(last), [format!("ack {}", last + 1)]);
        }
    }
}

#[test]
fn a_written_message_that_comes_again_is_not_settled_while_the_other_is_held() {
    let mut rig = rig();
    rig.fetch([reused(1, 200)]);
    rig.fetch([reused(2, 100)]);
    assert_eq!(rig.fetch([reused(3, 100)]), ["forget 2"]);
    assert_eq!(rig.written(1), ["forget 3"]);
    assert_eq!(rig.fetch([reused(4, 100)]), ["forget 4"], "it is written, and the other one is not yet");
    assert_eq!(rig.written(0), ["ack 1"]);
    assert_eq!(rig.fetch([reused(5, 100)]), ["ack 5"], "both are written: an ack can do no harm");
}

#[test]
fn a_failed_write_leaves_the_other_message_to_its_next_delivery() {
    let mut rig = rig();
    rig.fetch([reused(1, 100)]);
    rig.fetch([reused(2, 200)]);
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0", "nak 1 later"]);
    assert_eq!(rig.written(1), ["forget 2"]);
    assert_eq!(rig.fetch([reused(3, 200)]), ["ack 3"]);
}

/// The server may have the message that was given back, and wait for it: an ack would end its wait.
#[test]
fn a_message_is_not_settled_after_the_other_was_given_back() {
    let mut rig = rig();
    rig.fetch([reused(1, 100)]);
    rig.fetch([reused(2, 200)]);
    assert_eq!(rig.finish(1, PERMANENT), ["discard 1", "nak 2 later"]);
    assert_eq!(rig.written(0), ["forget 1"]);
    assert_eq!(rig.fetch([reused(3, 100)]), ["ack 3"], "the server has this one");
    assert_eq!(rig.fetch([reused(4, 200)]), ["write 2 a [1.0]"]);
    assert_eq!(rig.written(2), ["ack 4"]);
}

#[test]
fn a_message_that_came_during_a_shutdown_is_not_settled_by_the_other() {
    let mut rig = rig();
    rig.fetch([reused(1, 100)]);
    rig.shut_down(FLUSH);
    assert_eq!(rig.fetch([reused(2, 200)]), ["nak 2 now"]);
    assert_eq!(rig.written(0), ["forget 1"]);
}

/// Both times at once: whichever of them the server knows stays alive.
#[test]
fn both_messages_are_kept_alive() {
    let mut rig = Rig::new(Config { ack_wait: Duration::from_secs(4), max_batch_rows: 1, ..config() });
    rig.fetch([reused(1, 100)]);
    rig.fetch([reused(2, 200)]);
    assert_eq!(rig.pass(Duration::from_secs(1)), ["progress 1", "progress 2"]);
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
    assert_eq!(rig.fetch([reused(1, 100), reused(2, 200)]), ["write 0 a [1.0 1.0]"]);
    assert_eq!(rig.finish(0, Outcome::Written), ["forget 1", "ack 2"]);
}
