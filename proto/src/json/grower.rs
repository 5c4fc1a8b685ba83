//! The growing columns of documents.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder,
    Int32Builder, Int64Builder, ListArray, MapArray, NullBufferBuilder, StringBuilder, StructArray,
    TimestampMicrosecondBuilder, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::error::ArrowError;

use super::document::{Cell, Row, Span};
use super::types::{Element, Struct, Type};
use crate::nested::Ends;

/// An object whose members are columns.
#[derive(Debug)]
pub(crate) struct StructGrower {
    fields: Fields,
    /// With their places among the columns.
    columns: Box<[(usize, Grower)]>,
    nulls: NullBufferBuilder,
    len: usize,
}

impl StructGrower {
    /// Columns of which some may be left out.
    pub fn new(columns: &Struct, keep: impl Fn(usize) -> bool, capacity: usize) -> Self {
        let kept = columns.columns.iter().enumerate().filter(|(index, _)| keep(*index));
        Self {
            fields: columns.fields(),
            columns: kept.map(|(index, column)| (index, Grower::new(&column.of, capacity))).collect(),
            nulls: NullBufferBuilder::new(capacity),
            len: 0,
        }
    }

    /// Appends an object, or null. `cells` counts the values of lists and maps.
    pub fn append(&mut self, row: Row<'_>, cell: Cell, cells: &mut usize) {
        let base = match cell {
            Cell::Struct(base) => Some(base as usize),
            _ => None,
        };
        self.nulls.append(base.is_some());
        self.len += 1;
        for (index, column) in &mut self.columns {
            column.append(row, base.map_or(Cell::Null, |base| row.cell(base + *index)), cells);
        }
    }

    fn finish(mut self) -> Result<StructArray, ArrowError> {
        let columns = self.columns.into_iter().map(|(_, column)| column.finish()).collect::<Result<Vec<_>, _>>()?;
        StructArray::try_new_with_length(self.fields, columns, self.nulls.finish(), self.len)
    }

    /// The columns by themselves.
    pub fn finish_columns(self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.columns.into_iter().map(|(_, column)| column.finish()).collect()
    }
}

/// A column that grows.
#[derive(Debug)]
enum Grower {
    Boolean(BooleanBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Uint32(UInt32Builder),
    Uint64(UInt64Builder),
    Float(Float32Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Struct(StructGrower),
    Many(Box<ManyGrower>),
}

impl Grower {
    fn new(of: &Type, capacity: usize) -> Self {
        match of {
            Type::Bool => Self::Boolean(BooleanBuilder::with_capacity(capacity)),
            Type::Int32 => Self::Int32(Int32Builder::with_capacity(capacity)),
            Type::Int64 => Self::Int64(Int64Builder::with_capacity(capacity)),
            Type::Uint32 => Self::Uint32(UInt32Builder::with_capacity(capacity)),
            Type::Uint64 => Self::Uint64(UInt64Builder::with_capacity(capacity)),
            Type::Float32 => Self::Float(Float32Builder::with_capacity(capacity)),
            Type::Float64 => Self::Double(Float64Builder::with_capacity(capacity)),
            Type::Decimal { .. } => {
                Self::Decimal(Decimal128Builder::with_capacity(capacity).with_data_type(of.data_type()))
            }
            Type::Text | Type::Json => Self::Text(StringBuilder::with_capacity(capacity, 0)),
            Type::Bytes => Self::Bytes(BinaryBuilder::with_capacity(capacity, 0)),
            Type::Date => Self::Date(Date32Builder::with_capacity(capacity)),
            Type::Timestamp(_) => {
                Self::Timestamp(TimestampMicrosecondBuilder::with_capacity(capacity).with_timezone("UTC"))
            }
            Type::Struct(columns) => Self::Struct(StructGrower::new(columns, |_| true, capacity)),
            Type::List(element) => Self::Many(Box::new(ManyGrower::list(element))),
            Type::Map(element) => Self::Many(Box::new(ManyGrower::map(element))),
        }
    }

    /// Appends a value, which is in the form of the column since the document was read.
    fn append(&mut self, row: Row<'_>, cell: Cell, cells: &mut usize) {
        let int = match cell {
            Cell::Int(number) => Some(number),
            _ => None,
        };
        let uint = match cell {
            Cell::Uint(number) => Some(number),
            _ => None,
        };
        let float = match cell {
            Cell::Float(number) => Some(number),
            _ => None,
        };
        match self {
            Self::Boolean(builder) => builder.append_option(match cell {
                Cell::Bool(value) => Some(value),
                _ => None,
            }),
            Self::Int32(builder) => builder.append_option(int.map(|number| number as i32)),
            Self::Int64(builder) => builder.append_option(int),
            Self::Uint32(builder) => builder.append_option(uint.map(|number| number as u32)),
            Self::Uint64(builder) => builder.append_option(uint),
            Self::Float(builder) => builder.append_option(float.map(|number| number as f32)),
            Self::Double(builder) => builder.append_option(float),
            Self::Decimal(builder) => builder.append_option(row.wide(cell)),
            Self::Text(builder) => builder.append_option(row.text(cell)),
            Self::Bytes(builder) => builder.append_option(row.bytes(cell)),
            Self::Date(builder) => builder.append_option(int.map(|days| days as i32)),
            Self::Timestamp(builder) => builder.append_option(int),
            Self::Struct(columns) => columns.append(row, cell, cells),
            Self::Many(many) => many.append(row, cell, cells),
        }
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
            Self::Int32(mut builder) => Arc::new(builder.finish()),
            Self::Int64(mut builder) => Arc::new(builder.finish()),
            Self::Uint32(mut builder) => Arc::new(builder.finish()),
            Self::Uint64(mut builder) => Arc::new(builder.finish()),
            Self::Float(mut builder) => Arc::new(builder.finish()),
            Self::Double(mut builder) => Arc::new(builder.finish()),
            Self::Decimal(mut builder) => Arc::new(builder.finish()),
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Bytes(mut builder) => Arc::new(builder.finish()),
            Self::Date(mut builder) => Arc::new(builder.finish()),
            Self::Timestamp(mut builder) => Arc::new(builder.finish()),
            Self::Struct(columns) => Arc::new(columns.finish()?),
            Self::Many(many) => many.finish()?,
        })
    }
}

/// A list, or a map, whose entries have keys.
#[derive(Debug)]
struct ManyGrower {
    /// The element's, or the entry's.
    field: Arc<Field>,
    ends: Ends,
    nulls: NullBufferBuilder,
    keys: Option<StringBuilder>,
    values: Grower,
    width: usize,
}

impl ManyGrower {
    fn list(element: &Element) -> Self {
        Self {
            field: element.list_field(),
            ends: Ends::default(),
            nulls: NullBufferBuilder::new(0),
            keys: None,
            values: Grower::new(&element.of, 0),
            width: element.width,
        }
    }

    fn map(element: &Element) -> Self {
        Self { field: element.entries_field(), keys: Some(StringBuilder::new()), ..Self::list(element) }
    }

    fn append(&mut self, row: Row<'_>, cell: Cell, cells: &mut usize) {
        let Cell::Many(span) = cell else {
            self.nulls.append_null();
            return self.ends.push(0);
        };
        self.nulls.append_non_null();
        let Span { start, len } = span;
        let many = (start as usize..(start + len) as usize).map(|index| row.cell(index));
        let count = match &mut self.keys {
            None => {
                many.for_each(|value| self.values.append(row, value, cells));
                len as usize
            }
            Some(keys) => {
                for (place, cell) in many.enumerate() {
                    if place % 2 == 0 {
                        keys.append_value(row.text(cell).unwrap_or_default());
                    } else {
                        self.values.append(row, cell, cells);
                    }
                }
                len as usize / 2
            }
        };
        *cells += count * self.width;
        self.ends.push(count);
    }

    fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        let (ends, nulls, values) = (self.ends.finish(), self.nulls.finish(), self.values.finish()?);
        let Some(mut keys) = self.keys else {
            return Ok(Arc::new(ListArray::try_new(self.field, ends, values, nulls)?));
        };
        let entries = match self.field.data_type() {
            DataType::Struct(fields) => fields.clone(),
            _ => Fields::empty(),
        };
        let entries = StructArray::try_new(entries, vec![Arc::new(keys.finish()), values], None)?;
        Ok(Arc::new(MapArray::try_new(self.field, ends, entries, nulls, false)?))
    }
}
