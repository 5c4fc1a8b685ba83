//! One growing column, whatever its shape.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, DurationMicrosecondBuilder, Float32Builder, Float64Builder, Int32Builder,
    Int64Builder, TimestampMicrosecondBuilder, UInt32Builder, UInt64Builder,
};
use arrow::error::ArrowError;

use super::dictionary::{EnumGrower, WhichGrower};
use super::filled;
use super::list::{ListGrower, MapGrower};
use super::shape::Shape;
use super::structs::StructGrower;
use crate::protobuf::{EnumId, JsonWriter, Kind, MessageId, Record, Seconds, Tables, Value, WireError};
use crate::text_builder::TextBuilder;

/// What a value takes, more or less.
pub(crate) const CELL_BYTES: usize = 8;

/// What all columns of a batch have in common while they grow.
#[derive(Debug)]
pub(crate) struct Growing<'t> {
    pub tables: &'t Tables,
    /// For one text.
    pub text: &'t mut Vec<u8>,
    /// How many values there are in all columns, or a little more.
    pub cells: &'t mut usize,
}

/// A column that grows.
#[derive(Debug)]
pub(super) enum Grower {
    Boolean(BooleanBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Uint32(UInt32Builder),
    Uint64(UInt64Builder),
    Float(Float32Builder),
    Double(Float64Builder),
    Text(TextBuilder),
    Bytes(BinaryBuilder),
    Enum(EnumId, EnumGrower),
    Which(WhichGrower),
    Timestamp(Seconds, TimestampMicrosecondBuilder),
    Duration(Seconds, DurationMicrosecondBuilder),
    Wrapper { slot: u32, kind: Kind, inner: Box<Grower> },
    Json(MessageId, TextBuilder),
    Struct(StructGrower),
    List(Box<ListGrower>),
    Map(Box<MapGrower>),
}

impl Grower {
    pub fn new(tables: &Tables, shape: &Shape, capacity: usize) -> Self {
        match shape {
            Shape::Scalar(kind) => Self::scalar(*kind, capacity),
            Shape::Enum(id) => Self::Enum(*id, EnumGrower::new(tables.enumeration(*id), capacity)),
            Shape::Which(names) => Self::Which(WhichGrower::new(names, capacity)),
            Shape::Timestamp(at) => {
                Self::Timestamp(*at, TimestampMicrosecondBuilder::with_capacity(capacity).with_timezone("UTC"))
            }
            Shape::Duration(span) => Self::Duration(*span, DurationMicrosecondBuilder::with_capacity(capacity)),
            Shape::Wrapper { slot, kind } => {
                Self::Wrapper { slot: *slot, kind: *kind, inner: Box::new(Self::scalar(*kind, capacity)) }
            }
            Shape::Json(id) => Self::Json(*id, TextBuilder::with_capacity(capacity, 0)),
            Shape::Struct { id, columns } => Self::Struct(StructGrower::new(tables, *id, columns, capacity)),
            Shape::List { field, elements } => Self::List(Box::new(ListGrower::new(tables, *field, elements))),
            Shape::Map { field, key, values } => Self::Map(Box::new(MapGrower::new(tables, *field, *key, values))),
        }
    }

    pub fn scalar(kind: Kind, capacity: usize) -> Self {
        match kind {
            Kind::Double => Self::Double(Float64Builder::with_capacity(capacity)),
            Kind::Float => Self::Float(Float32Builder::with_capacity(capacity)),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Self::Int32(Int32Builder::with_capacity(capacity)),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Self::Int64(Int64Builder::with_capacity(capacity)),
            Kind::Uint32 | Kind::Fixed32 => Self::Uint32(UInt32Builder::with_capacity(capacity)),
            Kind::Uint64 | Kind::Fixed64 => Self::Uint64(UInt64Builder::with_capacity(capacity)),
            Kind::Bool => Self::Boolean(BooleanBuilder::with_capacity(capacity)),
            Kind::Bytes => Self::Bytes(BinaryBuilder::with_capacity(capacity, 0)),
            Kind::Text | Kind::Enum(_) | Kind::Message(_) | Kind::Group(_) => {
                Self::Text(TextBuilder::with_capacity(capacity, 0))
            }
        }
    }

    /// Appends a value; null where it is absent, but for lists and maps, which are empty then.
    ///
    /// # Errors
    ///
    /// None for a record that was read.
    pub fn append<'a>(
        &mut self,
        growing: &mut Growing<'_>,
        record: &mut Record<'a>,
        value: Value<'a>,
    ) -> Result<(), WireError> {
        let number = match value {
            Value::Number(number) => Some(number),
            _ => None,
        };
        match self {
            Self::Boolean(builder) => builder.append_option(number.map(|number| number != 0)),
            Self::Int32(builder) => builder.append_option(number.map(|number| number as i32)),
            Self::Int64(builder) => builder.append_option(number.map(u64::cast_signed)),
            Self::Uint32(builder) => builder.append_option(number.map(|number| number as u32)),
            Self::Uint64(builder) => builder.append_option(number),
            Self::Float(builder) => builder.append_option(number.map(|number| float(number as u32))),
            Self::Double(builder) => builder.append_option(number.map(double)),
            Self::Text(texts) => texts.append(match value {
                Value::Text(text) => Some(text.as_bytes()),
                _ => None,
            }),
            Self::Bytes(builder) => builder.append_option(match value {
                Value::Bytes(bytes) => Some(bytes),
                _ => None,
            }),
            Self::Enum(id, names) => {
                names.append(growing.tables.enumeration(*id), number.map(|number| number as i32));
            }
            Self::Which(names) => names.append(number),
            Self::Timestamp(at, builder) => {
                builder.append_option(value.message().and_then(|base| at.timestamp_micros(record, base)));
            }
            Self::Duration(span, builder) => {
                builder.append_option(value.message().and_then(|base| span.duration_micros(record, base)));
            }
            Self::Wrapper { slot, kind, inner } => {
                let held = value.message().map(|base| filled(growing.tables, *kind, record.value(base, *slot)));
                inner.append(growing, record, held.unwrap_or(Value::Absent))?;
            }
            Self::Json(id, texts) => match value.message() {
                Some(base) => {
                    growing.text.clear();
                    JsonWriter::new(growing.tables, growing.text).message(record, *id, base)?;
                    append_json(texts, growing)?;
                }
                None => texts.append(None),
            },
            Self::Struct(columns) => columns.append(growing, record, value.message())?,
            Self::List(list) => list.append(growing, record, value)?,
            Self::Map(map) => map.append(growing, record, value)?,
        }
        Ok(())
    }

    /// The array of all values so far.
    ///
    /// # Errors
    ///
    /// The parts don't fit together, which would be a mistake in the shapes.
    pub fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
            Self::Int32(mut builder) => Arc::new(builder.finish()),
            Self::Int64(mut builder) => Arc::new(builder.finish()),
            Self::Uint32(mut builder) => Arc::new(builder.finish()),
            Self::Uint64(mut builder) => Arc::new(builder.finish()),
            Self::Float(mut builder) => Arc::new(builder.finish()),
            Self::Double(mut builder) => Arc::new(builder.finish()),
            Self::Text(texts) | Self::Json(_, texts) => Arc::new(texts.finish()?),
            Self::Bytes(mut builder) => Arc::new(builder.finish()),
            Self::Enum(_, names) => names.finish()?,
            Self::Which(names) => names.finish()?,
            Self::Timestamp(_, mut builder) => Arc::new(builder.finish()),
            Self::Duration(_, mut builder) => Arc::new(builder.finish()),
            Self::Wrapper { inner, .. } => inner.finish()?,
            Self::Struct(columns) => Arc::new(columns.finish()?),
            Self::List(list) => Arc::new(list.finish()?),
            Self::Map(map) => Arc::new(map.finish()?),
        })
    }
}

/// The number with these bits. All that are none are the same: to Arrow's order, one with a sign comes before all numbers, where readers
/// look for it behind them.
#[inline]
fn float(bits: u32) -> f32 {
    let number = f32::from_bits(bits);
    if number.is_nan() { f32::NAN } else { number }
}

/// As [`float`].
#[inline]
fn double(bits: u64) -> f64 {
    let number = f64::from_bits(bits);
    if number.is_nan() { f64::NAN } else { number }
}

/// Appends the text that was written. Names of fields are in it, so it can be many times the size of its message.
fn append_json(texts: &mut TextBuilder, growing: &mut Growing<'_>) -> Result<(), WireError> {
    let bytes = texts.bytes() + growing.text.len();
    if i32::try_from(bytes).is_err() {
        return Err(WireError::too_large(bytes));
    }
    *growing.cells += growing.text.len() / CELL_BYTES;
    texts.append(Some(growing.text));
    Ok(())
}
