//! Progress acks: a held delivery stays alive however long its write takes.

use std::time::Duration;

use super::rig::*;
use crate::Config;

const ACK_WAIT: Duration = Duration::from_secs(4);
/// How often held deliveries are looked through.
const INTERVAL: Duration = Duration::from_secs(1);

fn rig() -> Rig {
    Rig::new(Config { ack_wait: ACK_WAIT, max_batch_rows: 2, ..config() })
}

#[test]
fn a_buffered_delivery_is_kept_alive() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    assert_eq!(rig.next_timeout(), Some(INTERVAL));
    assert_eq!(rig.pass(3 * INTERVAL), ["progress 1"; 3]);
}

#[test]
fn a_delivery_is_kept_alive_while_it_is_written_and_between_attempts() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    assert_eq!(rig.pass(INTERVAL), ["progress 1", "progress 2"]);
    rig.finish(0, TEMPORARY);
    assert_eq!(rig.pass(INTERVAL), ["rewrite 0", "progress 1", "progress 2"]);
}

#[test]
fn no_delivery_gets_older_than_half_of_the_ack_wait() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    rig.pass(Duration::from_millis(1));
    rig.fetch([one(2, 2, "b")]);
    assert_eq!(rig.pass(INTERVAL), ["progress 1"], "the younger one is not due");
    assert_eq!(rig.pass(INTERVAL), ["progress 1", "progress 2"]);
}

#[test]
fn a_settled_delivery_gets_no_progress() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.written(0);
    assert_eq!(rig.machine.poll_timeout(), None);
    assert!(rig.pass(10 * ACK_WAIT).is_empty());
}

#[test]
fn the_newest_delivery_gets_the_progress() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    rig.pass(INTERVAL / 2);
    rig.fetch([one(2, 1, "a")]);
    assert!(rig.pass(INTERVAL / 2).is_empty(), "it is fresh");
    assert_eq!(rig.pass(INTERVAL), ["progress 2"]);
}

#[test]
fn after_a_pause_every_delivery_gets_one_progress_at_once() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a"), one(2, 2, "b")]);
    assert_eq!(rig.jump(5 * ACK_WAIT), ["progress 1", "progress 2"]);
    assert_eq!(rig.next_timeout(), Some(INTERVAL));
}

#[test]
fn any_event_gives_a_due_progress() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    rig.now = rig.now.saturating_add(INTERVAL);
    assert_eq!(rig.fetch([one(2, 2, "b")]), ["progress 1"]);
}

#[test]
fn the_first_delivery_after_an_idle_time_is_looked_at_in_time() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    rig.written(0);
    rig.pass(100 * ACK_WAIT);
    rig.fetch([one(3, 3, "a")]);
    assert_eq!(rig.next_timeout(), Some(INTERVAL));
}

#[test]
fn deliveries_are_kept_alive_while_a_shutdown_waits_for_writes() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    rig.shut_down(10 * ACK_WAIT);
    assert_eq!(rig.pass(2 * INTERVAL), ["progress 1"; 2]);
}
