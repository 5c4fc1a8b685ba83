//! What the stream says of sequences that are not stored.

use crate::PROGRAM;
use std::fs;

use warehouse_sink_testkit::{NatsServer, Settings, envelope, publish};

use super::*;

/// Purges a part of the stream, as retention would.
fn keep_from(nats: &NatsServer, sequence: u64) {
    nats.client().jetstream(&format!("STREAM.PURGE.{}", Settings::STREAM), &json!({ "seq": sequence })).unwrap();
}

/// Of 300 messages, every third is of another subject, and one that the sink was to get is deleted before it could.
#[test]
fn what_the_sink_was_not_to_get_is_not_missing() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let root = folder.path();
    let mut client = nats.client();
    let config = json!({ "name": Settings::STREAM, "subjects": ["events.>", "other.>"], "storage": "file" });
    client.jetstream(&format!("STREAM.CREATE.{}", Settings::STREAM), &config).unwrap();
    for number in 1..=300 {
        let subject = if number % 3 == 0 { "other.thing" } else { "events.a.b.c" };
        let body = envelope(&format!("id-{number}"), "app", "device", 1_700_000_000_000);
        assert_eq!(client.publish(subject, &[], &body).unwrap(), number);
    }
    client.jetstream(&format!("STREAM.MSG.DELETE.{}", Settings::STREAM), &json!({ "seq": 100 })).unwrap();
    let settings = Settings::new(&nats.url()).local(root).set("batch", "max_events", 20);
    let mut sink = Sink::start(PROGRAM, &settings);
    warehouse_sink_testkit::wait_until(DEADLINE, "the sink to settle all", || {
        let consumer = nats.consumer(Settings::STREAM, Settings::CONSUMER);
        consumer.is_some_and(|state| (state.pending, state.ack_pending) == (0, 0) && state.delivered > 0)
    });
    assert_eq!(sink.stop(DEADLINE), Some(0));

    let found = report(&settings, &[]);
    // Of the deleted one, nobody knows whether it was the sink's.
    assert_eq!((&found["verdict"], &found["gaps"]["sequences"]), (&json!("unknown"), &json!(0)), "{found:#}");
    assert_eq!(report(&settings, &["--from", "101"])["verdict"], "complete");
    assert_eq!(found["totals"]["rows"], 199);
    let last = found["judged"][1].as_u64().unwrap();
    assert!(last == 299 || last == 300, "{found:#}");
    assert_eq!(found["other_subjects"], last / 3);
    let deleted = json!([[100, 100]]);
    assert_eq!((found["not_judged"].as_array().unwrap().len(), &found["not_judged"][0]["ranges"]), (1, &deleted));

    // Retention takes the first 50: what is not stored of these can't be explained any more, and is said to be so.
    keep_from(&nats, 51);
    let retained = report(&settings, &[]);
    assert_eq!((&retained["verdict"], &retained["judged"][0]), (&json!("unknown"), &json!(51)), "{retained:#}");
    assert_eq!(retained["dropped"]["sequences"], 0, "they may be of other subjects");
    let reasons: Vec<_> = retained["not_judged"].as_array().unwrap().iter().map(|part| &part["sequences"]).collect();
    assert_eq!(reasons, [16, 1]);
    assert_eq!(report(&settings, &["--from", "101", "--strict"])["verdict"], "complete");

    // What is published while the sink is stopped is not settled, and is not missing.
    for _ in 0..5 {
        client.publish("events.a.b.c", &[], &envelope("late", "app", "device", 1_700_000_000_000)).unwrap();
    }
    let late = report(&settings, &["--from", "101"]);
    assert_eq!(late["verdict"], "complete");
    assert_eq!(report(&settings, &["--from", "101", "--strict"])["verdict"], "unknown");
    assert!(late["not_judged"].as_array().unwrap().iter().any(|part| {
        part["reason"].as_str().unwrap().contains("5 wait to be delivered") && part["ranges"][0][1] == 305
    }));

    // A message that is lost among all that is missed.
    let file = files(&root.join("events")).remove(4);
    let lost = counted(root, Some(&file));
    fs::remove_file(&file).unwrap();
    let missed = report(&settings, &[]);
    assert_eq!(missed["gaps"]["ranges"], lost["runs"], "{missed:#}");
}

/// A stream that was made anew counts from 1 again: rows of the old one are neither duplicates nor do they hide gaps.
#[test]
fn an_earlier_stream_of_the_same_name_is_kept_apart() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let root = folder.path();
    let settings = Settings::new(&nats.url()).local(root).set("batch", "max_events", 100);
    publish(PROGRAM, &nats, 2000, &["--create-stream", "--apps", "old.app"]);
    store(&nats, &settings);
    nats.client().jetstream(&format!("STREAM.DELETE.{}", Settings::STREAM), &json!(null)).unwrap();
    publish(PROGRAM, &nats, 1000, &["--create-stream", "--apps", "new.app", "--seed", "1"]);
    store(&nats, &settings);

    let clean = report(&settings, &["--strict"]);
    assert_eq!((&clean["complete"], &clean["judged"]), (&json!(true), &json!([1, 1000])), "{clean:#}");
    assert_eq!((&clean["totals"]["rows"], &clean["earlier_rows"]), (&json!(3000), &json!(2000)));

    // Nobody who is asked: the same sequences are seen to be of two messages each.
    let alone = report(&settings, &["--stream", "never"]);
    assert_eq!(alone["reused"]["ranges"], json!([[1, 1000]]), "{alone:#}");
    assert_eq!(alone["duplicates"]["rows"], 0);
    let reasons = alone["not_judged"].to_string();
    assert!(alone["verdict"] == "unknown" && reasons.contains("may hide gaps"), "{alone:#}");

    let file = files(&root.join("events/app_id=new.app")).remove(2);
    let lost = counted(root, Some(&file));
    fs::remove_file(&file).unwrap();
    assert_eq!(report(&settings, &[])["gaps"]["ranges"], lost["runs"]);
    let (old, copy) = (files(&root.join("events/app_id=old.app")).remove(0), root.join("events/copy.parquet"));
    fs::copy(old, copy).unwrap();
    assert_eq!(report(&settings, &[])["duplicates"]["rows"], 100);
}
