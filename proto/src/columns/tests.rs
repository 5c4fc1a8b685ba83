use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType};

use prost::Message;

use super::*;
use crate::wire::event_envelope::Payload;
use crate::wire::{CustomEvent, DeviceContext, EventEnvelope, NetworkChange, ScreenView};

/// 2024-02-29T12:34:56.789Z.
const TIME_MS: i64 = 1_709_210_096_789;

/// Empty columns of the built-in schema.
pub(super) fn empty(options: ColumnOptions, capacity: usize) -> Columns {
    Columns::new(&EventSchema::built_in().unwrap(), options, capacity)
}

fn batch(events: &[EventEnvelope]) -> RecordBatch {
    let options = ColumnOptions { partition_columns_in_file: true };
    let mut columns = empty(options, events.len());
    for (event, sequence) in events.iter().zip(1..) {
        columns.push(&event.encode_to_vec(), sequence, 1_709_210_097_000_001_999).unwrap();
    }
    columns.finish().unwrap()
}

fn text(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let array = batch.column_by_name(column).unwrap().as_string::<i32>();
    array.is_valid(row).then(|| array.value(row).to_owned())
}

fn int32(batch: &RecordBatch, column: &str, row: usize) -> Option<i32> {
    let array = batch.column_by_name(column).unwrap().as_primitive::<Int32Type>();
    array.is_valid(row).then(|| array.value(row))
}

fn boolean(batch: &RecordBatch, column: &str, row: usize) -> Option<bool> {
    let array = batch.column_by_name(column).unwrap().as_boolean();
    array.is_valid(row).then(|| array.value(row))
}

fn full_device() -> DeviceContext {
    DeviceContext {
        platform: 2,
        os_version: "14".into(),
        app_version: "4.0.0".into(),
        build_number: "4003".into(),
        device_model: "Pixel 8".into(),
        manufacturer: "Google".into(),
        screen_width: 1080,
        screen_height: 2400,
        locale: "de_DE".into(),
        timezone: "Europe/Berlin".into(),
        network_type: 5,
        carrier: "o2-de".into(),
        is_jailbroken: true,
        is_emulator: true,
        sdk_version: "2.4.1".into(),
    }
}

pub(super) fn full_event() -> EventEnvelope {
    EventEnvelope {
        id: "event-1".into(),
        app_id: "com.example".into(),
        device_id: "device-1".into(),
        timestamp_ms: TIME_MS,
        correlation_id: "correlation-1".into(),
        device_context: Some(full_device()),
        idempotency_key: "key-1".into(),
        payload: Some(Payload::ScreenView(ScreenView { screen_name: "home".into(), ..Default::default() })),
    }
}

/// Every text differs from every other, so that no two columns can be mixed up.
#[test]
fn every_value_is_in_its_column() {
    let batch = batch(&[full_event()]);
    let texts = [
        ("id", "event-1"),
        ("device_id", "device-1"),
        ("app_id", "com.example"),
        ("correlation_id", "correlation-1"),
        ("event_category", "screen"),
        ("event_type", "view"),
        ("platform", "PLATFORM_ANDROID"),
        ("network_type", "NETWORK_TYPE_CELLULAR_5G"),
        ("os_version", "14"),
        ("app_version", "4.0.0"),
        ("build_number", "4003"),
        ("device_model", "Pixel 8"),
        ("manufacturer", "Google"),
        ("locale", "de_DE"),
        ("timezone", "Europe/Berlin"),
        ("carrier", "o2-de"),
        ("sdk_version", "2.4.1"),
        ("payload_json", r#"{"screen_name":"home"}"#),
        ("idempotency_key", "key-1"),
    ];
    for (column, expected) in texts {
        assert_eq!(text(&batch, column, 0).as_deref(), Some(expected), "{column}");
    }
    let numbers =
        [("screen_width", 1080), ("screen_height", 2400), ("year", 2024), ("month", 2), ("day", 29), ("hour", 12)];
    for (column, expected) in numbers {
        assert_eq!(int32(&batch, column, 0), Some(expected), "{column}");
    }
    let time = batch.column_by_name("timestamp_ms").unwrap().as_primitive::<TimestampMillisecondType>();
    assert_eq!(time.value(0), TIME_MS);
    let sequence = batch.column_by_name("nats_stream_sequence").unwrap().as_primitive::<Int64Type>();
    assert_eq!(sequence.value(0), 1);
    // Nanoseconds are cut, not rounded.
    let published = batch.column_by_name("nats_published_at").unwrap().as_primitive::<TimestampMicrosecondType>();
    assert_eq!(published.value(0), 1_709_210_097_000_001);
}

#[test]
fn jailbroken_and_emulator_are_told_apart() {
    let device = |is_jailbroken, is_emulator| EventEnvelope {
        device_context: Some(DeviceContext { is_jailbroken, is_emulator, ..Default::default() }),
        ..full_event()
    };
    let batch = batch(&[device(true, false), device(false, true)]);
    assert_eq!((boolean(&batch, "is_jailbroken", 0), boolean(&batch, "is_emulator", 0)), (Some(true), Some(false)));
    assert_eq!((boolean(&batch, "is_jailbroken", 1), boolean(&batch, "is_emulator", 1)), (Some(false), Some(true)));
}

#[test]
fn an_event_with_nothing_but_a_time() {
    let batch = batch(&[EventEnvelope { timestamp_ms: 1, ..Default::default() }]);
    for column in ["id", "device_id", "app_id"] {
        assert_eq!(text(&batch, column, 0).as_deref(), Some(""), "{column}");
    }
    assert_eq!(text(&batch, "event_category", 0).as_deref(), Some("unknown"));
    assert_eq!(text(&batch, "event_type", 0).as_deref(), Some("unknown"));
    assert_eq!(text(&batch, "payload_json", 0).as_deref(), Some("{}"));
    for column in COLUMNS.iter().filter(|column| !column.required) {
        assert!(batch.column_by_name(column.name).unwrap().is_null(0), "{}", column.name);
    }
}

#[test]
fn an_empty_device_context_has_values_but_no_texts() {
    let event = EventEnvelope { device_context: Some(DeviceContext::default()), ..full_event() };
    let batch = batch(&[event]);
    assert_eq!(text(&batch, "platform", 0).as_deref(), Some("PLATFORM_UNSPECIFIED"));
    assert_eq!(text(&batch, "network_type", 0).as_deref(), Some("NETWORK_TYPE_UNSPECIFIED"));
    assert_eq!(int32(&batch, "screen_width", 0), Some(0));
    assert_eq!(boolean(&batch, "is_emulator", 0), Some(false));
    assert_eq!(text(&batch, "os_version", 0), None);
    assert_eq!(text(&batch, "carrier", 0), None);
}

#[test]
fn unknown_enum_values_are_kept_as_numbers() {
    let event = EventEnvelope {
        device_context: Some(DeviceContext { platform: 42, network_type: -3, ..Default::default() }),
        payload: Some(Payload::NetworkChange(NetworkChange { previous_type: 99, current_type: 1 })),
        ..full_event()
    };
    let batch = batch(&[event]);
    assert_eq!(text(&batch, "platform", 0).as_deref(), Some("42"));
    assert_eq!(text(&batch, "network_type", 0).as_deref(), Some("-3"));
    let json = r#"{"previous_type":99,"current_type":"NETWORK_TYPE_WIFI"}"#;
    assert_eq!(text(&batch, "payload_json", 0).as_deref(), Some(json));
}

#[test]
fn a_custom_event_is_of_its_own_type() {
    let payload = CustomEvent { event_name: "video progress".into(), ..Default::default() };
    let event = EventEnvelope { payload: Some(Payload::CustomEvent(payload)), ..full_event() };
    let batch = batch(&[event]);
    assert_eq!(text(&batch, "event_category", 0).as_deref(), Some("custom"));
    assert_eq!(text(&batch, "event_type", 0).as_deref(), Some("video progress"));
}

#[test]
fn rows_keep_their_order_and_poison_adds_none() {
    let mut columns = empty(ColumnOptions::default(), 4);
    let event = |id: &str| EventEnvelope { id: id.into(), ..full_event() }.encode_to_vec();
    columns.push(&event("b"), 1, 0).unwrap();
    let timeless = EventEnvelope { timestamp_ms: 0, ..full_event() }.encode_to_vec();
    let long_app = EventEnvelope { app_id: "x".repeat(500), ..full_event() }.encode_to_vec();
    for poison in [timeless, long_app, vec![0xFF; 40]] {
        assert!(matches!(columns.push(&poison, 2, 0), Err(PushError::Poison(_))));
    }
    columns.push(&event("a"), 3, 0).unwrap();
    let batch = columns.finish().unwrap();
    assert_eq!(batch.num_rows(), 2);
    assert_eq!((text(&batch, "id", 0).as_deref(), text(&batch, "id", 1).as_deref()), (Some("b"), Some("a")));
}

#[test]
fn a_full_batch_takes_no_more_and_loses_nothing() {
    let mut columns = empty(ColumnOptions::default(), 4);
    let body = full_event().encode_to_vec();
    columns.rows.text.limit = 2 * (body.len() + NAMES_BYTES);
    columns.push(&body, 1, 0).unwrap();
    columns.push(&body, 2, 0).unwrap();
    assert!(matches!(columns.push(&body, 3, 0), Err(PushError::Full { .. })));
    assert_eq!(columns.finish().unwrap().num_rows(), 2);
}

#[test]
fn sequences_beyond_the_sign_bit_stay_unique() {
    let mut columns = empty(ColumnOptions::default(), 2);
    let body = full_event().encode_to_vec();
    columns.push(&body, u64::MAX, 0).unwrap();
    columns.push(&body, u64::MAX - 1, -1).unwrap();
    let batch = columns.finish().unwrap();
    let sequence = batch.column_by_name("nats_stream_sequence").unwrap().as_primitive::<Int64Type>();
    assert_eq!(sequence.values().to_vec(), [-1, -2]);
    let published = batch.column_by_name("nats_published_at").unwrap().as_primitive::<TimestampMicrosecondType>();
    assert_eq!(published.values().to_vec(), [0, -1]);
}
