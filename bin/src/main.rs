//! The program: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    warehouse_sink::memory::share_one_arena();
    warehouse_sink::umask::keep_others_from_writing();
    warehouse_sink::cli::main().into()
}
