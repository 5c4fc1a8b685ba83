//! The model, its time moved by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use warehouse_sink_core::Timestamp;
use warehouse_sink_jetstream_model::{
    ConsumerConfig, ConsumerInfo, Effect, End, Inbox, PullRequest, Reply, Server as Modelled, StreamConfig, Verdict,
};

use super::{Got, Server};

pub struct Model {
    server: Modelled,
    now: Timestamp,
    got: BTreeMap<u64, Vec<Got>>,
    replies: BTreeMap<u64, Reply>,
    pulls: u64,
}

impl Model {
    pub fn new(max_messages: Option<usize>) -> Self {
        let server = Modelled::new(StreamConfig { max_messages }, "S", "C");
        Model { server, now: Timestamp::ZERO, got: BTreeMap::new(), replies: BTreeMap::new(), pulls: 0 }
    }

    fn take_effects(&mut self) {
        while let Some(effect) = self.server.poll_effect() {
            let (inbox, got) = match effect {
                Effect::Deliver(inbox, delivered) => {
                    let reply = delivered.reply;
                    self.replies.insert(reply.consumer_sequence, reply);
                    let Reply { message, consumer_sequence, delivery_count, pending } = reply;
                    let stream = message.stream_sequence;
                    (inbox, Got::Message { stream, consumer: consumer_sequence, count: delivery_count, pending })
                }
                Effect::Ended(inbox, End::Expired) => (inbox, Got::Status(408)),
                Effect::Ended(inbox, End::TooLarge | End::ConsumerDeleted) => (inbox, Got::Status(409)),
                Effect::Ended(inbox, End::NoResponders) => (inbox, Got::Status(503)),
                Effect::Note(_) => continue,
            };
            self.got.entry(inbox.number).or_default().push(got);
        }
    }
}

impl Server for Model {
    fn publish(&mut self, body: &[u8]) {
        self.server.publish(self.now, "s".into(), body.into());
        self.take_effects();
    }

    fn create_consumer(&mut self, config: &ConsumerConfig) {
        assert!(self.server.create_consumer(config.clone()));
    }

    fn delete_consumer(&mut self) {
        self.server.delete_consumer();
        self.take_effects();
    }

    fn pull(&mut self, batch: usize, max_bytes: Option<u64>, expires: Duration) -> usize {
        self.pulls += 1;
        let inbox = Inbox { client: 1, number: self.pulls };
        self.server.pull(self.now, inbox, PullRequest { batch, max_bytes, expires });
        self.take_effects();
        self.pulls as usize
    }

    fn got(&mut self, pull: usize) -> Vec<Got> {
        self.got.remove(&(pull as u64)).unwrap_or_default()
    }

    fn settle(&mut self, consumer_sequence: u64, verdict: Verdict) {
        self.server.settle(self.now, &self.replies[&consumer_sequence], verdict);
        self.take_effects();
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now.saturating_add(duration);
        while let Some(at) = self.server.next_timer().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.server.tick(self.now);
            self.take_effects();
        }
        self.now = end;
    }

    fn info(&mut self) -> ConsumerInfo {
        self.server.consumer().unwrap()
    }
}
