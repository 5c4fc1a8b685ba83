//! What a process really holds, counted where it is made and where it is dropped: its own gauges show what it believes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::history::{Happening, History, ProcessId};

/// Counts the handles of one process, the bytes of its rows, and the bytes that it has encoded.
#[derive(Clone, Debug)]
pub(crate) struct Meters {
    /// What settles deliveries, copies included.
    pub handles: Meter,
    /// Bytes of decoded rows, as the limits count them.
    pub rows: Meter,
    /// Bytes of encoded objects.
    pub encoded: Meter,
}

impl Meters {
    pub fn new(process: ProcessId, history: &History) -> Self {
        let meter = |what| Meter(Arc::new(Count { process, what, history: history.clone(), ..Count::default() }));
        Meters { handles: meter(HANDLES), rows: meter(ROWS), encoded: meter(ENCODED) }
    }

    /// What there still is of anything.
    pub fn left(&self) -> Option<(&'static str, u64)> {
        let left = [&self.handles, &self.rows, &self.encoded]
            .map(|Meter(count)| (count.what, count.now.load(Ordering::Relaxed)));
        left.into_iter().find(|(_, left)| *left > 0)
    }
}

/// The name under which the most handles are written down.
pub const HANDLES: &str = "handles";
/// The same for the bytes of rows.
pub const ROWS: &str = "bytes of rows";
/// The same for encoded bytes.
pub const ENCODED: &str = "encoded bytes";

/// Counts things of one kind; notes each new maximum.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    process: ProcessId,
    what: &'static str,
    history: History,
    now: AtomicU64,
    most: AtomicU64,
}

impl Meter {
    /// Counts something of this size, until the token and all its clones are dropped; each clone counts as well.
    pub fn token(&self, size: u64) -> Token {
        let Count { process, what, history, now, most } = &*self.0;
        let value = now.fetch_add(size, Ordering::Relaxed) + size;
        if most.fetch_max(value, Ordering::Relaxed) < value {
            history.note(Happening::Held { process: *process, what, value });
        }
        Token { meter: self.clone(), size }
    }
}

/// Stands for something that is held.
#[derive(Debug)]
pub(crate) struct Token {
    meter: Meter,
    size: u64,
}

impl Clone for Token {
    fn clone(&self) -> Self {
        self.meter.token(self.size)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.meter.0.now.fetch_sub(self.size, Ordering::Relaxed);
    }
}
