//! Putting dead letters back into the stream, once the decoder takes them.
//!
//! ```text
//! files ──places──▶ which are wanted ──▶ the stream: which of them were replayed before?
//!   └────letters──▶ decode: taken now? ──▶ publish, each confirmed ──▶ report
//! ```
//!
//! The message goes to its first subject, byte for byte, as a new message of the stream: it gets a new sequence, and the sink stores it
//! like any other. Dead letters stay where they are; what was replayed is known by the stream, by an id that names the dead letter.

mod headers;
mod letters;
mod publish;
mod report;

use std::collections::BTreeSet;

use warehouse_sink_core::{Destination, Rows};
use warehouse_sink_proto::Partition;

use crate::audit::file::{FileError, ParquetFile};
use crate::audit::list::{self, Kind, Listed};
use crate::bodiless::WithoutBody;
use crate::metrics::Metrics;
use crate::payload::Payload;
use crate::rows::Decode;
use crate::schema::{StreamDecoder, StreamSchema};
use crate::source::SourceError;
use crate::source::nats::NatsSource;
use crate::store::opendal::{ObjectReader, ReadError};
use headers::Origin;
use letters::Letter;
use publish::Publishing;

pub use crate::audit::{Fault, Ranges, Span};
pub use report::{Message, Outcome, Reason, Report};

/// Rows that are decoded at a time. A body may be as large as the server's limit on messages.
const BATCH_ROWS: usize = 64;
/// Subjects that a search of the stream is limited to. Beyond so many, all of the stream's are looked at.
const MAX_SUBJECTS: usize = 64;

/// Which dead letters are replayed, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The stream's name: dead letters of others are left alone.
    pub stream: String,
    /// What the keys of the dead letters' files begin with.
    pub prefix: String,
    /// Only messages of these sequences; all if there are none.
    pub sequences: Ranges,
    /// Only messages that were published at this time or later: microseconds since the Unix epoch.
    pub since: Option<i64>,
    /// Only messages that were published before this time: microseconds since the Unix epoch.
    pub until: Option<i64>,
    /// Only dead letters whose reason has this text in it.
    pub reason: Option<String>,
    /// Also messages that the decoder still refuses.
    pub all: bool,
    /// Nothing is published.
    pub dry_run: bool,
    /// What becomes of messages without a body, once they are in the stream again.
    pub without_body: WithoutBody,
}

impl Options {
    fn wants(&self, origin: Origin, reason: &str) -> bool {
        let Origin { sequence, published_at, .. } = origin;
        (self.sequences.is_empty() || self.sequences.contains(sequence))
            && self.since.is_none_or(|since| published_at >= since)
            && self.until.is_none_or(|until| published_at < until)
            && self.reason.as_ref().is_none_or(|text| reason.contains(text))
    }
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Files of dead letters are listed.
    Listing {
        /// Files so far.
        files: u64,
    },
    /// They are looked through for what is wanted.
    Choosing {
        /// Files so far.
        files: u64,
        /// Of so many.
        of: u64,
    },
    /// The stream is searched for what was replayed before.
    Searching {
        /// Messages so far.
        messages: u64,
        /// Of so many.
        of: u64,
    },
    /// Dead letters are decoded and published.
    Replaying {
        /// Dead letters so far.
        letters: u64,
        /// Of so many.
        of: u64,
    },
}

/// Why nothing was replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The files can't be listed.
    #[error("cannot list the files below `{prefix}`: {source}")]
    List {
        /// The prefix.
        prefix: String,
        /// Why.
        source: ReadError,
    },
    /// The stream can't be asked.
    #[error(transparent)]
    Stream(#[from] SourceError),
}

/// Replays dead letters. A publish that fails is in the report, and so is a file that can't be read.
///
/// # Errors
///
/// When the files can't be listed, or the stream can't be searched: nothing is published then.
pub async fn replay(
    reader: &ObjectReader,
    source: &NatsSource,
    schema: &StreamSchema,
    options: &Options,
    mut progress: impl FnMut(Progress),
) -> Result<Report, ReplayError> {
    let mut report = Report { stream: options.stream.clone(), dry_run: options.dry_run, ..Report::default() };
    let so_far = |files| progress(Progress::Listing { files });
    let listed = list::list(reader, &options.prefix, Kind::DeadLetters, None, None, so_far).await;
    let (mut files, _) = listed.map_err(|source| ReplayError::List { prefix: options.prefix.clone(), source })?;
    list::sort(&mut files);
    let wanted = wanted(reader, &files, options, &mut report, &mut progress).await;
    let of = wanted.origins.len() as u64;
    let before = if of == 0 {
        BTreeSet::new()
    } else {
        replayed_before(source, &wanted, options, |messages, of| progress(Progress::Searching { messages, of })).await?
    };
    let mut publishing = Publishing::new(source, before, options, &mut report);
    let mut decoder = schema.decoder(&Metrics::noop()).with(options.without_body);
    for file in &wanted.files {
        let mut tell = |letters| progress(Progress::Replaying { letters, of });
        let read = replay_file(reader, file, options, &mut decoder, &mut publishing, &mut tell).await;
        if let Err(error) = read {
            publishing.report.unreadable.push(Fault { key: file.object.key.clone(), reason: error.to_string() });
        }
        if publishing.report.error.is_some() {
            break;
        }
    }
    publishing.finish().await;
    report.conclude();
    Ok(report)
}

/// The dead letters that are wanted.
#[derive(Default)]
struct Wanted {
    files: Vec<Listed>,
    origins: BTreeSet<Origin>,
    subjects: BTreeSet<String>,
}

/// Looks through the files without their bodies.
async fn wanted(
    reader: &ObjectReader,
    files: &[Listed],
    options: &Options,
    report: &mut Report,
    progress: &mut impl FnMut(Progress),
) -> Wanted {
    let mut wanted = Wanted::default();
    for (done, file) in (0..).zip(files) {
        progress(Progress::Choosing { files: done, of: files.len() as u64 });
        match places(reader, file, options).await {
            Ok(None) => report.other_streams += 1,
            Ok(Some(places)) => {
                report.files += 1;
                let before = wanted.origins.len();
                for (origin, subject, reason) in places {
                    report.dead_letters += 1;
                    if options.wants(origin, &reason) {
                        wanted.origins.insert(origin);
                        if wanted.subjects.len() <= MAX_SUBJECTS {
                            wanted.subjects.insert(subject);
                        }
                    }
                }
                if wanted.origins.len() > before {
                    wanted.files.push(file.clone());
                }
            }
            Err(error) => report.unreadable.push(Fault { key: file.object.key.clone(), reason: error.to_string() }),
        }
    }
    wanted
}

/// The rows of one file without their bodies; none where it is of another stream.
async fn places(
    reader: &ObjectReader,
    file: &Listed,
    options: &Options,
) -> Result<Option<Vec<(Origin, String, String)>>, FileError> {
    let file = ParquetFile::open(reader, &file.object).await?;
    match file.property("warehouse_sink.stream") {
        Some(stream) if stream == options.stream => {}
        Some(_) => return Ok(None),
        None => return Err(FileError::Foreign("it does not say that warehouse-sink has written it")),
    }
    let mut batches = file.batches(&letters::COLUMNS, BATCH_ROWS)?;
    let mut places = Vec::new();
    while let Some(batch) = batches.next().await? {
        places.extend(letters::places(&batch)?);
    }
    Ok(Some(places))
}

/// Which dead letters the stream has a replay of.
async fn replayed_before(
    source: &NatsSource,
    wanted: &Wanted,
    options: &Options,
    progress: impl FnMut(u64, u64),
) -> Result<BTreeSet<Origin>, SourceError> {
    let facts = source.facts().await?;
    // A replay stands behind its message, unless that was of an earlier stream.
    let behind = wanted.origins.iter().map(|origin| match origin.published_at < facts.begin {
        true => facts.first_sequence,
        false => origin.sequence.saturating_add(1),
    });
    let from = behind.min().unwrap_or(1).max(facts.first_sequence);
    let subjects = match wanted.subjects.len() {
        0..=MAX_SUBJECTS => wanted.subjects.iter().cloned().collect(),
        _ => Vec::new(),
    };
    let mut before = BTreeSet::new();
    let found =
        |id: &str| before.extend(headers::origin(&options.stream, id).filter(|origin| wanted.origins.contains(origin)));
    source.search_ids(from, subjects, found, progress).await?;
    Ok(before)
}

async fn replay_file(
    reader: &ObjectReader,
    file: &Listed,
    options: &Options,
    decoder: &mut StreamDecoder,
    publishing: &mut Publishing<'_>,
    progress: &mut impl FnMut(u64),
) -> Result<(), FileError> {
    let file = ParquetFile::open(reader, &file.object).await?;
    let mut batches = file.batches(&letters::ALL_COLUMNS, BATCH_ROWS)?;
    while let Some(batch) = batches.next().await? {
        for letter in letters::letters(&batch)? {
            if !options.wants(letter.origin, &letter.letter.reason) {
                continue;
            }
            let refused = refusal(decoder.decode(&&letter));
            let Letter { origin, letter } = letter;
            publishing.take(origin, letter, refused).await;
            progress(publishing.report.wanted);
            if publishing.report.error.is_some() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Why a message is refused, if nothing of it can be stored but dead letters: what the first of them says.
fn refusal(rows: Rows<Partition, Payload>) -> Option<String> {
    if rows.as_slice().iter().any(|row| row.destination != Destination::DeadLetter) {
        return None;
    }
    rows.into_iter().find_map(|row| match row.payload {
        Payload::DeadLetter(letter) => Some(letter.reason),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use warehouse_sink_proto::{DeadLetter, Table, TableOptions};

    use super::*;
    use crate::schema::Route;

    #[test]
    fn filters_go_together() {
        let origin = Origin { sequence: 7, published_at: 100, index: 0 };
        assert!(Options::default().wants(origin, "any"));
        let some = Options {
            sequences: [Span { first: 5, last: 7 }].into_iter().collect(),
            since: Some(100),
            until: Some(101),
            reason: Some("usable time".to_owned()),
            ..Options::default()
        };
        let reason = "the event has no usable time: 0";
        assert!(some.wants(origin, reason));
        assert!(!some.wants(origin, "the body is not an event"));
        assert!(!some.wants(Origin { sequence: 8, ..origin }, reason));
        assert!(!some.wants(Origin { published_at: 99, ..origin }, reason));
        assert!(!some.wants(Origin { published_at: 101, ..origin }, reason));
    }

    /// A message that was refused as a whole is judged by its elements, as the sink will: one good row is worth a replay.
    #[test]
    fn a_batch_is_judged_by_its_elements() {
        const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/tests/protos");
        let mut compiler = protox::Compiler::new([FOLDER]).unwrap();
        let set = compiler.include_imports(true).open_files(["table3.proto"]).unwrap().encode_file_descriptor_set();
        let options = TableOptions { explode: Some("sales".to_owned()), ..TableOptions::new("table3.Batch") };
        let table = Table::new(&set, &options).unwrap();
        let mut decoder = StreamSchema::Tables([Route::all(table)].into()).decoder(&Metrics::noop());
        let mut refused = |body: &[u8]| {
            let origin = Origin { sequence: 1, published_at: 1_735_689_600_000_000, index: 0 };
            let (subject, reason) = ("events.sales".to_owned(), "no route".to_owned());
            let headers = BTreeMap::new();
            let letter = DeadLetter { subject, headers, body: body.into(), reason, delivery_count: 1, raw: None };
            refusal(decoder.decode(&&Letter { origin, letter }))
        };
        let (good, broken) = (&b"\x12\x03\x0A\x01x"[..], &b"\x12\x03\x0A\x01\xFF"[..]);
        assert_eq!(refused(&[good, broken].concat()), None);
        assert_eq!(refused(&[broken, good].concat()), None);
        let reason = refused(&[broken, broken].concat()).unwrap();
        assert!(
            reason.starts_with("element 0 of the batch: the body is not a table3.Batch: sales.article"),
            "{reason}"
        );
        let empty = refused(b"\x0A\x01t").unwrap();
        assert!(empty.starts_with("the batch has no elements"), "{empty}");
        let many = refused(&b"\x12\x00".repeat(65_537)).unwrap();
        assert!(many.starts_with("the message is too large a batch"), "{many}");
    }
}
