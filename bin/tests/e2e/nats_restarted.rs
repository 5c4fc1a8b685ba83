//! The NATS server dies and comes back, twice, while the sink is at work: it goes on by itself, and stores each event once.

use crate::PROGRAM;
use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Settings, Sink, publish, verify};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_killed_nats_server_costs_nothing_and_repeats_nothing() {
    let mut nats = NatsServer::start();
    let files = tempfile::tempdir().unwrap();
    nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &nats, 12_000, &["--poison-every", "1000"]);

    // Small batches, so that the server dies in the middle of them.
    let settings = Settings::new(&nats.url())
        .local(files.path())
        .set("batch", "max_events", 100)
        .set("batch", "max_buffered_events", 1000)
        .set("nats", "ack_wait", "2s");
    let mut sink = Sink::start(PROGRAM, &settings);
    for least in [2000, 6000] {
        sink.wait_written(SOON, least);
        nats.kill();
        assert!(sink.written() < 11_000, "the server must die in mid-run");
        nats.start_again();
    }
    publish(PROGRAM, &nats, 1000, &["--seed", "1"]);
    nats.wait_settled(SOON);
    sink.wait_ready(SOON);
    assert_eq!(sink.stop(SOON), Some(0));

    verify::exact(&nats, files.path(), &["--expect-count", "12988", "--consumer", Settings::CONSUMER]).assert_ok();
}
