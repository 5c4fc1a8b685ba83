//! Messages of any type as the rows of a table: where each row belongs, and what it looks like.
//!
//! This is what the built-in schema is for one type that is known: [`TableDecoder`] is its `Decoder`, [`TableColumns`] its `Columns`.

mod columns;
mod decoder;
mod events;
mod explode;
mod json;
mod layout;
mod leaves;
mod notes;
mod options;
mod path;
mod protobuf;
mod value;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit as ArrowUnit};

use crate::nested::Texts;
use crate::protobuf::SchemaError;
use events::Events;
use json::Json;
use layout::{Layout, time_names};
use notes::Notes;
use protobuf::Protobuf;

pub use columns::TableColumns;
pub use decoder::TableDecoder;
pub use explode::{Batch, MAX_BATCH_BYTES};
pub use leaves::{Leaf, LeafKind};
pub use notes::Note;
pub use options::{Empty, EventTime, PayloadColumns, TableOptions, TimeUnit};

/// The message's sequence in its stream, and the time at which the server stored it.
const SEQUENCE: &str = "nats_stream_sequence";
const PUBLISHED: &str = "nats_published_at";

/// The row's place among those of its message.
const ROW: &str = "nats_row_index";

/// What the schema does not know.
const UNKNOWN: &str = "unknown_fields";

/// The form of messages, compiled into a table. Made once, at the start; cheap to clone.
#[derive(Clone, Debug)]
pub struct Table(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    format: Format,
    layout: Layout,
    /// The columns beside those of the message that a partition makes, in files that have them.
    partition_columns: Box<[PartitionColumn]>,
    keep_unknown_fields: bool,
    empty_batch: Empty,
    notes: Notes,
}

/// What the bytes of a message are.
#[derive(Debug)]
enum Format {
    Protobuf(Protobuf),
    Json(Json),
    Events(Events),
}

/// A column that is in the path as well.
#[derive(Clone, Copy, Debug)]
enum PartitionColumn {
    /// The value of a field of the layout, by its index. A field of the message itself is a column anyway.
    Field(usize),
    /// Part of the event's time, by its index among the names of time.
    Time(usize),
}

impl Table {
    /// Compiles a message of a descriptor set.
    ///
    /// # Errors
    ///
    /// [`SchemaError`]: the descriptor set can't be used, has no such message, or what is to be done with its fields can't be.
    pub fn new(descriptor_set: &[u8], options: &TableOptions) -> Result<Self, SchemaError> {
        Self::of(options, |added| {
            let (messages, layout) = Protobuf::new(descriptor_set, options, added)?;
            let partition_columns = partition_columns(&layout, options);
            Ok((Format::Protobuf(messages), layout, partition_columns))
        })
    }

    /// Compiles the declaration of the columns of JSON documents, as docs/json.md has it. Of the options, those for protobuf do not count.
    ///
    /// # Errors
    ///
    /// [`SchemaError`]: the text declares no columns, or what is to be done with them can't be.
    pub fn json(columns: &str, options: &TableOptions) -> Result<Self, SchemaError> {
        Self::of(options, |added| {
            let (documents, layout) = Json::new(columns, options, added)?;
            let partition_columns = partition_columns(&layout, options);
            Ok((Format::Json(documents), layout, partition_columns))
        })
    }

    /// The events of `causality.v1`, with the columns of [`COLUMNS`](crate::COLUMNS). A folder is named by a column, or by the path of a
    /// field of the envelope. `message` and `explode` of the options do not count.
    ///
    /// # Errors
    ///
    /// [`SchemaError`]: the options name what can't be a folder, or the event's time.
    pub fn events(options: &TableOptions) -> Result<Self, SchemaError> {
        let options = TableOptions { explode: None, ..options.clone() };
        Self::of(&options, |added| {
            let (events, layout, partition_columns) = Events::new(&options, added)?;
            Ok((Format::Events(events), layout, partition_columns))
        })
    }

    fn of(
        options: &TableOptions,
        compile: impl FnOnce(&[&str]) -> Result<(Format, Layout, Box<[PartitionColumn]>), SchemaError>,
    ) -> Result<Self, SchemaError> {
        let notes = notes::of(options)?;
        let added = notes.iter().map(|(name, _)| &**name).chain(options.keep_unknown_fields.then_some(UNKNOWN));
        let added = added.chain(options.explode.as_ref().map(|_| ROW)).chain([SEQUENCE, PUBLISHED]);
        let (format, layout, partition_columns) = compile(&added.collect::<Vec<_>>())?;
        let keep_unknown_fields = options.keep_unknown_fields;
        let empty_batch = options.empty_batch;
        Ok(Self(Arc::new(Inner { format, layout, partition_columns, keep_unknown_fields, empty_batch, notes })))
    }

    /// The full name of the message type; `json` where the messages are JSON, `causality.v1` where they are its events.
    #[must_use]
    pub fn message(&self) -> &str {
        match &self.0.format {
            Format::Protobuf(messages) => messages.name(),
            Format::Json(_) => json::NAME,
            Format::Events(_) => events::NAME,
        }
    }

    /// Whether the messages are JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        matches!(self.0.format, Format::Json(_))
    }

    /// What is to be noted of each message beside its body, in the order of its columns.
    pub fn notes(&self) -> impl ExactSizeIterator<Item = &Note> {
        self.0.notes.iter().map(|(_, note)| note)
    }

    /// The schema of the files.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.schema_of(Texts::Plain)
    }

    /// The columns of the files' Parquet schema, in order.
    #[must_use]
    pub fn leaves(&self) -> Vec<Leaf> {
        leaves::of(self)
    }

    fn schema_of(&self, texts: Texts) -> SchemaRef {
        let Inner { format, partition_columns, layout, .. } = &*self.0;
        let mut fields = match format {
            Format::Protobuf(messages) => messages.fields(texts),
            Format::Json(documents) => documents.fields(),
            Format::Events(events) => events.fields(texts),
        };
        fields.extend(partition_columns.iter().map(|column| match column {
            PartitionColumn::Field(index) => Field::new(&*layout.fields[*index].name, DataType::Utf8, true),
            PartitionColumn::Time(index) => Field::new(time_names(layout.down_to)[*index], DataType::Int32, false),
        }));
        // Among the columns of the events they are already.
        if !matches!(format, Format::Events(_)) {
            fields.push(Field::new(SEQUENCE, DataType::Int64, false));
            fields.push(Field::new(PUBLISHED, DataType::Timestamp(ArrowUnit::Microsecond, Some("UTC".into())), false));
        }
        if self.explodes() {
            fields.push(Field::new(ROW, DataType::Int32, false));
        }
        fields.extend(self.0.notes.iter().map(|(name, _)| Field::new(&**name, DataType::Utf8, true)));
        if self.0.keep_unknown_fields {
            let kept = match format {
                Format::Protobuf(_) | Format::Events(_) => DataType::Binary,
                Format::Json(_) => DataType::Utf8,
            };
            fields.push(Field::new(UNKNOWN, kept, true));
        }
        Arc::new(Schema::new(fields))
    }
}

fn partition_columns(layout: &Layout, options: &TableOptions) -> Box<[PartitionColumn]> {
    if !options.partition_columns_in_file {
        return Box::default();
    }
    let nested = layout.fields.iter().enumerate().filter(|(_, field)| !field.is_top_level);
    let fields = nested.map(|(index, _)| PartitionColumn::Field(index));
    fields.chain((0..time_names(layout.down_to).len()).map(PartitionColumn::Time)).collect()
}

#[cfg(test)]
mod tests;
