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
    let config = EncodeConfig {
        compression: "zstd".parse().unwrap(),
        row_group_rows: NonZeroUsize::new(100_000).unwrap(),
        row_group_bytes: NonZeroUsize::new(1 << 24).unwrap(),
        part_bytes: PART_BYTES,
        partition_columns_in_file: false,
        bloom_filter_columns: Vec::new(),
        sort_by: Vec::new(),
        stream: "EVENTS".to_owned(),
        consumer: "warehouse-sink".to_owned(),
        prefix: "rows".to_owned(),
        dead_letter_prefix: "dead".to_owned(),
    };
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
