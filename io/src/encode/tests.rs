//! Files are read back with the parquet crate, as a stranger would.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression as Codec, Encoding};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use warehouse_sink_core::MessageId;
use warehouse_sink_proto::generate::{Generator, GeneratorOptions};
use warehouse_sink_proto::{Columns, DICTIONARY_COLUMNS, DeadLetter, Decoder, EventSchema, schema};

use super::*;
use crate::parts::PART_BYTES;
use crate::rows::Encoding as _;

const PUBLISHED_AT: i64 = 1_735_689_600_123_456_789;

fn schema_of_events() -> EventSchema {
    EventSchema::built_in().unwrap()
}

fn encoder(change: impl FnOnce(&mut EncodeConfig)) -> Encoder {
    let mut config = EncodeConfig {
        compression: Compression::Snappy,
        row_group_rows: NonZeroUsize::new(100_000).unwrap(),
        row_group_bytes: NonZeroUsize::new(1 << 24).unwrap(),
        part_bytes: PART_BYTES,
        partition_columns_in_file: false,
        encodings: Encodings::Compact,
        bloom_filter_columns: Vec::new(),
        sort_by: Vec::new(),
        stream: "EVENTS".to_owned(),
        consumer: "warehouse-sink".to_owned(),
        prefix: "events".to_owned(),
        dead_letter_prefix: "dead".to_owned(),
    };
    change(&mut config);
    Encoder::new(&StreamSchema::Events(schema_of_events()), config)
}

fn batch_row(stream_sequence: u64, payload: Payload) -> BatchRow<Payload> {
    let message = MessageId { stream_sequence, published_at: PUBLISHED_AT + stream_sequence as i64 * 1_000_000 };
    BatchRow { message, index: 0, payload }
}

/// Events of every kind, of one app and one hour, with a gap in their sequences.
fn events(count: u64) -> (Destination<Partition>, Vec<BatchRow<Payload>>) {
    let options = GeneratorOptions { apps: vec!["com.example".to_owned()], hours: 1, ..GeneratorOptions::default() };
    let bodies = Generator::new(options).take(count as usize).map(|generated| generated.body);
    let rows: Vec<_> = (10..).zip(bodies).map(|(n, body)| batch_row(n * 2, Payload::Event(body.into()))).collect();
    let Payload::Event(first) = &rows[0].payload else { unreachable!() };
    (Destination::Partition(Decoder::new(&schema_of_events()).decode(first).unwrap()), rows)
}

fn dead_letters() -> Vec<BatchRow<Payload>> {
    let letter = |body: &[u8], headers| DeadLetter {
        subject: "events.a.b.c".to_owned(),
        headers,
        body: body.into(),
        reason: "not an event".to_owned(),
        delivery_count: 3,
        raw: None,
    };
    let headers = BTreeMap::from([("Nats-Msg-Id".to_owned(), vec!["one".to_owned(), "two".to_owned()])]);
    [letter(b"\xff\x00", headers), letter(b"", BTreeMap::new())]
        .into_iter()
        .zip(7..)
        .map(|(letter, sequence)| batch_row(sequence, Payload::DeadLetter(Box::new(letter))))
        .collect()
}

pub(super) fn metadata(file: &Bytes) -> ParquetMetaData {
    SerializedFileReader::new(file.clone()).unwrap().metadata().clone()
}

pub(super) fn read(file: &Bytes) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap().with_batch_size(1 << 20);
    let batches: Vec<RecordBatch> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn column<'m>(metadata: &'m ParquetMetaData, name: &str) -> &'m ColumnChunkMetaData {
    let columns = metadata.row_group(0).columns();
    columns.iter().find(|column| column.column_path().string() == name).unwrap_or_else(|| panic!("no column {name}"))
}

fn has(column: &ColumnChunkMetaData, encoding: Encoding) -> bool {
    column.encodings().any(|other| other == encoding)
}

#[test]
fn a_key_has_prefix_partition_and_name() {
    let (destination, _) = events(1);
    let dead_letter = Destination::DeadLetter;
    let folder = "app_id=com.example/year=2025/month=01/day=01/hour=00";
    for (prefix, expected) in [("events", "events/"), ("", ""), ("/", ""), ("/a/b/", "a/b/")] {
        let encoder = encoder(|config| {
            config.prefix = prefix.to_owned();
            config.dead_letter_prefix = prefix.to_owned();
        });
        assert_eq!(encoder.path(&destination, "1-2-ab"), format!("{expected}{folder}/1-2-ab.parquet"));
        assert_eq!(encoder.path(&dead_letter, "1-2-ab"), format!("{expected}1-2-ab.parquet"));
    }
    assert_eq!(encoder(|_| ()).path(&dead_letter, "1-2-ab"), "dead/1-2-ab.parquet");
}

#[test]
fn every_row_is_there_in_its_order() {
    // More than a chunk, and not a multiple of one.
    let (destination, rows) = events(CHUNK_ROWS as u64 * 2 + 17);
    let file = read(&encoder(|_| ()).encode(&destination, &rows).unwrap());
    assert_eq!(file.num_rows(), rows.len());
    let sequences = file["nats_stream_sequence"].as_primitive::<Int64Type>();
    let published = file["nats_published_at"].as_primitive::<TimestampMicrosecondType>();
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(sequences.value(at), row.message.stream_sequence as i64);
        assert_eq!(published.value(at), row.message.published_at / 1000);
    }
    let mut all = Columns::new(&schema_of_events(), ColumnOptions { partition_columns_in_file: false }, rows.len());
    for row in &rows {
        let Payload::Event(body) = &row.payload else { unreachable!() };
        all.push(body, row.message.stream_sequence, row.message.published_at).unwrap();
    }
    assert_eq!(file, all.finish().unwrap());
}

#[test]
fn the_schema_is_that_of_the_contract() {
    let (destination, rows) = events(100);
    for partition_columns_in_file in [false, true] {
        let encoder = encoder(|config| config.partition_columns_in_file = partition_columns_in_file);
        let file = read(&encoder.encode(&destination, &rows).unwrap());
        assert_eq!(file.schema().fields(), schema(&ColumnOptions { partition_columns_in_file }).fields());
    }
    let file = read(&encoder(|_| ()).encode(&Destination::DeadLetter, &dead_letters()).unwrap());
    assert_eq!(file.schema().fields(), dead_letter_schema().fields());
}

#[test]
fn a_dead_letter_is_kept_byte_for_byte() {
    let rows = dead_letters();
    let file = read(&encoder(|_| ()).encode(&Destination::DeadLetter, &rows).unwrap());
    let bodies = file["body"].as_binary::<i32>();
    assert_eq!((bodies.value(0), bodies.value(1)), (&b"\xff\x00"[..], &b""[..]));
    assert_eq!(file["reason"].as_string::<i32>().value(1), "not an event");
    assert_eq!(file["headers"].as_map().value_length(0), 1);
}

#[test]
fn a_file_tells_what_it_is() {
    let about = |destination, rows: &[_]| -> BTreeMap<String, String> {
        let metadata = metadata(&encoder(|_| ()).encode(destination, rows).unwrap());
        let pairs = metadata.file_metadata().key_value_metadata().unwrap().iter();
        let ours = pairs.filter(|pair| pair.key.starts_with("warehouse_sink."));
        ours.map(|pair| (pair.key.clone(), pair.value.clone().unwrap())).collect()
    };
    let expected = |first: &str, last: &str, schema: &str| {
        [
            ("consumer", "warehouse-sink"),
            ("first_sequence", first),
            ("last_sequence", last),
            ("schema", schema),
            ("stream", "EVENTS"),
            ("version", env!("CARGO_PKG_VERSION")),
        ]
        .map(|(key, value)| (format!("warehouse_sink.{key}"), value.to_owned()))
        .into()
    };
    let (destination, rows) = events(3);
    assert_eq!(about(&destination, &rows), expected("20", "24", "causality.v1"));
    assert_eq!(about(&Destination::DeadLetter, &dead_letters()), expected("7", "8", "dead_letter"));
}

#[test]
fn each_column_is_written_as_suits_it() {
    let (destination, rows) = events(5000);
    let encoder = encoder(|config| config.partition_columns_in_file = true);
    let metadata = metadata(&encoder.encode(&destination, &rows).unwrap());
    let named = ["app_id", "event_category", "event_type", "platform", "network_type", "device_model", "year", "hour"];
    for name in named.into_iter().chain(DICTIONARY_COLUMNS) {
        assert!(has(column(&metadata, name), Encoding::RLE_DICTIONARY), "{name}");
    }
    assert!(has(column(&metadata, "device_id"), Encoding::RLE_DICTIONARY));
    for name in ["id", "correlation_id", "idempotency_key"] {
        let column = column(&metadata, name);
        assert!(column.dictionary_page_offset().is_none() && has(column, Encoding::DELTA_BYTE_ARRAY), "{name}");
    }
    let payload = column(&metadata, "payload_json");
    assert!(payload.dictionary_page_offset().is_none() && has(payload, Encoding::PLAIN));
    for name in ["nats_stream_sequence", "nats_published_at", "timestamp_ms"] {
        assert!(has(column(&metadata, name), Encoding::DELTA_BINARY_PACKED), "{name}");
    }
    let sequence = column(&metadata, "nats_stream_sequence").statistics().unwrap();
    assert_eq!(sequence.min_bytes_opt(), Some(&20_i64.to_le_bytes()[..]));
    assert_eq!(sequence.max_bytes_opt(), Some(&(20_i64 + 2 * 4999).to_le_bytes()[..]));
    assert!(column(&metadata, "payload_json").statistics().is_none());
    assert_eq!(metadata.file_metadata().version(), 1);
}

#[test]
fn what_a_file_is_sorted_by_has_no_dictionary_but_of_few_names() {
    let (destination, rows) = events(5000);
    let encoder = encoder(|config| config.sort_by = vec!["event_type".to_owned(), "device_id".to_owned()]);
    let metadata = metadata(&encoder.encode(&destination, &rows).unwrap());
    let device = column(&metadata, "device_id");
    assert!(device.dictionary_page_offset().is_none() && has(device, Encoding::DELTA_BYTE_ARRAY));
    assert!(has(column(&metadata, "event_type"), Encoding::RLE_DICTIONARY));
}

#[test]
fn row_groups_and_compression_are_as_set() {
    let (destination, rows) = events(2500);
    for (setting, codec) in [
        ("zstd:1", Codec::ZSTD(Default::default())),
        ("snappy", Codec::SNAPPY),
        ("gzip", Codec::GZIP(Default::default())),
        ("lz4", Codec::LZ4_RAW),
        ("none", Codec::UNCOMPRESSED),
    ] {
        let encoder = encoder(|config| {
            config.compression = setting.parse().unwrap();
            config.row_group_rows = NonZeroUsize::new(1000).unwrap();
        });
        let file = encoder.encode(&destination, &rows).unwrap();
        let metadata = metadata(&file);
        let groups: Vec<i64> = metadata.row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(groups, [1000, 1000, 500]);
        let packed = if matches!(codec, Codec::ZSTD(_) | Codec::GZIP(_)) { Codec::SNAPPY } else { codec };
        for (names, codec) in [
            (&["payload_json", "id", "device_id"][..], codec),
            (&["event_type", "screen_width", "timestamp_ms", "nats_stream_sequence", "is_emulator"], packed),
        ] {
            for name in names {
                let found = column(&metadata, name).compression();
                assert_eq!(
                    std::mem::discriminant(&found),
                    std::mem::discriminant(&codec),
                    "{setting}: {name} {found:?}"
                );
            }
        }
        assert_eq!(read(&file).num_rows(), 2500);
    }
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let (destination, rows) = events(6000);
    for setting in ["zstd", "snappy", "gzip", "lz4", "none"] {
        let encode = || encoder(|config| config.compression = setting.parse().unwrap()).encode(&destination, &rows);
        let first = encode().unwrap();
        // Another thread has other memory, other hash seeds and another compression context.
        let second = std::thread::scope(|scope| scope.spawn(encode).join().unwrap().unwrap());
        assert!(first == second, "{setting}");
    }
    let encode = || encoder(|_| ()).encode(&Destination::DeadLetter, &dead_letters()).unwrap();
    assert_eq!(encode(), encode());
}

/// Every size of part makes the same file, and parts come while rows are left.
#[test]
fn the_parts_of_a_file_are_the_file() {
    let (destination, rows) = events(20_000);
    let encoder = |part_bytes| {
        encoder(|config| {
            config.part_bytes = part_bytes;
            config.row_group_bytes = NonZeroUsize::new(200_000).unwrap();
        })
    };
    let whole = encoder(usize::MAX).encode(&destination, &rows).unwrap();
    assert!(metadata(&whole).num_row_groups() > 4, "row groups are cut by their bytes");
    for part_bytes in [1000, 100_000, whole.len() - 1, whole.len(), whole.len() + 1] {
        let batch = Arc::new(Batch { destination: destination.clone(), rows: rows.clone() });
        let mut encoding = encoder(part_bytes).begin(batch).unwrap();
        let mut parts = Vec::new();
        let last = loop {
            match encoding.next().unwrap() {
                Part::More(part) => parts.push(part),
                Part::Last(part) => break part,
            }
        };
        assert!(parts.iter().all(|part| part.len() == part_bytes));
        assert_eq!((parts.len(), last.len()), ((whole.len() - 1) / part_bytes, (whole.len() - 1) % part_bytes + 1));
        parts.push(last);
        assert!(parts.concat() == whole);
    }
}

/// What is held of a file is a row group, not the file.
#[test]
fn a_part_comes_before_all_rows_are_encoded() {
    let (destination, mut rows) = events(20_000);
    let end = rows.len() - 1;
    rows[end].payload = Payload::Event(b"\xff".to_vec().into());
    let encoder = encoder(|config| {
        config.part_bytes = 50_000;
        config.row_group_bytes = NonZeroUsize::new(100_000).unwrap();
    });
    let mut encoding = encoder.begin(Arc::new(Batch { destination, rows })).unwrap();
    let parts = std::iter::from_fn(|| Some(encoding.next())).take_while(Result::is_ok).count();
    assert!(parts > 10, "{parts} parts came before the last row, which can't be encoded");
}

#[test]
fn a_large_message_is_a_chunk_of_its_own() {
    let large = |sequence| batch_row(sequence, Payload::Event(vec![0; CHUNK_BYTES + 1].into()));
    let small = |sequence| batch_row(sequence, Payload::Event(vec![0; 10].into()));
    assert_eq!(file::chunk_len(&[large(1), small(2)]), 1);
    assert_eq!(file::chunk_len(&[small(1), small(2), large(3)]), 2);
    assert_eq!(file::chunk_len(&(0..CHUNK_ROWS as u64 + 5).map(small).collect::<Vec<_>>()), CHUNK_ROWS);
}

#[test]
fn what_makes_no_file_is_an_error() {
    let (destination, events) = events(2);
    let encoder = encoder(|_| ());
    let refusal = |destination, rows: &[_]| encoder.encode(destination, rows).unwrap_err().to_string();
    assert_eq!(refusal(&destination, &[]), "a batch without rows makes no file");
    let misplaced = "does not belong into this kind of file";
    assert_eq!(refusal(&destination, &dead_letters()), format!("the row of stream sequence 7 {misplaced}"));
    assert_eq!(refusal(&Destination::DeadLetter, &events), format!("the row of stream sequence 20 {misplaced}"));
    let poison = [batch_row(5, Payload::Event(b"\xff".to_vec().into()))];
    assert!(refusal(&destination, &poison).starts_with("the row of stream sequence 5 cannot be encoded: "));
}

/// fastparquet, old readers of Spark and of Iceberg know no others.
#[test]
fn compatible_files_have_plain_values_and_dictionaries_alone() {
    let (destination, rows) = events(2000);
    for (encodings, sort_by) in [(Encodings::Compatible, Vec::new()), (Encodings::Compatible, vec!["id".to_owned()])] {
        let file = encoder(|config| (config.encodings, config.sort_by) = (encodings, sort_by));
        let file = file.encode(&destination, &rows).unwrap();
        let known = [Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY, Encoding::PLAIN_DICTIONARY];
        for column in metadata(&file).row_group(0).columns() {
            let others: Vec<_> = column.encodings().filter(|encoding| !known.contains(encoding)).collect();
            assert_eq!(others, [], "{}", column.column_path());
        }
        assert_eq!(read(&file).num_rows(), 2000);
    }
}

#[test]
fn a_bloom_filter_knows_what_is_in_the_column_and_stays_small() {
    let (destination, rows) = events(5000);
    let encoder = encoder(|config| {
        config.bloom_filter_columns = vec!["id".to_owned()];
        config.row_group_rows = NonZeroUsize::new(4000).unwrap();
    });
    let file = encoder.encode(&destination, &rows).unwrap();
    let ids = read(&file)["id"].clone();
    let ids = ids.as_string::<i32>();
    let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
    let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
    let reader = SerializedFileReader::new_with_options(file.clone(), options).unwrap();
    let group = reader.get_row_group(0).unwrap();
    let with_filter: Vec<_> =
        (0..group.num_columns()).filter(|at| group.get_column_bloom_filter(*at).is_some()).collect();
    assert_eq!(with_filter, [0], "the column id alone");

    let filter = group.get_column_bloom_filter(0).unwrap();
    let found = |range: std::ops::Range<usize>| range.filter(|at| filter.check(&ids.value(*at))).count();
    assert_eq!(found(0..4000), 4000);
    assert!(found(4000..5000) < 50, "{} of 1,000 values of the other row group", found(4000..5000));
    let bytes = metadata(&file).row_group(0).column(0).bloom_filter_length().unwrap();
    assert!(bytes < 10_000, "{bytes} bytes for 4,000 values");
}
