//! The model, its time moved by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use warehouse_sink_core::Timestamp;
use warehouse_sink_jetstream_model::{
    ConsumerConfig, ConsumerInfo, Creation, Effect, End, Forget, Inbox, PullRequest, Reply, Server as Modelled,
    StreamConfig, Verdict,
};

use super::{Down, Got, STEP, Server};

/// How far away from the moments at which time changes something a scenario has to look.
const MARGIN: Duration = Duration::from_millis(400);

pub struct Model {
    name: String,
    server: Modelled,
    now: Timestamp,
    /// When time last changed anything.
    changed: Option<Timestamp>,
    clients: usize,
    /// The inbox of each pull request.
    pulls: Vec<Inbox>,
    came: BTreeMap<Inbox, Vec<Came>>,
    /// What was given out, in order.
    replies: Vec<Reply>,
    /// The messages that have a time to live, and when that is over.
    ends: BTreeMap<Timestamp, u64>,
}

enum Came {
    Message(Reply),
    Status(u16),
}

impl Model {
    pub fn new(name: &str) -> Self {
        Model {
            name: name.to_owned(),
            server: Modelled::new(StreamConfig::default(), name, "C"),
            now: Timestamp::ZERO,
            changed: None,
            clients: 0,
            pulls: Vec::new(),
            came: BTreeMap::new(),
            replies: Vec::new(),
            ends: BTreeMap::new(),
        }
    }

    fn next_timer(&self) -> Option<Timestamp> {
        let ends = self.ends.first_key_value().map(|(at, _)| *at);
        self.server.next_timer().into_iter().chain(ends).min()
    }

    fn take_effects(&mut self) {
        while let Some(effect) = self.server.poll_effect() {
            let (inbox, came) = match effect {
                Effect::Deliver(inbox, delivered) => (inbox, Came::Message(delivered.reply)),
                Effect::Ended(inbox, End::Expired) => (inbox, Came::Status(408)),
                Effect::Ended(inbox, End::NoResponders) => (inbox, Came::Status(503)),
                Effect::Ended(inbox, End::TooLarge | End::BatchCompleted | End::ConsumerDeleted) => {
                    (inbox, Came::Status(409))
                }
                Effect::Note(_) => continue,
            };
            self.came.entry(inbox).or_default().push(came);
        }
    }

    fn come_back(&mut self, forget: Forget) {
        self.came.clear();
        self.server.restart(self.now, forget);
        self.take_effects();
    }
}

impl Server for Model {
    fn create_stream(&mut self, config: &StreamConfig) {
        self.server = Modelled::new(config.clone(), &self.name, "C");
    }

    fn subject(&self, name: Option<&str>) -> String {
        // It is as long as the real one: it counts against a pull's bytes.
        name.map_or_else(|| self.name.clone(), |name| format!("{}.{name}", self.name))
    }

    fn publish_for(&mut self, seconds: u64) {
        self.publish(None, b"");
        let ends = self.now.saturating_add(Duration::from_secs(seconds));
        self.ends.insert(ends, self.server.last_sequence());
    }

    fn delete_message(&mut self, sequence: u64) {
        assert!(self.server.delete_message(self.now, sequence));
        self.take_effects();
        self.wait(STEP);
    }

    fn recreate_stream(&mut self) {
        self.server.recreate_stream();
        self.take_effects();
        self.wait(STEP);
    }

    fn update_consumer(&mut self, config: &ConsumerConfig) {
        self.server.update_consumer(self.now, config.clone());
        self.take_effects();
        self.wait(STEP);
    }

    fn pause_consumer(&mut self, pause: Duration) {
        let until = (!pause.is_zero()).then(|| self.now.saturating_add(pause));
        self.server.pause_consumer(self.now, until);
        self.take_effects();
        self.wait(STEP);
    }

    fn refuse_consumers(&mut self, refuse: bool) {
        self.server.refuse_consumers(refuse);
        self.wait(STEP);
    }

    fn publish(&mut self, subject: Option<&str>, body: &[u8]) {
        self.server.publish(self.now, self.subject(subject).into(), body.into());
        self.take_effects();
    }

    fn purge(&mut self, before: Option<u64>) {
        self.server.purge(self.now, before);
        self.take_effects();
        self.wait(STEP);
    }

    fn create_consumer(&mut self, config: &ConsumerConfig) -> bool {
        let creation = self.server.create_consumer(config.clone());
        self.wait(STEP);
        creation != Creation::Refused
    }

    fn delete_consumer(&mut self) {
        self.server.delete_consumer();
        self.take_effects();
        self.wait(STEP);
    }

    fn connect(&mut self) -> usize {
        self.clients += 1;
        self.clients
    }

    fn disconnect(&mut self, client: usize) {
        self.server.lose_interest(|inbox| inbox.client == client as u64);
        self.came.retain(|inbox, _| inbox.client != client as u64);
        self.wait(STEP);
    }

    fn pull(&mut self, client: usize, batch: usize, max_bytes: Option<u64>, expires: Duration) -> usize {
        let inbox = Inbox { client: client as u64, number: self.pulls.len() as u64 };
        self.pulls.push(inbox);
        self.server.pull(self.now, inbox, PullRequest { batch, max_bytes, expires });
        self.take_effects();
        self.wait(STEP);
        self.pulls.len()
    }

    fn unsubscribe(&mut self, pull: usize) {
        let gone = self.pulls[pull - 1];
        self.server.lose_interest(|inbox| inbox == gone);
        self.wait(STEP);
    }

    fn got(&mut self, pull: usize) -> Vec<Got> {
        let came = self.came.remove(&self.pulls[pull - 1]).unwrap_or_default();
        let got = came.into_iter().map(|came| match came {
            Came::Status(status) => Got::Status(status),
            Came::Message(reply) => {
                self.replies.push(reply);
                let Reply { message, consumer_sequence, delivery_count, pending } = reply;
                let stream = message.stream_sequence;
                Got::Message { stream, consumer: consumer_sequence, count: delivery_count, pending }
            }
        });
        got.collect()
    }

    fn settle(&mut self, _client: usize, deliveries: &[usize], verdict: Verdict) {
        for delivery in deliveries {
            self.server.settle(self.now, &self.replies[delivery - 1], verdict);
        }
        self.take_effects();
        self.wait(STEP);
    }

    fn restart(&mut self, _down: Down) {
        self.come_back(Forget::Nothing);
    }

    fn save(&mut self) {
        // It also makes durable all that is there.
        self.come_back(Forget::Nothing);
    }

    fn restore(&mut self, forget: Forget) {
        self.come_back(forget);
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now.saturating_add(duration);
        while let Some(at) = self.next_timer().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.changed = Some(self.now);
            while let Some(ended) = self.ends.first_entry().filter(|ended| *ended.key() <= self.now) {
                self.server.delete_message(self.now, ended.remove());
            }
            self.server.tick(self.now);
            self.take_effects();
        }
        self.now = end;
    }

    fn behind(&self) -> Duration {
        Duration::ZERO
    }

    fn info(&mut self) -> Option<ConsumerInfo> {
        // What is looked at a little later or earlier must look the same, for the real server's time is not as exact.
        let next = self.next_timer().map(|next| next.since(self.now));
        let last = self.changed.map(|changed| self.now.since(changed));
        let apart = next.into_iter().chain(last).min();
        assert!(apart.is_none_or(|apart| apart >= MARGIN), "at {:?}: {last:?} since, {next:?} until", self.now);
        self.server.consumer()
    }
}
