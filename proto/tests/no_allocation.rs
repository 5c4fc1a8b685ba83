//! Once warm, no message is worth an allocation: the memory of one is used for the next.

#![allow(clippy::unwrap_used)]

use allocation_counter::{AllocationInfo, measure};
use warehouse_sink_proto::generate::{Generator, GeneratorOptions};
use warehouse_sink_proto::protobuf::Transcoder;
use warehouse_sink_proto::{
    COLUMNS, ColumnOptions, Columns, Decoder, EventSchema, EventTime, PayloadColumns, Table, TableColumns,
    TableDecoder, TableOptions, TimeUnit,
};

const EVENTS: usize = 10_000;

fn bodies() -> Vec<Vec<u8>> {
    Generator::new(GeneratorOptions::default()).take(EVENTS).map(|made| made.body).collect()
}

/// What the second pass over all events allocates.
fn second_pass(mut pass: impl FnMut()) -> AllocationInfo {
    let first = measure(&mut pass);
    assert!(first.count_total > 0, "allocations are not counted");
    measure(&mut pass)
}

#[test]
fn a_warm_decoder_does_not_allocate() {
    let (bodies, mut decoder) = (bodies(), Decoder::new(&EventSchema::built_in().unwrap()));
    let second = second_pass(|| bodies.iter().for_each(|body| drop(decoder.decode(body).unwrap())));
    assert_eq!(second.count_total, 0, "{second:?}");
}

/// Whatever the schema: here the built-in one as any other, with folders of fields and a time of its own.
#[test]
fn a_warm_decoder_of_a_table_does_not_allocate() {
    let mut options = TableOptions::new("causality.v1.EventEnvelope");
    options.partition_by = vec!["app_id".to_owned(), "device_context.platform".to_owned()];
    options.event_time = EventTime::Field { field: "timestamp_ms".to_owned(), unit: TimeUnit::Millis };
    let table = Table::new(EventSchema::DESCRIPTORS, &options).unwrap();
    let (bodies, mut decoder) = (bodies(), TableDecoder::new(&table));
    let second = second_pass(|| bodies.iter().for_each(|body| drop(decoder.decode(body, 1).unwrap())));
    assert_eq!(second.count_total, 0, "{second:?}");
}

/// Events as JSON, with texts that are escaped, lists and maps.
fn documents() -> Vec<Vec<u8>> {
    let mut transcoder = Transcoder::new(EventSchema::DESCRIPTORS, "causality.v1.EventEnvelope").unwrap();
    let document = |(number, body): (usize, &Vec<u8>)| {
        let mut event = Vec::new();
        transcoder.push_json(body, &mut event).unwrap();
        let mut event = String::from_utf8(event).unwrap();
        let more = format!(
            r#","said":"a\n\u00e9 {number}","tags":["x","\"{number}\"",null],"shop":{{"price":"{number}.50","blob":"AP8="}},
            "named":{{"b":{number},"a\u0062":1,"b":2}},"at":"2026-11-23T14:05:00.5Z"}}"#
        );
        event.replace_range(event.len() - 1.., &more);
        event.into_bytes()
    };
    bodies().iter().enumerate().map(document).collect()
}

fn table_of_json() -> Table {
    let columns = "id: string required, app_id: string, timestamp_ms: timestamp(ms), said: string, tags: list<string>, \
                   shop: struct<price: decimal(12, 2), blob: bytes>, named: map<string, int64>, at: timestamp, screen_view: json";
    let mut options = TableOptions::new("");
    options.partition_by = vec!["app_id".to_owned()];
    options.event_time = EventTime::Field { field: "timestamp_ms".to_owned(), unit: TimeUnit::Millis };
    Table::json(columns, &options).unwrap()
}

#[test]
fn a_warm_decoder_of_json_does_not_allocate() {
    let (bodies, mut decoder) = (documents(), TableDecoder::new(&table_of_json()));
    let mut unknown = 0;
    let second = second_pass(|| {
        for body in &bodies {
            decoder.decode(body, 1).unwrap();
            unknown += decoder.unknown_fields();
        }
    });
    assert_eq!(second.count_total, 0, "{second:?}");
    assert!(unknown > EVENTS as u64, "{unknown}");
}

#[test]
fn columns_of_json_allocate_by_their_number_and_not_by_that_of_their_rows() {
    let (bodies, table) = (documents(), table_of_json());
    let mut columns = TableColumns::new(&table, EVENTS);
    let pushed = measure(|| bodies.iter().for_each(|body| columns.push(body, 1, 1).unwrap()));
    let most = table.leaves().len() as u64 * 32;
    assert!(pushed.count_total <= most, "{} allocations for {EVENTS} rows", pushed.count_total);
    assert_eq!(columns.finish().unwrap().num_rows(), EVENTS);
}

#[test]
fn a_warm_transcoder_does_not_allocate() {
    let mut transcoder = Transcoder::new(EventSchema::DESCRIPTORS, "causality.v1.EventEnvelope").unwrap();
    let (bodies, mut text) = (bodies(), Vec::new());
    let second = second_pass(|| {
        text.clear();
        bodies.iter().for_each(|body| transcoder.push_json(body, &mut text).unwrap());
    });
    assert_eq!(second.count_total, 0, "{second:?}");
}

/// The buffers of the columns double as they grow: that makes a few allocations to a column, and none to a row.
#[test]
fn columns_allocate_by_their_number_and_not_by_that_of_their_rows() {
    let (bodies, schema) = (bodies(), EventSchema::built_in().unwrap());
    let mut columns = Columns::new(&schema, ColumnOptions::default(), EVENTS);
    let pushed = measure(|| bodies.iter().for_each(|body| columns.push(body, 1, 1).unwrap()));
    let most = COLUMNS.len() as u64 * 16;
    assert!(pushed.count_total <= most, "{} allocations for {EVENTS} rows", pushed.count_total);
    assert_eq!(columns.finish().unwrap().num_rows(), EVENTS);
}

/// The events with native columns: the decoder allocates nothing, the columns by their number.
#[test]
fn events_as_a_table_allocate_by_their_columns() {
    let mut options = TableOptions { payload: PayloadColumns::Both, ..TableOptions::events() };
    options.partition_by = ["platform", "event_type", "screen_view.screen_name"].map(str::to_owned).to_vec();
    let table = Table::events(&options).unwrap();
    let (bodies, mut decoder) = (bodies(), TableDecoder::new(&table));
    let second = second_pass(|| bodies.iter().for_each(|body| drop(decoder.decode(body, 1).unwrap())));
    assert_eq!(second.count_total, 0, "{second:?}");
    let mut columns = TableColumns::new(&table, EVENTS);
    let pushed = measure(|| bodies.iter().for_each(|body| columns.push(body, 1, 1).unwrap()));
    let most = table.leaves().len() as u64 * 32;
    assert!(pushed.count_total <= most, "{} allocations for {EVENTS} rows", pushed.count_total);
    assert_eq!(columns.finish().unwrap().num_rows(), EVENTS);
}
