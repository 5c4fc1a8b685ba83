//! How the program ends, and what it says to its user.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::stderr;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or a stop with everything settled.
    Clean,
    /// 1: an error, or a second signal.
    Error,
    /// 2: bad usage or settings; trying again without a change is of no use.
    Usage,
    /// 3: a shutdown that ran out of time. What was left was given back to the stream.
    OutOfTime,
    /// 4: an audit that found nothing wrong, and could not judge enough to say that nothing is.
    Unknown,
}

impl Exit {
    /// The number that the parent process gets.
    pub fn code(self) -> u8 {
        match self {
            Exit::Clean => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::OutOfTime => 3,
            Exit::Unknown => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// Says a line on standard output, which is a command's result: a reader that is slow, such as `less`, is waited for. Unlike `println!`, it
/// doesn't panic where nobody listens, as after `| head -1`.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Complains with a line on standard error. A reader that stalls is not waited for long.
pub fn complain(line: impl Display) {
    stderr::push(format!("{line}\n").as_bytes());
    // So that it stands before what is said next on standard output.
    stderr::flush();
}
