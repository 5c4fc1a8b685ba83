//! What a replay did.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::audit::Fault;

/// Reasons that are counted one by one.
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
    /// The reason, as the dead letters have it, with `N` for numbers: they tell a place in the body, and differ from one to the next.
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
        let name = without_numbers(&message.reason);
        let known = self.counts.len() < MAX_REASONS || self.counts.contains_key(&name);
        let reason = self.counts.entry(if known { name } else { OTHER_REASONS.to_owned() }).or_default();
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

/// The text with `N` for each number that is a word of its own.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(' ') {
        let number = word.strip_prefix('-').unwrap_or(word);
        match number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len()) {
            0 => out.push_str(word),
            digits => {
                out.push('N');
                out.push_str(&number[digits..]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_in_numbers_alone_are_one() {
        let one =
            "the body is not a causality.v1.EventEnvelope: id is cut off: 34 more bytes than there are (at byte 224)";
        let same =
            "the body is not a causality.v1.EventEnvelope: id is cut off: N more bytes than there are (at byte N)";
        assert_eq!(without_numbers(one), same);
        assert_eq!(
            without_numbers("timestamp_ms is -5, but must be greater than 0"),
            "timestamp_ms is N, but must be greater than N"
        );
        assert_eq!(without_numbers(""), "");
    }

    #[test]
    fn counts_add_up_and_many_reasons_share_one_place() {
        let mut report = Report::default();
        for number in 0..MAX_REASONS as u64 + 5 {
            let outcome = match number % 3 {
                0 => Outcome::Replayed { new_sequence: number },
                1 => Outcome::ReplayedBefore,
                _ => Outcome::Refused { because: "still".to_owned() },
            };
            let (subject, reason) = ("s".to_owned(), format!("reason-{number}"));
            report.note(Message { sequence: number, published_at_us: 0, subject, reason, outcome });
        }
        report.conclude();
        assert_eq!(report.reasons.len(), MAX_REASONS + 1);
        assert_eq!((report.reasons[0].reason.as_str(), report.reasons[0].dead_letters), (OTHER_REASONS, 5));
        let sums = report.reasons.iter().fold((0, 0, 0), |sums, reason| {
            (sums.0 + reason.replayed, sums.1 + reason.replayed_before, sums.2 + reason.refused)
        });
        assert_eq!(sums, (report.replayed, report.replayed_before, report.refused));
        assert_eq!(sums, (335, 335, 335));
        assert!(report.complete);
    }
}
