//! Against a reference that sorts rows one by one, through the file and the parquet crate.

use std::cmp::Ordering;
use std::num::NonZeroUsize;

use arrow::array::AsArray;
use arrow::datatypes::{Field, Float64Type, Int32Type, Int64Type};
use bytes::Bytes;
use parquet::file::metadata::SortingColumn;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use proptest::prelude::*;
use warehouse_sink_core::{BatchRow, Destination, MessageId};
use warehouse_sink_proto::{Table, TableDecoder, TableOptions};

use super::*;
use crate::encode::tests::{metadata, read};
use crate::encode::{Compression, EncodeConfig, Encoder};
use crate::parts::PART_BYTES;
use crate::payload::Payload;
use crate::schema::Route;

/// The sorted columns stand behind one that has several of Parquet's.
const COLUMNS: &str =
    "nested: struct<a: int32, b: list<string>>, text: string, number: int32, ratio: float64, flag: bool";

/// A document, and the sequence and index of its row.
#[derive(Clone, Debug)]
struct Document {
    sequence: u64,
    index: u32,
    text: Option<String>,
    number: Option<i32>,
    ratio: Option<f64>,
    flag: Option<bool>,
}

impl Document {
    fn body(&self) -> Vec<u8> {
        let Document { text, number, ratio, flag, sequence, .. } = self;
        let value = serde_json::json!({
            "nested": {"a": sequence, "b": ["x", "y"]}, "text": text, "number": number, "ratio": ratio, "flag": flag,
        });
        value.to_string().into_bytes()
    }

    fn compare(&self, other: &Self, by: &[String]) -> Ordering {
        let one = |name: &String| match name.as_str() {
            "text" => nulls_last(&self.text, &other.text, |a, b| a.as_bytes().cmp(b.as_bytes())),
            "number" => nulls_last(&self.number, &other.number, Ord::cmp),
            "ratio" => nulls_last(&self.ratio, &other.ratio, f64::total_cmp),
            "flag" => nulls_last(&self.flag, &other.flag, Ord::cmp),
            other => panic!("no such column: {other}"),
        };
        let ties = || (self.sequence, self.index).cmp(&(other.sequence, other.index));
        by.iter().map(one).find(|order| order.is_ne()).unwrap_or_else(ties)
    }
}

fn nulls_last<T>(a: &Option<T>, b: &Option<T>, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare(a, b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

fn documents() -> impl Strategy<Value = Vec<Document>> {
    let values = (
        prop::option::weighted(0.8, prop_oneof!["[a-c]{0,2}", "\\PC{0,4}"]),
        prop::option::weighted(0.8, prop_oneof![-3..3, any::<i32>()]),
        prop::option::weighted(0.8, prop_oneof![(-2i8..2).prop_map(f64::from), prop::num::f64::NORMAL]),
        prop::option::weighted(0.8, any::<bool>()),
    );
    prop::collection::vec((values, 0u32..3), 1..300).prop_map(|all| {
        let mut sequence = 0;
        let document = |((text, number, ratio, flag), step): ((_, _, _, _), u32)| {
            sequence += u64::from(step.min(1));
            (sequence, text, number, ratio, flag)
        };
        let all: Vec<_> = all.into_iter().map(document).collect();
        (0..)
            .zip(all)
            .map(|(index, (sequence, text, number, ratio, flag))| Document {
                sequence,
                index,
                text,
                number,
                ratio,
                flag,
            })
            .collect()
    })
}

fn table(columns: &str) -> Table {
    Table::json(columns, &TableOptions::new("")).unwrap()
}

fn encode(table: &Table, documents: &[Document], sort_by: &[String], row_group_rows: usize) -> Bytes {
    let config = EncodeConfig {
        compression: Compression::Snappy,
        row_group_rows: NonZeroUsize::new(row_group_rows).unwrap(),
        row_group_bytes: NonZeroUsize::new(1 << 24).unwrap(),
        part_bytes: PART_BYTES,
        partition_columns_in_file: false,
        encodings: crate::encode::Encodings::Compact,
        bloom_filter_columns: Vec::new(),
        sort_by: sort_by.to_vec(),
        stream: "S".to_owned(),
        consumer: "sink".to_owned(),
        prefix: "rows".to_owned(),
        dead_letter_prefix: "dead".to_owned(),
    };
    let row = |document: &Document| BatchRow {
        message: MessageId { stream_sequence: document.sequence, published_at: 1_735_689_600_000_000_000 },
        index: document.index,
        payload: Payload::Event(document.body().into()),
    };
    let rows: Vec<_> = documents.iter().map(row).collect();
    let partition = TableDecoder::new(table).decode(&documents[0].body(), rows[0].message.published_at).unwrap();
    let encoder = Encoder::new(&StreamSchema::Tables([Route::all(table.clone())].into()), config);
    encoder.encode(&Destination::Partition(partition), &rows).unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The rows of the file are those documents in that order, whole.
fn assert_rows(file: &RecordBatch, expected: &[&Document]) {
    assert_eq!(file.num_rows(), expected.len());
    let sequences = file["nats_stream_sequence"].as_primitive::<Int64Type>();
    let nested = file["nested"].as_struct();
    let (first, list) = (nested.column(0).as_primitive::<Int32Type>(), nested.column(1).as_list::<i32>());
    for (row, document) in expected.iter().enumerate() {
        let there = |column: &str| file[column].is_valid(row);
        assert_eq!(sequences.value(row), document.sequence as i64);
        assert_eq!(i64::from(first.value(row)), sequences.value(row));
        assert_eq!(list.value_length(row), 2);
        let text = there("text").then(|| file["text"].as_string::<i32>().value(row));
        assert_eq!(text, document.text.as_deref());
        assert_eq!(there("number").then(|| file["number"].as_primitive::<Int32Type>().value(row)), document.number);
        assert_eq!(there("ratio").then(|| file["ratio"].as_primitive::<Float64Type>().value(row)), document.ratio);
        assert_eq!(there("flag").then(|| file["flag"].as_boolean().value(row)), document.flag);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_file_is_the_rows_in_their_order(
        documents in documents(),
        sort_by in prop::sample::subsequence(vec!["text", "number", "ratio", "flag"], 1..=4).prop_shuffle(),
        row_group_rows in 1usize..400,
    ) {
        let (table, sort_by) = (table(COLUMNS), names(&sort_by));
        let file = encode(&table, &documents, &sort_by, row_group_rows);
        let mut expected: Vec<&Document> = documents.iter().collect();
        expected.sort_by(|a, b| a.compare(b, &sort_by));
        assert_rows(&read(&file), &expected);
        prop_assert!(encode(&table, &documents, &sort_by, row_group_rows) == file, "the same rows, the same bytes");
    }
}

#[test]
fn every_row_group_says_how_it_is_sorted() {
    let document = |sequence| Document {
        sequence,
        index: 0,
        text: Some(format!("{}", sequence % 7)),
        number: Some(sequence as i32),
        ratio: None,
        flag: None,
    };
    let documents: Vec<_> = (1..=100).map(document).collect();
    let table = table(COLUMNS);
    let metadata_by = |sort_by: &[&str]| metadata(&encode(&table, &documents, &names(sort_by), 30));
    let sorted = metadata_by(&["flag", "text"]);
    assert_eq!(sorted.num_row_groups(), 4);
    let column = |column_idx| SortingColumn { column_idx, descending: false, nulls_first: false };
    for group in sorted.row_groups() {
        assert_eq!(group.sorting_columns(), Some(&vec![column(5), column(2)]));
        let path = |at: i32| group.column(at as usize).column_path().string();
        assert_eq!((path(5), path(2)), ("flag".to_owned(), "text".to_owned()));
    }
    assert!(metadata_by(&[]).row_groups().iter().all(|group| group.sorting_columns().is_none()));
}

/// Rows of several chunks are sorted as one, and whole pages can be skipped.
#[test]
fn a_file_of_many_chunks_is_sorted_as_one() {
    let count = 2 * CHUNK_ROWS as u64 + 9;
    let document = |sequence: u64| Document {
        sequence,
        index: 0,
        text: Some(format!("device-{:03}", sequence.wrapping_mul(2_654_435_761) % 500)),
        number: None,
        ratio: None,
        flag: None,
    };
    let documents: Vec<_> = (0..count).map(document).collect();
    let by_text = names(&["text"]);
    let file = encode(&table(COLUMNS), &documents, &by_text, 1_000_000);
    let mut expected: Vec<_> = documents.iter().collect();
    expected.sort_by(|a, b| a.compare(b, &by_text));
    assert_rows(&read(&file), &expected);

    // A reader of the index of pages needs one or two of them for a device, of nine.
    let options = ReadOptionsBuilder::new().with_page_index().build();
    let reader = SerializedFileReader::new_with_options(file, options).unwrap();
    let index = reader.metadata().page_index_for_row_group(0);
    let Some(ColumnIndexMetaData::BYTE_ARRAY(pages)) = index.column_index(2) else { panic!("no index of texts") };
    let of = |device: &str| {
        pages
            .min_values_iter()
            .zip(pages.max_values_iter())
            .filter(|(least, greatest)| {
                least.is_some_and(|least| least <= device.as_bytes())
                    && greatest.is_some_and(|greatest| device.as_bytes() <= greatest)
            })
            .count()
    };
    assert_eq!(pages.num_pages(), 9);
    for device in (0..500).map(|device| format!("device-{device:03}")) {
        assert!((1..=2).contains(&of(&device)), "{device}: {}", of(&device));
    }
}

#[test]
fn only_columns_with_an_order_are_sorted_by() {
    let options = ColumnOptions::default();
    let routes = |all: &[&str]| StreamSchema::Tables(all.iter().map(|columns| Route::all(table(columns))).collect());
    let check = |schema: &StreamSchema, sort_by: &[&str]| {
        schema.check_sort(&options, &names(sort_by)).map_err(|error| error.to_string())
    };
    let all = "b: bool, i: int64, f: float64, d: decimal(9, 2), s: string, y: bytes, t: timestamp, born: date";
    let all = routes(&[all]);
    assert_eq!(check(&all, &["b", "i", "f", "d", "s", "y", "t", "born", "nats_published_at"]), Ok(()));
    let two = routes(&[
        "a: string, here: int64",
        "a: struct<x: int64>, b: list<int64>, c: map<string, int64>, there: string",
    ]);
    assert_eq!(check(&two, &["here", "there"]), Ok(()));
    for name in ["a", "b", "c", "a.x"] {
        let words = "by whole columns of texts, numbers, times, booleans or bytes";
        assert_eq!(check(&two, &[name]), Err(format!("the rows of json can't be sorted by {name:?}: only {words}")));
    }
    let columns = "a, here, nats_published_at, nats_stream_sequence, there";
    assert_eq!(
        check(&two, &["here", "where"]),
        Err(format!("no message has a column \"where\"; its columns are {columns}"))
    );
    let events = StreamSchema::built_in().unwrap();
    assert_eq!(check(&events, &["device_id", "timestamp_ms", "platform"]), Ok(()));
    assert!(check(&events, &["app_id"]).is_err(), "it is in the path alone");
}

#[test]
fn columns_are_counted_as_parquet_does() {
    let list = |field: Field| DataType::List(Arc::new(field));
    let leaf = |name: &str| Field::new(name, DataType::Int32, true);
    let two = DataType::Struct(vec![leaf("a"), leaf("b")].into());
    let map = DataType::Map(Arc::new(Field::new("entries", two.clone(), false)), false);
    let fields = vec![
        leaf("first"),
        Field::new("list", list(Field::new("element", two, true)), true),
        Field::new("map", map, true),
        leaf("last"),
    ];
    assert_eq!(super::leaf(&Schema::new(fields.clone()), "first"), Some(0));
    assert_eq!(super::leaf(&Schema::new(fields.clone()), "last"), Some(5));
    assert_eq!(super::leaf(&Schema::new(fields), "none"), None);
}
