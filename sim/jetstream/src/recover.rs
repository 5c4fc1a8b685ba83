//! What a restarted server makes of a consumer that it finds written down.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use warehouse_sink_core::MessageId;

use crate::clock::{Clock, whole_seconds};
use crate::consumer::{Consumer, Pending};
use crate::stored::{Position, Stored, StoredPending};
use crate::stream::Stream;

impl Consumer {
    /// The consumer as it goes on after a restart. What waited for redelivery waits for its ack wait again, and that counts from
    /// what was written down: the second in which the message was published, or was last given back or reported in progress.
    pub fn recover(Consumer { config, paused, stored, .. }: Consumer, clock: Clock, stream: &Stream) -> Self {
        let mut consumer = Consumer {
            pending: BTreeMap::new(),
            redeliver: VecDeque::new(),
            redelivered: stored.redelivered.clone(),
            next_stream: stored.delivered.stream + 1,
            next_consumer: stored.delivered.consumer + 1,
            floor: stored.floor,
            stored,
            paused,
            config,
        };
        let mut missing = Vec::new();
        for (sequence, pending) in &consumer.stored.pending {
            let due = clock.when(whole_seconds(pending.since)).saturating_add(consumer.config.ack_wait);
            match stream.get(*sequence) {
                Some(message) => {
                    let pending = Pending { id: message.id, consumer_sequence: pending.consumer_sequence, due };
                    consumer.pending.insert(*sequence, pending);
                }
                None => missing.push((*sequence, pending.consumer_sequence)),
            }
        }
        consumer.reconcile(clock, stream);
        consumer.settle_missing(clock, stream, &missing);
        consumer
    }

    /// The messages that are pending, and not written down to be: they were given back, or delivered, more often than a lowered max deliver
    /// allows. A restart forgets them, and the ack floor passes them by.
    pub fn ended(&self) -> impl Iterator<Item = MessageId> {
        let Stored { ended, pending, .. } = &self.stored;
        let is_ended = |sequence: &u64| ended.contains(sequence) && !pending.contains_key(sequence);
        self.pending.iter().filter(move |(sequence, _)| is_ended(sequence)).map(|(_, pending)| pending.id)
    }

    /// A consumer that was created in a part of the stream that is lost starts where the stream now ends. What is lost without
    /// the consumer's state has no deliveries that could be pending.
    fn reconcile(&mut self, clock: Clock, stream: &Stream) {
        let end = stream.last() + 1;
        if end < self.next_stream {
            self.next_stream = end;
            self.floor_to_delivered();
            self.stored = self.state(clock);
        }
    }

    /// What the stream dropped meanwhile was delivered for nothing.
    fn settle_missing(&mut self, clock: Clock, stream: &Stream, missing: &[(u64, u64)]) {
        let first = stream.first();
        let before = missing.iter().filter(|(sequence, _)| *sequence < first);
        for (sequence, delivery) in before.clone() {
            self.redelivered.remove(sequence);
            self.floor.stream = self.floor.stream.max(*sequence);
            self.floor.consumer = self.floor.consumer.max(*delivery);
        }
        if before.count() == 0 {
            return;
        }
        if self.pending.is_empty() {
            self.floor_to_delivered();
        }
        self.write(clock);
    }

    /// Writes down the running state.
    pub(crate) fn write(&mut self, clock: Clock) {
        let state = self.state(clock);
        self.stored.replace(state);
    }

    fn state(&self, clock: Clock) -> Stored {
        let pending = |(sequence, pending): (&u64, &Pending)| {
            let since = self.since(clock, pending.due);
            (*sequence, StoredPending { consumer_sequence: pending.consumer_sequence, since })
        };
        Stored {
            delivered: Position { consumer: self.next_consumer - 1, stream: self.next_stream - 1 },
            floor: self.floor,
            pending: self.pending.iter().map(pending).collect(),
            redelivered: self.redelivered.clone(),
            ended: BTreeSet::new(),
        }
    }
}
