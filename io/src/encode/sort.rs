//! The rows of a file in the order of some of its columns.
//!
//! **Architecture Invariant:** the order is total. Rows that are equal in all columns stay in the order of the stream, so that the same rows
//! give the same bytes.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, SortOptions, concat, interleave_record_batch, lexsort_to_indices};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::file::metadata::SortingColumn;
use warehouse_sink_proto::ColumnOptions;

use super::{CHUNK_BYTES, CHUNK_ROWS};
use crate::schema::StreamSchema;

/// Ascending, and nulls last: what `ORDER BY` means in DuckDB, Trino, PostgreSQL and DataFusion when it says no more.
const ORDER: SortOptions = SortOptions { descending: false, nulls_first: false };

/// Why rows cannot be sorted by a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SortError {
    /// No file has the column.
    #[error("no message has a column {name:?}; its columns are {columns}")]
    NoColumn {
        /// The name that was given.
        name: String,
        /// Those that there are.
        columns: String,
    },
    /// The column's values have no order, or not one that readers know.
    #[error(
        "the rows of {message} can't be sorted by {name:?}: only by whole columns of texts, numbers, times, booleans or bytes"
    )]
    Unfit {
        /// The type of the messages.
        message: String,
        /// The name that was given.
        name: String,
    },
}

impl StreamSchema {
    /// Whether files can be sorted by these columns. One that only some of the tables have sorts those.
    ///
    /// # Errors
    ///
    /// [`SortError`] on the first column that no table has, or whose values have no order in one.
    pub fn check_sort(&self, options: &ColumnOptions, names: &[String]) -> Result<(), SortError> {
        let tables = self.schemas(options);
        names.iter().try_for_each(|name| check(&tables, name))
    }
}

fn check(tables: &[(String, SchemaRef)], name: &str) -> Result<(), SortError> {
    let fits = |(_, schema): &(String, SchemaRef)| fits(schema, name);
    match tables.iter().find(|table| fits(table) == Some(false)) {
        Some((message, _)) => Err(SortError::Unfit { message: message.clone(), name: name.to_owned() }),
        None if tables.iter().any(|table| fits(table).is_some()) => Ok(()),
        None => {
            let fields = tables.iter().flat_map(|(_, schema)| schema.fields());
            let columns = fields.filter(|field| has_order(field.data_type())).map(|field| field.name().as_str());
            let columns = columns.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
            Err(SortError::NoColumn { name: name.to_owned(), columns })
        }
    }
}

/// Whether a column has an order; none where there is no such column. What lies within a column has none.
fn fits(schema: &Schema, name: &str) -> Option<bool> {
    let within = name.split_once('.').map(|(around, _)| around);
    match schema.field_with_name(name) {
        Ok(field) => Some(has_order(field.data_type())),
        Err(_) => within.and_then(|around| schema.field_with_name(around).ok()).map(|_| false),
    }
}

/// Whether Arrow and readers of Parquet put the values of a type into the same order.
fn has_order(data_type: &DataType) -> bool {
    match data_type {
        DataType::Interval(_) => false,
        DataType::Boolean | DataType::Utf8 | DataType::Binary | DataType::FixedSizeBinary(_) => true,
        other => other.is_primitive(),
    }
}

/// The columns that the rows of one kind of files are sorted by; none where they stay as they come.
#[derive(Debug, Default)]
pub(super) struct Order {
    columns: Vec<String>,
    sorting: Vec<SortingColumn>,
}

impl Order {
    /// The order by those of the columns that files of this schema have.
    pub fn new(schema: &Schema, names: &[String]) -> Self {
        let mut order = Order::default();
        for name in names {
            let Some(leaf) = leaf(schema, name) else { continue };
            order.columns.push(name.clone());
            order.sorting.push(SortingColumn {
                column_idx: leaf,
                descending: ORDER.descending,
                nulls_first: ORDER.nulls_first,
            });
        }
        order
    }

    pub fn is_none(&self) -> bool {
        self.columns.is_empty()
    }

    /// The same for the file's metadata.
    pub fn sorting(&self) -> Vec<SortingColumn> {
        self.sorting.clone()
    }

    /// The rows of all batches in their order, a chunk at a time. With what it returns, all of them are held at once.
    pub fn sort(
        &self,
        batches: Vec<RecordBatch>,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + use<>, ArrowError> {
        let rows = self.ranks(&batches)?;
        let numbered = batches.iter().enumerate();
        let places = numbered.flat_map(|(number, batch)| (0..batch.num_rows()).map(move |row| (number, row)));
        let places: Vec<(usize, usize)> = places.collect();
        let chunk = chunk_rows(&batches, rows.len());
        Ok((0..rows.len()).step_by(chunk).map(move |from| {
            let to = (from + chunk).min(rows.len());
            let of_chunk: Vec<_> = rows.values()[from..to].iter().map(|row| places[*row as usize]).collect();
            interleave_record_batch(&batches.iter().collect::<Vec<_>>(), &of_chunk)
        }))
    }

    /// The numbers of the rows, counted over all batches, as they are to follow one another.
    fn ranks(&self, batches: &[RecordBatch]) -> Result<UInt32Array, ArrowError> {
        let mut keys = Vec::with_capacity(self.columns.len() + 1);
        for name in &self.columns {
            let of_batches =
                batches.iter().map(|batch| batch.column_by_name(name).map(|column| &**column as &dyn Array));
            let of_batches = of_batches.collect::<Option<Vec<_>>>();
            let of_batches = of_batches.ok_or_else(|| ArrowError::SchemaError(format!("there is no column {name}")))?;
            keys.push(concat(&of_batches)?);
        }
        let rows = batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        let rows = u32::try_from(rows).map_err(|error| ArrowError::ComputeError(error.to_string()))?;
        // They come in the order of the stream, which makes what is equal different.
        keys.push(Arc::new(UInt32Array::from_iter_values(0..rows)) as ArrayRef);
        let keys: Vec<_> = keys.into_iter().map(|values| SortColumn { values, options: Some(ORDER) }).collect();
        lexsort_to_indices(&keys, None)
    }
}

/// The number of a column of its own among those of the Parquet schema, which count what lies within others.
fn leaf(schema: &Schema, name: &str) -> Option<i32> {
    let at = schema.fields().iter().position(|field| field.name() == name)?;
    let before: usize = schema.fields().iter().take(at).map(|field| leaves(field.data_type())).sum();
    i32::try_from(before).ok()
}

fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        DataType::List(field) | DataType::Map(field, _) => leaves(field.data_type()),
        _ => 1,
    }
}

/// How many rows are put together at a time: as many as a chunk had when they were made into columns, by their mean size.
fn chunk_rows(batches: &[RecordBatch], rows: usize) -> usize {
    let bytes: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
    (rows.saturating_mul(CHUNK_BYTES) / bytes.max(1)).clamp(1, CHUNK_ROWS)
}

#[cfg(test)]
mod tests;
