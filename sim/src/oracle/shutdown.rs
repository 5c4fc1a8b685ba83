//! A process that is told to stop does so in time, whatever fails meanwhile, with nothing left unsent on a good connection.

use std::collections::BTreeMap;
use std::time::Duration;

use warehouse_sink_core::Timestamp;

use super::Oracle;
use crate::history::{Happening, ProcessId};

/// How long a process may take to settle what it has after something kept it from that: a round that was under way is given up after 2 s
/// without an answer, the next comes 2 s later at most, and goes there and back.
const SETTLES: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Shutdown {
    limits: BTreeMap<ProcessId, Duration>,
    /// When each process that was told to stop has to have stopped.
    due: BTreeMap<ProcessId, Timestamp>,
    paused: BTreeMap<ProcessId, Timestamp>,
    /// Until when something kept each process's settlements from the server, or their confirmations from it.
    disturbed: BTreeMap<ProcessId, Timestamp>,
    now: Timestamp,
}

impl Shutdown {
    fn disturb(&mut self, process: ProcessId, until: Timestamp) {
        let disturbed = self.disturbed.entry(process).or_default();
        *disturbed = (*disturbed).max(until);
    }

    /// Nothing is left un-sent without a reason.
    fn unsent(&self, at: Timestamp, process: ProcessId, unsent: usize) -> Result<bool, String> {
        let disturbed = self.disturbed.get(&process).copied().unwrap_or_default();
        if unsent == 0 || at.since(disturbed) < SETTLES {
            return Ok(true);
        }
        Err(format!(
            "{process:?} ended with {unsent} settlements un-sent, and could have sent them since {disturbed:?}"
        ))
    }
}

impl Oracle for Shutdown {
    const NAME: &'static str = "stops in time";

    fn see(&mut self, at: Timestamp, happening: &Happening) -> Result<bool, String> {
        self.now = at;
        match happening {
            Happening::Started { process, bounds } => {
                self.limits.insert(*process, bounds.stop);
            }
            Happening::StopAsked { process } => {
                let limit = self.limits.get(process).copied().unwrap_or_default();
                self.due.insert(*process, at.saturating_add(limit));
            }
            Happening::Paused { process } => {
                self.paused.insert(*process, at);
            }
            Happening::Resumed { process } => {
                // Time in which it could do nothing does not count.
                let lost = self.paused.remove(process).map_or(Duration::ZERO, |since| at.since(since));
                if let Some(due) = self.due.get_mut(process) {
                    *due = due.saturating_add(lost);
                }
                self.disturb(*process, at);
            }
            // It lasts until the connection is there again.
            Happening::LinkDown { process } => self.disturb(*process, Timestamp::MAX),
            Happening::LinkUp { process } => {
                self.disturbed.insert(*process, at);
            }
            Happening::LinkStalled { process, until } | Happening::Crossed { process, until, .. } => {
                self.disturb(*process, *until);
            }
            Happening::Killed { process } => {
                self.due.remove(process);
            }
            Happening::Ended { process, unsent, .. } => {
                let Some(due) = self.due.remove(process) else {
                    return Err(format!("{process:?} ended, and nobody had told it to"));
                };
                let late = at.since(due);
                if !late.is_zero() {
                    return Err(format!("{process:?} stopped {late:?} too late"));
                }
                return self.unsent(at, *process, *unsent);
            }
            _ => {}
        }
        Ok(false)
    }

    fn end(&mut self) -> Result<bool, String> {
        match self.due.iter().find(|(_, due)| **due < self.now) {
            Some((process, _)) => Err(format!("{process:?} was told to stop and never did")),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::*;
    use super::*;

    fn stop() -> Happening {
        Happening::StopAsked { process: ProcessId(0) }
    }

    #[test]
    fn in_time_is_right_and_late_or_never_is_wrong() {
        assert_eq!(judged_at::<Shutdown>(&[(0, start(0)), (1, stop()), (4, ended(0))]), Ok(1));
        assert!(judged_at::<Shutdown>(&[(0, start(0)), (1, stop()), (8, ended(0))]).is_err());
        assert!(judged_at::<Shutdown>(&[(0, start(0)), (1, stop()), (8, Happening::AtRest)]).is_err());
    }

    #[test]
    fn nothing_is_left_unsent_on_a_good_connection() {
        let ended = Happening::Ended { process: ProcessId(0), abandoned: 0, unsent: 1 };
        let down = Happening::LinkDown { process: ProcessId(0) };
        let up = Happening::LinkUp { process: ProcessId(0) };
        let stops = |between: &[(u64, Happening)]| {
            let begin = [vec![(0, start(0))], between.to_vec(), vec![(20, stop()), (24, ended.clone())]];
            judged_at::<Shutdown>(&begin.concat())
        };
        assert!(stops(&[]).is_err());
        assert!(stops(&[(1, down.clone())]).is_ok());
        assert!(stops(&[(1, down.clone()), (20, up.clone())]).is_ok());
        assert!(stops(&[(1, down), (16, up)]).is_err());
    }

    #[test]
    fn nobody_stops_by_himself() {
        assert!(judged::<Shutdown>(&[start(0), ended(0)]).is_err());
    }
}
