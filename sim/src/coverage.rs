//! Whether the rare things did happen: a sweep in which one of them never does proves less than it says.

use std::collections::{BTreeMap, BTreeSet};

use warehouse_sink_core::{MessageId, Outcome};
use warehouse_sink_jetstream_model::Verdict;

use crate::history::{Entry, Happening, ProcessId};

/// How often each thing happened.
pub type Counters = BTreeMap<&'static str, u64>;

/// What a sweep must meet.
pub const MUST_HAPPEN: [&str; 22] = [
    "ack reached nobody: settled before",
    "ack was lost on its way",
    "batch given up: message given back",
    "consumer created again",
    "crashed between two parts",
    "crashed between write and ack",
    "crashed with a write in flight",
    "late write after its process gave it up",
    "object of several parts stored",
    "message came again after it was written",
    "message deleted while it was held",
    "message not delivered: the consumer was edited",
    "message of a sequence that is used again",
    "poison held",
    "poison terminated",
    "redelivered while its write was in flight",
    "row stored twice",
    "server exhausted: max ack pending was reached",
    "shutdown ran out of time",
    "shutdown while a write was retried",
    "unknown outcome that had been applied",
    "upload ended between two parts",
];

/// What a sweep must inject.
pub const MUST_BE_INJECTED: [&str; 39] = [
    "connection to the server broken",
    "connection to the server stalled",
    "connection to the store broken",
    "consumer deleted",
    "consumer edited: ack wait",
    "consumer edited: filter",
    "consumer edited: max ack pending",
    "consumer edited: max deliver",
    "consumer paused",
    "consumer refused",
    "encoder broke between two parts",
    "encoder broke",
    "message delayed on its way",
    "message deleted",
    "message doubled on its way",
    "message lost on its way",
    "put: applied late, answer lost",
    "put: applied, answer lost",
    "put: applied, never answered",
    "put: denied",
    "put: lost, never answered",
    "put: out of space",
    "put: refused",
    "put: slow",
    "put: throttled",
    "put: timed out before it was applied",
    "put: torn",
    "replica frozen",
    "replica killed within a call",
    "replica killed",
    "replica killed, and again while it recovers",
    "replica stopped",
    "replica stopped, with a second signal",
    "server restarted",
    "server restarted, forgot acks",
    "server restarted, lost messages",
    "server's clock jumped",
    "store outage",
    "stream deleted and created again",
];

#[derive(Default)]
struct Seen {
    counters: Counters,
    /// Puts under way: by whom, and the messages in it.
    puts: BTreeMap<u64, (ProcessId, BTreeSet<MessageId>)>,
    /// Puts of several parts that are under way, and whether all parts are sent.
    parts: BTreeMap<u64, (ProcessId, bool)>,
    /// Puts that ended without an answer.
    unknown: BTreeSet<u64>,
    /// Keys that failed, and are not written yet.
    retrying: BTreeMap<ProcessId, BTreeSet<String>>,
    keys: BTreeMap<u64, String>,
    applied: BTreeSet<u64>,
    durable: BTreeMap<(MessageId, u32), String>,
    written: BTreeSet<MessageId>,
    /// Messages that each process has and has not settled.
    held: BTreeMap<ProcessId, BTreeSet<MessageId>>,
    /// What each process settled as stored.
    stored: BTreeSet<(ProcessId, MessageId)>,
    stopping: BTreeSet<ProcessId>,
    sequences: BTreeMap<u64, MessageId>,
    consumers: u64,
    acks_sent: u64,
    acks_received: u64,
}

/// Counts what happened in a history.
pub fn count(history: &[Entry]) -> Counters {
    let mut seen = Seen::default();
    for (_, happening) in history {
        seen.see(happening);
    }
    let lost = seen.acks_sent.saturating_sub(seen.acks_received);
    seen.add("ack was lost on its way", lost);
    seen.counters
}

impl Seen {
    fn add(&mut self, what: &'static str, count: u64) {
        *self.counters.entry(what).or_default() += count;
    }

    fn add_if(&mut self, what: &'static str, happened: bool) {
        self.add(what, u64::from(happened));
    }

    fn see(&mut self, happening: &Happening) {
        match happening {
            Happening::Published { message, .. } => {
                let before = self.sequences.insert(message.stream_sequence, *message);
                self.add_if("message of a sequence that is used again", before.is_some());
            }
            Happening::ConsumerCreated { .. } => {
                self.consumers += 1;
                self.add_if("consumer created again", self.consumers > 1);
            }
            Happening::Dropped { message } => {
                let held = self.held.values().any(|held| held.contains(message));
                self.add_if("message deleted while it was held", held);
            }
            Happening::NotDelivered { .. } => self.add("message not delivered: the consumer was edited", 1),
            Happening::Handed { process, reply, .. } => self.handed(*process, reply.message),
            Happening::Settling { process, reply, verdict } => self.settling(*process, reply.message, *verdict),
            Happening::Received { verdict: Verdict::Ack, settled, .. } => {
                self.acks_received += 1;
                self.add_if("ack reached nobody: settled before", settled.is_none());
            }
            Happening::Received { verdict: Verdict::Term, settled, .. } => {
                self.add_if("poison terminated", settled.is_some());
            }
            Happening::Held { what: "holds", .. } => self.add("poison held", 1),
            Happening::Exhausted { .. } => self.add("server exhausted: max ack pending was reached", 1),
            Happening::PutBegun { process, put, key, rows } => {
                self.puts.insert(*put, (*process, rows.iter().map(|row| row.message).collect()));
                self.keys.insert(*put, key.clone());
            }
            Happening::PartSent { process, put, rows } => {
                self.parts.insert(*put, (*process, false));
                let messages = rows.iter().map(|row| row.message);
                self.puts.entry(*put).or_insert_with(|| (*process, BTreeSet::new())).1.extend(messages);
            }
            Happening::Completing { process, put } => drop(self.parts.insert(*put, (*process, true))),
            Happening::PutEnded { process, put, outcome } => self.put_ended(*process, *put, *outcome),
            Happening::Durable { key, rows, put } => {
                self.applied(*put);
                self.add_if("object of several parts stored", self.parts.contains_key(put));
                for row in rows.iter() {
                    let before = self.durable.insert((row.message, row.index), key.clone());
                    self.add_if("row stored twice", before.is_some_and(|before| before != *key));
                    self.written.insert(row.message);
                }
            }
            Happening::Killed { process } => self.killed(*process),
            Happening::StopAsked { process } => {
                self.stopping.insert(*process);
                let retrying = self.retrying.get(process).is_some_and(|keys| !keys.is_empty());
                self.add_if("shutdown while a write was retried", retrying);
            }
            Happening::Ended { abandoned, .. } => self.add_if("shutdown ran out of time", *abandoned > 0),
            _ => {}
        }
    }

    fn handed(&mut self, process: ProcessId, message: MessageId) {
        let in_flight = self.puts.values().any(|(by, messages)| *by == process && messages.contains(&message));
        self.add_if("redelivered while its write was in flight", in_flight);
        self.add_if("message came again after it was written", self.stored.contains(&(process, message)));
        self.held.entry(process).or_default().insert(message);
    }

    fn settling(&mut self, process: ProcessId, message: MessageId, verdict: Verdict) {
        match verdict {
            Verdict::Progress => return,
            Verdict::Nak(_) => {
                let stopping = self.stopping.contains(&process);
                self.add_if("batch given up: message given back", !stopping);
            }
            Verdict::Ack | Verdict::Term => {
                self.acks_sent += u64::from(verdict == Verdict::Ack);
                self.stored.insert((process, message));
            }
        }
        self.held.entry(process).or_default().remove(&message);
    }

    fn put_ended(&mut self, process: ProcessId, put: u64, outcome: Option<Outcome>) {
        self.puts.remove(&put);
        let between = self.parts.get(&put).is_some_and(|(_, all)| !all);
        self.add_if("upload ended between two parts", between);
        self.parts.remove(&put);
        let Some(key) = self.keys.get(&put).cloned() else { return };
        let retrying = self.retrying.entry(process).or_default();
        match outcome {
            Some(Outcome::Written) => drop(retrying.remove(&key)),
            Some(Outcome::Failed(_)) => drop(retrying.insert(key)),
            Some(Outcome::Unknown) | None => {
                retrying.insert(key);
                self.unknown.insert(put);
                let applied = self.applied.contains(&put);
                self.add_if("unknown outcome that had been applied", applied);
            }
        }
    }

    fn applied(&mut self, put: u64) {
        self.applied.insert(put);
        self.add_if("late write after its process gave it up", self.unknown.contains(&put));
    }

    fn killed(&mut self, process: ProcessId) {
        let between = self.parts.values().any(|(by, all)| *by == process && !all);
        self.add_if("crashed between two parts", between);
        let in_flight = self.puts.values().any(|(by, _)| *by == process);
        self.add_if("crashed with a write in flight", in_flight);
        let held = self.held.get(&process).into_iter().flatten();
        let between = held.filter(|message| self.written.contains(message)).count();
        self.add_if("crashed between write and ack", between > 0);
    }
}
