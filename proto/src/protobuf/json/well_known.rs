//! The messages of `google.protobuf` that JSON has a form of its own for.

use std::fmt::Write as _;

use time::OffsetDateTime;

use super::{Comma, JsonWriter, mask, push_text, read_scalar, scalar};
use crate::protobuf::WireError;
use crate::protobuf::record::{Record, Shelf, Value};
use crate::protobuf::table::{Kind, MessageId, Seconds, WellKnown};

/// How many messages of any type are opened within one another. Each is read anew, so without a limit a body could take a stack without end.
const MAX_ANYS: u32 = 8;

impl JsonWriter<'_, '_> {
    /// Appends a message of which nothing is set.
    pub(super) fn nothing(&mut self, id: MessageId) {
        match self.tables.message(id).well_known {
            Some(WellKnown::Timestamp(_)) => self.out.extend_from_slice(b"\"1970-01-01T00:00:00Z\""),
            Some(WellKnown::Duration(_)) => self.out.extend_from_slice(b"\"0s\""),
            Some(WellKnown::Wrapper { kind, .. }) => scalar::push(self.tables, self.out, kind, Value::Absent),
            Some(WellKnown::List { .. }) => self.out.extend_from_slice(b"[]"),
            Some(WellKnown::Value) => self.out.extend_from_slice(b"null"),
            Some(WellKnown::FieldMask { .. }) => self.out.extend_from_slice(b"\"\""),
            Some(WellKnown::Struct { .. } | WellKnown::Any { .. }) | None => self.out.extend_from_slice(b"{}"),
        }
    }

    /// Appends what a message stands for. A time that is none is written as the message that it is, and so are a mask whose paths can't be
    /// read back and a message of a type that is not known.
    pub(super) fn well_known(
        &mut self,
        record: &mut Record<'_>,
        id: MessageId,
        known: WellKnown,
        base: u32,
    ) -> Result<(), WireError> {
        let tables = self.tables;
        match known {
            WellKnown::Timestamp(at) => match timestamp(record, at, base) {
                Some(text) => self.out.extend_from_slice(text.as_bytes()),
                None => self.fields(record, id, base)?,
            },
            WellKnown::Duration(span) => match duration(record, span, base) {
                Some(text) => self.out.extend_from_slice(text.as_bytes()),
                None => self.fields(record, id, base)?,
            },
            WellKnown::Wrapper { slot, kind } => scalar::push(tables, self.out, kind, record.value(base, slot)),
            WellKnown::Struct { fields: at } | WellKnown::List { values: at } => {
                let field = &tables.message(id).fields[at];
                // A list that is not there is an empty one.
                self.field(record, field, record.value(base, field.slot))?;
            }
            WellKnown::Value => self.any_value(record, id, base)?,
            WellKnown::FieldMask { paths } => {
                let start = self.out.len();
                if !self.mask(record, record.value(base, tables.message(id).fields[paths].slot))? {
                    self.out.truncate(start);
                    self.fields(record, id, base)?;
                }
            }
            WellKnown::Any { url, bytes } => {
                let (url, bytes) = (record.value(base, url).text(), record.value(base, bytes));
                match self.open_any(url.as_str(), bytes) {
                    Some((held, mut opened)) => self.any(url.as_str(), held, &mut opened)?,
                    None => self.fields(record, id, base)?,
                }
            }
        }
        Ok(())
    }

    /// Appends the paths of a mask as one text; whether each can be read back.
    fn mask(&mut self, record: &Record<'_>, paths: Value<'_>) -> Result<bool, WireError> {
        let mut comma = Comma(b'"');
        let mut place = record.first(paths);
        while let Some((mut element, next)) = place {
            comma.push(self.out);
            if !mask::push_path(self.out, read_scalar(Kind::Text, &mut element.reader)?.text().as_bytes()) {
                return Ok(false);
            }
            place = record.next(next);
        }
        comma.close(self.out, b'"');
        Ok(true)
    }

    /// The message that one of any type holds, where the descriptors know its type and all of its fields: what they don't know would be lost.
    fn open_any<'a>(&self, url: &str, bytes: Value<'a>) -> Option<(MessageId, Record<'a>)> {
        let bytes = match bytes {
            Value::Bytes(bytes) => bytes,
            _ => &[],
        };
        let (_, name) = url.rsplit_once('/')?;
        let id = self.tables.find(name).filter(|_| self.anys < MAX_ANYS)?;
        let mut record = Shelf::default().take();
        record.read(self.tables, id, bytes).ok()?;
        (record.unknown() == 0).then_some((id, record))
    }

    fn any(&mut self, url: &str, id: MessageId, record: &mut Record<'_>) -> Result<(), WireError> {
        self.out.extend_from_slice(b"{\"@type\":");
        push_text(self.out, url.as_bytes());
        self.anys += 1;
        match self.tables.message(id).well_known {
            Some(known) => {
                self.out.extend_from_slice(b",\"value\":");
                self.well_known(record, id, known, 0)?;
                self.out.push(b'}');
            }
            None => self.members(record, id, 0, Comma(b','))?,
        }
        self.anys -= 1;
        Ok(())
    }

    fn any_value(&mut self, record: &mut Record<'_>, id: MessageId, base: u32) -> Result<(), WireError> {
        for (index, field) in self.tables.message(id).fields.iter().enumerate() {
            let value = record.shown(base, index, field);
            match (field.kind, value) {
                (_, Value::Absent) => {}
                (Kind::Double, Value::Number(bits)) => {
                    scalar::push_json_number(self.out, f64::from_bits(bits));
                    return Ok(());
                }
                _ => return self.field(record, field, value),
            }
        }
        self.out.extend_from_slice(b"null");
        Ok(())
    }
}

/// The text of a time in quotes; none where it is out of the range that it may have.
fn timestamp(record: &Record<'_>, at: Seconds, base: u32) -> Option<String> {
    let (seconds, nanos) = at.timestamp(record, base)?;
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    let mut text = String::from("\"");
    let (hour, minute, second) = time.time().as_hms();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}",
        time.year(),
        u8::from(time.month()),
        time.day()
    );
    push_fraction(&mut text, nanos);
    text.push_str("Z\"");
    Some(text)
}

fn duration(record: &Record<'_>, span: Seconds, base: u32) -> Option<String> {
    let (seconds, nanos) = span.duration(record, base)?;
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let mut text = format!("\"{sign}{}", seconds.unsigned_abs());
    push_fraction(&mut text, nanos.unsigned_abs());
    text.push_str("s\"");
    Some(text)
}

/// Appends nanoseconds as three, six or nine digits.
fn push_fraction(text: &mut String, nanos: u32) {
    // Writing to a String cannot fail.
    let _ = match nanos {
        0 => Ok(()),
        _ if nanos.is_multiple_of(1_000_000) => write!(text, ".{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => write!(text, ".{:06}", nanos / 1_000),
        _ => write!(text, ".{nanos:09}"),
    };
}
