//! From rows to the bytes of a Parquet file, and to the key it goes under.
//!
//! ```text
//! Batch ─chunk─▶ Columns (proto) ─▶ RecordBatch ─────▶ ArrowWriter ─▶ Cutter ─▶ Part
//!                                      └─▶ sort ──────┘
//! ```
//!
//! **Architecture Invariant:** the same rows give the same bytes. A write whose outcome is unknown is repeated under the same
//! key, and readers must not be able to tell which of the attempts it was that they read. So there is no clock, no
//! random number and no map with an order of its own in here.

mod compression;
mod file;
mod groups;
mod properties;
mod sort;
mod table;

use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::schema::types::ColumnPath;
use warehouse_sink_core::{BatchRow, Destination, ObjectName};
use warehouse_sink_proto::{ColumnOptions, Partition, PushError, dead_letter_schema};

use self::file::Chunks;
use self::groups::GroupWriter;
use self::sort::Order;
use crate::parts::{Cutter, Part};
use crate::payload::Payload;
use crate::rows::{Batch, Encode, Encoding};
use crate::schema::StreamSchema;

pub use compression::{Compression, CompressionError};
pub use file::FileEncoding;
pub use sort::SortError;

/// How many rows are made into columns at a time, and how many bytes of messages at most. It bounds what a batch takes in
/// memory on top of the messages themselves.
const CHUNK_ROWS: usize = 4096;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// What files depend on besides their rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeConfig {
    /// The compression of every column.
    pub compression: Compression,
    /// The most rows in a row group. A reader takes a row group at a time, and skips it as a whole.
    pub row_group_rows: NonZeroUsize,
    /// The most bytes in a row group, encoded: what is held of a file before some of it can be sent.
    pub row_group_bytes: NonZeroUsize,
    /// The size of the parts in which a file is sent.
    pub part_bytes: usize,
    /// Whether app_id, year, month, day and hour are in the file too, and not in its path alone.
    pub partition_columns_in_file: bool,
    /// Which encodings the columns have.
    pub encodings: Encodings,
    /// The columns of event files that get a bloom filter.
    pub bloom_filter_columns: Vec<String>,
    /// The columns that the rows of event files are sorted by, the first one first. Without any they are in the stream's order.
    pub sort_by: Vec<String>,
    /// The stream's name, for the file's metadata.
    pub stream: String,
    /// The consumer's name, for the file's metadata.
    pub consumer: String,
    /// What data files' keys begin with; may be empty. Slashes at its ends do not count.
    pub prefix: String,
    /// What dead-letter files' keys begin with; may be empty. Slashes at its ends do not count.
    pub dead_letter_prefix: String,
}

/// Which of Parquet's encodings the columns have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encodings {
    /// Those that make the smallest files: dictionaries, and differences of what follows one another.
    Compact,
    /// Those that every reader has had from the beginning: plain values and dictionaries.
    Compatible,
}

/// Why rows could not be encoded. All of them would be mistakes in this program: what cannot be a row was set aside as a dead
/// letter before.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A file of no rows names no sequence.
    #[error("a batch without rows makes no file")]
    Empty,
    /// A dead letter among events, or an event among dead letters.
    #[error("the row of stream sequence {stream_sequence} does not belong into this kind of file")]
    Misplaced {
        /// The message that the row came from.
        stream_sequence: u64,
    },
    /// A partition of a table that there is not.
    #[error("there is no such table")]
    NoTable,
    /// A row could not be made into columns.
    #[error("the row of stream sequence {stream_sequence} cannot be encoded: {source}")]
    Row {
        /// The message that the row came from.
        stream_sequence: u64,
        /// Why.
        source: PushError,
    },
    /// The columns do not make a batch.
    #[error("the columns do not fit together: {0}")]
    Columns(#[from] ArrowError),
    /// The file could not be made.
    #[error("the file cannot be made: {0}")]
    File(#[from] ParquetError),
}

/// Encodes the messages of a stream and dead letters as Parquet files.
#[derive(Debug)]
pub struct Encoder {
    schema: StreamSchema,
    config: EncodeConfig,
    columns: ColumnOptions,
    /// Of events and dead letters.
    properties: WriterPropertiesBuilder,
    /// Of messages of configured types, by the number of their table.
    table_properties: Vec<WriterPropertiesBuilder>,
    /// The columns that get a bloom filter, of events and by the number of a table.
    bloom_filters: Vec<Vec<ColumnPath>>,
    /// How the rows of each table are sorted, by its number.
    orders: Vec<Order>,
}

impl Encoder {
    /// An encoder for these settings.
    pub fn new(schema: &StreamSchema, config: EncodeConfig) -> Self {
        let columns = ColumnOptions { partition_columns_in_file: config.partition_columns_in_file };
        let table_properties = match schema {
            StreamSchema::Events(_) => Vec::new(),
            StreamSchema::Tables(routes) => {
                routes.iter().map(|route| table::properties(&config, &route.table)).collect()
            }
        };
        let bloom_filters = properties::bloom_filters(schema, &config);
        let orders = schema.schemas(&columns).iter().map(|(_, schema)| Order::new(schema, &config.sort_by)).collect();
        let properties = properties::base(&config);
        Encoder { schema: schema.clone(), properties, table_properties, bloom_filters, orders, columns, config }
    }

    fn path(&self, destination: &Destination<Partition>, name: &str) -> String {
        let (prefix, folder) = match destination {
            Destination::Partition(partition) => {
                (self.schema.prefix(partition).unwrap_or(&self.config.prefix), partition.path())
            }
            Destination::DeadLetter => (self.config.dead_letter_prefix.as_str(), String::new()),
        };
        let file = format!("{name}.parquet");
        let parts = [prefix.trim_matches('/'), &folder, &file];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }

    fn schema(&self, destination: &Destination<Partition>) -> SchemaRef {
        match destination {
            Destination::Partition(partition) => self.schema.arrow(partition, &self.columns),
            Destination::DeadLetter => dead_letter_schema(),
        }
    }

    fn properties(&self, destination: &Destination<Partition>) -> &WriterPropertiesBuilder {
        let of_table = match destination {
            Destination::Partition(partition) => self.table_properties.get(partition.table()),
            Destination::DeadLetter => None,
        };
        of_table.unwrap_or(&self.properties)
    }

    /// The columns that get a bloom filter.
    fn bloom_filters(&self, destination: &Destination<Partition>) -> &[ColumnPath] {
        match destination {
            Destination::Partition(partition) => self.bloom_filters.get(partition.table()).map_or(&[], Vec::as_slice),
            Destination::DeadLetter => &[],
        }
    }

    /// How the rows are sorted; none where they stay in the stream's order.
    fn order(&self, destination: &Destination<Partition>) -> Option<&Order> {
        match destination {
            Destination::Partition(partition) => self.orders.get(partition.table()).filter(|order| !order.is_none()),
            Destination::DeadLetter => None,
        }
    }

    /// All of a file at once.
    ///
    /// # Errors
    ///
    /// As [`Encode::begin`].
    pub fn encode(
        &self,
        destination: &Destination<Partition>,
        rows: &[BatchRow<Payload>],
    ) -> Result<Bytes, EncodeError> {
        let mut encoding = self.begin(Arc::new(Batch { destination: destination.clone(), rows: rows.to_vec() }))?;
        let mut file = Vec::new();
        loop {
            match encoding.next()? {
                Part::More(part) => file.extend_from_slice(&part),
                Part::Last(part) if file.is_empty() => return Ok(part),
                Part::Last(part) => {
                    file.extend_from_slice(&part);
                    return Ok(file.into());
                }
            }
        }
    }
}

impl Encode for Encoder {
    type Partition = Partition;
    type Payload = Payload;
    type Error = EncodeError;
    type Encoding = FileEncoding;

    fn key(&self, destination: &Destination<Partition>, name: &ObjectName) -> String {
        self.path(destination, name.as_str())
    }

    fn begin(&self, batch: Arc<Batch<Partition, Payload>>) -> Result<FileEncoding, EncodeError> {
        let Batch { destination, rows } = &*batch;
        if rows.is_empty() {
            return Err(EncodeError::Empty);
        }
        let metadata = properties::metadata(&self.config, &self.schema, destination, rows);
        let bloom_filters = self.bloom_filters(destination);
        let properties = self.properties(destination).clone();
        let properties = properties::for_rows(properties, bloom_filters, self.config.row_group_rows, rows.len());
        let order = self.order(destination);
        let properties = properties::sorted(properties, order).set_key_value_metadata(Some(metadata)).build();
        let parts = Cutter::new(self.config.part_bytes);
        let writer = ArrowWriter::try_new(parts, self.schema(destination), Some(properties))?;
        let writer = GroupWriter::new(writer, self.schema(destination), &self.config)?;
        let chunks = Chunks { schema: self.schema.clone(), columns: self.columns, batch: batch.clone(), at: 0 };
        Ok(match order {
            None => FileEncoding::new(Box::new(chunks), writer),
            Some(order) => {
                let sorted = order.sort(chunks.collect::<Result<_, _>>()?)?;
                FileEncoding::new(Box::new(sorted.map(|batch| Ok(batch?))), writer)
            }
        })
    }
}

#[cfg(test)]
mod tests;
