//! Where lists end.

use arrow::buffer::{OffsetBuffer, ScalarBuffer};

/// Where each of many lists ends in the array of all their elements.
#[derive(Debug)]
pub(crate) struct Ends {
    offsets: Vec<i32>,
}

impl Default for Ends {
    fn default() -> Self {
        Self { offsets: vec![0] }
    }
}

impl Ends {
    /// A body has fewer bytes than 2^31, each element takes one at least, and a batch is bounded by its bodies' bytes.
    pub fn push(&mut self, count: usize) {
        let last = self.offsets.last().copied().unwrap_or(0);
        self.offsets.push(last.saturating_add(i32::try_from(count).unwrap_or(i32::MAX)));
    }

    pub fn finish(self) -> OffsetBuffer<i32> {
        OffsetBuffer::new(ScalarBuffer::from(self.offsets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_end_where_the_next_begins() {
        let mut ends = Ends::default();
        [2, 0, 3].into_iter().for_each(|count| ends.push(count));
        assert_eq!(&ends.finish()[..], &[0, 2, 2, 5]);
    }
}
