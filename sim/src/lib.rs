//! The production driver and the production machine, unchanged, in worlds that fail: deterministically, a seed at a time.
//!
//! ```text
//!  publisher ─▶ ┌─ Network ─────────────┐     ┌ replica 1..3 ─────────────────┐     ┌─ Bucket ───────────────┐
//!               │ jetstream-model Server │◀───▶│ io::driver::run + core Machine │────▶│ refuses, stalls, applies │
//!               │ links that break       │     │ killed, paused, stopped        │     │ late, loses the answer   │
//!               └───────────┬───────────┘     └───────────────┬────────────────┘     └────────────┬───────────┘
//!                           └───────────────▶ History ◀───────┴───────────────────────────────────┘
//!                                                │
//!                                     oracle::* judge it, one promise a file
//! ```
//!
//! - `event`: what is published, and the decoder and encoder of it
//! - `network`, `source`: the server behind links that break; [`warehouse_sink_io::source::Source`] over it
//! - `store`: [`warehouse_sink_io::store::Store`] over a bucket that fails as stores do
//! - `settings`, `fault`: what a seed draws; the plan of faults is a value of its own
//! - `case`, `shrink`: a run as a file, and the smallest that still breaks a promise
//! - `world`: one run, from its start through faults and healing to rest
//! - `held`: what a process really holds, counted where it is made and dropped
//! - `history`, `timeline`, `oracle`, `coverage`: what happened, what it must have been like, and whether the rare things did happen
//! - `sabotage`: wrong sinks, each of which an oracle must catch
//!
//! **Architecture Invariant:** one fresh thread per seed; no clock but the simulator's, no randomness but the seed's.

#[cfg(not(madsim))]
compile_error!(
    "warehouse-sink-sim runs in the simulator only: build it with `cargo sim`, which sets `--cfg madsim` and a target folder of its own"
);

#[cfg(madsim)]
pub mod case;
#[cfg(madsim)]
pub mod coverage;
#[cfg(madsim)]
mod ends;
#[cfg(madsim)]
pub mod event;
#[cfg(madsim)]
pub mod fault;
#[cfg(madsim)]
mod held;
#[cfg(madsim)]
pub mod history;
#[cfg(madsim)]
mod hold;
#[cfg(madsim)]
mod network;
#[cfg(madsim)]
pub mod oracle;
#[cfg(madsim)]
mod process;
#[cfg(madsim)]
pub mod report;
#[cfg(madsim)]
pub mod sabotage;
#[cfg(madsim)]
pub mod settings;
#[cfg(madsim)]
pub mod shrink;
#[cfg(madsim)]
mod source;
#[cfg(madsim)]
mod store;
#[cfg(madsim)]
mod time;
#[cfg(madsim)]
pub mod timeline;
#[cfg(madsim)]
pub mod world;
