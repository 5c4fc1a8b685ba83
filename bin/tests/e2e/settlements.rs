//! What becomes of settlements on a server that has other plans: a stream or a consumer that was made anew, a user who may not ack, a
//! connection that dies with the last acks.

use crate::PROGRAM;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use warehouse_sink_testkit::{
    ConsumerState, Direction, Flow, NatsServer, Proxy, Settings, Signal, Sink, free_ports, publish, verify, wait_until,
};

const SOON: Duration = Duration::from_secs(60);
/// Longer than any test.
const NEVER: &str = "10m";
const HELD: u64 = 100;
const BUFFERED: &str = "warehouse_sink_buffered_messages";

/// Nothing is written before the stop, and nothing comes again by itself.
fn holding(url: &str, files: &TempDir) -> Settings {
    Settings::new(url).local(files.path()).set("nats", "ack_wait", NEVER).set("batch", "flush_interval", NEVER)
}

fn consumer(nats: &NatsServer) -> ConsumerState {
    nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap()
}

/// Creates the sink's consumer, as another replica does.
fn create_consumer(nats: &NatsServer) {
    let config = json!({ "stream_name": Settings::STREAM, "action": "create", "config": {
        "name": Settings::CONSUMER, "durable_name": Settings::CONSUMER, "deliver_policy": "all", "ack_policy": "explicit",
        "ack_wait": 600_000_000_000_u64, "max_deliver": -1, "max_ack_pending": 500_000, "filter_subject": "events.>",
    }});
    let name = format!("CONSUMER.CREATE.{}.{}.events.>", Settings::STREAM, Settings::CONSUMER);
    nats.client().jetstream(&name, &config).unwrap();
}

/// Asks for one message at once, as another replica does. What is answered is not looked at.
fn take_one(nats: &NatsServer) {
    let name = format!("CONSUMER.MSG.NEXT.{}.{}", Settings::STREAM, Settings::CONSUMER);
    let _ = nats.client().jetstream(&name, &json!({ "batch": 1, "no_wait": true }));
}

/// Another replica takes so many messages, and holds them.
fn take(nats: &NatsServer, count: u64) {
    (0..count).for_each(|_| take_one(nats));
    assert_eq!(consumer(nats).ack_pending, count, "the other replica holds them");
}

fn recreate_stream(nats: &NatsServer) {
    nats.client().jetstream(&format!("STREAM.DELETE.{}", Settings::STREAM), &Value::Null).unwrap();
    nats.create_stream(Settings::STREAM);
    create_consumer(nats);
}

/// The sink holds messages of a stream that is deleted and made anew while it is frozen, and another replica takes messages with the
/// same sequences.
fn held_while_the_stream_is_made_anew(nats: &NatsServer, files: &TempDir) -> Sink {
    let mut sink = Sink::start(PROGRAM, &holding(&nats.url(), files));
    publish(PROGRAM, nats, HELD, &["--apps", "old.app"]);
    sink.wait_metric(SOON, BUFFERED, &[], HELD as f64);
    sink.signal(Signal::Stop);
    recreate_stream(nats);
    publish(PROGRAM, nats, HELD / 2, &["--apps", "new.app", "--seed", "1"]);
    take(nats, HELD / 2);
    sink
}

#[test]
fn what_was_held_of_an_old_stream_settles_nothing_of_a_new_one() {
    let (nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);

    // It has not heard of the new stream when it writes what it holds.
    let mut sink = held_while_the_stream_is_made_anew(&nats, &files);
    sink.signal(Signal::Terminate);
    sink.signal(Signal::Continue);
    assert_eq!(sink.wait_exit(SOON).code(), Some(0), "{}", sink.log());
    let state = consumer(&nats);
    assert_eq!((state.ack_pending, state.ack_floor), (HELD / 2, 0), "another replica's messages were settled");

    // It has messages of both streams.
    recreate_stream(&nats);
    let mut sink = held_while_the_stream_is_made_anew(&nats, &files);
    sink.signal(Signal::Continue);
    publish(PROGRAM, &nats, HELD / 2, &["--apps", "new.app", "--seed", "2"]);
    sink.wait_metric(SOON, BUFFERED, &[], (HELD + HELD / 2) as f64);
    assert_eq!(sink.stop(SOON), Some(0), "{}", sink.log());
    let state = consumer(&nats);
    // A request that it sent before it knew of the new consumer may have got some of its own: they are let go of, and come again.
    assert!(
        state.ack_pending >= HELD / 2 && state.ack_floor == 0,
        "another replica's messages were settled: {state:?}"
    );
    assert_eq!(state.delivered, HELD);
}

/// A nak of an old consumer's delivery would have the new consumer's delivered again while another replica holds it.
#[test]
fn what_was_held_of_an_old_consumer_gives_nothing_back_of_a_new_one() {
    let (nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let [port] = free_ports();
    let settings = holding(&nats.url(), &files)
        .set("shutdown", "timeout", "1s")
        .set("storage", "max_write_attempts", 1_000_000)
        .set("storage", "service", "s3")
        .unset("storage.options", "root")
        .set("storage.options", "endpoint", format!("http://127.0.0.1:{port}"))
        .set("storage.options", "bucket", "events")
        .set("storage.options", "region", "us-east-1")
        .set("storage.options", "access_key_id", "key")
        .set("storage.options", "secret_access_key", "secret");
    let mut sink = Sink::start(PROGRAM, &settings);
    publish(PROGRAM, &nats, HELD, &[]);
    sink.wait_metric(SOON, BUFFERED, &[], HELD as f64);
    sink.signal(Signal::Stop);
    nats.delete_consumer(Settings::STREAM, Settings::CONSUMER);
    create_consumer(&nats);
    take(&nats, HELD);
    sink.signal(Signal::Terminate);
    sink.signal(Signal::Continue);
    assert_eq!(sink.wait_exit(SOON).code(), Some(3), "{}", sink.log());
    take_one(&nats);
    assert_eq!(consumer(&nats).deliveries, HELD, "what another replica holds was delivered again");
}

const MAY_ACK: &str = "";
const MAY_NOT_ACK: &str = ", permissions: { publish: { deny: [\"$JS.ACK.>\"] } }";

/// A server whose sink's user has these permissions; everybody else may do everything.
fn users(permissions: &str) -> String {
    format!(
        "authorization {{ users: [{{ user: admin, password: admin }}, {{ user: sink, password: sink{permissions} }}] }}\n\
         no_auth_user: admin"
    )
}

#[test]
fn acks_that_are_refused_are_told_of_kept_and_sent_once_they_are_allowed() {
    let (mut nats, files) = (NatsServer::with_config(&users(MAY_NOT_ACK)), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &nats, HELD, &["--poison-every", "10"]);
    let settings = Settings::new(&nats.url())
        .local(files.path())
        .set("nats", "username", "sink")
        .set("nats", "password", "sink")
        .set("nats", "ack_wait", NEVER);
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_written(SOON, HELD);
    wait_until(SOON, "the sink to say that it may not ack", || {
        sink.ready().is_some_and(|(status, reason)| status == 503 && reason.contains("$JS.ACK"))
    });
    let settled = || sink.acked() + sink.metric("warehouse_sink_messages_terminated_total", &[]) as u64;
    assert_eq!((sink.written(), settled()), (HELD, 0), "nothing was settled, and nothing is said to be");
    assert_eq!(consumer(&nats).ack_pending, HELD);
    assert_eq!(sink.stop(SOON), Some(3), "{}", sink.log());
    assert!(sink.log().contains(&format!("unsent_settlements={HELD}")), "{}", sink.log());

    // Another one begins in the same way, and is allowed to ack while it runs.
    nats.delete_consumer(Settings::STREAM, Settings::CONSUMER);
    let again = tempfile::tempdir().unwrap();
    let mut sink = Sink::start(PROGRAM, &settings.local(again.path()));
    sink.wait_log(SOON, "$JS.ACK");
    nats.reload_with(&users(MAY_ACK));
    nats.wait_settled(SOON);
    sink.wait_ready(SOON);
    assert_eq!(sink.written(), HELD, "nothing is written twice");
    assert_eq!(sink.stop(SOON), Some(0), "{}", sink.log());
    verify::exact(&nats, again.path(), &["--consumer", Settings::CONSUMER]).assert_ok();
}

/// The server drops the subscription that answers come on, and giving back the right does not bring it back.
#[test]
fn a_right_to_hear_answers_that_is_taken_away_and_given_back_needs_no_restart() {
    let may_not_hear = ", permissions: { subscribe: { deny: [\"_INBOX.>\"] } }";
    let (mut nats, files) = (NatsServer::with_config(&users("")), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let settings = Settings::new(&nats.url())
        .local(files.path())
        .set("nats", "username", "sink")
        .set("nats", "password", "sink")
        .set("batch", "flush_interval", "300ms");
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_ready(SOON);
    nats.reload_with(&users(may_not_hear));
    wait_until(SOON, "the sink to say what it may not do", || {
        sink.ready().is_some_and(|(status, reason)| status == 503 && reason.contains("subscribe to `_INBOX.>`"))
    });
    publish(PROGRAM, &nats, HELD, &[]);

    nats.reload_with(&users(""));
    nats.wait_settled(SOON);
    sink.wait_ready(SOON);
    assert_eq!(sink.stop(SOON), Some(0), "{}", sink.log());
    verify::exact(&nats, files.path(), &["--consumer", Settings::CONSUMER]).assert_ok();
}

/// Nobody can know what became of the last acks, and the exit code doesn't claim to.
#[test]
fn a_stop_whose_last_acks_are_not_confirmed_is_not_clean() {
    let (nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let network = Proxy::start(nats.address());
    let mut sink = Sink::start(PROGRAM, &holding(&format!("nats://{}", network.address()), &files));
    publish(PROGRAM, &nats, HELD, &[]);
    sink.wait_metric(SOON, BUFFERED, &[], HELD as f64);
    network.set(Direction::ToServer, Flow::Stall);
    assert_eq!(sink.stop(SOON), Some(3), "{}", sink.log());
    assert!(sink.log().contains(&format!("unsent_settlements={HELD}")), "{}", sink.log());
    assert_eq!(consumer(&nats).ack_floor, 0, "nothing arrived");
}

/// The connection that comes back has nothing of what was sent on the one before it.
#[test]
fn the_last_acks_that_are_lost_with_their_connection_are_sent_on_the_next() {
    let (nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let network = Proxy::start(nats.address());
    let mut sink = Sink::start(PROGRAM, &holding(&format!("nats://{}", network.address()), &files));
    publish(PROGRAM, &nats, HELD, &[]);
    sink.wait_metric(SOON, BUFFERED, &[], HELD as f64);

    network.set(Direction::ToServer, Flow::Discard);
    sink.signal(Signal::Terminate);
    sink.wait_log(SOON, "file written");
    let discarded = network.discarded();
    wait_until(SOON, "what follows the write to be lost", || network.discarded() > discarded);
    network.cut();
    network.set(Direction::ToServer, Flow::Pass);
    let code = sink.wait_exit(SOON).code();
    let state = consumer(&nats);
    assert_eq!((code, state.ack_pending, state.ack_floor), (Some(0), 0, HELD), "{}", sink.log());
    verify::exact(&nats, files.path(), &["--consumer", Settings::CONSUMER]).assert_ok();
}

/// There is nothing to confirm, and nobody to wait for.
#[test]
fn an_idle_sink_without_a_connection_stops_at_once() {
    let (nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let network = Proxy::start(nats.address());
    let mut sink = Sink::start(PROGRAM, &holding(&format!("nats://{}", network.address()), &files));
    sink.wait_ready(SOON);
    network.go_down();
    wait_until(SOON, "the connection to be missed", || sink.ready().is_some_and(|(status, _)| status == 503));
    let start = Instant::now();
    assert_eq!(sink.stop(SOON), Some(0), "{}", sink.log());
    assert!(start.elapsed() < Duration::from_secs(2), "it took {:?}", start.elapsed());
}

/// A work queue's consumer must begin with its first message. What was acked is gone from there anyway.
#[test]
fn a_deleted_consumer_of_a_work_queue_is_created_again() {
    let (nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let config = json!({
        "name": Settings::STREAM, "subjects": ["events.>"], "retention": "workqueue", "storage": "file",
        "max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "max_age": 0, "num_replicas": 1, "discard": "old",
    });
    nats.client().jetstream(&format!("STREAM.CREATE.{}", Settings::STREAM), &config).unwrap();
    let mut sink = Sink::start(PROGRAM, &Settings::new(&nats.url()).local(files.path()).set("nats", "ack_wait", "2s"));
    let empty = || nats.stream(Settings::STREAM).messages == 0;
    publish(PROGRAM, &nats, HELD, &[]);
    sink.wait_written(SOON, HELD);
    wait_until(SOON, "everything to be acked", empty);
    // The sink looks at the ack floor every two seconds, and begins above it elsewhere.
    thread::sleep(Duration::from_secs(3));
    nats.delete_consumer(Settings::STREAM, Settings::CONSUMER);
    publish(PROGRAM, &nats, HELD, &["--seed", "1"]);
    sink.wait_written(SOON, 2 * HELD);
    wait_until(SOON, "everything to be acked", empty);
    sink.wait_ready(SOON);
    assert_eq!(sink.written(), 2 * HELD, "nothing is written twice");
    assert_eq!(sink.stop(SOON), Some(0), "{}", sink.log());
}
