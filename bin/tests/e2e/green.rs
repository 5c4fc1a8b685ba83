//! A green signal is true: `/ready`, the lag, what was lost, and where the events go.

use crate::PROGRAM;
use std::time::Duration;

use serde_json::{Value, json};
use warehouse_sink_testkit::{NatsServer, Settings, Signal, Sink, free_ports, moved, publish, wait_until};

const SOON: Duration = Duration::from_secs(60);

fn gauge(sink: &Sink, name: &str) -> f64 {
    sink.metric(&format!("warehouse_sink_{name}"), &[])
}

/// How often a part has become ready, by the log.
fn became_ready(sink: &Sink, part: &str) -> usize {
    sink.log().matches(&format!("health: ready part=\"{part}\"")).count()
}

fn is_ready(sink: &Sink, part: &str) -> bool {
    sink.metric("warehouse_sink_ready", &[("part", part)]) == 1.0
}

#[test]
fn a_server_that_is_frozen_is_noticed_and_what_is_not_known_is_not_shown() {
    let mut nats = NatsServer::start();
    let files = tempfile::tempdir().unwrap();
    nats.create_stream(Settings::STREAM);
    let settings = Settings::new(&nats.url()).local(files.path()).set("batch", "flush_interval", "5m");
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_ready(SOON);
    assert!(["process", "nats", "consumer", "store"].iter().all(|part| is_ready(&sink, part)));
    assert!(gauge(&sink, "last_write_timestamp_seconds").is_nan());
    publish(PROGRAM, &nats, 300, &[]);
    // They are delivered and not stored: the server's pending messages are none.
    wait_until(SOON, "all to be delivered", || gauge(&sink, "consumer_ack_pending") == 300.0);
    assert_eq!((gauge(&sink, "consumer_pending"), gauge(&sink, "lag_messages")), (0.0, 300.0));
    wait_until(SOON, "the oldest to become older", || gauge(&sink, "oldest_unstored_seconds") > 2.0);

    nats.signal(Signal::Stop);
    let lost = || sink.ready().is_some_and(|(status, reason)| status == 503 && reason.contains("consumer: "));
    // The connection itself is missed after twenty seconds only.
    wait_until(Duration::from_secs(15), "the frozen server to be noticed", lost);
    wait_until(SOON, "the lag to be unknown", || gauge(&sink, "lag_messages").is_nan());
    let gauges = ["consumer_pending", "consumer_ack_pending", "oldest_unstored_seconds"];
    assert!(gauges.iter().all(|name| gauge(&sink, name).is_nan()));
    assert!(!is_ready(&sink, "consumer"));
    let after = became_ready(&sink, "consumer");
    wait_until(SOON, "three pulls to fail", || sink.metric("warehouse_sink_fetch_errors_total", &[]) > 3.0);
    assert_eq!(became_ready(&sink, "consumer"), after, "it was ready in between: {}", sink.log());

    nats.signal(Signal::Continue);
    sink.wait_ready(SOON);
    assert_eq!(sink.stop(SOON), Some(0));
    assert!(sink.log().contains("file written"), "{}", sink.log());
}

#[test]
fn a_store_that_takes_nothing_is_noticed_before_there_is_anything_to_write() {
    let nats = NatsServer::start();
    nats.create_stream(Settings::STREAM);
    let [nobody] = free_ports();
    let settings = Settings::new(&nats.url())
        .set("storage", "service", "s3")
        .set("storage.options", "bucket", "lake")
        .set("storage.options", "region", "us-east-1")
        .set("storage.options", "access_key_id", "a")
        .set("storage.options", "secret_access_key", "b")
        .set("storage.options", "endpoint", format!("http://127.0.0.1:{nobody}"));
    let mut sink = Sink::start(PROGRAM, &settings);
    let refused = || sink.ready().is_some_and(|(_, reason)| reason.contains("store: ") && reason.contains("refused"));
    wait_until(SOON, "the store to be refused", refused);
    wait_until(SOON, "the consumer to be fine", || is_ready(&sink, "consumer"));
    assert!(!is_ready(&sink, "store"));
    assert_eq!(sink.stop(SOON), Some(0));
    assert_eq!(became_ready(&sink, "store"), 0, "{}", sink.log());
}

fn stream(nats: &NatsServer, config: &Value) {
    let api = if config["update"].is_null() { "CREATE" } else { "UPDATE" };
    let mut config = config.clone();
    config.as_object_mut().unwrap().remove("update");
    config["name"] = json!(Settings::STREAM);
    nats.client().jetstream(&format!("STREAM.{api}.{}", Settings::STREAM), &config).unwrap();
}

fn expired(sink: &Sink) -> f64 {
    sink.metric("warehouse_sink_messages_expired_total", &[])
}

#[test]
fn what_the_stream_deletes_before_it_is_delivered_is_counted() {
    let nats = NatsServer::start();
    let files = tempfile::tempdir().unwrap();
    stream(&nats, &json!({ "subjects": ["events.>"], "max_msgs": 500 }));
    let settings = Settings::new(&nats.url()).local(files.path());
    // A new consumer on a stream that begins far from 1 has lost nothing of its own.
    publish(PROGRAM, &nats, 700, &["--seed", "1"]);
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(SOON);
    sink.wait_ready(SOON);
    assert_eq!((expired(&sink), sink.stop(SOON)), (0.0, Some(0)));

    publish(PROGRAM, &nats, 2200, &["--seed", "2"]);
    let mut sink = Sink::start(PROGRAM, &settings);
    wait_until(SOON, "the loss to be counted", || expired(&sink) == 1700.0);
    nats.wait_settled(SOON);
    let log = sink.log();
    for word in ["messages are lost", "messages=1700", "from_sequence=701", "to_sequence=2400"] {
        assert!(log.contains(word), "{word:?} is not in {log}");
    }

    // A purge is somebody's wish, and an outage of the sink alone loses nothing.
    sink.signal(Signal::Stop);
    publish(PROGRAM, &nats, 100, &["--seed", "3"]);
    nats.client().jetstream(&format!("STREAM.PURGE.{}", Settings::STREAM), &json!({})).unwrap();
    sink.signal(Signal::Continue);
    publish(PROGRAM, &nats, 100, &["--seed", "4"]);
    nats.wait_settled(SOON);
    wait_until(SOON, "another look", || gauge(&sink, "lag_messages") == 0.0);
    assert_eq!((expired(&sink), sink.stop(SOON)), (1700.0, Some(0)));
}

#[test]
fn the_loss_of_a_sink_that_runs_is_counted_and_other_subjects_are_not() {
    let nats = NatsServer::start();
    let files = tempfile::tempdir().unwrap();
    stream(&nats, &json!({ "subjects": ["events.>", "other.>"], "max_msgs": 500 }));
    // It takes no more than 100 and then waits for the flush.
    let settings = Settings::new(&nats.url())
        .local(files.path())
        .set("nats", "max_ack_pending", 50)
        .set("batch", "max_events", 50)
        .set("batch", "max_buffered_events", 100)
        .set("batch", "flush_interval", "5m");
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_ready(SOON);
    let mut client = nats.client();
    for _ in 0..1500 {
        client.publish("other.a", &[], b"x").unwrap();
    }
    // A store that takes nothing holds the sink up.
    let held = files.path().join("events");
    std::fs::write(&held, b"a file where the folder should be").unwrap();
    publish(PROGRAM, &nats, 400, &["--seed", "5"]);
    wait_until(SOON, "the sink to be full", || gauge(&sink, "consumer_pending") >= 300.0);
    assert_eq!(expired(&sink), 0.0, "other subjects were counted");
    // Frozen, or it would get some of them before they are deleted.
    sink.signal(Signal::Stop);
    for _ in 0..600 {
        client.publish("other.a", &[], b"x").unwrap();
    }
    sink.signal(Signal::Continue);
    wait_until(SOON, "the loss to be counted", || expired(&sink) > 0.0);
    assert!(expired(&sink) <= 350.0, "{}", expired(&sink));
    std::fs::remove_file(&held).unwrap();
    wait_until(SOON, "the rest to be stored", || gauge(&sink, "lag_messages") == 0.0);
    assert_eq!(sink.stop(SOON), Some(0));
}

#[test]
fn two_configurations_on_one_consumer_do_not_split_the_stream() {
    let nats = NatsServer::start();
    let [old, new] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let settings =
        |files: &tempfile::TempDir| Settings::new(&nats.url()).local(files.path()).set("nats", "worker_count", 1);
    let mut first = Sink::start(PROGRAM, &settings(&old));
    first.wait_ready(SOON);
    // The same destination from a replica, and another one.
    let mut replica = Sink::start(PROGRAM, &settings(&old));
    replica.wait_ready(SOON);
    let ended = warehouse_sink_testkit::check(PROGRAM, &settings(&new));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let mut second = Sink::start(PROGRAM, &settings(&new));
    assert_eq!(second.wait_exit(SOON).code(), Some(1));
    for said in [ended.stderr, second.log()] {
        assert!(said.contains("would split the stream between two places"), "{said}");
    }
    // Moved for good: who still writes to the old place is not ready any more.
    assert_eq!(replica.stop(SOON), Some(0));
    let mut moved = Sink::start(PROGRAM, &moved(PROGRAM, settings(&new)));
    moved.wait_ready(SOON);
    wait_until(SOON, "the old sink to be refused", || {
        first.ready().is_some_and(|(status, reason)| status == 503 && reason.contains("would split the stream"))
    });
    publish(PROGRAM, &nats, 500, &[]);
    nats.wait_settled(SOON);
    assert_eq!(first.stop(SOON), Some(0));
    assert_eq!(moved.stop(SOON), Some(0));
    assert!(!old.path().join("events").exists(), "the old place was written to");
}
