//! The events of `causality.v1` as a table: by default as they always were, and otherwise with each value as prost-reflect reads it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::util::display::array_value_to_string;
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use support::cells::{Expected, cell};
use support::events::Both as Events;
use warehouse_sink_proto::generate::{Generator, GeneratorOptions};
use warehouse_sink_proto::wire::event_envelope::Payload;
use warehouse_sink_proto::wire::{CustomEvent, DeviceContext, EventEnvelope, ScreenView};
use warehouse_sink_proto::{
    ColumnOptions, Columns, Decoder, EventSchema, EventTime, PartitionTime, PayloadColumns, Table, TableColumns,
    TableDecoder, TableOptions, TimeUnit,
};

const PUBLISHED: i64 = 1_709_210_097_000_001_999;
const TIME_MS: i64 = 1_709_210_096_789;
/// The payload's columns: the name of its field, and one for each kind.
const PAYLOADS: usize = 1 + 29;

fn bodies(count: usize) -> Vec<Vec<u8>> {
    Generator::new(GeneratorOptions::default()).take(count).map(|made| made.body).collect()
}

fn rows(table: &Table, bodies: &[Vec<u8>]) -> RecordBatch {
    let mut columns = TableColumns::new(table, bodies.len());
    for (body, sequence) in bodies.iter().zip(1..) {
        columns.push(body, sequence, PUBLISHED).unwrap();
    }
    columns.finish().unwrap()
}

fn by_default(bodies: &[Vec<u8>], partition_columns_in_file: bool) -> RecordBatch {
    let mut columns =
        Columns::new(&EventSchema::built_in().unwrap(), ColumnOptions { partition_columns_in_file }, bodies.len());
    for (body, sequence) in bodies.iter().zip(1..) {
        columns.push(body, sequence, PUBLISHED).unwrap();
    }
    columns.finish().unwrap()
}

fn folder(table: &Table, body: &[u8]) -> Result<String, String> {
    let decoded = TableDecoder::new(table).decode(body, PUBLISHED);
    decoded.map(|partition| partition.path()).map_err(|poison| poison.to_string())
}

fn refused(options: &TableOptions) -> String {
    Table::events(options).unwrap_err().to_string()
}

/// Beside what is asked for nothing changes: not a column, not a value, not a folder, not a reason.
#[test]
fn by_default_all_is_as_it_always_was() {
    let bodies = bodies(2_000);
    let mut decoder = Decoder::new(&EventSchema::built_in().unwrap());
    for in_file in [false, true] {
        let expected = by_default(&bodies, in_file);
        for payload in [PayloadColumns::Json, PayloadColumns::Both, PayloadColumns::Native] {
            let options = TableOptions { payload, partition_columns_in_file: in_file, ..TableOptions::events() };
            let table = Table::events(&options).unwrap();
            let mut found = rows(&table, &bodies);
            let mut kept: Vec<_> = (0..expected.num_columns()).collect();
            if payload == PayloadColumns::Native {
                kept.remove(expected.schema().index_of("payload_json").unwrap());
            }
            let more = if payload == PayloadColumns::Json { 0 } else { PAYLOADS };
            assert_eq!(found.num_columns(), kept.len() + more);
            found = found.project(&(0..kept.len()).collect::<Vec<_>>()).unwrap();
            assert_eq!(found, expected.project(&kept).unwrap());
            let mut tables = TableDecoder::new(&table);
            for body in &bodies {
                assert_eq!(tables.decode(body, PUBLISHED).unwrap().path(), decoder.decode(body).unwrap().path());
            }
        }
    }
}

#[test]
fn by_default_the_same_is_poison() {
    let table = Table::events(&TableOptions { payload: PayloadColumns::Both, ..TableOptions::events() }).unwrap();
    let mut decoder = Decoder::new(&EventSchema::built_in().unwrap());
    let event = |app_id: String, timestamp_ms| EventEnvelope { app_id, timestamp_ms, ..Default::default() };
    let mut poison: Vec<_> = [0, -1, i64::MAX].map(|time| event("a".into(), time).encode_to_vec()).into();
    poison.extend([event("a".repeat(241), 1).encode_to_vec(), b"\x0A\x05a".to_vec()]);
    for body in poison {
        let expected = decoder.decode(&body).unwrap_err().to_string();
        assert_eq!(folder(&table, &body), Err(expected));
        assert!(TableColumns::new(&table, 1).push(&body, 1, PUBLISHED).is_err());
    }
    assert!(folder(&table, &event("a".repeat(240), 1).encode_to_vec()).is_ok());
}

/// The payload's columns beside what prost-reflect reads.
struct Native {
    envelope: MessageDescriptor,
    table: Table,
}

impl Native {
    fn new() -> Self {
        let options = TableOptions { payload: PayloadColumns::Native, ..TableOptions::events() };
        let pool = DescriptorPool::decode(EventSchema::DESCRIPTORS).unwrap();
        Self {
            envelope: pool.get_message_by_name("causality.v1.EventEnvelope").unwrap(),
            table: Table::events(&options).unwrap(),
        }
    }

    /// Compares the payloads of rows. How often each column has a value.
    fn compare(&self, bodies: &[Vec<u8>]) -> Vec<usize> {
        let batch = rows(&self.table, bodies);
        let first = batch.num_columns() - PAYLOADS;
        for (row, body) in bodies.iter().enumerate() {
            let message = DynamicMessage::decode(self.envelope.clone(), &body[..]).unwrap();
            let mut expected = Expected::new(2).columns(&message).unwrap();
            let expected = expected.split_off(expected.iter().position(|(name, _)| name == "payload").unwrap());
            assert_eq!(expected.len(), PAYLOADS);
            for (index, (name, expected)) in (first..).zip(&expected) {
                assert_eq!(batch.schema().field(index).name(), name);
                assert_eq!(&cell(batch.column(index), row), expected, "{name}");
            }
        }
        (first..batch.num_columns()).map(|index| bodies.len() - batch.column(index).logical_null_count()).collect()
    }
}

#[test]
fn payloads_of_generated_events_are_what_prost_reflect_reads() {
    let filled = Native::new().compare(&bodies(5_000));
    assert!(filled.iter().all(|filled| *filled > 0), "not every kind was there: {filled:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Messages of any bytes, on purpose with fields that come twice, unknown ones and wrong ones.
    #[test]
    fn payloads_of_any_events_are_what_prost_reflect_reads(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let native = Native::new();
        let body = Events::default().message(&bytes);
        let decoded = Decoder::new(&EventSchema::built_in().unwrap()).decode(&body);
        prop_assert_eq!(TableDecoder::new(&native.table).decode(&body, PUBLISHED).is_ok(), decoded.is_ok());
        if decoded.is_ok() {
            native.compare(&[body]);
        }
    }
}

fn phone() -> EventEnvelope {
    EventEnvelope {
        app_id: "shop/x".into(),
        timestamp_ms: TIME_MS,
        device_context: Some(DeviceContext { platform: 1, screen_width: 390, ..Default::default() }),
        payload: Some(Payload::ScreenView(ScreenView { screen_name: "home".into(), ..Default::default() })),
        ..Default::default()
    }
}

fn by(fields: &[&str]) -> TableOptions {
    TableOptions {
        partition_by: fields.iter().map(ToString::to_string).collect(),
        partition_time: PartitionTime::None,
        ..TableOptions::events()
    }
}

#[test]
fn any_column_and_any_field_makes_a_folder() {
    let cases = [
        ("app_id", "app_id=shop%2Fx"),
        ("platform", "platform=PLATFORM_IOS"),
        ("device_context.platform", "platform=PLATFORM_IOS"),
        ("screen_width", "screen_width=390"),
        ("is_emulator", "is_emulator=false"),
        ("locale", "locale=__HIVE_DEFAULT_PARTITION__"),
        ("event_category", "event_category=screen"),
        ("event_type", "event_type=view"),
        ("screen_view.screen_name", "screen_view_screen_name=home"),
        ("custom_event.event_name", "custom_event_event_name=__HIVE_DEFAULT_PARTITION__"),
    ];
    for (field, expected) in cases {
        let table = Table::events(&by(&[field])).unwrap();
        assert_eq!(folder(&table, &phone().encode_to_vec()).as_deref(), Ok(expected), "{field}");
    }
    let table = Table::events(&by(&["platform", "is_emulator"])).unwrap();
    let none = EventEnvelope { device_context: None, ..phone() }.encode_to_vec();
    let expected = "platform=__HIVE_DEFAULT_PARTITION__/is_emulator=__HIVE_DEFAULT_PARTITION__";
    assert_eq!(folder(&table, &none).as_deref(), Ok(expected), "as null as the column");
    assert_eq!(folder(&Table::events(&by(&[])).unwrap(), &none).as_deref(), Ok(""));
    let custom = CustomEvent { event_name: "a=b".into(), ..Default::default() };
    let custom = EventEnvelope { payload: Some(Payload::CustomEvent(custom)), ..phone() }.encode_to_vec();
    assert_eq!(folder(&Table::events(&by(&["event_type"])).unwrap(), &custom).as_deref(), Ok("event_type=a%3Db"));
}

#[test]
fn the_time_of_folders_is_that_of_the_event_or_of_publishing() {
    let at = |event_time, partition_time| {
        let options = TableOptions { event_time, partition_time, ..by(&[]) };
        folder(&Table::events(&options).unwrap(), &phone().encode_to_vec())
    };
    let field = |field: &str, unit| EventTime::Field { field: field.to_owned(), unit };
    let event = || field("timestamp_ms", TimeUnit::Millis);
    assert_eq!(at(event(), PartitionTime::Day).as_deref(), Ok("year=2024/month=02/day=29"));
    assert_eq!(at(event(), PartitionTime::Month).as_deref(), Ok("year=2024/month=02"));
    assert_eq!(at(EventTime::Published, PartitionTime::Hour).as_deref(), Ok("year=2024/month=02/day=29/hour=12"));
    assert_eq!(
        at(field("timestamp_ms", TimeUnit::Nanos), PartitionTime::Month).as_deref(),
        Ok("year=1970/month=01"),
        "by the unit of the settings"
    );
    let none = at(field("app_start.launch_duration_ms", TimeUnit::Millis), PartitionTime::Hour);
    assert!(none.unwrap_err().contains("app_start.launch_duration_ms must lie after the start of 1970"));
    // Whatever the folders are, the column of the event's time has a value.
    let timeless = EventEnvelope { timestamp_ms: 0, ..phone() }.encode_to_vec();
    let options = TableOptions { event_time: EventTime::Published, ..by(&[]) };
    let reason = folder(&Table::events(&options).unwrap(), &timeless).unwrap_err();
    assert_eq!(reason, "the event has no usable time: timestamp_ms is 0, but must be greater than 0");
}

#[test]
fn what_makes_no_folder_is_no_reason_for_poison() {
    let long = EventEnvelope { app_id: "a".repeat(1_000), ..phone() }.encode_to_vec();
    assert!(folder(&Table::events(&by(&["platform"])).unwrap(), &long).is_ok());
    assert!(
        folder(&Table::events(&by(&["app_id"])).unwrap(), &long).unwrap_err().starts_with("the app_id is too long")
    );
    let view = ScreenView { screen_name: "s".repeat(300), ..Default::default() };
    let long = EventEnvelope { payload: Some(Payload::ScreenView(view)), ..phone() }.encode_to_vec();
    let reason = folder(&Table::events(&by(&["screen_view.screen_name"])).unwrap(), &long).unwrap_err();
    assert!(reason.contains("screen_view.screen_name makes 324 bytes of a folder's name"), "{reason}");
}

/// What is in the path is in the file on request, and then says the same.
#[test]
fn folders_are_columns_on_request() {
    let fields = ["device_context.platform", "event_type", "screen_view.screen_name"];
    let options = |in_file| TableOptions {
        partition_columns_in_file: in_file,
        partition_time: PartitionTime::Day,
        ..by(&fields)
    };
    let body = phone().encode_to_vec();
    let none = EventEnvelope { device_context: None, payload: None, ..phone() }.encode_to_vec();
    let bodies = [body, none];
    let without = rows(&Table::events(&options(false)).unwrap(), &bodies);
    let absent = ["platform", "event_type", "screen_view_screen_name", "year", "month", "day", "hour"];
    assert!(absent.iter().all(|name| without.column_by_name(name).is_none()), "{:?}", without.schema());
    assert!(without.column_by_name("app_id").is_some(), "which makes no folder here");
    let table = Table::events(&options(true)).unwrap();
    let with = rows(&table, &bodies);
    assert_eq!(with.num_columns(), without.num_columns() + 6);
    assert!(with.column_by_name("hour").is_none(), "there is no such folder");
    let shown = |name: &str| [0, 1].map(|row| array_value_to_string(with.column_by_name(name).unwrap(), row).unwrap());
    assert_eq!(shown("platform"), ["PLATFORM_IOS", ""]);
    assert_eq!(shown("event_type"), ["view", "unknown"]);
    assert_eq!(shown("screen_view_screen_name"), ["home", ""]);
    assert_eq!([shown("year"), shown("month"), shown("day")].map(|[first, _]| first), ["2024", "2", "29"]);
    let leaves: Vec<_> = table.leaves().into_iter().map(|leaf| leaf.path.join(".")).collect();
    let names: Vec<_> = with.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(leaves, names);
    assert_eq!(table.schema().fields(), with.schema().fields());
}

#[test]
fn what_can_be_no_folder_is_refused() {
    let cases = [
        ("platfrom", "message causality.v1.EventEnvelope has no field platfrom of the type that is needed"),
        ("screen_view", "rows can't be partitioned by screen_view: it is a message: name one of its fields"),
        (
            "screen_view.params",
            "rows can't be partitioned by screen_view.params: a field on its path is repeated or a map, and has no one value",
        ),
        (
            "timestamp_ms",
            "rows can't be partitioned by timestamp_ms: it is a time: schema.partition_time makes its folders",
        ),
    ];
    for (field, expected) in cases {
        assert_eq!(refused(&by(&[field])), expected);
    }
    assert!(refused(&by(&["payload_json"])).contains("payload_json"));
    let twice = refused(&by(&["platform", "device_context.platform"]));
    assert_eq!(twice, "rows can't be partitioned by platform: two folders would have the same name");
    let event_time = EventTime::Field { field: "app_id".to_owned(), unit: TimeUnit::Millis };
    let reason = refused(&TableOptions { event_time, ..TableOptions::events() });
    assert_eq!(reason, "app_id can't be the event's time: it must be a timestamp or a whole number");
}

/// With all that any table has.
#[test]
fn subject_and_unknown_fields_are_columns_on_request() {
    let options = TableOptions { subject_column: true, keep_unknown_fields: true, ..TableOptions::events() };
    let table = Table::events(&options).unwrap();
    let mut body = phone().encode_to_vec();
    body.extend(b"\xC2\x3E\x02hi");
    let mut columns = TableColumns::new(&table, 1);
    columns.push_noted(&body, &[Some("events.a".into())], 1, PUBLISHED, 0).unwrap();
    let batch = columns.finish().unwrap();
    assert_eq!(batch.column_by_name("nats_subject").unwrap().as_string::<i32>().value(0), "events.a");
    assert_eq!(batch.column_by_name("unknown_fields").unwrap().as_binary::<i32>().value(0), b"\xC2\x3E\x02hi");
}
