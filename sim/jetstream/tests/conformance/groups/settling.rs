//! Acks, naks, terms and progress, those of earlier deliveries included; max ack pending and max deliver.

use warehouse_sink_jetstream_model::{ConsumerConfig, Verdict};

use super::holds;
use crate::scene::{NAK, PAST_ACK_WAIT, Scene, consumer, millis, nak_for};

holds!(settling, own_servers: false, [
    acks_in_any_order_raise_the_floor,
    an_unsettled_delivery_comes_again_after_the_ack_wait,
    several_come_again_in_the_order_of_the_stream,
    an_ack_of_an_earlier_delivery_settles_the_message,
    a_nak_of_an_earlier_delivery_gives_back_the_later_one,
    a_nak_of_a_delivery_below_the_floor_is_ignored,
    a_term_of_an_earlier_delivery_settles_the_message,
    a_terminated_message_does_not_come_again,
    terms_raise_the_floor_as_acks_do,
    a_second_settlement_changes_nothing,
    naks_come_back_in_the_order_of_the_naks,
    a_message_that_waits_for_redelivery_can_be_settled,
    max_ack_pending_holds_back_new_messages_and_no_redelivery,
    max_ack_pending_frees_up_after_a_term_and_not_after_a_delayed_nak,
    max_deliver_ends_a_message,
    max_deliver_ends_a_message_when_a_pull_asks_for_it,
    max_deliver_counts_naks,
    max_deliver_of_one,
    a_message_that_ended_holds_back_the_floor_until_all_is_settled,
    a_message_that_ended_frees_max_ack_pending,
]);

fn acks_in_any_order_raise_the_floor(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(4);
    [2, 1, 4, 3, 3].into_iter().for_each(|delivery| scene.ack(delivery));
}

fn an_unsettled_delivery_comes_again_after_the_ack_wait(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    scene.pull(2);
    scene.ack(2);
    let pull = scene.pull(2);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    scene.ack(4);
}

fn several_come_again_in_the_order_of_the_stream(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(3);
    scene.ack(2);
    scene.wait(PAST_ACK_WAIT);
    scene.show_info();
    // Redeliveries first, then what is new.
    scene.pull(3);
}

fn an_ack_of_an_earlier_delivery_settles_the_message(scene: &mut Scene<'_>) {
    scene.begin(1, &consumer());
    scene.pull(1);
    let pull = scene.pull(1);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    scene.ack(1);
    scene.ack(2);
}

fn a_nak_of_an_earlier_delivery_gives_back_the_later_one(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    scene.pull(2);
    scene.settle(1, NAK);
    let pull = scene.pull(3);
    scene.settle(1, NAK);
    scene.show(pull);
    // It counts its own deliveries, of which it is the second; the message's are three.
    scene.settle(3, nak_for(800));
    scene.wait_and_show(millis(1300), pull);
}

fn a_nak_of_a_delivery_below_the_floor_is_ignored(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(3);
    scene.ack(1);
    scene.settle(1, NAK);
    scene.settle(1, nak_for(100));
    // An acked one above the floor is not pending.
    scene.ack(3);
    scene.settle(3, NAK);
    let pull = scene.pull(2);
    scene.wait_and_show(millis(600), pull);
}

fn a_term_of_an_earlier_delivery_settles_the_message(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    scene.pull(2);
    scene.settle(1, NAK);
    scene.pull(1);
    scene.settle(1, Verdict::Term);
    scene.ack(3);
    scene.ack(2);
}

fn a_terminated_message_does_not_come_again(scene: &mut Scene<'_>) {
    scene.begin(1, &consumer());
    scene.pull(1);
    scene.settle(1, Verdict::Term);
    let pull = scene.pull(1);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
}

fn terms_raise_the_floor_as_acks_do(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(4);
    scene.settle(2, Verdict::Term);
    scene.ack(1);
    scene.settle(3, Verdict::Term);
}

fn a_second_settlement_changes_nothing(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(4);
    let pull = scene.pull(4);
    // Ack after term, nak after ack, term after ack, progress after ack: none of them brings the message back.
    scene.settle(2, Verdict::Term);
    scene.ack(2);
    scene.settle(2, NAK);
    scene.ack(3);
    scene.settle(3, NAK);
    scene.settle(3, Verdict::Term);
    scene.settle(3, Verdict::Progress);
    scene.ack(3);
    // A nak can be followed by an ack of the same delivery.
    scene.settle(4, NAK);
    scene.show(pull);
    scene.ack(4);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
}

fn naks_come_back_in_the_order_of_the_naks(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(3);
    [3, 1, 2, 1].into_iter().for_each(|delivery| scene.settle(delivery, NAK));
    scene.pull(4);
}

fn a_message_that_waits_for_redelivery_can_be_settled(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(4);
    [1, 2, 3, 4].into_iter().for_each(|delivery| scene.settle(delivery, NAK));
    scene.ack(2);
    scene.settle(3, Verdict::Term);
    // Progress does not take it from the queue; a delayed nak does.
    scene.settle(1, Verdict::Progress);
    scene.settle(4, nak_for(1000));
    let pull = scene.pull(4);
    scene.wait_and_show(millis(1500), pull);
}

fn max_ack_pending_holds_back_new_messages_and_no_redelivery(scene: &mut Scene<'_>) {
    scene.begin(4, &ConsumerConfig { max_ack_pending: Some(2), ..consumer() });
    let pull = scene.pull(4);
    scene.ack(1);
    scene.show(pull);
    scene.settle(2, NAK);
    scene.show(pull);
}

fn max_ack_pending_frees_up_after_a_term_and_not_after_a_delayed_nak(scene: &mut Scene<'_>) {
    scene.begin(5, &ConsumerConfig { max_ack_pending: Some(2), ..consumer() });
    let pull = scene.pull(5);
    scene.settle(1, Verdict::Term);
    scene.show(pull);
    scene.settle(2, nak_for(1000));
    scene.show(pull);
    scene.settle(3, Verdict::Progress);
    scene.show(pull);
    scene.wait_and_show(millis(1500), pull);
    scene.ack(4);
    scene.show(pull);
}

fn max_deliver_ends_a_message(scene: &mut Scene<'_>) {
    scene.begin(1, &ConsumerConfig { max_deliver: Some(2), ..consumer() });
    scene.pull(1);
    let pull = scene.pull(2);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    // An ack that comes after all takes it from the redelivered ones.
    scene.ack(2);
}

fn max_deliver_ends_a_message_when_a_pull_asks_for_it(scene: &mut Scene<'_>) {
    scene.begin(2, &ConsumerConfig { max_deliver: Some(2), ..consumer() });
    scene.pull(1);
    scene.settle(1, NAK);
    scene.pull(1);
    scene.wait(PAST_ACK_WAIT);
    // Nobody pulls: it is pending still.
    scene.show_info();
    scene.pull(1);
    scene.ack(2);
    scene.ack(3);
}

fn max_deliver_counts_naks(scene: &mut Scene<'_>) {
    scene.begin(3, &ConsumerConfig { max_deliver: Some(2), ..consumer() });
    scene.pull(2);
    scene.settle(1, NAK);
    let pull = scene.pull(2);
    // The nak of the last delivery.
    scene.settle(3, NAK);
    scene.show(pull);
    scene.settle(3, NAK);
    scene.ack(2);
    scene.ack(1);
    let more = scene.pull(2);
    scene.settle(4, nak_for(800));
    scene.wait_and_show(millis(1300), more);
    scene.settle(5, nak_for(800));
    scene.wait_and_show(millis(1300), more);
    scene.settle(5, Verdict::Term);
}

fn max_deliver_of_one(scene: &mut Scene<'_>) {
    scene.begin(3, &ConsumerConfig { max_deliver: Some(1), ..consumer() });
    scene.pull(3);
    scene.settle(1, NAK);
    scene.settle(2, nak_for(800));
    let pull = scene.pull(2);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    scene.ack(2);
    scene.ack(3);
    scene.ack(1);
    scene.publish(1);
    scene.show(pull);
    scene.ack(4);
}

fn a_message_that_ended_holds_back_the_floor_until_all_is_settled(scene: &mut Scene<'_>) {
    scene.begin(4, &ConsumerConfig { max_deliver: Some(2), ..consumer() });
    scene.pull(4);
    scene.settle(1, NAK);
    scene.pull(1);
    scene.settle(5, NAK);
    scene.ask(1);
    scene.show_info();
    scene.ack(2);
    scene.ack(3);
    scene.ack(4);
}

fn a_message_that_ended_frees_max_ack_pending(scene: &mut Scene<'_>) {
    scene.begin(3, &ConsumerConfig { max_deliver: Some(1), max_ack_pending: Some(1), ..consumer() });
    let pull = scene.pull(3);
    scene.wait_and_show(PAST_ACK_WAIT, pull);
    scene.ack(2);
    scene.show(pull);
}
