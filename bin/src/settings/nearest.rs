//! What somebody may have meant by a name that isn't one.

use warehouse_sink_proto::COLUMNS;

use super::keys::SECTIONS;
use super::table::{Key, Section, VARIABLE_PREFIX, variable_name};
use super::types::Options;
use super::value::Value;

/// How alike two names must be for one to be suggested for the other, from 0 to 1.
const ALIKE: f64 = 0.75;
/// A key of another section must be nearly the same.
const NEARLY_THE_SAME: f64 = 0.93;

/// Keys that earlier versions had, and what to do about them.
const GONE: [(&str, &str, &str); 2] = [
    ("nats", "ack", "explicit acks are the only mode"),
    ("nats", "takeover_after", "replicas share the consumer, and none stands by"),
];

/// The end of a message on a section that isn't one.
pub fn section_hint(name: &str) -> String {
    match best(SECTIONS.iter(), ALIKE, |section| strsim::jaro_winkler(section.name, name)) {
        Some(section) => format!("did you mean [{}]?", section.name),
        None => format!("the sections are {}", join(SECTIONS.iter().map(|section| section.name))),
    }
}

/// The end of a message on a key that `section` hasn't, or that stands outside of every section.
pub fn key_hint(section: Option<&Section>, name: &str) -> String {
    if let Some(advice) = section.and_then(|section| gone(section.name, name)) {
        return advice;
    }
    let likeness = |key: &&Key| strsim::jaro_winkler(key.name, name);
    if let Some(key) = section.and_then(|section| best(section.keys.iter(), ALIKE, likeness)) {
        return format!("did you mean `{}`?", key.name);
    }
    match (best(keys(), NEARLY_THE_SAME, likeness), section) {
        (Some(key), _) => format!("did you mean `{}` of [{}]?", key.name, key.section),
        (None, Some(section)) => format!("its keys are {}", join(section.keys.iter().map(|key| key.name))),
        (None, None) => section_hint(name),
    }
}

/// The end of a message on a column that event files haven't.
pub fn column_hint(name: &str) -> String {
    match best(COLUMNS.iter(), ALIKE, |column| strsim::jaro_winkler(column.name, name)) {
        Some(column) => format!("did you mean {:?}?", column.name),
        None => format!("its columns are {}", join(COLUMNS.iter().map(|column| column.name))),
    }
}

/// The end of a message on an environment variable that begins like ours and isn't one.
pub fn variable_hint(name: &str) -> String {
    let wanted = plain(name);
    let is_gone = |(section, key, _): &&(&str, &str, &str)| plain(&variable_name(section, key)) == wanted;
    if let Some(advice) = GONE.iter().find(is_gone).and_then(|(section, key, _)| gone(section, key)) {
        return advice;
    }
    let of_options = keys().filter(|key| key.kind == Options::KIND).map(Key::variable).find_map(|options| {
        let entry = wanted.strip_prefix(&plain(&options))?.strip_prefix('_')?;
        Some(format!("did you mean {options}__{entry}?"))
    });
    let tail = |name: &str| name.strip_prefix(&plain(VARIABLE_PREFIX)).unwrap_or(name).to_owned();
    let wanted = tail(&wanted);
    let likeness = |key: &&Key| strsim::jaro_winkler(&tail(&plain(&key.variable())), &wanted);
    match (of_options, best(keys(), ALIKE, likeness)) {
        (Some(hint), _) => hint,
        (None, Some(key)) => format!("did you mean {}?", key.variable()),
        (None, None) => format!(
            "the names are {VARIABLE_PREFIX}SECTION__KEY, as in WAREHOUSE_SINK__NATS__URL, and no other may begin so"
        ),
    }
}

/// A name without what people mistake in it: small letters, and too many or too few underscores.
fn plain(name: &str) -> String {
    name.to_uppercase().split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

/// The end of a message on a key that an earlier version had.
fn gone(section: &str, name: &str) -> Option<String> {
    let (_, _, advice) = GONE.iter().find(|(of, key, _)| (*of, *key) == (section, name))?;
    Some(format!("it was removed, {advice}: leave it out"))
}

fn keys() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// The end of a message on a name that is none of these: the nearest, or all.
pub fn name_hint<'a>(known: impl Iterator<Item = &'a str> + Clone, name: &str) -> String {
    match best(known.clone(), ALIKE, |known| strsim::jaro_winkler(known, name)) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("there are {}", join(known)),
    }
}

/// The first of the candidates that are most alike, if alike enough.
fn best<T>(candidates: impl Iterator<Item = T>, least: f64, likeness: impl Fn(&T) -> f64) -> Option<T> {
    let mut best = None;
    let mut best_likeness = least;
    for candidate in candidates {
        let likeness = likeness(&candidate);
        if likeness > best_likeness || (best.is_none() && likeness >= least) {
            (best, best_likeness) = (Some(candidate), likeness);
        }
    }
    best
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nats() -> Option<&'static Section> {
        SECTIONS.iter().find(|section| section.name == "nats")
    }

    #[test]
    fn a_typo_finds_its_neighbour() {
        assert_eq!(key_hint(nats(), "strem"), "did you mean `stream`?");
        assert_eq!(key_hint(nats(), "workers"), "did you mean `worker_count`?");
        assert_eq!(section_hint("storge"), "did you mean [storage]?");
        assert_eq!(section_hint("dead-letter"), "did you mean [dead_letter]?");
    }

    #[test]
    fn a_key_of_another_section_is_found_there() {
        assert_eq!(key_hint(nats(), "flush_interval"), "did you mean `flush_interval` of [batch]?");
        assert_eq!(key_hint(None, "stream"), "did you mean `stream` of [nats]?");
    }

    #[test]
    fn what_is_like_nothing_gets_the_whole_list() {
        let hint = key_hint(nats(), "qqq");
        assert!(hint.starts_with("its keys are url, stream, consumer"), "{hint}");
        assert!(section_hint("qqq").starts_with("the sections are nats, schema, batch"));
    }

    #[test]
    fn a_variable_finds_its_neighbour() {
        let hint = variable_hint("WAREHOUSE_SINK__NATS__STREM");
        assert_eq!(hint, "did you mean WAREHOUSE_SINK__NATS__STREAM?");
        let hint = variable_hint("WAREHOUSE_SINK__BATCH_MAX_EVENTS");
        assert_eq!(hint, "did you mean WAREHOUSE_SINK__BATCH__MAX_EVENTS?");
        let hint = variable_hint("warehouse_sink_nats__url");
        assert_eq!(hint, "did you mean WAREHOUSE_SINK__NATS__URL?");
        let hint = variable_hint("WAREHOUSE_SINK_STORAGE_OPTIONS__BUCKET");
        assert_eq!(hint, "did you mean WAREHOUSE_SINK__STORAGE__OPTIONS__BUCKET?");
        assert!(variable_hint("WAREHOUSE_SINK_QQQ").starts_with("the names are"));
    }
}
