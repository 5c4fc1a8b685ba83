//! What an operator says of a table.

use crate::partition::PartitionTime;

/// One message type as one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// The message's full name.
    pub message: String,
    /// How many levels of a message that holds itself are columns; what lies deeper is JSON text.
    pub recursion_depth: usize,
    /// The fields that make folders, in their order; fields of messages by their path, as in `device.platform`.
    pub partition_by: Vec<String>,
    /// When the event happened.
    pub event_time: EventTime,
    /// The unit of event time that has a folder of its own.
    pub partition_time: PartitionTime,
    /// The repeated field of the message whose elements are rows, if it is a batch.
    pub explode: Option<String>,
    /// What becomes of a batch without elements.
    pub empty_batch: Empty,
    /// Whether what makes folders is in the files too.
    pub partition_columns_in_file: bool,
    /// Whether what the schema does not know of a message is kept in a column.
    pub keep_unknown_fields: bool,
    /// Whether the subject is a column.
    pub subject_column: bool,
    /// The headers that are columns, by their names.
    pub header_columns: Vec<String>,
    /// How the payload of the events of `causality.v1` is written.
    pub payload: PayloadColumns,
}

impl TableOptions {
    /// A message as a table of nothing but its fields, with folders for the hours in which it was published.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            recursion_depth: 2,
            partition_by: Vec::new(),
            event_time: EventTime::Published,
            partition_time: PartitionTime::Hour,
            explode: None,
            empty_batch: Empty::DeadLetter,
            partition_columns_in_file: false,
            keep_unknown_fields: false,
            subject_column: false,
            header_columns: Vec::new(),
            payload: PayloadColumns::Json,
        }
    }

    /// The events of `causality.v1`, in the folders that they have by default.
    #[must_use]
    pub fn events() -> Self {
        Self {
            partition_by: vec!["app_id".to_owned()],
            event_time: EventTime::Field { field: "timestamp_ms".to_owned(), unit: TimeUnit::Millis },
            ..Self::new("")
        }
    }
}

/// What becomes of a message that holds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// It is stored as a dead letter.
    DeadLetter,
    /// It is a row all the same.
    Row,
    /// It is acked and gone, but for its count.
    Drop,
}

/// How the payload of the events of `causality.v1` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadColumns {
    /// As JSON text, in `payload_json`.
    Json,
    /// As columns: one struct for each kind of payload.
    Native,
    /// As both.
    Both,
}

/// Where the time of an event is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventTime {
    /// When the server stored the message.
    Published,
    /// In a field: a `google.protobuf.Timestamp`, or a whole number of this unit since the Unix epoch.
    Field {
        /// The field, by its path.
        field: String,
        /// The unit of a number.
        unit: TimeUnit,
    },
}

/// The unit of a time that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl TimeUnit {
    /// A time of this unit in milliseconds, rounded down; none where it is too large.
    pub(super) fn millis(self, time: i64) -> Option<i64> {
        match self {
            Self::Seconds => time.checked_mul(1_000),
            Self::Millis => Some(time),
            Self::Micros => Some(time.div_euclid(1_000)),
            Self::Nanos => Some(time.div_euclid(1_000_000)),
        }
    }
}
