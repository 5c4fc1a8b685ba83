//! Progress of long work on standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use crate::stderr;

/// One line, written over itself on a terminal; elsewhere a line every ten seconds, where it is asked for.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    /// How long it is silent after it said something, and at first; `None` says nothing at all.
    pause: Option<Duration>,
    last: Instant,
}

impl Progress {
    /// Progress that is shown on a terminal, and elsewhere if it is asked for.
    pub fn new(asked: bool) -> Self {
        Progress::on(io::stderr().is_terminal(), asked, Instant::now())
    }

    fn on(terminal: bool, asked: bool, now: Instant) -> Self {
        let pause = match (terminal, asked) {
            (true, _) => Some(Duration::from_millis(100)),
            (false, true) => Some(Duration::from_secs(10)),
            (false, false) => None,
        };
        Progress { terminal, pause, last: now }
    }

    /// Says how far the work is, unless it was said just now.
    pub fn tell(&mut self, so_far: impl FnOnce() -> String) {
        if self.is_due(Instant::now()) {
            self.write(&so_far());
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = self.pause.is_some_and(|pause| now.duration_since(self.last) >= pause);
        if due {
            self.last = now;
        }
        due
    }

    fn write(&self, so_far: &dyn Display) {
        let (start, end) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        stderr::push(format!("{start}{so_far}{end}").as_bytes());
    }

    /// Leaves an empty line for what comes next.
    pub fn end(&self) {
        if self.terminal {
            stderr::push(b"\r\x1b[K");
            stderr::flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The milliseconds of the first half minute at which something is said, if it is called every 50.
    fn said(terminal: bool, asked: bool) -> Vec<u64> {
        let start = Instant::now();
        let mut progress = Progress::on(terminal, asked, start);
        (0..=30_000).step_by(50).filter(|at| progress.is_due(start + Duration::from_millis(*at))).collect()
    }

    #[test]
    fn a_log_has_a_line_every_ten_seconds_if_it_was_asked_for() {
        assert_eq!(said(false, true), [10_000, 20_000, 30_000]);
        assert!(said(false, false).is_empty());
    }

    #[test]
    fn a_terminal_is_told_ten_times_a_second() {
        for asked in [false, true] {
            assert_eq!(said(true, asked), (1..=300).map(|tenth| tenth * 100).collect::<Vec<_>>());
        }
    }
}
