use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{Decoder, EventSchema, Poison, event_kind};

fn options() -> GeneratorOptions {
    GeneratorOptions { seed: 7, poison_every: Some(10), ..GeneratorOptions::default() }
}

fn events(count: usize) -> Vec<EventEnvelope> {
    Generator::new(GeneratorOptions::default())
        .take(count)
        .map(|generated| EventEnvelope::decode(generated.body.as_slice()).unwrap())
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_messages() {
    let first: Vec<_> = Generator::new(options()).take(500).collect();
    let second: Vec<_> = Generator::new(options()).take(500).collect();
    assert_eq!(first, second);
    let other = Generator::new(GeneratorOptions { seed: 8, ..options() });
    assert!(first.iter().zip(other).all(|(a, b)| *a != b));
}

#[test]
fn the_first_events_hold_every_kind() {
    let kinds: BTreeSet<_> = events(payload::COUNT)
        .iter()
        .map(|event| event.payload.as_ref().map(std::mem::discriminant).is_some())
        .collect();
    assert_eq!(kinds.len(), 2, "with and without a payload");
    let names: BTreeSet<_> = events(payload::COUNT)
        .iter()
        .map(|event| {
            let (category, event_type) = event_kind(event);
            (category, if category == "custom" { String::new() } else { event_type.to_owned() })
        })
        .collect();
    // 29 payloads of the contract, and none.
    assert_eq!(names.len(), 30);
}

#[test]
fn kinds_are_as_frequent_as_in_an_app() {
    let mut counts = BTreeMap::<_, usize>::new();
    for event in events(20_000) {
        *counts.entry(event_kind(&event).0).or_default() += 1;
    }
    let screens_and_interactions = counts["screen"] + counts["interaction"];
    assert!(screens_and_interactions > 12_000, "{counts:?}");
    assert!(counts.values().all(|count| *count > 20), "{counts:?}");
}

#[test]
fn events_are_valid_unique_and_within_their_hours() {
    let mut decoder = Decoder::new(&EventSchema::built_in().unwrap());
    let mut ids = BTreeSet::new();
    let mut partitions = BTreeSet::new();
    let mut bytes = 0;
    for generated in Generator::new(GeneratorOptions::default()).take(20_000) {
        assert_eq!(generated.kind, Kind::Event);
        bytes += generated.body.len();
        partitions.insert(decoder.decode(&generated.body).unwrap());
        let event = EventEnvelope::decode(generated.body.as_slice()).unwrap();
        assert_eq!(event.id.len(), 36);
        assert!(ids.insert(event.id), "an id came twice");
    }
    assert_eq!(partitions.len(), 4 * 3, "four apps, three hours");
    let average = bytes / 20_000;
    assert!((250..350).contains(&average), "{average} bytes");
}

#[test]
fn poison_is_poison_of_every_kind() {
    let mut decoder = Decoder::new(&EventSchema::built_in().unwrap());
    let (mut undecodable, mut timeless) = (0, 0);
    for (number, generated) in Generator::new(options()).take(40_000).enumerate() {
        let expected = if (number + 1) % 10 == 0 { Kind::Poison } else { Kind::Event };
        assert_eq!(generated.kind, expected);
        match decoder.decode(&generated.body) {
            Ok(_) => assert_eq!(generated.kind, Kind::Event, "{number}"),
            Err(Poison::NoTimestamp { .. }) => timeless += 1,
            Err(Poison::Undecodable { .. }) => undecodable += 1,
            Err(other) => panic!("{other}"),
        }
    }
    // A cut that falls behind the id but before the time leaves an event without one.
    assert_eq!(undecodable + timeless, 4_000);
    assert!((1_000..1_050).contains(&timeless), "{timeless}");
}

#[test]
fn subjects_are_valid() {
    for generated in Generator::new(options()).take(5_000) {
        let tokens: Vec<_> = generated.subject.split('.').collect();
        assert_eq!(tokens.len(), 4, "{}", generated.subject);
        assert_eq!(tokens[0], "events");
        let valid =
            |token: &&str| !token.is_empty() && !token.contains(|c: char| c.is_whitespace() || c == '*' || c == '>');
        assert!(tokens.iter().all(valid), "{}", generated.subject);
    }
}

#[test]
fn odd_options_are_taken_as_the_nearest_that_make_sense() {
    let odd = GeneratorOptions {
        apps: Vec::new(),
        hours: 0,
        poison_every: Some(0),
        start_ms: i64::MAX,
        ..GeneratorOptions::default()
    };
    for generated in Generator::new(odd).take(100) {
        assert_eq!(generated.kind, Kind::Event);
        assert!(EventEnvelope::decode(generated.body.as_slice()).is_ok());
    }
}

#[test]
fn an_app_without_a_name_and_more_apps_than_devices() {
    let apps: Vec<_> = (0..10_000).map(|number| format!("app-{number}")).collect();
    let generator = Generator::new(GeneratorOptions { apps, ..GeneratorOptions::default() });
    assert_eq!(generator.devices.len(), 10_000);
    let generator = Generator::new(GeneratorOptions { apps: vec![String::new()], ..GeneratorOptions::default() });
    for generated in generator.take(100) {
        assert!(generated.subject.starts_with("events._."));
    }
}
