//! A consumer that is edited, paused or refused, and a stream that is created again.

use std::time::Duration;

use warehouse_sink_jetstream_model::{ConsumerConfig, Verdict};

use super::holds;
use crate::scene::{ACK_WAIT, LONG, NAK, PAST_ACK_WAIT, Scene, consumer, millis, nak_for};

holds!(edited, own_servers: false, [
    a_longer_ack_wait_counts_for_what_is_delivered,
    a_shorter_ack_wait_counts_for_what_is_delivered,
    a_lower_max_ack_pending_holds_back,
    a_higher_max_ack_pending_lets_go,
    a_lower_max_deliver_ends_what_was_delivered,
    the_ack_floor_passes_what_a_lower_max_deliver_ended,
    a_narrower_filter_passes_over_others,
    a_filter_that_is_taken_away_brings_nothing_back,
    what_a_filter_no_longer_fits_comes_again,
    a_paused_consumer_delivers_nothing,
    a_paused_consumer_goes_on_by_itself,
    what_is_settled_during_a_pause_counts,
    ack_waits_end_during_a_pause,
    a_refused_consumer_is_missing,
    a_stream_that_is_created_again_counts_from_one,
    settlements_of_the_old_stream_name_messages_of_the_new_one,
]);

fn a_longer_ack_wait_counts_for_what_is_delivered(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    let pull = scene.pull(3);
    scene.update(&ConsumerConfig { ack_wait: 2 * ACK_WAIT, ..consumer() });
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
}

fn a_shorter_ack_wait_counts_for_what_is_delivered(scene: &mut Scene<'_>) {
    scene.begin(2, &ConsumerConfig { ack_wait: LONG, ..consumer() });
    let pull = scene.pull(3);
    scene.settle(2, nak_for(600));
    scene.update(&consumer());
    scene.wait_and_show(PAST_ACK_WAIT, pull);
}

fn a_lower_max_ack_pending_holds_back(scene: &mut Scene<'_>) {
    scene.begin(6, &consumer());
    scene.pull(3);
    scene.update(&ConsumerConfig { max_ack_pending: Some(2), ..consumer() });
    let pull = scene.pull(3);
    scene.ack(1);
    scene.show(pull);
    scene.ack(2);
    scene.show(pull);
}

fn a_higher_max_ack_pending_lets_go(scene: &mut Scene<'_>) {
    scene.begin(6, &ConsumerConfig { max_ack_pending: Some(2), ..consumer() });
    scene.pull(2);
    let pull = scene.pull(3);
    scene.update(&ConsumerConfig { max_ack_pending: Some(4), ..consumer() });
    scene.show(pull);
    scene.update(&consumer());
    scene.show(pull);
}

fn a_lower_max_deliver_ends_what_was_delivered(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(3);
    scene.settle(1, NAK);
    scene.pull(1);
    scene.settle(4, NAK);
    scene.pull(1);
    scene.update(&ConsumerConfig { max_deliver: Some(2), ..consumer() });
    scene.settle(5, NAK);
    scene.settle(2, NAK);
    scene.pull(2);
    scene.ack(3);
}

fn the_ack_floor_passes_what_a_lower_max_deliver_ended(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(1);
    scene.settle(1, NAK);
    scene.pull(3);
    scene.update(&ConsumerConfig { max_deliver: Some(1), ..consumer() });
    scene.settle(2, nak_for(2000));
    scene.update(&consumer());
    scene.ack(3);
    scene.ack(4);
    // The message is not settled, and comes again; a consumer that starts where this one had settled everything leaves it out.
    let pull = scene.pull(2);
    scene.ack(5);
    scene.wait_and_show(millis(2400), pull);
}

fn a_narrower_filter_passes_over_others(scene: &mut Scene<'_>) {
    scene.begin(0, &consumer());
    scene.publish_to(&["a", "b", "a", "b", "a"]);
    scene.pull(1);
    let narrow = scene.of_subject("b");
    scene.update(&narrow);
    scene.pull(2);
    scene.publish_to(&["a", "a", "b", "a"]);
    scene.show_info();
    scene.pull(2);
    [3, 2, 1, 4].into_iter().for_each(|delivery| scene.ack(delivery));
}

fn a_filter_that_is_taken_away_brings_nothing_back(scene: &mut Scene<'_>) {
    scene.begin(0, &consumer());
    let narrow = scene.of_subject("b");
    scene.update(&narrow);
    scene.publish_to(&["a", "b", "a"]);
    scene.pull(1);
    scene.update(&consumer());
    scene.pull(1);
    scene.update(&narrow);
    scene.publish_to(&["a", "a"]);
    let short = scene.ask_for(1, None, millis(600));
    scene.wait_and_show(millis(1100), short);
    scene.update(&consumer());
    scene.publish_to(&["a"]);
    scene.pull(2);
}

fn what_a_filter_no_longer_fits_comes_again(scene: &mut Scene<'_>) {
    scene.begin(0, &consumer());
    scene.publish_to(&["a", "b", "a", "b"]);
    scene.pull(3);
    let narrow = scene.of_subject("b");
    scene.update(&narrow);
    scene.settle(1, NAK);
    scene.settle(2, NAK);
    scene.pull(4);
}

fn a_paused_consumer_delivers_nothing(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(1);
    scene.server.pause_consumer(LONG);
    let short = scene.ask_for(2, None, millis(1000));
    let pull = scene.pull(2);
    scene.publish(1);
    scene.settle(1, NAK);
    scene.show(pull);
    scene.wait(millis(1500));
    scene.show_all(&[short, pull]);
    scene.server.pause_consumer(Duration::ZERO);
    scene.show(pull);
    let more = scene.pull(5);
    scene.show_all(&[pull, more]);
}

fn a_paused_consumer_goes_on_by_itself(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.server.pause_consumer(millis(2000));
    let pull = scene.pull(2);
    scene.wait_and_show(millis(1000), pull);
    scene.wait_and_show(millis(1500), pull);
    scene.pull(2);
}

fn what_is_settled_during_a_pause_counts(scene: &mut Scene<'_>) {
    scene.begin(4, &ConsumerConfig { max_ack_pending: Some(2), ..consumer() });
    scene.pull(2);
    scene.server.pause_consumer(LONG);
    scene.ack(1);
    scene.settle(2, Verdict::Term);
    let pull = scene.pull(2);
    scene.server.pause_consumer(Duration::ZERO);
    scene.publish(1);
    scene.show(pull);
}

fn ack_waits_end_during_a_pause(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    let pull = scene.pull(3);
    scene.server.pause_consumer(LONG);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    scene.ack(1);
    scene.server.pause_consumer(Duration::ZERO);
    scene.publish(1);
    scene.show(pull);
}

fn a_refused_consumer_is_missing(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    scene.pull(1);
    scene.server.delete_consumer();
    scene.server.refuse_consumers(true);
    let created = scene.server.create_consumer(&consumer());
    scene.show_as(("created", created), &[]);
    let pull = scene.pull(1);
    scene.server.refuse_consumers(false);
    let created = scene.server.create_consumer(&consumer());
    scene.show_as(("created", created), &[pull]);
    scene.pull(2);
}

fn a_stream_that_is_created_again_counts_from_one(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(2);
    scene.ack(1);
    let waiting = scene.pull(5);
    scene.server.recreate_stream();
    scene.show(waiting);
    let nobody = scene.pull(1);
    scene.publish(2);
    scene.server.create_consumer(&consumer());
    scene.show(nobody);
    scene.pull(3);
    scene.ack(5);
}

fn settlements_of_the_old_stream_name_messages_of_the_new_one(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(4);
    scene.server.recreate_stream();
    scene.publish(3);
    scene.server.create_consumer(&consumer());
    scene.pull(2);
    scene.ack(1);
    scene.settle(2, NAK);
    // It was not delivered yet.
    scene.ack(3);
    scene.pull(2);
    scene.settle(3, Verdict::Term);
}
