//! Which subjects a filter takes, as NATS has it.

/// A subject in which `*` stands for one token and `>` at the end for one or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectFilter(String);

impl SubjectFilter {
    /// A filter; what NATS would not take for one fits nothing, or too little.
    pub fn new(filter: impl Into<String>) -> Self {
        SubjectFilter(filter.into())
    }

    /// Whether it takes every subject that another filter takes.
    pub fn covers(&self, other: &str) -> bool {
        let (mut wanted, mut found) = (self.0.split('.'), other.split('.'));
        loop {
            match (wanted.next(), found.next()) {
                (Some(">"), Some(_)) | (None, None) => return true,
                (Some("*"), Some(">")) => return false,
                (Some("*"), Some(_)) => {}
                (Some(wanted), Some(found)) if wanted == found => {}
                _ => return false,
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

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
        for (filter, other, covers) in cases {
            assert_eq!(SubjectFilter::new(filter).covers(other), covers, "{filter} and {other}");
        }
    }
}
