//! A message that holds a batch: one row for each element of a repeated field.
//!
//! A row is a message of its own: all that stands around the elements, and one of them. Messages can be put together like that by
//! their bytes alone. So whatever reads rows need not know that there was a batch.

use super::json::Json;
use super::layout::Layout;
use super::options::Empty;
use super::protobuf::Protobuf;
use super::{Format, Table, json, protobuf};
use crate::json::{Document, END, Row, cut};
use crate::poison::Poison;
use crate::protobuf::{Cardinality, Kind, MessageId, Reader, SchemaError, Shelf, Tables, WireError};

/// The most rows of one message. An element takes two bytes of it, and a row a hundred times as many.
const MAX_ROWS: usize = 65_536;

/// The most bytes of all rows of one message: what stands around the elements is in each.
pub const MAX_BATCH_BYTES: usize = 64 * 1024 * 1024;

/// The field whose elements are rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exploded {
    number: u32,
    /// Its index in its message.
    pub index: usize,
}

impl Exploded {
    /// Finds the field, and makes it one that has one value: that of the row.
    pub fn find(tables: &mut Tables, message: MessageId, name: &str) -> Result<Self, SchemaError> {
        let refuse = |reason| SchemaError::Explode { field: name.to_owned(), reason };
        let table = tables.message(message);
        let index = table.fields.iter().position(|field| &*field.name == name);
        let index =
            index.ok_or_else(|| SchemaError::NoField { message: table.name.to_string(), field: name.to_owned() })?;
        let field = &table.fields[index];
        if field.cardinality != Cardinality::Repeated || !matches!(field.kind, Kind::Message(_)) {
            return Err(refuse("it must be a repeated field of messages"));
        }
        if tables.held_by(message).contains(&message) {
            return Err(refuse("the message holds itself"));
        }
        let number = field.number;
        tables.make_single(message, index);
        Ok(Self { number, index })
    }

    /// Cuts a body into what stands around the elements, and the elements with their keys. Beyond the most that are possible, elements
    /// are only counted.
    fn cut(self, body: &[u8]) -> Result<(Batch<'_>, usize), WireError> {
        let (mut around, mut elements, mut count) = (Vec::new(), Vec::new(), 0);
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let start = reader.at();
            let key = reader.key()?;
            let is_element = key.number == self.number && Kind::Text.wire_type() == key.wire_type;
            reader.pass(key)?;
            let bytes = body.get(start..reader.at()).unwrap_or_default();
            if is_element {
                count += 1;
                if count <= MAX_ROWS {
                    elements.push(bytes);
                }
            } else {
                around.extend_from_slice(bytes);
            }
        }
        Ok((Batch { around, elements, end: &[], unknown_fields: 0 }, count))
    }
}

/// A message that was taken apart. A row's body is what stands around the elements, one of them, and the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// What is in each row.
    pub around: Vec<u8>,
    /// What is in one row each.
    pub elements: Vec<&'a [u8]>,
    /// What is behind each element.
    pub end: &'static [u8],
    /// How many fields around the elements the schema does not know. They are in each row, and count among its unknown fields too.
    pub unknown_fields: u64,
}

impl Table {
    /// Whether a message is a batch of rows.
    #[must_use]
    pub fn explodes(&self) -> bool {
        match &self.0.format {
            Format::Protobuf(messages) => messages.exploded.is_some(),
            Format::Json(documents) => documents.exploded.is_some(),
            Format::Events(_) => false,
        }
    }

    /// What becomes of a batch without elements.
    #[must_use]
    pub fn empty_batch(&self) -> Empty {
        self.0.empty_batch
    }

    /// Takes a message apart that is a batch. What is wrong with an element is found when its row is decoded. `beside` is how many bytes
    /// a row takes beside its body; `published_at_ns` is in nanoseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`Poison`], the whole of it: what stands around the elements can't be a part of any row, or they make too many rows, or too large
    /// ones.
    pub fn explode<'a>(&self, body: &'a [u8], beside: usize, published_at_ns: i64) -> Result<Batch<'a>, Poison> {
        let layout = &self.0.layout;
        let (batch, rows) = match &self.0.format {
            Format::Protobuf(messages) => match messages.exploded {
                Some(exploded) => cut_message(messages, layout, exploded, body, published_at_ns)?,
                None => (one_row(body), 1),
            },
            Format::Json(documents) => match documents.exploded {
                Some(exploded) => cut_document(documents, layout, exploded, body, published_at_ns)?,
                None => (one_row(body), 1),
            },
            Format::Events(_) => (one_row(body), 1),
        };
        let bytes = batch.around.len().saturating_add(beside).saturating_mul(rows).saturating_add(body.len());
        if rows > MAX_ROWS || bytes > MAX_BATCH_BYTES {
            let (max_rows, max_bytes) = (MAX_ROWS, MAX_BATCH_BYTES);
            return Err(Poison::TooManyRows { rows, bytes, max_rows, max_bytes });
        }
        Ok(batch)
    }
}

fn one_row(body: &[u8]) -> Batch<'_> {
    Batch { around: body.into(), elements: vec![&[]], end: &[], unknown_fields: 0 }
}

fn cut_message<'a>(
    messages: &Protobuf,
    layout: &Layout,
    exploded: Exploded,
    body: &'a [u8],
    published_at_ns: i64,
) -> Result<(Batch<'a>, usize), Poison> {
    let (mut batch, rows) = exploded.cut(body).map_err(|source| messages.not_a_message(source))?;
    let mut record = Shelf::default().take();
    messages.read(&mut record, &batch.around)?;
    layout.check_around(&protobuf::Read { of: messages, record: &record }, published_at_ns)?;
    batch.unknown_fields = record.unknown();
    Ok((batch, rows))
}

fn cut_document<'a>(
    documents: &Json,
    layout: &Layout,
    exploded: json::Exploded,
    body: &'a [u8],
    published_at_ns: i64,
) -> Result<(Batch<'a>, usize), Poison> {
    let mut document = Document::default();
    let text = document.read(&documents.columns, exploded.around(), body)?;
    layout
        .check_around(&json::Read { of: documents, row: Row { document: &document, body: text } }, published_at_ns)?;
    let (around, elements) = cut(&documents.columns.columns[exploded.index].key, text)?;
    let elements: Vec<_> = elements.into_iter().map(str::as_bytes).collect();
    let rows = elements.len();
    Ok((Batch { around, elements, end: END.as_bytes(), unknown_fields: document.unknown() }, rows))
}
