//! The rows of a file as Arrow columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::error::ArrowError;

use super::events::{self, EventRow, EventRows, Events};
use super::json::Json;
use super::layout::Layout;
use super::protobuf::Protobuf;
use super::value::Values;
use super::{Format, PartitionColumn, Table, json as json_rows, protobuf};
use crate::columns::{PushError, TextBudget};
use crate::json::{self, Cell, Document, Row};
use crate::nested::{CELL_BYTES, Growing, StructGrower, Texts};
use crate::partition::EventHour;
use crate::poison::Poison;
use crate::protobuf::{MessageId, Record, Shelf, Tables, WireError, push_unknown};
use crate::text_builder::TextBuilder;

/// A batch is full with so many values, which is about 8 MiB of them.
const FULL: usize = 1 << 20;

/// Collects messages of one type into the columns of a file.
#[derive(Debug)]
pub struct TableColumns {
    table: Table,
    message: Message,
    /// For one folder's name.
    scratch: String,
    /// For one text of JSON.
    json: Vec<u8>,
    partition: Vec<PartitionGrower>,
    /// Where they are not among the columns of the message.
    stamps: Option<Stamps>,
    row_index: Option<Int32Builder>,
    notes: Vec<StringBuilder>,
    /// Where it is kept: what the schema does not know.
    unknown: Option<Unknown>,
    budget: TextBudget,
    /// What a row takes at least.
    width: usize,
    cells: usize,
}

/// The columns of the message, and the memory of one, used for each.
#[derive(Debug)]
enum Message {
    Protobuf(Shelf, StructGrower),
    Json(Document, json::StructGrower),
    Events(EventRows),
}

/// Which message a row is of.
#[derive(Debug)]
struct Stamps {
    sequence: Int64Builder,
    published_at: TimestampMicrosecondBuilder,
}

#[derive(Debug)]
enum Unknown {
    Protobuf(BinaryBuilder, Vec<u8>),
    Json(TextBuilder, Vec<u8>),
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
        let leaves = match &inner.format {
            Format::Protobuf(messages) => messages.columns.iter().map(|column| column.shape.leaves()).sum(),
            Format::Json(documents) => documents.columns.leaves(),
            Format::Events(events) => events.leaves().len(),
        };
        let width = leaves + 2;
        let capacity = capacity.min(FULL / width);
        let partition = inner.partition_columns.iter().map(|column| match column {
            PartitionColumn::Field(index) => PartitionGrower::Text(*index, StringBuilder::with_capacity(capacity, 0)),
            PartitionColumn::Time(index) => PartitionGrower::Time(*index, Int32Builder::with_capacity(capacity)),
        });
        Self {
            message: match &inner.format {
                Format::Protobuf(Protobuf { tables, message, columns, .. }) => {
                    Message::Protobuf(Shelf::default(), StructGrower::new(tables, *message, columns, capacity))
                }
                Format::Json(documents) => {
                    let keep = |index| documents.in_file(index);
                    Message::Json(Document::default(), json::StructGrower::new(&documents.columns, keep, capacity))
                }
                Format::Events(events) => Message::Events(EventRows::new(events, capacity)),
            },
            partition: partition.collect(),
            stamps: (!matches!(inner.format, Format::Events(_))).then(|| Stamps::new(capacity)),
            row_index: table.explodes().then(|| Int32Builder::with_capacity(capacity)),
            notes: inner.notes.iter().map(|_| StringBuilder::with_capacity(capacity, 0)).collect(),
            unknown: inner.keep_unknown_fields.then(|| match &inner.format {
                Format::Protobuf(_) | Format::Events(_) => {
                    Unknown::Protobuf(BinaryBuilder::with_capacity(capacity, 0), Vec::new())
                }
                Format::Json(_) => Unknown::Json(TextBuilder::with_capacity(capacity, 0), Vec::new()),
            }),
            table: table.clone(),
            scratch: String::new(),
            json: Vec::new(),
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
        self.push_message(body, stream_sequence, published_at_ns)?;
        if let Some(stamps) = &mut self.stamps {
            stamps.push(stream_sequence, published_at_ns);
        }
        if let Some(column) = &mut self.row_index {
            column.append_value(index.cast_signed());
        }
        for (index, column) in self.notes.iter_mut().enumerate() {
            column.append_option(notes.get(index).and_then(Option::as_deref));
        }
        Ok(())
    }

    fn push_message(&mut self, body: &[u8], stream_sequence: u64, published_at_ns: i64) -> Result<(), PushError> {
        let table = &*self.table.0;
        let mut beside = Beside {
            layout: &table.layout,
            partition: &mut self.partition,
            scratch: &mut self.scratch,
            json: &mut self.json,
            cells: &mut self.cells,
            published_at_ns,
        };
        match (&table.format, &mut self.message) {
            (Format::Protobuf(messages), Message::Protobuf(shelf, columns)) => {
                let mut record = shelf.take();
                let pushed = beside.push_record(messages, &mut record, columns, &mut self.unknown, body);
                shelf.put(record);
                pushed?;
            }
            (Format::Json(documents), Message::Json(document, columns)) => {
                beside.push_document(documents, document, columns, &mut self.unknown, body)?;
            }
            (Format::Events(events), Message::Events(columns)) => {
                let mut record = columns.shelf.take();
                let pushed =
                    beside.push_event(events, &mut record, columns, &mut self.unknown, (body, stream_sequence));
                columns.shelf.put(record);
                pushed?;
            }
            _ => {}
        }
        self.cells += self.width + body.len() / CELL_BYTES;
        Ok(())
    }

    /// The rows so far as one batch, in the order in which they were pushed. Its schema is that of the table, but for texts of few
    /// different values, which are dictionaries: Parquet's writer takes them for texts.
    ///
    /// # Errors
    ///
    /// When the columns do not make a batch, which would be a mistake in the shapes.
    pub fn finish(self) -> Result<RecordBatch, ArrowError> {
        let mut columns = match self.message {
            Message::Protobuf(_, columns) => columns.finish_columns()?,
            Message::Json(_, columns) => columns.finish_columns()?,
            Message::Events(columns) => columns.finish_columns()?,
        };
        columns.extend(self.partition.into_iter().map(PartitionGrower::finish));
        columns.extend(self.stamps.into_iter().flat_map(Stamps::finish));
        columns.extend(self.row_index.map(|mut index| Arc::new(index.finish()) as ArrayRef));
        columns.extend(self.notes.into_iter().map(|mut notes| Arc::new(notes.finish()) as ArrayRef));
        columns.extend(match self.unknown {
            None => None,
            Some(Unknown::Protobuf(mut column, _)) => Some(Arc::new(column.finish()) as ArrayRef),
            Some(Unknown::Json(column, _)) => Some(Arc::new(column.finish()?) as ArrayRef),
        });
        RecordBatch::try_new(self.table.schema_of(Texts::Dictionary), columns)
    }
}

/// What grows beside the columns of the message, whatever its format.
struct Beside<'c> {
    layout: &'c Layout,
    partition: &'c mut [PartitionGrower],
    scratch: &'c mut String,
    json: &'c mut Vec<u8>,
    cells: &'c mut usize,
    published_at_ns: i64,
}

impl Beside<'_> {
    fn push_record<'a>(
        &mut self,
        messages: &Protobuf,
        record: &mut Record<'a>,
        columns: &mut StructGrower,
        unknown: &mut Option<Unknown>,
        body: &'a [u8],
    ) -> Result<(), PushError> {
        messages.read(record, body)?;
        let hour = self.layout.hour(&protobuf::Read { of: messages, record }, self.published_at_ns)?;
        let mut growing = Growing { tables: &messages.tables, text: self.json, cells: self.cells };
        let appended = columns.append(&mut growing, record, Some(0));
        appended.map_err(|source| messages.not_a_message(source))?;
        self.push_folders(&protobuf::Read { of: messages, record }, hour);
        let copied = keep_unknown(unknown, &messages.tables, messages.message, record, body);
        copied.map_err(|source| messages.not_a_message(source))?;
        Ok(())
    }

    fn push_event<'a>(
        &mut self,
        events: &Events,
        record: &mut Record<'a>,
        columns: &mut EventRows,
        unknown: &mut Option<Unknown>,
        (body, stream_sequence): (&'a [u8], u64),
    ) -> Result<(), PushError> {
        events.read(record, body)?;
        let hour = self.layout.hour(&events::Read { of: events, record }, self.published_at_ns)?;
        let row = EventRow { hour, bytes: body.len(), stream_sequence, published_at_ns: self.published_at_ns };
        columns.push(events, record, &row, (self.json, self.cells))?;
        self.push_folders(&events::Read { of: events, record }, hour);
        let copied = keep_unknown(unknown, events.tables(), events.envelope, record, body);
        copied.map_err(Poison::from)?;
        Ok(())
    }

    fn push_document(
        &mut self,
        documents: &Json,
        document: &mut Document,
        columns: &mut json::StructGrower,
        unknown: &mut Option<Unknown>,
        body: &[u8],
    ) -> Result<(), PushError> {
        let body = documents.read(document, body).map_err(Poison::from)?;
        let row = Row { document, body };
        let values = json_rows::Read { of: documents, row };
        let hour = self.layout.hour(&values, self.published_at_ns)?;
        if let Some(Unknown::Json(column, text)) = unknown {
            text.clear();
            if row.document.unknown() > 0 {
                let copied = json::push_unknown(&documents.columns, documents.part(), body, text);
                copied.map_err(Poison::from)?;
            }
            column.append((!text.is_empty()).then_some(&*text));
        }
        columns.append(row, Cell::Struct(0), self.cells);
        self.push_folders(&values, hour);
        document.shrink();
        Ok(())
    }

    fn push_folders(&mut self, values: &impl Values, hour: EventHour) {
        self.partition.iter_mut().for_each(|column| column.append(values, self.scratch, hour));
    }
}

/// Keeps what the schema does not know of a message, where that is asked for.
fn keep_unknown(
    unknown: &mut Option<Unknown>,
    tables: &Tables,
    message: MessageId,
    record: &Record<'_>,
    body: &[u8],
) -> Result<(), WireError> {
    let Some(Unknown::Protobuf(column, bytes)) = unknown else { return Ok(()) };
    bytes.clear();
    if record.unknown() > 0 {
        push_unknown(tables, message, body, bytes)?;
    }
    column.append_option((!bytes.is_empty()).then_some(&*bytes));
    Ok(())
}

impl Stamps {
    fn new(capacity: usize) -> Self {
        Self {
            sequence: Int64Builder::with_capacity(capacity),
            published_at: TimestampMicrosecondBuilder::with_capacity(capacity).with_timezone("UTC"),
        }
    }

    fn push(&mut self, stream_sequence: u64, published_at_ns: i64) {
        // Beyond 2^63 it turns negative, and stays as unique as it was, which is what readers need it for.
        self.sequence.append_value(stream_sequence.cast_signed());
        self.published_at.append_value(published_at_ns.div_euclid(1000));
    }

    fn finish(mut self) -> [ArrayRef; 2] {
        [Arc::new(self.sequence.finish()), Arc::new(self.published_at.finish())]
    }
}

impl PartitionGrower {
    fn append(&mut self, values: &impl Values, scratch: &mut String, hour: EventHour) {
        match self {
            Self::Text(index, builder) => builder.append_option(values.folder(*index).text(scratch)),
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
