//! From a field's number to its index.

/// Numbers below this are looked up, those above searched for.
const MAX_DENSE: u32 = 1024;

#[derive(Debug)]
pub(super) struct Numbers {
    /// By number: the index plus one, or 0 where there is no such field.
    dense: Box<[u16]>,
    /// Number and index, by number.
    sparse: Box<[(u32, u16)]>,
}

impl Numbers {
    /// An index and the one of no field have to fit into 16 bits.
    pub const MAX_FIELDS: usize = u16::MAX as usize - 1;

    /// Of numbers in rising order, at most [`Numbers::MAX_FIELDS`].
    pub fn new(numbers: &[u32]) -> Self {
        let split = numbers.partition_point(|number| *number < MAX_DENSE);
        let (small, large) = numbers.split_at(split);
        let mut dense = vec![0; small.last().map_or(0, |last| *last as usize + 1)];
        for (number, index) in small.iter().zip(1..) {
            dense[*number as usize] = index;
        }
        let sparse = large.iter().zip(split as u16..).map(|(number, index)| (*number, index)).collect();
        Self { dense: dense.into(), sparse }
    }

    #[inline]
    pub fn find(&self, number: u32) -> Option<usize> {
        if let Some(index) = self.dense.get(number as usize) {
            return usize::from(*index).checked_sub(1);
        }
        let at = self.sparse.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(usize::from(self.sparse[at].1))
    }
}
