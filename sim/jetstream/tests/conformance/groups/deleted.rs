//! Messages that are deleted anywhere in the stream: by an operator, by a limit for each subject, at the end of their time to live.

use warehouse_sink_jetstream_model::{ConsumerConfig, StreamConfig, Verdict};

use super::holds;
use crate::scene::{NAK, PAST_ACK_WAIT, Scene, consumer, millis, nak_for};

holds!(deleted, own_servers: false, [
    what_is_deleted_is_not_delivered,
    what_is_deleted_in_the_middle_counts_as_settled,
    what_is_deleted_while_it_waits_does_not_come_again,
    an_ack_of_what_is_deleted_changes_nothing,
    a_nak_of_what_is_deleted_changes_nothing,
    all_that_was_delivered_is_deleted,
    a_delete_frees_max_ack_pending,
    the_newest_message_is_deleted,
    a_subject_keeps_its_newest_messages,
    a_time_to_live_ends,
]);

fn what_is_deleted_is_not_delivered(scene: &mut Scene<'_>) {
    scene.begin(5, &consumer());
    scene.delete(&[2, 4]);
    scene.pull(5);
    scene.ack(1);
    scene.ack(3);
    scene.ack(2);
}

fn what_is_deleted_in_the_middle_counts_as_settled(scene: &mut Scene<'_>) {
    scene.begin(6, &consumer());
    let pull = scene.pull(6);
    scene.delete(&[3]);
    scene.ack(2);
    scene.ack(4);
    scene.delete(&[1]);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    scene.pull(3);
}

fn what_is_deleted_while_it_waits_does_not_come_again(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(4);
    [1, 2, 3].into_iter().for_each(|delivery| scene.settle(delivery, NAK));
    scene.delete(&[2]);
    scene.settle(4, nak_for(1200));
    scene.delete(&[4]);
    let pull = scene.pull(4);
    scene.wait_and_show(millis(1800), pull);
}

fn an_ack_of_what_is_deleted_changes_nothing(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(3);
    scene.delete(&[2]);
    scene.ack(2);
    scene.settle(2, Verdict::Term);
    scene.settle(2, Verdict::Progress);
    scene.ack(1);
    scene.ack(3);
}

fn a_nak_of_what_is_deleted_changes_nothing(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(3);
    scene.delete(&[2]);
    scene.settle(2, NAK);
    scene.settle(2, nak_for(1200));
    let pull = scene.pull(2);
    scene.settle(3, NAK);
    scene.show(pull);
}

fn all_that_was_delivered_is_deleted(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(3);
    scene.delete(&[3, 2, 1]);
    let pull = scene.pull(2);
    scene.publish(1);
    scene.show(pull);
}

fn a_delete_frees_max_ack_pending(scene: &mut Scene<'_>) {
    scene.begin(4, &ConsumerConfig { max_ack_pending: Some(2), ..consumer() });
    scene.pull(2);
    let pull = scene.pull(2);
    scene.delete(&[1]);
    scene.show(pull);
    scene.ack(2);
    scene.show(pull);
}

fn the_newest_message_is_deleted(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    let pull = scene.pull(3);
    scene.delete(&[2]);
    scene.publish(1);
    scene.show(pull);
}

fn a_subject_keeps_its_newest_messages(scene: &mut Scene<'_>) {
    let stream = StreamConfig { max_per_subject: Some(2), ..StreamConfig::default() };
    scene.begin_with(&stream, 0, &consumer());
    scene.publish_to(&["a", "b", "a", "b", "c"]);
    let pull = scene.pull(4);
    scene.publish_to(&["a"]);
    scene.show_info();
    scene.ack(2);
    scene.publish_to(&["a", "b", "a", "c"]);
    scene.show_info();
    let more = scene.pull(9);
    scene.wait(PAST_ACK_WAIT);
    scene.show_all(&[pull, more]);
}

fn a_time_to_live_ends(scene: &mut Scene<'_>) {
    scene.begin(1, &consumer());
    scene.server.publish_for(2);
    scene.publish(1);
    scene.pull(3);
    scene.ack(1);
    scene.wait(millis(1000));
    scene.show_info();
    scene.settle(2, Verdict::Progress);
    // The server looks for what is over once a second.
    scene.wait(millis(3000));
    scene.settle(3, Verdict::Progress);
    scene.pull(3);
}
