//! A store of whole objects, and every row that is in it.

use std::collections::{BTreeMap, BTreeSet};

use warehouse_sink_core::{Destination, ObjectName};

use crate::server::RowKey;

/// An object as the encoder would have made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub destination: Destination<u8>,
    pub name: ObjectName,
    pub rows: Vec<RowKey>,
}

#[derive(Default)]
pub struct Store {
    objects: BTreeMap<(Destination<u8>, ObjectName), Vec<RowKey>>,
    rows: BTreeSet<RowKey>,
}

impl Store {
    /// Stores an object, in the place of what has its name; gives the rows that are in another object already.
    pub fn put(&mut self, object: &Object) -> Vec<RowKey> {
        let key = (object.destination.clone(), object.name.clone());
        if let Some(before) = self.objects.get(&key) {
            assert_eq!(before, &object.rows, "an object was replaced by another one: {key:?}");
            return Vec::new();
        }
        self.objects.insert(key, object.rows.clone());
        object.rows.iter().filter(|row| !self.rows.insert((*row).clone())).cloned().collect()
    }

    pub fn has(&self, row: &RowKey) -> bool {
        self.rows.contains(row)
    }

    pub fn rows(&self) -> impl Iterator<Item = &RowKey> {
        self.rows.iter()
    }
}
