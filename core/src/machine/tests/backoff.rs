//! Failed writes: attempts and the delays between them, and the naks when there are no more.

use std::time::Duration;

use super::rig::*;
use crate::Config;

fn rig() -> Rig {
    Rig::new(Config { max_batch_rows: 1, ..config() })
}

#[test]
fn a_temporary_failure_is_tried_again_after_a_delay() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    assert!(rig.finish(0, TEMPORARY).is_empty());
    let delay = rig.next_timeout().unwrap();
    assert!(delay >= Duration::from_millis(500) && delay <= Duration::from_secs(1), "{delay:?}");
    assert!(rig.pass(delay - Duration::from_micros(1)).is_empty());
    assert_eq!(rig.pass(Duration::from_micros(1)), ["rewrite 0"]);
    assert_eq!(rig.written(0), ["ack 1"]);
}

#[test]
fn the_delay_between_attempts_grows() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, max_write_attempts: 10, ..config() });
    rig.fetch([one(1, 1, "a")]);
    for longest in [1, 2, 4, 8, 8, 8] {
        rig.finish(0, TEMPORARY);
        let delay = rig.next_timeout().unwrap();
        let longest = Duration::from_secs(longest);
        assert!(delay >= longest / 2 && delay <= longest, "{delay:?} of {longest:?}");
        assert_eq!(rig.pass(delay), ["rewrite 0"]);
    }
}

#[test]
fn a_batch_is_given_up_after_the_last_attempt() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    for _ in 0..2 {
        assert!(rig.finish(0, TEMPORARY).is_empty());
        assert_eq!(rig.pass(Duration::from_secs(2)), ["rewrite 0"]);
    }
    assert_eq!(rig.finish(0, TEMPORARY), ["discard 0", "nak 1 later"]);
    assert!(rig.pass(Duration::from_secs(3600)).is_empty(), "what was given up is not written again");
}

/// It is not held any more, and a process that stops now has not stored everything.
#[test]
fn what_was_given_back_is_remembered_until_it_is_stored() {
    let mut rig = Rig::new(config());
    rig.fetch([one(1, 1, "a"), one(2, 2, "a")]);
    rig.pass(FLUSH);
    rig.finish(0, PERMANENT);
    let unstored = |rig: &Rig| [0, 1, 2].map(|above| rig.machine.unstored_above(above));
    assert_eq!(unstored(&rig), [2, 1, 0]);
    rig.fetch([one(3, 1, "a")]);
    assert_eq!(unstored(&rig), [2, 1, 0], "it is held, not stored");
    rig.pass(FLUSH);
    rig.written(1);
    assert_eq!(unstored(&rig), [1, 1, 0]);
}

#[test]
fn no_more_is_remembered_than_the_limit() {
    let mut rig = Rig::new(Config { max_remembered: 3, ..config() });
    rig.fetch(range(1, 5, "a"));
    rig.pass(FLUSH);
    rig.finish(0, PERMANENT);
    assert_eq!(rig.machine.unstored_above(0), 3);
}

#[test]
fn a_permanent_failure_is_not_tried_again() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0", "nak 1 later"]);
    assert_eq!(rig.machine.stats().messages, 0);
}

#[test]
fn a_batch_that_waits_for_its_next_attempt_takes_no_slot() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, max_concurrent_writes: 1, ..config() });
    rig.fetch(range(1, 2, "a"));
    assert_eq!(rig.finish(0, TEMPORARY), ["write 1 a [2.0]"]);
    assert!(rig.pass(Duration::from_secs(1)).is_empty(), "the slot is taken");
    assert_eq!(rig.written(1), ["ack 2", "rewrite 0"]);
}

#[test]
fn the_delay_of_a_nak_grows_with_the_delivery_count() {
    let mut rig = rig();
    let expected = [(1, 5), (2, 10), (3, 20), (7, 300), (u64::MAX, 300)];
    for (batch, (delivery_count, longest)) in expected.into_iter().enumerate() {
        rig.fetch([TestDelivery { delivery_count, ..one(batch as u64, 1, "a") }]);
        rig.finish(batch as u64, PERMANENT);
        let longest = Duration::from_secs(longest);
        let [delay] = rig.nak_delays()[..] else { panic!("{:?}", rig.last) };
        assert!(delay >= longest / 2 && delay <= longest, "{delay:?} of {longest:?}");
    }
}

#[test]
fn the_messages_of_a_batch_come_back_together() {
    let mut rig = Rig::new(Config { max_batch_rows: 3, ..config() });
    rig.fetch(range(1, 3, "a"));
    rig.finish(0, PERMANENT);
    let delays = rig.nak_delays();
    assert_eq!(delays, [delays[0]; 3]);
}

#[test]
fn batches_and_replicas_do_not_retry_in_step() {
    let delay = |jitter_seed, batch: u64| {
        let mut rig = Rig::new(Config { max_batch_rows: 1, jitter_seed, ..config() });
        rig.fetch(range(0, batch, "a"));
        rig.finish(batch, TEMPORARY);
        rig.next_timeout().unwrap()
    };
    assert_ne!(delay(1, 0), delay(2, 0));
    assert_ne!(delay(1, 0), delay(1, 1));
    assert_eq!(delay(1, 1), delay(1, 1));
}

#[test]
fn a_failing_partition_leaves_the_others_alone() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, max_concurrent_writes: 1, ..config() });
    rig.fetch([one(1, 1, "bad"), one(2, 2, "good")]);
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0", "nak 1 later", "write 1 good [2.0]"]);
    assert_eq!(rig.written(1), ["ack 2"]);
}

#[test]
fn a_message_that_was_given_back_is_written_when_it_comes_again() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    rig.finish(0, PERMANENT);
    assert_eq!(rig.fetch([TestDelivery { delivery_count: 2, ..one(2, 1, "a") }]), ["write 1 a [1.0]"]);
    assert_eq!(rig.written(1), ["ack 2"]);
}
