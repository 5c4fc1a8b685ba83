//! The names of an enum's values.

/// One enum type.
#[derive(Debug)]
pub(crate) struct EnumTable {
    /// Number and name, by number; of several names for a number the first that is declared.
    values: Box<[(i32, Box<str>)]>,
    /// The number of the value that is declared first: 0 but in proto2.
    pub default: i32,
    /// Whether it is `google.protobuf.NullValue`, whose value is null in JSON.
    pub is_null: bool,
}

impl EnumTable {
    pub(super) fn new(name: &str, values: impl Iterator<Item = (i32, Box<str>)>) -> Self {
        let mut values: Vec<_> = values.collect();
        let default = values.first().map_or(0, |(number, _)| *number);
        // Stable, so that the first of several names stays the first.
        values.sort_by_key(|(number, _)| *number);
        values.dedup_by_key(|(number, _)| *number);
        Self { values: values.into(), default, is_null: name == "google.protobuf.NullValue" }
    }

    /// The name of the value with this number; none for a number that this version of the schema does not know.
    #[inline]
    pub fn name(&self, number: i32) -> Option<&str> {
        self.position(number).map(|at| &*self.values[at].1)
    }

    /// The place among all names of the value with this number.
    #[inline]
    pub fn position(&self, number: i32) -> Option<usize> {
        // Most enums count from zero without a gap.
        let guess =
            usize::try_from(number).ok().filter(|guess| self.values.get(*guess).is_some_and(|(at, _)| *at == number));
        guess.or_else(|| self.values.binary_search_by_key(&number, |(number, _)| *number).ok())
    }

    /// All names, by their numbers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(_, name)| &**name)
    }
}
