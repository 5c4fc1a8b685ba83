//! The one list of columns. It serves the schema, the rows, the Parquet writer's settings and the documentation.

use arrow::datatypes::{DataType, Field, TimeUnit};

use crate::event::{Device, Event};
use crate::partition::EventHour;
use crate::protobuf::Text;
use crate::table::LeafKind;

/// The time zone of all times.
pub(crate) const UTC: &str = "UTC";

/// One column of the event files.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The name in the file.
    pub name: &'static str,
    /// Whether every row has a value.
    pub required: bool,
    /// Whether it is written with a dictionary, because it has few different values.
    pub dictionary: bool,
    /// Whether it is a partition column, which is in the path and only on request in the file.
    pub partition: bool,
    /// What it holds, for the documentation.
    pub doc: &'static str,
    pub(super) read: Read,
}

impl Column {
    /// The Arrow type.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        match self.read {
            Read::Text(_) => DataType::Utf8,
            Read::Int32(_) => DataType::Int32,
            Read::Int64(_) => DataType::Int64,
            Read::Boolean(_) => DataType::Boolean,
            Read::Millis(_) => DataType::Timestamp(TimeUnit::Millisecond, Some(UTC.into())),
            Read::Micros(_) => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        }
    }

    /// How it is best written.
    #[must_use]
    pub fn kind(&self) -> LeafKind {
        match self.name {
            "payload_json" => LeafKind::Opaque,
            "timestamp_ms" | "nats_stream_sequence" | "nats_published_at" => LeafKind::Rising,
            "id" | "correlation_id" | "idempotency_key" => LeafKind::Distinct,
            "device_id" => LeafKind::Repeating,
            "is_jailbroken" | "is_emulator" => LeafKind::Flag,
            _ => LeafKind::Few,
        }
    }

    /// The Arrow field: name, type, and whether it may be null.
    #[must_use]
    pub fn field(&self) -> Field {
        Field::new(self.name, self.data_type(), !self.required)
    }

    const fn required(name: &'static str, doc: &'static str, read: Read) -> Self {
        Self { name, required: true, dictionary: false, partition: false, doc, read }
    }

    const fn optional(name: &'static str, doc: &'static str, read: Read) -> Self {
        Self { name, required: false, dictionary: false, partition: false, doc, read }
    }

    const fn dictionary(self) -> Self {
        Self { dictionary: true, ..self }
    }

    const fn partition(self) -> Self {
        Self { partition: true, ..self }
    }
}

/// How a column finds its value in a row, and with that of which type it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read {
    /// Bytes that are UTF-8.
    Text(for<'r> fn(&'r Row<'r>) -> Option<&'r [u8]>),
    Int32(fn(&Row<'_>) -> Option<i32>),
    Int64(fn(&Row<'_>) -> Option<i64>),
    Boolean(fn(&Row<'_>) -> Option<bool>),
    /// Milliseconds since the Unix epoch, UTC.
    Millis(fn(&Row<'_>) -> Option<i64>),
    /// Microseconds since the Unix epoch, UTC.
    Micros(fn(&Row<'_>) -> Option<i64>),
}

/// All that the columns of one row are read from.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub event: &'a Event<'a>,
    pub hour: EventHour,
    pub payload_json: &'a [u8],
    pub stream_sequence: i64,
    /// Microseconds since the Unix epoch.
    pub published_at_us: i64,
}

impl<'a> Row<'a> {
    fn device(&self) -> Option<&'a Device<'a>> {
        self.event.device.as_ref()
    }
}

/// An optional string: proto3 cannot tell an empty one from a missing one, so both are null.
fn filled(value: Text<'_>) -> Option<&[u8]> {
    (!value.is_empty()).then_some(value.as_bytes())
}

/// An optional string of the device context.
fn device_text<'r>(row: &'r Row<'_>, read: fn(&'r Device<'r>) -> Text<'r>) -> Option<&'r [u8]> {
    row.device().and_then(|device| filled(read(device)))
}

/// The columns of the event files, in order.
///
/// All of the device's columns are null in an event without a device context. With one, its numbers, booleans and enums
/// have a value even where that is zero, false or unspecified, since proto3 leaves such values out on the wire.
pub const COLUMNS: &[Column] = &[
    Column::required("id", "the event's own id", Read::Text(|row| Some(row.event.id.as_bytes()))),
    Column::required("device_id", "the device's id", Read::Text(|row| Some(row.event.device_id.as_bytes()))),
    Column::required("app_id", "the app's id", Read::Text(|row| Some(row.event.app_id.as_bytes())))
        .dictionary()
        .partition(),
    Column::required(
        "timestamp_ms",
        "when the event happened, by the device's clock",
        Read::Millis(|row| Some(row.event.timestamp_ms)),
    ),
    Column::optional(
        "correlation_id",
        "what ties events together; null when empty",
        Read::Text(|row| filled(row.event.correlation_id)),
    ),
    Column::required(
        "event_category",
        "user, screen, interaction, commerce, system, custom or unknown",
        Read::Text(|row| Some(row.event.category.as_bytes())),
    )
    .dictionary(),
    Column::required(
        "event_type",
        "the kind of event within its category; a custom event's own name",
        Read::Text(|row| Some(row.event.event_type.as_bytes())),
    )
    .dictionary(),
    Column::optional(
        "platform",
        "the name of the platform's enum value, or its number when it is not known",
        Read::Text(|row| row.device().map(|device| device.platform.as_bytes())),
    )
    .dictionary(),
    Column::optional(
        "network_type",
        "the name of the network type's enum value, or its number when it is not known",
        Read::Text(|row| row.device().map(|device| device.network_type.as_bytes())),
    )
    .dictionary(),
    Column::optional(
        "os_version",
        "version of the operating system; null when empty",
        Read::Text(|row| device_text(row, |device| device.os_version)),
    ),
    Column::optional(
        "app_version",
        "version of the app; null when empty",
        Read::Text(|row| device_text(row, |device| device.app_version)),
    ),
    Column::optional(
        "build_number",
        "build of the app; null when empty",
        Read::Text(|row| device_text(row, |device| device.build_number)),
    ),
    Column::optional(
        "device_model",
        "model of the device; null when empty",
        Read::Text(|row| device_text(row, |device| device.device_model)),
    ),
    Column::optional(
        "manufacturer",
        "maker of the device; null when empty",
        Read::Text(|row| device_text(row, |device| device.manufacturer)),
    ),
    Column::optional(
        "locale",
        "language and region; null when empty",
        Read::Text(|row| device_text(row, |device| device.locale)),
    ),
    Column::optional(
        "timezone",
        "the device's time zone; null when empty",
        Read::Text(|row| device_text(row, |device| device.timezone)),
    ),
    Column::optional(
        "carrier",
        "the mobile network operator; null when empty",
        Read::Text(|row| device_text(row, |device| device.carrier)),
    ),
    Column::optional(
        "sdk_version",
        "version of the event SDK; null when empty",
        Read::Text(|row| device_text(row, |device| device.sdk_version)),
    ),
    Column::optional("screen_width", "in pixels", Read::Int32(|row| row.device().map(|device| device.screen_width))),
    Column::optional("screen_height", "in pixels", Read::Int32(|row| row.device().map(|device| device.screen_height))),
    Column::optional(
        "is_jailbroken",
        "whether the device is jailbroken or rooted",
        Read::Boolean(|row| row.device().map(|device| device.is_jailbroken)),
    ),
    Column::optional(
        "is_emulator",
        "whether the device is an emulator",
        Read::Boolean(|row| row.device().map(|device| device.is_emulator)),
    ),
    Column::required(
        "payload_json",
        "the payload message as canonical ProtoJSON with the field names of the .proto file; {} when there is none",
        Read::Text(|row| Some(row.payload_json)),
    ),
    Column::required("year", "UTC year of timestamp_ms", Read::Int32(|row| Some(row.hour.year().into()))).partition(),
    Column::required("month", "UTC month of timestamp_ms, 1 to 12", Read::Int32(|row| Some(row.hour.month().into())))
        .partition(),
    Column::required("day", "UTC day of the month of timestamp_ms", Read::Int32(|row| Some(row.hour.day().into())))
        .partition(),
    Column::required("hour", "UTC hour of timestamp_ms, 0 to 23", Read::Int32(|row| Some(row.hour.hour().into())))
        .partition(),
    Column::optional(
        "idempotency_key",
        "the client's key against duplicates; null when empty",
        Read::Text(|row| filled(row.event.idempotency_key)),
    ),
    Column::required(
        "nats_stream_sequence",
        "the message's sequence in its stream, by which readers deduplicate",
        Read::Int64(|row| Some(row.stream_sequence)),
    ),
    Column::required(
        "nats_published_at",
        "when the server stored the message, in microseconds",
        Read::Micros(|row| Some(row.published_at_us)),
    ),
];

/// The names of the columns that are written with a dictionary by the contract; [`Column::kind`] has more.
pub const DICTIONARY_COLUMNS: [&str; dictionary_count()] = dictionary_names();

const fn dictionary_count() -> usize {
    let (mut at, mut count) = (0, 0);
    while at < COLUMNS.len() {
        if COLUMNS[at].dictionary {
            count += 1;
        }
        at += 1;
    }
    count
}

const fn dictionary_names() -> [&'static str; dictionary_count()] {
    let mut names = [""; dictionary_count()];
    let (mut at, mut next) = (0, 0);
    while at < COLUMNS.len() {
        if COLUMNS[at].dictionary {
            names[next] = COLUMNS[at].name;
            next += 1;
        }
        at += 1;
    }
    names
}
