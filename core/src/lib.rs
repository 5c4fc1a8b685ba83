//! The decision logic of warehouse-sink: which rows go into which object, when, and what is settled.
//!
//! ```text
//!                    ┌───────────────────────── Machine ─────────────────────────┐
//!  Event::Fetched ──▶│ intake ──▶ open batches ──▶ writes ──▶ settlement         │──▶ Command::Write, Rewrite, Discard
//!  Event::FlushTick ▶│   │        (count, bytes,   (slots,    (one ack, nak or   │──▶ Command::Ack, Nak, Term
//!  Event::UploadResult   │         age, pressure)   backoff)   term a delivery)  │──▶ Command::Progress
//!  Event::Shutdown ─▶│   └── written: what a redelivery must not write again     │──▶ Command::Forget
//!                    └───────────────────────────────────────────────────────────┘
//! ```
//!
//! One event in, then commands out until there is none, then the next event:
//!
//! ```text
//! machine.handle_event(now, event);
//! while let Some(command) = machine.poll_command() { run(command) }
//! sleep_until(machine.poll_timeout()) or wait for the next event
//! ```
//!
//! **Architecture Invariant:** nothing here blocks, reads a clock, draws a random number or depends on the order of a hash
//! map. The same events at the same times give the same commands, which is what lets the simulator replay a failure.
//!
//! **Architecture Invariant:** the machine never looks into a row. It is generic over the partition `P` and the payload
//! `R`, moves payloads from [`Event::Fetched`] to [`Command::Write`] and copies none.
//!
//! **Architecture Invariant:** [`Command::Ack`] and [`Command::Term`] are made in one file, `machine/settle.rs`, and
//! only there.

mod backoff;
mod command;
mod config;
mod event;
mod ids;
mod machine;
mod object_name;
mod time;

pub use backoff::Backoff;
pub use command::{BatchRow, Command, Write};
pub use config::{Config, ConfigError};
pub use event::{Delivery, Destination, Event, Failure, Outcome, Row, Rows, RowsIter};
pub use ids::{BatchId, DeliveryId, MessageId};
pub use machine::{Capacity, Hold, HoldCause, Machine, Stats};
pub use object_name::ObjectName;
pub use time::Timestamp;
