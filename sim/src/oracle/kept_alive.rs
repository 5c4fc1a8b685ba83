//! A delivery that a process holds is kept alive, or given back, before its ack wait ends: as long as the process runs and its
//! connection carries.

use std::collections::{BTreeMap, BTreeSet};

use warehouse_sink_core::{MessageId, Timestamp};
use warehouse_sink_jetstream_model::Verdict;

use super::Oracle;
use crate::history::{Bounds, Happening, ProcessId};

#[derive(Default)]
pub(super) struct KeptAlive {
    processes: BTreeMap<ProcessId, Process>,
    /// The consumer's ack wait is shorter than the one that processes keep to.
    shortened: bool,
    /// Who has the newest delivery of a message, and since when.
    holders: BTreeMap<MessageId, (ProcessId, Timestamp)>,
    /// How many consumers of the name there were.
    consumers: u64,
    /// The messages that a process was handed of each sequence. Of two, one may be left to come again: to settle it could settle the
    /// other.
    handed: BTreeMap<(ProcessId, u64), BTreeSet<MessageId>>,
}

struct Process {
    bounds: Bounds,
    /// Since when nothing has disturbed it, but for what still does.
    calm_since: Timestamp,
    paused: bool,
    connected: bool,
}

impl KeptAlive {
    fn disturb(&mut self, process: ProcessId, until: Timestamp, change: impl FnOnce(&mut Process)) {
        if let Some(process) = self.processes.get_mut(&process) {
            process.calm_since = process.calm_since.max(until);
            change(process);
        }
    }

    fn over(&self, at: Timestamp, message: MessageId) -> Result<bool, String> {
        let Some((holder, since)) = self.holders.get(&message) else { return Ok(false) };
        let Some(process) = self.processes.get(holder) else { return Ok(false) };
        let of_one_sequence = self.handed.get(&(*holder, message.stream_sequence)).map_or(0, BTreeSet::len);
        let calm = of_one_sequence == 1 && process.connected && !process.paused && !self.shortened;
        if !calm || at.since(process.calm_since.max(*since)) < process.bounds.ack_wait {
            return Ok(false);
        }
        Err(format!("{holder:?} holds {message:?}, and let its ack wait run out"))
    }
}

impl Oracle for KeptAlive {
    const NAME: &'static str = "kept alive";

    fn see(&mut self, at: Timestamp, happening: &Happening) -> Result<bool, String> {
        match happening {
            Happening::Started { process, bounds } => {
                self.processes.insert(
                    *process,
                    Process { bounds: bounds.clone(), calm_since: at, paused: false, connected: true },
                );
            }
            Happening::Paused { process } => self.disturb(*process, at, |process| process.paused = true),
            Happening::Resumed { process } => self.disturb(*process, at, |process| process.paused = false),
            Happening::LinkDown { process } => self.disturb(*process, at, |process| process.connected = false),
            Happening::LinkUp { process } => self.disturb(*process, at, |process| process.connected = true),
            Happening::LinkStalled { process, until } | Happening::Crossed { process, until, .. } => {
                self.disturb(*process, *until, |_| {});
            }
            Happening::Killed { process } | Happening::Ended { process, .. } => {
                self.processes.remove(process);
            }
            Happening::Handed { process, reply, consumer, .. } => {
                // A request that was meant for a consumer that is no more may be taken by the one of its name. What that delivers is not known to
                // be its own: it is let go of, and comes again.
                if *consumer == self.consumers {
                    self.holders.insert(reply.message, (*process, at));
                } else {
                    self.holders.remove(&reply.message);
                }
                self.handed.entry((*process, reply.message.stream_sequence)).or_default().insert(reply.message);
            }
            Happening::Settling { verdict: Verdict::Progress, .. } => return Ok(true),
            Happening::Settling { reply, .. } => {
                self.holders.remove(&reply.message);
            }
            // The nak of a process that had an earlier delivery takes the message from the one that has it now.
            Happening::Received { process, reply, verdict: Verdict::Nak(_), .. }
                if self.holders.get(&reply.message).is_some_and(|(holder, _)| holder != process) =>
            {
                self.holders.remove(&reply.message);
            }
            Happening::ConsumerEdited { ack_wait, .. } => {
                self.shortened = self.processes.values().any(|process| *ack_wait < process.bounds.ack_wait);
                let disturbed: Vec<_> = self.processes.keys().copied().collect();
                disturbed.into_iter().for_each(|process| self.disturb(process, at, |_| {}));
            }
            Happening::ConsumerDeleted | Happening::StreamRecreated => {
                self.holders.clear();
                self.shortened = false;
            }
            Happening::ConsumerCreated { .. } => self.consumers += 1,
            Happening::AckWaitOver { message } => return self.over(at, *message),
            _ => {}
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::*;
    use super::*;

    #[test]
    fn an_ack_wait_that_runs_out_in_calm_is_wrong() {
        let over = [(0, start(0)), (0, handed(0, 1)), (9, ack_wait_over(1))];
        assert!(judged_at::<KeptAlive>(&over).is_err());
    }

    #[test]
    fn what_an_earlier_consumer_was_asked_for_is_let_go_of() {
        let created = Happening::ConsumerCreated { process: ProcessId(0) };
        let history = |before: Vec<Happening>, after: Vec<Happening>| {
            let handed = match handed(0, 1) {
                Happening::Handed { process, reply, bytes, .. } => {
                    Happening::Handed { process, reply, consumer: 1, bytes }
                }
                other => other,
            };
            let begin = [vec![start(0)], before, vec![created.clone()], after, vec![handed]].concat();
            let begin = begin.into_iter().map(|happening| (0, happening));
            judged_at::<KeptAlive>(&begin.chain([(9, ack_wait_over(1))]).collect::<Vec<_>>())
        };
        let deleted = Happening::ConsumerDeleted;
        assert!(history(vec![], vec![deleted.clone(), created.clone()]).is_ok());
        assert!(history(vec![deleted], vec![]).is_err(), "it is of the new one");
    }

    #[test]
    fn it_may_run_out_where_the_process_could_not_help_it() {
        let paused =
            [(0, start(0)), (0, handed(0, 1)), (1, Happening::Paused { process: ProcessId(0) }), (9, ack_wait_over(1))];
        assert!(judged_at::<KeptAlive>(&paused).is_ok());
        let settled = [(0, start(0)), (0, handed(0, 1)), (1, settling(0, 1, Verdict::Ack)), (9, ack_wait_over(1))];
        assert!(judged_at::<KeptAlive>(&settled).is_ok());
    }
}
