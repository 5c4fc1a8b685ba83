//! What a hostile publisher sends stays in its place: no file outside the prefixes, no value changed, nothing lost and nothing stuck.

use crate::PROGRAM;
use crate::files;
use std::fs;
use std::path::Path;
use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Settings, Sink, envelope, verify};

const DEADLINE: Duration = Duration::from_secs(60);
/// What the server takes at most unless it is told otherwise.
const MAX_PAYLOAD: usize = 1 << 20;
const NOON: i64 = 1_772_366_400_000;
const LAST_MILLISECOND: i64 = 253_402_300_799_999;

/// Names that can be escaped into one part of a path.
const STRANGE_APPS: [&str; 16] = [
    "",
    ".",
    "..",
    "/",
    "//",
    "/etc/passwd",
    "../../x",
    "a/../../../x",
    "..\\..\\x",
    "%2e%2e%2fx",
    "=",
    "app_id=x/year=2026",
    "~",
    "nul\0nul",
    "line\r\nbreak",
    "__HIVE_DEFAULT_PARTITION__",
];

/// A message whose device id fills it up to what the server takes.
fn as_large_as_can_be(id: &str, timestamp_ms: i64) -> Vec<u8> {
    let room = MAX_PAYLOAD - envelope(id, "large.app", "", timestamp_ms).len();
    // Two bytes more for the longer length of the text.
    let body = envelope(id, "large.app", &"x".repeat(room - 2), timestamp_ms);
    assert_eq!(body.len(), MAX_PAYLOAD);
    body
}

fn events() -> Vec<Vec<u8>> {
    let mut bodies: Vec<_> = STRANGE_APPS.iter().map(|app| envelope("app", app, "", NOON)).collect();
    bodies.push(envelope("longest", &"x".repeat(240), "", NOON));
    bodies.push(envelope("first", "time.app", "", 1));
    bodies.push(envelope("last", "time.app", "", LAST_MILLISECOND));
    bodies.extend((0..8).map(|number| as_large_as_can_be(&format!("large-{number}"), NOON)));
    bodies
}

fn poison() -> Vec<Vec<u8>> {
    let mut bodies = vec![envelope("long", &"x".repeat(10_000), "", NOON)];
    bodies.push(envelope("deep", &"../".repeat(3_400), "", NOON));
    bodies.push(envelope("one too long", &"x".repeat(241), "", NOON));
    bodies.push(envelope("huge", &"x".repeat(MAX_PAYLOAD - 100), "", NOON));
    let times = [0, -1, i64::MIN, LAST_MILLISECOND + 1, i64::MAX];
    bodies.extend(times.map(|time| envelope("time", "time.app", "", time)));
    bodies.push(as_large_as_can_be("large and of no time", 0));
    bodies.push(vec![0xff; MAX_PAYLOAD]);
    bodies
}

/// Every file lies where its kind belongs, and what was there before is untouched.
fn assert_in_place(outer: &Path, root: &Path) {
    for file in files::below(outer) {
        let in_place = ["events", "events-dead-letter"].iter().any(|prefix| file.starts_with(root.join(prefix)));
        let witness = file == outer.join("witness");
        assert!(in_place || witness, "{} is out of place", file.display());
    }
    assert_eq!(fs::read(outer.join("witness")).unwrap(), b"untouched");
    // An event's file has an app and four parts of a time above it, whatever the app is called.
    let events = root.join("events");
    for file in files::below(&events) {
        let parts: Vec<_> = file.strip_prefix(&events).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
        assert_eq!(parts.len(), 6, "{parts:?}");
        assert!(parts[0].starts_with("app_id=") && parts[1].starts_with("year="), "{parts:?}");
    }
}

#[test]
fn hostile_messages_stay_in_their_place() {
    let (nats, outer) = (NatsServer::start(), tempfile::tempdir().unwrap());
    // Deep enough that every step up from it still ends in a folder that the test looks into.
    let root = outer.path().join("1/2/3/4/5/6/7/8/root");
    fs::create_dir_all(&root).unwrap();
    fs::write(outer.path().join("witness"), "untouched").unwrap();

    nats.create_stream(Settings::STREAM);
    let (events, poison) = (events(), poison());
    let mut client = nats.client();
    // Side by side, so that each kind of poison comes in the middle of good ones.
    for number in 0..events.len().max(poison.len()) {
        for body in [events.get(number), poison.get(number)].into_iter().flatten() {
            client.publish(&format!("events.hostile.{number}"), &[], body).unwrap();
        }
    }

    let mut sink = Sink::start(PROGRAM, &Settings::new(&nats.url()).local(&root));
    nats.wait_settled(DEADLINE);
    let consumer = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
    assert_eq!((consumer.pending, consumer.ack_pending, consumer.redelivered), (0, 0, 0));
    assert_eq!(sink.stop(DEADLINE), Some(0));

    assert_in_place(outer.path(), &root);
    let found = verify::exact(&nats, &root, &["--consumer", Settings::CONSUMER]);
    found.assert_ok();
    // The contract alone decides what is poison for the comparison; here it is what was meant to be.
    assert_eq!(found.number(&["duckdb", "rows"]), events.len() as u64);
    assert_eq!(found.number(&["dead_letter", "rows"]), poison.len() as u64);
}
