//! A consumer that is reset to its ack floor.

use warehouse_sink_jetstream_model::{AckPolicy, ConsumerConfig, Forget, Start, Verdict};

use super::holds;
use super::pins::pinned;
use crate::Down;
use crate::scene::{LONG, NAK, PAST_ACK_WAIT, Scene, consumer, nak_for};

holds!(resets, own_servers: false, [
    a_reset_goes_back_to_the_floor,
    a_reset_of_a_new_consumer,
    a_reset_goes_no_further_back_than_the_start,
    a_reset_forgets_counts_and_redeliveries,
    a_reset_serves_who_waits,
    a_reset_keeps_the_pin,
    a_reset_frees_max_ack_pending,
    settlements_of_before_the_reset,
    a_late_ack_of_before_the_reset_makes_later_ones_stale,
    ack_waits_end_with_the_reset,
    a_reset_of_explicit_acks,
]);

holds!(resets_restarts, own_servers: true, [
    a_reset_outlives_a_restart,
    a_reset_that_is_forgotten,
]);

fn all() -> ConsumerConfig {
    ConsumerConfig { ack_policy: AckPolicy::All, ack_wait: LONG, ..consumer() }
}

fn a_reset_goes_back_to_the_floor(scene: &mut Scene<'_>) {
    scene.begin(6, &all());
    scene.pull(5);
    scene.ack(2);
    scene.reset();
    scene.pull(6);
    scene.ack(8);
    scene.reset();
    scene.pull(6);
}

fn a_reset_of_a_new_consumer(scene: &mut Scene<'_>) {
    scene.begin(2, &all());
    scene.reset();
    scene.pull(3);
    scene.ack(2);
    scene.reset();
    scene.publish(1);
    scene.pull(3);
}

fn a_reset_goes_no_further_back_than_the_start(scene: &mut Scene<'_>) {
    scene.begin(5, &ConsumerConfig { start: Start::Sequence(3), ..all() });
    scene.pull(2);
    scene.reset();
    scene.pull(2);
}

fn a_reset_forgets_counts_and_redeliveries(scene: &mut Scene<'_>) {
    scene.begin(3, &all());
    scene.pull(3);
    scene.settle(2, NAK);
    scene.pull(1);
    [1, 4].into_iter().for_each(|delivery| scene.settle(delivery, NAK));
    scene.settle(3, nak_for(900));
    scene.reset();
    let pull = scene.pull(4);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
}

fn a_reset_serves_who_waits(scene: &mut Scene<'_>) {
    scene.begin(3, &all());
    scene.pull(3);
    let pull = scene.pull(2);
    scene.reset();
    scene.show(pull);
}

fn a_reset_keeps_the_pin(scene: &mut Scene<'_>) {
    scene.begin(3, &ConsumerConfig { ack_wait: LONG, ..pinned() });
    scene.pull_pinned(0, 2);
    scene.ack(1);
    let other = scene.pull_pinned(0, 2);
    scene.reset();
    scene.show(other);
    scene.pull_pinned(1, 3);
}

fn a_reset_frees_max_ack_pending(scene: &mut Scene<'_>) {
    scene.begin(5, &ConsumerConfig { max_ack_pending: Some(3), ..all() });
    let pull = scene.pull(5);
    scene.ack(1);
    scene.reset();
    scene.show(pull);
}

fn settlements_of_before_the_reset(scene: &mut Scene<'_>) {
    scene.begin(5, &all());
    scene.pull(5);
    scene.ack(1);
    scene.reset();
    // What was not delivered since can't be settled.
    scene.ack(5);
    scene.settle(4, NAK);
    scene.settle(3, Verdict::Term);
    scene.settle(2, Verdict::Progress);
    let pull = scene.pull(3);
    // What was, can: these name the second, third and fourth message.
    scene.settle(2, NAK);
    scene.show(pull);
    scene.ack(3);
    scene.settle(4, NAK);
    scene.pull(2);
}

fn a_late_ack_of_before_the_reset_makes_later_ones_stale(scene: &mut Scene<'_>) {
    scene.begin(9, &all());
    scene.pull(8);
    scene.ack(3);
    scene.reset();
    scene.pull(4);
    // The fifth delivery of before was of the fifth message; the second of the new ones is.
    scene.ack(5);
    [10, 11, 12].into_iter().for_each(|delivery| scene.ack(delivery));
    scene.pull(2);
    scene.ack(13);
    scene.ack(14);
}

fn ack_waits_end_with_the_reset(scene: &mut Scene<'_>) {
    scene.begin(2, &ConsumerConfig { ack_policy: AckPolicy::All, ..consumer() });
    scene.pull(2);
    scene.reset();
    scene.wait(PAST_ACK_WAIT);
    scene.show_info();
    let pull = scene.pull(3);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
}

fn a_reset_of_explicit_acks(scene: &mut Scene<'_>) {
    scene.begin(4, &ConsumerConfig { ack_wait: LONG, ..consumer() });
    scene.pull(4);
    [1, 3].into_iter().for_each(|delivery| scene.ack(delivery));
    scene.reset();
    scene.pull(4);
}

fn a_reset_outlives_a_restart(scene: &mut Scene<'_>) {
    scene.begin(4, &all());
    scene.pull(3);
    scene.ack(1);
    scene.reset();
    scene.restart(Down::Killed);
    scene.pull(2);
    scene.restart(Down::Stopped);
    scene.reset();
    scene.pull(3);
}

fn a_reset_that_is_forgotten(scene: &mut Scene<'_>) {
    scene.begin(4, &all());
    scene.pull(3);
    scene.ack(1);
    scene.save();
    scene.reset();
    scene.pull(1);
    scene.restore(Forget::Consumer);
    scene.pull(2);
    scene.reset();
    scene.pull(4);
}
