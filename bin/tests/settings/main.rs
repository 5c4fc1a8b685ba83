//! Settings: files, variables, secrets, rules between them, and the pages that describe them.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;
mod docs;
mod environment;
mod file;
mod garbled;
mod rules;
mod secrets;
mod wiring;
