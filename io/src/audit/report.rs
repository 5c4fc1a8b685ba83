//! What an audit found.

use serde::Serialize;

use super::ranges::{Ranges, Span};
use crate::source::nats::StreamFacts;

/// What an audit comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is missing, stored twice or unreadable, and that is known.
    Complete,
    /// Something is.
    Incomplete,
    /// Nothing wrong was found, and not enough could be judged to say that nothing is.
    #[default]
    Unknown,
}

/// All that is stored, and what is not right about it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// What it comes to.
    pub verdict: Verdict,
    /// Whether the verdict is `complete`.
    pub complete: bool,
    /// The stream that is judged: files of others are counted apart.
    pub stream: String,
    /// What the server says of it; none when it was not asked.
    pub server: Option<StreamFacts>,
    /// The sequences that were judged: every message of these must be stored.
    pub judged: Option<Span>,
    /// Sums over all files.
    pub totals: Totals,
    /// What is stored, by partition.
    pub partitions: Vec<Partition>,
    /// The files with dead letters: what they hold is stored, not lost.
    pub dead_letters: Vec<File>,
    /// Judged sequences that are not stored.
    pub gaps: Sequences,
    /// Whether the server said that it has the messages of the gaps. If not, a gap may be of another subject, or not settled yet.
    pub gaps_are_in_the_stream: bool,
    /// Sequences that were never stored and that the stream, all of whose messages the consumer is to get, has no more.
    pub dropped: Sequences,
    /// Sequences not stored that are of subjects which the consumer is not to get.
    pub other_subjects: u64,
    /// What could not be judged, and why.
    pub not_judged: Vec<NotJudged>,
    /// Messages that are stored more than once.
    pub duplicates: Duplicates,
    /// Sequences under which more than one message is stored: the stream was made anew, or lost its tail.
    pub reused: Sequences,
    /// Rows of an earlier stream of the same name.
    pub earlier_rows: u64,
    /// Files of streams of another name.
    pub other_streams: Vec<OtherStream>,
    /// Files that the sink may have written and that can't be read, or don't hold what they say.
    pub unreadable: Vec<Fault>,
    /// What the sink has not written.
    pub foreign: Vec<Fault>,
    /// What else there is to know about this audit.
    pub notes: Vec<String>,
}

/// Sums over all files of the stream, and what they take.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Totals {
    /// Partitions with files.
    pub partitions: u64,
    /// Files with events.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Their sizes.
    pub bytes: u64,
    /// Files with dead letters.
    pub dead_letter_files: u64,
    /// Rows in them.
    pub dead_letters: u64,
    /// Their sizes.
    pub dead_letter_bytes: u64,
    /// The least sequence in any of them.
    pub first_sequence: Option<u64>,
    /// The greatest sequence in any of them.
    pub last_sequence: Option<u64>,
}

/// The files of one partition, in order.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Partition {
    /// The folder below the prefix.
    pub partition: String,
    /// Rows in all files.
    pub rows: u64,
    /// Their sizes.
    pub bytes: u64,
    /// The least sequence.
    pub first_sequence: u64,
    /// The greatest sequence.
    pub last_sequence: u64,
    /// The files.
    pub files: Vec<File>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct File {
    /// Its key.
    pub key: String,
    /// The stream that it comes from.
    pub stream: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// The least sequence.
    pub first_sequence: u64,
    /// The greatest sequence.
    pub last_sequence: u64,
}

/// Sequences, and how many there are.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sequences {
    /// How many.
    pub sequences: u64,
    /// Which, as pairs of a first and a last.
    pub ranges: Ranges,
}

impl From<Ranges> for Sequences {
    fn from(ranges: Ranges) -> Self {
        Sequences { sequences: ranges.count(), ranges }
    }
}

/// Sequences that could not be judged.
#[derive(Clone, Debug, Serialize)]
pub struct NotJudged {
    /// Why.
    pub reason: String,
    /// Whether a loss may be among them. What is not settled yet can't be lost without being judged later.
    pub may_hide_loss: bool,
    /// Which; none where it is not known which or that would be all.
    #[serde(flatten)]
    pub sequences: Sequences,
}

impl NotJudged {
    /// Something among which a loss may be.
    pub(super) fn that_may_hide_loss(reason: impl Into<String>, sequences: Ranges) -> Self {
        NotJudged { reason: reason.into(), may_hide_loss: true, sequences: sequences.into() }
    }

    /// Something that is to be known and is no loss.
    pub(super) fn harmless(reason: impl Into<String>, sequences: Ranges) -> Self {
        NotJudged { reason: reason.into(), may_hide_loss: false, sequences: sequences.into() }
    }
}

/// Messages that are stored more than once.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Duplicates {
    /// Rows beyond one for each message.
    pub rows: u64,
    /// Which they are, by the files that they are in.
    pub groups: Vec<DuplicateGroup>,
}

/// What some files have in common.
#[derive(Clone, Debug, Serialize)]
pub struct DuplicateGroup {
    /// The files; a single one holds the same message twice.
    pub files: Vec<String>,
    /// Rows beyond one for each message.
    pub rows: u64,
    /// The sequences of the messages.
    #[serde(flatten)]
    pub sequences: Sequences,
}

/// Files of a stream of another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherStream {
    /// Its name.
    pub stream: String,
    /// Files.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
}

/// An object that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Its key.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}
