//! The program `warehouse-sink`: settings, signals, HTTP endpoints and wiring. The logic is elsewhere.
//!
//! ```text
//!   cli ──▶ settings ──▶ run ───────▶ logging, http (/metrics /health /ready), signals, the pipeline of io
//!    │                   check ─────▶ the pipeline's connections, tried once
//!    │                   inspect ───▶ io's audit of what is stored
//!    │                   replay ────▶ io's replay of dead letters
//!    └──────────────────▶ generate ─▶ proto's generator into io's publisher
//! ```
//!
//! It is a library beside its `main.rs` so that tests reach the settings without starting a process.

pub mod check;
pub mod cli;
pub mod exit;
pub mod generate;
pub mod http;
pub mod inspect;
pub mod logging;
pub mod pipeline;
pub mod probing;
pub mod progress;
pub mod recorder;
pub mod replay;
pub mod run;
pub mod schema;
pub mod settings;
pub mod signals;
pub mod stderr;
pub mod umask;
