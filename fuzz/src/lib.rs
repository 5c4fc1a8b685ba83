//! The machine, driven by whatever sequence of events the fuzzer comes upon, in the world of `core/tests/world`: the same
//! stream, store and judge that proptest drives. A broken promise is a panic.
//!
//! ```text
//! rustup toolchain install nightly && cargo install cargo-fuzz --locked
//! cargo +nightly fuzz run --sanitizer none machine fuzz/corpus/machine fuzz/seeds/machine -- -max_total_time=120
//! ```
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
#[path = "../../core/tests/world/world.rs"]
mod world;

#[cfg(test)]
mod seeds;

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
