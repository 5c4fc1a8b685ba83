//! A row is stored twice only where something explains it: its process died or gave up with the row's fate open, or the server
//! gave its message to somebody else.

use std::collections::{BTreeMap, BTreeSet};

use warehouse_sink_core::{MessageId, Timestamp};
use warehouse_sink_jetstream_model::Verdict;

use super::Oracle;
use crate::history::{Happening, ProcessId};

#[derive(Default)]
pub(super) struct Duplicates {
    remembers: bool,
    /// The process that made each put.
    puts: BTreeMap<u64, ProcessId>,
    /// In which object, and by which process, a row was stored first.
    stored: BTreeMap<(MessageId, u32), (String, ProcessId)>,
    /// Who ever had a message.
    handed: BTreeMap<ProcessId, BTreeSet<MessageId>>,
    published: BTreeSet<MessageId>,
    /// Messages that may be stored by more than one process.
    explained: BTreeSet<MessageId>,
    stopping: BTreeSet<ProcessId>,
}

impl Duplicates {
    /// All that the process ever had may be stored by another one as well.
    fn explain(&mut self, process: ProcessId) {
        if let Some(messages) = self.handed.get(&process) {
            self.explained.extend(messages);
        }
    }

    fn check(&mut self, row: (MessageId, u32), key: &str, process: ProcessId) -> Result<(), String> {
        let (first, by) = self.stored.entry(row).or_insert_with(|| (key.to_owned(), process));
        if first == key {
            return Ok(());
        }
        if *by == process && self.remembers {
            return Err(format!("{process:?} stored {row:?} twice, in {first} and {key}"));
        }
        if *by != process && !self.explained.contains(&row.0) {
            return Err(format!("{by:?} and {process:?} stored {row:?}, and nothing explains it"));
        }
        Ok(())
    }
}

impl Oracle for Duplicates {
    const NAME: &'static str = "duplicates are explained";

    fn see(&mut self, _: Timestamp, happening: &Happening) -> Result<bool, String> {
        match happening {
            Happening::Started { bounds, .. } => self.remembers = bounds.remembers,
            Happening::Handed { process, reply, .. } => {
                self.handed.entry(*process).or_default().insert(reply.message);
            }
            Happening::PutBegun { process, put, .. } => {
                self.puts.insert(*put, *process);
            }
            Happening::Killed { process } | Happening::LinkDown { process } | Happening::Ended { process, .. } => {
                self.explain(*process);
            }
            Happening::StopAsked { process } => {
                self.stopping.insert(*process);
            }
            // At its deadline a process gives back what it holds, writes of unknown fate included.
            Happening::Settling { process, reply, verdict: Verdict::Nak(_) } if self.stopping.contains(process) => {
                self.explained.insert(reply.message);
            }
            Happening::AckWaitOver { message } => {
                self.explained.insert(*message);
            }
            // Acks that are forgotten, and deliveries of a consumer that is no more, are of what was there by then.
            Happening::Published { message, .. } => {
                self.published.insert(*message);
            }
            Happening::ServerDown | Happening::ConsumerDeleted | Happening::StreamRecreated => {
                self.explained.extend(&self.published)
            }
            Happening::Durable { key, rows, put } => {
                let process = self.puts.get(put).copied().unwrap_or(ProcessId(u32::MAX));
                for row in rows.iter() {
                    self.check((row.message, row.index), key, process)?;
                }
                return Ok(true);
            }
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
    fn one_object_may_be_stored_twice() {
        let history = [start(0), put_begun(0, &[(1, 2)]), durable(&[(1, 2)]), durable(&[(1, 2)])];
        assert_eq!(judged::<Duplicates>(&history), Ok(2));
    }

    #[test]
    fn a_row_in_two_objects_needs_a_reason() {
        let twice = |reason: Vec<Happening>| {
            let mut history = vec![start(0), start(1), handed(0, 1), put_begun(0, &[(1, 2)]), durable(&[(1, 2)])];
            history.extend(reason);
            history.extend([put_begun(1, &[(1, 2), (2, 2)]), durable_by(1, &[(1, 2), (2, 2)])]);
            judged::<Duplicates>(&history)
        };
        assert!(twice(vec![]).unwrap_err().contains("nothing explains"));
        assert!(twice(vec![Happening::Killed { process: ProcessId(0) }]).is_ok());
    }

    #[test]
    fn no_reason_is_good_enough_within_a_process() {
        let history =
            [start(0), put_begun(0, &[(1, 2)]), durable(&[(1, 2)]), Happening::ServerDown, durable(&[(1, 2), (2, 2)])];
        assert!(judged::<Duplicates>(&history).unwrap_err().contains("twice"));
    }
}
