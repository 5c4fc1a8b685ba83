use std::collections::BTreeSet;

use arrow::datatypes::DataType;

use prost::Message;

use super::tests::{empty, full_event};
use super::*;

const BOTH: [ColumnOptions; 2] =
    [ColumnOptions { partition_columns_in_file: false }, ColumnOptions { partition_columns_in_file: true }];

/// The contract's table of columns, written out: name, type, required, dictionary.
#[test]
fn the_columns_are_those_of_the_contract() {
    let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    let (utf8, int32, boolean) = (DataType::Utf8, DataType::Int32, DataType::Boolean);
    let millis = utc(arrow::datatypes::TimeUnit::Millisecond);
    let micros = utc(arrow::datatypes::TimeUnit::Microsecond);
    let expected = [
        ("id", &utf8, true, false),
        ("device_id", &utf8, true, false),
        ("app_id", &utf8, true, true),
        ("timestamp_ms", &millis, true, false),
        ("correlation_id", &utf8, false, false),
        ("event_category", &utf8, true, true),
        ("event_type", &utf8, true, true),
        ("platform", &utf8, false, true),
        ("network_type", &utf8, false, true),
        ("os_version", &utf8, false, false),
        ("app_version", &utf8, false, false),
        ("build_number", &utf8, false, false),
        ("device_model", &utf8, false, false),
        ("manufacturer", &utf8, false, false),
        ("locale", &utf8, false, false),
        ("timezone", &utf8, false, false),
        ("carrier", &utf8, false, false),
        ("sdk_version", &utf8, false, false),
        ("screen_width", &int32, false, false),
        ("screen_height", &int32, false, false),
        ("is_jailbroken", &boolean, false, false),
        ("is_emulator", &boolean, false, false),
        ("payload_json", &utf8, true, false),
        ("year", &int32, true, false),
        ("month", &int32, true, false),
        ("day", &int32, true, false),
        ("hour", &int32, true, false),
        ("idempotency_key", &utf8, false, false),
        ("nats_stream_sequence", &DataType::Int64, true, false),
        ("nats_published_at", &micros, true, false),
    ];
    let schema = schema(&BOTH[1]);
    assert_eq!(schema.fields().len(), expected.len());
    for (field, (name, data_type, required, dictionary)) in schema.fields().iter().zip(expected) {
        assert_eq!(field.name(), name);
        assert_eq!(field.data_type(), data_type, "{name}");
        assert_eq!(field.is_nullable(), !required, "{name}");
        assert_eq!(DICTIONARY_COLUMNS.contains(&name), dictionary, "{name}");
    }
}

#[test]
fn partition_columns_are_in_the_file_only_on_request() {
    let names = |options: &ColumnOptions| -> BTreeSet<String> {
        schema(options).fields().iter().map(|field| field.name().clone()).collect()
    };
    let (without, with) = (names(&BOTH[0]), names(&BOTH[1]));
    let partition: Vec<_> = with.difference(&without).map(String::as_str).collect();
    assert_eq!(partition, ["app_id", "day", "hour", "month", "year"]);
    assert!(without.is_subset(&with));
}

#[test]
fn the_batch_has_the_promised_schema() {
    for options in BOTH {
        let mut columns = empty(options, 1);
        columns.push(&full_event().encode_to_vec(), 1, 1).unwrap();
        let batch = columns.finish().unwrap();
        assert_eq!(batch.schema(), schema(&options));
        assert_eq!(batch.num_rows(), 1);
        let empty = empty(options, 0).finish().unwrap();
        assert_eq!((empty.schema(), empty.num_rows()), (schema(&options), 0));
    }
}
