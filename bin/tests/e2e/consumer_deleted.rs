//! Somebody deletes the consumer while the sink is at work: it is created again, where it had settled everything.

use crate::PROGRAM;
use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Publisher, Settings, Sink, verify};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_deleted_consumer_is_created_again_and_nothing_is_lost_or_repeated() {
    let nats = NatsServer::start();
    let files = tempfile::tempdir().unwrap();
    nats.create_stream(Settings::STREAM);

    let settings = Settings::new(&nats.url())
        .local(files.path())
        .set("nats", "ack_wait", "2s")
        .set("nats", "worker_count", 2)
        .set("batch", "max_events", 100)
        .set("batch", "max_buffered_events", 1000);
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_ready(SOON);
    let publisher = Publisher::start(PROGRAM, &nats, 12_000, &["--rate", "4000", "--poison-every", "1000"]);
    for (again, least) in [(1, 2000), (2, 6000)] {
        sink.wait_written(SOON, least);
        nats.delete_consumer(Settings::STREAM, Settings::CONSUMER);
        let created = "created=true";
        warehouse_sink_testkit::wait_until(SOON, "the consumer to be created again", || {
            sink.log().matches(created).count() > again
        });
    }
    publisher.finish();
    nats.wait_settled(SOON);
    sink.wait_ready(SOON);
    assert_eq!(sink.stop(SOON), Some(0));

    verify::exact(&nats, files.path(), &["--expect-count", "11988", "--consumer", Settings::CONSUMER]).assert_ok();
}
