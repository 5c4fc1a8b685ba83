//! The machine, driven by whatever sequence of events the fuzzer comes upon, in the world of `core/tests/world`: the same
//! stream, store and judge that proptest drives. A broken promise is a panic.
//!
//! ```text
//! rustup toolchain install nightly && cargo install cargo-fuzz --locked
//! cargo +nightly fuzz run --sanitizer none machine fuzz/corpus/machine fuzz/seeds/machine -- -max_total_time=120
//! ```
//!
//! `json` in the place of `machine` drives the reader of JSON, beside serde_json's: both refuse a document, or both make the same columns of it.
//!
//! There is no unsafe code for a sanitizer to watch, and without one it is several times as fast.
//!
//! `seeds/` holds inputs that reach much of the machine, and those that once found a fault. `cargo test --manifest-path
//! fuzz/Cargo.toml --lib` runs them on the stable toolchain.

#![allow(dead_code, reason = "the world is used without its proptest strategies")]

#[path = "../../core/tests/world/checks.rs"]
mod checks;
#[path = "../../core/tests/world/healing.rs"]
mod healing;
mod input;
mod json;
#[path = "../../proto/tests/support/json_agreement.rs"]
mod json_agreement;
#[path = "../../proto/tests/support/json_documents.rs"]
mod json_documents;
#[path = "../../proto/tests/support/json_reference.rs"]
mod json_reference;
#[path = "../../core/tests/world/ledger.rs"]
mod ledger;
#[path = "../../core/tests/world/process.rs"]
mod process;
#[path = "../../core/tests/world/server.rs"]
mod server;
#[path = "../../core/tests/world/steps.rs"]
mod steps;
#[path = "../../core/tests/world/store.rs"]
mod store;
#[path = "../../proto/tests/support/mod.rs"]
mod support;
#[path = "../../core/tests/world/world.rs"]
mod world;

#[cfg(test)]
mod seeds;

pub use json::json;

/// Reads settings and steps from the bytes, takes the steps, heals the world, and gives all commands as text.
///
/// # Panics
///
/// When the machine breaks a promise; the message says which.
pub fn machine(data: &[u8]) -> Vec<String> {
    let Ok((setup, steps)) = input::read(data) else { return Vec::new() };
    let mut world = world::World::new(&setup);
    for step in &steps {
        world.step(step);
    }
    healing::heal(&mut world);
    world.trace
}
