//! How much may be fetched: full means that fetching pauses.

use std::time::Duration;

use super::rig::*;
use crate::{Capacity, Config};

fn rig() -> Rig {
    Rig::new(Config { max_messages: 10, max_batch_rows: 2, max_bytes: 100, max_batch_bytes: 50, ..config() })
}

fn capacity(messages: usize, bytes: u64) -> Capacity {
    Capacity { messages, bytes }
}

#[test]
fn an_empty_machine_has_all_of_its_capacity() {
    assert_eq!(rig().machine.capacity(), capacity(10, 100));
}

#[test]
fn buffered_messages_take_capacity() {
    let mut rig = rig();
    rig.fetch([sized(1, 1, "a", 30)]);
    assert_eq!(rig.machine.capacity(), capacity(9, 70));
}

#[test]
fn messages_take_capacity_until_they_are_settled() {
    let mut rig = rig();
    rig.fetch([sized(1, 1, "a", 25), sized(2, 2, "a", 25)]);
    assert_eq!(rig.machine.capacity(), capacity(8, 50));
    rig.finish(0, TEMPORARY);
    assert_eq!(rig.machine.capacity(), capacity(8, 50), "it waits for the next attempt");
    rig.pass(Duration::from_secs(1));
    rig.written(0);
    assert_eq!(rig.machine.capacity(), capacity(10, 100));
}

#[test]
fn messages_that_are_given_back_free_their_capacity() {
    let mut rig = rig();
    rig.fetch([sized(1, 1, "a", 50)]);
    rig.finish(0, PERMANENT);
    assert_eq!(rig.machine.capacity(), capacity(10, 100));
}

#[test]
fn a_full_machine_has_no_capacity_and_still_takes_what_comes() {
    let mut rig = rig();
    rig.fetch((1..=11).map(|number| sized(number, number, "a", 9)));
    assert_eq!(rig.machine.capacity(), capacity(0, 1));
    assert_eq!(rig.machine.stats().messages, 11);
    assert_eq!(rig.written(0), ["ack 1", "ack 2"]);
    assert_eq!(rig.machine.capacity(), capacity(1, 19));
}

/// What was asked for by the bytes of the messages may make more bytes of rows.
#[test]
fn what_comes_beyond_the_byte_limit_is_given_back() {
    let mut rig = rig();
    let commands = rig.fetch((1..=4).map(|number| sized(number, number, "a", 45)));
    assert_eq!(rig.machine.stats().bytes, 135, "one message beyond the limit of 100");
    assert_eq!(commands.iter().filter(|command| command.starts_with("nak")).collect::<Vec<_>>(), ["nak 4 later"]);
    let delay = rig.nak_delays()[0];
    assert!(delay >= config().nak.initial / 2 && delay <= config().nak.initial, "{delay:?}");
    // The same message again, once there is room.
    rig.written(0);
    assert_eq!(rig.machine.stats().bytes, 90);
    rig.fetch([sized(5, 4, "b", 45)]);
    assert_eq!((rig.nak_delays().len(), rig.machine.stats().bytes), (0, 135));
    // One that is held already, or was written, needs no room.
    assert_eq!(rig.fetch([sized(6, 4, "b", 45)]), ["forget 5"]);
    assert_eq!(rig.fetch([sized(7, 1, "a", 45)]), ["ack 7"]);
}

/// A message of any size is taken while the limit is not exceeded, so that none waits for ever beside smaller ones.
#[test]
fn a_message_above_the_byte_limit_is_taken() {
    let mut rig = rig();
    rig.fetch([sized(1, 1, "a", 30)]);
    rig.fetch([sized(2, 2, "a", 500)]);
    assert_eq!(rig.machine.stats().bytes, 530);
    assert_eq!(rig.fetch([sized(3, 3, "a", 1)]), ["nak 3 later"]);
}

#[test]
fn a_message_is_taken_while_exactly_the_byte_limit_is_held() {
    let mut rig = rig();
    rig.fetch([sized(1, 1, "a", 50), sized(2, 2, "b", 50)]);
    rig.fetch([sized(3, 3, "c", 1)]);
    assert_eq!((rig.nak_delays().len(), rig.machine.stats().bytes), (0, 101));
}

#[test]
fn messages_without_rows_take_no_capacity() {
    let mut rig = rig();
    rig.fetch([many(1, 1, &[])]);
    assert_eq!(rig.machine.capacity(), capacity(10, 100));
}

#[test]
fn nothing_is_fetched_once_a_shutdown_began() {
    let mut rig = rig();
    rig.shut_down(Duration::from_secs(10));
    assert_eq!(rig.machine.capacity(), capacity(0, 0));
}
