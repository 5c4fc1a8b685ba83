//! What a scenario works with, and what is written down of it.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

use warehouse_sink_jetstream_model::{ConsumerConfig, Forget, Start, StreamConfig, Verdict};

use super::{Down, STEP, Server};

/// Long against what a loaded machine takes for a step.
pub const ACK_WAIT: Duration = Duration::from_millis(2500);
pub const PAST_ACK_WAIT: Duration = Duration::from_millis(3000);
/// Longer than any scenario.
pub const LONG: Duration = Duration::from_secs(20);
/// How long a real server may take to do what the model does at once. It is no more than the margin of the model's time.
const GRACE: Duration = Duration::from_millis(400);

/// What a restart takes.
const RESTART: Duration = Duration::from_millis(1500);

const BODY: &[u8] = b"0123456789";

pub const NAK: Verdict = Verdict::Nak(Duration::ZERO);

pub fn consumer() -> ConsumerConfig {
    ConsumerConfig { ack_wait: ACK_WAIT, max_ack_pending: None, max_deliver: None, filter: None, start: Start::All }
}

pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn nak_for(delay: u64) -> Verdict {
    Verdict::Nak(millis(delay))
}

/// What came of a scenario.
pub struct Played {
    pub history: Vec<String>,
    /// The first entry that is not as expected, and how late the server was by then.
    pub differs: Option<(usize, Duration)>,
}

/// Plays a scenario.
pub fn play(server: &mut dyn Server, expected: Option<&[String]>, scenario: fn(&mut Scene<'_>)) -> Played {
    let client = server.connect();
    let mut scene = Scene { server, client, expected, played: Played { history: Vec::new(), differs: None } };
    scenario(&mut scene);
    scene.played
}

/// A server, a client, and what is written down of them.
pub struct Scene<'a> {
    pub server: &'a mut dyn Server,
    /// The client that acts.
    pub client: usize,
    /// What the model showed, where this is the real server.
    expected: Option<&'a [String]>,
    played: Played,
}

impl Scene<'_> {
    /// A stream with this many messages, and a consumer.
    pub fn begin(&mut self, messages: usize, config: &ConsumerConfig) {
        self.begin_limited(None, messages, config);
    }

    pub fn begin_limited(&mut self, max_messages: Option<usize>, messages: usize, config: &ConsumerConfig) {
        self.begin_with(&StreamConfig { max_messages, ..StreamConfig::default() }, messages, config);
    }

    pub fn begin_with(&mut self, stream: &StreamConfig, messages: usize, config: &ConsumerConfig) {
        self.server.create_stream(stream);
        self.publish(messages);
        assert!(self.server.create_consumer(config));
    }

    /// Publishes as many messages, of ten bytes.
    pub fn publish(&mut self, messages: usize) {
        (0..messages).for_each(|_| self.server.publish(None, BODY));
        self.server.wait(STEP);
    }

    /// Publishes a message for each of these subjects.
    pub fn publish_to(&mut self, subjects: &[&str]) {
        subjects.iter().for_each(|subject| self.server.publish(Some(subject), BODY));
        self.server.wait(STEP);
    }

    /// A consumer of this subject alone.
    pub fn of_subject(&self, subject: &str) -> ConsumerConfig {
        ConsumerConfig { filter: Some(self.server.subject(Some(subject)).into()), ..consumer() }
    }

    /// Deletes messages, and shows the consumer's info.
    pub fn delete(&mut self, sequences: &[u64]) {
        sequences.iter().for_each(|sequence| self.server.delete_message(*sequence));
        self.show_as(("delete", sequences), &[]);
    }

    /// Edits the consumer, and shows its info.
    pub fn update(&mut self, config: &ConsumerConfig) {
        self.server.update_consumer(config);
        self.show_as("update", &[]);
    }

    /// Writes down what has come for these pull requests, and what the consumer's info says.
    pub fn show_as(&mut self, what: impl Debug, pulls: &[usize]) {
        let (behind, place) = (self.server.behind(), self.played.history.len());
        let deadline = Instant::now() + GRACE;
        let mut got = vec![Vec::new(); pulls.len()];
        let entry = loop {
            for (got, pull) in got.iter_mut().zip(pulls) {
                got.extend(self.server.got(*pull));
            }
            let entry = format!("{what:?} {pulls:?} {got:?} {:?}", self.server.info());
            let expected = self.expected.and_then(|expected| expected.get(place));
            if expected.is_none_or(|expected| *expected == entry) {
                break entry;
            }
            if self.played.differs.is_some() || Instant::now() > deadline {
                self.played.differs.get_or_insert((place, behind));
                break entry;
            }
            thread::sleep(millis(20));
        };
        self.played.history.push(entry);
    }

    pub fn show(&mut self, pull: usize) {
        self.show_as("show", &[pull]);
    }

    pub fn show_all(&mut self, pulls: &[usize]) {
        self.show_as("show", pulls);
    }

    pub fn show_info(&mut self) {
        self.show_as("info", &[]);
    }

    /// Pulls, and shows what came at once.
    pub fn pull(&mut self, batch: usize) -> usize {
        let pull = self.ask(batch);
        self.show_as("pull", &[pull]);
        pull
    }

    /// Pulls, and shows nothing.
    pub fn ask(&mut self, batch: usize) -> usize {
        self.ask_for(batch, None, LONG)
    }

    pub fn ask_for(&mut self, batch: usize, max_bytes: Option<u64>, expires: Duration) -> usize {
        self.server.pull(self.client, batch, max_bytes, expires)
    }

    /// Settles a delivery, by the how many-eth it was that was shown, and shows the consumer's info.
    pub fn settle(&mut self, delivery: usize, verdict: Verdict) {
        self.server.settle(self.client, &[delivery], verdict);
        self.show_as((verdict, delivery), &[]);
    }

    pub fn ack(&mut self, delivery: usize) {
        self.settle(delivery, Verdict::Ack);
    }

    pub fn wait(&mut self, duration: Duration) {
        self.server.wait(duration);
    }

    pub fn wait_and_show(&mut self, duration: Duration, pull: usize) {
        self.wait(duration);
        self.show(pull);
    }

    /// Restarts the server, and connects the client again.
    pub fn restart(&mut self, down: Down) {
        self.server.restart(down);
        self.come_back();
        self.show_as(down, &[]);
    }

    pub fn save(&mut self) {
        self.server.save();
        self.come_back();
        self.show_as("save", &[]);
    }

    pub fn restore(&mut self, forget: Forget) {
        self.server.restore(forget);
        self.come_back();
        self.show_as(forget, &[]);
    }

    fn come_back(&mut self) {
        self.client = self.server.connect();
        self.wait(RESTART);
    }
}
