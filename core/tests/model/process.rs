//! One process: the real machine, and what its driver keeps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use warehouse_sink_core::{BatchId, Command, DeliveryId, Destination, Machine, ObjectName, Timestamp};

use crate::scenario::Scenario;

/// A row as the machine carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row {
    pub message: u8,
    pub index: u32,
}

/// An object as the encoder would have made it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    pub destination: Destination<u8>,
    pub name: ObjectName,
    pub rows: Vec<Row>,
}

/// A delivery that was handed in and is not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unsettled {
    pub message: u8,
    /// When the server was last told, or itself knew, that the delivery is alive.
    pub alive: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    pub machine: Machine<u8, Row>,
    /// Commands that were given and are not carried out. A crash may come before each of them.
    pub todo: VecDeque<Command<u8, Row>>,
    pub unsettled: BTreeMap<DeliveryId, Unsettled>,
    /// Encoded objects, until they are written or discarded.
    pub kept: BTreeMap<BatchId, Object>,
    pub in_flight: BTreeSet<BatchId>,
    /// Kept objects of which a write ended without an answer.
    pub maybe_applied: BTreeSet<BatchId>,
    pub deadline: Option<Timestamp>,
    /// A message was handed in that is not poison only.
    pub decoded: bool,
    /// What was terminated, where that may be too much.
    pub terminated: BTreeSet<u8>,
}

impl Process {
    pub fn start(scenario: &Scenario) -> Self {
        Process {
            machine: Machine::new(scenario.sabotage.config(scenario.config.clone())).unwrap(),
            todo: VecDeque::new(),
            unsettled: BTreeMap::new(),
            kept: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            maybe_applied: BTreeSet::new(),
            deadline: None,
            decoded: false,
            terminated: BTreeSet::new(),
        }
    }

    pub fn is_past_deadline(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}
