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
    rig.fetch((1..=12).map(|number| sized(number, number, "a", 10)));
    assert_eq!(rig.machine.capacity(), capacity(0, 0));
    assert_eq!(rig.machine.stats().messages, 12);
    assert_eq!(rig.written(0), ["ack 1", "ack 2"]);
    assert_eq!(rig.machine.capacity(), capacity(0, 0));
    rig.written(1);
    assert_eq!(rig.machine.capacity(), capacity(2, 20));
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
