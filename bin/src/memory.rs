//! How the process asks for memory.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// glibc's own variable; an operator who sets it is obeyed.
const ARENAS: &str = "MALLOC_ARENA_MAX";

/// Starts the program over, as the same process, with one arena for all threads.
///
/// glibc gives each thread an arena and keeps there what is freed, while a message is held by one thread and freed by another: with
/// messages of 100 kB the process took three times what it held (docs/benchmarks.md). glibc reads the variable when a process
/// starts and in no other way that is safe Rust. Where this fails, or where another C library is used, nothing is changed.
pub fn share_one_arena() {
    if env::var_os(ARENAS).is_some() {
        return;
    }
    if let Ok(program) = env::current_exe() {
        // It returns only if it failed, and the program goes on as it is then.
        let _ = Command::new(program).args(env::args_os().skip(1)).env(ARENAS, "1").exec();
    }
}
