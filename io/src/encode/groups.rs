//! Row groups, cut as Arrow's own writer cuts them, whose chunks are looked at before they are written.
//!
//! That is for NaN. Parquet leaves it out of a chunk's least and greatest value, and readers that look for `x > 5` by Arrow's order, where NaN
//! is above all, would pass over a chunk that has one. So a chunk with a NaN says neither, and no reader can go wrong.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::SerializedFileWriter;

use super::EncodeConfig;
use crate::parts::Cutter;

/// Writes record batches as row groups of a file.
pub(super) struct GroupWriter {
    file: SerializedFileWriter<Cutter>,
    columns: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    max_rows: usize,
    max_bytes: usize,
    open: Option<Group>,
}

/// A row group that is being filled.
struct Group {
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

impl GroupWriter {
    /// Takes over from Arrow's writer before it has written anything: it knows how the schema is converted and kept in the file.
    pub fn new(writer: ArrowWriter<Cutter>, schema: SchemaRef, config: &EncodeConfig) -> Result<Self> {
        let (file, columns) = writer.into_serialized_writer()?;
        let (max_rows, max_bytes) = (config.row_group_rows.get(), config.row_group_bytes.get());
        Ok(GroupWriter { file, columns, schema, max_rows, max_bytes, open: None })
    }

    /// The parts of the file so far.
    pub fn parts(&mut self) -> &mut Cutter {
        self.file.inner_mut()
    }

    /// Adds rows. A row group ends once it has as many rows or bytes as it may.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut at = 0;
        while at < batch.num_rows() {
            let group = match self.open.take() {
                Some(group) => group,
                None => Group {
                    columns: self.columns.create_column_writers(self.file.flushed_row_groups().len())?,
                    rows: 0,
                },
            };
            let group = self.open.insert(group);
            let taken = group.room(self.max_rows, self.max_bytes).min(batch.num_rows() - at);
            group.write(&self.schema, &batch.slice(at, taken))?;
            at += taken;
            if taken == 0 || group.rows >= self.max_rows || group.bytes() >= self.max_bytes {
                self.end_group()?;
            }
        }
        Ok(())
    }

    /// Ends the file.
    pub fn finish(&mut self) -> Result<()> {
        self.end_group()?;
        self.file.finish().map(drop)
    }

    fn end_group(&mut self) -> Result<()> {
        let Some(group) = self.open.take() else { return Ok(()) };
        let mut row_group = self.file.next_row_group()?;
        for column in group.columns {
            let mut chunk = column.close()?;
            forget_bounds_beside_nan(chunk.close_mut());
            chunk.append_to_row_group(&mut row_group)?;
        }
        row_group.close().map(drop)
    }
}

impl Group {
    /// How many rows there is room for, by the mean size of those that it has.
    fn room(&self, max_rows: usize, max_bytes: usize) -> usize {
        let rows = max_rows.saturating_sub(self.rows);
        let bytes = self.bytes();
        match bytes.checked_div(self.rows) {
            None => rows,
            Some(mean) => rows.min(max_bytes.saturating_sub(bytes).checked_div(mean).unwrap_or(rows)),
        }
    }

    fn bytes(&self) -> usize {
        self.columns.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
    }

    fn write(&mut self, schema: &SchemaRef, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        let mut columns = self.columns.iter_mut();
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            for leaf in compute_leaves(field, array)? {
                let column = columns.next();
                let column = column.ok_or_else(|| ParquetError::General("a column has no writer".to_owned()))?;
                column.write(&leaf)?;
            }
        }
        Ok(())
    }
}

/// Takes the least and the greatest value away from a chunk that holds a NaN, and from its pages.
fn forget_bounds_beside_nan(chunk: &mut ColumnCloseResult) {
    let bare = match chunk.metadata.statistics() {
        Some(Statistics::Float(of)) => without_bounds(of).map(Statistics::Float),
        Some(Statistics::Double(of)) => without_bounds(of).map(Statistics::Double),
        _ => None,
    };
    if let Some(bare) = bare
        && let Ok(metadata) = chunk.metadata.clone().into_builder().set_statistics(bare).build()
    {
        chunk.metadata = metadata;
        chunk.column_index = None;
    }
}

fn without_bounds<T>(of: &ValueStatistics<T>) -> Option<ValueStatistics<T>> {
    let nans = of.nan_count_opt().filter(|nans| *nans > 0)?;
    let bare = ValueStatistics::new(None, None, of.distinct_count(), of.null_count_opt(), false);
    Some(bare.with_nan_count(Some(nans)))
}
