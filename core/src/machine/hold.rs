//! The hold: where nothing can be decoded it is the schema that is wrong, not the messages. They are given back until something can be
//! decoded, and none is terminated.
//!
//! A message counts once: one that this process holds, has written or has given back is not new. Messages without rows say nothing.

use super::Machine;
use crate::{Config, Delivery, Destination, Hold, HoldCause, MessageId, Row};

/// Watches how many of the new messages are poison.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Watch {
    /// A message with a row that is no dead letter came: the schema fits some messages.
    decoded: bool,
    window: Window,
    hold: Option<Hold>,
}

/// The new messages that are judged together: until something is decoded all of them, then `hold_after` at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Window {
    messages: usize,
    poison: usize,
    /// The sequence of the first poison message.
    first: Option<u64>,
}

impl Window {
    fn count(&mut self, message: MessageId, poison: bool) {
        self.messages += 1;
        if poison {
            self.poison += 1;
            self.first.get_or_insert(message.stream_sequence);
        }
    }

    fn exceeds(&self, percent: u8) -> bool {
        self.poison.saturating_mul(100) > self.messages.saturating_mul(usize::from(percent))
    }

    fn hold(&self, cause: HoldCause) -> Hold {
        let Window { messages, poison, first } = self;
        Hold { cause, messages: *messages, poison: *poison, first_sequence: first.unwrap_or_default(), given_back: 0 }
    }
}

impl Watch {
    /// The hold, while there is one.
    pub fn hold(&self) -> Option<Hold> {
        self.hold
    }

    fn given_back(&mut self, messages: u64) {
        if let Some(hold) = &mut self.hold {
            hold.given_back = hold.given_back.saturating_add(messages);
        }
    }

    /// Counts a message; says whether a hold begins with it.
    fn see(&mut self, message: MessageId, poison: bool, config: &Config) -> bool {
        if !self.decoded && poison {
            return self.see_nothing_decoded(message, config);
        }
        if !self.decoded {
            self.decoded = true;
            self.window = Window::default();
            // With a share set, one good message among many is no proof that this is over.
            let holds_on = self.hold.filter(|_| config.hold_share.is_some());
            self.hold = holds_on.map(|hold| Hold { cause: HoldCause::Share, ..hold });
        }
        config.hold_share.is_some_and(|share| self.see_share(message, poison, share, config))
    }

    fn see_nothing_decoded(&mut self, message: MessageId, config: &Config) -> bool {
        if self.hold.is_some() {
            return false;
        }
        self.window.count(message, true);
        let begins = self.window.poison >= config.hold_after;
        if begins {
            self.hold = Some(self.window.hold(HoldCause::NothingDecoded));
        }
        begins
    }

    fn see_share(&mut self, message: MessageId, poison: bool, share: u8, config: &Config) -> bool {
        self.window.count(message, poison);
        if self.window.messages < config.hold_after {
            return false;
        }
        let window = std::mem::take(&mut self.window);
        let holds = window.exceeds(share);
        let begins = holds && self.hold.is_none();
        match &mut self.hold {
            Some(hold) if holds => *hold = Hold { given_back: hold.given_back, ..window.hold(HoldCause::Share) },
            hold => *hold = holds.then(|| window.hold(HoldCause::Share)),
        }
        begins
    }
}

impl<P: Clone + Ord, R> Machine<P, R> {
    /// Counts a message that is neither held nor written, and says whether it has to be given back because poison is held.
    pub(super) fn holds_back(&mut self, message: MessageId, rows: &[Row<P, R>]) -> bool {
        if rows.is_empty() || self.config.hold_after == 0 {
            return false;
        }
        let poison = rows.iter().all(|row| row.destination == Destination::DeadLetter);
        let is_new = !self.is_unstored(message);
        if is_new && self.watch.see(message, poison, &self.config) {
            self.withdraw_dead_letters();
        }
        poison && self.watch.hold.is_some()
    }

    /// Gives back a message because poison is held.
    pub(super) fn hold_back(&mut self, delivery: &Delivery<P, R>) {
        self.turned_away.insert(delivery.message);
        self.give_back_later(delivery.id, delivery.delivery_count);
        let is_new = self.remember_unstored(delivery.message);
        self.watch.given_back(u64::from(is_new));
    }

    /// Gives back the poison that waits for its first write. What is being written, or was, goes its way, and so does what shares a batch
    /// with parts of messages that are good: another process would store their good rows once more.
    fn withdraw_dead_letters(&mut self) {
        let is_poison = |message| self.held.is_poison(message);
        let mut withdrawn = self.open.withdraw_dead_letters(is_poison);
        withdrawn.extend(self.writes.withdraw_dead_letters(is_poison));
        self.turned_away.extend(withdrawn.iter().copied());
        let ended = withdrawn.into_iter().filter(|message| self.row_withdrawn(*message)).count();
        self.watch.given_back(ended as u64);
    }
}
