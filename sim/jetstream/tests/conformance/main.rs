//! The same scenarios against the model and against a real nats-server: both must give the same history.
//!
//! A test is a group of scenarios. They run at the same time, each with a stream of its own, because most of their time is spent
//! waiting. The groups about restarts start a server for each scenario.

#![allow(missing_docs, reason = "a test has no users")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod client;
mod groups;
mod model;
mod real;
mod scene;

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use warehouse_sink_jetstream_model::{ConsumerConfig, ConsumerInfo, Forget, StreamConfig, Verdict};
use warehouse_sink_testkit::NatsServer;

use model::Model;
use real::Real;
use scene::Scene;

/// What a step of a scenario takes.
pub const STEP: Duration = Duration::from_millis(40);

/// How late a step may be, so that what the server shows still counts. It is well within the margins of the scenarios.
const TOLERANCE: Duration = Duration::from_millis(200);

/// What a pull request brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// A message: its stream sequence, the delivery's number, the message's delivery count, and what is pending.
    Message { stream: u64, consumer: u64, count: u64, pending: u64 },
    /// The request ended with this status.
    Status(u16),
}

/// How a server goes down.
#[derive(Clone, Copy, Debug)]
pub enum Down {
    Stopped,
    Killed,
}

/// A server with one stream and one consumer, real or not. All but publishing, connecting and looking takes [`STEP`].
pub trait Server {
    fn create_stream(&mut self, config: &StreamConfig);
    /// Publishes to the stream's subject of this name; where it has none, to the one that is the stream's name.
    fn publish(&mut self, subject: Option<&str>, body: &[u8]);
    /// The subject of that name.
    fn subject(&self, name: Option<&str>) -> String;
    /// Publishes a message that lives for so many seconds.
    fn publish_for(&mut self, seconds: u64);
    fn delete_message(&mut self, sequence: u64);
    /// Deletes the stream and creates it anew.
    fn recreate_stream(&mut self);
    /// Drops all messages before this sequence, or all that there are.
    fn purge(&mut self, before: Option<u64>);
    /// Creates the consumer; says whether that is not refused.
    fn create_consumer(&mut self, config: &ConsumerConfig) -> bool;
    fn update_consumer(&mut self, config: &ConsumerConfig);
    /// Pauses the consumer for so long from now; zero lets it go on.
    fn pause_consumer(&mut self, pause: Duration);
    /// Has others take the stream's last places for consumers, or go.
    fn refuse_consumers(&mut self, refuse: bool);
    fn delete_consumer(&mut self);
    /// Connects a client; gives its number.
    fn connect(&mut self) -> usize;
    /// Closes a client's connection.
    fn disconnect(&mut self, client: usize);
    /// Sends a pull request; gives its number.
    fn pull(&mut self, client: usize, batch: usize, max_bytes: Option<u64>, expires: Duration) -> usize;
    /// Ends a pull request's subscription.
    fn unsubscribe(&mut self, pull: usize);
    /// What has come for a pull request since it was asked last.
    fn got(&mut self, pull: usize) -> Vec<Got>;
    /// Settles deliveries at once, by the how many-eth each was that [`Server::got`] gave; waits until the server has them.
    fn settle(&mut self, client: usize, deliveries: &[usize], verdict: Verdict);
    /// Goes down and comes up again. All connections are gone.
    fn restart(&mut self, down: Down);
    /// Goes down, keeps a copy of what is stored, and comes up again.
    fn save(&mut self);
    /// Is killed, and comes up with what was kept instead of what was stored since.
    fn restore(&mut self, forget: Forget);
    fn wait(&mut self, duration: Duration);
    /// How late a step or a wait ended at most.
    fn behind(&self) -> Duration;
    fn info(&mut self) -> Option<ConsumerInfo>;
}

type Scenario = (&'static str, fn(&mut Scene<'_>));

/// Runs scenarios on both, all at the same time, and compares. They share a real server, or each has its own to restart.
fn same_on_both(own_servers: bool, scenarios: &[Scenario]) {
    let shared = (!own_servers).then(NatsServer::start);
    let shared = shared.as_ref().map(NatsServer::address);
    let failures: Vec<String> = thread::scope(|scope| {
        let run = |(number, scenario): (usize, &Scenario)| {
            let scenario = *scenario;
            scope.spawn(move || compare(number, scenario, shared))
        };
        let runs: Vec<_> = scenarios.iter().enumerate().map(run).collect();
        let failures = runs.into_iter().zip(scenarios).filter_map(|(run, (name, _))| match run.join() {
            Ok(difference) => difference,
            Err(_) => Some(format!("{name}: it panicked, see above")),
        });
        failures.collect()
    });
    assert!(failures.is_empty(), "{} scenarios differ\n\n{}", failures.len(), failures.join("\n\n"));
}

/// The first difference between the two histories. Where the machine was too slow to keep the real one's time, it says nothing,
/// and the scenario is played again.
fn compare(number: usize, (name, scenario): Scenario, shared: Option<SocketAddr>) -> Option<String> {
    let mut slow = Duration::ZERO;
    for attempt in ["S", "T", "U", "V"] {
        let stream = format!("{attempt}{}", 10 + number);
        let modelled = scene::play(&mut Model::new(&stream), None, scenario).history;
        assert!(modelled.len() > 1, "{name} shows nothing: {modelled:?}");
        let real = scene::play(&mut Real::start(&stream, shared), Some(&modelled), scenario);
        let (differs, behind) = real.differs?;
        slow = behind;
        if slow < TOLERANCE {
            let (modelled, real, before) =
                (&modelled[differs], &real.history[differs], modelled[..differs].join("\n  "));
            return Some(format!("{name}:\n  {before}\n  the model: {modelled}\n  the server: {real}"));
        }
    }
    Some(format!("{name}: the machine is too slow to tell, steps came {slow:?} late"))
}
