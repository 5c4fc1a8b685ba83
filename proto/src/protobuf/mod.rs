//! Any protobuf message, from its descriptors and its bytes, without generated code.
//!
//! ```text
//! descriptor set ─at start─▶ Tables ──┐
//! message bytes ───────▶ Reader ──────┴─▶ Record ──▶ JSON, columns
//! ```
//!
//! What is read and what is refused is exactly what prost reads and refuses, whose generated types are the reference in
//! the tests: the same over-long and truncated numbers, the same merging of what comes twice, the same limit of nesting.
//! One thing is refused beyond that: a body of 2 GiB or more, which JetStream can't hold either.

mod error;
mod json;
mod reader;
mod record;
mod skip;
mod table;
mod text;
mod transcoder;
mod twins;
mod unknown;

pub use error::WireError;
pub use table::SchemaError;
pub use transcoder::Transcoder;
pub use twins::rename_twins;

pub(crate) use json::{JsonWriter, push_text};
pub(crate) use reader::Reader;
pub(crate) use record::scalar;
pub(crate) use record::{Record, Shelf, Value};
pub(crate) use table::{
    Cardinality, EnumId, EnumTable, Field, Kind, MessageId, MessageTable, Seconds, Tables, WellKnown,
};
pub(crate) use text::Text;
pub(crate) use unknown::push_unknown;

#[cfg(test)]
mod tests;
