//! Tests of the machine, one file per behaviour, and the rig that they share.
//!
//! Commands are compared as text, a line each, so that a test reads as the conversation that it is:
//! `write 0 a [1.0 2.0]`, `ack 1`, `nak 2 later`. A row is `{stream sequence}.{index}`.

mod backoff;
mod batching;
mod capacity;
mod config;
mod dead_letter;
mod exhausted;
mod hold;
mod invariants;
mod many_rows;
mod pressure;
mod progress;
mod redelivery;
mod reused_sequences;
mod rig;
mod settlement;
mod shutdown;
mod unknown;
