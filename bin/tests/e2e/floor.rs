//! `nats.ack = "floor"`: one ack settles all before it, one replica is served, and others stand by.

use crate::PROGRAM;
use std::path::Path;
use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Publisher, S3Server, Settings, Signal, Sink, publish, verify, wait_until};

const DEADLINE: Duration = Duration::from_secs(60);
/// Far more than a test takes: what is taken over is not waited for this long.
const LONG: &str = "1h";

fn settings(nats: &NatsServer, files: &Path) -> Settings {
    floor(nats).local(files)
}

fn floor(nats: &NatsServer) -> Settings {
    Settings::new(&nats.url())
        .set("nats", "ack", "floor")
        .set("nats", "ack_wait", LONG)
        .set("batch", "max_events", 100)
        .set("batch", "max_buffered_events", 2000)
}

/// Two replicas; the first of them is served.
fn replicas(nats: &NatsServer, settings: &Settings) -> [Sink; 2] {
    let mut first = Sink::start(PROGRAM, settings);
    first.wait_ready(DEADLINE);
    publish(PROGRAM, nats, 500, &[]);
    nats.wait_settled(DEADLINE);
    let mut second = Sink::start(PROGRAM, settings);
    second.wait_ready(DEADLINE);
    [first, second]
}

fn fetched(sink: &Sink) -> f64 {
    sink.metric("warehouse_sink_messages_fetched_total", &[])
}

#[test]
fn stores_everything_once_and_terminates_nothing() {
    let (nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    publish(PROGRAM, &nats, 20_000, &["--create-stream", "--poison-every", "1000"]);
    let mut sink = Sink::start(PROGRAM, &settings(&nats, files.path()));
    nats.wait_settled(DEADLINE);
    wait_until(DEADLINE, "all to be counted as acked", || sink.acked() == 20_000);
    assert_eq!(sink.metric("warehouse_sink_messages_terminated_total", &[]) as u64, 0, "it would settle all before it");
    assert_eq!(sink.stop(DEADLINE), Some(0));
    let consumer = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
    assert_eq!(consumer.deliveries, 20_000, "something was delivered twice");
    let found = verify::exact(&nats, files.path(), &["--expect-count", "19980", "--consumer", Settings::CONSUMER]);
    found.assert_ok();
    assert_eq!(found.number(&["dead_letter", "rows"]), 20);
}

#[test]
fn a_replica_that_stands_by_takes_over_from_a_killed_one() {
    let (nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let settings = settings(&nats, files.path()).set("nats", "takeover_after", "5s");
    let [mut first, mut second] = replicas(&nats, &settings);
    let publisher = Publisher::start(PROGRAM, &nats, 12_000, &["--rate", "4000", "--seed", "1"]);
    wait_until(DEADLINE, "the first to hold messages", || {
        first.metric("warehouse_sink_buffered_messages", &[]) >= 200.0
    });
    assert_eq!(fetched(&second) as u64, 0, "it stands by");
    first.kill();
    let unacked = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap().ack_pending;
    publisher.finish();
    nats.wait_settled(DEADLINE);
    assert!(fetched(&second) > 0.0);
    assert_eq!(second.stop(DEADLINE), Some(0));
    let allowed = unacked.to_string();
    let arguments = ["--expect-count", "12500", "--consumer", Settings::CONSUMER, "--allow-duplicates", &allowed];
    verify::exact(&nats, files.path(), &arguments).assert_ok();
}

/// A stop gives up the turn: nobody waits for the time after which a replica is missed.
#[test]
fn a_replica_that_stops_lets_the_other_go_on_at_once() {
    let (nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let settings = settings(&nats, files.path()).set("nats", "takeover_after", LONG);
    let [mut first, mut second] = replicas(&nats, &settings);
    assert_eq!(first.stop(DEADLINE), Some(0));
    publish(PROGRAM, &nats, 1000, &["--seed", "1"]);
    nats.wait_settled(DEADLINE);
    assert_eq!(fetched(&second) as u64, 1000);
    assert_eq!(second.stop(DEADLINE), Some(0));
    verify::exact(&nats, files.path(), &["--expect-count", "1500", "--consumer", Settings::CONSUMER]).assert_ok();
}

#[test]
fn goes_on_after_the_server_was_killed() {
    let (mut nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let settings = settings(&nats, files.path()).set("nats", "takeover_after", "5s");
    let mut sink = Sink::start(PROGRAM, &settings);
    publish(PROGRAM, &nats, 5000, &[]);
    sink.wait_written(DEADLINE, 500);
    nats.kill();
    nats.start_again();
    publish(PROGRAM, &nats, 5000, &["--seed", "1"]);
    nats.wait_settled(DEADLINE);
    assert!(sink.metric("warehouse_sink_epochs_total", &[]) >= 2.0, "it began anew");
    assert_eq!(sink.stop(DEADLINE), Some(0));
    // What it has written it knows, also when it comes again.
    verify::exact(&nats, files.path(), &["--expect-count", "10000", "--consumer", Settings::CONSUMER]).assert_ok();
}

/// A full buffer must not look like a replica that is gone.
#[test]
fn keeps_its_turn_while_the_store_is_down() {
    let (nats, mut s3) = (NatsServer::start(), S3Server::start());
    nats.create_stream(Settings::STREAM);
    let settings = s3
        .settings(floor(&nats), &s3.endpoint())
        .set("nats", "takeover_after", "5s")
        .set("storage", "max_write_attempts", 1000)
        .set("storage", "retry_initial", "100ms")
        .set("storage", "retry_max", "500ms");
    let [mut first, mut second] = replicas(&nats, &settings);
    s3.kill();
    publish(PROGRAM, &nats, 5000, &["--seed", "1"]);
    wait_until(DEADLINE, "the buffer to be full", || {
        first.metric("warehouse_sink_buffered_messages", &[]) as u64 == 2000
    });
    // Longer than a replica is waited for that does not ask.
    nats.outwait(Settings::STREAM, "events.>", Duration::from_secs(8));
    assert_eq!(fetched(&second) as u64, 0, "it stands by");
    // Also while the first stops, and waits for the store to take what it holds.
    first.signal(Signal::Terminate);
    nats.outwait(Settings::STREAM, "events.>", Duration::from_secs(8));
    assert_eq!(fetched(&second) as u64, 0, "it stands by");
    s3.start_again();
    assert_eq!(first.wait_exit(DEADLINE).code(), Some(0), "{}", first.log());
    nats.wait_settled(DEADLINE);
    assert_eq!(fetched(&second) as u64, 3000);
    assert_eq!(second.stop(DEADLINE), Some(0));
    verify::exact_s3(&nats, &s3, &["--expect-count", "5500", "--consumer", Settings::CONSUMER]).assert_ok();
}

#[test]
fn refuses_a_consumer_that_was_made_for_single_acks() {
    let (nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let each = settings(&nats, files.path()).set("nats", "ack", "each");
    let mut sink = Sink::start(PROGRAM, &each);
    sink.wait_ready(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0));
    let mut sink = Sink::start(PROGRAM, &settings(&nats, files.path()));
    assert_eq!(sink.wait_exit(DEADLINE).code(), Some(1), "{}", sink.log());
    assert!(sink.log().contains("its ack policy is Explicit"), "{}", sink.log());
}
