//! Restarts of the server, on what it has stored and on what it had stored before.

use std::time::Duration;

use warehouse_sink_jetstream_model::{ConsumerConfig, Forget, Start, Verdict};

use super::holds;
use crate::Down;
use crate::scene::{NAK, PAST_ACK_WAIT, Scene, consumer, millis, nak_for};

holds!(restarts, own_servers: true, [
    a_server_that_was_stopped_goes_on,
    a_server_that_was_killed_goes_on,
    the_ack_wait_goes_on_from_the_time_of_publishing,
    progress_and_delays_outlive_a_restart,
    what_waited_for_redelivery_waits_for_its_ack_wait_again,
    what_ended_outlives_a_restart,
    what_may_come_once_comes_once,
    limits_and_purges_outlive_a_restart,
    a_deleted_consumer_stays_deleted,
    an_ack_that_is_forgotten_brings_the_message_again,
    a_delivery_that_is_forgotten_comes_as_the_first,
    what_was_dropped_meanwhile_is_settled,
    the_tail_of_the_stream_is_lost,
    dropped_messages_are_there_again,
    a_consumer_of_a_lost_tail_starts_at_the_end,
    what_a_lower_max_deliver_ended_is_not_pending_after_a_restart,
    a_stream_that_was_created_again_outlives_a_restart,
]);

/// A restart takes a second or two.
const ACK_WAIT: Duration = Duration::from_secs(6);

fn slow() -> ConsumerConfig {
    ConsumerConfig { ack_wait: ACK_WAIT, ..consumer() }
}

fn goes_on(scene: &mut Scene<'_>, down: Down) {
    scene.begin(6, &consumer());
    scene.pull(5);
    scene.ack(1);
    scene.ack(3);
    scene.settle(4, NAK);
    scene.pull(1);
    scene.restart(down);
    // A delivery of before the restart can be settled after it.
    scene.ack(2);
    scene.wait(PAST_ACK_WAIT);
    let pull = scene.pull(4);
    scene.ack(5);
    scene.restart(down);
    scene.ack(6);
    scene.wait(PAST_ACK_WAIT);
    scene.show(pull);
    scene.pull(3);
}

fn a_server_that_was_stopped_goes_on(scene: &mut Scene<'_>) {
    goes_on(scene, Down::Stopped);
}

fn a_server_that_was_killed_goes_on(scene: &mut Scene<'_>) {
    goes_on(scene, Down::Killed);
}

fn the_ack_wait_goes_on_from_the_time_of_publishing(scene: &mut Scene<'_>) {
    scene.begin(2, &slow());
    scene.pull(1);
    scene.wait(millis(3800));
    // Delivered nearly four seconds after it was published, this one has two left and not six.
    scene.pull(1);
    scene.restart(Down::Killed);
    let pull = scene.ask(3);
    scene.wait_and_show(millis(1700), pull);
}

fn progress_and_delays_outlive_a_restart(scene: &mut Scene<'_>) {
    scene.begin(3, &slow());
    scene.pull(3);
    scene.settle(2, nak_for(8000));
    scene.wait(millis(3500));
    scene.settle(1, Verdict::Progress);
    scene.restart(Down::Stopped);
    let pull = scene.ask(4);
    // A fraction of a second is not stored. Due are the third 6 s from the beginning, the second 8 s, the first 9.5 s, or
    // up to a second sooner.
    scene.wait_and_show(millis(1500), pull);
    scene.wait_and_show(millis(3500), pull);
}

fn what_waited_for_redelivery_waits_for_its_ack_wait_again(scene: &mut Scene<'_>) {
    scene.begin(3, &slow());
    scene.pull(2);
    scene.settle(2, NAK);
    scene.restart(Down::Stopped);
    let pull = scene.pull(3);
    scene.settle(1, NAK);
    scene.show(pull);
    scene.wait_and_show(millis(5000), pull);
}

fn what_ended_outlives_a_restart(scene: &mut Scene<'_>) {
    scene.begin(3, &ConsumerConfig { max_deliver: Some(2), ..consumer() });
    scene.pull(2);
    scene.settle(1, NAK);
    scene.pull(1);
    scene.settle(3, NAK);
    scene.pull(1);
    scene.restart(Down::Killed);
    let pull = scene.ask(3);
    scene.wait_and_show(millis(1600), pull);
    scene.ack(2);
    scene.ack(1);
}

fn what_may_come_once_comes_once(scene: &mut Scene<'_>) {
    scene.begin(2, &ConsumerConfig { max_deliver: Some(1), ..consumer() });
    scene.pull(2);
    scene.wait(PAST_ACK_WAIT);
    scene.show_info();
    scene.restart(Down::Stopped);
    let pull = scene.ask(2);
    scene.show(pull);
    scene.ack(1);
    scene.ack(2);
}

fn limits_and_purges_outlive_a_restart(scene: &mut Scene<'_>) {
    scene.begin_limited(Some(4), 4, &slow());
    scene.pull(3);
    scene.publish(1);
    scene.restart(Down::Stopped);
    scene.server.purge(Some(4));
    scene.show_info();
    scene.restart(Down::Killed);
    scene.pull(2);
    scene.server.purge(None);
    scene.restart(Down::Killed);
    let pull = scene.ask(2);
    scene.publish(1);
    scene.show(pull);
}

fn a_deleted_consumer_stays_deleted(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    scene.pull(1);
    scene.server.delete_consumer();
    scene.restart(Down::Killed);
    let nobody = scene.ask(1);
    scene.show(nobody);
    scene.server.create_consumer(&consumer());
    scene.restart(Down::Killed);
    scene.pull(1);
}

fn an_ack_that_is_forgotten_brings_the_message_again(scene: &mut Scene<'_>) {
    scene.begin(4, &slow());
    scene.pull(3);
    scene.ack(1);
    scene.save();
    scene.ack(2);
    scene.settle(3, Verdict::Term);
    scene.restore(Forget::Consumer);
    // What was acked already can be acked again.
    scene.ack(2);
    let pull = scene.ask(3);
    scene.wait_and_show(millis(3500), pull);
}

fn a_delivery_that_is_forgotten_comes_as_the_first(scene: &mut Scene<'_>) {
    scene.begin(3, &slow());
    scene.pull(1);
    scene.save();
    scene.pull(2);
    scene.ack(2);
    scene.publish(1);
    scene.restore(Forget::Consumer);
    // The acks are of deliveries that the server does not know of.
    scene.ack(2);
    scene.settle(3, NAK);
    scene.pull(2);
    scene.ack(3);
    scene.ack(4);
}

fn what_was_dropped_meanwhile_is_settled(scene: &mut Scene<'_>) {
    scene.begin_limited(Some(3), 3, &slow());
    scene.pull(2);
    scene.save();
    scene.publish(2);
    scene.restore(Forget::Consumer);
    scene.pull(5);
    scene.ack(1);
    scene.ack(3);
}

fn the_tail_of_the_stream_is_lost(scene: &mut Scene<'_>) {
    scene.begin(2, &slow());
    scene.pull(1);
    scene.save();
    scene.publish(2);
    scene.pull(3);
    scene.ack(2);
    scene.restore(Forget::StreamAndConsumer);
    scene.ack(4);
    let pull = scene.pull(4);
    // It takes over the sequence of a lost one, and an ack of that settles it.
    scene.publish(1);
    scene.show(pull);
    scene.ack(3);
    scene.publish(1);
    scene.show(pull);
    scene.settle(4, NAK);
    scene.show(pull);
}

fn dropped_messages_are_there_again(scene: &mut Scene<'_>) {
    scene.begin_limited(Some(3), 3, &slow());
    scene.pull(1);
    scene.save();
    scene.publish(2);
    scene.pull(1);
    scene.restore(Forget::StreamAndConsumer);
    scene.pull(3);
    scene.publish(1);
    scene.show_info();
}

fn a_consumer_of_a_lost_tail_starts_at_the_end(scene: &mut Scene<'_>) {
    scene.begin(2, &slow());
    scene.save();
    scene.publish(3);
    scene.server.delete_consumer();
    scene.server.create_consumer(&ConsumerConfig { start: Start::Sequence(5), ..slow() });
    scene.pull(1);
    scene.restore(Forget::StreamAndConsumer);
    scene.publish(2);
    scene.pull(2);
    scene.ack(2);
}

fn what_a_lower_max_deliver_ended_is_not_pending_after_a_restart(scene: &mut Scene<'_>) {
    scene.begin(2, &slow());
    scene.pull(1);
    scene.settle(1, NAK);
    scene.pull(1);
    scene.update(&ConsumerConfig { max_deliver: Some(1), ..slow() });
    // It is given back, and is to come once more.
    scene.settle(2, nak_for(8000));
    scene.restart(Down::Killed);
    scene.update(&slow());
    scene.wait(millis(9000));
    scene.pull(3);
}

fn a_stream_that_was_created_again_outlives_a_restart(scene: &mut Scene<'_>) {
    scene.begin(4, &slow());
    scene.pull(3);
    scene.ack(1);
    scene.server.recreate_stream();
    scene.publish(2);
    scene.server.create_consumer(&slow());
    scene.pull(1);
    scene.restart(Down::Killed);
    // They are of the stream before.
    scene.ack(2);
    scene.ack(3);
    scene.pull(2);
    scene.ack(4);
}
