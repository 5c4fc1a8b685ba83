//! The store is away for longer than the ack wait, and comes back: nothing is acked meanwhile, memory stays bounded, and every event
//! is stored once.

use crate::PROGRAM;
use std::time::{Duration, Instant};

use warehouse_sink_testkit::{
    Direction, Flow, NatsServer, Proxy, S3Server, Settings, Sink, command, publish, verify, wait_until,
};

const SOON: Duration = Duration::from_secs(60);
/// Three times the ack wait.
const OUTAGE: Duration = Duration::from_secs(6);
const BEFORE: u64 = 500;
const DURING: u64 = 8000;
const MOST_MESSAGES: u64 = 1000;
const MOST_BYTES: u64 = 4 << 20;
/// The process takes about 30 MiB before it holds an event.
const MOST_MEMORY: u64 = 100 << 20;

const FILES: &str = "warehouse_sink_files_total";
const BUFFERED: &str = "warehouse_sink_buffered_messages";
const BUFFERED_BYTES: &str = "warehouse_sink_buffered_bytes";
const REDELIVERED: &str = "warehouse_sink_messages_redelivered_total";

/// Buffers that are soon full, and a batch that is never given up within the outage.
fn settings(nats: &NatsServer, s3: &S3Server, endpoint: &str) -> Settings {
    let settings = Settings::new(&nats.url())
        .set("nats", "ack_wait", "2s")
        .set("batch", "max_events", 200)
        .set("batch", "max_buffered_events", MOST_MESSAGES)
        .set("batch", "max_bytes", "1MiB")
        .set("batch", "max_buffered_bytes", MOST_BYTES)
        .set("storage", "write_timeout", "1s")
        .set("storage", "max_write_attempts", 1000)
        .set("storage", "retry_initial", "100ms")
        .set("storage", "retry_max", "500ms")
        .set("storage", "nak_initial", "500ms")
        .set("storage", "nak_max", "1s");
    s3.settings(settings, endpoint)
}

/// Waits until the sink is full of events that it can't write, and watches it for the time of the outage.
fn watch_outage(nats: &NatsServer, sink: &Sink, outcome: &str) {
    sink.wait_metric(SOON, FILES, &[("outcome", outcome)], 1.0);
    wait_until(SOON, "the buffer to be full", || sink.metric(BUFFERED, &[]) as u64 >= MOST_MESSAGES);
    // An object may have been stored in the moment in which the store went away, and is acked then.
    let (acked, written) = (sink.acked(), sink.written());
    let consumer = || nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
    let before = consumer();
    let start = Instant::now();
    wait_until(2 * OUTAGE, "the outage to be over", || {
        let metrics = sink.metrics().unwrap();
        assert!(metrics.sum(BUFFERED, &[]) as u64 <= MOST_MESSAGES);
        assert!(metrics.sum(BUFFERED_BYTES, &[]) as u64 <= MOST_BYTES);
        let now = consumer();
        assert_eq!((now.ack_floor, now.ack_pending), (before.ack_floor, before.ack_pending), "nothing is acked");
        assert_eq!(now.delivered, before.delivered, "nothing more is fetched");
        assert_eq!((sink.acked(), sink.written()), (acked, written));
        start.elapsed() > OUTAGE
    });
    assert_eq!(before.ack_pending, MOST_MESSAGES, "what is held is what the server waits for");
    let (status, reason) = sink.ready().unwrap();
    assert_eq!(status, 503, "{reason}");
    let peak = sink.peak_memory().unwrap();
    assert!(peak < MOST_MEMORY, "{} MiB", peak >> 20);
    assert_eq!(sink.metric(REDELIVERED, &[]), 0.0, "held deliveries are kept alive");
}

fn verify_exactly_once(nats: &NatsServer, s3: &S3Server, sink: &mut Sink) {
    nats.wait_settled(SOON);
    sink.wait_ready(SOON);
    assert_eq!(sink.metric(REDELIVERED, &[]), 0.0, "held deliveries are kept alive");
    assert_eq!(sink.written(), BEFORE + DURING);
    assert_eq!(sink.stop(SOON), Some(0));
    let count = (BEFORE + DURING).to_string();
    verify::exact_s3(nats, s3, &["--expect-count", &count, "--consumer", Settings::CONSUMER]).assert_ok();
}

#[test]
fn a_store_that_is_killed_and_comes_back_gets_every_event_once() {
    let nats = NatsServer::start();
    let mut s3 = S3Server::start();
    nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &nats, BEFORE, &[]);
    let mut sink = Sink::start(PROGRAM, &settings(&nats, &s3, &s3.endpoint()));
    nats.wait_settled(SOON);

    s3.kill();
    publish(PROGRAM, &nats, DURING, &["--seed", "1"]);
    watch_outage(&nats, &sink, "failed");
    s3.start_again();
    verify_exactly_once(&nats, &s3, &mut sink);
}

#[test]
fn a_store_whose_answers_are_lost_gets_every_event_once() {
    let nats = NatsServer::start();
    let s3 = S3Server::start();
    let network = Proxy::start(s3.address());
    nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &nats, BEFORE, &[]);
    let mut sink = Sink::start(PROGRAM, &settings(&nats, &s3, &format!("http://{}", network.address())));
    nats.wait_settled(SOON);

    // The store takes the objects and nobody hears of it.
    network.set(Direction::ToClient, Flow::Stall);
    publish(PROGRAM, &nats, DURING, &["--seed", "1"]);
    watch_outage(&nats, &sink, "unknown");
    let stored = verify::exact_s3(&nats, &s3, &["--allow-missing"]);
    stored.assert_ok();
    assert!(stored.number(&["duckdb", "rows"]) > sink.written(), "some of what is unknown is stored");
    network.cut();
    network.set(Direction::ToClient, Flow::Pass);
    verify_exactly_once(&nats, &s3, &mut sink);
}

const BATCHES: u64 = 30;
const ROWS_OF_EACH: u64 = 8000;

/// A `table3.Batch` of many sales, each of two bytes, with a tenant of a thousand bytes around them.
fn batch() -> Vec<u8> {
    let tenant = [b"\x0A\xE8\x07", "t".repeat(1000).as_bytes()].concat();
    [tenant, b"\x12\x00".repeat(ROWS_OF_EACH as usize)].concat()
}

/// Rows that take hundreds of times as much as the messages that they come from: a fetch of thirty would be 270 MB of them.
#[test]
fn batches_of_rows_are_held_within_the_limit() {
    let (nats, mut s3) = (NatsServer::start(), S3Server::start());
    nats.create_stream(Settings::STREAM);
    let mut client = nats.client();
    for _ in 0..BATCHES {
        client.publish("events.batches", &[], &batch()).unwrap();
    }
    let settings = settings(&nats, &s3, &s3.endpoint()).set("schema", "format", "protobuf");
    let protos = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/tests/protos/table3.proto");
    let settings = settings.set("schema", "message", "table3.Batch").set("schema", "proto_files", vec![protos]);
    let settings = settings.set("schema", "explode", "sales").set("batch", "max_events", MOST_MESSAGES / 2);
    s3.kill();

    let mut sink = Sink::start(PROGRAM, &settings);
    let one = ROWS_OF_EACH * (batch().len() as u64 / ROWS_OF_EACH + 1000 + 130);
    wait_until(SOON, "the buffer to be full", || sink.metric(BUFFERED_BYTES, &[]) as u64 > MOST_BYTES);
    let redelivered = || sink.metric(REDELIVERED, &[]) as u64;
    wait_until(SOON, "what was given back to come again", || {
        let held = sink.metric(BUFFERED_BYTES, &[]) as u64;
        assert!(held <= MOST_BYTES + one, "{held} bytes are held");
        redelivered() > 0 || sink.metric(BUFFERED, &[]) == 1.0
    });
    let peak = sink.peak_memory().unwrap();
    assert!(peak < MOST_MEMORY, "{} MiB", peak >> 20);

    s3.start_again();
    nats.wait_settled(2 * SOON);
    let peak = sink.peak_memory().unwrap();
    assert!(peak < MOST_MEMORY, "{} MiB", peak >> 20);
    assert_eq!(sink.stop(SOON), Some(0), "{}", sink.log());
    let audit = command(PROGRAM, &settings, &["inspect", "--summary", "--output", "json"]);
    assert_eq!((audit.code, audit.json()["complete"].as_bool()), (Some(0), Some(true)), "{audit:?}");
    assert_eq!(audit.json()["totals"]["rows"], BATCHES * ROWS_OF_EACH, "{audit:?}");
}
