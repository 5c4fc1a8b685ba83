//! The growing columns of a message.

use arrow::array::{ArrayRef, NullBufferBuilder, StructArray};
use arrow::datatypes::Fields;
use arrow::error::ArrowError;

use super::filled;
use super::grower::{Grower, Growing};
use super::shape::{Column, Source, Texts, fields};
use crate::protobuf::{Cardinality, MessageId, Record, Tables, Value, WireError};

/// A message whose fields are columns.
#[derive(Debug)]
pub(crate) struct StructGrower {
    id: MessageId,
    fields: Fields,
    columns: Box<[(From, Grower)]>,
    nulls: NullBufferBuilder,
    len: usize,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug)]
enum From {
    Field(usize),
    Which(u32),
    Set,
}

impl StructGrower {
    pub fn new(tables: &Tables, id: MessageId, columns: &[Column], capacity: usize) -> Self {
        let growers = columns.iter().map(|column| {
            let from = match column.source {
                Source::Field { index } => From::Field(index),
                Source::Which { slot } => From::Which(slot),
                Source::Set => From::Set,
            };
            (from, Grower::new(tables, &column.shape, capacity))
        });
        Self {
            id,
            fields: fields(columns, Texts::Dictionary),
            columns: growers.collect(),
            nulls: NullBufferBuilder::new(capacity),
            len: 0,
        }
    }

    /// Appends the message whose slots start at `base`, or null.
    pub fn append(
        &mut self,
        growing: &mut Growing<'_>,
        record: &mut Record<'_>,
        base: Option<u32>,
    ) -> Result<(), WireError> {
        self.nulls.append(base.is_some());
        self.len += 1;
        for (from, column) in &mut self.columns {
            let value = base.map_or(Value::Absent, |base| value(growing.tables, record, self.id, base, *from));
            column.append(growing, record, value)?;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<StructArray, ArrowError> {
        let columns = self.columns.into_iter().map(|(_, column)| column.finish()).collect::<Result<Vec<_>, _>>()?;
        StructArray::try_new_with_length(self.fields, columns, self.nulls.finish(), self.len)
    }

    /// The columns by themselves.
    pub fn finish_columns(self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.columns.into_iter().map(|(_, column)| column.finish()).collect()
    }
}

fn value<'a>(tables: &Tables, record: &Record<'a>, id: MessageId, base: u32, from: From) -> Value<'a> {
    let index = match from {
        From::Which(slot) => return record.value(base, slot),
        From::Set => return Value::Number(1),
        From::Field(index) => index,
    };
    let field = &tables.message(id).fields[index];
    match field.cardinality {
        Cardinality::Implicit => filled(tables, field.kind, record.value(base, field.slot)),
        Cardinality::Oneof { .. } => record.shown(base, index, field),
        Cardinality::Explicit | Cardinality::Repeated | Cardinality::Map => record.value(base, field.slot),
    }
}
