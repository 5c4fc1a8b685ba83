//! The messages that are neither settled nor given back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::{Delivery, DeliveryId, MessageId, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    messages: BTreeMap<MessageId, HeldMessage>,
    bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct HeldMessage {
    /// The newest delivery.
    pub delivery: DeliveryId,
    pub delivery_count: u64,
    /// When the server last restarted the delivery's ack wait, as far as this process knows.
    pub alive_since: Timestamp,
    /// Rows whose batch has not ended yet.
    pub pending_rows: usize,
    /// A batch with one of the rows was given up.
    pub failed: bool,
    /// The message holds nothing but poison.
    pub poison: bool,
    /// More than one row, so that some may be written while others fail.
    pub splits: bool,
    pub bytes: u64,
    /// Other messages of the same sequence that came while this one was held, and are not written. Nearly always none.
    pub rivals: Vec<MessageId>,
}

/// What the end of a row means for its message.
pub(super) struct RowEnd {
    /// The message has more rows than this.
    pub splits: bool,
    /// The message, let go of, if this was the last of its rows.
    pub last: Option<HeldMessage>,
}

impl Held {
    pub fn new() -> Self {
        Held { messages: BTreeMap::new(), bytes: 0 }
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn contains(&self, message: MessageId) -> bool {
        self.may_hold(message.stream_sequence) && self.messages.contains_key(&message)
    }

    /// Whether a message is held that is nothing but poison.
    pub fn is_poison(&self, message: MessageId) -> bool {
        self.messages.get(&message).is_some_and(|held| held.poison)
    }

    /// Whether a message of this sequence can be held. Most that come are newer than all that are, and cost one comparison.
    fn may_hold(&self, stream_sequence: u64) -> bool {
        self.messages.last_key_value().is_some_and(|(last, _)| stream_sequence <= last.stream_sequence)
    }

    /// Another message of a held one's sequence came: each has to know of the other. Gives those that are held.
    pub fn contest(&mut self, message: MessageId) -> Vec<MessageId> {
        if !self.may_hold(message.stream_sequence) {
            return Vec::new();
        }
        let [first, last] = every_message_of(message.stream_sequence);
        let mut rivals = Vec::new();
        for (other, held) in self.messages.range_mut(first..=last) {
            if !held.rivals.contains(&message) {
                held.rivals.push(message);
            }
            rivals.push(*other);
        }
        rivals
    }

    /// The message is written: an ack that reaches it can do no harm.
    pub fn concede(&mut self, message: MessageId) {
        let [first, last] = every_message_of(message.stream_sequence);
        for (_, other) in self.messages.range_mut(first..=last) {
            other.rivals.retain(|rival| *rival != message);
        }
    }

    pub fn insert(&mut self, message: MessageId, held: HeldMessage) {
        self.bytes = self.bytes.saturating_add(held.bytes);
        self.messages.insert(message, held);
    }

    /// The batch of one of the message's rows has ended. None where the message is not held.
    pub fn end_row(&mut self, message: MessageId, failed: bool) -> Option<RowEnd> {
        let Entry::Occupied(mut entry) = self.messages.entry(message) else { return None };
        let held = entry.get_mut();
        held.pending_rows = held.pending_rows.saturating_sub(1);
        held.failed |= failed;
        let splits = held.splits;
        let last = (held.pending_rows == 0).then(|| entry.remove());
        if let Some(held) = &last {
            self.bytes = self.bytes.saturating_sub(held.bytes);
        }
        Some(RowEnd { splits, last })
    }

    /// Puts a newer delivery in the place of the one that is held; gives the older one, which is of no more use.
    pub fn redeliver<P, R>(&mut self, now: Timestamp, delivery: &Delivery<P, R>) -> Option<DeliveryId> {
        let held = self.messages.get_mut(&delivery.message)?;
        held.delivery_count = held.delivery_count.max(delivery.delivery_count);
        held.alive_since = now;
        Some(std::mem::replace(&mut held.delivery, delivery.id))
    }

    /// Whether another message is held that has, or had, this one's sequence. Which of the two the server knows now can't be told
    /// by their times: clocks jump.
    pub fn shares_sequence(&self, message: MessageId) -> bool {
        let [first, last] = every_message_of(message.stream_sequence);
        self.messages.range(first..=last).any(|(other, _)| *other != message)
    }

    /// All held messages, by sequence.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&MessageId, &mut HeldMessage)> {
        self.messages.iter_mut()
    }

    /// Lets go of everything; gives it.
    pub fn clear(&mut self) -> impl Iterator<Item = HeldMessage> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.messages).into_values()
    }
}

/// The first and the last that a message of this sequence can be.
pub(super) fn every_message_of(stream_sequence: u64) -> [MessageId; 2] {
    [i64::MIN, i64::MAX].map(|published_at| MessageId { stream_sequence, published_at })
}

#[cfg(test)]
impl Held {
    pub fn iter(&self) -> impl Iterator<Item = (&MessageId, &HeldMessage)> {
        self.messages.iter()
    }
}
