//! Growing lists and maps. Their elements are read where they are in the body.

use arrow::array::{ListArray, MapArray, StructArray};
use arrow::datatypes::FieldRef;
use arrow::error::ArrowError;

use super::ends::Ends;
use super::filled;
use super::grower::{Grower, Growing};
use super::shape::{Elements, FieldOf, Texts, element_field, entries_field};
use crate::protobuf::{Field, Kind, Record, Tables, Value, WireError, scalar};

#[derive(Debug)]
pub(super) struct ListGrower {
    of: FieldOf,
    field: FieldRef,
    /// Where each list ends.
    ends: Ends,
    elements: Grower,
    /// How many columns an element takes.
    leaves: usize,
}

impl ListGrower {
    pub fn new(tables: &Tables, of: FieldOf, elements: &Elements) -> Self {
        Self {
            of,
            field: element_field(&elements.shape, Texts::Dictionary),
            ends: Ends::default(),
            elements: Grower::new(tables, &elements.shape, 0),
            leaves: elements.leaves,
        }
    }

    pub fn append<'a>(
        &mut self,
        growing: &mut Growing<'_>,
        record: &mut Record<'a>,
        list: Value<'a>,
    ) -> Result<(), WireError> {
        let field = self.of.field(growing.tables);
        let mut count = 0;
        let mut place = record.first(list);
        while let Some((element, next)) = place {
            let mut reader = element.reader;
            if element.packed {
                let mut many = reader.delimited()?;
                while !many.is_empty() {
                    let value = scalar(field.kind, &mut many)?;
                    self.elements.append(growing, record, value)?;
                    count += 1;
                }
            } else {
                append_element(&mut self.elements, growing, record, field, &mut reader)?;
                count += 1;
            }
            place = record.next(next);
        }
        *growing.cells += count * self.leaves;
        self.ends.push(count);
        Ok(())
    }

    pub fn finish(self) -> Result<ListArray, ArrowError> {
        ListArray::try_new(self.field, self.ends.finish(), self.elements.finish()?, None)
    }
}

/// Appends one element that is not packed.
fn append_element<'a>(
    elements: &mut Grower,
    growing: &mut Growing<'_>,
    record: &mut Record<'a>,
    field: &Field,
    reader: &mut crate::protobuf::Reader<'a>,
) -> Result<(), WireError> {
    match field.kind {
        Kind::Message(id) | Kind::Group(id) => {
            let tables = growing.tables;
            let append = |record: &mut Record<'a>, base| elements.append(growing, record, Value::Message { base, id });
            record.with_element(tables, field, reader, append).map(drop)
        }
        kind => {
            let value = scalar(kind, reader)?;
            elements.append(growing, record, value)
        }
    }
}

#[derive(Debug)]
pub(super) struct MapGrower {
    of: FieldOf,
    field: FieldRef,
    ends: Ends,
    keys: Grower,
    values: Grower,
    /// How many columns an entry takes.
    leaves: usize,
}

impl MapGrower {
    pub fn new(tables: &Tables, of: FieldOf, key: Kind, values: &Elements) -> Self {
        Self {
            of,
            field: entries_field(key, &values.shape, Texts::Dictionary),
            ends: Ends::default(),
            keys: Grower::scalar(key, 0),
            values: Grower::new(tables, &values.shape, 0),
            leaves: values.leaves,
        }
    }

    /// Appends the entries in the order of their keys; of those with the same key the last.
    pub fn append<'a>(
        &mut self,
        growing: &mut Growing<'_>,
        record: &mut Record<'a>,
        map: Value<'a>,
    ) -> Result<(), WireError> {
        let tables = growing.tables;
        let field = self.of.field(tables);
        let Kind::Message(id) = field.kind else { return Ok(()) };
        let Some((key, value)) = tables.message(id).entry_fields() else { return Ok(()) };
        let mut count = 0;
        let first = record.collect_entries(tables, field, key, map)?;
        for index in first..record.entries() {
            let Some((entry, mut reader)) = record.entry(index, key.kind) else { continue };
            self.keys.append(growing, record, filled(tables, key.kind, entry.key))?;
            record.with_element(tables, field, &mut reader, |record, base| {
                self.append_value(growing, record, value, base)
            })?;
            count += 1;
        }
        record.forget_entries(first);
        *growing.cells += count * self.leaves;
        self.ends.push(count);
        Ok(())
    }

    /// Appends the value of the entry whose slots start at `base`; the default of its type where it has none.
    fn append_value<'a>(
        &mut self,
        growing: &mut Growing<'_>,
        record: &mut Record<'a>,
        field: &Field,
        base: u32,
    ) -> Result<(), WireError> {
        let found = filled(growing.tables, field.kind, record.value(base, field.slot));
        match (found, field.kind) {
            (Value::Absent, Kind::Message(id) | Kind::Group(id)) => {
                record.with_empty(growing.tables, id, |record, base| {
                    self.values.append(growing, record, Value::Message { base, id })
                })
            }
            _ => self.values.append(growing, record, found),
        }
    }

    pub fn finish(self) -> Result<MapArray, ArrowError> {
        let entries = match self.field.data_type() {
            arrow::datatypes::DataType::Struct(fields) => fields.clone(),
            _ => arrow::datatypes::Fields::empty(),
        };
        let entries = StructArray::try_new(entries, vec![self.keys.finish()?, self.values.finish()?], None)?;
        MapArray::try_new(self.field, self.ends.finish(), entries, None, false)
    }
}

impl FieldOf {
    pub(super) fn field(self, tables: &Tables) -> &Field {
        &tables.message(self.message).fields[self.index]
    }
}
