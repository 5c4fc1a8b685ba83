//! A consumer that serves one pinned client, and others that wait to take over.

use std::time::Duration;

use warehouse_sink_jetstream_model::{AckPolicy, ConsumerConfig, Verdict};

use super::holds;
use crate::Down;
use crate::scene::{LONG, NAK, Scene, consumer, millis};

holds!(pins, own_servers: false, [
    the_first_to_be_served_is_pinned,
    others_wait_and_wrong_claims_end,
    a_client_that_stops_pulling_loses_its_pin,
    a_waiting_request_does_not_keep_the_pin,
    pulling_keeps_the_pin,
    acks_and_progress_do_not_keep_the_pin,
    an_unpinned_client_is_told_when_it_would_be_served,
    the_next_is_pinned_after_an_unpin,
    what_the_one_before_held_comes_again_to_the_next,
    redeliveries_go_to_the_pinned_client,
]);

holds!(pins_restarts, own_servers: true, [
    a_restart_forgets_the_pin,
]);

/// Longer than a scenario's steps take, shorter than its waits.
const TTL: Duration = millis(2000);
const PAST_TTL: Duration = millis(2500);

pub fn pinned() -> ConsumerConfig {
    ConsumerConfig { ack_policy: AckPolicy::All, pinned: Some(TTL), ..consumer() }
}

fn long() -> ConsumerConfig {
    ConsumerConfig { ack_wait: LONG, ..pinned() }
}

fn the_first_to_be_served_is_pinned(scene: &mut Scene<'_>) {
    scene.begin(0, &long());
    let one = scene.ask_pinned(0, 3);
    scene.client = scene.server.connect();
    let two = scene.ask_pinned(0, 3);
    scene.show_all(&[one, two]);
    scene.publish(5);
    scene.show_all(&[one, two]);
}

fn others_wait_and_wrong_claims_end(scene: &mut Scene<'_>) {
    scene.begin(6, &long());
    scene.pull_pinned(0, 2);
    // Nobody knows by itself that it is the pinned one.
    let unclaimed = scene.pull_pinned(0, 2);
    scene.pull_pinned(1, 1);
    scene.server.unpin();
    scene.show(unclaimed);
    scene.pull_pinned(1, 1);
    scene.pull_pinned(2, 1);
}

fn a_client_that_stops_pulling_loses_its_pin(scene: &mut Scene<'_>) {
    scene.begin(6, &long());
    scene.pull_pinned(0, 2);
    let next = scene.pull_pinned(0, 2);
    scene.wait_and_show(millis(1200), next);
    scene.wait_and_show(millis(1500), next);
    scene.pull_pinned(1, 1);
    scene.pull_pinned(2, 1);
}

fn a_waiting_request_does_not_keep_the_pin(scene: &mut Scene<'_>) {
    scene.begin(1, &long());
    scene.pull_pinned(0, 1);
    let pinned = scene.pull_pinned(1, 2);
    let next = scene.pull_pinned(0, 2);
    scene.wait(PAST_TTL);
    scene.show_all(&[pinned, next]);
    scene.publish(1);
    scene.show_all(&[pinned, next]);
}

fn pulling_keeps_the_pin(scene: &mut Scene<'_>) {
    scene.begin(3, &long());
    scene.pull_pinned(0, 1);
    let next = scene.pull_pinned(0, 1);
    scene.wait(millis(1200));
    scene.pull_pinned(1, 1);
    scene.wait(millis(1200));
    // One that can't be filled does it too.
    let pinned = scene.pull_pinned(1, 2);
    scene.wait(millis(1200));
    scene.show_all(&[pinned, next]);
    scene.publish(1);
    scene.show_all(&[pinned, next]);
}

fn acks_and_progress_do_not_keep_the_pin(scene: &mut Scene<'_>) {
    scene.begin(4, &long());
    scene.pull_pinned(0, 2);
    let next = scene.pull_pinned(0, 1);
    scene.wait(millis(1200));
    scene.ack(1);
    scene.settle(2, Verdict::Progress);
    scene.wait_and_show(millis(1200), next);
}

fn an_unpinned_client_is_told_when_it_would_be_served(scene: &mut Scene<'_>) {
    scene.begin(1, &long());
    scene.pull_pinned(0, 1);
    scene.server.unpin();
    let old = scene.pull_pinned(1, 1);
    scene.publish(1);
    scene.show(old);
    scene.pull_pinned(0, 1);
}

fn the_next_is_pinned_after_an_unpin(scene: &mut Scene<'_>) {
    scene.begin(6, &long());
    scene.pull_pinned(0, 1);
    let next = scene.pull_pinned(0, 2);
    let third = scene.pull_pinned(0, 2);
    scene.server.unpin();
    scene.show_all(&[next, third]);
    scene.pull_pinned(2, 1);
    scene.show(third);
}

fn what_the_one_before_held_comes_again_to_the_next(scene: &mut Scene<'_>) {
    scene.begin(3, &ConsumerConfig { ack_wait: millis(4500), ..pinned() });
    scene.pull_pinned(0, 2);
    let next = scene.pull_pinned(0, 5);
    scene.wait_and_show(PAST_TTL, next);
    scene.wait(millis(1000));
    let kept = scene.ask_pinned(2, 5);
    scene.wait(millis(1450));
    scene.show_all(&[next, kept]);
    // The one before does not know, and its acks count.
    scene.ack(1);
    scene.ack(5);
}

fn redeliveries_go_to_the_pinned_client(scene: &mut Scene<'_>) {
    scene.begin(2, &long());
    scene.pull_pinned(0, 2);
    let other = scene.pull_pinned(0, 2);
    let pinned = scene.pull_pinned(1, 2);
    scene.settle(1, NAK);
    scene.show_all(&[pinned, other]);
}

fn a_restart_forgets_the_pin(scene: &mut Scene<'_>) {
    scene.begin(4, &long());
    scene.pull_pinned(0, 1);
    scene.restart(Down::Killed);
    scene.pull_pinned(1, 1);
    scene.pull_pinned(0, 1);
    scene.pull_pinned(2, 1);
}
