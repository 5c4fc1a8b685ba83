//! Nothing is lost: at rest, every message is stored, unless the server itself lost it, dropped it, or was told not to deliver it.

use std::collections::BTreeSet;

use warehouse_sink_core::{MessageId, Timestamp};

use super::Oracle;
use super::facts::Facts;
use crate::history::Happening;

#[derive(Default)]
pub(super) struct NoLoss {
    facts: Facts,
    excused: BTreeSet<MessageId>,
    at_rest: bool,
}

impl Oracle for NoLoss {
    const NAME: &'static str = "no loss";

    fn see(&mut self, _: Timestamp, happening: &Happening) -> Result<bool, String> {
        self.facts.see(happening);
        match happening {
            Happening::Dropped { message }
            | Happening::LostByServer { message }
            | Happening::NotDelivered { message } => {
                self.excused.insert(*message);
            }
            // An ack of a message that the server lost reached the one that has its sequence now, and the process could not
            // know of it. JetStream's acks name no more than the sequence.
            Happening::Received { process, reply, settled, .. } => {
                let excused = settled.iter().filter(|settled| self.facts.excuses(*process, **settled, reply));
                self.excused.extend(excused);
            }
            Happening::AtRest => self.at_rest = true,
            _ => {}
        }
        Ok(false)
    }

    fn end(&mut self) -> Result<bool, String> {
        if !self.at_rest {
            return Ok(false);
        }
        let lost = |message: &MessageId| !self.excused.contains(message) && self.facts.missing(*message).is_some();
        match self.facts.messages().find(lost) {
            Some(message) => Err(format!("{message:?} is settled and not stored")),
            None => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::*;
    use super::*;

    #[test]
    fn all_is_stored_or_excused() {
        let history = [start(0), published(1, 2), published(2, 2), dropped(2), durable(&[(1, 2)]), Happening::AtRest];
        assert_eq!(judged::<NoLoss>(&history), Ok(1));
    }

    #[test]
    fn a_message_that_is_not_stored_is_lost() {
        let history = [start(0), published(1, 2), published(2, 2), durable(&[(1, 2)]), Happening::AtRest];
        assert!(judged::<NoLoss>(&history).unwrap_err().contains("stream_sequence: 2"));
    }
}
