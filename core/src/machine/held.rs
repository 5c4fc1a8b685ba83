//! The messages that are neither settled nor given back.

use std::collections::BTreeMap;

use crate::{Delivery, DeliveryId, MessageId, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    messages: BTreeMap<MessageId, HeldMessage>,
    bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct HeldMessage {
    /// The newest delivery. None where the server now knows the sequence as another message: an ack would settle
    /// that one, so the rows are written and nothing is settled.
    pub delivery: Option<DeliveryId>,
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

    pub fn get_mut(&mut self, message: MessageId) -> Option<&mut HeldMessage> {
        self.messages.get_mut(&message)
    }

    pub fn insert(&mut self, message: MessageId, held: HeldMessage) {
        self.bytes = self.bytes.saturating_add(held.bytes);
        self.messages.insert(message, held);
    }

    pub fn remove(&mut self, message: MessageId) -> Option<HeldMessage> {
        let held = self.messages.remove(&message)?;
        self.bytes = self.bytes.saturating_sub(held.bytes);
        Some(held)
    }

    /// Puts a newer delivery in the place of the one that is held. Gives the delivery that is of no more use: the
    /// older one or, where the server knows the sequence as another message by now, the newer one.
    pub fn redeliver<P, R>(&mut self, now: Timestamp, delivery: &Delivery<P, R>) -> Option<DeliveryId> {
        let held = self.messages.get_mut(&delivery.message)?;
        let Some(older) = held.delivery else { return Some(delivery.id) };
        held.delivery = Some(delivery.id);
        held.delivery_count = held.delivery_count.max(delivery.delivery_count);
        held.alive_since = now;
        Some(older)
    }

    /// Takes the deliveries from held messages that had the sequence before this one was published.
    pub fn outdate(&mut self, message: MessageId) -> Vec<DeliveryId> {
        let first = MessageId { published_at: i64::MIN, ..message };
        self.messages.range_mut(first..message).filter_map(|(_, held)| held.delivery.take()).collect()
    }

    /// Whether a message that was published later holds this one's sequence.
    pub fn is_outdated(&self, message: MessageId) -> bool {
        let last = MessageId { published_at: i64::MAX, ..message };
        self.messages.range(message..=last).any(|(other, _)| *other != message)
    }

    /// All held messages, by sequence.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&MessageId, &mut HeldMessage)> {
        self.messages.iter_mut()
    }

    /// Lets go of everything; gives the deliveries.
    pub fn clear(&mut self) -> Vec<DeliveryId> {
        self.bytes = 0;
        std::mem::take(&mut self.messages).into_values().filter_map(|held| held.delivery).collect()
    }
}

#[cfg(test)]
impl Held {
    pub fn iter(&self) -> impl Iterator<Item = (&MessageId, &HeldMessage)> {
        self.messages.iter()
    }
}
