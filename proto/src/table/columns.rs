//! The rows of a file as Arrow columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::error::ArrowError;

use super::path::push_folder_value;
use super::{Inner, PartitionColumn, Table};
use crate::columns::{PushError, TextBudget};
use crate::nested::{CELL_BYTES, Growing, StructGrower, Texts};
use crate::partition::EventHour;
use crate::protobuf::{Kind, Record, Shelf, Tables, Value, push_unknown};

/// A batch is full with so many values, which is about 8 MiB of them.
const FULL: usize = 1 << 20;

/// Collects messages of one type into the columns of a file.
#[derive(Debug)]
pub struct TableColumns {
    table: Table,
    /// The memory of one row, used for each.
    shelf: Shelf,
    /// For one text.
    scratch: String,
    message: StructGrower,
    partition: Vec<PartitionGrower>,
    sequence: Int64Builder,
    published_at: TimestampMicrosecondBuilder,
    row_index: Option<Int32Builder>,
    notes: Vec<StringBuilder>,
    /// Where it is kept: what the schema does not know.
    unknown: Option<(BinaryBuilder, Vec<u8>)>,
    budget: TextBudget,
    /// What a row takes at least.
    width: usize,
    cells: usize,
}

#[derive(Debug)]
enum PartitionGrower {
    Text(usize, StringBuilder),
    Time(usize, Int32Builder),
}

impl TableColumns {
    /// Empty columns with room for `capacity` rows; more rows are possible.
    #[must_use]
    pub fn new(table: &Table, capacity: usize) -> Self {
        let inner = &*table.0;
        let width = inner.columns.iter().map(|column| column.shape.leaves()).sum::<usize>() + 2;
        let capacity = capacity.min(FULL / width);
        let partition = inner.partition_columns.iter().map(|column| match column {
            PartitionColumn::Field(index) => PartitionGrower::Text(*index, StringBuilder::with_capacity(capacity, 0)),
            PartitionColumn::Time(index) => PartitionGrower::Time(*index, Int32Builder::with_capacity(capacity)),
        });
        Self {
            message: StructGrower::new(&inner.tables, inner.message, &inner.columns, capacity),
            partition: partition.collect(),
            sequence: Int64Builder::with_capacity(capacity),
            published_at: TimestampMicrosecondBuilder::with_capacity(capacity).with_timezone("UTC"),
            row_index: table.explodes().then(|| Int32Builder::with_capacity(capacity)),
            notes: inner.notes.iter().map(|_| StringBuilder::with_capacity(capacity, 0)).collect(),
            unknown: inner.keep_unknown_fields.then(|| (BinaryBuilder::with_capacity(capacity, 0), Vec::new())),
            table: table.clone(),
            shelf: Shelf::default(),
            scratch: String::new(),
            budget: TextBudget::default(),
            width,
            cells: 0,
        }
    }

    /// Whether the rows so far take as much memory as those of one batch should.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.cells >= FULL
    }

    /// Decodes one message and adds its row. `published_at_ns` is in nanoseconds since the Unix epoch and is written in
    /// microseconds, rounded down.
    ///
    /// # Errors
    ///
    /// When the message is poison, which [`TableDecoder::decode`](crate::TableDecoder::decode) would have said, or the columns are
    /// full: nothing was added then. A text of more than 2 GiB spoils the batch.
    pub fn push(&mut self, body: &[u8], stream_sequence: u64, published_at_ns: i64) -> Result<(), PushError> {
        self.push_noted(body, &[], stream_sequence, published_at_ns, 0)
    }

    /// As [`Self::push`], with what was noted of the message, a text or none for each of [`Table::notes`], and the row's place among those
    /// of its message.
    ///
    /// # Errors
    ///
    /// As those of [`Self::push`].
    pub fn push_noted(
        &mut self,
        body: &[u8],
        notes: &[Option<Box<str>>],
        stream_sequence: u64,
        published_at_ns: i64,
        index: u32,
    ) -> Result<(), PushError> {
        let noted: usize = notes.iter().flatten().map(|note| note.len()).sum();
        self.budget.take(body.len().saturating_add(noted))?;
        let mut record = self.shelf.take();
        let pushed = self.push_record(&mut record, body, stream_sequence, published_at_ns);
        self.shelf.put(record);
        pushed?;
        if let Some(column) = &mut self.row_index {
            column.append_value(index.cast_signed());
        }
        for (index, column) in self.notes.iter_mut().enumerate() {
            column.append_option(notes.get(index).and_then(Option::as_deref));
        }
        Ok(())
    }

    fn push_record<'a>(
        &mut self,
        record: &mut Record<'a>,
        body: &'a [u8],
        stream_sequence: u64,
        published_at_ns: i64,
    ) -> Result<(), PushError> {
        self.table.read(record, body)?;
        let inner = &*self.table.0;
        let hour = inner.layout.hour(&inner.tables, inner.message, record, published_at_ns)?;
        let mut growing = Growing { tables: &inner.tables, text: &mut self.scratch, cells: &mut self.cells };
        let appended = self.message.append(&mut growing, record, Some(0));
        appended.map_err(|source| self.table.not_a_message(source))?;
        for column in &mut self.partition {
            column.append(inner, &mut self.scratch, record, hour);
        }
        if let Some((column, bytes)) = &mut self.unknown {
            bytes.clear();
            if record.unknown() > 0 {
                let copied = push_unknown(&inner.tables, inner.message, body, bytes);
                copied.map_err(|source| self.table.not_a_message(source))?;
            }
            column.append_option((!bytes.is_empty()).then_some(&*bytes));
        }
        // Beyond 2^63 it turns negative, and stays as unique as it was, which is what readers need it for.
        self.sequence.append_value(stream_sequence.cast_signed());
        self.published_at.append_value(published_at_ns.div_euclid(1000));
        self.cells += self.width + body.len() / CELL_BYTES;
        Ok(())
    }

    /// The rows so far as one batch, in the order in which they were pushed. Its schema is that of the table, but for texts of few
    /// different values, which are dictionaries: Parquet's writer takes them for texts.
    ///
    /// # Errors
    ///
    /// When the columns do not make a batch, which would be a mistake in the shapes.
    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let mut columns = self.message.finish_columns()?;
        columns.extend(self.partition.into_iter().map(PartitionGrower::finish));
        columns.push(Arc::new(self.sequence.finish()));
        columns.push(Arc::new(self.published_at.finish()));
        columns.extend(self.row_index.map(|mut index| Arc::new(index.finish()) as ArrayRef));
        columns.extend(self.notes.into_iter().map(|mut notes| Arc::new(notes.finish()) as ArrayRef));
        if let Some((mut unknown, _)) = self.unknown {
            columns.push(Arc::new(unknown.finish()));
        }
        RecordBatch::try_new(self.table.schema_of(Texts::Dictionary), columns)
    }
}

impl PartitionGrower {
    fn append(&mut self, table: &Inner, scratch: &mut String, record: &Record<'_>, hour: EventHour) {
        match self {
            Self::Text(index, builder) => {
                let field = &table.layout.fields[*index];
                let value = field.path.value(&table.tables, table.message, record);
                append_text(builder, scratch, &table.tables, field.kind, value);
            }
            Self::Time(index, builder) => builder.append_value(match index {
                0 => i32::from(hour.year()),
                1 => hour.month().into(),
                2 => hour.day().into(),
                _ => hour.hour().into(),
            }),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Text(_, mut builder) => Arc::new(builder.finish()),
            Self::Time(_, mut builder) => Arc::new(builder.finish()),
        }
    }
}

/// Appends what a reader of the path would see: an empty text is null there.
fn append_text(builder: &mut StringBuilder, scratch: &mut String, tables: &Tables, kind: Kind, value: Value<'_>) {
    match value {
        Value::Text("") | Value::Absent => builder.append_null(),
        Value::Text(text) => builder.append_value(text),
        _ => {
            scratch.clear();
            push_folder_value(scratch, tables, kind, value);
            builder.append_value(&scratch);
        }
    }
}
