//! What the server writes down of a consumer. It is kept beside the running state and follows rules of its own, so that the two
//! can differ: a restart goes on from here, and `CONSUMER.INFO` takes its ack floor and its delivered sequences from here.

use std::collections::{BTreeMap, BTreeSet};

use crate::ConsumerConfig;

/// A delivery's number, and a stream sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub consumer: u64,
    pub stream: u64,
}

impl Position {
    /// Raises a floor that `settled` stands right above: to it, or to just before the `next` that is pending.
    pub fn raise(&mut self, settled: Position, next: Option<Position>) {
        if settled.consumer == self.consumer + 1 {
            let before = |next: Position| Position { consumer: next.consumer - 1, stream: next.stream - 1 };
            *self = next.map_or(settled, before);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredPending {
    /// The first delivery's number.
    pub consumer_sequence: u64,
    /// The wall clock's time from which its ack wait counts, in nanoseconds.
    pub since: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    pub delivered: Position,
    pub floor: Position,
    pub pending: BTreeMap<u64, StoredPending>,
    pub redelivered: BTreeMap<u64, u64>,
    /// What is not written down as pending any more because max deliver was lowered, though it may be.
    pub ended: BTreeSet<u64>,
}

impl Stored {
    /// Of a consumer that starts behind this sequence.
    pub fn starting(after: u64) -> Self {
        let position = Position { consumer: 0, stream: after };
        Stored { delivered: position, floor: position, ..Stored::default() }
    }

    /// A delivery, or a new time for an earlier one.
    pub fn update_delivered(
        &mut self,
        config: &ConsumerConfig,
        consumer_sequence: u64,
        sequence: u64,
        count: u64,
        since: i64,
    ) {
        if consumer_sequence <= self.floor.consumer {
            return;
        }
        if sequence > self.delivered.stream {
            self.pending.insert(sequence, StoredPending { consumer_sequence, since });
        } else if let Some(pending) = self.pending.get_mut(&sequence) {
            pending.since = since;
        }
        self.delivered.consumer = self.delivered.consumer.max(consumer_sequence);
        self.delivered.stream = self.delivered.stream.max(sequence);
        if count > 1 {
            if config.max_deliver.is_some_and(|most| count > most) {
                let ended = self.pending.remove(&sequence).map(|_| sequence);
                self.ended.extend(ended);
            }
            let again = self.redelivered.entry(sequence).or_default();
            *again = (*again).max(count - 1);
        }
    }

    /// An ack, or what counts as one.
    pub fn update_acks(&mut self, consumer_sequence: u64, sequence: u64) {
        if consumer_sequence <= self.floor.consumer {
            return;
        }
        if !self.pending.contains_key(&sequence) {
            self.redelivered.remove(&sequence);
            return;
        }
        self.ack_one(consumer_sequence, sequence);
    }

    fn ack_one(&mut self, consumer_sequence: u64, sequence: u64) {
        let first = self.pending.remove(&sequence).map_or(consumer_sequence, |pending| pending.consumer_sequence);
        let consumer_sequence = consumer_sequence.min(first);
        self.redelivered.remove(&sequence);
        if self.pending.is_empty() {
            self.floor = self.delivered;
        } else {
            let next = self.pending.range(sequence + 1..).next();
            let next = next.map(|(stream, next)| Position { consumer: next.consumer_sequence, stream: *stream });
            self.floor.raise(Position { consumer: consumer_sequence, stream: sequence }, next);
        }
    }

    /// The running state is written over it, unless it is older or makes no sense.
    pub fn replace(&mut self, state: Stored) {
        let sane = state.floor.consumer <= state.delivered.consumer && state.floor.stream <= state.delivered.stream;
        let in_range = |sequence: &u64| *sequence > state.floor.stream && *sequence <= state.delivered.stream;
        let old = state.delivered.consumer < self.delivered.consumer || state.floor.stream < self.floor.stream;
        if sane && state.pending.keys().all(in_range) && !old {
            *self = state;
        }
    }
}
