//! Which subjects a filter takes, as NATS has it, and how filters relate to each other.

use std::collections::BTreeSet;

/// A subject in which `*` stands for one token and `>` at the end for one or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectFilter(String);

impl SubjectFilter {
    /// A filter; what NATS would not take for one fits nothing, or too little.
    pub fn new(filter: impl Into<String>) -> Self {
        SubjectFilter(filter.into())
    }

    /// Whether it takes a subject. Nothing is allocated.
    pub fn fits(&self, subject: &str) -> bool {
        let (mut wanted, mut found) = (self.0.split('.'), subject.split('.'));
        loop {
            match (wanted.next(), found.next()) {
                (Some(">"), Some(_)) => return true,
                (Some("*"), Some(_)) => {}
                (Some(wanted), Some(found)) if wanted == found => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }
}

/// Returns the filter that takes what both take; none where there is no such subject.
pub fn intersection(a: &str, b: &str) -> Option<String> {
    let (mut left, mut right) = (a.split('.').peekable(), b.split('.').peekable());
    let mut tokens = Vec::new();
    loop {
        match (left.peek().copied(), right.peek().copied()) {
            (None, None) => return Some(tokens.join(".")),
            (Some(">"), Some(_)) => return Some(tokens.into_iter().chain(right).collect::<Vec<_>>().join(".")),
            (Some(_), Some(">")) => return Some(tokens.into_iter().chain(left).collect::<Vec<_>>().join(".")),
            (Some("*"), Some(token)) | (Some(token), Some("*")) => tokens.push(token),
            (Some(token), Some(other)) if token == other => tokens.push(token),
            _ => return None,
        }
        left.next();
        right.next();
    }
}

/// Whether every subject that `filter` takes is taken by one of `filters` at least.
///
/// A filter may be covered by several together: `a.>` is by `a.*` and `a.*.>`.
pub fn covers<T: AsRef<str>>(filters: &[T], filter: &str) -> bool {
    let split = |filter: &str| -> Vec<String> { filter.split('.').map(str::to_owned).collect() };
    let filters: Vec<_> = filters.iter().map(|filter| split(filter.as_ref())).collect();
    covers_rest(&filters.iter().map(Vec::as_slice).collect(), &split(filter))
}

/// Whether what is left of some filters takes all that is left of one. Each call drops a token of every filter, so it ends.
fn covers_rest(filters: &BTreeSet<&[String]>, rest: &[String]) -> bool {
    let may_end = |filters: &BTreeSet<&[String]>| filters.iter().any(|filter| filter.is_empty());
    let Some((token, after)) = rest.split_first() else { return may_end(filters) };
    let heads = || filters.iter().filter_map(|filter| filter.first().map(String::as_str));
    if heads().any(|head| head == ">") {
        return true;
    }
    let tokens: BTreeSet<&str> = match token.as_str() {
        // The empty one stands for all tokens that no filter names.
        "*" | ">" => heads().filter(|head| *head != "*").chain([""]).collect(),
        token => [token].into(),
    };
    tokens.into_iter().all(|token_now| {
        let left = filters.iter().filter_map(|filter| {
            let (head, left) = filter.split_first()?;
            (head == "*" || head == token_now).then_some(left)
        });
        let left = left.collect();
        // After a token of `>` the subject may end, or go on with another one.
        if token == ">" { may_end(&left) && covers_rest(&left, rest) } else { covers_rest(&left, after) }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Filters of up to three tokens.
    fn filter() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec!["a", "b", "*"]);
        (prop::collection::vec(token, 0..3), prop::bool::ANY).prop_map(|(mut tokens, full)| {
            if full || tokens.is_empty() {
                tokens.push(">");
            }
            tokens.join(".")
        })
    }

    /// All subjects of up to four tokens of three kinds, one of which no filter names.
    fn subjects() -> Vec<String> {
        let mut all: Vec<String> = vec![];
        let mut last = vec![String::new()];
        for _ in 0..4 {
            let longer = |subject: &String| {
                ["a", "b", "c"]
                    .map(|token| if subject.is_empty() { token.to_owned() } else { format!("{subject}.{token}") })
            };
            last = last.iter().flat_map(longer).collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    fn fits(filter: &str, subject: &str) -> bool {
        SubjectFilter::new(filter).fits(subject)
    }

    proptest! {
        #[test]
        fn an_intersection_takes_what_both_take(a in filter(), b in filter()) {
            let both = intersection(&a, &b);
            for subject in subjects() {
                let taken = both.as_ref().is_some_and(|both| fits(both, &subject));
                prop_assert_eq!(taken, fits(&a, &subject) && fits(&b, &subject), "{} and {}: {}", a, b, subject);
            }
        }

        #[test]
        fn filters_cover_one_whose_subjects_they_all_take(
            filters in prop::collection::vec(filter(), 0..5),
            filter in filter(),
        ) {
            let all = subjects().into_iter().filter(|subject| fits(&filter, subject));
            let taken = all.into_iter().all(|subject| filters.iter().any(|filter| fits(filter, &subject)));
            prop_assert_eq!(covers(&filters, &filter), taken, "{:?} and {}", filters, filter);
        }
    }

    #[test]
    fn several_filters_cover_one_together() {
        assert!(covers(&["a.*", "a.*.>"], "a.>"));
        assert!(!covers(&["a.*", "a.*.*"], "a.>"));
        assert!(covers(&[">"], "a.>") && covers(&["*", "*.>"], ">"));
        assert!(!covers::<&str>(&[], ">"));
        assert_eq!(intersection("a.>", "*.b"), Some("a.b".to_owned()));
        assert_eq!(intersection("a.>", "a"), None);
    }

    #[test]
    fn fits_as_in_nats() {
        let cases = [
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.b", "a", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("*.b", "a.b", true),
            ("a.*.c", "a.b.c", true),
            ("a.>", "a.b", true),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
            (">", "a.b", true),
            ("a.*.>", "a.b", false),
            ("a.*.>", "a.b.c.d", true),
            ("a", "b", false),
            ("a*", "ab", false),
        ];
        for (filter, subject, fits) in cases {
            assert_eq!(SubjectFilter::new(filter).fits(subject), fits, "{filter} and {subject}");
        }
    }
    #[test]
    fn covers_what_it_takes_all_of() {
        let cases = [
            (">", ">", true),
            (">", "a.*", true),
            ("a.>", "a.b", true),
            ("a.>", "a.>", true),
            ("a.>", "a.*.c", true),
            ("a.>", "a", false),
            ("a.>", ">", false),
            ("a.>", "*.b", false),
            ("a.*", "a.*", true),
            ("a.*", "a.>", false),
            ("*", ">", false),
            ("*.>", ">", false),
            ("*.>", "a.>", true),
            ("a.b", "a.*", false),
        ];
        for (filter, other, is_covered) in cases {
            assert_eq!(covers(&[filter], other), is_covered, "{filter} and {other}");
        }
    }
}
