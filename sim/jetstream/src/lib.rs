//! JetStream as a pure state machine: one stream and one durable pull consumer.
//!
//! ```text
//! publish ─▶ ┌ Stream ┐  ┌──────── Consumer ────────┐ ─▶ Effect::Deliver, Effect::Ended     to a client's inbox
//!            │ limits │─▶│ pending · redelivery ·   │
//! pull    ─▶ │        │  │ waiting pulls · ack floor│ ─▶ Effect::Note                       what a judge wants to know
//! settle  ─▶ └────────┘  └──────────────────────────┘
//! ```
//!
//! One call in, then [`Server::poll_effect`] until there is none; [`Server::next_timer`] says when to call [`Server::tick`].
//! Time is an argument, so a simulator can run it, and a conformance suite holds the same scenarios against a real nats-server.
//!
//! It is written after nats-server's `consumer.go` and keeps what surprises there: an ack goes by the stream sequence, so that
//! one of an earlier delivery settles the message all the same; redeliveries pass by max ack pending; a delayed nak sets the
//! clock of the ack wait; parallel pulls are served in turn; what is written down of a consumer, and found again after a
//! restart, is kept by rules of its own.
//!
//! **Architecture Invariant:** no clock, no I/O, no randomness, no order of a hash map.

mod clock;
mod config;
mod consumer;
mod effect;
mod recover;
mod server;
mod settle;
mod stored;
mod stream;
mod waiting;

#[cfg(test)]
mod tests;

pub use config::{ConsumerConfig, Start, StreamConfig};
pub use effect::{Delivered, Effect, End, Inbox, Note, PullRequest, Reply, Verdict};
pub use server::{ConsumerInfo, Creation, Forget, Server};
pub use stream::Message;
