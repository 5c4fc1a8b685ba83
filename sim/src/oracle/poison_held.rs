//! While a process could decode nothing, it terminates fewer messages than begin a hold.

use std::collections::{BTreeMap, BTreeSet};

use warehouse_sink_core::{MessageId, Timestamp};
use warehouse_sink_jetstream_model::Verdict;

use super::Oracle;
use super::facts::Facts;
use crate::history::{Happening, ProcessId};

#[derive(Default)]
pub(super) struct PoisonHeld {
    facts: Facts,
    processes: BTreeMap<ProcessId, Process>,
}

#[derive(Default)]
struct Process {
    hold_after: usize,
    /// It was handed a message that is not poison only.
    decoded: bool,
    terminated: BTreeSet<MessageId>,
}

impl Oracle for PoisonHeld {
    const NAME: &'static str = "poison is held";

    fn see(&mut self, _: Timestamp, happening: &Happening) -> Result<bool, String> {
        self.facts.see(happening);
        match happening {
            Happening::Started { process, bounds } => {
                let started = Process { hold_after: bounds.hold_after, ..Process::default() };
                self.processes.insert(*process, started);
            }
            Happening::Handed { process, reply, .. } => {
                let event = self.facts.event(reply.message);
                let good = event.is_some_and(|event| !event.rows.is_empty() && !event.is_poison());
                self.processes.entry(*process).or_default().decoded |= good;
            }
            Happening::Settling { process, reply, verdict: Verdict::Term } => {
                let state = self.processes.entry(*process).or_default();
                state.terminated.insert(reply.message);
                if state.decoded || state.hold_after == 0 {
                    return Ok(false);
                }
                let (count, most) = (state.terminated.len(), state.hold_after);
                return match count < most {
                    true => Ok(true),
                    false => Err(format!(
                        "{process:?} decoded nothing and terminated {count}, and is to hold from {most} on"
                    )),
                };
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

    const POISON: u8 = 255;

    fn poison(sequence: u64) -> [Happening; 3] {
        [published(sequence, POISON), handed(0, sequence), settling(0, sequence, Verdict::Term)]
    }

    #[test]
    fn as_many_as_begin_a_hold_are_not_terminated() {
        let few: Vec<_> = [start(0)].into_iter().chain(poison(1)).chain([settling(0, 1, Verdict::Term)]).collect();
        assert_eq!(judged::<PoisonHeld>(&few), Ok(2), "it is one message");
        let many: Vec<_> = few.into_iter().chain(poison(2)).collect();
        assert!(judged::<PoisonHeld>(&many).unwrap_err().contains("terminated 2"));
    }

    #[test]
    fn what_can_be_decoded_ends_it() {
        let good = [published(7, 3), handed(0, 7)];
        let history: Vec<_> = [start(0)].into_iter().chain(good).chain(poison(1)).chain(poison(2)).collect();
        assert_eq!(judged::<PoisonHeld>(&history), Ok(0));
    }
}
