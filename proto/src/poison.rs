//! Why a message can never become a row.

use thiserror::Error;

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
