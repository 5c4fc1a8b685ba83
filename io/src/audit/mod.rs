//! The audit: reads back what is stored, by stream sequence, and finds what is missing or there twice.
//!
//! ```text
//! list ──▶ files in the stream's order ──▶ scan: footer, sequences ──▶ ledger: merged ranges, and what came again
//!                                                                          │
//!           report ◀── judge: holes, and what the stream says of them ◀────┤
//!             ▲                                                            │
//!             └──────── copies: what came again, with its times ◀──────────┘
//! ```
//!
//! Memory holds a line for each file, and the stored sequences as runs. Files are read in the stream's order, so that what is complete
//! is one run, whatever partitions its rows are in.
//!
//! The stream is asked how it is *before* the files are listed: what was settled then is in files that are there.

mod copies;
pub(crate) mod file;
mod gaps;
mod judge;
mod ledger;
pub(crate) mod list;
mod ranges;
mod report;
pub(crate) mod scan;
mod verdict;

use std::collections::BTreeMap;

use futures_util::StreamExt;

use crate::source::nats::{NatsSource, StreamFacts};
use crate::store::opendal::{Object, ObjectReader, ReadError};
use copies::Copies;
use file::FileError;
use ledger::Ledger;
use list::{Kind, Listed};
use scan::Scan;

pub use ranges::{Ranges, Span};
pub use report::{
    DuplicateGroup, Duplicates, Fault, File, NotJudged, OtherStream, Partition, Report, Sequences, Totals, Verdict,
};

/// Files that are read at the same time.
const READ_AT_ONCE: usize = 8;
/// Sequences whose rows are compared at a time, and rows: some ten megabytes. A message may have 65,536 rows.
const COMPARED_AT_ONCE: u64 = 100_000;
const COMPARED_ROWS: usize = if cfg!(test) { 6 } else { 400_000 };

/// What is to be audited.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The stream's name.
    pub stream: String,
    /// What the keys of the rows' files begin with: one for each table.
    pub prefixes: Vec<String>,
    /// What the keys of the dead letters' files begin with; none where they are not stored.
    pub dead_letter_prefix: Option<String>,
    /// The one folder below the prefix that is looked at. Gaps can't be judged then.
    pub partition: Option<String>,
    /// Only these sequences are judged.
    pub limits: Option<Span>,
    /// Whether a message may make no row.
    pub explodes: bool,
    /// Whether also what can't hide a loss has to be judged, and objects that the sink has not written are a fault.
    pub strict: bool,
}

/// How far the audit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Files are listed.
    Listing {
        /// Files below this prefix so far.
        files: u64,
    },
    /// Files are read.
    Reading {
        /// Files so far.
        files: u64,
        /// Of so many.
        of: u64,
        /// Rows so far.
        rows: u64,
    },
    /// The stream is asked about gaps.
    Asking {
        /// Gaps so far.
        gaps: u64,
    },
    /// Rows of the same sequence are compared.
    Comparing {
        /// Pieces so far.
        pieces: u64,
        /// Of so many.
        of: u64,
    },
}

/// Why there is no audit.
#[derive(Debug, thiserror::Error)]
#[error("cannot list the files below `{prefix}`: {source}")]
pub struct AuditError {
    prefix: String,
    source: ReadError,
}

/// The stream, if it can be asked: the connection, and how the stream was before the files are listed.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The connection.
    pub source: &'a NatsSource,
    /// How the stream was.
    pub facts: &'a StreamFacts,
}

/// Reads all files below the prefixes and judges them.
///
/// # Errors
///
/// When the files can't be listed. A file that can't be read is in the report.
pub async fn inspect(
    reader: &ObjectReader,
    asked: Option<Asked<'_>>,
    options: &Options,
    mut progress: impl FnMut(Progress),
) -> Result<Report, AuditError> {
    let mut report =
        Report { stream: options.stream.clone(), server: asked.map(|asked| asked.facts.clone()), ..Report::default() };
    let files = list_all(reader, options, &mut report, &mut progress).await?;
    let mut read = read_all(reader, &files, asked, options, &mut report, &mut progress).await;
    let ledger = read.ledgers.remove(&options.stream).unwrap_or_default();
    gaps::judge_all(asked, options, &ledger, &mut report, &mut progress).await;
    report.totals.first_sequence = ledger.extent().map(|extent| extent.first);
    report.totals.last_sequence = ledger.extent().map(|extent| extent.last);
    report.earlier_rows = ledger.earlier_rows;
    for (stream, Ledger { files, rows, .. }) in &read.ledgers {
        report.other_streams.push(OtherStream { stream: stream.clone(), files: *files, rows: *rows });
    }
    read.ledgers.insert(options.stream.clone(), ledger);
    compare_all(reader, &files, &read, &mut report, &mut progress).await;
    verdict::conclude(options, &mut report);
    Ok(report)
}

async fn list_all(
    reader: &ObjectReader,
    options: &Options,
    report: &mut Report,
    progress: &mut impl FnMut(Progress),
) -> Result<Vec<Listed>, AuditError> {
    // With an empty prefix, the dead letters lie among the events.
    let (partition, letters) = (options.partition.as_deref(), options.dead_letter_prefix.as_deref());
    let rows = options.prefixes.iter().map(|prefix| (prefix.as_str(), Kind::Events, letters));
    let dead_letters = letters.filter(|_| partition.is_none()).map(|prefix| (prefix, Kind::DeadLetters, None));
    let mut files = Vec::new();
    for (prefix, kind, except) in rows.chain(dead_letters) {
        let so_far = |files| progress(Progress::Listing { files });
        let listed = list::list(reader, prefix, kind, partition, except, so_far).await;
        let (found, others) = listed.map_err(|source| AuditError { prefix: prefix.to_owned(), source })?;
        let several = kind == Kind::Events && options.prefixes.len() > 1;
        files.extend(found.into_iter().map(|listed| if several { listed.named_with(prefix) } else { listed }));
        let foreign = others.into_iter().map(|key| Fault { key, reason: "not a Parquet file by its name".to_owned() });
        report.foreign.extend(foreign);
    }
    list::sort(&mut files);
    Ok(files)
}

/// What was read: where each file reaches, and the sequences of each stream.
#[derive(Default)]
struct Read {
    /// By the file's number; none where it could not be read.
    extents: Vec<Option<(String, Span)>>,
    ledgers: BTreeMap<String, Ledger>,
}

async fn read_all(
    reader: &ObjectReader,
    files: &[Listed],
    asked: Option<Asked<'_>>,
    options: &Options,
    report: &mut Report,
    progress: &mut impl FnMut(Progress),
) -> Read {
    let begin = asked.map(|asked| (options.stream.clone(), asked.facts.begin));
    let scans = files.iter().map(|listed| scan_one(reader.clone(), listed.object.clone(), begin.clone()));
    let mut scans = futures_util::stream::iter(scans).buffered(READ_AT_ONCE);
    let (mut read, mut partitions) = (Read::default(), BTreeMap::<&str, Partition>::new());
    let (mut done, mut rows) = (0, 0);
    for listed in files {
        let Some(scan) = scans.next().await else { break };
        match scan {
            Ok(scan) => {
                rows += scan.rows;
                read.ledgers.entry(scan.stream.clone()).or_default().add(&scan);
                note_file(listed, &scan, &mut partitions, report);
                read.extents.push(Some((scan.stream, scan.extent)));
            }
            Err(error) => {
                note_fault(listed, error, report);
                read.extents.push(None);
            }
        }
        done += 1;
        progress(Progress::Reading { files: done, of: files.len() as u64, rows });
    }
    report.totals.partitions = partitions.len() as u64;
    report.partitions = partitions.into_values().collect();
    report.partitions.iter_mut().for_each(|partition| partition.files.sort_by(|a, b| a.key.cmp(&b.key)));
    report.dead_letters.sort_by(|a, b| a.key.cmp(&b.key));
    read
}

/// In a task of its own: what a torn file does to the decoder ends with it.
async fn scan_one(reader: ObjectReader, object: Object, begin: Option<(String, i64)>) -> Result<Scan, FileError> {
    tokio::spawn(async move { scan::scan(&reader, &object, begin).await }).await?
}

fn note_file<'a>(listed: &'a Listed, scan: &Scan, partitions: &mut BTreeMap<&'a str, Partition>, report: &mut Report) {
    let Span { first, last } = scan.extent;
    let file = File {
        key: listed.object.key.clone(),
        stream: scan.stream.clone(),
        rows: scan.rows,
        bytes: listed.object.size,
        first_sequence: first,
        last_sequence: last,
    };
    let totals = &mut report.totals;
    if listed.kind == Kind::DeadLetters {
        totals.dead_letter_files += 1;
        totals.dead_letters += file.rows;
        totals.dead_letter_bytes += file.bytes;
        report.dead_letters.push(file);
        return;
    }
    totals.files += 1;
    totals.rows += file.rows;
    totals.bytes += file.bytes;
    let partition = partitions.entry(listed.partition.as_str()).or_insert_with(|| Partition {
        partition: listed.partition.clone(),
        first_sequence: first,
        ..Partition::default()
    });
    partition.rows += file.rows;
    partition.bytes += file.bytes;
    partition.first_sequence = partition.first_sequence.min(first);
    partition.last_sequence = partition.last_sequence.max(last);
    partition.files.push(file);
}

/// A file that says it is not ours, or has another schema, is a stranger; what has a name as ours have should be readable.
fn note_fault(listed: &Listed, error: FileError, report: &mut Report) {
    let is_foreign = matches!(error, FileError::Foreign(_)) && list::sequences_of(&listed.object.key).is_none();
    let fault = Fault { key: listed.object.key.clone(), reason: error.to_string() };
    if is_foreign { report.foreign.push(fault) } else { report.unreadable.push(fault) }
}

async fn compare_all(
    reader: &ObjectReader,
    files: &[Listed],
    read: &Read,
    report: &mut Report,
    progress: &mut impl FnMut(Progress),
) {
    for (stream, ledger) in &read.ledgers {
        let mut pieces = copies::pieces(&ledger.again, COMPARED_AT_ONCE);
        let (mut copies, mut done) = (Copies::default(), 0);
        while let Some(piece) = pieces.pop() {
            match rows_of_piece(reader, files, (read, stream), &piece, report).await {
                Some(rows) => copies.add(rows),
                None => pieces.extend(copies::pieces(&piece, piece.count().div_ceil(2))),
            }
            done += 1;
            progress(Progress::Comparing { pieces: done, of: done + pieces.len() as u64 });
        }
        if *stream == report.stream {
            report.reused = std::mem::take(&mut copies.reused).into();
        }
        for (numbers, group) in copies.groups() {
            let files = numbers.into_iter().map(|number| files[number].object.key.clone()).collect();
            report.duplicates.rows += group.rows;
            report.duplicates.groups.push(DuplicateGroup {
                files,
                rows: group.rows,
                sequences: group.sequences.into(),
            });
        }
    }
}

/// All rows of some sequences; none where they are too many to be compared at a time, and can be fewer.
async fn rows_of_piece(
    reader: &ObjectReader,
    files: &[Listed],
    (read, stream): (&Read, &String),
    piece: &Ranges,
    report: &mut Report,
) -> Option<Vec<copies::Row>> {
    let most = if piece.count() > 1 { COMPARED_ROWS } else { usize::MAX };
    let touched = read.extents.iter().enumerate().filter_map(|(number, extent)| {
        let (of, extent) = extent.as_ref()?;
        (of == stream && piece.within(*extent).next().is_some()).then_some(number)
    });
    let rows = touched.map(|number| rows_of(reader.clone(), files[number].object.clone(), number, piece.clone(), most));
    let mut rows = futures_util::stream::iter(rows).buffered(READ_AT_ONCE);
    let mut found = Vec::new();
    let mut faults = Vec::new();
    while let Some((number, rows)) = rows.next().await {
        match rows {
            Ok(rows) => found.extend(rows?),
            Err(error) => faults.push((number, error)),
        }
        if found.len() > most {
            return None;
        }
    }
    faults.into_iter().for_each(|(number, error)| note_fault(&files[number], error, report));
    Some(found)
}

async fn rows_of(
    reader: ObjectReader,
    object: Object,
    number: usize,
    piece: Ranges,
    most: usize,
) -> (usize, Result<Option<Vec<copies::Row>>, FileError>) {
    let read = tokio::spawn(async move { scan::rows_of(&reader, &object, number, &piece, most).await });
    (number, read.await.unwrap_or_else(|error| Err(error.into())))
}

#[cfg(test)]
mod tests;
