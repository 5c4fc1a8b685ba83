//! The memory of records, kept from one body to the next.

use super::map::Entry;
use super::{Node, Record, Value};
use crate::protobuf::table::MessageId;

/// What is kept of the vectors at most: room for the largest of usual events. What one huge message needed is given back.
const MAX_KEPT: usize = 4096;

/// The vectors of a record between two bodies.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    slots: Vec<Value<'static>>,
    free: Vec<(MessageId, u32)>,
    nodes: Vec<Node>,
    entries: Vec<Entry<'static>>,
}

impl Shelf {
    /// An empty record with the memory that is kept here.
    pub fn take<'a>(&mut self) -> Record<'a> {
        let Self { slots, free, nodes, entries } = std::mem::take(self);
        Record { body: &[], slots: relabel(slots), free, nodes, entries: relabel(entries), unknown: 0 }
    }

    /// Keeps a record's memory for the next.
    pub fn put(&mut self, record: Record<'_>) {
        let Record { slots, free, nodes, entries, .. } = record;
        *self = Self {
            slots: relabel(bounded(slots)),
            free: bounded(free),
            nodes: bounded(nodes),
            entries: relabel(bounded(entries)),
        };
    }
}

fn bounded<T>(mut vector: Vec<T>) -> Vec<T> {
    vector.clear();
    vector.shrink_to(MAX_KEPT);
    vector
}

/// The same vector for values that point elsewhere. It is empty, so there is nothing to convert, and collecting from a
/// vector into one of the same layout reuses its memory.
fn relabel<T, U>(mut values: Vec<T>) -> Vec<U>
where
    T: Stale<U>,
{
    values.clear();
    values.into_iter().map(Stale::fresh).collect()
}

/// Two types that differ in nothing but the lifetime of what they point to.
trait Stale<U> {
    fn fresh(self) -> U;
}

impl<'a> Stale<Value<'a>> for Value<'_> {
    fn fresh(self) -> Value<'a> {
        Value::Absent
    }
}

impl<'a> Stale<Entry<'a>> for Entry<'_> {
    fn fresh(self) -> Entry<'a> {
        Entry { key: Value::Absent, at: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_but_not_that_of_a_huge_message() {
        let mut shelf = Shelf::default();
        for (slots, kept) in [(100, 100..=MAX_KEPT), (100_000, 100..=MAX_KEPT)] {
            let mut record = shelf.take();
            record.slots.resize(slots, Value::Absent);
            let memory = record.slots.as_ptr();
            shelf.put(record);
            assert!(kept.contains(&shelf.slots.capacity()), "{}", shelf.slots.capacity());
            if slots < MAX_KEPT {
                assert_eq!(shelf.take().slots.as_ptr(), memory, "the same memory");
            }
        }
    }
}
