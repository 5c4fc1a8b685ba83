//! Everything is bounded: messages, bytes, open partitions, writes, and the time until a row is in a write.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use warehouse_sink_core::{MessageId, Timestamp};
use warehouse_sink_jetstream_model::Verdict;

use super::Oracle;
use super::facts::Facts;
use crate::event::StoredRow;
use crate::fault::Crossing;
use crate::history::{Bounds, Happening, ProcessId};

/// What a turn of the driver and an await may take.
const SLACK: Duration = Duration::from_millis(300);

#[derive(Default)]
pub(super) struct HeldBounds {
    facts: Facts,
    processes: BTreeMap<ProcessId, Process>,
}

struct Process {
    bounds: Bounds,
    /// Messages that were handed in and not settled: since when, and their bytes.
    held: BTreeMap<MessageId, (Timestamp, u64)>,
    /// The messages that it was ever handed of each sequence.
    handed: BTreeMap<u64, BTreeSet<MessageId>>,
    writes: BTreeSet<u64>,
    /// Keys that a write of was begun.
    tried: BTreeSet<String>,
    /// The bytes of the largest message that it was handed after something between it and the server was doubled. A pull request that the
    /// server gets twice is answered twice, and its grant counted once. The machine takes in one message over its limit and gives back
    /// those that come after it, as where rows take more than their messages: one that is never taken in unless it fits would wait for
    /// ever beside a steady stream of smaller ones.
    over: Option<u64>,
    /// When the process last woke, or last had all its writes running: what was due before could only begin then.
    hindered: Timestamp,
}

impl Process {
    fn put(&mut self, at: Timestamp, put: u64, key: &str, rows: &[StoredRow]) -> Result<bool, String> {
        self.writes.insert(put);
        let saturated = self.writes.len() >= self.bounds.writes;
        let first = self.tried.insert(key.to_owned());
        let late = rows.iter().filter(|_| first).find(|row| {
            let due = |since: Timestamp| since.saturating_add(self.bounds.flush_interval).max(self.hindered);
            self.held.get(&row.message).is_some_and(|(since, _)| at.since(due(*since)) > SLACK)
        });
        if let Some(row) = late {
            return Err(format!("{row:?} came into a write later than the flush interval allows"));
        }
        if saturated {
            self.hindered = at;
        }
        self.limit("writes", self.writes.len() as u64)
    }

    /// Messages that share a sequence are not counted: any of them may leave no trace when it is written, for an ack of it could reach
    /// another.
    fn hand_in(&mut self, at: Timestamp, message: MessageId, bytes: u64) {
        let messages = self.handed.entry(message.stream_sequence).or_default();
        messages.insert(message);
        if messages.len() == 1 {
            self.held.entry(message).or_insert((at, bytes));
        } else {
            self.held.retain(|other, _| other.stream_sequence != message.stream_sequence);
        }
    }

    /// The time that a message has been held for counts from here at the earliest.
    fn hold_anew(&mut self, at: Timestamp) {
        self.held.values_mut().for_each(|(since, _)| *since = at.max(*since));
    }

    fn limit(&self, what: &str, value: u64) -> Result<bool, String> {
        let most = match what {
            "messages" => self.bounds.messages as u64,
            "bytes" => self.bounds.bytes + self.over.unwrap_or(0),
            "open partitions" => self.bounds.open_partitions as u64,
            _ => self.bounds.writes as u64,
        };
        if value > most { Err(format!("{value} {what}, and at most {most} were allowed")) } else { Ok(true) }
    }
}

impl Oracle for HeldBounds {
    const NAME: &'static str = "bounds are held";

    fn see(&mut self, at: Timestamp, happening: &Happening) -> Result<bool, String> {
        self.facts.see(happening);
        if let Happening::Started { process, bounds } = happening {
            let process_is = Process {
                bounds: bounds.clone(),
                held: BTreeMap::new(),
                handed: BTreeMap::new(),
                writes: BTreeSet::new(),
                tried: BTreeSet::new(),
                over: None,
                hindered: at,
            };
            self.processes.insert(*process, process_is);
            return Ok(false);
        }
        let Some(process) = of(happening).and_then(|process| self.processes.get_mut(&process)) else {
            return Ok(false);
        };
        match happening {
            Happening::Handed { reply, bytes, .. } => {
                process.over = process.over.map(|over| over.max(*bytes));
                process.hand_in(at, reply.message, self.facts.bytes(reply.message));
                process.limit("bytes", process.held.values().map(|(_, bytes)| bytes).sum())?;
                process.limit("messages", process.held.len() as u64)
            }
            Happening::Settling { verdict: Verdict::Progress, .. } => Ok(false),
            Happening::Settling { reply, .. } => {
                process.held.remove(&reply.message);
                Ok(false)
            }
            Happening::Held { what, value, .. } => process.limit(what, *value),
            Happening::PutBegun { put, key, rows, .. } => process.put(at, *put, key, rows),
            Happening::PutEnded { put, .. } => {
                if process.writes.len() >= process.bounds.writes {
                    process.hindered = at;
                }
                process.writes.remove(put);
                Ok(false)
            }
            Happening::Resumed { .. } => {
                process.hindered = at;
                Ok(false)
            }
            // What was given back without a connection is told of only afterwards, and may have come again before.
            Happening::LinkUp { .. } => {
                process.hold_anew(at);
                Ok(false)
            }
            Happening::LinkStalled { until, .. } => {
                process.hold_anew(*until);
                Ok(false)
            }
            Happening::Crossed { until, crossing, .. } => {
                process.hold_anew(*until);
                if *crossing == Crossing::Doubled {
                    process.over.get_or_insert(0);
                }
                Ok(false)
            }
            _ => Ok(false),
        }
    }
}

fn of(happening: &Happening) -> Option<ProcessId> {
    match happening {
        Happening::Handed { process, .. }
        | Happening::Settling { process, .. }
        | Happening::Held { process, .. }
        | Happening::PutBegun { process, .. }
        | Happening::PutEnded { process, .. }
        | Happening::LinkUp { process }
        | Happening::LinkStalled { process, .. }
        | Happening::Crossed { process, .. }
        | Happening::Resumed { process } => Some(*process),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::*;
    use super::*;

    fn held(what: &'static str, value: u64) -> Happening {
        Happening::Held { process: ProcessId(0), what, value }
    }

    #[test]
    fn at_most_the_limit_is_right() {
        assert_eq!(judged::<HeldBounds>(&[start(0), handed(0, 1), held("writes", 2)]), Ok(2));
    }

    #[test]
    fn more_is_wrong() {
        for what in ["messages", "bytes", "open partitions", "writes"] {
            assert!(judged::<HeldBounds>(&[start(0), held(what, 10_000)]).is_err(), "{what}");
        }
        let many: Vec<_> = std::iter::once(start(0)).chain((1..=5).map(|sequence| handed(0, sequence))).collect();
        assert!(judged::<HeldBounds>(&many).is_err());
    }

    #[test]
    fn one_message_more_is_right_where_a_request_may_have_been_answered_twice() {
        let doubled = Happening::Crossed { process: ProcessId(0), crossing: Crossing::Doubled, until: Timestamp::ZERO };
        let handed_large = |sequence| match handed(0, sequence) {
            Happening::Handed { process, reply, .. } => Happening::Handed { process, reply, bytes: 614 },
            other => other,
        };
        let large = |sequence| [published_of(sequence, &[(2, 200), (2, 200), (3, 200)]), handed_large(sequence)];
        let begin = [vec![start(0)], large(1).to_vec(), large(2).to_vec()].concat();
        assert!(judged::<HeldBounds>(&begin).unwrap_err().contains("1200 bytes"));
        let begin = [vec![start(0), doubled], large(1).to_vec(), large(2).to_vec()].concat();
        assert!(judged::<HeldBounds>(&begin).is_ok());
        let too_many = [begin, large(3).to_vec()].concat();
        assert!(judged::<HeldBounds>(&too_many).unwrap_err().contains("1800 bytes"));
    }

    #[test]
    fn a_row_is_in_a_write_within_the_flush_interval() {
        let put = |seconds| [(0, start(0)), (0, handed(0, 1)), (seconds, put_begun(0, &[(1, 2)]))];
        assert!(judged_at::<HeldBounds>(&put(1)).is_ok());
        assert!(judged_at::<HeldBounds>(&put(3)).is_err());
    }
}
