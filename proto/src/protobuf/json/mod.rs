//! A record as canonical ProtoJSON, with the field names of the .proto file.
//!
//! Fields come by number, maps by key. 64-bit integers are strings, because a JavaScript number can't hold them; so are the
//! floating point values that JSON has no number for. Well-known types are written as what they stand for.

mod mask;
mod scalar;
mod text;
mod well_known;

use super::WireError;
use super::reader::Reader;
use super::record::{Record, Value, scalar as read_scalar};
use super::table::{Cardinality, Field, Kind, MessageId, Tables};
pub(crate) use text::push_text;

/// Appends JSON to bytes, which stay UTF-8.
#[derive(Debug)]
pub(crate) struct JsonWriter<'t, 'o> {
    tables: &'t Tables,
    out: &'o mut Vec<u8>,
    /// How many messages of `google.protobuf.Any` are around.
    anys: u32,
}

impl<'t, 'o> JsonWriter<'t, 'o> {
    pub fn new(tables: &'t Tables, out: &'o mut Vec<u8>) -> Self {
        Self { tables, out, anys: 0 }
    }

    /// Appends the message whose slots start at `base`.
    ///
    /// # Errors
    ///
    /// None for a record that was read: what is in its lists was checked then.
    pub fn message(&mut self, record: &mut Record<'_>, id: MessageId, base: u32) -> Result<(), WireError> {
        match self.tables.message(id).well_known {
            Some(known) => self.well_known(record, id, known, base),
            None => self.fields(record, id, base),
        }
    }

    fn fields(&mut self, record: &mut Record<'_>, id: MessageId, base: u32) -> Result<(), WireError> {
        self.members(record, id, base, Comma(b'{'))
    }

    /// Appends the fields as members of an object, and its end.
    fn members(
        &mut self,
        record: &mut Record<'_>,
        id: MessageId,
        base: u32,
        mut comma: Comma,
    ) -> Result<(), WireError> {
        for (index, field) in self.tables.message(id).fields.iter().enumerate() {
            let value = record.shown(base, index, field);
            if value == Value::Absent {
                continue;
            }
            comma.push(self.out);
            self.out.extend_from_slice(&field.json_key);
            self.field(record, field, value)?;
        }
        comma.close(self.out, b'}');
        Ok(())
    }

    /// Appends the value of a field, without its name.
    fn field(&mut self, record: &mut Record<'_>, field: &Field, value: Value<'_>) -> Result<(), WireError> {
        match field.cardinality {
            Cardinality::Repeated => self.list(record, field, value),
            Cardinality::Map => self.map(record, field, value),
            _ => self.value(record, field.kind, value),
        }
    }

    fn value(&mut self, record: &mut Record<'_>, kind: Kind, value: Value<'_>) -> Result<(), WireError> {
        match (kind, value) {
            (Kind::Message(id) | Kind::Group(id), Value::Message { base, .. }) => self.message(record, id, base),
            (Kind::Message(id) | Kind::Group(id), _) => {
                self.nothing(id);
                Ok(())
            }
            _ => {
                scalar::push(self.tables, self.out, kind, value);
                Ok(())
            }
        }
    }

    fn list(&mut self, record: &mut Record<'_>, field: &Field, list: Value<'_>) -> Result<(), WireError> {
        let mut comma = Comma(b'[');
        let mut place = record.first(list);
        while let Some((element, next)) = place {
            let mut reader = element.reader;
            if element.packed {
                let mut many = reader.delimited()?;
                while !many.is_empty() {
                    comma.push(self.out);
                    let value = read_scalar(field.kind, &mut many)?;
                    scalar::push(self.tables, self.out, field.kind, value);
                }
            } else {
                comma.push(self.out);
                self.element(record, field, &mut reader)?;
            }
            place = record.next(next);
        }
        comma.close(self.out, b']');
        Ok(())
    }

    fn element<'a>(
        &mut self,
        record: &mut Record<'a>,
        field: &Field,
        reader: &mut Reader<'a>,
    ) -> Result<(), WireError> {
        let tables = self.tables;
        match field.kind {
            Kind::Message(id) | Kind::Group(id) => {
                record.with_element(tables, field, reader, |record, base| self.message(record, id, base)).map(drop)
            }
            kind => {
                let value = read_scalar(kind, reader)?;
                scalar::push(tables, self.out, kind, value);
                Ok(())
            }
        }
    }

    fn map(&mut self, record: &mut Record<'_>, field: &Field, list: Value<'_>) -> Result<(), WireError> {
        let tables = self.tables;
        let Kind::Message(id) = field.kind else { return Ok(()) };
        let Some((key, value)) = tables.message(id).entry_fields() else { return Ok(()) };
        let mut comma = Comma(b'{');
        let first = record.collect_entries(tables, field, key, list)?;
        for index in first..record.entries() {
            let Some((entry, mut reader)) = record.entry(index, key.kind) else { continue };
            comma.push(self.out);
            scalar::push_key(self.out, key.kind, entry.key);
            self.out.push(b':');
            record.with_element(tables, field, &mut reader, |record, base| {
                let found = scalar::or_default(tables, value.kind, record.value(base, value.slot));
                self.value(record, value.kind, found)
            })?;
        }
        record.forget_entries(first);
        comma.close(self.out, b'}');
        Ok(())
    }
}

/// What stands before the next element: a bracket before the first, a comma before the others.
struct Comma(u8);

impl Comma {
    fn push(&mut self, out: &mut Vec<u8>) {
        out.push(self.0);
        self.0 = b',';
    }

    /// Ends a list or an object, which is empty where its bracket still has to be written.
    fn close(self, out: &mut Vec<u8>, bracket: u8) {
        if self.0 != b',' {
            out.push(self.0);
        }
        out.push(bracket);
    }
}
