//! A stop, whatever it comes into, loses nothing and duplicates nothing, and leaves nothing to wait for.

use crate::PROGRAM;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use warehouse_sink_testkit::{
    Direction, Flow, NatsServer, Proxy, Settings, Signal, Sink, envelope, free_ports, moved, publish, verify,
    wait_until,
};

const DEADLINE: Duration = Duration::from_secs(60);

/// Much longer than any test: what is neither acked nor given back would not come again in time.
const NEVER: &str = "10m";

fn setup(messages: u64) -> (NatsServer, TempDir) {
    let nats = NatsServer::start();
    publish(PROGRAM, &nats, messages, &["--create-stream"]);
    (nats, tempfile::tempdir().unwrap())
}

/// Settings with an S3 server that is down.
fn dead_store(nats: &NatsServer) -> Settings {
    let [port] = free_ports();
    Settings::new(&nats.url())
        .set("storage", "service", "s3")
        .set("storage", "max_write_attempts", 1_000_000)
        .set("storage", "retry_max", "1s")
        .set("storage.options", "endpoint", format!("http://127.0.0.1:{port}"))
        .set("storage.options", "bucket", "events")
        .set("storage.options", "region", "us-east-1")
        .set("storage.options", "access_key_id", "key")
        .set("storage.options", "secret_access_key", "secret")
}

fn wait_held(sink: &Sink, messages: u64) {
    wait_until(DEADLINE, "all messages to be held and a write to have failed", || {
        let metrics = sink.metrics().unwrap_or_default();
        metrics.sum("warehouse_sink_buffered_messages", &[]) as u64 == messages
            && metrics.sum("warehouse_sink_files_total", &[("outcome", "failed")]) > 0.0
    });
}

/// A second replica writes what the first gave back.
fn finish_elsewhere(nats: &NatsServer, folder: &TempDir) {
    let settings = Settings::new(&nats.url()).local(folder.path()).set("nats", "ack_wait", NEVER);
    let settings = moved(PROGRAM, settings);
    let mut other = Sink::start(PROGRAM, &settings);
    nats.wait_settled(Duration::from_secs(30));
    assert_eq!(other.stop(DEADLINE), Some(0));
    verify::exact(nats, folder.path(), &["--consumer", Settings::CONSUMER]).assert_ok();
}

/// Several stops, since each catches the fetchers and the server at another moment. What one of them forgot would not come
/// again before the test's end.
#[test]
fn in_mid_run_settles_everything_and_a_second_replica_gets_the_rest() {
    const MESSAGES: u64 = 60_000;
    const STOPS: usize = 8;
    let (nats, folder) = setup(MESSAGES);
    let settings = Settings::new(&nats.url())
        .local(folder.path())
        .set("nats", "ack_wait", NEVER)
        .set("nats", "worker_count", 2)
        .set("batch", "max_events", 200)
        .set("batch", "max_buffered_events", 4000);
    for _ in 0..STOPS {
        let mut sink = Sink::start(PROGRAM, &settings);
        wait_until(DEADLINE, "the first files to be written", || sink.acked() > 300);
        assert_eq!(sink.stop(DEADLINE), Some(0));
    }

    let state = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
    assert!(state.pending > 0, "the last stop did not come in mid-run");
    let written = verify::exact(&nats, folder.path(), &["--allow-missing"]);
    written.assert_ok();
    let acked = state.delivered - state.ack_pending;
    assert_eq!(written.number(&["duckdb", "rows"]), acked, "what is written is acked, and nothing else");

    finish_elsewhere(&nats, &folder);
}

/// The sink is frozen while the server delivers and while it is told to stop: what it then finds in its connection comes
/// after the stop, or in part just before.
#[test]
fn what_is_delivered_during_the_stop_is_stored_or_given_back() {
    const MESSAGES: u64 = 200;
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let settings = Settings::new(&nats.url()).local(folder.path()).set("nats", "ack_wait", NEVER).set(
        "batch",
        "flush_interval",
        NEVER,
    );
    let mut sink = Sink::start(PROGRAM, &settings);
    let mut client = nats.client();
    let consumer = || nats.consumer(Settings::STREAM, Settings::CONSUMER);
    wait_until(DEADLINE, "all to be delivered while the sink is frozen", || {
        sink.signal(Signal::Continue);
        wait_until(DEADLINE, "the sink to ask for messages", || {
            consumer().is_some_and(|state| state.waiting > 0 && state.pending == 0)
        });
        sink.signal(Signal::Stop);
        let before = nats.stream(Settings::STREAM).last_sequence;
        for number in before..before + MESSAGES {
            let body = envelope(&format!("event-{number}"), "app", "device", 1_772_366_400_000);
            client.publish("events.app.b.c", &[], &body).unwrap();
        }
        // Its request may have been too old for all of them.
        consumer().is_some_and(|state| state.pending == 0)
    });
    // Longer than a request lives: what came for it counts all the same.
    thread::sleep(Duration::from_secs(5));
    sink.signal(Signal::Terminate);
    sink.signal(Signal::Continue);
    assert_eq!(sink.wait_exit(DEADLINE).code(), Some(0));

    finish_elsewhere(&nats, &folder);
}

/// Messages that are on their way while the sink takes its request back come after that. They were delivered all the same, so
/// they are to be given back: the sink must not stop listening before the server has confirmed that nothing more comes.
#[test]
fn what_is_on_its_way_when_the_request_is_taken_back_is_given_back() {
    const HELD: u64 = 10;
    const LATE: u64 = 100;
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let network = Proxy::start(nats.address());
    let settings = Settings::new(&format!("nats://{}", network.address()))
        .local(folder.path())
        .set("nats", "ack_wait", NEVER)
        .set("nats", "fetch_batch_size", 10 * LATE)
        .set("batch", "flush_interval", NEVER);
    let mut sink = Sink::start(PROGRAM, &settings);
    publish(PROGRAM, &nats, HELD, &[]);
    sink.wait_metric(DEADLINE, "warehouse_sink_buffered_messages", &[], HELD as f64);

    network.set(Direction::ToClient, Flow::Stall);
    publish(PROGRAM, &nats, LATE, &["--seed", "1"]);
    let consumer = || nats.consumer(Settings::STREAM, Settings::CONSUMER);
    wait_until(DEADLINE, "all to be delivered", || consumer().is_some_and(|state| state.ack_pending == HELD + LATE));
    sink.signal(Signal::Terminate);
    wait_until(DEADLINE, "the request to be taken back", || consumer().is_some_and(|state| state.waiting == 0));
    network.set(Direction::ToClient, Flow::Pass);
    assert_eq!(sink.wait_exit(DEADLINE).code(), Some(0));

    finish_elsewhere(&nats, &folder);
}

#[test]
fn with_a_dead_store_gives_everything_back_in_time_and_says_so() {
    const MESSAGES: u64 = 3000;
    let (nats, folder) = setup(MESSAGES);
    let settings = dead_store(&nats).set("nats", "ack_wait", NEVER).set("shutdown", "timeout", "2s");
    let mut sink = Sink::start(PROGRAM, &settings);
    wait_held(&sink, MESSAGES);

    let start = Instant::now();
    assert_eq!(sink.stop(DEADLINE), Some(3));
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(8), "it took {took:?}");
    assert!(sink.log().contains(&format!("abandoned_messages={MESSAGES}")), "{}", sink.log());
    assert_eq!(nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap().ack_floor, 0, "something was acked");

    finish_elsewhere(&nats, &folder);
}

/// `timeout` sends SIGTERM twice, a moment apart, and others send SIGTERM and SIGINT. Signals that ask for nothing that there is change
/// nothing.
#[test]
fn a_later_signal_ends_it_at_once_and_a_doubled_one_does_not() {
    const MESSAGES: u64 = 3000;
    let (nats, folder) = setup(MESSAGES);
    let settings = dead_store(&nats).set("nats", "ack_wait", "2s").set("shutdown", "timeout", "5m");
    let mut sink = Sink::start(PROGRAM, &settings);
    wait_held(&sink, MESSAGES);
    for (signal, name) in [(Signal::Hangup, "SIGHUP"), (Signal::User1, "SIGUSR1"), (Signal::User2, "SIGUSR2")] {
        sink.signal(signal);
        wait_until(DEADLINE, "the signal to be ignored", || {
            sink.exited().is_some() || sink.log().lines().any(|line| line.contains("ignored") && line.contains(name))
        });
        assert_eq!(sink.exited(), None, "{name}");
    }
    assert!(!sink.log().contains("stopping"), "{}", sink.log());

    for signal in [Signal::Terminate, Signal::Interrupt, Signal::Quit] {
        sink.signal(signal);
    }
    wait_until(DEADLINE, "all three to be heard", || {
        sink.exited().is_some() || sink.log().matches("taken for the same wish").count() == 2
    });
    assert_eq!(sink.exited(), None);
    wait_until(DEADLINE, "a later one to end it", || {
        if sink.exited().is_none() {
            sink.signal(Signal::Terminate);
        }
        sink.exited().is_some()
    });
    assert_eq!(sink.wait_exit(DEADLINE).code(), Some(1));

    finish_elsewhere(&nats, &folder);
}
