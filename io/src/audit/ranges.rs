//! Sequences as merged ranges: what is complete takes the room of one number pair, however many sequences it holds.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// A run of sequences, both ends included; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first sequence.
    pub first: u64,
    /// The last sequence, not less than the first.
    pub last: u64,
}

impl Span {
    /// A run from `first` to `last`; none when it would be empty.
    pub fn new(first: u64, last: u64) -> Option<Span> {
        (first <= last).then_some(Span { first, last })
    }

    /// A run of one sequence.
    pub fn one(sequence: u64) -> Span {
        Span { first: sequence, last: sequence }
    }

    /// How many sequences it holds. All 2^64 are counted as one less.
    pub fn count(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// The run in pieces of at most so many sequences, at least one, in order.
    pub fn pieces(self, most: u64) -> impl Iterator<Item = Span> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let Span { first, last } = rest?;
            let end = first.saturating_add(most.max(1) - 1).min(last);
            rest = end.checked_add(1).and_then(|first| Span::new(first, last));
            Some(Span { first, last: end })
        })
    }

    /// What two runs have in common.
    pub fn intersection(self, other: Span) -> Option<Span> {
        Span::new(self.first.max(other.first), self.last.min(other.last))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.first, self.last].serialize(serializer)
    }
}

/// A set of sequences. Its memory grows with the number of its runs, not of its sequences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// The runs by their first sequences. No two touch.
    runs: BTreeMap<u64, u64>,
}

impl Ranges {
    /// No sequences.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a run, and hands each part of it that was there already to `again`.
    pub fn insert(&mut self, span: Span, mut again: impl FnMut(Span)) {
        let (mut first, mut last) = (span.first, span.last);
        let before = self.runs.range(..=span.last).rev().map(|(first, last)| Span { first: *first, last: *last });
        // Those that overlap or touch from the left, the greatest first.
        let touching: Vec<Span> = before.take_while(|run| run.last >= span.first.saturating_sub(1)).collect();
        for run in touching.into_iter().rev() {
            if let Some(common) = run.intersection(span) {
                again(common);
            }
            first = first.min(run.first);
            last = last.max(run.last);
            self.runs.remove(&run.first);
        }
        if let Some(next) = last.checked_add(1)
            && let Some(end) = self.runs.remove(&next)
        {
            last = end;
        }
        self.runs.insert(first, last);
    }

    /// Adds a run.
    pub fn add(&mut self, span: Span) {
        self.insert(span, |_| ());
    }

    /// How many sequences there are.
    pub fn count(&self) -> u64 {
        self.iter().fold(0, |sum, span| sum.saturating_add(span.count()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many runs there are.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The least sequence.
    pub fn first(&self) -> Option<u64> {
        self.runs.first_key_value().map(|(first, _)| *first)
    }

    /// The greatest sequence.
    pub fn last(&self) -> Option<u64> {
        self.runs.last_key_value().map(|(_, last)| *last)
    }

    /// Whether a sequence is there.
    pub fn contains(&self, sequence: u64) -> bool {
        self.runs.range(..=sequence).next_back().is_some_and(|(_, last)| *last >= sequence)
    }

    /// The runs, in order.
    pub fn iter(&self) -> impl Iterator<Item = Span> + '_ {
        self.runs.iter().map(|(first, last)| Span { first: *first, last: *last })
    }

    /// The parts of the runs that lie within a span, in order.
    pub fn within(&self, span: Span) -> impl Iterator<Item = Span> + '_ {
        // The run that begins before the span may reach into it.
        let start = self.runs.range(..=span.first).next_back().map_or(span.first, |(first, _)| *first);
        let runs = self.runs.range(start..=span.last.max(start));
        runs.filter_map(move |(first, last)| Span { first: *first, last: *last }.intersection(span))
    }

    /// What of a span is not there, in order.
    pub fn holes(&self, span: Span) -> impl Iterator<Item = Span> + '_ {
        let mut next = Some(span.first);
        let mut runs = self.within(span);
        std::iter::from_fn(move || {
            loop {
                let from = next?;
                let Some(run) = runs.next() else {
                    next = None;
                    return Span::new(from, span.last);
                };
                next = run.last.checked_add(1).filter(|after| *after <= span.last);
                if let Some(hole) = run.first.checked_sub(1).and_then(|last| Span::new(from, last)) {
                    return Some(hole);
                }
            }
        })
    }
}

impl FromIterator<Span> for Ranges {
    fn from_iter<I: IntoIterator<Item = Span>>(spans: I) -> Self {
        let mut ranges = Ranges::new();
        spans.into_iter().for_each(|span| ranges.add(span));
        ranges
    }
}

impl Serialize for Ranges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn span(first: u64, last: u64) -> Span {
        Span::new(first, last).unwrap()
    }

    fn spans(ranges: &Ranges) -> Vec<(u64, u64)> {
        ranges.iter().map(|span| (span.first, span.last)).collect()
    }

    #[test]
    fn runs_that_touch_become_one() {
        let mut ranges: Ranges = [span(1, 3), span(7, 9)].into_iter().collect();
        assert_eq!(spans(&ranges), [(1, 3), (7, 9)]);
        ranges.add(span(4, 6));
        assert_eq!(spans(&ranges), [(1, 9)]);
        assert_eq!((ranges.count(), ranges.runs()), (9, 1));
    }

    #[test]
    fn what_was_there_is_told() {
        let mut ranges: Ranges = [span(1, 3), span(5, 6), span(20, 30)].into_iter().collect();
        let mut again = Vec::new();
        ranges.insert(span(2, 25), |common| again.push(common));
        assert_eq!(again, [span(2, 3), span(5, 6), span(20, 25)]);
        assert_eq!(spans(&ranges), [(1, 30)]);
    }

    #[test]
    fn the_ends_of_all_numbers_are_no_trap() {
        let mut ranges = Ranges::new();
        ranges.add(Span::one(u64::MAX));
        ranges.add(Span::one(0));
        assert_eq!(spans(&ranges), [(0, 0), (u64::MAX, u64::MAX)]);
        assert_eq!(ranges.holes(span(0, u64::MAX)).collect::<Vec<_>>(), [span(1, u64::MAX - 1)]);
        ranges.add(span(1, u64::MAX - 1));
        assert_eq!(ranges.holes(span(0, u64::MAX)).count(), 0);
        assert_eq!(ranges.count(), u64::MAX);
        assert_eq!(Span::new(2, 1), None);
    }

    #[test]
    fn a_run_in_pieces_is_the_run() {
        assert_eq!(span(3, 9).pieces(3).collect::<Vec<_>>(), [span(3, 5), span(6, 8), span(9, 9)]);
        assert_eq!(span(3, 8).pieces(3).collect::<Vec<_>>(), [span(3, 5), span(6, 8)]);
        assert_eq!(span(3, 9).pieces(u64::MAX).collect::<Vec<_>>(), [span(3, 9)]);
        assert_eq!(span(u64::MAX - 1, u64::MAX).pieces(0).count(), 2);
    }

    #[test]
    fn nothing_is_one_hole() {
        assert_eq!(Ranges::new().holes(span(5, 9)).collect::<Vec<_>>(), [span(5, 9)]);
    }

    fn some_span() -> impl Strategy<Value = Span> {
        (0u64..60, 0u64..12).prop_map(|(first, more)| span(first, first + more))
    }

    proptest! {
        /// The same as a set that knows each number.
        #[test]
        fn is_the_set_of_its_numbers(inserted in prop::collection::vec(some_span(), 0..20), asked in some_span()) {
            let (mut ranges, mut set) = (Ranges::new(), BTreeSet::new());
            for span in &inserted {
                let mut again = Vec::new();
                ranges.insert(*span, |common| again.extend(common.first..=common.last));
                let expected: Vec<u64> = (span.first..=span.last).filter(|number| set.contains(number)).collect();
                prop_assert_eq!(again, expected);
                set.extend(span.first..=span.last);
            }
            let listed: Vec<u64> = ranges.iter().flat_map(|span| span.first..=span.last).collect();
            prop_assert_eq!(&listed, &set.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(ranges.count(), set.len() as u64);
            prop_assert_eq!((ranges.first(), ranges.last()), (set.first().copied(), set.last().copied()));
            let edges: Vec<Span> = ranges.iter().collect();
            prop_assert!(edges.windows(2).all(|pair| pair[0].last + 1 < pair[1].first), "two runs touch: {:?}", edges);

            let numbers = asked.first..=asked.last;
            let within: Vec<u64> = ranges.within(asked).flat_map(|span| span.first..=span.last).collect();
            let holes: Vec<u64> = ranges.holes(asked).flat_map(|span| span.first..=span.last).collect();
            let (there, missing): (Vec<u64>, Vec<u64>) = numbers.partition(|number| set.contains(number));
            prop_assert!(there.iter().all(|number| ranges.contains(*number)));
            prop_assert_eq!(within, there);
            prop_assert_eq!(holes, missing);
        }
    }
}
