//! The gaps of a report: what is not stored, and what can be said of it.

use super::judge;
use super::ledger::Ledger;
use super::ranges::{Ranges, Span};
use super::report::{NotJudged, Report, Sequences};
use super::{Asked, Options, Progress};
use crate::source::nats::StreamFacts;

/// Finds what is not stored and asks the stream what it is.
pub(super) async fn judge_all(
    asked: Option<Asked<'_>>,
    options: &Options,
    ledger: &Ledger,
    report: &mut Report,
    progress: &mut impl FnMut(Progress),
) {
    if options.partition.is_some() {
        let reason = "gaps: what is missing in one partition may be in another".to_owned();
        report.not_judged.push(NotJudged { reason, sequences: Sequences::default() });
        return;
    }
    let stored = &ledger.stored;
    let (first, last) = (stored.first(), stored.last());
    let extent = first.zip(last).map(|(first, last)| Span { first, last });
    let clamp = |span: Span| options.limits.map_or(Some(span), |limits| span.intersection(limits));
    let Some(Asked { source, facts }) = asked else {
        // Nobody can say what the holes are: all of them count.
        report.judged = extent.and_then(clamp);
        let holes = report.judged.into_iter().flat_map(|span| stored.holes(span));
        report.gaps = holes.collect::<Ranges>().into();
        let reason =
            "what lies before the first and after the last stored sequence: the stream was not asked".to_owned();
        report.not_judged.push(NotJudged { reason, sequences: Sequences::default() });
        return;
    };
    report.judged = judge::judged(facts, stored, options.limits);
    not_in_the_stream(facts, extent.and_then(clamp), stored, report);
    not_settled(facts, report);
    let Some(span) = report.judged else { return };
    let subjects = facts.consumer.as_ref().map(|consumer| consumer.filter_subjects.as_slice()).unwrap_or_default();
    let asking = judge::ask(source, subjects, stored, span, |gaps| progress(Progress::Asking { gaps }));
    match asking.await {
        Ok(holes) => {
            report.gaps = holes.missing.into();
            report.gaps_are_in_the_stream = true;
            report.other_subjects = holes.other_subjects;
            if !holes.deleted.is_empty() {
                let reason = "not stored, and deleted in the stream: it can't be told any more whether they were to be"
                    .to_owned();
                report.not_judged.push(NotJudged { reason, sequences: holes.deleted.into() });
            }
        }
        Err(error) => {
            report.gaps = stored.holes(span).collect::<Ranges>().into();
            report.notes.push(format!("the gaps could not be explained: {}", error.chain()));
        }
    }
}

/// Holes among what the stream had and has no more.
fn not_in_the_stream(facts: &StreamFacts, extent: Option<Span>, stored: &Ranges, report: &mut Report) {
    let before = facts.first_sequence.checked_sub(1).and_then(|last| Span::new(1, last));
    let span = extent.zip(before).and_then(|(extent, before)| extent.intersection(before));
    let holes: Ranges = span.into_iter().flat_map(|span| stored.holes(span)).collect();
    if !holes.is_empty() {
        let reason = format!(
            "not stored, and before the stream's first message ({}): they may be of other subjects, lost, or deleted before \
             the sink got them",
            facts.first_sequence
        );
        report.not_judged.push(NotJudged { reason, sequences: holes.into() });
    }
}

/// What the consumer still has to settle.
fn not_settled(facts: &StreamFacts, report: &mut Report) {
    let Some(consumer) = &facts.consumer else {
        report.notes.push("the sink's consumer is not there: what is stored shows how far it was".to_owned());
        return;
    };
    if !consumer.from_the_beginning {
        let begins = "the consumer was not to begin with the stream's first message: gaps before its begin are no loss \
                      (leave them out with --from)";
        report.notes.push(begins.to_owned());
    }
    let rest = Span::new(consumer.ack_floor.saturating_add(1), facts.last_sequence);
    if let Some(rest) = rest.filter(|_| consumer.pending + consumer.ack_pending > 0) {
        let (pending, ack_pending) = (consumer.pending, consumer.ack_pending);
        let reason =
            format!("not settled yet: {ack_pending} messages are being worked on, {pending} wait to be delivered");
        report.not_judged.push(NotJudged { reason, sequences: [rest].into_iter().collect::<Ranges>().into() });
    }
}

/// The verdict.
pub(super) fn conclude(options: &Options, report: &mut Report) {
    if report.server.is_none() && report.reused.sequences > 0 {
        let reused = "sequences are stored that more than one message had, and the stream was not asked since when it counts as it does: \
                      rows of the older may hide gaps of the newer";
        report.notes.push(reused.to_owned());
    }
    if options.explodes && report.gaps.sequences > 0 {
        report.notes.push("a message without elements makes no row, and shows as a gap".to_owned());
    }
    let fine = report.gaps.sequences == 0 && report.duplicates.rows == 0 && report.unreadable.is_empty();
    let judged = report.server.is_some() && report.not_judged.is_empty() && report.foreign.is_empty();
    report.complete = fine && (judged || !options.strict);
}
