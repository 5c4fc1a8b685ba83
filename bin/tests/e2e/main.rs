//! The built program against real servers, and what it stored read back by DuckDB and pyarrow.
//!
//! One program for all: each would link everything once more, and these wait for servers most of the time, so that several run
//! at once. `cargo test --test e2e -- stores::` runs those of one module.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod check;
mod cluster;
mod connection_lost;
mod consumer_deleted;
mod disk_full;
mod endpoints;
mod events_table;
mod exactly_once;
mod files;
mod green;
mod hold;
mod hostile;
mod inspect;
mod json;
mod leftovers;
mod links;
mod log_stalled;
mod logins;
mod lost_acks;
mod many_apps;
mod nats_access;
mod nats_restarted;
mod partition_failure;
mod parts;
mod poison;
mod promises;
mod replay;
mod replica_killed;
mod schema;
mod secrets;
mod settlements;
mod shutdown;
mod signals;
mod sink_killed;
mod small_ack_pending;
mod sorted;
mod store_outage;
mod stores;
mod stream_recreated;
mod unreadable;
mod wire;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_warehouse-sink");
