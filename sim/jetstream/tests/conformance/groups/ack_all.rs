//! A consumer whose acks settle all that is before them.

use warehouse_sink_jetstream_model::{AckPolicy, ConsumerConfig, Forget, Start, Verdict};

use super::holds;
use crate::Down;
use crate::scene::{NAK, PAST_ACK_WAIT, Scene, consumer, millis, nak_for};

holds!(ack_all, own_servers: false, [
    an_ack_settles_all_below,
    a_term_settles_all_below,
    a_nak_gives_back_its_message_alone,
    progress_restarts_the_ack_wait_of_its_message_alone,
    all_that_is_unsettled_comes_again,
    an_ack_of_a_redelivery_makes_earlier_deliveries_stale,
    an_ack_of_an_earlier_delivery_counts_where_it_is_above_the_floor,
    naks_of_earlier_deliveries,
    an_ack_takes_what_waits_for_redelivery,
    acks_free_max_ack_pending,
    max_deliver_ends_a_message_of_many,
    what_ended_stays_counted_below_a_wide_ack,
    limits_drop_messages_of_many,
    a_purge_of_many,
    stale_settlements_of_a_deleted_consumer,
]);

holds!(ack_all_restarts, own_servers: true, [
    acks_outlive_a_restart,
    acks_that_are_forgotten,
]);

fn all() -> ConsumerConfig {
    ConsumerConfig { ack_policy: AckPolicy::All, ..consumer() }
}

fn an_ack_settles_all_below(scene: &mut Scene<'_>) {
    scene.begin(6, &all());
    scene.pull(5);
    scene.ack(3);
    // Those below are settled, and so is it.
    [2, 1, 3].into_iter().for_each(|delivery| scene.ack(delivery));
    scene.settle(2, NAK);
    scene.settle(3, nak_for(100));
    let pull = scene.pull(3);
    scene.ack(5);
    scene.ack(6);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
}

fn a_term_settles_all_below(scene: &mut Scene<'_>) {
    scene.begin(5, &all());
    scene.pull(5);
    scene.settle(4, Verdict::Term);
    scene.ack(2);
    scene.settle(3, Verdict::Term);
    let pull = scene.pull(3);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
}

fn a_nak_gives_back_its_message_alone(scene: &mut Scene<'_>) {
    scene.begin(4, &all());
    scene.pull(4);
    let pull = scene.pull(4);
    scene.settle(3, NAK);
    scene.show(pull);
    scene.settle(2, nak_for(800));
    scene.wait_and_show(millis(1400), pull);
    // An ack of the redelivered one settles those below.
    scene.ack(5);
    scene.ack(4);
}

fn progress_restarts_the_ack_wait_of_its_message_alone(scene: &mut Scene<'_>) {
    scene.begin(3, &all());
    scene.pull(3);
    let pull = scene.pull(4);
    scene.wait(millis(1500));
    scene.settle(3, Verdict::Progress);
    scene.wait_and_show(millis(1600), pull);
    scene.wait_and_show(millis(1350), pull);
}

fn all_that_is_unsettled_comes_again(scene: &mut Scene<'_>) {
    scene.begin(5, &all());
    scene.pull(4);
    scene.ack(1);
    scene.wait(PAST_ACK_WAIT);
    scene.show_info();
    scene.pull(5);
    scene.ack(8);
}

fn an_ack_of_a_redelivery_makes_earlier_deliveries_stale(scene: &mut Scene<'_>) {
    scene.begin(4, &all());
    scene.pull(4);
    scene.settle(2, NAK);
    scene.pull(1);
    // The fifth delivery, of the second message: the floor is at 5 deliveries and 2 messages.
    scene.ack(5);
    // The fourth message is not settled, but the number of this delivery is below the floor: all of these are ignored.
    scene.ack(4);
    scene.settle(3, Verdict::Term);
    scene.settle(3, NAK);
    scene.settle(4, nak_for(100));
    let pull = scene.pull(2);
    scene.settle(4, Verdict::Progress);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    scene.ack(6);
    scene.ack(7);
}

fn an_ack_of_an_earlier_delivery_counts_where_it_is_above_the_floor(scene: &mut Scene<'_>) {
    scene.begin(4, &all());
    scene.pull(4);
    scene.settle(3, NAK);
    scene.pull(1);
    scene.ack(3);
    scene.ack(5);
    scene.settle(5, NAK);
    scene.ack(4);
}

fn naks_of_earlier_deliveries(scene: &mut Scene<'_>) {
    scene.begin(3, &all());
    scene.pull(3);
    scene.settle(2, NAK);
    let pull = scene.pull(4);
    scene.settle(2, NAK);
    scene.show(pull);
    scene.ack(1);
    scene.settle(2, NAK);
    scene.show(pull);
    scene.ack(4);
    scene.settle(6, NAK);
    scene.settle(3, NAK);
    scene.show(pull);
}

fn an_ack_takes_what_waits_for_redelivery(scene: &mut Scene<'_>) {
    scene.begin(5, &all());
    scene.pull(4);
    [1, 2, 4].into_iter().for_each(|delivery| scene.settle(delivery, NAK));
    scene.ack(3);
    scene.pull(3);
}

fn acks_free_max_ack_pending(scene: &mut Scene<'_>) {
    scene.begin(7, &ConsumerConfig { max_ack_pending: Some(3), ..all() });
    let pull = scene.pull(7);
    scene.ack(2);
    scene.show(pull);
    scene.settle(5, Verdict::Term);
    scene.show(pull);
    scene.ack(7);
}

fn max_deliver_ends_a_message_of_many(scene: &mut Scene<'_>) {
    scene.begin(4, &ConsumerConfig { max_deliver: Some(2), ..all() });
    scene.pull(3);
    scene.settle(2, NAK);
    scene.pull(1);
    scene.settle(4, NAK);
    scene.pull(1);
    // The second message has ended; an ack of it is one of all below all the same.
    scene.ack(2);
    scene.ack(3);
    scene.settle(5, NAK);
    let pull = scene.pull(2);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    scene.ack(6);
}

fn what_ended_stays_counted_below_a_wide_ack(scene: &mut Scene<'_>) {
    scene.begin(6, &ConsumerConfig { max_deliver: Some(2), ..all() });
    scene.pull(4);
    [2, 3].into_iter().for_each(|delivery| scene.settle(delivery, NAK));
    scene.pull(2);
    [5, 6].into_iter().for_each(|delivery| scene.settle(delivery, NAK));
    scene.pull(1);
    // More messages lie between the floor and the acked one than are pending, so that the server walks the pending ones.
    scene.settle(4, Verdict::Term);
    scene.ack(7);
}

fn limits_drop_messages_of_many(scene: &mut Scene<'_>) {
    scene.begin_limited(Some(3), 3, &all());
    scene.pull(3);
    scene.publish(1);
    scene.show_info();
    scene.ack(1);
    scene.pull(1);
    scene.publish(2);
    scene.show_info();
    scene.ack(2);
    scene.ack(4);
}

fn a_purge_of_many(scene: &mut Scene<'_>) {
    scene.begin(5, &all());
    scene.pull(4);
    scene.ack(1);
    scene.server.purge(Some(4));
    scene.show_info();
    scene.ack(3);
    scene.ack(4);
    scene.server.purge(None);
    scene.show_info();
}

fn stale_settlements_of_a_deleted_consumer(scene: &mut Scene<'_>) {
    scene.begin(5, &all());
    scene.pull(5);
    scene.server.delete_consumer();
    scene.server.create_consumer(&ConsumerConfig { start: Start::Sequence(2), ..all() });
    scene.pull(3);
    // The old third delivery was the third message; the new one's second is.
    scene.ack(3);
    scene.ack(8);
    scene.ack(5);
}

fn acks_outlive_a_restart(scene: &mut Scene<'_>) {
    scene.begin(5, &all());
    scene.pull(4);
    scene.ack(2);
    scene.restart(Down::Killed);
    scene.ack(1);
    scene.wait(millis(1600));
    let pull = scene.pull(4);
    scene.ack(3);
    scene.ack(7);
    scene.show(pull);
}

fn acks_that_are_forgotten(scene: &mut Scene<'_>) {
    scene.begin(4, &ConsumerConfig { ack_wait: millis(20_000), ..all() });
    scene.pull(3);
    scene.ack(1);
    scene.save();
    scene.ack(3);
    scene.pull(1);
    scene.restore(Forget::Consumer);
    scene.ack(4);
    scene.ack(2);
    scene.pull(1);
    scene.ack(5);
}
