//! What is stored of one stream, by sequence.

use super::ranges::{Ranges, Span};
use super::scan::Scan;

/// The sequences of a stream that were found in files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Of the stream as it is now.
    pub stored: Ranges,
    /// Of earlier streams of the same name.
    pub earlier: Ranges,
    /// Found more than once, in either.
    pub again: Ranges,
    pub earlier_rows: u64,
    pub files: u64,
    pub rows: u64,
}

impl Ledger {
    pub fn add(&mut self, scan: &Scan) {
        let again = &mut self.again;
        for (set, runs) in [(&mut self.stored, &scan.runs), (&mut self.earlier, &scan.earlier)] {
            for run in runs {
                set.insert(*run, |common| again.add(common));
            }
        }
        self.earlier_rows += scan.earlier.iter().map(|run| run.count()).sum::<u64>();
        self.files += 1;
        self.rows += scan.rows;
    }

    /// All that is stored, whichever stream of the name it is from.
    pub fn extent(&self) -> Option<Span> {
        let ends = [&self.stored, &self.earlier].into_iter().filter_map(|set| set.first().zip(set.last()));
        ends.map(|(first, last)| Span { first, last })
            .reduce(|one, other| Span { first: one.first.min(other.first), last: one.last.max(other.last) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(runs: &[(u64, u64)], earlier: &[(u64, u64)]) -> Scan {
        let spans = |runs: &[(u64, u64)]| -> Vec<Span> {
            runs.iter().map(|(first, last)| Span { first: *first, last: *last }).collect()
        };
        let (runs, earlier) = (spans(runs), spans(earlier));
        let rows = runs.iter().chain(&earlier).map(|run| run.count()).sum();
        Scan { stream: "S".to_owned(), rows, extent: Span { first: 0, last: 99 }, runs, earlier }
    }

    #[test]
    fn files_with_every_other_sequence_make_one_run() {
        let mut ledger = Ledger::default();
        let every_other = |from: u64| (from..20).step_by(2).map(|n| (n, n)).collect::<Vec<_>>();
        ledger.add(&scan(&every_other(1), &[]));
        assert_eq!(ledger.stored.runs(), 10);
        ledger.add(&scan(&every_other(2), &[]));
        assert_eq!(ledger.stored.iter().collect::<Vec<_>>(), [Span { first: 1, last: 19 }]);
        assert!(ledger.again.is_empty());
        assert_eq!((ledger.files, ledger.rows), (2, 19));
    }

    #[test]
    fn an_earlier_stream_hides_no_hole_and_makes_no_duplicate() {
        let mut ledger = Ledger::default();
        ledger.add(&scan(&[(1, 3), (6, 9)], &[(2, 8)]));
        assert!(ledger.again.is_empty());
        assert_eq!(ledger.stored.holes(Span { first: 1, last: 9 }).collect::<Vec<_>>(), [Span { first: 4, last: 5 }]);
        assert_eq!((ledger.earlier_rows, ledger.extent()), (7, Some(Span { first: 1, last: 9 })));
        // Twice in one file counts too.
        ledger.add(&scan(&[(20, 22), (21, 21)], &[]));
        assert_eq!(ledger.again.iter().collect::<Vec<_>>(), [Span::one(21)]);
    }
}
