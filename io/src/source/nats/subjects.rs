//! Which subjects a stream can hold by its configuration, and how filters relate to them.

use std::collections::BTreeSet;

use async_nats::jetstream::stream::{Config, Source, SubjectTransform};

use crate::subject::{covers, intersection};

/// What stands for every subject.
const EVERYTHING: &str = ">";

/// The subjects that a stream can hold: the patterns of its own, and what comes from its mirror or sources, renamed where the
/// configuration renames. `origin` gives those of another stream, if they are known.
pub(super) fn possible(config: &Config, origin: impl Fn(&Source) -> Option<Vec<String>>) -> BTreeSet<String> {
    let mut own: BTreeSet<String> = config.subjects.iter().cloned().collect();
    for source in origins(config) {
        own.extend(of_origin(source, origin(source)));
    }
    match &config.subject_transform {
        Some(transform) => renamed(own, transform),
        None => own,
    }
}

/// The streams whose messages it takes in.
pub(super) fn origins(config: &Config) -> impl Iterator<Item = &Source> {
    config.mirror.iter().chain(config.sources.iter().flatten())
}

/// Whether the subjects of an origin depend on those of the other stream.
pub(super) fn depends_on_origin(source: &Source) -> bool {
    source.subject_transforms.is_empty() && source.filter_subject.as_ref().is_none_or(String::is_empty)
}

fn of_origin(source: &Source, theirs: Option<Vec<String>>) -> Vec<String> {
    if !source.subject_transforms.is_empty() {
        return source.subject_transforms.iter().map(destination).collect();
    }
    match source.filter_subject.as_deref().filter(|filter| !filter.is_empty()) {
        Some(filter) => vec![filter.to_owned()],
        None => theirs.unwrap_or_else(|| vec![EVERYTHING.to_owned()]),
    }
}

/// What is left under its own name, and the new names.
fn renamed(subjects: BTreeSet<String>, transform: &SubjectTransform) -> BTreeSet<String> {
    let source = all_if_empty(&transform.source);
    let is_renamed = subjects.iter().any(|subject| intersection(subject, source).is_some());
    let mut after: BTreeSet<String> = subjects.into_iter().filter(|subject| !covers(&[source], subject)).collect();
    if is_renamed {
        after.insert(destination(transform));
    }
    after
}

/// The pattern of what a transform makes. One without a destination lets pass what fits its source.
fn destination(transform: &SubjectTransform) -> String {
    if transform.destination.is_empty() {
        return all_if_empty(&transform.source).to_owned();
    }
    let mut pattern = Vec::new();
    for token in transform.destination.split('.') {
        let is_function = token.contains("{{") || token.starts_with('$');
        let lower = token.to_ascii_lowercase();
        if is_function && (lower.contains("split") || lower.contains("slice")) {
            // It makes any number of tokens.
            pattern.push(EVERYTHING);
            break;
        }
        pattern.push(if is_function { "*" } else { token });
    }
    pattern.join(".")
}

fn all_if_empty(subject: &str) -> &str {
    if subject.is_empty() { EVERYTHING } else { subject }
}

/// Filters as patterns: none stands for every subject.
pub(super) fn patterns<T: AsRef<str>>(filters: &[T]) -> Vec<&str> {
    let given: Vec<&str> = filters.iter().map(AsRef::as_ref).filter(|filter| !filter.is_empty()).collect();
    if given.is_empty() { vec![EVERYTHING] } else { given }
}

/// What these filters take of a stream with these subjects.
pub(super) fn taken(filters: &[&str], subjects: &BTreeSet<String>) -> BTreeSet<String> {
    let both = |filter: &&str| subjects.iter().filter_map(|subject| intersection(filter, subject)).collect::<Vec<_>>();
    filters.iter().flat_map(both).collect()
}

/// What `filters` take of a stream with these subjects and `others` don't.
pub(super) fn beyond(filters: &[&str], others: &[&str], subjects: &BTreeSet<String>) -> BTreeSet<String> {
    taken(filters, subjects).into_iter().filter(|subject| !covers(others, subject)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(subjects: &[&str]) -> BTreeSet<String> {
        subjects.iter().map(|&subject| subject.to_owned()).collect()
    }

    fn config(subjects: &[&str]) -> Config {
        Config { subjects: subjects.iter().map(|&subject| subject.to_owned()).collect(), ..Config::default() }
    }

    fn transform(source: &str, destination: &str) -> SubjectTransform {
        SubjectTransform { source: source.to_owned(), destination: destination.to_owned() }
    }

    #[test]
    fn a_streams_own_subjects_are_renamed_where_it_renames() {
        let plain = config(&["a.>", "b.*"]);
        assert_eq!(possible(&plain, |_| None), set(&["a.>", "b.*"]));
        for (source, destination, expected) in [
            ("a.>", "z.>", vec!["b.*", "z.>"]),
            ("", "z.{{wildcard(1)}}", vec!["z.*"]),
            ("a.*", "z.$1.{{partition(3,1)}}", vec!["a.>", "b.*", "z.*.*"]),
            ("b.*", "z.{{SplitFromLeft(1,3)}}.x", vec!["a.>", "z.>"]),
            ("elsewhere", "z", vec!["a.>", "b.*"]),
        ] {
            let config = Config { subject_transform: Some(transform(source, destination)), ..plain.clone() };
            assert_eq!(possible(&config, |_| None), set(&expected), "{source} to {destination}");
        }
    }

    #[test]
    fn what_comes_from_other_streams_counts_by_what_is_known_of_it() {
        let of = |filter: &str, transforms: Vec<SubjectTransform>| Source {
            filter_subject: Some(filter.to_owned()),
            subject_transforms: transforms,
            ..Source::default()
        };
        let mirror = |source| Config { mirror: Some(source), ..config(&[]) };
        let theirs = |_: &Source| Some(vec!["orders.>".to_owned()]);
        assert_eq!(possible(&mirror(of("", vec![])), |_| None), set(&[">"]), "not known");
        assert_eq!(possible(&mirror(of("", vec![])), theirs), set(&["orders.>"]));
        assert_eq!(possible(&mirror(of("orders.eu", vec![])), theirs), set(&["orders.eu"]));
        let renames = vec![transform("orders.>", "events.>"), transform("kept.>", "")];
        assert_eq!(possible(&mirror(of("", renames)), theirs), set(&["events.>", "kept.>"]));
        let sources = Config { sources: Some(vec![of("a.*", vec![]), of("", vec![])]), ..config(&["own"]) };
        assert_eq!(possible(&sources, theirs), set(&["a.*", "orders.>", "own"]));
        assert!(depends_on_origin(&of("", vec![])) && !depends_on_origin(&of("a", vec![])));
        assert_eq!(origins(&sources).count(), 2);
    }

    #[test]
    fn filters_are_compared_by_what_they_take_of_the_stream() {
        let stream = set(&["events.>", "other.>"]);
        let (wanted, all) = (patterns(&["events.>"]), patterns::<&str>(&[]));
        assert_eq!(all, [">"]);
        assert_eq!(beyond(&wanted, &all, &stream), set(&[]), "a superset skips nothing");
        assert_eq!(beyond(&all, &wanted, &stream), set(&["other.>"]));
        assert_eq!(beyond(&all, &wanted, &set(&["events.a", "events.b.>"])), set(&[]), "and gives no more here");
        assert_eq!(beyond(&wanted, &["events.a.>"], &stream), set(&["events.>"]), "a subset skips");
        assert_eq!(beyond(&wanted, &["events.*", "events.*.>"], &stream), set(&[]), "two take all together");
        assert_eq!(taken(&wanted, &set(&["orders.>"])), set(&[]));
    }
}
