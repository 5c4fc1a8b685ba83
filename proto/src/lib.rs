//! The wire: what a message holds, where its row belongs, and what the row looks like.
//!
//! ```text
//!                 ┌─ Decoder ──▶ Partition          is it an event, and of which app and hour?
//! message bytes ──┤
//!                 └─ Columns ──▶ RecordBatch        the rows of one file
//! poison bytes ───── DeadLetterColumns ──▶ RecordBatch
//! ```
//!
//! Everything here is pure: bytes in, values out. The message's own bytes are the row until the file is encoded, since
//! they are the smallest form of it and can be counted exactly; so the decoder runs once to validate and once to
//! encode.
//!
//! For messages of a configured type `TableDecoder` and `TableColumns` are in the places of `Decoder` and `Columns`.
//!
//! JSON is read by `json`, and protobuf messages by `protobuf`, from tables that are made of the compiled .proto file at the start. The types that prost
//! generates make the events of `generate`, and are the reference in the tests (feature `reference`).

mod columns;
mod dead_letter;
mod decoder;
mod event;
pub mod generate;
mod hive;
pub mod json;
mod kind;
mod nested;
mod partition;
mod poison;
pub mod protobuf;
#[cfg(feature = "reference")]
pub mod reference;
mod table;
mod text_builder;
pub mod wire;

pub use columns::{COLUMNS, Column, ColumnOptions, Columns, DICTIONARY_COLUMNS, PushError, schema};
pub use dead_letter::{DeadLetter, DeadLetterColumns, RawEnvelope, dead_letter_schema};
pub use decoder::Decoder;
pub use event::EventSchema;
pub use kind::event_kind;
pub use partition::{EventHour, MAX_ESCAPED_APP_ID, Partition, PartitionTime};
pub use poison::{Poison, PoisonKind};
pub use table::{
    Batch, Empty, EventTime, Leaf, LeafKind, MAX_BATCH_BYTES, Note, PayloadColumns, Table, TableColumns, TableDecoder,
    TableOptions, TimeUnit,
};
