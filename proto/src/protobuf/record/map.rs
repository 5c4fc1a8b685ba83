//! The entries of a map, in the order of their keys, and the last of those with the same key.

use std::cmp::Ordering;

use super::{Record, Value};
use crate::protobuf::WireError;
use crate::protobuf::reader::Reader;
use crate::protobuf::table::{Field, Kind, MessageTable, Tables};

/// The number of the key's field in every map entry.
const KEY: u32 = 1;

/// The number of the value's field.
const VALUE: u32 = 2;

/// One entry of a map that is being written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub key: Value<'a>,
    /// Where it starts in the body.
    pub at: u32,
}

impl<'a> Record<'a> {
    /// Collects a map's entries. They are taken one after the other by [`Record::entry`] up to the number of [`Record::entries`],
    /// and given back by [`Record::forget_entries`]: a value may hold another map.
    pub fn collect_entries(
        &mut self,
        tables: &Tables,
        field: &Field,
        key: &Field,
        list: Value<'_>,
    ) -> Result<usize, WireError> {
        let first = self.entries.len();
        let mut place = self.first(list);
        while let Some((element, next)) = place {
            let mut reader = element.reader;
            self.with_element(tables, field, &mut reader, |record, base| {
                let key = record.value(base, key.slot);
                record.entries.push(Entry { key, at: element.at as u32 });
                Ok(())
            })?;
            place = self.next(next);
        }
        let entries = &mut self.entries[first..];
        entries.sort_unstable_by(|a, b| order(key.kind, a.key, b.key).then(a.at.cmp(&b.at)));
        Ok(first)
    }

    /// How many entries there are, with those of the maps around.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// An entry and a reader of its message; none where a later one has the same key.
    pub fn entry(&self, index: usize, key: Kind) -> Option<(Entry<'a>, Reader<'a>)> {
        let entry = *self.entries.get(index)?;
        let next = self.entries.get(index + 1);
        if next.is_some_and(|next| order(key, entry.key, next.key).is_eq()) {
            return None;
        }
        Some((entry, Reader::from(self.body, entry.at as usize)))
    }

    pub fn forget_entries(&mut self, first: usize) {
        self.entries.truncate(first);
    }
}

impl MessageTable {
    /// The fields of a map entry's key and value.
    pub fn entry_fields(&self) -> Option<(&Field, &Field)> {
        Some((self.field(KEY, 0)?.1, self.field(VALUE, 1)?.1))
    }
}

/// A key that is not there is the default of its kind.
fn order(kind: Kind, a: Value<'_>, b: Value<'_>) -> Ordering {
    match kind {
        Kind::Text => a.text().as_bytes().cmp(b.text().as_bytes()),
        Kind::Uint64 | Kind::Fixed64 => a.number().cmp(&b.number()),
        _ => a.number().cast_signed().cmp(&b.number().cast_signed()),
    }
}
