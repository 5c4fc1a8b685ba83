//! Acks that the server never got are sent again, whether their messages come again or not, and nothing is written again.

use crate::PROGRAM;
use std::time::Duration;

use serde_json::json;
use warehouse_sink_testkit::{Direction, Flow, NatsServer, Proxy, Settings, Sink, publish, verify, wait_until};

const SOON: Duration = Duration::from_secs(60);
const EVENTS: u64 = 2000;
const BUFFERED: &str = "warehouse_sink_buffered_messages";
const UNCONFIRMED: &str = "warehouse_sink_unconfirmed_settlements";

fn verify_exactly_once(nats: &NatsServer, sink: &mut Sink, files: &std::path::Path) {
    assert_eq!(sink.written(), EVENTS, "nothing is written again");
    assert_eq!(sink.stop(SOON), Some(0));
    let found = verify::exact(nats, files, &["--expect-count", "2000", "--consumer", Settings::CONSUMER]);
    found.assert_ok();
}

#[test]
fn acks_that_are_lost_on_the_way_are_sent_again_and_nothing_is_written_again() {
    let nats = NatsServer::start();
    let network = Proxy::start(nats.address());
    let files = tempfile::tempdir().unwrap();
    nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &nats, EVENTS, &[]);
    let settings = Settings::new(&format!("nats://{}", network.address()))
        .local(files.path())
        .set("nats", "ack_wait", "2s")
        .set("batch", "flush_interval", "2s");
    let mut sink = Sink::start(PROGRAM, &settings);

    // All is fetched and nothing flushed yet. From here on nothing that the sink sends arrives.
    sink.wait_metric(SOON, BUFFERED, &[], EVENTS as f64);
    network.set(Direction::ToServer, Flow::Discard);
    sink.wait_written(SOON, EVENTS);
    sink.wait_metric(SOON, UNCONFIRMED, &[], EVENTS as f64);
    assert_eq!(sink.acked(), 0, "nothing is confirmed");
    let consumer = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
    assert_eq!((consumer.ack_pending, consumer.ack_floor), (EVENTS, 0), "the server has got no ack");

    network.cut();
    network.set(Direction::ToServer, Flow::Pass);
    nats.wait_settled(SOON);
    wait_until(SOON, "the acks to be counted", || sink.acked() >= EVENTS);
    verify_exactly_once(&nats, &mut sink, files.path());
}

#[test]
fn a_consumer_that_starts_over_is_acked_again_and_nothing_is_written_again() {
    let nats = NatsServer::start();
    let files = tempfile::tempdir().unwrap();
    nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &nats, EVENTS, &[]);
    let mut sink = Sink::start(PROGRAM, &Settings::new(&nats.url()).local(files.path()));
    sink.wait_written(SOON, EVENTS);
    nats.wait_settled(SOON);

    // The sink is not as quick to create the consumer as a request on an open connection; if it is once, again.
    let create = json!({ "stream_name": Settings::STREAM, "action": "create", "config": {
        "name": Settings::CONSUMER, "durable_name": Settings::CONSUMER, "deliver_policy": "all", "ack_policy": "explicit",
        "ack_wait": 30_000_000_000_u64, "max_deliver": -1, "max_ack_pending": 500_000, "filter_subject": "events.>",
    } });
    let name = format!("{}.{}", Settings::STREAM, Settings::CONSUMER);
    let mut client = nats.client();
    wait_until(SOON, "the consumer to start over", || {
        client.jetstream(&format!("CONSUMER.DELETE.{name}"), &json!(null)).unwrap();
        client.jetstream(&format!("CONSUMER.CREATE.{name}.events.>"), &create).is_ok()
    });
    wait_until(SOON, "everything to be acked again", || sink.acked() == 2 * EVENTS);
    nats.wait_settled(SOON);
    verify_exactly_once(&nats, &mut sink, files.path());
}
