//! From the bytes of a message to the folder of its row.

use std::collections::HashSet;
use std::sync::Arc;

use super::layout::Layout;
use super::value::Values;
use super::{Format, Inner, Table, events, json, protobuf};
use crate::json::{Document, Row};
use crate::partition::Partition;
use crate::poison::Poison;
use crate::protobuf::Shelf;

/// How many folders a decoder remembers: more than are open at a time, and at most 2.5 MiB of text.
const MAX_INTERNED: usize = 4096;

/// Validates messages and finds their partitions. One per fetching task: it is not shared and takes no lock.
#[derive(Debug)]
pub struct TableDecoder {
    table: Table,
    /// Which of several tables it is.
    number: u16,
    /// The memory of one protobuf message, used for each.
    shelf: Shelf,
    /// The memory of one JSON document, used for each.
    document: Document,
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
            document: Document::default(),
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
        self.unknown_fields = 0;
        let found = self.find_folder(body, published_at_ns);
        found.map(|()| Partition::from_folder(self.number, self.intern()))
    }

    /// How many fields of the last message the schema does not know.
    #[must_use]
    pub fn unknown_fields(&self) -> u64 {
        self.unknown_fields
    }

    fn find_folder(&mut self, body: &[u8], published_at_ns: i64) -> Result<(), Poison> {
        let Inner { format, layout, .. } = &*self.table.0;
        let folder = &mut self.folder;
        folder.clear();
        match format {
            Format::Protobuf(messages) => {
                let mut record = self.shelf.take();
                let found = messages.read(&mut record, body).and_then(|()| {
                    let values = protobuf::Read { of: messages, record: &record };
                    push_folder(layout, folder, &values, published_at_ns)
                });
                self.unknown_fields = record.unknown();
                self.shelf.put(record);
                found
            }
            Format::Events(events) => {
                let mut record = self.shelf.take();
                let found = events.read(&mut record, body).and_then(|()| {
                    let values = events::Read { of: events, record: &record };
                    push_folder(layout, folder, &values, published_at_ns)
                });
                self.unknown_fields = record.unknown();
                self.shelf.put(record);
                found
            }
            Format::Json(documents) => {
                let found = documents.read(&mut self.document, body).map_err(Poison::from).and_then(|body| {
                    let values = json::Read { of: documents, row: Row { document: &self.document, body } };
                    push_folder(layout, folder, &values, published_at_ns)
                });
                self.unknown_fields = self.document.unknown();
                self.document.shrink();
                found
            }
        }
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

fn push_folder(layout: &Layout, folder: &mut String, values: &impl Values, published_at_ns: i64) -> Result<(), Poison> {
    let hour = layout.hour(values, published_at_ns)?;
    layout.push_folder(folder, values, hour)
}
