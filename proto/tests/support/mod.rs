//! What several tests and the fuzzer have in common.

#![allow(dead_code, reason = "not every test uses all of it")]
#![allow(clippy::unwrap_used, clippy::panic)]

pub mod cells;
pub mod entropy;
pub mod events;
pub mod json;
pub mod messages;
pub mod schemas;
