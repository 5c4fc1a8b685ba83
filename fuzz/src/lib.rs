//! What the fuzzer runs:
//!
//! - `machine`: the machine, driven by whatever sequence of events the fuzzer comes upon, in the world of `core/tests/world`:
//!   the same stream, store and judge that proptest drives. A broken promise is a panic.
//! - `events`: bytes, and events made of them by `proto/tests/support`, decoded by us and by prost: both refuse them, or both
//!   make the same columns of them.
//! - `any_schema`: the same with schemas that have every kind of field, and with prost-reflect.
//! - `json`: bytes as columns and a document, read by us and by serde_json: both refuse it, or both make the same columns of it.
//! - `descriptors`: bytes as a descriptor set, compiled into tables that read messages.
//! - `settings`: bytes as a settings file: it is read, or each mistake in it is said with its place.
//!
//! ```text
//! rustup toolchain install nightly && cargo install cargo-fuzz --locked
//! cargo +nightly fuzz run --sanitizer none machine fuzz/corpus/machine fuzz/seeds/machine -- -max_total_time=120
//! ```
//!
//! The other targets need `--features decoders`, and `settings` a feature of its own name. There is no unsafe code for a sanitizer to watch, and without one it is several times as fast.
//!
//! `seeds/` holds inputs that reach much of what they are for, and those that once found a fault. On the stable toolchain `cargo test --manifest-path
//! fuzz/Cargo.toml --lib` runs those of the machine, `cargo test --test fuzz_seeds` of the decoders, and `cargo test --test settings garbled::` of settings files, with
//! what the project's tests have built.

#![allow(dead_code, reason = "the world is used without its proptest strategies")]

#[cfg(feature = "decoders")]
mod bodies;
#[path = "../../core/tests/world/checks.rs"]
mod checks;
#[cfg(feature = "decoders")]
mod descriptors;
#[path = "../../core/tests/world/healing.rs"]
mod healing;
mod input;
#[cfg(feature = "decoders")]
mod json;
#[cfg(feature = "decoders")]
#[path = "../../proto/tests/support/json_agreement.rs"]
mod json_agreement;
#[cfg(feature = "decoders")]
#[path = "../../proto/tests/support/json_documents.rs"]
mod json_documents;
#[cfg(feature = "decoders")]
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
#[cfg(feature = "decoders")]
#[path = "../../proto/tests/support/mod.rs"]
mod support;
#[path = "../../core/tests/world/world.rs"]
mod world;

#[cfg(test)]
mod seeds;
#[cfg(feature = "settings")]
mod settings;

#[cfg(feature = "decoders")]
pub use bodies::{any_schema, events};
#[cfg(feature = "decoders")]
pub use descriptors::descriptors;
#[cfg(feature = "decoders")]
pub use json::json;
#[cfg(feature = "settings")]
pub use settings::settings;

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
