//! The messages of `google.protobuf` that JSON has a form of its own for.

use std::fmt::Write as _;

use time::OffsetDateTime;

use super::{JsonWriter, scalar};
use crate::protobuf::WireError;
use crate::protobuf::record::{Record, Value};
use crate::protobuf::table::{MessageId, Seconds, WellKnown};

impl JsonWriter<'_, '_> {
    /// Appends a message of which nothing is set.
    pub(super) fn nothing(&mut self, id: MessageId) {
        match self.tables.message(id).well_known {
            Some(WellKnown::Timestamp(_)) => self.out.extend_from_slice(b"\"1970-01-01T00:00:00Z\""),
            Some(WellKnown::Duration(_)) => self.out.extend_from_slice(b"\"0s\""),
            Some(WellKnown::Wrapper { kind, .. }) => scalar::push(self.tables, self.out, kind, Value::Absent),
            Some(WellKnown::List { .. }) => self.out.extend_from_slice(b"[]"),
            Some(WellKnown::Value) => self.out.extend_from_slice(b"null"),
            Some(WellKnown::Struct { .. }) | None => self.out.extend_from_slice(b"{}"),
        }
    }

    /// Appends what a message stands for. A time that is none is written as the message that it is.
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
        }
        Ok(())
    }

    fn any_value(&mut self, record: &mut Record<'_>, id: MessageId, base: u32) -> Result<(), WireError> {
        for (index, field) in self.tables.message(id).fields.iter().enumerate() {
            let value = record.shown(base, index, field);
            if value != Value::Absent {
                return self.field(record, field, value);
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
