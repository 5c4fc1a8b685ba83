//! Whether a record that was read can be a row. What is asked here can't fail any more once the row is encoded.

use super::filled;
use super::shape::{Column, Elements, Shape, Source};
use crate::protobuf::{Cardinality, Field, Kind, MessageId, Record, Tables, Value, WireError};

/// The most values that the columns of one row may take: about 32 MiB of them. An element of a list takes two bytes of a message and a
/// value in each of its columns.
const MAX_CELLS: usize = 4 << 20;

/// What is to be looked at in the records of one message.
#[derive(Debug)]
pub(crate) struct Check {
    /// How many columns an element of a list takes at most.
    widest: usize,
    has_times: bool,
}

/// Why a message of the right type can't be a row: the field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The field and those that hold it, from the inside out.
    pub path: Vec<Box<str>>,
    pub fault: &'static str,
}

/// Why a record can't be a row.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// What it holds.
    Misfit(Misfit),
    /// What it is. Never so for a record that was read.
    Wire(WireError),
}

impl From<WireError> for Unfit {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl Check {
    pub fn new(columns: &[Column]) -> Self {
        let shapes = || columns.iter().map(|column| &column.shape);
        Self { widest: shapes().map(widest).max().unwrap_or(0), has_times: shapes().any(has_times) }
    }

    /// Looks at the record of a body of `bytes` bytes.
    ///
    /// # Errors
    ///
    /// What keeps it from being a row.
    pub fn record(
        &self,
        tables: &Tables,
        columns: &[Column],
        id: MessageId,
        record: &mut Record<'_>,
        bytes: usize,
    ) -> Result<(), Unfit> {
        // An element takes a byte at least, and two where it is a message.
        if !self.has_times && bytes.saturating_mul(self.widest) <= MAX_CELLS {
            return Ok(());
        }
        let mut walk = Walk { tables, left: MAX_CELLS };
        walk.message(columns, id, record, 0)
    }
}

fn widest(shape: &Shape) -> usize {
    match shape {
        Shape::Struct { columns, .. } => columns.iter().map(|column| widest(&column.shape)).max().unwrap_or(0),
        Shape::List { elements, .. } | Shape::Map { values: elements, .. } => elements.leaves,
        _ => 0,
    }
}

fn has_times(shape: &Shape) -> bool {
    match shape {
        Shape::Timestamp(_) | Shape::Duration(_) => true,
        Shape::Struct { columns, .. } => columns.iter().any(|column| has_times(&column.shape)),
        Shape::List { elements, .. } | Shape::Map { values: elements, .. } => has_times(&elements.shape),
        _ => false,
    }
}

struct Walk<'t> {
    tables: &'t Tables,
    /// How many values there may still be.
    left: usize,
}

impl Walk<'_> {
    fn message(&mut self, columns: &[Column], id: MessageId, record: &mut Record<'_>, base: u32) -> Result<(), Unfit> {
        for column in columns {
            let Source::Field { index } = column.source else { continue };
            if !column.is_checked {
                continue;
            }
            let field = &self.tables.message(id).fields[index];
            let value = match field.cardinality {
                Cardinality::Oneof { .. } => record.shown(base, index, field),
                _ => record.value(base, field.slot),
            };
            self.field(&column.shape, field, record, value).map_err(|unfit| within(unfit, &field.name))?;
        }
        Ok(())
    }

    fn field<'a>(
        &mut self,
        shape: &Shape,
        field: &Field,
        record: &mut Record<'a>,
        value: Value<'a>,
    ) -> Result<(), Unfit> {
        match shape {
            Shape::List { elements, .. } => self.list(elements, field, record, value),
            Shape::Map { values, .. } => self.map(values, field, record, value),
            _ => self.value(shape, record, value),
        }
    }

    fn value(&mut self, shape: &Shape, record: &mut Record<'_>, value: Value<'_>) -> Result<(), Unfit> {
        let Some(base) = value.message() else { return Ok(()) };
        match shape {
            Shape::Timestamp(at) if at.timestamp(record, base).is_none() => {
                Err(misfit("is no time between the years 1 and 9999"))
            }
            Shape::Duration(span) if span.duration(record, base).is_none() => {
                Err(misfit("is no span of time of at most 10,000 years"))
            }
            Shape::Struct { id, columns } => self.message(columns, *id, record, base),
            _ => Ok(()),
        }
    }

    fn list<'a>(
        &mut self,
        elements: &Elements,
        field: &Field,
        record: &mut Record<'a>,
        list: Value<'a>,
    ) -> Result<(), Unfit> {
        let mut place = record.first(list);
        while let Some((found, next)) = place {
            let mut reader = found.reader;
            if found.packed {
                // A packed number takes a byte at least.
                self.take(elements.leaves.saturating_mul(reader.bytes()?.len()))?;
            } else {
                self.take(elements.leaves)?;
            }
            if elements.is_checked {
                self.element(&elements.shape, field, record, &mut reader)?;
            }
            place = record.next(next);
        }
        Ok(())
    }

    fn element<'a>(
        &mut self,
        shape: &Shape,
        field: &Field,
        record: &mut Record<'a>,
        reader: &mut crate::protobuf::Reader<'a>,
    ) -> Result<(), Unfit> {
        let (Kind::Message(id) | Kind::Group(id)) = field.kind else { return Ok(()) };
        let mut found = Ok(());
        record.with_element(self.tables, field, reader, |record, base| {
            found = self.value(shape, record, Value::Message { base, id });
            Ok(())
        })?;
        found
    }

    fn map<'a>(
        &mut self,
        elements: &Elements,
        field: &Field,
        record: &mut Record<'a>,
        map: Value<'a>,
    ) -> Result<(), Unfit> {
        let Kind::Message(id) = field.kind else { return Ok(()) };
        let Some((key, value)) = self.tables.message(id).entry_fields() else { return Ok(()) };
        let first = record.collect_entries(self.tables, field, key, map)?;
        let mut found = Ok(());
        for index in first..record.entries() {
            let Some((_, mut reader)) = record.entry(index, key.kind) else { continue };
            found = self.take(elements.leaves);
            if found.is_err() {
                break;
            }
            if !elements.is_checked {
                continue;
            }
            let tables = self.tables;
            record.with_element(tables, field, &mut reader, |record, base| {
                let held = filled(tables, value.kind, record.value(base, value.slot));
                found = self.value(&elements.shape, record, held);
                Ok(())
            })?;
            if found.is_err() {
                break;
            }
        }
        record.forget_entries(first);
        found
    }

    fn take(&mut self, cells: usize) -> Result<(), Unfit> {
        let left = self.left.checked_sub(cells);
        self.left =
            left.ok_or_else(|| misfit("has too many elements: a row may hold 4,194,304 values in its lists and maps"))?;
        Ok(())
    }
}

fn misfit(fault: &'static str) -> Unfit {
    Unfit::Misfit(Misfit { path: Vec::new(), fault })
}

#[cold]
fn within(unfit: Unfit, field: &str) -> Unfit {
    match unfit {
        Unfit::Misfit(mut misfit) => {
            misfit.path.push(field.into());
            Unfit::Misfit(misfit)
        }
        other => other,
    }
}
