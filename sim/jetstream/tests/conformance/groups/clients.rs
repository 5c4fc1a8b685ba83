//! Several clients on one consumer, connections that are lost, and clients that come back.

use super::holds;
use crate::scene::{NAK, Scene, consumer, millis};

holds!(clients, own_servers: false, [
    two_clients_share_the_messages,
    a_client_settles_what_another_was_delivered,
    a_lost_connection_ends_its_pulls,
    what_a_lost_connection_held_comes_again_elsewhere,
    a_client_that_reconnects_settles_what_it_had,
]);

fn two_clients_share_the_messages(scene: &mut Scene<'_>) {
    scene.begin(0, &consumer());
    let one = scene.ask(3);
    scene.client = scene.server.connect();
    let two = scene.ask(1);
    scene.publish(4);
    scene.show_all(&[one, two]);
    let two = scene.ask(2);
    scene.publish(1);
    scene.show_all(&[one, two]);
}

fn a_client_settles_what_another_was_delivered(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(3);
    scene.client = scene.server.connect();
    let pull = scene.pull(2);
    scene.wait(millis(1500));
    scene.ack(2);
    scene.settle(1, NAK);
    scene.show(pull);
    scene.wait_and_show(millis(1500), pull);
}

fn a_lost_connection_ends_its_pulls(scene: &mut Scene<'_>) {
    scene.begin(0, &consumer());
    let first = scene.client;
    let lost = scene.ask(4);
    scene.client = scene.server.connect();
    let kept = scene.ask(4);
    scene.publish(2);
    scene.show_all(&[lost, kept]);
    scene.server.disconnect(first);
    scene.show_info();
    scene.publish(3);
    scene.show(kept);
    // It is gone before the server has anything to give it.
    let alone = scene.ask(2);
    scene.server.disconnect(scene.client);
    scene.publish(1);
    scene.client = scene.server.connect();
    scene.show_info();
    scene.show(alone);
    scene.pull(2);
}

fn what_a_lost_connection_held_comes_again_elsewhere(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(2);
    scene.wait(millis(1000));
    scene.server.disconnect(scene.client);
    scene.client = scene.server.connect();
    let pull = scene.pull(5);
    // The end of the connection gives nothing back: the ack wait does.
    scene.wait_and_show(millis(900), pull);
    scene.wait_and_show(millis(1100), pull);
}

fn a_client_that_reconnects_settles_what_it_had(scene: &mut Scene<'_>) {
    scene.begin(3, &consumer());
    scene.pull(3);
    scene.server.disconnect(scene.client);
    scene.client = scene.server.connect();
    scene.ack(1);
    scene.settle(2, NAK);
    let pull = scene.pull(2);
    scene.wait(millis(1000));
    scene.settle(3, warehouse_sink_jetstream_model::Verdict::Progress);
    scene.ack(4);
    scene.wait_and_show(millis(2000), pull);
    scene.wait_and_show(millis(1000), pull);
}
