//! One process: a machine, and what the driver keeps for it.

use std::collections::{BTreeMap, BTreeSet};

use warehouse_sink_core::{BatchId, Config, Machine, Timestamp, Write};

use crate::ledger::Ledger;
use crate::server::RowKey;
use crate::store::Object;

pub struct Process {
    pub machine: Machine<u8, RowKey>,
    pub ledger: Ledger,
    /// The objects that the driver keeps, until they are written or discarded.
    pub kept: BTreeMap<BatchId, Object>,
    /// Writes that run, in the order in which they began.
    pub in_flight: Vec<BatchId>,
    /// Kept objects of which a write ended without an answer.
    pub maybe_applied: BTreeSet<BatchId>,
    /// Rows whose batch was given up, so that they are not expected to be written until their message comes again.
    pub given_up: BTreeSet<RowKey>,
    /// Rows that are neither in a write nor stored, and since when.
    pub waiting: BTreeMap<RowKey, Timestamp>,
    pub deadline: Option<Timestamp>,
    next_batch: u64,
}

impl Process {
    pub fn start(config: &Config) -> Self {
        Process {
            machine: Machine::new(config.clone()).unwrap(),
            ledger: Ledger::new(config),
            kept: BTreeMap::new(),
            in_flight: Vec::new(),
            maybe_applied: BTreeSet::new(),
            given_up: BTreeSet::new(),
            waiting: BTreeMap::new(),
            deadline: None,
            next_batch: 0,
        }
    }

    pub fn is_past_deadline(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// A first write: its rows are in order, are what the server delivered, and its object is encoded and kept.
    pub fn write(&mut self, write: Write<u8, RowKey>) {
        let order: Vec<_> = write.rows.iter().map(|row| (row.message, row.index)).collect();
        assert!(order.is_sorted() && !order.is_empty(), "{order:?}");
        for row in &write.rows {
            let key = RowKey { message: row.message, index: row.index, destination: write.destination.clone() };
            assert_eq!(row.payload, key, "a row went astray");
        }
        let sequences = format!("{:020}-{:020}-", order[0].0.stream_sequence, order[order.len() - 1].0.stream_sequence);
        assert!(write.name.as_str().starts_with(&sequences));
        self.next_batch = self.next_batch.max(write.batch.0 + 1);
        let rows = write.rows.into_iter().map(|row| row.payload).collect();
        let object = Object { destination: write.destination, name: write.name, rows };
        assert!(self.kept.insert(write.batch, object).is_none(), "{:?} is used twice", write.batch);
        self.in_flight.push(write.batch);
    }

    pub fn rewrite(&mut self, batch: BatchId) {
        assert!(self.kept.contains_key(&batch), "{batch:?} is written again, and is not kept");
        assert!(!self.in_flight.contains(&batch), "{batch:?} is written twice at a time");
        self.in_flight.push(batch);
    }

    /// Ends the write that is picked, if one runs.
    pub fn end_write(&mut self, pick: usize) -> Option<(BatchId, Object)> {
        let place = pick.checked_rem(self.in_flight.len())?;
        let batch = self.in_flight.remove(place);
        Some((batch, self.kept[&batch].clone()))
    }

    /// Some batch that is not being written.
    pub fn idle_batch(&self, pick: u64) -> Option<BatchId> {
        let batch = BatchId(pick % (self.next_batch + 2));
        (!self.in_flight.contains(&batch)).then_some(batch)
    }
}
