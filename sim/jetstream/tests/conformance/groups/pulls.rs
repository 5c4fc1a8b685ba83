//! Pull requests: how they are served, and how they end.

use super::holds;
use crate::scene::{LONG, NAK, PAST_ACK_WAIT, Scene, consumer, millis, nak_for};

holds!(pulls, own_servers: false, [
    parallel_pulls_are_served_in_turn,
    redeliveries_are_served_in_turn,
    a_pull_expires,
    a_pull_expires_with_a_part_of_its_batch,
    pulls_expire_each_at_its_time,
    a_pull_ends_where_its_bytes_do,
    a_batch_is_complete_with_bytes_to_spare,
    a_pull_that_is_too_small_gives_way_to_the_next,
    a_redelivery_that_nobody_can_take_goes_to_the_end,
    a_pull_that_was_unsubscribed_gets_nothing,
    the_turn_of_a_pull_that_is_gone_goes_to_the_next,
    a_redelivery_for_a_pull_that_is_gone_goes_to_the_end,
    a_pull_that_is_gone_may_have_been_served_before,
]);

fn parallel_pulls_are_served_in_turn(scene: &mut Scene<'_>) {
    scene.begin(0, &consumer());
    let (one, two) = (scene.pull(2), scene.pull(2));
    scene.publish(5);
    scene.show_all(&[one, two]);
}

fn redeliveries_are_served_in_turn(scene: &mut Scene<'_>) {
    scene.begin(4, &consumer());
    scene.pull(4);
    let (one, two, three) = (scene.ask(3), scene.ask(1), scene.ask(3));
    scene.wait(PAST_ACK_WAIT);
    scene.show_all(&[one, two, three]);
}

fn a_pull_expires(scene: &mut Scene<'_>) {
    scene.begin(1, &consumer());
    let pull = scene.ask_for(3, None, millis(500));
    scene.show(pull);
    scene.wait_and_show(millis(1000), pull);
    scene.publish(1);
    scene.show(pull);
    scene.pull(1);
}

fn a_pull_expires_with_a_part_of_its_batch(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    let pull = scene.ask_for(4, Some(1000), millis(1000));
    scene.show(pull);
    scene.publish(1);
    scene.show(pull);
    scene.wait_and_show(millis(1500), pull);
    scene.publish(1);
    scene.ack(3);
    scene.show(pull);
}

fn pulls_expire_each_at_its_time(scene: &mut Scene<'_>) {
    scene.begin(0, &consumer());
    let late = scene.ask_for(2, None, millis(2000));
    let soon = scene.ask_for(2, None, millis(800));
    scene.wait(millis(1400));
    scene.show_all(&[late, soon]);
    scene.publish(3);
    scene.show_all(&[late, soon]);
    scene.wait(millis(1200));
    scene.show_all(&[late, soon]);
}

fn a_pull_ends_where_its_bytes_do(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    let pull = scene.ask_for(3, Some(120), LONG);
    scene.show(pull);
    let pull = scene.ask_for(1, Some(20), LONG);
    scene.show(pull);
    scene.pull(3);
}

fn a_batch_is_complete_with_bytes_to_spare(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    let pull = scene.ask_for(2, Some(1000), LONG);
    scene.show(pull);
    // With just what the message takes, no bytes are left over, and the batch ends with it.
    let name = "S10".len();
    let size = (2 * name + "$JS.ACK..C.1.3.3.1700000000000000000.0".len() + "0123456789".len()) as u64;
    let pull = scene.ask_for(2, Some(size), LONG);
    scene.show(pull);
}

fn a_pull_that_is_too_small_gives_way_to_the_next(scene: &mut Scene<'_>) {
    scene.begin(0, &consumer());
    let small = scene.ask_for(2, Some(90), LONG);
    let large = scene.ask_for(2, None, LONG);
    scene.show_all(&[small, large]);
    scene.publish(3);
    scene.show_all(&[small, large]);
    scene.publish(1);
    scene.show_all(&[small, large]);
}

fn a_redelivery_that_nobody_can_take_goes_to_the_end(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(3);
    [1, 2, 3].into_iter().for_each(|delivery| scene.settle(delivery, NAK));
    let small = scene.ask_for(1, Some(20), LONG);
    scene.show(small);
    scene.pull(3);
}

fn a_pull_that_was_unsubscribed_gets_nothing(scene: &mut Scene<'_>) {
    scene.begin(0, &consumer());
    let pull = scene.pull(3);
    scene.server.unsubscribe(pull);
    scene.show_info();
    scene.publish(2);
    scene.show(pull);
    scene.pull(3);
}

fn the_turn_of_a_pull_that_is_gone_goes_to_the_next(scene: &mut Scene<'_>) {
    scene.begin(0, &consumer());
    let (one, two, three) = (scene.ask(3), scene.ask(3), scene.ask(3));
    scene.server.unsubscribe(two);
    scene.publish(1);
    scene.server.unsubscribe(one);
    scene.show_all(&[one, two, three]);
    let four = scene.ask(2);
    scene.publish(4);
    scene.show_all(&[one, two, three, four]);
}

fn a_redelivery_for_a_pull_that_is_gone_goes_to_the_end(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(3);
    let gone = scene.ask(1);
    scene.server.unsubscribe(gone);
    // The server has not noticed yet, and looks for somebody to take the first. All three are due at the same time: it looks ten
    // milliseconds after the last nak with a delay.
    scene.server.settle(scene.client, &[1, 2, 3], nak_for(1));
    scene.wait(millis(500));
    scene.pull(3);
}

fn a_pull_that_is_gone_may_have_been_served_before(scene: &mut Scene<'_>) {
    scene.begin(2, &consumer());
    let pull = scene.ask(4);
    scene.show(pull);
    scene.server.unsubscribe(pull);
    scene.publish(1);
    let next = scene.pull(4);
    // What the gone one got is pending, can be settled, and comes again otherwise.
    scene.ack(1);
    scene.wait_and_show(PAST_ACK_WAIT, next);
}
