//! Everything is bounded: messages, bytes, open partitions, writes, and the time until a row is in a write.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use warehouse_sink_core::{MessageId, Outcome, Timestamp};
use warehouse_sink_jetstream_model::Verdict;

use super::Oracle;
use super::facts::Facts;
use crate::event::{ROW_BYTES, StoredRow};
use crate::fault::Crossing;
use crate::held::{ENCODED, HANDLES, ROWS};
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
    /// Messages that were handed in and not settled.
    held: BTreeMap<MessageId, Hold>,
    /// The messages that it was ever handed of each sequence.
    handed: BTreeMap<u64, BTreeSet<MessageId>>,
    /// The writes that run, and the messages in each.
    writes: BTreeMap<u64, BTreeSet<MessageId>>,
    /// Keys that a write of was begun.
    tried: BTreeSet<String>,
    /// The bytes of the largest message that it was handed after something between it and the server was doubled. A pull request that the
    /// server gets twice is answered twice, and its grant counted once. The machine takes in one message over its limit and gives back
    /// those that come after it, as where rows take more than their messages: one that is never taken in unless it fits would wait for
    /// ever beside a steady stream of smaller ones.
    over: Option<u64>,
    /// When the process last woke, or last had all its writes running: what was due before could only begin then.
    hindered: Timestamp,
    /// Until when something kept settlements from the server. What was settled by then may not be known to be.
    disturbed: Option<Timestamp>,
}

/// A message that a process was handed.
struct Hold {
    since: Timestamp,
    /// A write of it ended in a way after which it may be settled, though the server was not told yet.
    let_go: bool,
}

impl Process {
    fn put(&mut self, at: Timestamp, put: u64, key: &str, rows: &[StoredRow]) -> Result<bool, String> {
        self.writes.insert(put, rows.iter().map(|row| row.message).collect());
        let saturated = self.writes.len() >= self.bounds.writes;
        let first = self.tried.insert(key.to_owned());
        let late = rows.iter().filter(|_| first).find(|row| {
            let due = |since: Timestamp| since.saturating_add(self.bounds.flush_interval).max(self.hindered);
            self.held.get(&row.message).is_some_and(|hold| at.since(due(hold.since)) > SLACK)
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
    fn hand_in(&mut self, at: Timestamp, message: MessageId) {
        let messages = self.handed.entry(message.stream_sequence).or_default();
        messages.insert(message);
        if messages.len() > 1 {
            return self.held.retain(|other, _| other.stream_sequence != message.stream_sequence);
        }
        let hold = self.held.entry(message).or_insert(Hold { since: at, let_go: false });
        // It comes again. A process that still holds it goes by the first time; one that has let go of it, and could not say so yet, holds it
        // anew. Nothing else makes a row late: what does not come again was held all the time.
        if hold.let_go || self.disturbed >= Some(hold.since) {
            *hold = Hold { since: at, let_go: false };
        }
    }

    /// A write came to its end. What it leaves un-written may be given back.
    fn end_write(&mut self, put: u64, outcome: Option<Outcome>, facts: &Facts) {
        for message in self.writes.remove(&put).into_iter().flatten() {
            if let Some(hold) = self.held.get_mut(&message) {
                hold.let_go |= outcome != Some(Outcome::Written) || facts.missing(message).is_none();
            }
        }
    }

    fn disturb(&mut self, until: Timestamp) {
        self.disturbed = self.disturbed.max(Some(until));
    }

    /// Each message has one handle, from the pull to the confirmed settlement, and one more while it is said to be in progress.
    fn handles(&self) -> u64 {
        2 * self.bounds.messages as u64
    }

    /// What waits for its next attempt is kept encoded only where that is no larger than the messages; what is being written is kept as well.
    fn encoded(&self) -> u64 {
        let written = self.bounds.writes * self.bounds.batch_rows * ROW_BYTES;
        self.bounds.bytes + self.over.unwrap_or(0) + written as u64
    }

    fn limit(&self, what: &str, value: u64) -> Result<bool, String> {
        let most = match what {
            "messages" => self.bounds.messages as u64,
            "bytes" | ROWS => self.bounds.bytes + self.over.unwrap_or(0),
            "holds" => 1,
            "open partitions" => self.bounds.open_partitions as u64,
            HANDLES => self.handles(),
            ENCODED => self.encoded(),
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
                writes: BTreeMap::new(),
                tried: BTreeSet::new(),
                over: None,
                hindered: at,
                disturbed: None,
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
                process.hand_in(at, reply.message);
                process.limit("messages", process.held.len() as u64)
            }
            Happening::Settling { verdict: Verdict::Progress, .. } => Ok(false),
            Happening::Settling { reply, .. } => {
                process.held.remove(&reply.message);
                Ok(false)
            }
            Happening::Held { what, value, .. } => process.limit(what, *value),
            Happening::PutBegun { put, key, rows, .. } => process.put(at, *put, key, rows),
            Happening::PartSent { put, rows, .. } => {
                process.writes.entry(*put).or_default().extend(rows.iter().map(|row| row.message));
                Ok(false)
            }
            Happening::PutEnded { put, outcome, .. } => {
                if process.writes.len() >= process.bounds.writes {
                    process.hindered = at;
                }
                process.end_write(*put, *outcome, &self.facts);
                Ok(false)
            }
            Happening::Resumed { .. } => {
                process.hindered = at;
                process.disturb(at);
                Ok(false)
            }
            Happening::LinkUp { .. } => {
                process.disturb(at);
                Ok(false)
            }
            Happening::LinkStalled { until, .. } => {
                process.disturb(*until);
                Ok(false)
            }
            Happening::Crossed { until, crossing, .. } => {
                process.disturb(*until);
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
        | Happening::PartSent { process, .. }
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
        for what in ["messages", "bytes", "open partitions", "writes", HANDLES, ROWS, ENCODED] {
            assert!(judged::<HeldBounds>(&[start(0), held(what, 10_000)]).is_err(), "{what}");
        }
        let many: Vec<_> = std::iter::once(start(0)).chain((1..=5).map(|sequence| handed(0, sequence))).collect();
        assert!(judged::<HeldBounds>(&many).is_err());
    }

    #[test]
    fn one_message_more_is_right_where_a_request_may_have_been_answered_twice() {
        let doubled = Happening::Crossed { process: ProcessId(0), crossing: Crossing::Doubled, until: Timestamp::ZERO };
        let large = match handed(0, 1) {
            Happening::Handed { process, reply, consumer, .. } => {
                Happening::Handed { process, reply, consumer, bytes: 614 }
            }
            other => other,
        };
        for what in ["bytes", ROWS] {
            assert!(judged::<HeldBounds>(&[start(0), large.clone(), held(what, 1200)]).is_err());
            let begin = [start(0), doubled.clone(), large.clone()];
            assert!(judged::<HeldBounds>(&[&begin[..], &[held(what, 1200)]].concat()).is_ok());
            assert!(judged::<HeldBounds>(&[&begin[..], &[held(what, 1800)]].concat()).is_err());
        }
    }

    #[test]
    fn a_row_is_in_a_write_within_the_flush_interval() {
        let put = |seconds| [(0, start(0)), (0, handed(0, 1)), (seconds, put_begun(0, &[(1, 2)]))];
        assert!(judged_at::<HeldBounds>(&put(1)).is_ok());
        assert!(judged_at::<HeldBounds>(&put(3)).is_err());
    }

    #[test]
    fn a_connection_that_was_lost_makes_no_row_late_that_did_not_come_again() {
        let up = Happening::LinkUp { process: ProcessId(0) };
        let put = |between: Vec<(u64, Happening)>| {
            let begin = vec![(0, start(0)), (0, published(1, 2)), (0, handed(0, 1)), (1, up.clone())];
            judged_at::<HeldBounds>(&[begin, between, vec![(3, put_begun(0, &[(1, 2)]))]].concat())
        };
        assert!(put(vec![]).is_err());
        assert!(put(vec![(2, handed_again(0, 1, 2))]).is_ok());
    }

    #[test]
    fn what_was_written_and_comes_again_is_held_anew() {
        let again = |outcome: Option<Outcome>| {
            let begin = [(0, start(0)), (0, published(1, 2)), (0, handed(0, 1)), (1, put_begun(0, &[(1, 2)]))];
            let ended = outcome
                .map(|outcome| put_ended(0, outcome))
                .into_iter()
                .flat_map(|ended| [(1, durable(&[(1, 2)])), (1, ended)]);
            let end = [(2, handed_again(0, 1, 2)), (3, put_begun(0, &[(1, 2), (2, 2)]))];
            judged_at::<HeldBounds>(&begin.into_iter().chain(ended).chain(end).collect::<Vec<_>>())
        };
        assert!(again(Some(Outcome::Written)).is_ok());
        assert!(again(None).is_err());
    }
}
