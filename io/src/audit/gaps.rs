//! The gaps of a report: what is not stored, and what can be said of it.

use super::judge::{self, Holes};
use super::ledger::Ledger;
use super::ranges::{Ranges, Span};
use super::report::{NotJudged, Report};
use super::{Asked, Options, Progress};
use crate::source::nats::StreamFacts;
use crate::subject::covers;

/// Finds what is not stored and asks the stream what it is.
pub(super) async fn judge_all(
    asked: Option<Asked<'_>>,
    options: &Options,
    ledger: &Ledger,
    report: &mut Report,
    progress: &mut impl FnMut(Progress),
) {
    if options.partition.is_some() {
        let reason = "gaps: what is missing in one partition may be in another";
        report.not_judged.push(NotJudged::that_may_hide_loss(reason, Ranges::new()));
        return;
    }
    match asked {
        None => without_the_stream(options, &ledger.stored, report),
        Some(Asked { source, facts }) => {
            let subjects = subjects(facts, source.filter_subjects(), report);
            report.judged = judge::judged(facts, &ledger.stored, options.limits);
            no_longer_there(facts, &subjects, options, &ledger.stored, report);
            not_settled(facts, &ledger.stored, report);
            // What the stream has no more was judged just now.
            let there = Span::new(facts.first_sequence.max(1), u64::MAX);
            let Some(span) = report.judged.and_then(|judged| judged.intersection(there?)) else { return };
            let ask = |gaps| progress(Progress::Asking { gaps });
            match judge::ask(source, &subjects, &ledger.stored, span, ask).await {
                Ok(holes) => note_holes(holes, facts.is_covered_by(&subjects), report),
                Err(error) => {
                    report.gaps = ledger.stored.holes(span).collect::<Ranges>().into();
                    report.notes.push(format!("the gaps could not be explained: {}", error.chain()));
                }
            }
        }
    }
}

/// Nobody can say what the holes are: all of them count. Where the limits say which sequences there are, all of these are judged.
fn without_the_stream(options: &Options, stored: &Ranges, report: &mut Report) {
    let limits = options.limits;
    let from = limits.map(|limits| limits.first).filter(|first| *first > 0);
    let to = limits.map(|limits| limits.last).filter(|last| *last < u64::MAX);
    let span = from.or(stored.first()).zip(to.or(stored.last()));
    report.judged = span.and_then(|(first, last)| Span::new(first, last));
    let holes = report.judged.into_iter().flat_map(|span| stored.holes(span));
    report.gaps = holes.collect::<Ranges>().into();
    let what = match (from, to) {
        (Some(_), Some(_)) => return,
        (None, Some(_)) => "what lies before the first stored sequence (--from says where it begins)",
        (Some(_), None) => "what lies after the last stored sequence (--to says where it ends)",
        (None, None) => {
            "what lies before the first and after the last stored sequence (--from and --to say where it begins and ends)"
        }
    };
    let reason = format!("{what}: the stream was not asked");
    report.not_judged.push(NotJudged::that_may_hide_loss(reason, Ranges::new()));
}

/// The subjects of the messages that must be stored: those of the consumer. Of what the settings ask for, it must not leave out any.
fn subjects(facts: &StreamFacts, wanted: &[String], report: &mut Report) -> Vec<String> {
    let Some(consumer) = &facts.consumer else { return wanted.to_vec() };
    let given = &consumer.filter_subjects;
    let is_given = |subject: &String| given.is_empty() || covers(given, subject);
    let all_are = if wanted.is_empty() { facts.is_covered_by(given) } else { wanted.iter().all(is_given) };
    if !all_are {
        let reason = format!(
            "messages of nats.filter_subjects that the consumer is not to get: it is limited to {}",
            given.join(", ")
        );
        report.not_judged.push(NotJudged::that_may_hide_loss(reason, Ranges::new()));
    }
    given.clone()
}

/// What the stream had and has no more: from the first that is stored on, all of it must be, if all of its messages are the consumer's.
/// What came before that may have been deleted before there was a sink.
fn no_longer_there(facts: &StreamFacts, subjects: &[String], options: &Options, stored: &Ranges, report: &mut Report) {
    let Some(gone) = facts.first_sequence.checked_sub(1).and_then(|last| Span::new(1, last)) else { return };
    let from = options.limits.map(|limits| limits.first).filter(|first| *first > 0);
    let to = options.limits.map_or(u64::MAX, |limits| limits.last);
    let begin = from.or(stored.first());
    if from.is_none() {
        let before = begin.map_or(Some(gone), |begin| Span::new(1, begin.saturating_sub(1))?.intersection(gone));
        let reason = "before the first that is stored, and no longer in the stream: they may have been deleted before there was a \
                      sink (--from judges them)";
        report.not_judged.extend(before.map(|before| NotJudged::harmless(reason, Ranges::from_iter([before]))));
    }
    let Some(span) = begin.and_then(|begin| Span::new(begin, to)?.intersection(gone)) else { return };
    let holes: Ranges = stored.holes(span).collect();
    if !holes.is_empty() && !facts.is_covered_by(subjects) {
        let reason = format!(
            "not stored, and before the stream's first message ({}): they may be of other subjects, or lost",
            facts.first_sequence
        );
        report.not_judged.push(NotJudged::that_may_hide_loss(reason, holes));
        return;
    }
    report.dropped = holes.into();
    report.judged = Some(report.judged.map_or(span, |judged| Span { first: span.first, last: judged.last }));
}

/// What the consumer still has to settle.
fn not_settled(facts: &StreamFacts, stored: &Ranges, report: &mut Report) {
    let after = |sequence: u64| Span::new(sequence.saturating_add(1), facts.last_sequence);
    let Some(consumer) = &facts.consumer else {
        let reason = "the sink's consumer is not there: nothing says whether a sink is to store what comes after the last that is";
        let rest = after(stored.last().unwrap_or(0).max(facts.first_sequence.saturating_sub(1)));
        let rest = rest.map(|rest| NotJudged::that_may_hide_loss(reason, Ranges::from_iter([rest])));
        report.not_judged.extend(rest);
        return;
    };
    if !consumer.from_the_beginning {
        let begins = "the consumer was not to begin with the stream's first message: gaps before its begin are no loss \
                      (leave them out with --from)";
        report.notes.push(begins.to_owned());
    }
    if let Some(rest) = after(consumer.ack_floor).filter(|_| consumer.pending + consumer.ack_pending > 0) {
        let (pending, ack_pending) = (consumer.pending, consumer.ack_pending);
        let reason =
            format!("not settled yet: {ack_pending} messages are being worked on, {pending} wait to be delivered");
        report.not_judged.push(NotJudged::harmless(reason, Ranges::from_iter([rest])));
    }
}

/// What the stream says of its holes. Where it has no other messages than the consumer's, what is not there was dropped.
fn note_holes(holes: Holes, all_are_the_consumers: bool, report: &mut Report) {
    let Holes { missing, other_subjects, deleted } = holes;
    report.gaps = missing.into();
    report.gaps_are_in_the_stream = true;
    if all_are_the_consumers {
        let before = std::mem::take(&mut report.dropped).ranges;
        let dropped = before.iter().chain(deleted.iter()).chain(other_subjects.iter());
        report.dropped = dropped.collect::<Ranges>().into();
        return;
    }
    report.other_subjects = other_subjects.count();
    if !deleted.is_empty() {
        let reason = "not stored, and deleted in the stream: it can't be told any more whether they were to be";
        report.not_judged.push(NotJudged::that_may_hide_loss(reason, deleted));
    }
}
