//! A consumer that somebody edits so that it loses messages is refused: soon after, nobody is handed any message of it.

use std::collections::BTreeMap;
use std::time::Duration;

use warehouse_sink_core::Timestamp;

use super::Oracle;
use crate::history::{Happening, ProcessId};

/// How long it may take until that is noticed, and a pull request that was under way by then has ended.
const NOTICED: Duration = Duration::from_secs(8);

#[derive(Default)]
pub(super) struct Refused {
    /// Since when the consumer loses messages.
    loses: Option<Timestamp>,
    /// Until when something may have kept a process from noticing.
    hindered: BTreeMap<ProcessId, Timestamp>,
}

impl Oracle for Refused {
    const NAME: &'static str = "a consumer that loses is refused";

    fn see(&mut self, at: Timestamp, happening: &Happening) -> Result<bool, String> {
        match happening {
            Happening::ConsumerEdited { loses, .. } => {
                self.loses = loses.then_some(self.loses.unwrap_or(at));
                Ok(*loses)
            }
            // The one that takes its place is as the sink wants it.
            Happening::ConsumerDeleted | Happening::StreamRecreated => {
                self.loses = None;
                Ok(false)
            }
            Happening::Paused { process } | Happening::Resumed { process } | Happening::LinkDown { process } => {
                self.hindered.insert(*process, at);
                Ok(false)
            }
            Happening::LinkStalled { process, until } | Happening::Crossed { process, until, .. } => {
                let hindered = self.hindered.entry(*process).or_default();
                *hindered = (*hindered).max(*until);
                Ok(false)
            }
            Happening::Handed { process, reply, .. } => {
                let Some(loses) = self.loses else { return Ok(false) };
                let since = self.hindered.get(process).copied().unwrap_or_default().max(loses);
                if at.since(since) < NOTICED {
                    return Ok(false);
                }
                Err(format!("{process:?} takes {reply:?} of a consumer that loses messages since {loses:?}"))
            }
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::*;
    use super::*;

    #[test]
    fn what_is_handed_in_long_after_the_edit_is_wrong() {
        let edited = |loses| Happening::ConsumerEdited { ack_wait: Duration::from_secs(4), loses };
        let history = |loses, seconds| [(0, start(0)), (1, edited(true)), (2, edited(loses)), (seconds, handed(0, 1))];
        assert!(judged_at::<Refused>(&history(true, 8)).is_ok());
        assert!(judged_at::<Refused>(&history(true, 9)).is_err());
        assert!(judged_at::<Refused>(&history(false, 30)).is_ok());
    }
}
