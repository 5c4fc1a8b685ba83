//! A message that holds a batch: one row for each element of a repeated field.
//!
//! A row is a message of its own: all that stands around the elements, and one of them. Messages can be put together like that by
//! their bytes alone. So whatever reads rows need not know that there was a batch.

use super::protobuf::Protobuf;
use super::{Format, Table, json};
use crate::poison::Poison;
use crate::protobuf::{Cardinality, Kind, MessageId, Reader, SchemaError, Shelf, Tables, WireError};

/// The most rows of one message. An element takes two bytes of it, and a row a hundred times as many.
const MAX_ROWS: usize = 65_536;

/// The most bytes of all rows of one message: what stands around the elements is in each.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The field whose elements are rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exploded {
    number: u32,
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
        Ok(Self { number })
    }

    /// Cuts a body into what stands around the elements, and the elements with their keys.
    fn cut(self, body: &[u8]) -> Result<(Vec<u8>, Vec<&[u8]>), WireError> {
        let (mut around, mut elements) = (Vec::new(), Vec::new());
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let start = reader.at();
            let key = reader.key()?;
            let is_element = key.number == self.number && Kind::Text.wire_type() == key.wire_type;
            reader.pass(key)?;
            let bytes = body.get(start..reader.at()).unwrap_or_default();
            if is_element {
                elements.push(bytes);
            } else {
                around.extend_from_slice(bytes);
            }
        }
        Ok((around, elements))
    }
}

impl Table {
    /// Whether a message is a batch of rows.
    #[must_use]
    pub fn explodes(&self) -> bool {
        match &self.0.format {
            Format::Protobuf(messages) => messages.exploded.is_some(),
            Format::Json(documents) => documents.explodes(),
        }
    }

    /// The rows of a message that is a batch, each a message of its own with one element; none where it has no elements. What is
    /// wrong with an element is found when its row is decoded.
    ///
    /// # Errors
    ///
    /// [`Poison`], the whole of it: what stands around the elements can't be read, or there are too many.
    pub fn explode(&self, body: &[u8]) -> Result<Vec<Box<[u8]>>, Poison> {
        match &self.0.format {
            Format::Protobuf(messages) => match messages.exploded {
                Some(exploded) => rows_of_message(messages, exploded, body),
                None => Ok(vec![body.into()]),
            },
            Format::Json(documents) if documents.explodes() => {
                let (around, elements) = documents.cut(body)?;
                check_size(around.len(), elements.len(), body)?;
                Ok(elements.into_iter().map(|element| json::row(&around, element)).collect())
            }
            Format::Json(_) => Ok(vec![body.into()]),
        }
    }
}

fn rows_of_message(messages: &Protobuf, exploded: Exploded, body: &[u8]) -> Result<Vec<Box<[u8]>>, Poison> {
    let (around, elements) = exploded.cut(body).map_err(|source| messages.not_a_message(source))?;
    let mut shelf = Shelf::default();
    let read = shelf.take().read(&messages.tables, messages.message, &around);
    read.map_err(|source| messages.not_a_message(source))?;
    check_size(around.len(), elements.len(), body)?;
    Ok(elements.into_iter().map(|element| [&around, element].concat().into()).collect())
}

fn check_size(around: usize, rows: usize, body: &[u8]) -> Result<(), Poison> {
    let bytes = around.saturating_mul(rows).saturating_add(body.len());
    if rows > MAX_ROWS || bytes > MAX_BYTES {
        return Err(Poison::TooManyRows { rows, bytes, max_rows: MAX_ROWS, max_bytes: MAX_BYTES });
    }
    Ok(())
}
