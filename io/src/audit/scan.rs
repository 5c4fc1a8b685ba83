//! What one file holds: its rows by stream sequence, as runs.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};

use super::copies::Row;
use super::file::{FileError, ParquetFile};
use super::ranges::{Ranges, Span};
use crate::store::opendal::{Object, ObjectReader};

pub(super) const SEQUENCE: &str = "nats_stream_sequence";
pub(super) const PUBLISHED_AT: &str = "nats_published_at";
/// Only in files of messages that make several rows, and in those of dead letters.
const ROW_INDEX: &str = "nats_row_index";
/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8192;

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// The stream that its rows come from, by its metadata.
    pub stream: String,
    pub rows: u64,
    /// The least and greatest sequence.
    pub extent: Span,
    /// The rows of the stream as it is now: consecutive sequences as one run, in the stream's order.
    pub runs: Vec<Span>,
    /// The rows of an earlier stream of the same name, likewise.
    pub earlier: Vec<Span>,
}

/// Reads the footer and the sequences. Rows of the named stream that were published before its begin, in microseconds since the Unix
/// epoch, are of an earlier one; the times are read only where the footer doesn't tell.
pub(super) async fn scan(
    reader: &ObjectReader,
    object: &Object,
    begin: Option<(String, i64)>,
) -> Result<Scan, FileError> {
    let file = ParquetFile::open(reader, object).await?;
    let Some(stream) = file.property("warehouse_sink.stream").map(str::to_owned) else {
        return Err(FileError::Foreign("it does not say that warehouse-sink has written it"));
    };
    let begin = begin.and_then(|(named, begin)| (named == stream).then_some(begin));
    let begin = match (begin, file.extent(PUBLISHED_AT)) {
        (Some(begin), Some((least, greatest))) if begin <= least || greatest < begin => Times::All(begin <= least),
        (Some(begin), _) => Times::Each(begin),
        (None, _) => Times::All(true),
    };
    let of_times = matches!(begin, Times::Each(_)).then_some(PUBLISHED_AT);
    let columns: Vec<&str> = [SEQUENCE].into_iter().chain(row_index_of(&file)).chain(of_times).collect();
    let mut batches = file.batches(&columns, BATCH_ROWS)?;
    let (mut runs, mut earlier, mut rows) = (Runs::of(&file), Runs::of(&file), 0u64);
    while let Some(batch) = batches.next().await? {
        rows += batch.num_rows() as u64;
        let found = sequences(&batch)?.zip(row_indexes(&batch)?);
        match begin {
            Times::All(true) => found.for_each(|(sequence, index)| runs.push(sequence, index)),
            Times::All(false) => found.for_each(|(sequence, index)| earlier.push(sequence, index)),
            Times::Each(begin) => {
                for ((sequence, index), published_at) in found.zip(times(&batch)?) {
                    if published_at < begin { earlier.push(sequence, index) } else { runs.push(sequence, index) }
                }
            }
        }
    }
    let (runs, earlier) = (runs.finish(), earlier.finish());
    let extent = both_ends(&runs, &earlier).ok_or_else(|| FileError::Wrong("it has no rows".to_owned()))?;
    let scan = Scan { stream, rows, extent, runs, earlier };
    check(&file, object, &scan)?;
    Ok(scan)
}

/// The column of row indexes, if the sink has written one. It stands behind the sequences, and any of the messages' own before them: one
/// of that name is theirs.
fn row_index_of(file: &ParquetFile<'_>) -> Option<&'static str> {
    let place = |name| file.columns().rposition(|column| column == name);
    (place(ROW_INDEX)? > place(SEQUENCE)?).then_some(ROW_INDEX)
}

/// Whether the times have to be looked at, or all rows are of the stream as it is now, or none.
#[derive(Clone, Copy)]
enum Times {
    All(bool),
    Each(i64),
}

/// Refuses a file that does not hold what it says of itself.
fn check(file: &ParquetFile<'_>, object: &Object, scan: &Scan) -> Result<(), FileError> {
    if scan.rows != file.rows() {
        return Err(FileError::Wrong(format!("{} rows can be read, and there should be {}", scan.rows, file.rows())));
    }
    let number = |key| file.property(key).and_then(|text| text.parse().ok());
    let said = number("warehouse_sink.first_sequence").zip(number("warehouse_sink.last_sequence"));
    let Span { first, last } = scan.extent;
    let said = [said, super::list::sequences_of(&object.key)].into_iter().flatten().find(|said| *said != (first, last));
    match said {
        Some((from, to)) => {
            Err(FileError::Wrong(format!("it should hold sequences {from} to {to}, and holds {first} to {last}")))
        }
        None => Ok(()),
    }
}

/// Reads those rows whose sequences are asked for, with their times; none where they are more than `most`.
pub(super) async fn rows_of(
    reader: &ObjectReader,
    object: &Object,
    number: usize,
    asked: &Ranges,
    most: usize,
) -> Result<Option<Vec<Row>>, FileError> {
    let file = ParquetFile::open(reader, object).await?;
    let columns: Vec<&str> = [SEQUENCE, PUBLISHED_AT].into_iter().chain(row_index_of(&file)).collect();
    let mut batches = file.batches(&columns, BATCH_ROWS)?;
    let mut rows = Vec::new();
    while let Some(batch) = batches.next().await? {
        let found = sequences(&batch)?.zip(times(&batch)?).zip(row_indexes(&batch)?);
        let found = found.filter(|((sequence, _), _)| asked.contains(*sequence));
        rows.extend(found.map(|((sequence, published_at), index)| Row { sequence, published_at, index, file: number }));
        if rows.len() > most {
            return Ok(None);
        }
    }
    Ok(Some(rows))
}

/// Runs in the making.
#[derive(Default)]
struct Runs {
    runs: Vec<Span>,
    /// The place of the last row among those of its message.
    last_index: u32,
    /// The rows of a file that is sorted by its columns, and not by them: they have to be sorted first.
    unsorted: Option<Vec<(u64, u32)>>,
}

impl Runs {
    fn of(file: &ParquetFile<'_>) -> Self {
        Runs { unsorted: file.is_sorted().then(Vec::new), ..Runs::default() }
    }

    fn push(&mut self, sequence: u64, index: u32) {
        match &mut self.unsorted {
            Some(rows) => rows.push((sequence, index)),
            None => self.extend(sequence, index),
        }
    }

    /// The rows of one message stand one behind the other, by rising index, and make its sequence come once. A row that is there twice makes
    /// it come again.
    fn extend(&mut self, sequence: u64, index: u32) {
        let before = std::mem::replace(&mut self.last_index, index);
        match self.runs.last_mut() {
            Some(run) if run.last == sequence && index > before => {}
            Some(run) if run.last.checked_add(1) == Some(sequence) => run.last = sequence,
            _ => self.runs.push(Span::one(sequence)),
        }
    }

    fn finish(mut self) -> Vec<Span> {
        let mut rows = self.unsorted.take().unwrap_or_default();
        rows.sort_unstable();
        rows.into_iter().for_each(|(sequence, index)| self.extend(sequence, index));
        self.runs
    }
}

fn both_ends(one: &[Span], other: &[Span]) -> Option<Span> {
    let spans = || one.iter().chain(other);
    let first = spans().map(|span| span.first).min()?;
    Span::new(first, spans().map(|span| span.last).max()?)
}

/// A sequence beyond 2^63 is negative in the file.
pub(crate) fn sequences(batch: &RecordBatch) -> Result<impl Iterator<Item = u64> + '_, FileError> {
    let column = batch.column_by_name(SEQUENCE).and_then(|column| column.as_primitive_opt::<Int64Type>());
    let column = column.filter(|column| column.null_count() == 0);
    let column = column.ok_or(FileError::Foreign("it has no column nats_stream_sequence of whole numbers"))?;
    Ok(column.values().iter().map(|sequence| sequence.cast_unsigned()))
}

pub(crate) fn times(batch: &RecordBatch) -> Result<impl Iterator<Item = i64> + '_, FileError> {
    let column =
        batch.column_by_name(PUBLISHED_AT).and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let column = column.filter(|column| column.null_count() == 0);
    let column = column.ok_or(FileError::Foreign("it has no column nats_published_at of times in microseconds"))?;
    Ok(column.values().iter().copied())
}

/// Each row's place among those of its message: 0 in files that don't tell.
pub(crate) fn row_indexes(batch: &RecordBatch) -> Result<impl Iterator<Item = u32> + '_, FileError> {
    let column = match batch.column_by_name(ROW_INDEX) {
        None => None,
        Some(column) => {
            let column = column.as_primitive_opt::<Int32Type>().filter(|column| column.null_count() == 0);
            Some(column.ok_or(FileError::Foreign("its column nats_row_index is not one of whole numbers"))?)
        }
    };
    let index = move |row| column.map_or(0, |column| column.value(row).cast_unsigned());
    Ok((0..batch.num_rows()).map(index))
}
