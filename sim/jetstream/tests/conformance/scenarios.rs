//! What JetStream does, a scenario each.

use std::time::Duration;

use warehouse_sink_jetstream_model::{ConsumerConfig, Start, Verdict};

use super::{Server, same_on_both};

/// Long against what a loaded machine takes for a step, and all waits keep half a second away from it.
const ACK_WAIT: Duration = Duration::from_millis(2500);
const PAST_ACK_WAIT: Duration = Duration::from_millis(3000);
/// Longer than any scenario.
const LONG: Duration = Duration::from_secs(20);

fn consumer() -> ConsumerConfig {
    ConsumerConfig { ack_wait: ACK_WAIT, max_ack_pending: None, max_deliver: None, start: Start::All }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A server with this many messages, and what is written down of it.
struct Scene<'a> {
    server: &'a mut dyn Server,
    history: Vec<String>,
}

impl<'a> Scene<'a> {
    fn new(server: &'a mut dyn Server, messages: usize, config: &ConsumerConfig) -> Self {
        (0..messages).for_each(|_| server.publish(b"0123456789"));
        server.create_consumer(config);
        Scene { server, history: Vec::new() }
    }

    fn show(&mut self, pull: usize) {
        let got = self.server.got(pull);
        let info = self.server.info();
        self.history.push(format!("pull {pull}: {got:?} {info:?}"));
    }

    fn pull(&mut self, batch: usize) -> usize {
        let pull = self.server.pull(batch, None, LONG);
        self.show(pull);
        pull
    }

    fn settle(&mut self, delivery: u64, verdict: Verdict) {
        self.server.settle(delivery, verdict);
        let info = self.server.info();
        self.history.push(format!("{verdict:?} of {delivery}: {info:?}"));
    }
}

#[test]
fn acks_in_any_order_raise_the_floor() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 4, &consumer());
        scene.pull(4);
        for delivery in [2, 1, 4, 3] {
            scene.settle(delivery, Verdict::Ack);
        }
        scene.settle(3, Verdict::Ack);
        scene.history
    });
}

#[test]
fn an_unsettled_delivery_comes_again_after_the_ack_wait() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 2, &consumer());
        scene.pull(2);
        scene.settle(2, Verdict::Ack);
        let pull = scene.pull(2);
        scene.server.wait(PAST_ACK_WAIT);
        scene.show(pull);
        scene.history
    });
}

#[test]
fn an_ack_of_an_earlier_delivery_settles_the_message() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 1, &consumer());
        scene.pull(1);
        let pull = scene.pull(1);
        scene.server.wait(PAST_ACK_WAIT);
        scene.show(pull);
        scene.settle(1, Verdict::Ack);
        scene.history
    });
}

#[test]
fn progress_restarts_the_ack_wait() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 1, &consumer());
        scene.pull(1);
        let pull = scene.pull(1);
        scene.server.wait(millis(1500));
        scene.settle(1, Verdict::Progress);
        scene.server.wait(millis(1600));
        scene.show(pull);
        scene.server.wait(millis(1500));
        scene.show(pull);
        scene.history
    });
}

#[test]
fn a_nak_gives_back_at_once_or_after_its_delay() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 2, &consumer());
        scene.pull(2);
        let pull = scene.pull(2);
        scene.settle(1, Verdict::Nak(Duration::ZERO));
        scene.show(pull);
        scene.settle(2, Verdict::Nak(millis(1000)));
        scene.show(pull);
        scene.server.wait(millis(1500));
        scene.show(pull);
        scene.history
    });
}

#[test]
fn a_terminated_message_does_not_come_again() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 1, &consumer());
        scene.pull(1);
        scene.settle(1, Verdict::Term);
        let pull = scene.pull(1);
        scene.server.wait(PAST_ACK_WAIT);
        scene.show(pull);
        scene.history
    });
}

#[test]
fn max_ack_pending_holds_back_new_messages_and_no_redelivery() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 4, &ConsumerConfig { max_ack_pending: Some(2), ..consumer() });
        let pull = scene.pull(4);
        scene.settle(1, Verdict::Ack);
        scene.show(pull);
        scene.settle(2, Verdict::Nak(Duration::ZERO));
        scene.show(pull);
        scene.history
    });
}

#[test]
fn max_deliver_ends_a_message() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 1, &ConsumerConfig { max_deliver: Some(2), ..consumer() });
        scene.pull(1);
        let pull = scene.pull(2);
        scene.server.wait(PAST_ACK_WAIT);
        scene.show(pull);
        scene.server.wait(PAST_ACK_WAIT);
        scene.show(pull);
        scene.history
    });
}

#[test]
fn parallel_pulls_are_served_in_turn() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 0, &consumer());
        let (one, two) = (scene.pull(2), scene.pull(2));
        (0..5).for_each(|_| scene.server.publish(b"0123456789"));
        scene.show(one);
        scene.show(two);
        scene.history
    });
}

#[test]
fn a_pull_expires() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 1, &consumer());
        let pull = scene.server.pull(3, None, millis(500));
        scene.show(pull);
        scene.server.wait(millis(800));
        scene.show(pull);
        scene.server.publish(b"late");
        scene.show(pull);
        scene.history
    });
}

#[test]
fn a_pull_ends_where_its_bytes_do() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 3, &consumer());
        let pull = scene.server.pull(3, Some(120), LONG);
        scene.show(pull);
        let pull = scene.server.pull(1, Some(20), LONG);
        scene.show(pull);
        scene.pull(3);
        scene.history
    });
}

#[test]
fn a_deleted_consumer_ends_its_pulls_and_starts_anew() {
    same_on_both(None, |server| {
        let mut scene = Scene::new(server, 3, &consumer());
        scene.pull(2);
        scene.settle(1, Verdict::Ack);
        let waiting = scene.pull(5);
        scene.server.delete_consumer();
        let got = scene.server.got(waiting);
        scene.history.push(format!("{got:?}"));
        let nobody = scene.server.pull(1, None, LONG);
        let got = scene.server.got(nobody);
        scene.history.push(format!("{got:?}"));
        scene.server.create_consumer(&ConsumerConfig { start: Start::Sequence(2), ..consumer() });
        scene.pull(3);
        // An ack of the old consumer's delivery settles the new one's: it names the message by its sequence.
        scene.settle(2, Verdict::Ack);
        scene.history
    });
}

#[test]
fn limits_drop_the_oldest_messages() {
    same_on_both(Some(3), |server| {
        let mut scene = Scene::new(server, 3, &consumer());
        scene.pull(1);
        (0..2).for_each(|_| scene.server.publish(b"0123456789"));
        scene.pull(5);
        scene.settle(1, Verdict::Ack);
        scene.history
    });
}
