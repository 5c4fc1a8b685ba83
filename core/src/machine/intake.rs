//! What a delivery becomes: rows in open batches, unless its message is known already.

use std::time::Duration;

use super::Machine;
use super::held::{HeldMessage, every_message_of};
use super::open::ClosedBatch;
use crate::{BatchRow, Delivery, Destination, MessageId, Row, Timestamp};

impl<P: Clone + Ord, R> Machine<P, R> {
    pub(super) fn take_in(&mut self, now: Timestamp, deliveries: Vec<Delivery<P, R>>) {
        if self.held.is_empty() {
            // Nothing was due while nothing was held; a scan at an old due time would find nothing to do.
            self.next_progress = now.saturating_add(self.progress_interval());
        }
        for delivery in deliveries {
            self.take_in_one(now, delivery);
        }
        self.turned_away.clear();
    }

    fn take_in_one(&mut self, now: Timestamp, delivery: Delivery<P, R>) {
        let message = delivery.message;
        if let Some(settled) = self.written.get(message) {
            let contested = self.held.shares_sequence(message);
            self.settle_stored(delivery.id, settled.poison, contested);
        } else if self.held.contains(message) {
            if let Some(useless) = self.held.redeliver(now, &delivery) {
                self.forget(useless);
            }
        } else {
            self.buffer(now, delivery);
        }
    }

    fn buffer(&mut self, now: Timestamp, delivery: Delivery<P, R>) {
        let rivals = self.rivals_of(delivery.message);
        if self.shutdown.is_some() {
            self.give_back(delivery.id, Duration::ZERO);
            return;
        }
        if self.held.bytes() > self.config.max_bytes {
            // There is no room: the rows of those before it took more bytes than their messages, by which they were asked for.
            self.give_back_later(delivery.id, delivery.delivery_count);
            return;
        }
        if self.holds_back(delivery.message, delivery.rows.as_slice()) {
            self.hold_back(&delivery);
            return;
        }
        let Delivery { id, message, delivery_count, rows } = delivery;
        let mut held = HeldMessage {
            delivery: id,
            delivery_count,
            alive_since: now,
            pending_rows: 0,
            failed: false,
            poison: true,
            splits: false,
            bytes: 0,
            rivals,
        };
        let mut index = 0;
        for row in rows {
            held.poison &= row.destination == Destination::DeadLetter;
            held.splits |= index > 0;
            self.buffer_row(now, message, index, row, &mut held);
            index += 1;
        }
        // A message without any row holds no poison either.
        held.poison &= index > 0;
        if held.pending_rows > 0 {
            self.held.insert(message, held);
        } else {
            self.remember_written(message, held.poison);
            self.settle_stored(id, held.poison, !held.rivals.is_empty());
        }
    }

    /// The messages of this one's sequence that are held, and those that came just before it and were given back: fetchers overtake each
    /// other, so that the server may have any of them.
    fn rivals_of(&mut self, message: MessageId) -> Vec<MessageId> {
        let mut rivals = self.held.contest(message);
        if !self.turned_away.is_empty() {
            let [first, last] = every_message_of(message.stream_sequence);
            let others = self.turned_away.range(first..=last).filter(|other| **other != message);
            let more: Vec<MessageId> = others.filter(|other| !rivals.contains(other)).copied().collect();
            rivals.extend(more);
        }
        rivals
    }

    fn buffer_row(&mut self, now: Timestamp, message: MessageId, index: u32, row: Row<P, R>, held: &mut HeldMessage) {
        let Row { destination, payload, bytes } = row;
        let dropped = destination == Destination::DeadLetter && !self.config.dead_letter;
        if dropped || self.written.has_row((message, index)) {
            return;
        }
        held.pending_rows += 1;
        held.bytes = held.bytes.saturating_add(bytes);
        if let Some(closed) = self.open.make_room(&destination, bytes, &self.config) {
            self.enqueue(closed);
        }
        let row = BatchRow { message, index, payload };
        if let Some(closed) = self.open.push(now, destination, row, bytes, &self.config) {
            self.enqueue(closed);
        }
    }

    pub(super) fn enqueue(&mut self, closed: ClosedBatch<P, R>) {
        self.writes.enqueue(closed, &self.config.stream);
    }
}
