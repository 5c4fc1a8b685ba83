use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::*;
use crate::partition::PartitionTime;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/protos");

/// 2026-11-23T14:05:06.789Z.
const PUBLISHED: i64 = 1_795_442_706_789_000_000;

fn descriptors(file: &str) -> Vec<u8> {
    protox::compile([file], [FOLDER]).unwrap().encode_to_vec()
}

fn options() -> TableOptions {
    TableOptions::new("table3.Row")
}

fn rows(options: &TableOptions) -> Table {
    Table::new(&descriptors("table3.proto"), options).unwrap()
}

fn body(json: &str) -> Vec<u8> {
    let pool = DescriptorPool::decode(descriptors("table3.proto").as_slice()).unwrap();
    let message = pool.get_message_by_name("table3.Row").unwrap();
    DynamicMessage::deserialize(message, &mut serde_json::Deserializer::from_str(json)).unwrap().encode_to_vec()
}

fn by(fields: &[&str]) -> TableOptions {
    TableOptions { partition_by: fields.iter().map(ToString::to_string).collect(), ..options() }
}

fn at(field: &str, unit: TimeUnit) -> TableOptions {
    TableOptions { event_time: EventTime::Field { field: field.to_owned(), unit }, ..options() }
}

fn decode(options: &TableOptions, json: &str) -> Result<String, String> {
    let partition = TableDecoder::new(&rows(options)).decode(&body(json), PUBLISHED);
    partition.map(|partition| partition.path()).map_err(|poison| poison.to_string())
}

fn names(table: &Table) -> Vec<String> {
    table.schema().fields().iter().map(|field| field.name().clone()).collect()
}

#[test]
fn folders_are_made_of_fields() {
    let options =
        TableOptions { partition_time: PartitionTime::None, ..by(&["id", "shop.kind", "shop.owner", "flag"]) };
    let row = r#"{"id": "a/b", "shop": {"kind": "STREET", "owner": "o=1"}, "flag": true}"#;
    assert_eq!(decode(&options, row).unwrap(), "id=a%2Fb/shop_kind=STREET/shop_owner=o%3D1/flag=true");
    // What is not there is null to a reader, but an enum has a value wherever its message is.
    let none = "__HIVE_DEFAULT_PARTITION__";
    let empty = format!("id={none}/shop_kind={none}/shop_owner={none}/flag={none}");
    assert_eq!(decode(&options, "{}").unwrap(), empty);
    assert!(decode(&options, r#"{"shop": {}}"#).unwrap().contains("shop_kind=UNKNOWN"));
    assert!(decode(&options, r#"{"shop": {"kind": 7}}"#).unwrap().contains("shop_kind=7"));
    let numbers = TableOptions { partition_time: PartitionTime::None, ..by(&["shop.number", "at_ns", "int32"]) };
    let row = r#"{"shop": {"number": -5}, "at_ns": "18446744073709551615", "int32": -1}"#;
    assert_eq!(decode(&numbers, row).unwrap(), "shop_number=-5/at_ns=18446744073709551615/int32=-1");
    // Of a oneof only the field that has a value.
    let chosen = TableOptions { partition_time: PartitionTime::None, ..by(&["chosen_number", "chosen_int64"]) };
    let folder = format!("chosen_number=0/chosen_int64={none}");
    assert_eq!(decode(&chosen, r#"{"chosen_number": 0}"#).unwrap(), folder);
}

#[test]
fn folders_are_made_of_time() {
    let time = |partition_time| decode(&TableOptions { partition_time, ..options() }, "{}").unwrap();
    assert_eq!(time(PartitionTime::Hour), "year=2026/month=11/day=23/hour=14");
    assert_eq!(time(PartitionTime::Day), "year=2026/month=11/day=23");
    assert_eq!(time(PartitionTime::Month), "year=2026/month=11");
    assert_eq!(time(PartitionTime::None), "");
    let stamp = r#"{"at": "2024-02-29T12:34:56.789Z", "at_ms": "1709210096789", "at_ns": "1709210096789000000"}"#;
    let cases = [
        ("at", TimeUnit::Seconds, stamp),
        ("at_ms", TimeUnit::Millis, stamp),
        ("at_ns", TimeUnit::Nanos, stamp),
        ("at_ms", TimeUnit::Micros, r#"{"at_ms": "1709210096789000"}"#),
        ("at_ms", TimeUnit::Seconds, r#"{"at_ms": "1709210096"}"#),
        ("int64", TimeUnit::Seconds, r#"{"int64": "1709210096"}"#),
        ("shop.number", TimeUnit::Seconds, r#"{"shop": {"number": 1709210096}}"#),
    ];
    for (field, unit, row) in cases {
        assert_eq!(decode(&at(field, unit), row).unwrap(), "year=2024/month=02/day=29/hour=12", "{field}");
    }
}

#[test]
fn an_event_without_a_usable_time_is_poison() {
    let cases = [
        ("at", TimeUnit::Millis, "{}"),
        ("at", TimeUnit::Millis, r#"{"at": "1969-12-31T23:59:59Z"}"#),
        ("at_ms", TimeUnit::Millis, "{}"),
        ("at_ms", TimeUnit::Millis, r#"{"at_ms": "253402300800000"}"#),
        ("at_ms", TimeUnit::Seconds, r#"{"at_ms": "9223372036854775807"}"#),
        ("at_ns", TimeUnit::Nanos, r#"{"at_ns": "18446744073709551615"}"#),
    ];
    for (field, unit, row) in cases {
        let expected =
            format!("the event has no usable time: {field} must lie after the start of 1970 and before the year 10000");
        assert_eq!(decode(&at(field, unit), row).unwrap_err(), expected, "{row}");
    }
}

#[test]
fn what_no_store_takes_is_poison() {
    let long = "x".repeat(252);
    assert!(decode(&by(&["id"]), &format!(r#"{{"id": "{long}"}}"#)).is_ok());
    let error = decode(&by(&["id"]), &format!(r#"{{"id": "{long}x"}}"#)).unwrap_err();
    assert!(error.ends_with("id makes 256 bytes of a folder's name, at most 255 are possible"), "{error}");
    let shop = format!(r#"{{"id": "{long}", "year": "{long}", "shop": {{"country": "{long}"}}}}"#);
    let options = TableOptions { partition_time: PartitionTime::None, ..by(&["id", "year", "shop.country"]) };
    let error = decode(&options, &shop.replace(&long, &long[..200])).unwrap();
    assert!(error.len() < 640, "{error}");
    let error = decode(&options, &shop.replace(&long, &long[..230])).unwrap_err();
    assert!(error.contains("all fields together makes"), "{error}");
}

#[test]
fn settings_that_fit_no_field_are_refused() {
    let refused = |options: &TableOptions| Table::new(&descriptors("table3.proto"), options).unwrap_err().to_string();
    let cases = [
        (by(&["idd"]), "message table3.Row has no field idd of the type that is needed"),
        (by(&["id.x"]), "rows can't be partitioned by id.x: a field on its path is no message"),
        (by(&["shop"]), "rows can't be partitioned by shop: it is a message: name one of its fields"),
        (
            by(&["double"]),
            "rows can't be partitioned by double: only texts, whole numbers, booleans and enums make folders",
        ),
        (by(&["at"]), "rows can't be partitioned by at: only texts, whole numbers, booleans and enums make folders"),
        (
            by(&["names"]),
            "rows can't be partitioned by names: a field on its path is repeated or a map, and has no one value",
        ),
        (by(&["id", "id"]), "rows can't be partitioned by id: two folders would have the same name"),
        (by(&["year"]), "rows can't be partitioned by year: two folders would have the same name"),
        (at("id", TimeUnit::Millis), "id can't be the event's time: it must be a timestamp or a whole number"),
        (at("flag", TimeUnit::Millis), "flag can't be the event's time: it must be a timestamp or a whole number"),
        (
            TableOptions { message: "table3.Rows".to_owned(), ..options() },
            "the descriptor set has no message table3.Rows",
        ),
    ];
    for (options, expected) in cases {
        assert_eq!(refused(&options), expected);
    }
    let wide = TableOptions { message: "kinds3.Kinds".to_owned(), recursion_depth: 9, ..options() };
    let error = Table::new(&descriptors("kinds3.proto"), &wide).unwrap_err().to_string();
    assert!(error.starts_with("message kinds3.Kinds makes more than 10000 columns: lower "), "{error}");
}

#[test]
fn what_is_in_the_path_is_in_the_file_on_request() {
    let options = |in_file| TableOptions { partition_columns_in_file: in_file, ..by(&["id", "shop.kind"]) };
    let without = names(&rows(&options(false)));
    assert!(!without.contains(&"id".to_owned()) && !without.contains(&"shop_kind".to_owned()));
    let (table, row) = (rows(&options(true)), body(r#"{"id": "a", "shop": {"kind": 1}}"#));
    let with = names(&table);
    let last = ["shop_kind", "year", "month", "day", "hour", "nats_stream_sequence", "nats_published_at"];
    assert_eq!(&with[with.len() - last.len()..], last);
    assert_eq!(with.len(), without.len() + 6, "and id");
    let mut columns = TableColumns::new(&table, 2);
    columns.push(&row, u64::MAX, PUBLISHED).unwrap();
    columns.push(&body("{}"), 8, PUBLISHED + 999).unwrap();
    let batch = columns.finish().unwrap();
    let shown = |name: &str| {
        let column = batch.column_by_name(name).unwrap();
        let show = |row| arrow::util::display::array_value_to_string(column, row).unwrap();
        [show(0), show(1)]
    };
    assert_eq!(shown("shop_kind"), ["STREET", ""]);
    assert_eq!(shown("id"), ["a", ""]);
    assert_eq!(
        [shown("year"), shown("month"), shown("day"), shown("hour")].map(|[first, _]| first),
        ["2026", "11", "23", "14"]
    );
    assert_eq!(shown("nats_stream_sequence"), ["-1", "8"]);
    let published = batch.column_by_name("nats_published_at").unwrap();
    let micros = published.as_primitive::<TimestampMicrosecondType>().values();
    assert_eq!(micros[..], [PUBLISHED / 1000, PUBLISHED / 1000], "rounded down");
}

/// To a reader of SQL `Id` is `id`.
#[test]
fn a_name_that_is_taken_gets_the_number_of_its_field() {
    let table = rows(&options());
    for name in ["nats_stream_sequence_52", "year_53", "id"] {
        assert!(names(&table).contains(&name.to_owned()), "{name} in {:?}", names(&table));
    }
    // Without folders of time the name is free.
    let table = rows(&TableOptions { partition_time: PartitionTime::None, ..options() });
    assert!(names(&table).contains(&"year".to_owned()));
    let options = TableOptions { message: "names2.Names".to_owned(), ..options() };
    let table = Table::new(&descriptors("names2.proto"), &options).unwrap();
    assert_eq!(names(&table)[..4], ["id", "ID_2", "Id_3", "ID_2_4"]);
}

/// protoc takes such names in proto3 too, and a folder's name is the field's that makes it, wherever that comes among the fields.
#[test]
fn names_that_differ_in_case_alone_are_told_apart() {
    let options = |in_file| TableOptions {
        message: "names3.Names".to_owned(),
        partition_time: PartitionTime::None,
        partition_columns_in_file: in_file,
        ..by(&["tenant"])
    };
    let set = names3();
    let table = Table::new(&set, &options(false)).unwrap();
    assert_eq!(names(&table)[..4], ["id", "Id_2", "Tenant_3", "inner"]);
    let DataType::Struct(inner) = table.schema().field(3).data_type().clone() else { panic!("no struct") };
    assert_eq!(inner.iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["URL", "url_2"]);
    // Fields 1 to 4 are a, b, c, d.
    let body = b"\x0A\x01a\x12\x01b\x1A\x01c\x22\x01d";
    assert_eq!(TableDecoder::new(&table).decode(body, PUBLISHED).unwrap().path(), "tenant=d");
    let table = Table::new(&set, &options(true)).unwrap();
    let mut columns = TableColumns::new(&table, 1);
    columns.push(body, 1, PUBLISHED).unwrap();
    let batch = columns.finish().unwrap();
    let texts = ["id", "Id_2", "Tenant_3", "tenant"].map(|name| batch[name].as_string::<i32>().value(0).to_owned());
    assert_eq!(texts, ["a", "b", "c", "d"]);
    // As JSON they have their own names.
    let mut json = Vec::new();
    crate::protobuf::Transcoder::new(&set, "names3.Names").unwrap().push_json(body, &mut json).unwrap();
    assert_eq!(String::from_utf8(json).unwrap(), r#"{"id":"a","Id":"b","Tenant":"c","tenant":"d"}"#);
}

/// As protoc compiles it: protox refuses it as prost-reflect does.
fn names3() -> Vec<u8> {
    let text = std::fs::read_to_string(format!("{FOLDER}/names3.proto")).unwrap();
    let file = protox::file::File::from_source("names3.proto", &text).unwrap();
    prost_reflect::prost_types::FileDescriptorSet { file: vec![file.into()] }.encode_to_vec()
}

#[test]
fn a_folder_does_not_have_the_name_of_an_added_column() {
    let options = TableOptions { subject_column: true, ..by(&["id"]) };
    assert!(Table::json("id: string", &options).is_ok());
    let options = TableOptions { subject_column: true, ..by(&["nats.subject"]) };
    let error = Table::json("nats: struct<subject: string>", &options).unwrap_err().to_string();
    let expected =
        "rows can't be partitioned by nats.subject: a column that is added to each file has the folder's name";
    assert_eq!(error, expected);
}

/// A message without fields is a struct before it gets its first and after that, so that readers can unite the two.
#[test]
fn a_message_without_fields_is_a_struct() {
    let table = Table::new(&names3(), &TableOptions { message: "names3.Names".to_owned(), ..options() }).unwrap();
    let mut columns = TableColumns::new(&table, 2);
    columns.push(b"\x32\x00\x3A\x00\x3A\x00\x42\x03\x0A\x01k", 1, PUBLISHED).unwrap();
    columns.push(b"", 2, PUBLISHED).unwrap();
    let batch = columns.finish().unwrap();
    let shown = |name: &str| [0, 1].map(|row| arrow::util::display::array_value_to_string(&batch[name], row).unwrap());
    assert_eq!(shown("nothing"), ["{is_set: true}", ""]);
    assert_eq!(shown("nothings"), ["[{is_set: true}, {is_set: true}]", "[]"]);
    assert_eq!(shown("map_nothing"), ["{k: {is_set: true}}", "{}"]);
    let leaves: Vec<_> = table.leaves().into_iter().map(|leaf| leaf.path.join(".")).collect();
    assert!(leaves.contains(&"nothing.is_set".to_owned()), "{leaves:?}");
}

#[test]
fn times_that_are_none_are_poison() {
    // Field 1 of a pong is a ping, field 2 its duration: a sign that differs.
    let mixed =
        b"\xCA\x02\x04\x12\x02\x12\x00\xCA\x02\x11\x12\x0F\x12\x0D\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x10\x01";
    let poison = TableDecoder::new(&rows(&options())).decode(mixed, PUBLISHED).unwrap_err();
    let expected = "the table3.Row can't be a row: pings.pong.took is no span of time of at most 10,000 years";
    assert_eq!(poison.to_string(), expected);
    // A map's value, and a time of the year 10000.
    let mut late = b"\xAA\x01\x0B\x12\x09\x08".to_vec();
    prost::encoding::encode_varint(315_576_000_001, &mut late);
    late[2] = late.len() as u8 - 3;
    late[4] = late.len() as u8 - 5;
    let poison = TableDecoder::new(&rows(&options())).decode(&late, PUBLISHED).unwrap_err().to_string();
    assert!(poison.contains("map_spans is no span of time"), "{poison}");
    let poison =
        TableDecoder::new(&rows(&options())).decode(b"\x0A\x08\x08\x80\xE8\x93\x93\xB0\x0A\x10\x80", PUBLISHED);
    assert!(poison.is_err());
}

/// Two bytes can be an element with hundreds of columns: one body must not take all memory, nor many bodies together.
#[test]
fn memory_is_bounded_by_values_and_not_by_bytes() {
    let options = TableOptions { message: "kinds3.Kinds".to_owned(), ..options() };
    let table = Table::new(&descriptors("kinds3.proto"), &options).unwrap();
    // Field 67, empty.
    let flood = |count| b"\x9A\x04\x00".repeat(count);
    let (few, many) = (flood(2_000), flood(100_000));
    let poison = TableDecoder::new(&table).decode(&many, PUBLISHED).unwrap_err().to_string();
    assert!(poison.contains("kindss has too many elements"), "{poison}");
    let mut columns = TableColumns::new(&table, 4096);
    let rows = (1..4096).take_while(|row| {
        columns.push(&few, *row, PUBLISHED).unwrap();
        !columns.is_full()
    });
    let taken = rows.count();
    assert!((1..20).contains(&taken), "{taken} rows of 2,000 elements");
    assert!(TableDecoder::new(&table).decode(&flood(5_000), PUBLISHED).is_ok());
}

#[test]
fn what_is_not_known_is_counted_and_kept_on_request() {
    // Fields 1000 and 1001, the second within the shop.
    let body = b"\xC2\x3E\x02hi\xD2\x02\x05\xC8\x3E\x07\x20\x02\xCA\x3E\x00";
    let with = TableOptions { keep_unknown_fields: true, ..options() };
    for (options, kept) in [(options(), false), (with, true)] {
        let table = rows(&options);
        let mut decoder = TableDecoder::new(&table);
        decoder.decode(body, PUBLISHED).unwrap();
        assert_eq!(decoder.unknown_fields(), 3);
        decoder.decode(b"", PUBLISHED).unwrap();
        assert_eq!(decoder.unknown_fields(), 0);
        let mut columns = TableColumns::new(&table, 2);
        columns.push(body, 1, PUBLISHED).unwrap();
        columns.push(b"", 2, PUBLISHED).unwrap();
        let batch = columns.finish().unwrap();
        assert_eq!(batch.column_by_name("unknown_fields").is_some(), kept);
        if kept {
            let column = batch.column_by_name("unknown_fields").unwrap().as_binary::<i32>();
            assert_eq!(column.value(0), b"\xC2\x3E\x02hi\xD2\x02\x03\xC8\x3E\x07\xCA\x3E\x00");
            assert!(column.is_null(1));
        }
    }
}

#[test]
fn subject_and_headers_are_columns_on_request() {
    let headers = ["X-Tenant", "trace.id"].map(str::to_owned).to_vec();
    let options = TableOptions { subject_column: true, header_columns: headers, ..options() };
    let table = rows(&options);
    let added = names(&table).split_off(names(&table).len() - 3);
    assert_eq!(added, ["nats_subject", "nats_header_x_tenant", "nats_header_trace_id"]);
    let mut columns = TableColumns::new(&table, 2);
    columns.push_noted(b"", &[Some("a.b".into()), None, Some("7".into())], 1, PUBLISHED, 0).unwrap();
    columns.push(b"", 2, PUBLISHED).unwrap();
    let batch = columns.finish().unwrap();
    let texts = |name: &str| {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        column.iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(texts("nats_subject"), [Some("a.b".to_owned()), None]);
    assert_eq!(texts("nats_header_x_tenant"), [None, None]);
    assert_eq!(texts("nats_header_trace_id"), [Some("7".to_owned()), None]);
    let twice = TableOptions { header_columns: vec!["a-b".to_owned(), "A_B".to_owned()], ..options };
    let error = Table::new(&descriptors("table3.proto"), &twice).unwrap_err().to_string();
    assert_eq!(error, "header A_B can't be a column: another header has the same column, nats_header_a_b");
}

fn batches() -> TableOptions {
    TableOptions { explode: Some("sales".to_owned()), ..TableOptions::new("table3.Batch") }
}

/// The bodies of the rows of a batch.
fn taken_apart(table: &Table, body: &[u8]) -> Vec<Vec<u8>> {
    let batch = table.explode(body, 0, PUBLISHED).unwrap();
    batch.elements.iter().map(|element| [&batch.around, *element].concat()).collect()
}

/// The elements may come anywhere; what stands around them is in each row.
#[test]
fn a_batch_is_a_row_for_each_element() {
    let table = rows(&batches());
    // tenant "a", a sale of "x", a tag, an empty sale, the tenant once more: the last counts.
    let body = b"\x0A\x01a\x12\x03\x0A\x01x\x22\x01t\x12\x00\x0A\x01b";
    let made = taken_apart(&table, body);
    assert_eq!(made.len(), 2);
    assert_eq!(&*made[0], b"\x0A\x01a\x22\x01t\x0A\x01b\x12\x03\x0A\x01x");
    let mut columns = TableColumns::new(&table, 2);
    for (row, index) in made.iter().zip(0..) {
        assert!(TableDecoder::new(&table).decode(row, PUBLISHED).is_ok());
        columns.push_noted(row, &[], 7, PUBLISHED, index).unwrap();
    }
    let batch = columns.finish().unwrap();
    let shown = |name: &str| {
        let column = batch.column_by_name(name).unwrap();
        [0, 1].map(|row| arrow::util::display::array_value_to_string(column, row).unwrap())
    };
    assert_eq!(shown("tenant"), ["b", "b"]);
    assert_eq!(shown("tags"), ["[t]", "[t]"]);
    assert_eq!(shown("nats_row_index"), ["0", "1"]);
    let articles = batch.column_by_name("sales").unwrap().as_struct().column_by_name("article").unwrap();
    assert_eq!(articles.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["x", ""]);
    assert!(taken_apart(&table, b"\x0A\x01a").is_empty(), "no elements, no rows");
}

#[test]
fn a_batch_that_cannot_be_taken_apart_is_poison() {
    let table = rows(&batches());
    let reason = |body: &[u8]| table.explode(body, 0, PUBLISHED).unwrap_err().to_string();
    assert!(reason(b"\x0A\x01\xFF\x12\x00").starts_with("the body is not a table3.Batch: tenant is not UTF-8"));
    assert!(reason(b"\x12\x05a").contains("is cut off"));
    assert!(reason(b"\x10\x01").contains("sales is sent as a varint"));
    assert!(reason(&b"\x12\x00".repeat(65_537)).starts_with("the message is too large a batch: 65537 rows"));
    let mut wide = b"\x12\x00".repeat(1_000);
    wide.extend(b"\x0A");
    prost::encoding::encode_varint(100_000, &mut wide);
    wide.extend([b'x'; 100_000]);
    assert!(reason(&wide).contains("1000 rows of together 100"), "{}", reason(&wide));
    // What is in each row beside its body counts as well.
    let body = b"\x12\x00".repeat(64);
    assert!(table.explode(&body, 1_048_574, PUBLISHED).is_ok());
    assert!(
        table.explode(&body, 1_048_575, PUBLISHED).unwrap_err().to_string().contains("64 rows of together 67108928")
    );
    // A broken element is found with its row alone.
    let made = taken_apart(&table, b"\x12\x03\x0A\x01\xFF\x12\x00");
    let mut decoder = TableDecoder::new(&table);
    let taken: Vec<_> = made.iter().map(|row| decoder.decode(row, PUBLISHED).is_ok()).collect();
    assert_eq!(taken, [false, true]);
}

/// What can't be a part of any row is found once, and without any element too.
#[test]
fn what_stands_around_the_elements_is_judged_once() {
    let reason = |options: &TableOptions, body: &[u8]| {
        let batch = rows(options).explode(body, 0, PUBLISHED);
        batch.map(|batch| batch.unknown_fields).map_err(|poison| poison.to_string())
    };
    // Field 3 is a time of the year 10000.
    let late = b"\x1A\x07\x08\x80\x94\xD9\xE3\xFA\x57";
    let around = "the table3.Batch can't be a row: sent is no time between the years 1 and 9999";
    for elements in [0, 1, 3] {
        let body = [&late[..], &b"\x12\x00".repeat(elements)].concat();
        assert_eq!(reason(&batches(), &body).unwrap_err(), around);
        let time = |field: &str| EventTime::Field { field: field.to_owned(), unit: TimeUnit::Millis };
        let sent = TableOptions { event_time: time("sent"), ..batches() };
        let none = "the event has no usable time: sent must lie after the start of 1970 and before the year 10000";
        assert_eq!(reason(&sent, &b"\x12\x00".repeat(elements)).unwrap_err(), none);
        let sold = TableOptions { event_time: time("sales.sold"), ..batches() };
        assert_eq!(reason(&sold, &b"\x12\x00".repeat(elements)), Ok(0), "each element has a time of its own");
        let tenant = [&b"\x0A\xAC\x02"[..], &[b'x'; 300], &b"\x12\x00".repeat(elements)].concat();
        let by = |field: &str| TableOptions { partition_by: vec![field.to_owned()], ..batches() };
        assert!(reason(&by("tenant"), &tenant).unwrap_err().contains("tenant makes 307 bytes of a folder's name"));
        assert_eq!(reason(&by("sales.article"), &tenant), Ok(0));
        // Field 1000.
        assert_eq!(reason(&batches(), &[&b"\xC2\x3E\x02hi"[..], &b"\x12\x00".repeat(elements)].concat()), Ok(1));
    }
}

#[test]
fn only_a_list_of_messages_is_a_batch() {
    let refused = |message: &str, field: &str| {
        let options = TableOptions { explode: Some(field.to_owned()), ..TableOptions::new(message) };
        Table::new(&descriptors("table3.proto"), &options).unwrap_err().to_string()
    };
    let kind = "can't be rows: it must be a repeated field of messages";
    assert_eq!(refused("table3.Batch", "tags"), format!("the elements of tags {kind}"));
    assert_eq!(refused("table3.Batch", "sent"), format!("the elements of sent {kind}"));
    assert_eq!(refused("table3.Tree", "map_named"), format!("the elements of map_named {kind}"));
    assert_eq!(refused("table3.Tree", "children"), "the elements of children can't be rows: the message holds itself");
    assert_eq!(refused("table3.Batch", "sold"), "message table3.Batch has no field sold of the type that is needed");
}
