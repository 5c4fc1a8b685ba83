//! Which rows are the same, and which only share their message, or its sequence.
//!
//! A row is its message and its place among the rows of that. A message is its sequence and its time of publishing: a stream that was made anew, or that lost its tail, gives a sequence to
//! another message, which is no duplicate.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ranges::{Ranges, Span};

/// One row that shares its sequence with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub sequence: u64,
    /// In microseconds since the Unix epoch.
    pub published_at: i64,
    /// Its place among the rows of its message.
    pub index: u32,
    /// The number of its file.
    pub file: usize,
}

/// Rows that are stored more than once, by the files that they are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Copies {
    groups: BTreeMap<Vec<usize>, Group>,
    /// Sequences that belong to more than one message.
    pub reused: Ranges,
}

/// What one set of files has in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    /// Rows beyond one of each.
    pub rows: u64,
    pub sequences: Ranges,
}

impl Copies {
    /// Takes all rows of some sequences, in any order.
    pub fn add(&mut self, mut rows: Vec<Row>) {
        rows.sort_unstable();
        for of_one_sequence in rows.chunk_by(|a, b| a.sequence == b.sequence) {
            let sequence = Span::one(of_one_sequence[0].sequence);
            let mut messages = 0;
            for of_one_message in of_one_sequence.chunk_by(|a, b| a.published_at == b.published_at) {
                messages += 1;
                for same in of_one_message.chunk_by(|a, b| a.index == b.index).filter(|same| same.len() > 1) {
                    let mut files: Vec<usize> = same.iter().map(|row| row.file).collect();
                    files.dedup();
                    let group = self.groups.entry(files).or_default();
                    group.rows += same.len() as u64 - 1;
                    group.sequences.add(sequence);
                }
            }
            if messages > 1 {
                self.reused.add(sequence);
            }
        }
    }

    /// The sets of files, each with what they have in common.
    pub fn groups(self) -> impl Iterator<Item = (Vec<usize>, Group)> {
        self.groups.into_iter()
    }
}

/// Cuts what was seen more than once into pieces of at most so many sequences, so that the rows of one piece fit into memory.
pub(super) fn pieces(again: &Ranges, most: u64) -> Vec<Ranges> {
    let mut pieces = Vec::new();
    let (mut piece, mut room) = (Ranges::new(), most);
    for span in again.iter() {
        let mut rest = Some(span);
        while let Some(span) = rest {
            let last = span.first.saturating_add(room - 1).min(span.last);
            let part = Span { first: span.first, last };
            room -= part.count();
            piece.add(part);
            rest = last.checked_add(1).and_then(|first| Span::new(first, span.last));
            if room == 0 {
                pieces.push(std::mem::take(&mut piece));
                room = most;
            }
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(sequence: u64, published_at: i64, file: usize) -> Row {
        Row { sequence, published_at, index: 0, file }
    }

    type Found = (Vec<usize>, u64, Vec<(u64, u64)>);

    fn found(copies: Copies) -> Vec<Found> {
        let spans = |ranges: &Ranges| ranges.iter().map(|span| (span.first, span.last)).collect();
        copies.groups().map(|(files, group)| (files, group.rows, spans(&group.sequences))).collect()
    }

    #[test]
    fn a_copied_file_is_one_group() {
        let mut copies = Copies::default();
        copies.add((5..=9).flat_map(|sequence| [row(sequence, 100, 0), row(sequence, 100, 3)]).collect());
        assert!(copies.reused.is_empty());
        assert_eq!(found(copies), [(vec![0, 3], 5, vec![(5, 9)])]);
    }

    #[test]
    fn another_time_is_another_message() {
        let mut copies = Copies::default();
        copies.add(vec![row(1, 100, 0), row(1, 200, 1), row(2, 100, 0), row(2, 200, 1), row(2, 200, 1)]);
        assert_eq!(copies.reused.iter().collect::<Vec<_>>(), [Span { first: 1, last: 2 }]);
        assert_eq!(found(copies), [(vec![1], 1, vec![(2, 2)])]);
    }

    #[test]
    fn the_rows_of_a_message_are_no_copies_of_each_other() {
        let rows = |file| (0..3).map(move |index| Row { index, ..row(1, 100, file) });
        let mut copies = Copies::default();
        copies.add(rows(0).collect());
        assert!(found(copies.clone()).is_empty());
        copies.add(rows(0).chain(rows(1).skip(1)).collect());
        assert_eq!(found(copies), [(vec![0, 1], 2, vec![(1, 1)])]);
    }

    #[test]
    fn three_copies_are_two_too_many() {
        let mut copies = Copies::default();
        copies.add(vec![row(1, 100, 2), row(1, 100, 0), row(1, 100, 1)]);
        assert_eq!(found(copies), [(vec![0, 1, 2], 2, vec![(1, 1)])]);
    }

    proptest! {
        #[test]
        fn pieces_are_the_whole_and_small(
            spans in prop::collection::vec((0u64..1000, 0u64..40), 0..20),
            most in 1u64..50,
        ) {
            let whole: Ranges =
                spans.iter().filter_map(|(first, more)| Span::new(*first, first + more)).collect();
            let pieces = pieces(&whole, most);
            prop_assert!(pieces.iter().all(|piece| (1..=most).contains(&piece.count())));
            let total: u64 = pieces.iter().map(Ranges::count).sum();
            prop_assert_eq!(total, whole.count());
            prop_assert_eq!(pieces.iter().flat_map(Ranges::iter).collect::<Ranges>(), whole);
        }
    }
}
