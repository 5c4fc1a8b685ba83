//! The rows of a dead-letter file: messages that can never become events, kept whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Builder, Int64Builder, ListBuilder, MapBuilder, MapFieldNames, RecordBatch,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

use crate::columns::{PushError, TextBudget};

const UTC: &str = "UTC";

/// A message that is poison, with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadLetter {
    /// The subject it was published to.
    pub subject: String,
    /// Its headers, by name; a header may have several values.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The body, byte for byte.
    pub body: Box<[u8]>,
    /// Why it is poison, for a person to read.
    pub reason: String,
    /// How often the server has delivered it, this time included.
    pub delivery_count: u64,
    /// Its envelope byte for byte, where that is no text: then the subject and the headers above are what can be shown of it.
    pub raw: Option<Box<RawEnvelope>>,
}

/// What a message has beside its body, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawEnvelope {
    /// The subject.
    pub subject: Box<[u8]>,
    /// The block of headers, from its first line to the empty one at its end; empty where there is none.
    pub headers: Box<[u8]>,
}

/// Collects dead letters into the columns of one file.
#[derive(Debug)]
pub struct DeadLetterColumns {
    stream_sequence: Int64Builder,
    published_at: TimestampMicrosecondBuilder,
    subject: StringBuilder,
    headers: MapBuilder<StringBuilder, ListBuilder<StringBuilder>>,
    body: BinaryBuilder,
    reason: StringBuilder,
    delivery_count: Int64Builder,
    row_index: Int32Builder,
    subject_bytes: BinaryBuilder,
    header_bytes: BinaryBuilder,
    bytes: TextBudget,
}

impl DeadLetterColumns {
    /// Empty columns with room for `capacity` rows; more rows are possible.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let values = ListBuilder::new(StringBuilder::new()).with_field(value_field());
        let headers = MapBuilder::with_capacity(Some(header_names()), StringBuilder::new(), values, capacity)
            .with_values_field(values_field());
        Self {
            stream_sequence: Int64Builder::with_capacity(capacity),
            published_at: TimestampMicrosecondBuilder::with_capacity(capacity).with_timezone(UTC),
            subject: StringBuilder::with_capacity(capacity, 0),
            headers,
            body: BinaryBuilder::with_capacity(capacity, 0),
            reason: StringBuilder::with_capacity(capacity, 0),
            delivery_count: Int64Builder::with_capacity(capacity),
            row_index: Int32Builder::with_capacity(capacity),
            subject_bytes: BinaryBuilder::with_capacity(capacity, 0),
            header_bytes: BinaryBuilder::with_capacity(capacity, 0),
            bytes: TextBudget::default(),
        }
    }

    /// Adds one dead letter. `published_at_ns` is in nanoseconds since the Unix epoch and is written in microseconds,
    /// rounded down; `index` is the row's place among those of its message.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] when an Arrow array could not hold more; nothing was added then.
    pub fn push(
        &mut self,
        letter: &DeadLetter,
        stream_sequence: u64,
        published_at_ns: i64,
        index: u32,
    ) -> Result<(), PushError> {
        self.bytes.take(size(letter))?;
        self.append_headers(&letter.headers)?;
        // Beyond 2^63 a sequence turns negative, and stays as unique as it was.
        self.stream_sequence.append_value(stream_sequence.cast_signed());
        self.published_at.append_value(published_at_ns.div_euclid(1000));
        self.subject.append_value(&letter.subject);
        self.body.append_value(&letter.body);
        self.reason.append_value(&letter.reason);
        self.delivery_count.append_value(letter.delivery_count.cast_signed());
        self.row_index.append_value(index.cast_signed());
        let raw = letter.raw.as_deref();
        self.subject_bytes.append_option(raw.map(|raw| &raw.subject));
        self.header_bytes.append_option(raw.map(|raw| &raw.headers));
        Ok(())
    }

    fn append_headers(&mut self, headers: &BTreeMap<String, Vec<String>>) -> Result<(), PushError> {
        for (name, values) in headers {
            self.headers.keys().append_value(name);
            let list = self.headers.values();
            for value in values {
                list.values().append_value(value);
            }
            list.append(true);
        }
        self.headers.append(true).map_err(|source| PushError::Headers { source })
    }

    /// The rows so far as one batch, in the order in which they were pushed.
    ///
    /// # Errors
    ///
    /// When the columns do not make a batch, which would be a mistake in the schema.
    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.stream_sequence.finish()),
            Arc::new(self.published_at.finish()),
            Arc::new(self.subject.finish()),
            Arc::new(self.headers.finish()),
            Arc::new(self.body.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(self.delivery_count.finish()),
            Arc::new(self.row_index.finish()),
            Arc::new(self.subject_bytes.finish()),
            Arc::new(self.header_bytes.finish()),
        ];
        RecordBatch::try_new(dead_letter_schema(), columns)
    }
}

/// All bytes of a letter, with two for every text: so it bounds each array's entries too.
fn size(letter: &DeadLetter) -> usize {
    let headers = letter.headers.iter().map(|(name, values)| {
        let values = values.iter().map(|value| value.len().saturating_add(2));
        values.fold(name.len().saturating_add(2), usize::saturating_add)
    });
    let raw = letter.raw.as_ref().map_or(0, |raw| raw.subject.len().saturating_add(raw.headers.len()));
    let own =
        [letter.subject.len(), letter.reason.len(), letter.body.len(), raw].into_iter().fold(0, usize::saturating_add);
    headers.fold(own, usize::saturating_add)
}

/// The schema of the dead-letter files.
#[must_use]
pub fn dead_letter_schema() -> SchemaRef {
    let published_at = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
    let names = header_names();
    let entry = Fields::from(vec![Field::new(names.key, DataType::Utf8, false), values_field()]);
    let entries = Field::new(names.entry, DataType::Struct(entry), false);
    Arc::new(Schema::new(vec![
        Field::new("nats_stream_sequence", DataType::Int64, false),
        Field::new("nats_published_at", published_at, false),
        Field::new("nats_subject", DataType::Utf8, false),
        Field::new("headers", DataType::Map(Arc::new(entries), false), false),
        Field::new("body", DataType::Binary, false),
        Field::new("reason", DataType::Utf8, false),
        Field::new("delivery_count", DataType::Int64, false),
        Field::new("nats_row_index", DataType::Int32, false),
        Field::new("nats_subject_bytes", DataType::Binary, true),
        Field::new("header_bytes", DataType::Binary, true),
    ]))
}

/// The names that the Parquet format gives to the parts of a map.
fn header_names() -> MapFieldNames {
    MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() }
}

fn values_field() -> Field {
    Field::new("value", DataType::List(Arc::new(value_field())), false)
}

/// One value of a header, named as the Parquet format names the element of a list.
fn value_field() -> Field {
    Field::new("element", DataType::Utf8, false)
}
