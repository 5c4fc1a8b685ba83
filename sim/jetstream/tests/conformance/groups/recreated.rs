//! A consumer that is deleted, and one of the same name that takes its place.

use warehouse_sink_jetstream_model::{ConsumerConfig, Start, Verdict};

use super::holds;
use crate::scene::{NAK, PAST_ACK_WAIT, Scene, consumer, nak_for};

holds!(recreated, own_servers: false, [
    a_deleted_consumer_ends_its_pulls_and_starts_anew,
    a_consumer_that_is_created_again_starts_at_the_beginning,
    settlements_of_the_old_consumer_name_messages_of_the_new_one,
    a_settlement_of_what_was_not_delivered_is_ignored,
    a_start_beyond_the_end_is_kept,
    settlements_without_a_consumer_are_lost,
]);

fn a_deleted_consumer_ends_its_pulls_and_starts_anew(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(2);
    scene.ack(1);
    let waiting = scene.pull(5);
    scene.server.delete_consumer();
    scene.show(waiting);
    let nobody = scene.ask(1);
    scene.show(nobody);
    scene.server.create_consumer(&ConsumerConfig { start: Start::Sequence(2), ..consumer() });
    scene.show_info();
    scene.pull(3);
}

fn a_consumer_that_is_created_again_starts_at_the_beginning(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(2);
    scene.ack(1);
    scene.settle(2, nak_for(600));
    scene.server.delete_consumer();
    scene.server.create_consumer(&consumer());
    scene.show_info();
    let pull = scene.pull(5);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
}

fn settlements_of_the_old_consumer_name_messages_of_the_new_one(scene: &mut Scene<'_>) {
    scene.begin(5, &consumer());
    scene.pull(5);
    scene.server.delete_consumer();
    scene.server.create_consumer(&ConsumerConfig { start: Start::Sequence(3), ..consumer() });
    let pull = scene.pull(2);
    // Deliveries 1 to 5 of the old one were the messages 1 to 5; of the new one, 1 and 2 are the messages 3 and 4.
    scene.ack(1);
    // Its number is beyond those that the new consumer has given out.
    scene.settle(4, NAK);
    scene.settle(3, NAK);
    scene.pull(1);
    scene.ack(3);
    scene.settle(4, Verdict::Term);
    scene.ack(5);
    scene.show(pull);
}

fn a_settlement_of_what_was_not_delivered_is_ignored(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(3);
    scene.server.delete_consumer();
    scene.server.create_consumer(&consumer());
    scene.ack(2);
    scene.settle(3, Verdict::Term);
    scene.settle(1, NAK);
    scene.settle(1, Verdict::Progress);
    scene.pull(3);
}

fn a_start_beyond_the_end_is_kept(scene: &mut Scene<'_>) {
    scene.begin(2, &ConsumerConfig { start: Start::Sequence(5), ..consumer() });
    let pull = scene.pull(3);
    for _ in 0..3 {
        scene.publish(1);
        scene.show(pull);
    }
    scene.ack(1);
}

fn settlements_without_a_consumer_are_lost(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    scene.pull(2);
    scene.server.delete_consumer();
    scene.ack(1);
    scene.server.create_consumer(&consumer());
    scene.pull(2);
    scene.ack(2);
}
