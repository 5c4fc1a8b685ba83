//! What one process was handed and what it settled: the judge of every settlement.

use std::collections::{BTreeMap, BTreeSet};

use warehouse_sink_core::{Config, Delivery, DeliveryId, Destination, MessageId, Timestamp};

use crate::server::RowKey;
use crate::store::Store;

pub struct Ledger {
    dead_letter: bool,
    hold_after: usize,
    /// A message was handed in that is not poison only.
    decoded: bool,
    terminated: BTreeSet<MessageId>,
    /// Deliveries that are not settled.
    pub unsettled: BTreeMap<DeliveryId, Unsettled>,
    /// Every message that was ever handed in, and its rows.
    messages: BTreeMap<MessageId, Vec<RowKey>>,
    /// The event that last handed in each.
    last: BTreeMap<MessageId, usize>,
    pub handed_in: usize,
    pub settled: usize,
    /// The number of events so far.
    pub events: usize,
}

#[derive(Clone, Debug)]
pub struct Unsettled {
    pub message: MessageId,
    /// When the server was last told, or itself knew, that the delivery is alive.
    pub alive: Timestamp,
    /// The event that handed it in.
    event: usize,
}

impl Ledger {
    pub fn new(config: &Config) -> Self {
        Ledger {
            dead_letter: config.dead_letter,
            hold_after: config.hold_after,
            decoded: false,
            terminated: BTreeSet::new(),
            unsettled: BTreeMap::new(),
            messages: BTreeMap::new(),
            last: BTreeMap::new(),
            handed_in: 0,
            settled: 0,
            events: 0,
        }
    }

    pub fn hand_in(&mut self, now: Timestamp, delivery: &Delivery<u8, RowKey>) {
        let message = delivery.message;
        self.handed_in += 1;
        self.unsettled.insert(delivery.id, Unsettled { message, alive: now, event: self.events });
        let rows = delivery.rows.clone().into_iter().map(|row| row.payload).collect();
        self.messages.insert(message, rows);
        self.last.insert(message, self.events);
        self.decoded |= !self.messages[&message].is_empty() && !self.is_poison(message);
    }

    pub fn holds(&self, message: MessageId) -> bool {
        self.unsettled.values().any(|unsettled| unsettled.message == message)
    }

    /// The rows of a message that have to be stored.
    pub fn wanted(&self, message: MessageId) -> impl Iterator<Item = &RowKey> {
        let stored = |row: &&RowKey| self.dead_letter || row.destination != Destination::DeadLetter;
        self.messages[&message].iter().filter(stored)
    }

    pub fn is_poison(&self, message: MessageId) -> bool {
        let rows = &self.messages[&message];
        !rows.is_empty() && rows.iter().all(|row| row.destination == Destination::DeadLetter)
    }

    /// Takes a delivery out, which can be done once.
    fn take(&mut self, delivery: DeliveryId) -> Unsettled {
        self.settled += 1;
        match self.unsettled.remove(&delivery) {
            Some(unsettled) => unsettled,
            None => panic!("{delivery:?} was settled twice or never handed in"),
        }
    }

    /// An ack, or a term: the message must be stored, and so must be the one that an ack by sequence would reach.
    pub fn settled(&mut self, delivery: DeliveryId, term: bool, store: &Store) {
        let Unsettled { message, event, .. } = self.take(delivery);
        assert_eq!(term, self.is_poison(message), "{message:?}: a term is for poison, an ack for the rest");
        self.not_held(message, term);
        let lost = self.wanted(message).find(|row| !store.has(row));
        assert_eq!(lost, None, "{delivery:?} of {message:?} is settled and not stored");
        // One that came with the same event is told of after this one, and could as well have come a moment later. One that came
        // before this delivery is no longer the server's.
        let known = self.last.iter().filter(|(_, last)| (event..self.events).contains(last));
        for (other, _) in known.filter(|(other, _)| shares_sequence(**other, message)) {
            let lost = self.wanted(*other).find(|row| !store.has(row));
            assert_eq!(lost, None, "an ack for {message:?} could reach {other:?}, which is not stored");
        }
    }

    /// While nothing could be decoded, fewer messages than begin a hold are terminated.
    fn not_held(&mut self, message: MessageId, term: bool) {
        if term {
            self.terminated.insert(message);
            let holds = self.hold_after > 0 && !self.decoded;
            assert!(!holds || self.terminated.len() < self.hold_after, "{message:?} is terminated, and should be held");
        }
    }

    pub fn given_back(&mut self, delivery: DeliveryId) {
        self.take(delivery);
    }

    /// A forgotten delivery must have been replaced by one of the same message, or be stored while an ack of it could reach another.
    pub fn forgotten(&mut self, delivery: DeliveryId, store: &Store) {
        let message = self.take(delivery).message;
        let replaced = self.unsettled.values().any(|other| other.message == message);
        let reaches_another = self.messages.keys().any(|other| shares_sequence(*other, message));
        let stored = self.wanted(message).all(|row| store.has(row));
        assert!(replaced || stored && reaches_another, "{delivery:?} of {message:?} was forgotten for nothing");
    }

    pub fn kept_alive(&mut self, now: Timestamp, delivery: DeliveryId) {
        match self.unsettled.get_mut(&delivery) {
            Some(unsettled) => unsettled.alive = now,
            None => panic!("progress for {delivery:?}, which is settled or unknown"),
        }
    }
}

fn shares_sequence(other: MessageId, message: MessageId) -> bool {
    other.stream_sequence == message.stream_sequence && other.published_at != message.published_at
}
