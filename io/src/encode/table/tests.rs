//! Files of messages of a configured type, read back with the parquet crate.

use std::num::NonZeroUsize;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression as Codec, Encoding};
use parquet::schema::printer::print_schema;
use warehouse_sink_core::{Destination, MessageId};
use warehouse_sink_proto::{Partition, PartitionTime, TableDecoder, TableOptions};

use super::*;
use crate::encode::Encoder;
use crate::encode::tests::metadata;
use crate::parts::PART_BYTES;
use crate::schema::{Route, StreamSchema};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/tests/protos");
const PUBLISHED_AT: i64 = 1_735_689_600_123_456_789;

fn table(file: &str, message: &str) -> Table {
    let mut compiler = protox::Compiler::new([FOLDER]).unwrap();
    let set = compiler.include_imports(true).open_files([file]).unwrap().encode_file_descriptor_set();
    let options = TableOptions { recursion_depth: 1, partition_time: PartitionTime::Day, ..TableOptions::new(message) };
    Table::new(&set, &options).unwrap()
}

/// The file of some bodies, and the partition of the first.
fn encode(table: &Table, bodies: &[&[u8]]) -> (String, Bytes) {
    encode_with(table, bodies, |_| ())
}

fn encode_with(table: &Table, bodies: &[&[u8]], change: impl FnOnce(&mut EncodeConfig)) -> (String, Bytes) {
    let mut config = EncodeConfig {
        compression: "zstd".parse().unwrap(),
        row_group_rows: NonZeroUsize::new(100_000).unwrap(),
        row_group_bytes: NonZeroUsize::new(1 << 24).unwrap(),
        part_bytes: PART_BYTES,
        partition_columns_in_file: false,
        encodings: crate::encode::Encodings::Compact,
        bloom_filter_columns: Vec::new(),
        sort_by: Vec::new(),
        stream: "EVENTS".to_owned(),
        consumer: "warehouse-sink".to_owned(),
        prefix: "rows".to_owned(),
        dead_letter_prefix: "dead".to_owned(),
    };
    change(&mut config);
    let encoder = Encoder::new(&StreamSchema::Tables([Route::all(table.clone())].into()), config);
    let partition: Partition = TableDecoder::new(table).decode(bodies[0], PUBLISHED_AT).unwrap();
    let rows: Vec<_> = (1..)
        .zip(bodies)
        .map(|(stream_sequence, body)| BatchRow {
            message: MessageId { stream_sequence, published_at: PUBLISHED_AT },
            index: 0,
            payload: Payload::Event(body.to_vec().into()),
        })
        .collect();
    let destination = Destination::Partition(partition);
    (encoder.path(&destination, "name"), encoder.encode(&destination, &rows).unwrap())
}

/// Written down, so that a change of the mapping is seen, and what it does to those who read the files is thought of.
#[test]
fn the_types_in_the_file() {
    let (path, file) = encode(&table("table3.proto", "table3.Row"), &[b""]);
    assert_eq!(path, "rows/year=2025/month=01/day=01/name.parquet");
    let mut found = Vec::new();
    print_schema(&mut found, metadata(&file).file_metadata().schema());
    let found = String::from_utf8(found).unwrap();
    let expected = include_str!("schema.txt");
    assert!(found == expected, "it is now:\n{found}");
}

#[test]
fn names_have_dictionaries_and_json_has_no_statistics() {
    let (_, file) = encode(&table("table3.proto", "table3.Row"), &[b"\xD2\x02\x06\x0A\x02DE\x10\x01", b""]);
    let metadata = metadata(&file);
    let column = |name: &str| {
        let columns = metadata.row_group(0).columns();
        columns.iter().find(|column| column.column_path().string() == name).unwrap()
    };
    for name in ["shop.kind", "shop.country", "choice", "names.list.element"] {
        assert!(column(name).dictionary_page_offset().is_some(), "{name}");
    }
    assert!(column("shop.number").dictionary_page_offset().is_none());
    for name in ["shop.kind", "choice", "bool", "flag", "nats_stream_sequence"] {
        assert_eq!(column(name).compression(), Codec::SNAPPY, "{name} is packed");
    }
    for name in ["shop.country", "shop.number", "struct"] {
        assert!(matches!(column(name).compression(), Codec::ZSTD(_)), "{name}");
    }
    assert!(column("struct").statistics().is_none() && column("any.value").statistics().is_none());
    assert!(column("shop.number").statistics().is_some());
    assert!(column("nats_stream_sequence").encodings().any(|encoding| encoding == Encoding::DELTA_BINARY_PACKED));
    let schema = metadata.file_metadata().key_value_metadata().unwrap();
    let schema = schema.iter().find(|pair| pair.key == "warehouse_sink.schema").unwrap();
    assert_eq!(schema.value.as_deref(), Some("table3.Row"));
}

/// Rows with many values fill a batch before a chunk of rows does: all are there, in their order.
#[test]
fn wide_rows_are_all_there() {
    let table = table("kinds3.proto", "kinds3.Kinds");
    // Two thousand empty pairs: field 2000.
    let wide = b"\x82\x7D\x00".repeat(200_000);
    let bodies = vec![&wide[..]; 9];
    let rows: Vec<_> = bodies
        .iter()
        .map(|body| BatchRow {
            message: MessageId { stream_sequence: 1, published_at: PUBLISHED_AT },
            index: 0,
            payload: Payload::Event(body.to_vec().into()),
        })
        .collect();
    assert!(batch(&table, &rows).unwrap().1 < 9, "one batch took them all");
    let (_, file) = encode(&table, &bodies);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut sequences = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        sequences.extend_from_slice(batch["nats_stream_sequence"].as_primitive::<Int64Type>().values());
        let pairs = batch["pairs"].as_list::<i32>();
        assert!((0..batch.num_rows()).all(|row| pairs.value_length(row) == 200_000));
    }
    assert_eq!(sequences, (1..=9).collect::<Vec<i64>>());
}

/// DataFusion looks for `x > 5` by an order in which NaN is above all: with a greatest value beside it, it would pass over the chunk.
#[test]
fn a_chunk_with_a_nan_says_no_least_or_greatest_value() {
    let table = Table::json("x: float64, y: float32, z: float64, n: int64", &TableOptions::new("")).unwrap();
    let rows: [&[u8]; 3] =
        [br#"{"x":1,"y":"NaN","z":1,"n":1}"#, br#"{"x":"NaN","z":2,"n":2}"#, br#"{"x":3,"y":2,"n":3}"#];
    let (_, file) = encode(&table, &rows);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(
        file.clone(),
        parquet::arrow::arrow_reader::ArrowReaderOptions::new()
            .with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Optional),
    );
    let metadata = builder.unwrap().metadata().clone();
    let of = |at: usize| {
        let statistics = metadata.row_group(0).column(at).statistics().unwrap();
        (statistics.min_bytes_opt().is_some(), statistics.max_bytes_opt().is_some(), statistics.null_count_opt())
    };
    assert_eq!([of(0), of(1)], [(false, false, Some(0)), (false, false, Some(1))]);
    assert_eq!([of(2), of(3)], [(true, true, Some(1)), (true, true, Some(0))]);
    let has_bounds = |at: usize| metadata.row_group(0).column(at).column_index_offset().is_some();
    assert_eq!([0, 1, 2, 3].map(has_bounds), [false, false, true, true], "nor do its pages");
    let read = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().next().unwrap().unwrap();
    assert_eq!(read.num_rows(), 3);
}

/// A NaN with a sign comes before all numbers in Arrow's order; a reader looks for each of them behind all.
#[test]
fn every_nan_is_sorted_last() {
    let table = table("kinds3.proto", "kinds3.Kinds");
    // Field 1 is a double: a NaN with a sign, 5, a NaN, -1.
    let body = |number: f64| [&b"\x09"[..], &number.to_le_bytes()].concat();
    let bodies = [-f64::NAN, 5.0, f64::NAN, -1.0].map(body);
    let bodies = bodies.each_ref().map(Vec::as_slice);
    let (_, file) = encode_with(&table, &bodies, |config| config.sort_by = vec!["double".to_owned()]);
    let read = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().next().unwrap().unwrap();
    let sorted = read["double"].as_primitive::<arrow::datatypes::Float64Type>().values().to_vec();
    assert_eq!(sorted[..2], [-1.0, 5.0]);
    assert!(sorted[2..].iter().all(|number| number.to_bits() == f64::NAN.to_bits()), "{sorted:?}");
    let sequences = read["nats_stream_sequence"].as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(sequences, [4, 2, 1, 3]);
}

/// A column of JSON may have a dot in its name, and another may be a group with a column of the same path.
#[test]
fn a_bloom_filter_finds_its_column_whatever_its_name() {
    let columns = "\"utm.source\": string, utm: struct<source: string>, other: string";
    let table = Table::json(columns, &TableOptions::new("")).unwrap();
    let rows: [&[u8]; 2] = [br#"{"utm.source":"a","utm":{"source":"b"}}"#, b"{}"];
    for (name, expected) in [("utm.source", [true, true, false]), ("other", [false, false, true])] {
        let (_, file) = encode_with(&table, &rows, |config| config.bloom_filter_columns = vec![name.to_owned()]);
        let metadata = metadata(&file);
        let has_filter = |at: usize| metadata.row_group(0).column(at).bloom_filter_length().is_some();
        assert_eq!([0, 1, 2].map(has_filter), expected, "{name}");
    }
    // Sorting by it makes no other of what lies in the group.
    let (_, file) = encode_with(&table, &rows, |config| config.sort_by = vec!["utm.source".to_owned()]);
    let metadata = metadata(&file);
    let has = |at: usize, encoding| metadata.row_group(0).column(at).encodings().any(|found| found == encoding);
    assert!(has(0, Encoding::DELTA_BYTE_ARRAY) && !has(1, Encoding::DELTA_BYTE_ARRAY));
}
