//! Two replicas share the consumer and the store, and one is killed (SIGKILL): the other gets its messages, and repeats at most what the
//! dead one had not acked.

use crate::PROGRAM;
use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Publisher, Settings, Sink, verify, wait_until};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn the_other_replica_stores_what_a_killed_one_held() {
    let nats = NatsServer::start();
    let files = tempfile::tempdir().unwrap();
    nats.create_stream(Settings::STREAM);
    let settings = Settings::new(&nats.url())
        .local(files.path())
        .set("nats", "ack_wait", "2s")
        .set("batch", "max_events", 100)
        .set("batch", "max_buffered_events", 1000);
    let mut replicas = [Sink::start(PROGRAM, &settings), Sink::start(PROGRAM, &settings)];
    replicas.iter_mut().for_each(|sink| sink.wait_ready(SOON));
    let publisher = Publisher::start(PROGRAM, &nats, 12_000, &["--rate", "4000", "--poison-every", "1000"]);
    replicas.iter().for_each(|sink| sink.wait_written(SOON, 500));

    let [mut first, mut second] = replicas;
    // Killed while it holds something, so that there is something to take over.
    wait_until(SOON, "the replica to hold messages", || first.metric("warehouse_sink_buffered_messages", &[]) >= 200.0);
    first.kill();
    let unacked = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap().ack_pending;
    publisher.finish();
    nats.wait_settled(SOON);
    assert!(second.metric("warehouse_sink_messages_redelivered_total", &[]) > 0.0, "messages were taken over");
    assert_eq!(second.stop(SOON), Some(0));

    let allowed = unacked.to_string();
    let found = verify::exact(
        &nats,
        files.path(),
        &["--expect-count", "11988", "--consumer", Settings::CONSUMER, "--allow-duplicates", &allowed],
    );
    found.assert_ok();
    eprintln!("{} duplicates, {unacked} messages not acked at the kill", found.number(&["duckdb", "duplicates"]));
}
