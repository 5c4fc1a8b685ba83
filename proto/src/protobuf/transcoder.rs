//! Messages of one type as JSON.

use super::WireError;
use super::json::JsonWriter;
use super::record::Shelf;
use super::table::{MessageId, SchemaError, Tables};

/// Writes messages of one type as canonical ProtoJSON, with the field names of the .proto file: straight from their bytes,
/// without an allocation once it is warm.
#[derive(Debug)]
pub struct Transcoder {
    tables: Tables,
    message: MessageId,
    shelf: Shelf,
}

impl Transcoder {
    /// For the message with this full name in a compiled descriptor set.
    ///
    /// # Errors
    ///
    /// [`SchemaError`]: the descriptor set can't be used, or has no such message.
    pub fn new(descriptor_set: &[u8], message: &str) -> Result<Self, SchemaError> {
        let tables = Tables::decode(descriptor_set)?;
        let found = tables.find(message).ok_or_else(|| SchemaError::NoMessage { name: message.to_owned() })?;
        Ok(Self { tables, message: found, shelf: Shelf::default() })
    }

    /// Appends the JSON of a message, which is UTF-8. Unknown fields are left out; an unknown enum value is its number.
    ///
    /// # Errors
    ///
    /// The body is no such message; nothing was appended then.
    pub fn push_json(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        let start = out.len();
        let mut record = self.shelf.take();
        let read = record.read(&self.tables, self.message, body);
        let written = read.and_then(|()| JsonWriter::new(&self.tables, out).message(&mut record, self.message, 0));
        self.shelf.put(record);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }
}
