//! A process that is told to stop does so in time, whatever fails meanwhile, with nothing left unsent on a good connection.

use std::collections::BTreeMap;
use std::time::Duration;

use warehouse_sink_core::Timestamp;

use super::Oracle;
use crate::history::{Happening, ProcessId};

#[derive(Default)]
pub(super) struct Shutdown {
    limits: BTreeMap<ProcessId, Duration>,
    /// When each process that was told to stop has to have stopped.
    due: BTreeMap<ProcessId, Timestamp>,
    paused: BTreeMap<ProcessId, Timestamp>,
    now: Timestamp,
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
            }
            Happening::Killed { process } => {
                self.due.remove(process);
            }
            Happening::Ended { process, .. } => {
                let Some(due) = self.due.remove(process) else {
                    return Err(format!("{process:?} ended, and nobody had told it to"));
                };
                let late = at.since(due);
                return if late.is_zero() { Ok(true) } else { Err(format!("{process:?} stopped {late:?} too late")) };
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
    fn nobody_stops_by_himself() {
        assert!(judged::<Shutdown>(&[start(0), ended(0)]).is_err());
    }
}
