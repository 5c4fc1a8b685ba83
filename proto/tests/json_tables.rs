//! Rows of JSON documents: folders, times, batches, and what is kept beside the columns.

#![allow(clippy::unwrap_used)]

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::util::display::array_value_to_string;
use warehouse_sink_proto::{
    Empty, EventTime, LeafKind, PartitionTime, Table, TableColumns, TableDecoder, TableOptions, TimeUnit,
};

const PUBLISHED: i64 = 1_709_210_097_000_001_999;

fn options() -> TableOptions {
    TableOptions { partition_time: PartitionTime::None, ..TableOptions::new("") }
}

fn by(fields: &[&str]) -> TableOptions {
    TableOptions { partition_by: fields.iter().map(ToString::to_string).collect(), ..options() }
}

fn at(field: &str, unit: TimeUnit) -> TableOptions {
    let event_time = EventTime::Field { field: field.to_owned(), unit };
    TableOptions { event_time, partition_time: PartitionTime::Hour, ..options() }
}

fn folder(columns: &str, options: &TableOptions, body: &str) -> Result<String, String> {
    let table = Table::json(columns, options).unwrap();
    let partition = TableDecoder::new(&table).decode(body.as_bytes(), PUBLISHED);
    partition.map(|partition| partition.path()).map_err(|poison| poison.to_string())
}

fn batch(table: &Table, rows: &[&[u8]]) -> RecordBatch {
    let (mut columns, mut decoder) = (TableColumns::new(table, rows.len()), TableDecoder::new(table));
    for (row, index) in rows.iter().zip(0..) {
        decoder.decode(row, PUBLISHED).unwrap();
        columns.push_noted(row, &[], 7, PUBLISHED, index).unwrap();
    }
    columns.finish().unwrap()
}

fn values(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap();
    (0..batch.num_rows()).map(|row| array_value_to_string(column, row).unwrap()).collect()
}

#[test]
fn folders_have_the_values_of_fields_and_escape_them() {
    let columns = "id: string, n: uint64, flag: bool, day: date, shop: struct<\"a.b\": int32, city: string as town>";
    let all = by(&["id", "n", "flag", "day", "shop.\"a.b\"", "shop.city"]);
    let row =
        r#"{"id":"a/b","n":18446744073709551615,"flag":true,"day":"2026-11-03","shop":{"a.b":-7,"city":"x=\u0031"}}"#;
    let expected = "id=a%2Fb/n=18446744073709551615/flag=true/day=2026-11-03/shop_a_b=-7/shop_town=x%3D1";
    assert_eq!(folder(columns, &all, row).unwrap(), expected);
    let default = "__HIVE_DEFAULT_PARTITION__";
    let expected =
        format!("id={default}/n={default}/flag={default}/day={default}/shop_a_b={default}/shop_town={default}");
    assert_eq!(folder(columns, &all, r#"{"id":""}"#).unwrap(), expected);
    let long = format!("{{\"id\":\"{}\"}}", "x".repeat(300));
    assert!(folder(columns, &all, &long).unwrap_err().contains("id makes 303 bytes of a folder's name"));
}

#[test]
fn the_time_of_an_event_is_a_timestamp_or_a_number() {
    let columns = "at: timestamp, ms: timestamp(ms), n: int64, u: uint64";
    let hour = "year=2024/month=02/day=29/hour=12";
    for (field, value, unit) in [
        ("at", "\"2024-02-29T12:34:57Z\"", TimeUnit::Nanos),
        ("ms", "1709210097000.5", TimeUnit::Nanos),
        ("n", "1709210097", TimeUnit::Seconds),
        ("u", "\"1709210097000000\"", TimeUnit::Micros),
    ] {
        assert_eq!(folder(columns, &at(field, unit), &format!("{{\"{field}\":{value}}}")).unwrap(), hour, "{field}");
    }
    let no_time = "the event has no usable time: u must lie after the start of 1970 and before the year 10000";
    for body in ["{}", "{\"u\":null}", "{\"u\":0}", "{\"u\":18446744073709551615}"] {
        assert_eq!(folder(columns, &at("u", TimeUnit::Millis), body).unwrap_err(), no_time, "{body}");
    }
    let published = TableOptions { event_time: EventTime::Published, ..at("", TimeUnit::Millis) };
    assert_eq!(folder(columns, &published, "{}").unwrap(), hour);
}

#[test]
fn what_makes_folders_is_in_the_file_on_request_alone() {
    let columns = "tenant: string, id: int64, shop: struct<city: string>";
    let mut options = by(&["tenant", "shop.city"]);
    let body = br#"{"tenant":"a","id":1,"shop":{"city":"b"}}"#;
    let apart = batch(&Table::json(columns, &options).unwrap(), &[body]);
    let names =
        |batch: &RecordBatch| batch.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    assert_eq!(names(&apart), ["id", "shop", "nats_stream_sequence", "nats_published_at"]);
    options.partition_columns_in_file = true;
    let table = Table::json(columns, &options).unwrap();
    let within = batch(&table, &[body, b"{}"]);
    assert_eq!(names(&within)[..4], ["tenant", "id", "shop", "shop_city"]);
    assert_eq!(values(&within, "shop_city"), ["b", ""]);
    assert_eq!(within.schema(), table.schema());
    let leaves: Vec<_> = table.leaves().into_iter().map(|leaf| (leaf.path.join("."), leaf.kind)).collect();
    assert_eq!(leaves[2], ("shop.city".to_owned(), LeafKind::Repeating));
    assert_eq!(leaves.len(), 6);
}

#[test]
fn what_has_no_column_is_kept_on_request() {
    let options = TableOptions { keep_unknown_fields: true, subject_column: true, ..options() };
    let table = Table::json("a: int32", &options).unwrap();
    let batch = batch(&table, &[br#"{"a":1,"b":{"c":[2]}}"#, br#"{"a":2}"#]);
    assert_eq!(values(&batch, "unknown_fields"), [r#"{"b":{"c":[2]}}"#, ""]);
    assert!(batch.column_by_name("unknown_fields").unwrap().is_null(1));
    let mut decoder = TableDecoder::new(&table);
    decoder.decode(br#"{"b":1,"b":2,"c":3}"#, PUBLISHED).unwrap();
    assert_eq!(decoder.unknown_fields(), 3);
}

/// The bodies of a batch's rows.
fn rows(table: &Table, body: &[u8]) -> Vec<Vec<u8>> {
    let batch = table.explode(body, 0, PUBLISHED).unwrap();
    batch.elements.iter().map(|element| [&batch.around, *element, batch.end].concat()).collect()
}

#[test]
fn a_batch_is_a_row_for_each_element() {
    let columns = "tenant: string, \"the sales\": list<struct<article: string required, sold: timestamp(s)>>";
    let event_time = EventTime::Field { field: "'the sales'.sold".to_owned(), unit: TimeUnit::Millis };
    let options = TableOptions {
        explode: Some("\"the sales\"".to_owned()),
        event_time,
        partition_time: PartitionTime::Month,
        keep_unknown_fields: true,
        ..by(&["tenant"])
    };
    let table = Table::json(columns, &options).unwrap();
    let body = br#"{"tenant":"a", "the sales":[{"article":"lost"}], "more" : 1,
        "the sales":[{"article":"x","sold":1709210097,"odd":1}, {"article":7}, {"article":"y","sold":1}, null], "tenant":"b"}"#;
    let rows = rows(&table, body);
    assert_eq!(rows.len(), 4);
    let mut decoder = TableDecoder::new(&table);
    let found: Vec<_> =
        rows.iter().map(|row| decoder.decode(row, PUBLISHED).map(|partition| partition.path())).collect();
    assert_eq!(found[0].as_ref().unwrap(), "tenant=b/year=2024/month=02");
    let wrong = found[1].as_ref().unwrap_err().to_string();
    assert!(wrong.contains("the sales\"[0].article: expected a string, found a number"), "{wrong}");
    assert_eq!(found[2].as_ref().unwrap(), "tenant=b/year=1970/month=01");
    assert!(found[3].as_ref().unwrap_err().to_string().contains("no usable time"));
    let batch = batch(&table, &[&rows[0], &rows[2]]);
    assert_eq!(values(&batch, "nats_row_index"), ["0", "1"]);
    let articles = batch.column_by_name("the sales").unwrap().as_struct().column_by_name("article").unwrap();
    assert_eq!(articles.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(values(&batch, "unknown_fields"), [r#"{"more":1,"the sales":[{"odd":1}]}"#, r#"{"more":1}"#]);
    // A row is a batch of one, as it would be sent again.
    assert_eq!(self::rows(&table, &rows[0]), [rows[0].clone()]);
    for none in ["{}", r#"{"the sales":null}"#, r#"{"the sales":[]}"#] {
        assert!(self::rows(&table, none.as_bytes()).is_empty(), "{none}");
    }
}

#[test]
fn a_batch_that_cannot_be_taken_apart_is_poison() {
    let options = TableOptions { explode: Some("sales".to_owned()), ..options() };
    let table = Table::json("tenant: string, sales: list<struct<n: int32> required>", &options).unwrap();
    let reason = |body: &str| table.explode(body.as_bytes(), 0, PUBLISHED).unwrap_err().to_string();
    assert!(reason(r#"{"tenant":1,"sales":[{}]}"#).contains("tenant: expected a string, found a number"));
    assert!(reason(r#"{"sales":{}}"#).contains("sales: expected an array, found an object"));
    assert!(reason(r#"{"sales":[{]}"#).starts_with("the body is not JSON: expected a key in quotes"));
    let many = format!("{{\"sales\":[{}]}}", vec!["{}"; 65_537].join(","));
    assert!(reason(&many).starts_with("the message is too large a batch: 65537 rows"));
    let rows = rows(&table, br#"{"sales":[null]}"#);
    let refused = TableDecoder::new(&table).decode(&rows[0], PUBLISHED).unwrap_err().to_string();
    assert!(refused.contains("sales[0]: is required, and null"), "{refused}");
}

/// A message without the batch that it must have is poison; so is one whose time around the elements is none, with elements or without.
#[test]
fn what_stands_around_the_elements_is_judged_once() {
    let columns = "id: int64, sent: timestamp, sales: list<struct<n: int32> required> required";
    let explode = |columns: &str, options: TableOptions, body: &str| {
        let options = TableOptions { explode: Some("sales".to_owned()), ..options };
        let table = Table::json(columns, &options).unwrap();
        let batch = table.explode(body.as_bytes(), 0, PUBLISHED);
        batch.map(|batch| (batch.elements.len(), batch.unknown_fields)).map_err(|poison| poison.to_string())
    };
    let missing = explode(columns, options(), r#"{"id":1,"lines":[{}]}"#).unwrap_err();
    assert_eq!(missing, "the JSON can't be a row: sales: is required, and missing (at byte 0)");
    let null = explode(columns, options(), r#"{"id":1,"sales":[{}],"sales":null}"#).unwrap_err();
    assert_eq!(null, "the JSON can't be a row: sales: is required, and null (at byte 29)");
    assert_eq!(explode(columns, options(), r#"{"id":1,"sales":null,"sales":[]}"#), Ok((0, 0)));
    assert_eq!(explode(columns, options(), r#"{"more":1,"sales":[{},{"odd":2},{}]}"#), Ok((3, 1)));
    let optional = columns.replace("required> required", "required>");
    for none in ["{}", r#"{"sales":null}"#, r#"{"sales":[]}"#] {
        assert_eq!(explode(&optional, options(), none), Ok((0, 0)), "{none}");
        let late = explode(&optional, at("sent", TimeUnit::Millis), none).unwrap_err();
        assert!(late.starts_with("the event has no usable time: sent"), "{late}");
    }
    let late = explode(columns, options(), r#"{"sent":"10000-01-01T00:00:00Z","sales":[{},{}]}"#).unwrap_err();
    assert!(late.starts_with("the JSON can't be a row: sent: expected a time"), "{late}");
}

/// Where a batch without elements is to be a row, its column is null, though no element may be.
#[test]
fn a_batch_without_elements_can_be_a_row() {
    let explode = |empty_batch| TableOptions { explode: Some("sales".to_owned()), empty_batch, ..options() };
    let columns = "id: int64, sales: list<struct<n: int32> required>";
    let table = Table::json(columns, &explode(Empty::Row)).unwrap();
    let body = br#"{"id":7,"sales":[]}"#;
    let cut = table.explode(body, 0, PUBLISHED).unwrap();
    let made = [&cut.around[..], cut.end].concat();
    let batch = batch(&table, &[&made, br#"{"id":8,"sales":[{"n":1}]}"#]);
    assert_eq!(
        (values(&batch, "id"), values(&batch, "sales")),
        (vec!["7".to_owned(), "8".to_owned()], vec![String::new(), "{n: 1}".to_owned()])
    );
    let refused = TableDecoder::new(&table).decode(br#"{"sales":[null]}"#, PUBLISHED).unwrap_err().to_string();
    assert!(refused.contains("sales[0]: is required, and null"), "{refused}");
    assert!(!Table::json(columns, &explode(Empty::Drop)).unwrap().schema().field(1).is_nullable());
}

#[test]
fn what_cannot_be_used_is_refused_with_its_name() {
    let refused = |columns: &str, options: &TableOptions| Table::json(columns, options).unwrap_err().to_string();
    let columns =
        "id: int64, f: float64, shop: struct<city: string>, tags: list<string>, items: list<struct<n: int32>>";
    let kind = "only strings, whole numbers, booleans and dates make folders";
    assert_eq!(refused(columns, &by(&["f"])), format!("rows can't be partitioned by f: {kind}"));
    assert_eq!(refused(columns, &by(&["shop"])), format!("rows can't be partitioned by shop: {kind}"));
    assert_eq!(refused(columns, &by(&["shop.town"])), "no column is declared for shop.town");
    assert_eq!(
        refused(columns, &by(&["tags.a"])),
        "rows can't be partitioned by tags.a: a column on its path is no struct"
    );
    assert_eq!(
        refused(columns, &by(&["id", "id"])),
        "rows can't be partitioned by id: two folders would have the same name"
    );
    assert_eq!(
        refused(columns, &at("f", TimeUnit::Millis)),
        "f can't be the event's time: it must be a timestamp or a whole number"
    );
    let explode = |field: &str| TableOptions { explode: Some(field.to_owned()), ..options() };
    assert_eq!(
        refused(columns, &explode("tags")),
        "the elements of tags can't be rows: its type must be a list of structs"
    );
    assert_eq!(refused(columns, &explode("sold")), "no column is declared for sold");
    assert!(Table::json(columns, &explode("items")).is_ok());
    let taken = "column Year can't have this name: a folder or an added column has it; give it another one with `as`";
    assert_eq!(refused("Year: int32", &at("Year", TimeUnit::Millis)), taken);
    assert!(refused("nats_published_at: int64", &options()).contains("column nats_published_at can't have this name"));
    assert_eq!(
        refused("a: int64,\nb: in", &options()).split(": expected").next().unwrap(),
        "the columns can't be read: line 2: unknown type `in`"
    );
    let wide: Vec<_> = (0..10_001).map(|n| format!("c{n}: int32")).collect();
    assert!(refused(&wide.join(","), &options()).starts_with("the columns are more than 10000"));
}
