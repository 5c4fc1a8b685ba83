//! What a replay did.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::audit::Fault;

/// Reasons that are counted one by one. Each may hold a place in the body, so there can be many.
const MAX_REASONS: usize = 1000;
const OTHER_REASONS: &str = "(other reasons)";

/// What a replay did, or would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Whether every wanted dead letter that can be replayed is in the stream, or, in a dry run, would be.
    pub complete: bool,
    /// Whether nothing was published.
    pub dry_run: bool,
    /// The stream.
    pub stream: String,
    /// Files with dead letters of the stream.
    pub files: u64,
    /// Files with dead letters of other streams, which were left alone.
    pub other_streams: u64,
    /// Dead letters in the files, wanted or not.
    pub dead_letters: u64,
    /// Dead letters that the filters let through.
    pub wanted: u64,
    /// Published and confirmed; in a dry run, what would be.
    pub replayed: u64,
    /// Not published, because the stream has a replay of them.
    pub replayed_before: u64,
    /// Not published, because the decoder still refuses them.
    pub refused: u64,
    /// Not published, because the same dead letter is stored more than once.
    pub repeated: u64,
    /// Not confirmed by the stream.
    pub failed: u64,
    /// The same by the reasons of the dead letters.
    pub reasons: Vec<Reason>,
    /// Each dead letter that the filters let through, in order.
    pub messages: Vec<Message>,
    /// Files that can't be read.
    pub unreadable: Vec<Fault>,
    /// Why the replay stopped early.
    pub error: Option<String>,
    #[serde(skip)]
    pub(super) counts: BTreeMap<String, Reason>,
}

/// What became of the dead letters of one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The reason, as the dead letters have it.
    pub reason: String,
    /// How many there are.
    pub dead_letters: u64,
    /// Published and confirmed; in a dry run, what would be.
    pub replayed: u64,
    /// In the stream before.
    pub replayed_before: u64,
    /// Still refused by the decoder.
    pub refused: u64,
    /// Not confirmed.
    pub failed: u64,
}

/// What became of one dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The message's sequence.
    pub sequence: u64,
    /// When it was published: microseconds since the Unix epoch.
    pub published_at_us: i64,
    /// Its subject.
    pub subject: String,
    /// Why it became a dead letter.
    pub reason: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It would be published.
    WouldReplay,
    /// It was published and confirmed.
    Replayed {
        /// The sequence of the new message.
        new_sequence: u64,
    },
    /// The stream has a replay of it.
    ReplayedBefore,
    /// The same dead letter stands in the report already.
    Repeated,
    /// The decoder still refuses it.
    Refused {
        /// Why.
        because: String,
    },
    /// It was not confirmed. It may be in the stream all the same; another replay finds out.
    Failed {
        /// Why.
        because: String,
    },
}

impl Report {
    pub(super) fn note(&mut self, message: Message) {
        let known = self.counts.len() < MAX_REASONS || self.counts.contains_key(&message.reason);
        let name = if known { message.reason.as_str() } else { OTHER_REASONS };
        let reason = self.counts.entry(name.to_owned()).or_default();
        reason.dead_letters += 1;
        let (all, of_reason) = match &message.outcome {
            Outcome::WouldReplay | Outcome::Replayed { .. } => (&mut self.replayed, &mut reason.replayed),
            Outcome::ReplayedBefore => (&mut self.replayed_before, &mut reason.replayed_before),
            Outcome::Refused { .. } => (&mut self.refused, &mut reason.refused),
            Outcome::Failed { .. } => (&mut self.failed, &mut reason.failed),
            Outcome::Repeated => {
                self.repeated += 1;
                self.messages.push(message);
                return;
            }
        };
        *all += 1;
        *of_reason += 1;
        self.messages.push(message);
    }

    pub(super) fn conclude(&mut self) {
        self.messages.sort_by_key(|message| (message.sequence, message.published_at_us));
        let counts = std::mem::take(&mut self.counts);
        self.reasons = counts.into_iter().map(|(reason, counts)| Reason { reason, ..counts }).collect();
        self.reasons.sort_by(|a, b| b.dead_letters.cmp(&a.dead_letters).then_with(|| a.reason.cmp(&b.reason)));
        self.complete = self.failed == 0 && self.unreadable.is_empty() && self.error.is_none();
    }
}
