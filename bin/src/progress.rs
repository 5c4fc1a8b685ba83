//! Progress of long work on standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// One line, written over itself on a terminal; elsewhere a line every ten seconds, where it is asked for.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    asked: bool,
    last: Instant,
}

impl Progress {
    /// Progress that is shown on a terminal, and elsewhere if it is asked for.
    pub fn new(asked: bool) -> Self {
        Progress { terminal: io::stderr().is_terminal(), asked, last: Instant::now() }
    }

    /// Says how far the work is, unless it was said just now.
    pub fn tell(&mut self, so_far: impl FnOnce() -> String) {
        let pause = if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(10) };
        if !(self.terminal || self.asked) || self.last.elapsed() < pause {
            return;
        }
        self.last = Instant::now();
        self.write(&so_far());
    }

    fn write(&self, so_far: &dyn Display) {
        let (start, end) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        // Progress that can't be shown is no reason to stop.
        let _ = write!(io::stderr(), "{start}{so_far}{end}");
        let _ = io::stderr().flush();
    }

    /// Leaves an empty line for what comes next.
    pub fn end(&self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
