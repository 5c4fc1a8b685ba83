//! When the server can give no more, something of what is held is written: nobody waits for the flush interval to settle what the others wait
//! for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use warehouse_sink_core::{MessageId, Timestamp};

use super::Oracle;
use super::facts::Facts;
use crate::fault::Crossing;
use crate::history::{Happening, ProcessId};

/// What it may take from a pull to an open batch, and from that into a write.
const SLACK: Duration = Duration::from_millis(300);

#[derive(Default)]
pub(super) struct Exhausted {
    facts: Facts,
    processes: BTreeMap<ProcessId, Process>,
}

#[derive(Default)]
struct Process {
    /// Every sequence that it was handed.
    sequences: BTreeSet<u64>,
    /// Messages that no write of it was begun with, and since when it has them. Only the first of a sequence, and only those that need a write.
    fresh: BTreeMap<MessageId, Timestamp>,
    writes: BTreeSet<u64>,
    /// When its last write ended.
    idle_since: Timestamp,
    /// When a write must have begun.
    due: Option<Timestamp>,
    /// Poison may be held, and then waits to be given back.
    may_hold: bool,
    /// It stops, or may have been handed more than it asked for and given that back.
    excused: bool,
}

impl Process {
    fn hand_in(&mut self, at: Timestamp, message: MessageId, needs_write: bool) {
        if !self.sequences.insert(message.stream_sequence) {
            self.fresh.retain(|other, _| other.stream_sequence != message.stream_sequence);
        } else if needs_write {
            self.fresh.insert(message, at);
        }
    }

    fn hear(&mut self, at: Timestamp) {
        let waits = |since: Timestamp| at.since(since) > SLACK;
        let idle = self.writes.is_empty() && waits(self.idle_since);
        if idle && !self.excused && self.fresh.values().any(|since| waits(*since)) {
            self.due.get_or_insert(at.saturating_add(SLACK));
        }
    }

    /// Who gave back the last that it held has nothing to write: poison that is held.
    fn settle(&mut self, message: MessageId) {
        self.fresh.remove(&message);
        self.due = self.due.filter(|_| !self.fresh.is_empty());
    }

    /// What was due before can only begin now.
    fn begin_anew(&mut self, at: Timestamp) {
        self.due = None;
        self.fresh.values_mut().for_each(|since| *since = at);
    }

    fn write(&mut self, put: u64, messages: impl Iterator<Item = MessageId>) -> bool {
        self.writes.insert(put);
        messages.for_each(|message| _ = self.fresh.remove(&message));
        self.due.take().is_some()
    }
}

impl Oracle for Exhausted {
    const NAME: &'static str = "an exhausted server is given room";

    fn see(&mut self, at: Timestamp, happening: &Happening) -> Result<bool, String> {
        self.facts.see(happening);
        if let Some((process, _)) = self.processes.iter().find(|(_, process)| process.due.is_some_and(|due| at > due)) {
            return Err(format!("{process:?} writes nothing of what it holds, and the server waits"));
        }
        let needs_write = |facts: &Facts, message, may_hold: bool| {
            let is_poison = facts.event(message).is_some_and(|event| event.is_poison());
            facts.missing(message).is_some() && !(may_hold && is_poison)
        };
        match happening {
            Happening::Started { process, bounds } => {
                let may_hold = bounds.hold_after > 0;
                self.processes.insert(*process, Process { idle_since: at, may_hold, ..Process::default() });
            }
            Happening::Killed { process } | Happening::Ended { process, .. } => {
                self.processes.remove(process);
            }
            // The encoder of one of them has no object of what it was given: that is given back.
            Happening::Inflicted { fault } if fault.starts_with("encoder") => {
                for process in self.processes.values_mut() {
                    (process.due, process.fresh) = (None, BTreeMap::new());
                }
            }
            _ => {}
        }
        let Some(process) = of(happening).and_then(|process| self.processes.get_mut(&process)) else {
            return Ok(false);
        };
        match happening {
            Happening::Handed { reply, .. } => {
                process.hand_in(at, reply.message, needs_write(&self.facts, reply.message, process.may_hold));
            }
            Happening::Settling { reply, .. } => process.settle(reply.message),
            Happening::PutBegun { put, rows, .. } | Happening::PartSent { put, rows, .. } => {
                return Ok(process.write(*put, rows.iter().map(|row| row.message)));
            }
            Happening::PutEnded { put, .. } => {
                process.writes.remove(put);
                process.idle_since = at;
            }
            Happening::Paused { .. } | Happening::Resumed { .. } => process.begin_anew(at),
            Happening::StopAsked { .. } | Happening::Crossed { crossing: Crossing::Doubled, .. } => {
                (process.excused, process.due) = (true, None);
            }
            Happening::Exhausted { .. } => process.hear(at),
            _ => {}
        }
        Ok(false)
    }
}

fn of(happening: &Happening) -> Option<ProcessId> {
    match happening {
        Happening::Handed { process, .. }
        | Happening::Settling { process, .. }
        | Happening::PutBegun { process, .. }
        | Happening::PartSent { process, .. }
        | Happening::PutEnded { process, .. }
        | Happening::Paused { process }
        | Happening::Resumed { process }
        | Happening::StopAsked { process }
        | Happening::Crossed { process, .. }
        | Happening::Exhausted { process } => Some(*process),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use warehouse_sink_jetstream_model::Verdict;

    use super::super::made_up::*;
    use super::*;

    fn heard(between: Vec<(u64, Happening)>) -> Result<u64, String> {
        let exhausted = Happening::Exhausted { process: ProcessId(0) };
        let begin = vec![(0, start(0)), (0, published(1, 2)), (0, handed(0, 1))];
        judged_at::<Exhausted>(&[begin, between, vec![(2, exhausted), (4, Happening::Healed)]].concat())
    }

    #[test]
    fn who_holds_something_writes_when_the_server_is_exhausted() {
        assert!(heard(vec![]).unwrap_err().contains("the server waits"));
        assert!(heard(vec![(1, settling(0, 1, Verdict::Ack))]).is_ok(), "nothing is held");
        assert!(heard(vec![(1, put_begun(0, &[(1, 2)]))]).is_ok(), "it is being written");
        assert!(heard(vec![(2, handed(0, 1))]).is_ok(), "it came again");
    }

    #[test]
    fn a_write_in_time_is_right() {
        let exhausted = Happening::Exhausted { process: ProcessId(0) };
        let begin = [(0, start(0)), (0, published(1, 2)), (0, handed(0, 1)), (2, exhausted)];
        let ends = |seconds| judged_at::<Exhausted>(&[&begin[..], &[(seconds, put_begun(0, &[(1, 2)]))]].concat());
        assert_eq!(ends(2), Ok(1));
        assert!(ends(3).is_err());
    }
}
