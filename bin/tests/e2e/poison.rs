//! Poison among good messages: stored as a dead letter, then terminated, and nothing else is touched by it.

use crate::PROGRAM;
use std::fs;
use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Settings, Sink, publish, verify, wait_until};

const DEADLINE: Duration = Duration::from_secs(60);
const ACK_WAIT: Duration = Duration::from_secs(1);

fn terminated(sink: &Sink) -> u64 {
    sink.metric("warehouse_sink_messages_terminated_total", &[]) as u64
}

#[test]
fn is_stored_byte_for_byte_and_never_delivered_again() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let published = verify::publish_python(&nats, &["--create-stream"]);
    let (events, poison) = (published.number(&["events"]), published.number(&["poison"]));

    let settings = Settings::new(&nats.url()).local(folder.path()).set("nats", "ack_wait", "1s");
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(DEADLINE);
    nats.outwait(Settings::STREAM, "events.poison.empty", ACK_WAIT);

    let consumer = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
    assert_eq!((consumer.ack_pending, consumer.redelivered), (0, 0));
    assert_eq!(consumer.deliveries, events + poison, "something was delivered twice");
    assert_eq!(terminated(&sink), poison);
    assert_eq!(sink.acked(), events);
    assert_eq!(sink.stop(DEADLINE), Some(0));

    let found = verify::exact(&nats, folder.path(), &["--consumer", Settings::CONSUMER]);
    found.assert_ok();
    assert_eq!(found.number(&["dead_letter", "rows"]), poison);
    assert_eq!(found.number(&["duckdb", "rows"]), events);
}

/// Where dead letters can't be stored, poison is given back, and good messages are not held up by it.
#[test]
fn is_not_terminated_before_it_is_stored() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    publish(PROGRAM, &nats, 1000, &["--create-stream", "--poison-every", "100"]);
    let obstacle = folder.path().join("events-dead-letter");
    fs::write(&obstacle, "a file where the folder of dead letters should be").unwrap();

    let settings = Settings::new(&nats.url())
        .local(folder.path())
        .set("storage", "nak_initial", "100ms")
        .set("storage", "nak_max", "1s");
    let mut sink = Sink::start(PROGRAM, &settings);
    wait_until(DEADLINE, "good messages to be acked, and poison to be given back twice", || {
        let metrics = sink.metrics().unwrap_or_default();
        metrics.sum("warehouse_sink_messages_acked_total", &[]) as u64 == 990
            && metrics.sum("warehouse_sink_messages_nacked_total", &[]) as u64 >= 20
    });
    assert_eq!(terminated(&sink), 0);

    fs::remove_file(&obstacle).unwrap();
    nats.wait_settled(DEADLINE);
    wait_until(DEADLINE, "poison to be counted as terminated", || terminated(&sink) == 10);
    assert_eq!(sink.stop(DEADLINE), Some(0));
    verify::exact(&nats, folder.path(), &[]).assert_ok();
}

/// Without the dead letter, poison is terminated at once: no file is waited for, though none is due for ten minutes.
#[test]
fn is_terminated_at_once_without_the_dead_letter() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    publish(PROGRAM, &nats, 1000, &["--create-stream", "--poison-every", "100"]);
    let settings = Settings::new(&nats.url()).local(folder.path()).set("batch", "flush_interval", "10m").set(
        "dead_letter",
        "enabled",
        false,
    );
    let mut sink = Sink::start(PROGRAM, &settings);
    wait_until(DEADLINE, "poison to be terminated and good messages to be held", || {
        let consumer = nats.consumer(Settings::STREAM, Settings::CONSUMER);
        consumer.is_some_and(|state| state.pending == 0 && state.ack_pending == 990)
    });
    wait_until(DEADLINE, "poison to be counted as terminated", || terminated(&sink) == 10);
    assert_eq!(sink.stop(DEADLINE), Some(0));
    assert!(!folder.path().join("events-dead-letter").exists());

    let files = folder.path().join("events");
    let (url, files) = (nats.url(), files.to_string_lossy());
    let found = verify::run("exact.py", &["--url", &url, "--files", &files, "--consumer", Settings::CONSUMER]);
    found.assert_ok();
    assert_eq!(found.number(&["duckdb", "rows"]), 990);
}
