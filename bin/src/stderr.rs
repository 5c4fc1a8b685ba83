//! Standard error, written by a thread of its own: a reader that stalls must not hold up the work.
//!
//! Whoever has a line to say adds it to a buffer in memory and goes on. While the buffer is full, lines are dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use metrics::Counter;

/// The most bytes that wait to be written. As many may be on their way.
const LIMIT: usize = 4 << 20;

/// How long the end of the process waits for a reader that stalls.
const LAST_LINES: Duration = Duration::from_secs(1);

static STDERR: Lines = Lines::new(LIMIT);
static WRITER: OnceLock<()> = OnceLock::new();

/// Adds a line, with its newline, to what is written to standard error. It never waits.
pub fn push(line: &[u8]) {
    WRITER.get_or_init(|| {
        let writer = thread::Builder::new().name("stderr".to_owned()).spawn(|| STDERR.write_to(&mut io::stderr()));
        if let Err(error) = writer {
            // There are no threads left: the work needs them more than the log.
            let _ = writeln!(io::stderr(), "nothing is logged, for a thread can't be started: {error}");
        }
    });
    STDERR.push(line);
}

/// Waits until all is written, but not for long.
pub fn flush() {
    STDERR.flush(LAST_LINES);
}

/// Has a metric count the lines that are dropped, those so far included.
pub fn count_dropped(counter: Counter) {
    STDERR.count_dropped(counter);
}

/// Lines on their way to where they are written.
struct Lines {
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
    dropped: AtomicU64,
    counter: OnceLock<Counter>,
}

struct State {
    waiting: Vec<u8>,
    /// Some are on their way.
    writing: bool,
}

impl Lines {
    const fn new(limit: usize) -> Self {
        Lines {
            limit,
            state: Mutex::new(State { waiting: Vec::new(), writing: false }),
            changed: Condvar::new(),
            dropped: AtomicU64::new(0),
            counter: OnceLock::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.waiting.len() + line.len() > self.limit {
            drop(state);
            self.drop_lines(1);
            return;
        }
        state.waiting.extend_from_slice(line);
        drop(state);
        self.changed.notify_all();
    }

    fn drop_lines(&self, lines: u64) {
        self.dropped.fetch_add(lines, Ordering::Relaxed);
        if let Some(counter) = self.counter.get() {
            counter.increment(lines);
        }
    }

    fn count_dropped(&self, counter: Counter) {
        if self.counter.set(counter).is_ok()
            && let Some(counter) = self.counter.get()
        {
            counter.increment(self.dropped.load(Ordering::Relaxed));
        }
    }

    /// Writes all that comes, for ever.
    fn write_to(&self, out: &mut dyn Write) {
        let mut told = 0;
        loop {
            self.write_waiting(out);
            let dropped = self.dropped.load(Ordering::Relaxed);
            if dropped > told {
                tracing::warn!(lines = dropped - told, "log lines were dropped: standard error was not read in time");
                told = dropped;
            }
        }
    }

    /// Waits until there is something, and writes it.
    fn write_waiting(&self, out: &mut dyn Write) {
        let state = self.changed.wait_while(self.lock(), |state| state.waiting.is_empty());
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut state.waiting);
        state.writing = true;
        drop(state);
        if out.write_all(&lines).and_then(|()| out.flush()).is_err() {
            // Nobody listens any more, or the disk is full: some of these were not written.
            self.drop_lines(lines.iter().filter(|byte| **byte == b'\n').count() as u64);
        }
        self.lock().writing = false;
        self.changed.notify_all();
    }

    /// Whether all was written within this time.
    fn flush(&self, patience: Duration) -> bool {
        let busy = |state: &mut State| state.writing || !state.waiting.is_empty();
        let waited = self.changed.wait_timeout_while(self.lock(), patience, busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Takes a piece whenever it is let.
    struct Stalling(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Stalling {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stalls_costs_lines_and_no_time() {
        const LIMIT: usize = 60;
        let lines = Arc::new(Lines::new(LIMIT));
        let ((allow, allowed), (write, written)) = (channel(), channel());
        let writer = Arc::clone(&lines);
        thread::spawn(move || {
            let mut out = Stalling(allowed, write);
            (0..2).for_each(|_| writer.write_waiting(&mut out));
        });
        lines.push(b"first\n");
        assert!(!lines.flush(Duration::from_millis(20)), "nobody reads");
        // The first is on its way by now, or among those that wait.
        (0..100).for_each(|_| lines.push(b"another one\n"));
        let dropped = lines.dropped.load(Ordering::Relaxed);
        assert!((95..=96).contains(&dropped), "{dropped}");

        allow.send(()).unwrap();
        allow.send(()).unwrap();
        assert!(lines.flush(Duration::from_secs(10)));
        let text = written.try_iter().flatten().collect::<Vec<_>>();
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("first\n"), "{text}");
        assert_eq!(text.lines().count() as u64 + dropped, 101);
    }
}
