//! One growing column.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Int32Builder, Int64Builder, TimestampMicrosecondBuilder, TimestampMillisecondBuilder,
};
use arrow::error::ArrowError;

use super::table::{Column, Read, Row, UTC};
use crate::text_builder::TextBuilder;

/// Room for text per row and column at the start, in bytes. A guess; the builders grow.
const TEXT_PER_ROW: usize = 24;

type Text = for<'r> fn(&'r Row<'r>) -> Option<&'r [u8]>;
type Int64 = fn(&Row<'_>) -> Option<i64>;

/// The Arrow builder of a column, beside the reader that finds its value in a row.
#[derive(Debug)]
pub(super) enum ColumnBuilder {
    Text(TextBuilder, Text),
    Int32(Int32Builder, fn(&Row<'_>) -> Option<i32>),
    Int64(Int64Builder, Int64),
    Boolean(BooleanBuilder, fn(&Row<'_>) -> Option<bool>),
    Millis(TimestampMillisecondBuilder, Int64),
    Micros(TimestampMicrosecondBuilder, Int64),
}

impl ColumnBuilder {
    pub(super) fn new(column: &Column, capacity: usize) -> Self {
        match column.read {
            Read::Text(read) => {
                let bytes = capacity.saturating_mul(TEXT_PER_ROW);
                Self::Text(TextBuilder::with_capacity(capacity, bytes), read)
            }
            Read::Int32(read) => Self::Int32(Int32Builder::with_capacity(capacity), read),
            Read::Int64(read) => Self::Int64(Int64Builder::with_capacity(capacity), read),
            Read::Boolean(read) => Self::Boolean(BooleanBuilder::with_capacity(capacity), read),
            Read::Millis(read) => {
                Self::Millis(TimestampMillisecondBuilder::with_capacity(capacity).with_timezone(UTC), read)
            }
            Read::Micros(read) => {
                Self::Micros(TimestampMicrosecondBuilder::with_capacity(capacity).with_timezone(UTC), read)
            }
        }
    }

    /// Appends the row's value, or null where it has none.
    pub(super) fn append(&mut self, row: &Row<'_>) {
        match self {
            Self::Text(texts, read) => texts.append(read(row)),
            Self::Int32(builder, read) => builder.append_option(read(row)),
            Self::Int64(builder, read) => builder.append_option(read(row)),
            Self::Boolean(builder, read) => builder.append_option(read(row)),
            Self::Millis(builder, read) => builder.append_option(read(row)),
            Self::Micros(builder, read) => builder.append_option(read(row)),
        }
    }

    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Text(texts, _) => Arc::new(texts.finish()?),
            Self::Int32(mut builder, _) => Arc::new(builder.finish()),
            Self::Int64(mut builder, _) => Arc::new(builder.finish()),
            Self::Boolean(mut builder, _) => Arc::new(builder.finish()),
            Self::Millis(mut builder, _) => Arc::new(builder.finish()),
            Self::Micros(mut builder, _) => Arc::new(builder.finish()),
        })
    }
}
