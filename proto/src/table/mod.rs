//! Messages of any type as the rows of a table: where each row belongs, and what it looks like.
//!
//! This is what the built-in schema is for one type that is known: [`TableDecoder`] is its `Decoder`, [`TableColumns`] its `Columns`.

mod columns;
mod decoder;
mod explode;
mod layout;
mod leaves;
mod notes;
mod options;
mod path;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit as ArrowUnit};

use crate::nested::{Builder, Check, Column, Misfit, Source, Texts, Unfit};
use crate::poison::Poison;
use crate::protobuf::{MessageId, Record, SchemaError, Tables, WireError};
use explode::Exploded;
use layout::{Layout, time_names};
use notes::Notes;

pub use columns::TableColumns;
pub use decoder::TableDecoder;
pub use explode::{Batch, MAX_BATCH_BYTES};
pub use leaves::{Leaf, LeafKind};
pub use notes::Note;
pub use options::{EventTime, TableOptions, TimeUnit};

/// The message's sequence in its stream, and the time at which the server stored it.
const SEQUENCE: &str = "nats_stream_sequence";
const PUBLISHED: &str = "nats_published_at";

/// The row's place among those of its message.
const ROW: &str = "nats_row_index";

/// What the schema does not know.
const UNKNOWN: &str = "unknown_fields";

/// How many names of a path are shown.
const MAX_SHOWN: usize = 8;

/// One message type, compiled into a table. Made once, at the start; cheap to clone.
#[derive(Clone, Debug)]
pub struct Table(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tables: Arc<Tables>,
    message: MessageId,
    columns: Box<[Column]>,
    check: Check,
    layout: Layout,
    /// The columns beside those of the message that a partition makes, in files that have them.
    partition_columns: Box<[PartitionColumn]>,
    keep_unknown_fields: bool,
    exploded: Option<Exploded>,
    notes: Notes,
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
        let mut tables = Tables::decode(descriptor_set)?;
        let name = &options.message;
        let message = tables.find(name).ok_or_else(|| SchemaError::NoMessage { name: name.clone() })?;
        let exploded = options.explode.as_ref().map(|field| Exploded::find(&mut tables, message, field)).transpose()?;
        let layout = Layout::new(&tables, message, options)?;
        let notes = notes::of(options)?;
        let columns = root_columns(&tables, message, &layout, &notes, options)?;
        let partition_columns = if options.partition_columns_in_file { added(&layout) } else { Box::default() };
        let check = Check::new(&columns);
        Ok(Self(Arc::new(Inner {
            tables: Arc::new(tables),
            message,
            columns,
            check,
            layout,
            partition_columns,
            keep_unknown_fields: options.keep_unknown_fields,
            exploded,
            notes,
        })))
    }

    /// The full name of the message type.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.tables.message(self.0.message).name
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
        leaves::of(&self.0)
    }

    fn schema_of(&self, texts: Texts) -> SchemaRef {
        let Inner { columns, partition_columns, layout, .. } = &*self.0;
        let mut fields: Vec<Field> = columns.iter().map(|column| column.field(texts)).collect();
        fields.extend(partition_columns.iter().map(|column| match column {
            PartitionColumn::Field(index) => Field::new(&*layout.fields[*index].name, DataType::Utf8, true),
            PartitionColumn::Time(index) => Field::new(time_names(layout.down_to)[*index], DataType::Int32, false),
        }));
        fields.push(Field::new(SEQUENCE, DataType::Int64, false));
        fields.push(Field::new(PUBLISHED, DataType::Timestamp(ArrowUnit::Microsecond, Some("UTC".into())), false));
        if self.explodes() {
            fields.push(Field::new(ROW, DataType::Int32, false));
        }
        fields.extend(self.0.notes.iter().map(|(name, _)| Field::new(&**name, DataType::Utf8, true)));
        if self.0.keep_unknown_fields {
            fields.push(Field::new(UNKNOWN, DataType::Binary, true));
        }
        Arc::new(Schema::new(fields))
    }

    /// Reads a whole body, and sees that it can be a row.
    fn read<'a>(&self, record: &mut Record<'a>, body: &'a [u8]) -> Result<(), Poison> {
        let Inner { tables, message, columns, check, .. } = &*self.0;
        record.read(tables, *message, body).map_err(|source| self.not_a_message(source))?;
        let checked = check.record(tables, columns, *message, record, body.len());
        checked.map_err(|unfit| match unfit {
            Unfit::Misfit(misfit) => self.misfit(&misfit),
            Unfit::Wire(source) => self.not_a_message(source),
        })
    }

    #[cold]
    fn not_a_message(&self, source: WireError) -> Poison {
        Poison::NotMessage { message: self.message().into(), source }
    }

    #[cold]
    fn misfit(&self, misfit: &Misfit) -> Poison {
        let mut names: Vec<&str> = misfit.path.iter().rev().map(|name| &**name).collect();
        if names.len() > MAX_SHOWN {
            names.splice(MAX_SHOWN - 1..names.len() - 1, ["…"]);
        }
        Poison::Misfit { message: self.message().into(), field: names.join(".").into(), fault: misfit.fault }
    }
}

/// The columns of the message, without those that are in the path alone.
fn root_columns(
    tables: &Tables,
    message: MessageId,
    layout: &Layout,
    notes: &[(Box<str>, Note)],
    options: &TableOptions,
) -> Result<Box<[Column]>, SchemaError> {
    let folders: Vec<usize> = layout.fields.iter().filter_map(|field| field.path.top_level()).collect();
    let own = |name: &&str| layout.fields.iter().any(|field| &*field.name == *name && field.path.top_level().is_some());
    let added = notes.iter().map(|(name, _)| &**name).chain(options.keep_unknown_fields.then_some(UNKNOWN));
    let added = added.chain(options.explode.as_ref().map(|_| ROW)).chain([SEQUENCE, PUBLISHED]);
    let reserved: Vec<&str> = layout.names().filter(|name| !own(name)).chain(added).collect();
    let columns = Builder::new(tables, options.recursion_depth).root(message, &reserved)?;
    let in_file = |column: &Column| match column.source {
        Source::Field { index } => options.partition_columns_in_file || !folders.contains(&index),
        Source::Which { .. } => true,
    };
    Ok(columns.into_iter().filter(in_file).collect())
}

fn added(layout: &Layout) -> Box<[PartitionColumn]> {
    let nested = layout.fields.iter().enumerate().filter(|(_, field)| field.path.top_level().is_none());
    let fields = nested.map(|(index, _)| PartitionColumn::Field(index));
    fields.chain((0..time_names(layout.down_to).len()).map(PartitionColumn::Time)).collect()
}

#[cfg(test)]
mod tests;
