//! Every delivery is settled once, or replaced by a newer delivery of its message; at the end of a process none is left, but for
//! what came when its time to stop was over.

use std::collections::BTreeMap;
use std::time::Duration;

use warehouse_sink_core::{MessageId, Timestamp};
use warehouse_sink_jetstream_model::{Reply, Verdict};

use super::Oracle;
use crate::history::{Happening, ProcessId};

#[derive(Default)]
pub(super) struct SettledOnce {
    processes: BTreeMap<ProcessId, Deliveries>,
}

/// A delivery may be on its way through the driver when the deadline comes.
const SLACK: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Deliveries {
    /// How long the process has to stop, once it is told to.
    shutdown: Duration,
    /// When the driver takes nothing more.
    deadline: Option<Timestamp>,
    /// How often a delivery was handed in and not yet settled. A server that forgot gives the same reply twice.
    open: BTreeMap<Reply, u32>,
    /// Messages that were handed in, and not settled since.
    held: BTreeMap<MessageId, Reply>,
}

impl Deliveries {
    fn settle(&mut self, reply: &Reply) -> Result<bool, String> {
        self.held.remove(&reply.message);
        match self.open.get_mut(reply) {
            Some(count) if *count > 0 => {
                *count -= 1;
                Ok(true)
            }
            _ => Err(format!("{reply:?} was settled twice, or never handed in")),
        }
    }

    /// Messages that were handed in and not settled since. One of two that had the same sequence may be: an ack of it could have
    /// reached the other.
    fn left(&self) -> impl Iterator<Item = &Reply> {
        let rival = |other: &MessageId, message: &MessageId| {
            other.stream_sequence == message.stream_sequence && other.published_at != message.published_at
        };
        let has_rival = move |message: &MessageId| self.open.keys().any(|reply| rival(&reply.message, message));
        self.held.iter().filter(move |(message, _)| !has_rival(message)).map(|(_, reply)| reply)
    }
}

impl Oracle for SettledOnce {
    const NAME: &'static str = "settled exactly once";

    fn see(&mut self, at: Timestamp, happening: &Happening) -> Result<bool, String> {
        match happening {
            Happening::Handed { process, reply, .. } => {
                let deliveries = self.processes.entry(*process).or_default();
                *deliveries.open.entry(*reply).or_default() += 1;
                if deliveries.deadline.is_none_or(|deadline| at.saturating_add(SLACK) < deadline) {
                    deliveries.held.insert(reply.message, *reply);
                }
                Ok(false)
            }
            Happening::Started { process, bounds } => {
                self.processes.entry(*process).or_default().shutdown = bounds.shutdown;
                Ok(false)
            }
            Happening::StopAsked { process } => {
                let deliveries = self.processes.entry(*process).or_default();
                deliveries.deadline = Some(at.saturating_add(deliveries.shutdown));
                Ok(false)
            }
            Happening::Settling { verdict: Verdict::Progress, .. } => Ok(false),
            Happening::Settling { process, reply, .. } => self.processes.entry(*process).or_default().settle(reply),
            // What it says that it did not get rid of is not forgotten.
            Happening::Ended { process, unsent, .. } => {
                match self.processes.entry(*process).or_default().left().nth(*unsent) {
                    Some(reply) => Err(format!("{process:?} ended, and never settled {reply:?}")),
                    None => Ok(true),
                }
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
    fn once_is_right_and_a_replaced_delivery_needs_nothing() {
        let redelivered = handed_again(0, 1, 2);
        let history = [handed(0, 1), redelivered, settling_again(0, 1, 2, Verdict::Ack), ended(0)];
        assert_eq!(judged::<SettledOnce>(&history), Ok(2));
    }

    #[test]
    fn what_comes_after_the_deadline_is_left_to_the_server() {
        let stop = Happening::StopAsked { process: ProcessId(0) };
        let late = |seconds| [(0, start(0)), (1, stop.clone()), (seconds, handed(0, 1)), (6, ended(0))];
        assert!(judged_at::<SettledOnce>(&late(3)).is_ok());
        assert!(judged_at::<SettledOnce>(&late(1)).is_err());
    }

    #[test]
    fn twice_or_never_is_wrong() {
        let twice = [handed(0, 1), settling(0, 1, Verdict::Ack), settling(0, 1, Verdict::Ack)];
        assert!(judged::<SettledOnce>(&twice).is_err());
        let never = [handed(0, 1), settling(0, 1, Verdict::Progress), ended(0)];
        assert!(judged::<SettledOnce>(&never).is_err());
        let again = [handed(0, 1), settling(0, 1, Verdict::Ack), handed_again(0, 1, 2), ended(0)];
        assert!(judged::<SettledOnce>(&again).is_err());
    }
}
