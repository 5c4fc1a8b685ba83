//! The batches that are filling, one for each destination.

use std::collections::BTreeMap;

use crate::{BatchRow, Config, Destination, MessageId, Timestamp};

/// The open batches, and their order of age.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct OpenBatches<P, R> {
    batches: BTreeMap<Destination<P>, OpenBatch<R>>,
    /// Destinations by the order in which their batches were opened. The clock does not run backwards, so the first
    /// of them is also the one with the earliest `opened_at`.
    by_age: BTreeMap<u64, Destination<P>>,
    next_age: u64,
    rows: usize,
    bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OpenBatch<R> {
    age: u64,
    opened_at: Timestamp,
    rows: Vec<BatchRow<R>>,
    bytes: u64,
}

/// A batch that takes no more rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClosedBatch<P, R> {
    pub destination: Destination<P>,
    pub rows: Vec<BatchRow<R>>,
    pub bytes: u64,
    pub opened_at: Timestamp,
}

impl<P: Clone + Ord, R> OpenBatches<P, R> {
    pub fn new() -> Self {
        OpenBatches { batches: BTreeMap::new(), by_age: BTreeMap::new(), next_age: 0, rows: 0, bytes: 0 }
    }

    /// The number of open batches.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Closes the batch that stands in the way of a row of this size: its own, if the row would overfill it, or
    /// the oldest, if the row needs a batch more than may be open.
    pub fn make_room(
        &mut self,
        destination: &Destination<P>,
        bytes: u64,
        config: &Config,
    ) -> Option<ClosedBatch<P, R>> {
        match self.batches.get(destination) {
            Some(batch) if batch.bytes.saturating_add(bytes) > config.max_batch_bytes => {
                self.close(&destination.clone())
            }
            Some(_) => None,
            // The oldest rather than the largest: under a flood of tiny partitions the oldest is a tiny one nearly
            // always, and closing the largest would break up the partitions that carry the data.
            None if self.batches.len() >= config.max_open_partitions => self.close_oldest(),
            None => None,
        }
    }

    /// Adds a row; gives the batch back if that filled it.
    pub fn push(
        &mut self,
        now: Timestamp,
        destination: Destination<P>,
        row: BatchRow<R>,
        bytes: u64,
        config: &Config,
    ) -> Option<ClosedBatch<P, R>> {
        self.rows += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        let batch = match self.batches.get_mut(&destination) {
            Some(batch) => batch,
            None => self.open(now, destination.clone()),
        };
        batch.rows.push(row);
        batch.bytes = batch.bytes.saturating_add(bytes);
        let full = batch.rows.len() >= config.max_batch_rows || batch.bytes >= config.max_batch_bytes;
        if full { self.close(&destination) } else { None }
    }

    fn open(&mut self, now: Timestamp, destination: Destination<P>) -> &mut OpenBatch<R> {
        let age = self.next_age;
        self.next_age += 1;
        self.by_age.insert(age, destination.clone());
        self.batches.entry(destination).or_insert(OpenBatch { age, opened_at: now, rows: Vec::new(), bytes: 0 })
    }

    fn close(&mut self, destination: &Destination<P>) -> Option<ClosedBatch<P, R>> {
        let (destination, batch) = self.batches.remove_entry(destination)?;
        self.by_age.remove(&batch.age);
        self.rows -= batch.rows.len();
        self.bytes = self.bytes.saturating_sub(batch.bytes);
        Some(ClosedBatch { destination, rows: batch.rows, bytes: batch.bytes, opened_at: batch.opened_at })
    }

    /// Drops the batch of dead letters if all of its messages are withdrawn; gives them, once for each row.
    pub fn withdraw_dead_letters(&mut self, is_withdrawn: impl Fn(MessageId) -> bool) -> Vec<MessageId> {
        let batch = self.batches.get(&Destination::DeadLetter);
        if !batch.is_some_and(|batch| batch.rows.iter().all(|row| is_withdrawn(row.message))) {
            return Vec::new();
        }
        let closed = self.close(&Destination::DeadLetter);
        closed.into_iter().flat_map(|closed| closed.rows).map(|row| row.message).collect()
    }

    /// Closes the batch that was opened first.
    pub fn close_oldest(&mut self) -> Option<ClosedBatch<P, R>> {
        let destination = self.by_age.first_key_value()?.1.clone();
        self.close(&destination)
    }

    /// Closes the largest batch while the open ones take more than half of the budget; the rest is for what is being written. Where that needs
    /// less than half, they may have all but as many messages as it needs. Not so with bytes: what is left has to have room for a message of
    /// the largest size, or none would be fetched until a flush. `left` is how many messages may still be fetched.
    pub fn close_under_pressure(&mut self, config: &Config, left: usize) -> Option<ClosedBatch<P, R>> {
        let by_bytes = self.bytes > config.max_bytes / 2;
        let by_messages = self.rows > config.max_messages / 2 && left < config.max_rows_in_flight();
        if !by_bytes && !by_messages {
            return None;
        }
        if by_bytes { self.close_largest_by(|batch| batch.bytes) } else { self.close_largest() }
    }

    /// Closes the batch with the most rows.
    pub fn close_largest(&mut self) -> Option<ClosedBatch<P, R>> {
        self.close_largest_by(|batch| batch.rows.len() as u64)
    }

    /// Of two equally large ones the older goes first.
    fn close_largest_by(&mut self, size: impl Fn(&OpenBatch<R>) -> u64) -> Option<ClosedBatch<P, R>> {
        let largest = self.batches.iter().max_by_key(|(_, batch)| (size(batch), std::cmp::Reverse(batch.age)))?;
        let destination = largest.0.clone();
        self.close(&destination)
    }

    /// The rows of all batches.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// When the oldest batch was opened.
    pub fn oldest(&self) -> Option<Timestamp> {
        let destination = self.by_age.first_key_value()?.1;
        self.batches.get(destination).map(|batch| batch.opened_at)
    }
}

#[cfg(test)]
impl<P: Clone + Ord, R> OpenBatches<P, R> {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
