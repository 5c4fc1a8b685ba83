//! JSON documents as nested columns, as docs/json.md has them.
//!
//! ```text
//! declared columns ─at start─▶ Struct, a tree of types ──┐
//! message bytes ─────────────▶ Lexer ────────────────────┴─▶ Document ──▶ Grower, the same tree with the values of many rows
//! ```
//!
//! All is decided when the document is read: a value is in the form of its column then, or the document is refused. Filling the
//! columns can't fail any more. The document's memory is used for the next, so that a warm reader allocates nothing.

mod document;
mod error;
mod explode;
mod grammar;
mod grower;
mod lexer;
mod number;
mod read;
mod time;
mod types;
mod unknown;

pub use error::{ColumnsError, JsonError};

pub(crate) use document::{Cell, Document, Row, is_whole};
pub(crate) use explode::{END, cut};
pub(crate) use grammar::{columns, path};
pub(crate) use grower::StructGrower;
pub(crate) use read::Part;
pub(crate) use types::{Column, Struct, Type};
pub(crate) use unknown::push_unknown;

#[cfg(test)]
mod tests;
