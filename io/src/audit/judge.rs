//! What a sequence that is not stored means, as far as the stream can tell.
//!
//! The stream is asked which messages of the consumer's subjects it has where nothing is stored. One that it has and the consumer has
//! settled is missing. What it hasn't is of another subject, or was deleted there: which of the two, its list of deleted sequences tells.

use std::future::Future;

use futures_util::StreamExt;

use super::ranges::{Ranges, Span};
use crate::source::SourceError;
use crate::source::nats::{NatsSource, StreamFacts};

/// Holes that are asked about at the same time.
const ASKED_AT_ONCE: usize = 32;
/// A hole is gone through one message after the other. Longer ones are cut into pieces of so many sequences, for all of a partition, or
/// an hour of the stream, may be missing.
const WALKED_AT_ONCE: u64 = 10_000;

/// What the holes among the stored sequences are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Holes {
    /// Messages that the stream has and that are not stored.
    pub missing: Ranges,
    /// Sequences that were not deleted, as far as the stream knows: of messages that the consumer is not to get.
    pub other_subjects: Ranges,
    /// Sequences that the stream has deleted. Whether they were ever stored, or were to be, nobody knows any more.
    pub deleted: Ranges,
}

/// The sequences that can be judged: those that the stream still has, and the consumer has settled.
///
/// Without a consumer, nothing is known to be settled; what is stored shows how far the sink was.
pub(super) fn judged(facts: &StreamFacts, stored: &Ranges, limits: Option<Span>) -> Option<Span> {
    let settled = match &facts.consumer {
        Some(consumer) => consumer.ack_floor,
        None => stored.last()?.min(facts.last_sequence),
    };
    let span = Span::new(facts.first_sequence.max(1), settled)?;
    limits.map_or(Some(span), |limits| span.intersection(limits))
}

/// Asks the stream about what is not stored of a span.
pub(super) async fn ask(
    source: &NatsSource,
    subjects: &[String],
    stored: &Ranges,
    span: Span,
    mut progress: impl FnMut(u64),
) -> Result<Holes, SourceError> {
    let pieces = stored.holes(span).flat_map(|hole| hole.pieces(WALKED_AT_ONCE));
    let asked = pieces.map(|hole| walk(hole, |from| source.next_at(from, subjects)));
    let mut answers = futures_util::stream::iter(asked).buffered(ASKED_AT_ONCE);
    let (mut holes, mut absent, mut done) = (Holes::default(), Ranges::new(), 0);
    while let Some(answer) = answers.next().await {
        let Walked { there, not_there } = answer?;
        there.into_iter().for_each(|span| holes.missing.add(span));
        not_there.into_iter().for_each(|span| absent.add(span));
        done += 1;
        progress(done);
    }
    if absent.is_empty() {
        return Ok(holes);
    }
    // Asked last: what the stream deleted meanwhile is among it.
    let facts = source.facts().await?;
    let deleted = if facts.deleted > 0 { source.deleted().await? } else { Vec::new() };
    classify(&absent, facts.first_sequence, &deleted, &mut holes);
    Ok(holes)
}

fn classify(absent: &Ranges, first_sequence: u64, deleted: &[u64], holes: &mut Holes) {
    let deleted: Ranges = deleted.iter().copied().map(Span::one).collect();
    for span in absent.iter() {
        let gone = first_sequence.checked_sub(1).and_then(|last| Span::new(0, last)?.intersection(span));
        let gone = gone.into_iter().chain(deleted.within(span));
        gone.for_each(|span| holes.deleted.add(span));
    }
    for span in absent.iter() {
        holes.deleted.holes(span).for_each(|span| holes.other_subjects.add(span));
    }
}

/// What the stream has of one hole.
#[derive(Debug, Default, PartialEq, Eq)]
struct Walked {
    there: Vec<Span>,
    not_there: Vec<Span>,
}

/// Goes from message to message through a hole. `next` tells the first message from a sequence on.
async fn walk<E, F>(hole: Span, next: impl Fn(u64) -> F) -> Result<Walked, E>
where
    F: Future<Output = Result<Option<u64>, E>>,
{
    let mut walked = Walked::default();
    let mut at = hole.first;
    loop {
        // An answer from before the question would be walked through for ever.
        let message = next(at).await?.filter(|message| (at..=hole.last).contains(message));
        let Some(message) = message else {
            walked.not_there.push(Span { first: at, last: hole.last });
            return Ok(walked);
        };
        walked.not_there.extend(message.checked_sub(1).and_then(|last| Span::new(at, last)));
        match walked.there.last_mut() {
            Some(run) if run.last + 1 == message => run.last = message,
            _ => walked.there.push(Span::one(message)),
        }
        if message == hole.last {
            return Ok(walked);
        }
        at = message + 1;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::source::nats::ConsumerFacts;

    fn span(first: u64, last: u64) -> Span {
        Span::new(first, last).unwrap()
    }

    fn facts(first_sequence: u64, last_sequence: u64, ack_floor: Option<u64>) -> StreamFacts {
        let consumer = ack_floor.map(|ack_floor| ConsumerFacts {
            name: "sink".to_owned(),
            ack_floor,
            ack_pending: 0,
            pending: 0,
            filter_subjects: vec![],
            from_the_beginning: true,
        });
        let messages = (last_sequence + 1).saturating_sub(first_sequence);
        let name = "S".to_owned();
        let subjects = vec!["a.>".to_owned()];
        StreamFacts { name, begin: 0, subjects, messages, first_sequence, last_sequence, deleted: 0, consumer }
    }

    #[test]
    fn only_what_is_settled_and_still_there_is_judged() {
        let stored: Ranges = [span(1, 50)].into_iter().collect();
        assert_eq!(judged(&facts(1, 100, Some(80)), &stored, None), Some(span(1, 80)));
        assert_eq!(judged(&facts(20, 100, Some(80)), &stored, None), Some(span(20, 80)));
        assert_eq!(judged(&facts(20, 100, Some(80)), &stored, Some(span(30, 40))), Some(span(30, 40)));
        assert_eq!(judged(&facts(90, 100, Some(80)), &stored, None), None, "retention has passed the sink");
        assert_eq!(judged(&facts(1, 100, Some(0)), &stored, None), None, "nothing is settled");
        assert_eq!(judged(&facts(1, 100, None), &stored, None), Some(span(1, 50)), "without a consumer");
        assert_eq!(judged(&facts(1, 100, None), &Ranges::new(), None), None);
    }

    fn walked(hole: Span, messages: &[u64]) -> Walked {
        let messages: Ranges = messages.iter().copied().map(Span::one).collect();
        let next = |from| {
            let next = messages.within(span(from, u64::MAX)).next().map(|span| span.first);
            async move { Ok::<_, Infallible>(next) }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(walk(hole, next)).unwrap()
    }

    #[test]
    fn a_hole_is_walked_from_message_to_message() {
        let nothing = Walked { there: vec![], not_there: vec![span(5, 9)] };
        assert_eq!(walked(span(5, 9), &[]), nothing);
        assert_eq!(walked(span(5, 9), &[4, 10, 11]), nothing);
        assert_eq!(walked(span(5, 9), &[5, 6, 7, 8, 9, 10]), Walked { there: vec![span(5, 9)], not_there: vec![] });
        let some = Walked { there: vec![span(6, 7), span(9, 9)], not_there: vec![span(5, 5), span(8, 8)] };
        assert_eq!(walked(span(5, 9), &[2, 6, 7, 9, 12]), some);
        assert_eq!(walked(span(0, 1), &[0]), Walked { there: vec![span(0, 0)], not_there: vec![span(1, 1)] });
    }

    #[test]
    fn what_is_absent_was_deleted_or_is_of_another_subject() {
        let absent: Ranges = [span(3, 12), span(20, 29)].into_iter().collect();
        let mut holes = Holes::default();
        classify(&absent, 6, &[11, 12, 13, 25], &mut holes);
        assert_eq!(holes.deleted.iter().collect::<Vec<_>>(), [span(3, 5), span(11, 12), span(25, 25)]);
        assert_eq!(holes.other_subjects.iter().collect::<Vec<_>>(), [span(6, 10), span(20, 24), span(26, 29)]);
    }
}
