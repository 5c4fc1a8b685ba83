//! Poison: stored as a dead letter and then terminated, or terminated at once where the dead letter is off.

use super::rig::*;
use crate::Config;

fn rig(dead_letter: bool) -> Rig {
    Rig::new(Config { max_batch_rows: 1, dead_letter, ..config() })
}

#[test]
fn poison_is_terminated_after_its_dead_letter_is_written() {
    let mut rig = rig(true);
    assert_eq!(rig.fetch([one(1, 1, DEAD)]), ["write 0 dead [1.0]"]);
    assert_eq!(rig.written(0), ["term 1"]);
}

#[test]
fn a_dead_letter_that_fails_is_given_back_as_data_is() {
    let mut rig = rig(true);
    rig.fetch([one(1, 1, DEAD)]);
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0", "nak 1 later"]);
}

#[test]
fn written_poison_that_comes_again_is_terminated_again() {
    let mut rig = rig(true);
    rig.fetch([one(1, 1, DEAD)]);
    rig.written(0);
    assert_eq!(rig.fetch([one(2, 1, DEAD)]), ["term 2"]);
}

#[test]
fn poison_does_not_hold_up_data() {
    let mut rig = Rig::new(Config { max_batch_rows: 2, ..config() });
    assert_eq!(rig.fetch([one(1, 1, "a"), one(2, 2, DEAD), one(3, 3, "a")]), ["write 0 a [1.0 3.0]"]);
    assert_eq!(rig.written(0), ["ack 1", "ack 3"]);
    assert_eq!(rig.pass(FLUSH), ["write 1 dead [2.0]"]);
}

#[test]
fn a_message_that_is_poison_in_part_is_acked_when_both_parts_are_written() {
    let mut rig = rig(true);
    assert_eq!(rig.fetch([many(1, 1, &["a", DEAD])]), ["write 0 a [1.0]", "write 1 dead [1.1]"]);
    assert!(rig.written(0).is_empty());
    assert_eq!(rig.written(1), ["ack 1"]);
}

#[test]
fn without_a_dead_letter_poison_is_terminated_at_once() {
    let mut rig = rig(false);
    assert_eq!(rig.fetch([one(1, 1, DEAD), many(2, 2, &[DEAD, DEAD])]), ["term 1", "term 2"]);
    assert_eq!(rig.machine.stats().messages, 0);
    assert_eq!(rig.fetch([one(3, 1, DEAD)]), ["term 3"]);
}

#[test]
fn without_a_dead_letter_the_good_part_of_a_message_is_written() {
    let mut rig = rig(false);
    assert_eq!(rig.fetch([many(1, 1, &[DEAD, "a"])]), ["write 0 a [1.1]"]);
    assert_eq!(rig.written(0), ["ack 1"]);
}
