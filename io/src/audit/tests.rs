//! Files of a local folder, written by the sink's encoder and by strangers.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;
use warehouse_sink_core::{BatchRow, Destination, MessageId};
use warehouse_sink_proto::DeadLetter;

use super::*;
use crate::encode::{Compression, EncodeConfig, Encoder};
use crate::parts::PART_BYTES;
use crate::payload::Payload;
use crate::schema::StreamSchema;

/// A file with these sequences, each published at this microsecond.
fn file(rows: &[(u64, i64)]) -> Vec<u8> {
    file_of(rows.iter().map(|(sequence, micros)| (*sequence, *micros, 0)))
}

/// The same with each row's place among those of its message.
fn file_of(rows: impl IntoIterator<Item = (u64, i64, u32)>) -> Vec<u8> {
    let config = EncodeConfig {
        compression: Compression::Snappy,
        // So that there are many row groups.
        row_group_rows: NonZeroUsize::new(3).unwrap(),
        row_group_bytes: NonZeroUsize::new(1 << 24).unwrap(),
        part_bytes: PART_BYTES,
        partition_columns_in_file: false,
        encodings: crate::encode::Encodings::Compact,
        bloom_filter_columns: Vec::new(),
        sort_by: Vec::new(),
        stream: "S".to_owned(),
        consumer: "sink".to_owned(),
        prefix: "events".to_owned(),
        dead_letter_prefix: "dead".to_owned(),
    };
    let rows = rows.into_iter().map(|(stream_sequence, micros, index)| {
        let letter = DeadLetter {
            subject: "events.a".to_owned(),
            headers: BTreeMap::new(),
            // Not to be compressed: the sequences stand far before the file's end then.
            body: noise(stream_sequence),
            reason: "why".to_owned(),
            delivery_count: 1,
            raw: None,
        };
        let message = MessageId { stream_sequence, published_at: micros * 1000 };
        BatchRow { message, index, payload: Payload::DeadLetter(Box::new(letter)) }
    });
    let rows: Vec<_> = rows.collect();
    Encoder::new(&StreamSchema::built_in().unwrap(), config).encode(&Destination::DeadLetter, &rows).unwrap().to_vec()
}

fn noise(seed: u64) -> Box<[u8]> {
    let next = |n: &u64| Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), next).skip(1).map(|n| (n >> 56) as u8).take(50_000).collect()
}

fn stranger(column: &str, metadata: &[(&str, &str)]) -> Vec<u8> {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_from_iter([(column, values)]).unwrap();
    let pairs = metadata.iter().map(|(key, value)| KeyValue::new(key.to_string(), value.to_string())).collect();
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn store(root: &Path, files: &[(&str, Vec<u8>)]) -> ObjectReader {
    fs::create_dir_all(root.join("events/p")).unwrap();
    for (name, content) in files {
        fs::write(root.join("events/p").join(name), content).unwrap();
    }
    let options = BTreeMap::from([("root".to_owned(), root.display().to_string())]);
    ObjectReader::open("fs", &options, None).unwrap()
}

async fn scanned(rows: &[(u64, i64)], begin: Option<i64>) -> (Vec<(u64, u64)>, Vec<(u64, u64)>) {
    let folder = tempfile::tempdir().unwrap();
    let content = file(rows);
    let object = Object { key: "events/p/a.parquet".to_owned(), size: content.len() as u64 };
    assert!(rows.len() < 4 || content.len() > 200_000, "the end that is read at once is all of it");
    let reader = store(folder.path(), &[("a.parquet", content)]);
    let scan = scan::scan(&reader, &object, begin.map(|begin| ("S".to_owned(), begin))).await.unwrap();
    assert_eq!(scan.rows, rows.len() as u64);
    let pairs = |runs: Vec<Span>| runs.into_iter().map(|span| (span.first, span.last)).collect();
    (pairs(scan.runs), pairs(scan.earlier))
}

#[tokio::test]
async fn sequences_are_runs_over_row_groups() {
    let rows: Vec<_> = [1, 2, 3, 4, 5, 9, 10, 12, u64::MAX - 1, u64::MAX].map(|sequence| (sequence, 7)).to_vec();
    let runs = vec![(1, 5), (9, 10), (12, 12), (u64::MAX - 1, u64::MAX)];
    assert_eq!(scanned(&rows, None).await, (runs.clone(), vec![]));
    assert_eq!(scanned(&rows, Some(7)).await, (runs.clone(), vec![]));
    assert_eq!(scanned(&rows, Some(8)).await, (vec![], runs));
}

#[tokio::test]
async fn one_file_may_hold_rows_of_both_streams() {
    let rows = [(1, 500), (2, 510), (3, 100), (3, 520), (4, 110), (5, 120)];
    assert_eq!(scanned(&rows, Some(500)).await, (vec![(1, 3)], vec![(3, 5)]));
    // The begin of another stream is none of its own.
    let folder = tempfile::tempdir().unwrap();
    let content = file(&rows);
    let object = Object { key: "events/p/a.parquet".to_owned(), size: content.len() as u64 };
    let reader = store(folder.path(), &[("a.parquet", content)]);
    let scan = scan::scan(&reader, &object, Some(("T".to_owned(), 500))).await.unwrap();
    assert_eq!((scan.runs.len(), scan.earlier.len()), (2, 0));
}

#[tokio::test]
async fn strangers_are_named_and_the_rest_is_audited() {
    let folder = tempfile::tempdir().unwrap();
    let ours = [("warehouse_sink.stream", "S")];
    let named = format!("{:020}-{:020}-{:032x}.parquet", 1, 3, 0);
    let reader = store(
        folder.path(),
        &[
            ("a.parquet", file(&[(1, 7), (2, 7)])),
            ("b.parquet", stranger("nats_stream_sequence", &[])),
            ("c.parquet", stranger("id", &ours)),
            ("d.parquet", b"PAR1 and what not PAR1".to_vec()),
            ("e.csv", b"1,2".to_vec()),
            (&named, stranger("id", &[])),
        ],
    );
    let options = Options { stream: "S".to_owned(), prefixes: vec!["events".to_owned()], ..Options::default() };
    let report = inspect(&reader, None, &options, |_| ()).await.unwrap();
    let keys = |faults: &[Fault]| -> Vec<String> {
        let mut keys: Vec<_> = faults.iter().map(|fault| fault.key.replace("events/p/", "")).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&report.foreign), ["b.parquet", "c.parquet", "e.csv"], "{report:#?}");
    assert_eq!(keys(&report.unreadable), [named, "d.parquet".to_owned()]);
    assert_eq!((report.totals.files, report.totals.rows, report.complete), (1, 2, false));
}

#[tokio::test]
async fn other_streams_are_counted_apart_and_their_copies_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let content = file(&[(1, 7), (2, 7), (4, 7)]);
    let reader = store(folder.path(), &[("a.parquet", content.clone()), ("b.parquet", content)]);
    let options = Options { stream: "T".to_owned(), prefixes: vec!["events".to_owned()], ..Options::default() };
    let report = inspect(&reader, None, &options, |_| ()).await.unwrap();
    assert_eq!(report.other_streams, [OtherStream { stream: "S".to_owned(), files: 2, rows: 6 }]);
    assert_eq!((report.gaps.sequences, report.duplicates.rows), (0, 3));
}

/// A file that is sorted by its columns has sequences and places in any order, and each row once all the same.
#[tokio::test]
async fn a_sorted_file_holds_what_an_unsorted_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows: Vec<(u64, u32)> = (1..=400).flat_map(|sequence| (0..3).map(move |index| (sequence, index))).collect();
    rows.sort_by_key(|(sequence, index)| (sequence.wrapping_mul(7919) % 101, *index));
    let sorted = sorted(&rows);
    let object = Object { key: "events/p/a.parquet".to_owned(), size: sorted.len() as u64 };
    let reader = store(folder.path(), &[("a.parquet", sorted)]);
    let scan = scan::scan(&reader, &object, None).await.unwrap();
    assert_eq!(
        (scan.rows, scan.runs, scan.extent),
        (1200, vec![Span { first: 1, last: 400 }], Span { first: 1, last: 400 })
    );
    // What is there twice still comes again.
    rows.push((17, 1));
    let twice = self::sorted(&rows);
    let object = Object { key: "events/p/b.parquet".to_owned(), size: twice.len() as u64 };
    let reader = store(folder.path(), &[("b.parquet", twice)]);
    let scan = scan::scan(&reader, &object, None).await.unwrap();
    let spans: Vec<_> = scan.runs.iter().map(|span| (span.first, span.last)).collect();
    assert_eq!(spans, [(1, 17), (17, 400)]);
}

/// The messages may have a column that is named as the sink's own, which stands behind the sequences.
#[tokio::test]
async fn a_column_of_the_messages_is_not_taken_for_the_row_index() {
    let names: ArrayRef = Arc::new(arrow::array::StringArray::from(vec!["b", "a", "a"]));
    let sequences: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let times: ArrayRef = Arc::new(arrow::array::TimestampMicrosecondArray::from(vec![7, 7, 7]).with_timezone("UTC"));
    let columns = [("nats_row_index", names), ("nats_stream_sequence", sequences), ("nats_published_at", times)];
    let content = written(&RecordBatch::try_from_iter(columns).unwrap(), None);
    let folder = tempfile::tempdir().unwrap();
    let reader = store(folder.path(), &[("a.parquet", content.clone()), ("b.parquet", content)]);
    let options = Options { stream: "S".to_owned(), prefixes: vec!["events".to_owned()], ..Options::default() };
    let report = inspect(&reader, None, &options, |_| ()).await.unwrap();
    assert_eq!(
        (report.unreadable.as_slice(), report.totals.rows, report.duplicates.rows),
        (&[][..], 6, 3),
        "{report:#?}"
    );
}

/// A file that says that it is sorted.
fn sorted(rows: &[(u64, u32)]) -> Vec<u8> {
    let sequences: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|(sequence, _)| *sequence as i64)));
    let indexes: ArrayRef = Arc::new(Int32Array::from_iter_values(rows.iter().map(|(_, index)| *index as i32)));
    let batch = RecordBatch::try_from_iter([("nats_stream_sequence", sequences), ("nats_row_index", indexes)]).unwrap();
    written(&batch, Some(vec![SortingColumn { column_idx: 0, descending: false, nulls_first: false }]))
}

/// A file of the stream S with these rows.
fn written(batch: &RecordBatch, sorted_by: Option<Vec<SortingColumn>>) -> Vec<u8> {
    let pairs = vec![KeyValue::new("warehouse_sink.stream".to_owned(), "S".to_owned())];
    let properties =
        WriterProperties::builder().set_key_value_metadata(Some(pairs)).set_sorting_columns(sorted_by).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// A message that is a batch makes rows in several files. What is there twice is found among them, and what is missing.
#[tokio::test]
async fn rows_of_batches_are_known_by_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |rows: &[(u64, u32)]| file_of(rows.iter().map(|(sequence, index)| (*sequence, 7, *index)));
    let whole = [
        ("a.parquet", rows(&[(1, 0), (1, 1), (1, 4), (2, 0), (4, 0), (4, 2), (4, 3), (6, 0)])),
        ("b.parquet", rows(&[(1, 2), (1, 3), (2, 1), (4, 1), (6, 1)])),
    ];
    let reader = store(folder.path(), &whole);
    let options = Options { stream: "S".to_owned(), prefixes: vec!["events".to_owned()], ..Options::default() };
    let inspect = || async { inspect(&reader, None, &options, |_| ()).await.unwrap() };
    let report = inspect().await;
    assert_eq!((report.totals.rows, report.duplicates.rows, report.reused.sequences), (13, 0, 0), "{report:#?}");
    assert_eq!(report.gaps.ranges.iter().map(|span| span.first).collect::<Vec<_>>(), [3, 5]);

    // One row in a third file, one twice in its own file, and a whole file again.
    let planted =
        [("c.parquet", rows(&[(2, 1)])), ("d.parquet", rows(&[(7, 0), (7, 1), (7, 1), (7, 2)])), whole[0].clone()];
    store(folder.path(), &[planted[0].clone(), planted[1].clone(), ("e.parquet", planted[2].1.clone())]);
    // Small pieces at a time: with no bound they would be one.
    let mut most = 0;
    let note = |progress| {
        if let Progress::Comparing { of, .. } = progress {
            most = most.max(of);
        }
    };
    let report = super::inspect(&reader, None, &options, note).await.unwrap();
    assert_eq!(most, 9, "26 rows of 5 sequences, compared 6 at a time, are cut four times into five pieces");
    let groups = report.duplicates.groups.iter().map(|group| {
        let files: Vec<_> = group.files.iter().map(|key| key.trim_start_matches("events/p/").to_owned()).collect();
        (files.join(" "), group.rows, group.sequences.ranges.iter().map(|span| (span.first, span.last)).collect())
    });
    let expected = [
        ("a.parquet e.parquet", 8, vec![(1, 2), (4, 4), (6, 6)]),
        ("b.parquet c.parquet", 1, vec![(2, 2)]),
        ("d.parquet", 1, vec![(7, 7)]),
    ];
    let mut groups: Vec<(String, u64, Vec<_>)> = groups.collect();
    groups.sort();
    assert_eq!(groups, expected.map(|(files, rows, spans)| (files.to_owned(), rows, spans)));
    assert_eq!(report.duplicates.rows, 10);
}

#[tokio::test]
async fn more_rows_than_are_compared_at_a_time_are_not_handed_on() {
    let folder = tempfile::tempdir().unwrap();
    let content = file(&[(1, 7), (2, 7), (3, 7), (9, 7)]);
    let object = Object { key: "events/p/a.parquet".to_owned(), size: content.len() as u64 };
    let reader = store(folder.path(), &[("a.parquet", content)]);
    let asked = Ranges::from_iter(Span::new(1, 3));
    for (most, count) in [(3, Some(3)), (2, None)] {
        let rows = scan::rows_of(&reader, &object, 0, &asked, most).await.unwrap();
        assert_eq!(rows.map(|rows| rows.len()), count);
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("no/such");
    let options = BTreeMap::from([("root".to_owned(), root.display().to_string())]);
    let error = ObjectReader::open("fs", &options, None).err().unwrap().to_string();
    assert!(error.contains("there is no directory") && !root.exists(), "{error}");
    let reader = store(folder.path(), &[]);
    let nothing = Options { prefixes: vec!["elsewhere".to_owned()], ..Options::default() };
    assert_eq!(inspect(&reader, None, &nothing, |_| ()).await.unwrap().totals.files, 0);
}
