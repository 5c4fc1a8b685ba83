//! Any message as nested columns, as docs/schemas.md has them.
//!
//! ```text
//! Tables ─build─▶ Shape, a tree of columns ──┬──▶ Arrow types
//!                                            ├──▶ Check: can this record be a row?
//! Record ────────────────────────────────────┴──▶ Grower, the same tree with the values of many rows
//! ```
//!
//! A shape is made once, at the start. A record is walked once to fill the columns of its row: the elements of lists and maps are read
//! where they are in the body, so that nothing but the columns themselves is allocated.

mod build;
mod check;
mod dictionary;
mod ends;
mod grower;
mod list;
mod shape;
mod structs;

pub(crate) use build::{Builder, MAX_COLUMNS};
pub(crate) use check::{Check, Misfit, Unfit};
pub(crate) use ends::Ends;
pub(crate) use grower::{CELL_BYTES, Growing};
pub(crate) use shape::{Column, Shape, Source, Texts};
pub(crate) use structs::StructGrower;

use crate::protobuf::{Kind, Tables, Text, Value};

/// The value, or the default of its kind where there is none.
pub(crate) fn filled<'a>(tables: &Tables, kind: Kind, value: Value<'a>) -> Value<'a> {
    match (value, kind) {
        (Value::Absent, Kind::Text) => Value::Text(Text::EMPTY),
        (Value::Absent, Kind::Bytes) => Value::Bytes(&[]),
        (Value::Absent, Kind::Enum(id)) => Value::Number(i64::from(tables.enumeration(id).default).cast_unsigned()),
        (Value::Absent, Kind::Message(_) | Kind::Group(_)) => Value::Absent,
        (Value::Absent, _) => Value::Number(0),
        _ => value,
    }
}
