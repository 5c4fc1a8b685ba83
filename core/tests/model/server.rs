//! The stream and the store: what outlives a process.

use std::collections::{BTreeMap, BTreeSet};

use warehouse_sink_core::{Destination, ObjectName, Timestamp};

use crate::process::{Object, Row};

/// One message of the stream, as its consumer knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    pub state: State,
    pub deliveries: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// To be delivered from this moment on.
    Ready { at: Timestamp },
    /// Delivered; to be delivered again from this moment on.
    Pending { until: Timestamp },
    /// Acked or terminated.
    Done,
}

impl Message {
    pub fn new() -> Self {
        Message { state: State::Ready { at: Timestamp::ZERO }, deliveries: 0 }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub fn due(&self) -> Option<Timestamp> {
        match self.state {
            State::Ready { at } => Some(at),
            State::Pending { until } => Some(until),
            State::Done => None,
        }
    }

    /// Takes a settlement, or a progress ack. One for a delivery that is not pending changes nothing.
    pub fn settle(&mut self, state: State) {
        if matches!(self.state, State::Pending { .. }) {
            self.state = state;
        }
    }
}

/// Objects by their keys, and the rows that are in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Store {
    objects: BTreeMap<(Destination<u8>, ObjectName), Vec<Row>>,
    rows: BTreeSet<Row>,
}

/// What a write did to the store.
pub enum Put {
    /// These rows are in another object already.
    Stored { twice: Vec<Row> },
    /// Another object had the name.
    Clash,
}

impl Store {
    pub fn put(&mut self, object: &Object) -> Put {
        let key = (object.destination.clone(), object.name.clone());
        match self.objects.get(&key) {
            Some(before) if *before == object.rows => return Put::Stored { twice: Vec::new() },
            Some(_) => return Put::Clash,
            None => self.objects.insert(key, object.rows.clone()),
        };
        Put::Stored { twice: object.rows.iter().copied().filter(|row| !self.rows.insert(*row)).collect() }
    }

    pub fn has(&self, row: &Row) -> bool {
        self.rows.contains(row)
    }

    /// Whether some row is in two objects.
    pub fn has_twice(&self) -> bool {
        self.objects.values().map(Vec::len).sum::<usize>() > self.rows.len()
    }

    pub fn has_object(&self, object: &Object) -> bool {
        self.objects.contains_key(&(object.destination.clone(), object.name.clone()))
    }
}
