//! Why a message can never become a row.

use thiserror::Error;

use crate::json::JsonError;
use crate::partition::MAX_ESCAPED_APP_ID;
use crate::protobuf::WireError;

/// The reason why a message is poison: no retry will ever make a row of it.
///
/// The text is for a person who looks at the dead letters. It never repeats a value of the message that could be long.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Poison {
    /// The body is not a protobuf `causality.v1.EventEnvelope`.
    #[error("the body is not a causality.v1.EventEnvelope: {source}")]
    Undecodable {
        /// What is wrong, in which field, and at which byte.
        #[from]
        source: WireError,
    },
    /// The body is not a message of the configured type.
    #[error("the body is not a {message}: {source}")]
    NotMessage {
        /// The type's full name.
        message: Box<str>,
        /// What is wrong, in which field, and at which byte.
        source: WireError,
    },
    /// The body is a message of the configured type, but holds something that no column can.
    #[error("the {message} can't be a row: {field} {fault}")]
    Misfit {
        /// The type's full name.
        message: Box<str>,
        /// The field, with those that hold it.
        field: Box<str>,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The body is no JSON document that fits the columns.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A message with more rows than memory is meant for.
    #[error(
        "the message is too large a batch: {rows} rows of together {bytes} bytes; at most {max_rows} rows and {max_bytes} bytes are \
         possible"
    )]
    TooManyRows {
        /// How many rows it has.
        rows: usize,
        /// What the rows take together.
        bytes: usize,
        /// How many rows are possible.
        max_rows: usize,
        /// What they may take.
        max_bytes: usize,
    },
    /// The field that is the event's time has none that a partition could be made of.
    #[error("the event has no usable time: {field} must lie after the start of 1970 and before the year 10000")]
    NoTime {
        /// The field.
        field: Box<str>,
    },
    /// The values that the event is partitioned by make no path that every store takes.
    #[error(
        "the event can't be partitioned: {field} makes {bytes} bytes of a folder's name, at most {limit} are possible"
    )]
    FolderTooLong {
        /// The field, or all of them.
        field: Box<str>,
        /// What they take once escaped.
        bytes: usize,
        /// What they may take.
        limit: usize,
    },
    /// `timestamp_ms` is zero, which on the wire is the same as missing, or negative.
    #[error("the event has no usable time: timestamp_ms is {timestamp_ms}, but must be greater than 0")]
    NoTimestamp {
        /// Milliseconds since the Unix epoch, as the event has it.
        timestamp_ms: i64,
    },
    /// `timestamp_ms` lies beyond the year 9999, the last that a partition's path and most readers can hold.
    #[error("the event has no usable time: timestamp_ms is {timestamp_ms}, which is after the year 9999")]
    FarFuture {
        /// Milliseconds since the Unix epoch, as the event has it.
        timestamp_ms: i64,
    },
    /// `app_id` is too long for a folder name.
    #[error(
        "the app_id is too long for a folder name: {bytes} bytes once escaped, at most {MAX_ESCAPED_APP_ID} are possible"
    )]
    AppIdTooLong {
        /// Length of the escaped app id in bytes.
        bytes: usize,
    },
}

/// A kind of reason: few enough to count each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PoisonKind {
    /// The body is nothing of the format that the schema says.
    Undecodable,
    /// A value does not fit its column, or a required one is not there.
    Misfit,
    /// The event has no time that a partition could be made of.
    Time,
    /// It makes more rows, or a longer path, than are possible.
    TooLarge,
}

impl Poison {
    /// The kind of reason that it is.
    #[must_use]
    pub fn kind(&self) -> PoisonKind {
        match self {
            Poison::Undecodable { .. } | Poison::NotMessage { .. } => PoisonKind::Undecodable,
            Poison::Json(error) if error.is_no_json() => PoisonKind::Undecodable,
            Poison::Json(_) | Poison::Misfit { .. } => PoisonKind::Misfit,
            Poison::NoTime { .. } | Poison::NoTimestamp { .. } | Poison::FarFuture { .. } => PoisonKind::Time,
            Poison::TooManyRows { .. } | Poison::FolderTooLong { .. } | Poison::AppIdTooLong { .. } => {
                PoisonKind::TooLarge
            }
        }
    }
}
