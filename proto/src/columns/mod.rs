//! The rows of a file as Arrow columns.

mod builder;
mod table;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use thiserror::Error;

use crate::event::{Event, EventSchema};
use crate::partition::{EventHour, check_app_id};
use crate::poison::Poison;
use crate::protobuf::{JsonWriter, Record, Shelf};
use builder::ColumnBuilder;
use table::Row;
pub use table::{COLUMNS, Column, DICTIONARY_COLUMNS};

/// The most text that one batch may hold in any one column, in bytes: an Arrow string array counts in 31 bits.
pub(crate) const MAX_TEXT_BYTES: usize = i32::MAX as usize;

/// More than the text that a row can hold beyond its body and its JSON: the names of its enums, category and type.
const NAMES_BYTES: usize = 256;

/// What a file's columns depend on besides the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ColumnOptions {
    /// Whether app_id, year, month, day and hour are written into the file too. They are always in its path, where
    /// Hive, Spark, Trino, DuckDB and pyarrow look for them; some of these refuse a file that has them again.
    pub partition_columns_in_file: bool,
}

/// The schema of the event files: the columns of [`COLUMNS`], in that order.
#[must_use]
pub fn schema(options: &ColumnOptions) -> SchemaRef {
    let fields: Vec<_> = columns(options).map(Column::field).collect();
    Arc::new(Schema::new(fields))
}

fn columns(options: &ColumnOptions) -> impl Iterator<Item = &'static Column> {
    let with_partition = options.partition_columns_in_file;
    COLUMNS.iter().filter(move |column| with_partition || !column.partition)
}

/// Why a row was not added. Poison and a full batch leave the columns as they were before.
#[derive(Debug, Error)]
pub enum PushError {
    /// The message is not an event. Never so for a body that [`Decoder::decode`](crate::Decoder::decode) has let
    /// through.
    #[error(transparent)]
    Poison(#[from] Poison),
    /// With this row, a column could hold more text than an Arrow array can: finish this batch, and put the row into
    /// the next.
    #[error("the batch is full: with this row its text could take {bytes} bytes, more than an Arrow array can hold")]
    Full {
        /// An upper bound of the text in the batch with this row, in bytes.
        bytes: usize,
    },
    /// Arrow refused the headers of a dead letter, which would be a mistake in its columns: the batch is spoilt.
    #[error("the headers do not make a column: {source}")]
    Headers {
        /// What Arrow found.
        source: ArrowError,
    },
}

/// Collects events into the columns of one file.
#[derive(Debug)]
pub struct Columns {
    events: EventSchema,
    rows: Rows,
    /// The memory of one row, used for each.
    shelf: Shelf,
    payload_json: Vec<u8>,
}

impl Columns {
    /// Empty columns with room for `capacity` rows; more rows are possible.
    #[must_use]
    pub fn new(events: &EventSchema, options: ColumnOptions, capacity: usize) -> Self {
        let rows = Rows::new(options, capacity);
        Self { events: events.clone(), rows, shelf: Shelf::default(), payload_json: Vec::new() }
    }

    /// Decodes one message and adds its row. `published_at_ns` is in nanoseconds since the Unix epoch and is written in
    /// microseconds, rounded down, because not every reader takes nanoseconds.
    ///
    /// # Errors
    ///
    /// When the message is poison or the columns are full; nothing was added then.
    pub fn push(&mut self, body: &[u8], stream_sequence: u64, published_at_ns: i64) -> Result<(), PushError> {
        let mut record = self.shelf.take();
        let pushed = self.push_record(&mut record, body, stream_sequence, published_at_ns);
        self.shelf.put(record);
        pushed
    }

    fn push_record<'a>(
        &mut self,
        record: &mut Record<'a>,
        body: &'a [u8],
        stream_sequence: u64,
        published_at_ns: i64,
    ) -> Result<(), PushError> {
        self.events.read(record, body).map_err(Poison::from)?;
        let event = self.events.event(record);
        let hour = EventHour::from_timestamp_ms(event.timestamp_ms)?;
        check_app_id(event.app_id.as_str())?;
        self.payload_json.clear();
        match self.events.payload(record) {
            Some(payload) => JsonWriter::new(self.events.tables(), &mut self.payload_json)
                .message(record, payload.message, payload.base)
                .map_err(Poison::from)?,
            None => self.payload_json.extend_from_slice(b"{}"),
        }
        self.rows.push(&event, hour, &self.payload_json, body.len(), stream_sequence, published_at_ns)
    }

    /// The rows so far as one batch, in the order in which they were pushed.
    ///
    /// # Errors
    ///
    /// When the columns do not make a batch, which would be a mistake in the column table.
    pub fn finish(self) -> Result<RecordBatch, ArrowError> {
        self.rows.finish()
    }
}

/// The growing columns.
#[derive(Debug)]
pub(crate) struct Rows {
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    text: TextBudget,
}

impl Rows {
    pub(crate) fn new(options: ColumnOptions, capacity: usize) -> Self {
        Self::of(&columns(&options).collect::<Vec<_>>(), capacity)
    }

    /// Some of the columns.
    pub(crate) fn of(columns: &[&'static Column], capacity: usize) -> Self {
        let fields: Vec<_> = columns.iter().map(|column| column.field()).collect();
        let columns = columns.iter().map(|column| ColumnBuilder::new(column, capacity)).collect();
        Self { schema: Arc::new(Schema::new(fields)), columns, text: TextBudget::default() }
    }

    /// Adds a row of a body of `bytes` bytes, unless the columns are full.
    pub(crate) fn push(
        &mut self,
        event: &Event<'_>,
        hour: EventHour,
        payload_json: &[u8],
        bytes: usize,
        stream_sequence: u64,
        published_at_ns: i64,
    ) -> Result<(), PushError> {
        // Every text of a row is a part of its body, or the JSON, or a name; so this bounds each column.
        self.text.take(bytes.max(payload_json.len()).saturating_add(NAMES_BYTES))?;
        let row = Row {
            event,
            hour,
            payload_json,
            // Beyond 2^63 it turns negative, and stays as unique as it was, which is what readers need it for.
            stream_sequence: stream_sequence.cast_signed(),
            published_at_us: published_at_ns.div_euclid(1000),
        };
        for column in &mut self.columns {
            column.append(&row);
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<RecordBatch, ArrowError> {
        let arrays = self.columns.into_iter().map(ColumnBuilder::finish).collect::<Result<_, _>>()?;
        RecordBatch::try_new(self.schema, arrays)
    }
}

/// Keeps the text of a batch below what its arrays can hold; Arrow itself would panic.
#[derive(Debug)]
pub(crate) struct TextBudget {
    used: usize,
    limit: usize,
}

impl Default for TextBudget {
    fn default() -> Self {
        Self { used: 0, limit: MAX_TEXT_BYTES }
    }
}

impl TextBudget {
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), PushError> {
        let used = self.used.saturating_add(bytes);
        if used > self.limit {
            return Err(PushError::Full { bytes: used });
        }
        self.used = used;
        Ok(())
    }
}

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;
