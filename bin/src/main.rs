//! The program: see the library of the same name.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// With one arena: see docs/architecture.md.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    warehouse_sink::umask::keep_others_from_writing();
    let exit = warehouse_sink::cli::main();
    warehouse_sink::stderr::flush();
    exit.into()
}
