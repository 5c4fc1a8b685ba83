//! What happened in a run: written down where it happens, judged afterwards.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use madsim::time::TimeHandle;
use warehouse_sink_core::{MessageId, Outcome, Timestamp};
use warehouse_sink_jetstream_model::{Forget, Reply, Verdict};

use crate::event::{Event, StoredRow};
use crate::fault::Crossing;

/// One process of a run: a replica from a start to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u32);

/// What a process was promised to keep to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Messages held at most.
    pub messages: usize,
    /// Bytes held at most.
    pub bytes: u64,
    /// Open partitions at most.
    pub open_partitions: usize,
    /// Writes at a time at most.
    pub writes: usize,
    /// Rows of a batch at most.
    pub batch_rows: usize,
    /// How long a row may wait for its first write.
    pub flush_interval: Duration,
    /// The consumer's ack wait.
    pub ack_wait: Duration,
    /// How long a stop waits for writes, and for fetchers that still have deliveries.
    pub shutdown: Duration,
    /// How long a stop may take, the last settlements included.
    pub stop: Duration,
    /// Poison is stored before it is terminated.
    pub dead_letter: bool,
    /// Everything that is written is remembered, so that nothing is written twice by one process.
    pub remembers: bool,
    /// How many poison messages begin a hold while nothing can be decoded; 0 for never.
    pub hold_after: usize,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are the words of the sentence that the variant's text begins")]
pub enum Happening {
    /// A message was published.
    Published { message: MessageId, event: Arc<Event> },
    /// The stream dropped a message by its limits, or somebody deleted it.
    Dropped { message: MessageId },
    /// The server lost a message that it had not synced.
    LostByServer { message: MessageId },
    /// The ack wait of a message's newest delivery, or the delay of its nak, ran out on the server.
    AckWaitOver { message: MessageId },
    /// A fault of this kind came.
    Inflicted { fault: &'static str },
    /// Something on its way between a process and the server was lost, doubled, or delayed until then.
    Crossed { process: ProcessId, crossing: Crossing, until: Timestamp },
    /// A part of an object was written, under a name that no reader looks at.
    Torn { key: String, put: u64 },
    /// A process started.
    Started { process: ProcessId, bounds: Bounds },
    /// A process was told to stop.
    StopAsked { process: ProcessId },
    /// A process came to its end by itself.
    Ended { process: ProcessId, abandoned: u64, unsent: usize },
    /// A process was killed.
    Killed { process: ProcessId },
    /// A process was frozen.
    Paused { process: ProcessId },
    /// A process was woken.
    Resumed { process: ProcessId },
    /// A process's connection broke; what was under way is lost.
    LinkDown { process: ProcessId },
    /// A process is connected.
    LinkUp { process: ProcessId },
    /// A process's connection carries nothing for a while, and loses nothing.
    LinkStalled { process: ProcessId, until: Timestamp },
    /// The server died.
    ServerDown,
    /// The server is back, and has forgotten some things.
    ServerUp { forget: Forget },
    /// The stream was deleted, and its consumer with it, and created again.
    StreamRecreated,
    /// The consumer was deleted.
    ConsumerDeleted,
    /// The consumer was edited, or is again as it was created; whether a process that sees that may take no more of it.
    ConsumerEdited { ack_wait: Duration, loses: bool },
    /// The consumer delivers this message no more, or never: it was edited so.
    NotDelivered { message: MessageId },
    /// A process created the consumer.
    ConsumerCreated { process: ProcessId },
    /// The source gave the driver a delivery, as one of this consumer: the how many-eth of the name. A pull request that was meant for the one
    /// before may have brought it.
    Handed { process: ProcessId, reply: Reply, consumer: u64, bytes: u64 },
    /// The server told a process which consumer and which messages it has.
    Looked { process: ProcessId },
    /// The driver told the source what became of a delivery.
    Settling { process: ProcessId, reply: Reply, verdict: Verdict },
    /// The server got that; `settled` is the message that it took from the pending ones.
    Received { process: ProcessId, reply: Reply, verdict: Verdict, settled: Option<MessageId> },
    /// The driver began to put an object.
    PutBegun { process: ProcessId, put: u64, key: String, rows: Arc<[StoredRow]> },
    /// A part of an object was sent, and more is to follow or the completing request.
    PartSent { process: ProcessId, put: u64, rows: Arc<[StoredRow]> },
    /// All parts of an object were sent; the request that makes it one follows.
    Completing { process: ProcessId, put: u64 },
    /// A put came to its end; None where the driver gave it up.
    PutEnded { process: ProcessId, put: u64, outcome: Option<Outcome> },
    /// An object became durable.
    Durable { key: String, rows: Arc<[StoredRow]>, put: u64 },
    /// A process heard that the server delivers nothing new until something is settled.
    Exhausted { process: ProcessId },
    /// A process held more of something than ever before.
    Held { process: ProcessId, what: &'static str, value: u64 },
    /// From here on nothing fails.
    Healed,
    /// Everything is settled.
    AtRest,
    /// Everything is settled for long, and a process still holds something.
    Kept { process: ProcessId, what: &'static str, value: u64 },
    /// Everything should be settled and is not.
    Stuck { unsettled: usize },
}

/// What happened, and when.
pub type Entry = (Timestamp, Happening);

/// The history of a run while it is written.
#[derive(Clone, Debug, Default)]
pub struct History {
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl History {
    /// Writes down what happens now.
    pub fn note(&self, happening: Happening) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push((now(), happening));
    }

    /// Gives all that happened so far, and forgets it.
    pub fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The simulated time since the run began.
pub fn now() -> Timestamp {
    Timestamp::ZERO.saturating_add(TimeHandle::current().elapsed())
}

/// A number that two histories share only if they are the same.
pub fn digest(entries: &[Entry]) -> u64 {
    // `DefaultHasher::new` has fixed keys, unlike a `RandomState`.
    let mut hasher = DefaultHasher::new();
    entries.hash(&mut hasher);
    hasher.finish()
}

/// All of the history, a line each. [`timeline`](crate::timeline::timeline) leaves out what a person can do without.
pub fn trace(entries: &[Entry]) -> String {
    let mut text = String::new();
    for (at, happening) in entries {
        let micros = at.as_micros();
        text.push_str(&format!("{:>5}.{:06}  {happening:?}\n", micros / 1_000_000, micros % 1_000_000));
    }
    text
}
