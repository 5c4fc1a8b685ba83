//! What a settlement does to a consumer, and what the loss of messages does, which counts as one.

use std::time::Duration;

use warehouse_sink_core::{MessageId, Timestamp};

use crate::clock::Clock;
use crate::consumer::Consumer;
use crate::stored::Position;
use crate::{Reply, Verdict};

impl Consumer {
    /// Takes a settlement; gives the message that it took from the pending ones.
    pub fn settle(&mut self, clock: Clock, reply: &Reply, verdict: Verdict) -> Option<MessageId> {
        let sequence = reply.message.stream_sequence;
        match verdict {
            Verdict::Ack | Verdict::Term => {
                return self.ack(Position { consumer: reply.consumer_sequence, stream: sequence });
            }
            Verdict::Progress => self.postpone(clock, sequence, clock.now.saturating_add(self.config.ack_wait), 1),
            Verdict::Nak(delay) => self.nak(clock, reply, delay),
        }
        None
    }

    /// Whether the server looks for something to deliver because of this settlement.
    pub fn wakes(&self, reply: &Reply, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Ack | Verdict::Term => self.is_full(),
            Verdict::Nak(delay) => delay.is_zero() && self.takes_nak(reply),
            Verdict::Progress => false,
        }
    }

    fn takes_nak(&self, reply: &Reply) -> bool {
        let given_out = self.floor.consumer + 1..=self.next_consumer;
        given_out.contains(&reply.consumer_sequence) && self.pending.contains_key(&reply.message.stream_sequence)
    }

    /// An ack goes by the stream sequence: whichever delivery it is of, the message is settled.
    fn ack(&mut self, mut acked: Position) -> Option<MessageId> {
        // What was not delivered by this consumer can't be acked.
        if acked.stream >= self.next_stream {
            return None;
        }
        let pending = self.pending.remove(&acked.stream);
        if let Some(pending) = &pending {
            acked.consumer = pending.consumer_sequence;
            self.raise_floor(acked);
        }
        self.forget(acked.stream);
        self.stored.update_acks(acked.consumer, acked.stream);
        pending.map(|pending| pending.id)
    }

    fn forget(&mut self, sequence: u64) {
        self.redelivered.remove(&sequence);
        self.redeliver.retain(|other| *other != sequence);
    }

    fn postpone(&mut self, clock: Clock, sequence: u64, due: Timestamp, count: u64) {
        let since = self.since(clock, due);
        if let Some(pending) = self.pending.get_mut(&sequence) {
            pending.due = due;
            self.stored.update_delivered(&self.config, pending.consumer_sequence, sequence, count, since);
        }
    }

    fn nak(&mut self, clock: Clock, reply: &Reply, delay: Duration) {
        let sequence = reply.message.stream_sequence;
        if !self.takes_nak(reply) {
            return;
        }
        let queued = self.redeliver.contains(&sequence);
        if !delay.is_zero() {
            self.redeliver.retain(|other| *other != sequence);
            self.postpone(clock, sequence, clock.now.saturating_add(delay), reply.delivery_count);
        } else if !queued {
            self.redeliver.push_back(sequence);
        }
    }

    /// The stream dropped a message. If it was delivered, that counts as an ack.
    pub fn dropped(&mut self, sequence: u64) {
        if let Some(consumer) = self.pending.get(&sequence).map(|pending| pending.consumer_sequence) {
            self.ack(Position { consumer, stream: sequence });
        }
        self.redelivered.remove(&sequence);
        self.stored.redelivered.remove(&sequence);
    }

    /// The stream was purged: this is its first sequence now.
    pub fn purged(&mut self, clock: Clock, first: u64) {
        self.next_stream = self.next_stream.max(first);
        if self.floor.stream < first {
            self.floor.stream = first - 1;
            let kept = self.pending.split_off(&first);
            for (sequence, pending) in std::mem::replace(&mut self.pending, kept) {
                self.floor.consumer = self.floor.consumer.max(pending.consumer_sequence);
                self.redelivered.remove(&sequence);
                self.stored.update_acks(pending.consumer_sequence, sequence);
            }
        }
        if self.pending.is_empty() {
            self.redelivered.clear();
            self.floor_to_delivered();
        }
        // This is the server's own condition: it takes from the queue all that was delivered before.
        self.redeliver.retain(|sequence| *sequence >= self.next_stream);
        self.write(clock);
    }
}
