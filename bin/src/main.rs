//! The program: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    warehouse_sink::memory::share_one_arena();
    warehouse_sink::cli::main().into()
}
