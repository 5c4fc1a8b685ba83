//! Settlement: the only place where a delivery is acked, given back, terminated or forgotten.
//!
//! **Architecture Invariant:** `Ack` and `Term` are made by `settle_stored` alone, and it is called only for a message whose rows were
//! all reported as `Written` (or that has none to write).

use std::time::Duration;

use super::Machine;
use super::held::{HeldMessage, RowEnd};
use super::writes::{Ended, Member};
use crate::backoff::dice;
use crate::{BatchId, Command, DeliveryId, MessageId, Outcome, Timestamp};

impl<P: Clone + Ord, R> Machine<P, R> {
    /// Takes the result of a write, and settles the messages that it was the last word on.
    pub(super) fn finish_write(&mut self, now: Timestamp, batch: BatchId, outcome: Outcome) {
        match self.writes.finish(now, batch, outcome, &self.config) {
            None => {}
            Some(Ended::Written(members)) => {
                for member in members {
                    self.row_written(batch, member);
                }
            }
            Some(Ended::GivenUp(members)) => {
                self.commands.push_back(Command::Discard { batch });
                for (message, _) in members {
                    self.row_given_up(batch.0, message);
                }
            }
        }
    }

    fn row_written(&mut self, batch: BatchId, member: Member) {
        let (message, _) = member;
        let Some(RowEnd { splits, last }) = self.held.end_row(message, false) else { return };
        if splits {
            self.written.insert_row(member);
        }
        if let Some(held) = last {
            self.settle_ended(batch.0, message, held);
        }
    }

    /// A row is not going to be written. Whether its message was given back with that: it was the last of its rows.
    fn row_given_up(&mut self, roll: u64, message: MessageId) -> bool {
        let last = self.held.end_row(message, true).and_then(|end| end.last);
        let is_last = last.is_some();
        if let Some(held) = last {
            self.settle_ended(roll, message, held);
        }
        is_last
    }

    /// A row is taken out of a batch that was never tried. Whether its message was given back with that.
    pub(super) fn row_withdrawn(&mut self, message: MessageId) -> bool {
        self.row_given_up(u64::MAX, message)
    }

    /// Settles a message; its last row has ended.
    fn settle_ended(&mut self, roll: u64, message: MessageId, held: HeldMessage) {
        if held.failed {
            // One roll for the whole batch: its messages come back together and fill one batch again.
            let dice = dice(self.config.jitter_seed, roll);
            let delay = self.config.nak.delay(held.delivery_count.saturating_sub(1), dice);
            let delay = if self.shutdown.is_some() { Duration::ZERO } else { delay };
            self.give_back(held.delivery, delay);
            self.remember_unstored(message);
            return;
        }
        self.remember_written(message, held.poison);
        if !held.rivals.is_empty() {
            self.held.concede(message);
        }
        self.settle_stored(held.delivery, held.poison, !held.rivals.is_empty());
    }

    pub(super) fn remember_written(&mut self, message: MessageId, poison: bool) {
        self.written.insert(message, poison);
        self.unstored.remove(&message);
    }

    /// Remembers a message that was given back; whether it was not known as such.
    pub(super) fn remember_unstored(&mut self, message: MessageId) -> bool {
        let is_new = self.unstored.insert(message);
        if self.unstored.len() > self.config.max_remembered {
            self.unstored.pop_first();
        }
        is_new
    }

    /// Whether the message was given back and has not been stored since.
    pub(super) fn is_unstored(&self, message: MessageId) -> bool {
        self.unstored.contains(&message)
    }

    /// Settles a delivery of a message that is stored, unless it is contested: another message of its sequence is known and not stored.
    ///
    /// The server goes by the sequence. It may have the other message by now, and wait for it even where this process gave it back: an ack
    /// could settle that one. If it has this one, it delivers it again, and that delivery is settled.
    pub(super) fn settle_stored(&mut self, delivery: DeliveryId, poison: bool, contested: bool) {
        self.commands.push_back(if contested {
            Command::Forget { delivery }
        } else if poison {
            Command::Term { delivery }
        } else {
            Command::Ack { delivery }
        });
    }

    /// Gives a delivery back.
    pub(super) fn give_back(&mut self, delivery: DeliveryId, delay: Duration) {
        self.commands.push_back(Command::Nak { delivery, delay });
    }

    /// Drops a delivery that another one took the place of.
    pub(super) fn forget(&mut self, delivery: DeliveryId) {
        self.commands.push_back(Command::Forget { delivery });
    }

    /// Gives back a delivery that can't be taken in now, with the delay that grows.
    pub(super) fn give_back_later(&mut self, delivery: DeliveryId, delivery_count: u64) {
        let dice = dice(self.config.jitter_seed, delivery.0);
        let delay = self.config.nak.delay(delivery_count.saturating_sub(1), dice);
        self.give_back(delivery, delay);
    }

    /// Gives back all that is held: the shutdown's deadline came. No batch is open any more: a shutdown closes them all.
    pub(super) fn abandon(&mut self) {
        for batch in self.writes.abandon() {
            self.commands.push_back(Command::Discard { batch });
        }
        for held in self.held.clear() {
            self.abandoned += 1;
            self.give_back(held.delivery, Duration::ZERO);
        }
    }
}
