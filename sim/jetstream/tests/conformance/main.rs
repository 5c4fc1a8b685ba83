//! The same scenarios against the model and against a real nats-server: both must give the same history.

#![allow(missing_docs, reason = "a test has no users")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod client;
mod model;
mod real;
mod scenarios;

use std::time::Duration;

use warehouse_sink_jetstream_model::{ConsumerConfig, ConsumerInfo, Verdict};

/// What a pull request brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// A message: its stream sequence, the delivery's number, the message's delivery count, what is pending.
    Message { stream: u64, consumer: u64, count: u64, pending: u64 },
    /// The request ended with this status.
    Status(u16),
}

/// A server with one stream and one consumer, real or not.
pub trait Server {
    fn publish(&mut self, body: &[u8]);
    fn create_consumer(&mut self, config: &ConsumerConfig);
    fn delete_consumer(&mut self);
    /// Sends a pull request; gives its number.
    fn pull(&mut self, batch: usize, max_bytes: Option<u64>, expires: Duration) -> usize;
    /// What has come for a pull request since it was asked last.
    fn got(&mut self, pull: usize) -> Vec<Got>;
    /// Settles by a delivery's number; waits until the server has it.
    fn settle(&mut self, consumer_sequence: u64, verdict: Verdict);
    fn wait(&mut self, duration: Duration);
    fn info(&mut self) -> ConsumerInfo;
}

/// Runs a scenario on both, and compares.
fn same_on_both(max_messages: Option<usize>, scenario: fn(&mut dyn Server) -> Vec<String>) {
    let modelled = scenario(&mut model::Model::new(max_messages));
    let real = scenario(&mut real::Real::start(max_messages));
    assert_eq!(modelled, real, "the model, and then the real server");
    assert!(modelled.len() > 2, "a scenario that shows nothing: {modelled:?}");
}
