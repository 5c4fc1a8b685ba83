//! Messages that the stream drops: by its limits, or by a purge.

use warehouse_sink_jetstream_model::ConsumerConfig;

use super::holds;
use crate::scene::{NAK, PAST_ACK_WAIT, Scene, consumer};

holds!(limits, own_servers: false, [
    limits_drop_the_oldest_messages,
    limits_drop_delivered_messages,
    limits_drop_what_waits_for_redelivery,
    limits_drop_what_ended,
    limits_drop_all_that_was_delivered,
    limits_free_max_ack_pending,
    a_consumer_starts_behind_what_was_dropped,
    a_purge_takes_all,
    a_purge_takes_a_part,
    a_purge_takes_what_is_settled,
    a_purge_takes_what_waits_for_redelivery,
    a_purge_before_the_consumer,
]);

fn limits_drop_the_oldest_messages(scene: &mut Scene<'_>) {
    scene.begin_limited(Some(3), 3, &consumer());
    scene.pull(1);
    scene.publish(2);
    scene.show_info();
    scene.pull(5);
    scene.ack(1);
}

fn limits_drop_delivered_messages(scene: &mut Scene<'_>) {
    scene.begin_limited(Some(3), 3, &consumer());
    let pull = scene.pull(3);
    scene.ack(2);
    scene.publish(1);
    scene.show_info();
    scene.ack(1);
    scene.publish(2);
    scene.show_info();
    let more = scene.pull(5);
    scene.wait(PAST_ACK_WAIT);
    scene.show_all(&[pull, more]);
}

fn limits_drop_what_waits_for_redelivery(scene: &mut Scene<'_>) {
    scene.begin_limited(Some(3), 3, &consumer());
    scene.pull(3);
    [1, 2, 3].into_iter().for_each(|delivery| scene.settle(delivery, NAK));
    scene.publish(2);
    scene.show_info();
    scene.pull(5);
}

fn limits_drop_what_ended(scene: &mut Scene<'_>) {
    scene.begin_limited(Some(2), 2, &ConsumerConfig { max_deliver: Some(2), ..consumer() });
    scene.pull(2);
    scene.settle(1, NAK);
    scene.pull(1);
    scene.settle(3, NAK);
    scene.ask(1);
    scene.show_info();
    scene.publish(1);
    scene.show_info();
    scene.ack(2);
}

fn limits_drop_all_that_was_delivered(scene: &mut Scene<'_>) {
    scene.begin_limited(Some(2), 4, &consumer());
    scene.pull(1);
    scene.publish(3);
    scene.show_info();
    scene.publish(2);
    scene.show_info();
    scene.pull(1);
    scene.ack(2);
    scene.publish(5);
    scene.show_info();
    scene.pull(2);
}

fn limits_free_max_ack_pending(scene: &mut Scene<'_>) {
    scene.begin_limited(Some(3), 3, &ConsumerConfig { max_ack_pending: Some(2), ..consumer() });
    scene.pull(2);
    scene.publish(1);
    scene.show_info();
    scene.pull(2);
    scene.publish(1);
    scene.show_info();
}

fn a_consumer_starts_behind_what_was_dropped(scene: &mut Scene<'_>) {
    scene.begin_limited(Some(2), 5, &consumer());
    scene.show_info();
    scene.publish(1);
    scene.show_info();
    scene.pull(3);
    scene.ack(2);
    scene.ack(1);
}

fn a_purge_takes_all(scene: &mut Scene<'_>) {
    scene.begin(5, &consumer());
    scene.pull(3);
    scene.ack(2);
    scene.server.purge(None);
    scene.show_info();
    scene.ack(1);
    scene.settle(3, NAK);
    let pull = scene.pull(2);
    scene.publish(1);
    scene.show(pull);
    scene.ack(4);
}

fn a_purge_takes_a_part(scene: &mut Scene<'_>) {
    scene.begin(6, &consumer());
    scene.pull(4);
    scene.server.purge(Some(3));
    scene.show_info();
    scene.ack(1);
    scene.ack(3);
    scene.server.purge(Some(6));
    scene.show_info();
    let pull = scene.pull(3);
    scene.ack(4);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
}

fn a_purge_takes_what_is_settled(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(3);
    scene.ack(1);
    scene.ack(2);
    scene.server.purge(Some(3));
    scene.show_info();
    scene.ack(3);
    scene.server.purge(None);
    scene.show_info();
}

fn a_purge_takes_what_waits_for_redelivery(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(3);
    [1, 2, 3].into_iter().for_each(|delivery| scene.settle(delivery, NAK));
    scene.server.purge(Some(2));
    scene.show_info();
    let pull = scene.pull(4);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
}

fn a_purge_before_the_consumer(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.server.purge(None);
    scene.show_info();
    scene.server.delete_consumer();
    scene.server.create_consumer(&consumer());
    scene.show_info();
    scene.publish(2);
    scene.pull(2);
    scene.ack(1);
}
