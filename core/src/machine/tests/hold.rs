//! The hold: poison is given back, not terminated, while nothing can be decoded.

use std::time::Duration;

use super::rig::*;
use crate::{Config, HoldCause};

fn config_of(hold_after: usize) -> Config {
    Config { hold_after, ..config() }
}

fn rig(hold_after: usize) -> Rig {
    Rig::new(config_of(hold_after))
}

fn is_holding(rig: &Rig) -> bool {
    rig.machine.stats().hold.is_some()
}

#[test]
fn begins_with_so_many_messages_that_are_poison_only_and_gives_back_what_waits() {
    let mut rig = rig(3);
    assert!(rig.fetch([one(1, 11, DEAD), many(2, 12, &[DEAD, DEAD])]).is_empty());
    assert!(!is_holding(&rig));
    assert_eq!(rig.fetch([one(3, 13, DEAD)]), ["nak 1 later", "nak 2 later", "nak 3 later"]);
    let hold = rig.machine.stats().hold.unwrap();
    assert_eq!((hold.cause, hold.messages, hold.poison), (HoldCause::NothingDecoded, 3, 3));
    assert_eq!((hold.first_sequence, hold.given_back), (11, 3));
    assert_eq!(rig.machine.stats().messages, 0);
    assert!(rig.pass(FLUSH).is_empty(), "nothing of it is written");
    assert_eq!(rig.machine.unstored_above(0), 3);
    assert!(rig.shut_down(FLUSH).is_empty());
    assert!(rig.machine.is_drained());
}

#[test]
fn what_comes_meanwhile_is_given_back_with_a_growing_delay() {
    let mut rig = rig(1);
    let mut delivery = one(1, 1, DEAD);
    let mut delays = Vec::new();
    for count in 1..=4 {
        delivery.delivery_count = count;
        assert_eq!(rig.fetch([delivery.clone()]), ["nak 1 later"]);
        delays.extend(rig.nak_delays());
    }
    assert!(delays.is_sorted() && delays[3] >= 4 * delays[0], "{delays:?}");
    assert_eq!(rig.machine.stats().hold.unwrap().given_back, 1, "one message");
    assert_eq!(rig.machine.capacity().messages, config().max_messages, "fetching goes on");
}

#[test]
fn the_same_message_counts_once() {
    let mut rig = rig(2);
    rig.fetch([one(1, 1, DEAD)]);
    assert_eq!(rig.fetch([one(2, 1, DEAD)]), ["forget 1"]);
    assert_eq!(rig.pass(FLUSH), ["write 0 dead [1.0]"]);
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0", "nak 2 later"]);
    rig.fetch([one(3, 1, DEAD)]);
    assert!(!is_holding(&rig), "it was given back before");
    rig.pass(FLUSH);
    assert_eq!(rig.written(1), ["term 3"]);
    assert_eq!(rig.fetch([one(4, 1, DEAD)]), ["term 4"]);
    assert!(!is_holding(&rig), "it is written");
    assert_eq!(rig.fetch([one(5, 2, DEAD)]), ["nak 5 later"]);
}

#[test]
fn a_message_that_can_be_decoded_ends_it_for_good() {
    let mut rig = rig(2);
    rig.fetch(range(1, 3, DEAD));
    assert!(is_holding(&rig));
    assert!(rig.fetch([many(4, 4, &[DEAD, "a"])]).is_empty(), "one of its rows is good");
    assert!(!is_holding(&rig));
    rig.fetch((1..=9).map(|number| one(10 + number, number, DEAD)));
    assert_eq!(rig.pass(FLUSH).len(), 2, "the poison is written, and the good row");
    assert!(!is_holding(&rig));
}

#[test]
fn never_begins_once_something_was_decoded() {
    let mut rig = rig(2);
    rig.fetch([one(1, 1, "a")]);
    rig.fetch(range(2, 50, DEAD));
    assert!(!is_holding(&rig));
}

#[test]
fn messages_without_rows_say_nothing() {
    let mut rig = rig(2);
    assert_eq!(rig.fetch([many(1, 1, &[]), one(2, 2, DEAD), many(3, 3, &[])]), ["ack 1", "ack 3"]);
    assert!(!is_holding(&rig));
    assert_eq!(rig.fetch([one(4, 4, DEAD), many(5, 5, &[])]), ["nak 2 later", "nak 4 later", "ack 5"]);
    assert!(is_holding(&rig));
}

#[test]
fn what_is_being_written_goes_its_way() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, max_concurrent_writes: 1, ..config_of(4) });
    assert_eq!(rig.fetch(range(1, 3, DEAD)), ["write 0 dead [1.0]"]);
    assert_eq!(rig.fetch([one(4, 4, DEAD)]), ["nak 2 later", "nak 3 later", "nak 4 later"]);
    assert_eq!(rig.written(0), ["term 1"]);
    assert_eq!(rig.fetch([one(5, 1, DEAD)]), ["term 5"], "it is stored");
    assert_eq!(rig.fetch([one(6, 2, DEAD)]), ["nak 6 later"]);
}

#[test]
fn a_message_that_is_written_in_part_is_given_back_with_its_last_row() {
    let mut rig = Rig::new(Config { max_batch_rows: 2, ..config_of(2) });
    assert_eq!(rig.fetch([many(1, 1, &[DEAD, DEAD, DEAD])]), ["write 0 dead [1.0 1.1]"]);
    assert_eq!(rig.fetch([one(2, 2, DEAD)]), ["nak 2 later"]);
    assert_eq!(rig.written(0), ["nak 1 later"]);
    rig.fetch([one(3, 3, "a")]);
    assert_eq!(rig.fetch([many(4, 1, &[DEAD, DEAD, DEAD])]), [] as [&str; 0]);
    assert_eq!(rig.pass(FLUSH), ["write 1 a [3.0]", "write 2 dead [1.2]"], "what is written is not written again");
    assert_eq!(rig.written(2), ["term 4"]);
}

#[test]
fn without_a_dead_letter_nothing_more_is_terminated_either() {
    let mut rig = Rig::new(Config { dead_letter: false, ..config_of(3) });
    let commands = rig.fetch(range(1, 4, DEAD));
    assert_eq!(commands, ["term 1", "term 2", "nak 3 later", "nak 4 later"]);
}

#[test]
fn zero_is_never() {
    let mut rig = rig(0);
    rig.fetch(range(1, 5000, DEAD));
    assert!(!is_holding(&rig));
}

fn with_share(hold_after: usize, hold_share: u8) -> Rig {
    Rig::new(Config { hold_share: Some(hold_share), max_batch_rows: 1000, ..config_of(hold_after) })
}

#[test]
fn a_share_is_judged_by_so_many_new_messages_at_a_time() {
    let mut rig = with_share(4, 50);
    rig.fetch(range(1, 2, "a"));
    rig.fetch(range(3, 4, DEAD));
    assert!(!is_holding(&rig), "half is not more than half");
    rig.fetch(range(5, 7, DEAD));
    assert!(!is_holding(&rig));
    let commands = rig.fetch([one(8, 8, "a")]);
    let given_back = ["nak 3 later", "nak 4 later", "nak 5 later", "nak 6 later", "nak 7 later"];
    assert_eq!(commands, given_back, "three of four");
    let hold = rig.machine.stats().hold.unwrap();
    assert_eq!((hold.cause, hold.messages, hold.poison, hold.first_sequence), (HoldCause::Share, 4, 3, 5));
}

#[test]
fn one_tenants_poison_does_not_stop_the_others() {
    let mut rig = with_share(2, 0);
    rig.fetch([one(1, 1, "a"), one(2, 2, DEAD)]);
    assert!(is_holding(&rig));
    assert_eq!(rig.fetch([one(3, 3, DEAD), one(4, 4, "a"), many(5, 5, &["a", DEAD])]), ["nak 3 later"]);
    assert_eq!(rig.pass(FLUSH), ["write 0 a [1.0 4.0 5.0]", "write 1 dead [5.1]"]);
    assert_eq!(rig.written(0), ["ack 1", "ack 4"]);
    assert_eq!(rig.written(1), ["ack 5"]);
}

#[test]
fn a_window_at_the_share_ends_it_and_what_was_given_back_counts_in_none() {
    let mut rig = with_share(4, 25);
    rig.fetch([one(1, 1, "a")]);
    rig.fetch(range(2, 4, DEAD));
    assert!(is_holding(&rig));
    for again in 0..10 {
        assert_eq!(rig.fetch([one(100 + again, 2, DEAD)]).len(), 1);
    }
    rig.fetch(range(5, 7, "a"));
    assert!(is_holding(&rig), "three are not enough");
    assert_eq!(rig.fetch([one(8, 8, DEAD)]), [] as [&str; 0], "one of four is not more than a quarter");
    assert!(!is_holding(&rig));
    rig.fetch([one(9, 2, DEAD)]);
    assert_eq!(rig.pass(FLUSH).last().unwrap(), "write 1 dead [2.0 8.0]");
}

#[test]
fn with_a_share_one_good_message_does_not_end_the_first_hold() {
    let mut rig = with_share(3, 50);
    rig.fetch(range(1, 5, DEAD));
    rig.fetch([one(6, 6, "a")]);
    let hold = rig.machine.stats().hold.unwrap();
    assert_eq!((hold.cause, hold.given_back), (HoldCause::Share, 5));
    rig.fetch(range(7, 8, "a"));
    assert!(!is_holding(&rig));
}

#[test]
fn goes_on_from_window_to_window() {
    let mut rig = with_share(2, 10);
    rig.fetch([one(1, 1, "a"), one(2, 2, DEAD)]);
    rig.fetch([one(3, 3, DEAD), one(4, 4, DEAD)]);
    let hold = rig.machine.stats().hold.unwrap();
    assert_eq!((hold.poison, hold.first_sequence, hold.given_back), (2, 3, 3));
    assert_eq!(rig.next_timeout(), Some(Duration::from_secs(60)), "of the good row");
}

/// Fetchers overtake each other: of what comes together, the server may have either.
#[test]
fn a_message_is_not_settled_that_came_with_another_of_its_sequence_which_was_given_back() {
    let mut rig = Rig::new(Config { max_batch_rows: 1, ..config_of(1) });
    let other = |id| TestDelivery { message: message(1, 7), ..one(id, 1, "a") };
    assert_eq!(rig.fetch([one(1, 1, DEAD), other(2)]), ["nak 1 later", "write 0 a [1.0]"]);
    assert_eq!(rig.written(0), ["forget 2"]);
    assert_eq!(rig.fetch([other(3)]), ["ack 3"], "it came again, so the server has it");
}

#[test]
fn what_shares_a_batch_with_parts_of_good_messages_goes_its_way() {
    let mut rig = with_share(3, 40);
    assert_eq!(rig.fetch([many(1, 1, &["a", DEAD]), one(2, 2, DEAD), one(3, 3, DEAD)]), ["nak 3 later"]);
    assert_eq!(rig.pass(FLUSH), ["write 0 a [1.0]", "write 1 dead [1.1 2.0]"]);
    rig.written(0);
    assert_eq!(rig.written(1), ["ack 1", "term 2"]);
    assert!(is_holding(&rig));
}

#[test]
fn of_the_batches_that_wait_only_those_that_are_all_poison_are_withdrawn() {
    let mut rig =
        Rig::new(Config { max_batch_rows: 1, max_concurrent_writes: 1, hold_share: Some(40), ..config_of(5) });
    let commands =
        rig.fetch([one(1, 1, "a"), many(2, 2, &["a", DEAD]), one(3, 3, DEAD), one(4, 4, DEAD), one(5, 5, DEAD)]);
    assert_eq!(commands, ["nak 3 later", "nak 4 later", "nak 5 later", "write 0 a [1.0]"]);
    assert_eq!(rig.written(0), ["ack 1", "write 1 a [2.0]"]);
    assert_eq!(rig.written(1), ["write 2 dead [2.1]"]);
    assert_eq!(rig.written(2), ["ack 2"]);
    assert!(rig.machine.stats().messages == 0 && rig.pass(FLUSH).is_empty());
}
