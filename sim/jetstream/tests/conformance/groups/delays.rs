//! Clocks: the ack wait, what progress and a delayed nak do to it.

use warehouse_sink_jetstream_model::Verdict;

use super::holds;
use crate::scene::{NAK, Scene, consumer, millis, nak_for};

holds!(delays, own_servers: false, [
    progress_restarts_the_ack_wait,
    progress_of_an_earlier_delivery_restarts_it_as_well,
    a_nak_gives_back_at_once_or_after_its_delay,
    a_nak_can_wait_for_longer_than_the_ack_wait,
    progress_ends_the_delay_of_a_nak,
    an_ack_or_a_term_ends_the_delay_of_a_nak,
    a_nak_at_once_ends_the_delay_of_a_nak,
    a_second_delay_takes_the_place_of_the_first,
    the_ack_wait_counts_from_each_delivery,
]);

fn progress_restarts_the_ack_wait(scene: &mut Scene<'_>) {
    scene.begin(1, &consumer());
    scene.pull(1);
    let pull = scene.pull(1);
    scene.wait(millis(1500));
    scene.settle(1, Verdict::Progress);
    scene.wait_and_show(millis(1600), pull);
    scene.wait_and_show(millis(1500), pull);
}

fn progress_of_an_earlier_delivery_restarts_it_as_well(scene: &mut Scene<'_>) {
    scene.begin(1, &consumer());
    scene.pull(1);
    scene.settle(1, NAK);
    let pull = scene.pull(2);
    scene.wait(millis(1500));
    scene.settle(1, Verdict::Progress);
    scene.wait_and_show(millis(1600), pull);
    scene.wait_and_show(millis(1500), pull);
}

fn a_nak_gives_back_at_once_or_after_its_delay(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    scene.pull(2);
    let pull = scene.pull(2);
    scene.settle(1, NAK);
    scene.show(pull);
    scene.settle(2, nak_for(1000));
    scene.show(pull);
    scene.wait_and_show(millis(1500), pull);
}

fn a_nak_can_wait_for_longer_than_the_ack_wait(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    scene.pull(2);
    let pull = scene.pull(3);
    scene.settle(1, nak_for(4500));
    scene.wait_and_show(millis(3200), pull);
    scene.wait_and_show(millis(2200), pull);
}

fn progress_ends_the_delay_of_a_nak(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    scene.pull(2);
    let pull = scene.pull(2);
    // One is brought forward to the ack wait, the other put off to it.
    scene.settle(1, nak_for(6000));
    scene.settle(2, nak_for(1000));
    scene.settle(1, Verdict::Progress);
    scene.settle(2, Verdict::Progress);
    scene.wait_and_show(millis(1700), pull);
    scene.wait_and_show(millis(1400), pull);
}

fn an_ack_or_a_term_ends_the_delay_of_a_nak(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(3);
    let pull = scene.pull(3);
    scene.settle(1, nak_for(600));
    scene.settle(2, nak_for(600));
    scene.ack(1);
    scene.settle(2, Verdict::Term);
    scene.wait_and_show(millis(1200), pull);
}

fn a_nak_at_once_ends_the_delay_of_a_nak(scene: &mut Scene<'_>) {
    scene.begin(1, &consumer());
    scene.pull(1);
    let pull = scene.pull(2);
    scene.settle(1, nak_for(1000));
    scene.settle(1, NAK);
    scene.show(pull);
    // The old delay is over without effect: the ack wait counts from the delivery.
    scene.wait_and_show(millis(1600), pull);
    scene.wait_and_show(millis(1400), pull);
}

fn a_second_delay_takes_the_place_of_the_first(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    scene.pull(2);
    let pull = scene.pull(2);
    scene.settle(1, nak_for(600));
    scene.settle(1, nak_for(1800));
    scene.settle(2, nak_for(1800));
    scene.settle(2, nak_for(600));
    scene.wait_and_show(millis(1200), pull);
    scene.wait_and_show(millis(1100), pull);
}

fn the_ack_wait_counts_from_each_delivery(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    scene.pull(1);
    scene.wait(millis(1250));
    scene.pull(1);
    let pull = scene.pull(3);
    scene.wait_and_show(millis(1850), pull);
    scene.wait_and_show(millis(1250), pull);
    scene.wait_and_show(millis(1250), pull);
}
