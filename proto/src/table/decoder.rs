//! From the bytes of a message to the folder of its row.

use std::collections::HashSet;
use std::sync::Arc;

use super::Table;
use crate::partition::Partition;
use crate::poison::Poison;
use crate::protobuf::{Record, Shelf};

/// How many folders a decoder remembers: more than are open at a time, and at most 2.5 MiB of text.
const MAX_INTERNED: usize = 4096;

/// Validates messages and finds their partitions. One per fetching task: it is not shared and takes no lock.
#[derive(Debug)]
pub struct TableDecoder {
    table: Table,
    /// Which of several tables it is.
    number: u16,
    /// The memory of one message, used for each.
    shelf: Shelf,
    folder: String,
    unknown_fields: u64,
    /// Looked up, never iterated, so its order shows nowhere.
    folders: HashSet<Arc<str>>,
}

impl TableDecoder {
    /// A decoder that has seen no folder yet.
    #[must_use]
    pub fn new(table: &Table) -> Self {
        Self::numbered(table, 0)
    }

    /// A decoder for one of several tables, whose number its partitions have.
    #[must_use]
    pub fn numbered(table: &Table, number: u16) -> Self {
        Self {
            table: table.clone(),
            number,
            shelf: Shelf::default(),
            folder: String::new(),
            unknown_fields: 0,
            folders: HashSet::new(),
        }
    }

    /// Decodes the whole body, and finds the partition of its row. `published_at_ns` is in nanoseconds since the Unix epoch.
    ///
    /// A body that passes is taken by [`TableColumns::push`](crate::TableColumns::push) too. Unknown fields are skipped, and
    /// unknown enum values kept as numbers.
    ///
    /// # Errors
    ///
    /// The reason why the message is [`Poison`].
    pub fn decode(&mut self, body: &[u8], published_at_ns: i64) -> Result<Partition, Poison> {
        let mut record = self.shelf.take();
        let found = self.find_folder(&mut record, body, published_at_ns);
        self.unknown_fields = record.unknown();
        self.shelf.put(record);
        found.map(|()| Partition::from_folder(self.number, self.intern()))
    }

    /// How many fields of the last message the schema does not know.
    #[must_use]
    pub fn unknown_fields(&self) -> u64 {
        self.unknown_fields
    }

    fn find_folder<'a>(&mut self, record: &mut Record<'a>, body: &'a [u8], published_at_ns: i64) -> Result<(), Poison> {
        self.table.read(record, body)?;
        let table = &*self.table.0;
        let hour = table.layout.hour(&table.tables, table.message, record, published_at_ns)?;
        self.folder.clear();
        table.layout.push_folder(&mut self.folder, &table.tables, table.message, record, hour)
    }

    /// One shared copy of each folder, however many rows are in it.
    fn intern(&mut self) -> Arc<str> {
        if let Some(known) = self.folders.get(&*self.folder) {
            return Arc::clone(known);
        }
        if self.folders.len() >= MAX_INTERNED {
            // Starting over costs the folders in use one copy each; hostile ones can do no more than that.
            self.folders.clear();
        }
        let new: Arc<str> = self.folder.as_str().into();
        self.folders.insert(Arc::clone(&new));
        new
    }
}
