//! The connection to NATS breaks again and again, once for longer than the ack wait: the sink reconnects by itself, and stores each
//! event once.

use crate::PROGRAM;
use std::thread;
use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Proxy, Settings, Sink, publish, verify};

const SOON: Duration = Duration::from_secs(60);
const ACK_WAIT: Duration = Duration::from_secs(1);

#[test]
fn a_connection_that_breaks_costs_nothing_and_repeats_nothing() {
    let nats = NatsServer::start();
    let network = Proxy::start(nats.address());
    let files = tempfile::tempdir().unwrap();
    nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &nats, 12_000, &[]);

    let settings = Settings::new(&format!("nats://{}", network.address()))
        .local(files.path())
        .set("nats", "ack_wait", "1s")
        .set("nats", "worker_count", 2)
        .set("batch", "max_events", 100)
        .set("batch", "max_buffered_events", 1000);
    let mut sink = Sink::start(PROGRAM, &settings);
    for least in [1000, 2500, 4000, 5500] {
        sink.wait_written(SOON, least);
        network.cut();
    }
    sink.wait_written(SOON, 7000);
    let connections = network.accepted();
    assert!(connections >= 5, "a connection for each cut, not {connections}");
    network.go_down();
    assert!(sink.written() < 12_000, "the connection must break in mid-run");
    thread::sleep(2 * ACK_WAIT);
    assert_eq!(sink.ready().map(|(status, _)| status), Some(503));
    network.come_back();

    sink.wait_ready(SOON);
    nats.wait_settled(SOON);
    assert_eq!(sink.stop(SOON), Some(0));
    verify::exact(&nats, files.path(), &["--expect-count", "12000", "--consumer", Settings::CONSUMER]).assert_ok();
}
