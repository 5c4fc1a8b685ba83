//! A consumer whose max ack pending is smaller than a batch, as the server makes one that is not told otherwise: what is held is written when
//! the server gives no more, and not only when the flush interval is over.

use std::time::Duration;

use serde_json::json;
use warehouse_sink_testkit::{NatsServer, Settings, Sink, publish, verify};

use crate::PROGRAM;

/// Far below the flush interval, which is ten minutes here.
const SOON: Duration = Duration::from_secs(90);
const EVENTS: u64 = 5000;

fn create_consumer(nats: &NatsServer, max_ack_pending: i64) {
    let config = json!({ "stream_name": Settings::STREAM, "config": {
        "durable_name": Settings::CONSUMER, "filter_subject": "events.>", "ack_policy": "explicit",
        "ack_wait": 30_000_000_000_u64, "max_deliver": -1, "max_ack_pending": max_ack_pending,
    }});
    let api = format!("CONSUMER.DURABLE.CREATE.{}.{}", Settings::STREAM, Settings::CONSUMER);
    nats.client().jetstream(&api, &config).unwrap();
}

#[test]
fn everything_is_written_without_waiting_for_the_flush_interval() {
    let (nats, files) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    create_consumer(&nats, 1000);
    publish(PROGRAM, &nats, EVENTS, &[]);
    let settings = Settings::new(&nats.url()).local(files.path()).set("batch", "flush_interval", "10m");
    // Each holds less than half of what the server allows now and then, and together they hold all of it.
    let mut sinks = [Sink::start(PROGRAM, &settings), Sink::start(PROGRAM, &settings)];
    // The last of them fill nothing: they are written at the stop.
    let written = |sinks: &[Sink; 2]| sinks.iter().map(Sink::written).sum::<u64>();
    warehouse_sink_testkit::wait_until(SOON, "all to be written that the server could not give at once", || {
        written(&sinks) >= EVENTS - 1000
    });
    for sink in &mut sinks {
        assert_eq!(sink.stop(SOON), Some(0));
    }
    verify::exact(&nats, files.path(), &["--expect-count", "5000", "--consumer", Settings::CONSUMER]).assert_ok();
}
