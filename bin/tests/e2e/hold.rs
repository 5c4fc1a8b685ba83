//! A wrong schema: nothing can be decoded, so nothing is terminated. Everything is still in the stream once the schema, or the producer, is mended.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use warehouse_sink_testkit::{NatsServer, Settings, Sink, verify, wait_until};

use crate::PROGRAM;

const DEADLINE: Duration = Duration::from_secs(60);

fn settings(nats: &NatsServer, folder: &Path, columns: &str) -> Settings {
    Settings::new(&nats.url())
        .local(folder)
        .set("schema", "format", "json")
        .set("schema", "columns", columns)
        .set("storage", "nak_initial", "100ms")
        .set("storage", "nak_max", "1s")
}

fn publish(nats: &NatsServer, column: &str, ids: std::ops::Range<u64>) {
    let mut client = nats.client();
    for id in ids {
        client.publish("events.orders", &[], json!({ column: id }).to_string().as_bytes()).unwrap();
    }
}

#[track_caller]
fn query(folder: &Path, prefix: &str, sql: &str) -> Value {
    let files = folder.join(prefix);
    let mut found = verify::run("any_json.py", &["query", "--files", &files.to_string_lossy(), "--sql", sql]);
    found.report["rows"].take()
}

#[track_caller]
fn wait_held(sink: &Sink, words: &[&str]) {
    wait_until(DEADLINE, "/ready to say that poison is held", || {
        sink.ready().is_some_and(|(status, said)| status == 503 && words.iter().all(|word| said.contains(word)))
    });
}

fn terminated(sink: &Sink) -> u64 {
    sink.metric("warehouse_sink_messages_terminated_total", &[]) as u64
}

#[test]
fn a_wrong_schema_terminates_nothing_of_a_work_queue() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let stream = json!({
        "name": Settings::STREAM, "subjects": ["events.>"], "retention": "workqueue", "storage": "file",
    });
    nats.client().jetstream(&format!("STREAM.CREATE.{}", Settings::STREAM), &stream).unwrap();
    publish(&nats, "id", 0..2000);

    // Long enough for all to be seen before the first dead letters would be written.
    let wrong = settings(&nats, folder.path(), "ident: int64 required").set("batch", "flush_interval", "30s");
    let mut sink = Sink::start(PROGRAM, &wrong);
    wait_held(
        &sink,
        &["decoding: nothing could be decoded since the start: 1000 messages", "sequence ", "ident: is required"],
    );
    wait_until(DEADLINE, "all to be given back, some more than once", || {
        sink.metric("warehouse_sink_messages_nacked_total", &[]) as u64 > 2500
    });
    assert_eq!(terminated(&sink), 0);
    assert_eq!(nats.stream(Settings::STREAM).messages, 2000);
    assert_eq!(sink.metric("warehouse_sink_holding", &[]) as u64, 1);
    assert_eq!(sink.metric("warehouse_sink_ready", &[("part", "decoding")]) as u64, 0);
    assert!(sink.metric("warehouse_sink_messages_poison_total", &[("reason", "misfit")]) as u64 > 2500);
    assert_eq!(sink.stop(DEADLINE), Some(1), "{}", sink.log());
    for words in ["poison is held: it is given back", "can't be decoded with this schema", "unstored_messages=2000"] {
        assert!(sink.log().contains(words), "{words:?} is not in {}", sink.log());
    }
    assert!(!folder.path().join("events-dead-letter").exists());
    assert_eq!(nats.stream(Settings::STREAM).messages, 2000);

    let mut sink = Sink::start(PROGRAM, &settings(&nats, folder.path(), "id: int64 required"));
    wait_until(DEADLINE, "the work queue to be empty", || nats.stream(Settings::STREAM).messages == 0);
    assert_eq!(sink.stop(DEADLINE), Some(0), "{}", sink.log());
    let rows = query(folder.path(), "events", "SELECT count(*), count(DISTINCT id), min(id), max(id) FROM FILES");
    assert_eq!(rows, json!([[2000, 2000, 0, 1999]]));
    assert!(!folder.path().join("events-dead-letter").exists());
}

#[test]
fn a_hold_ends_by_itself_once_the_producer_is_mended() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let settings = settings(&nats, folder.path(), "id: int64 required").set("dead_letter", "hold_after", 100);
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_ready(DEADLINE);
    publish(&nats, "ident", 0..300);
    wait_held(&sink, &["decoding: nothing could be decoded since the start: 100 messages", "id: is required"]);
    assert!(terminated(&sink) < 100);

    publish(&nats, "id", 0..20);
    sink.wait_ready(DEADLINE);
    nats.wait_settled(DEADLINE);
    wait_until(DEADLINE, "poison to be counted as terminated", || terminated(&sink) == 300);
    assert_eq!(sink.metric("warehouse_sink_holding", &[]) as u64, 0);
    assert_eq!(sink.stop(DEADLINE), Some(0), "{}", sink.log());
    assert!(sink.log().contains("poison is held no more"), "{}", sink.log());
    assert_eq!(query(folder.path(), "events", "SELECT count(*), count(DISTINCT id) FROM FILES"), json!([[20, 20]]));
    let letters = "SELECT count(*), count(DISTINCT nats_stream_sequence) FROM FILES";
    assert_eq!(query(folder.path(), "events-dead-letter", letters), json!([[300, 300]]));
}
