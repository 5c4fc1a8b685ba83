//! One partition can't be written: the others are written and acked, its messages come back after growing delays, and are written once
//! the obstacle is gone.

use crate::PROGRAM;
use std::fs;
use std::time::{Duration, Instant};

use warehouse_sink_testkit::{NatsServer, Settings, Sink, publish, verify};

const SOON: Duration = Duration::from_secs(60);
const GOOD: u64 = 1000;
const BAD: u64 = 200;
const NACKED: &str = "warehouse_sink_messages_nacked_total";

#[test]
fn a_partition_that_fails_leaves_the_others_alone_and_recovers() {
    let nats = NatsServer::start();
    let files = tempfile::tempdir().unwrap();
    nats.create_stream(Settings::STREAM);
    // A file where the partition's folder must be.
    let obstacle = files.path().join("events/app_id=bad.app");
    fs::create_dir_all(obstacle.parent().unwrap()).unwrap();
    fs::write(&obstacle, "in the way").unwrap();
    publish(PROGRAM, &nats, BAD, &["--apps", "bad.app", "--hours", "1"]);
    publish(PROGRAM, &nats, GOOD, &["--apps", "good.app", "--seed", "1"]);

    let settings = Settings::new(&nats.url())
        .local(files.path())
        .set("batch", "flush_interval", "200ms")
        .set("storage", "nak_initial", "400ms")
        .set("storage", "nak_max", "10s");
    let mut sink = Sink::start(PROGRAM, &settings);
    let rounds = [1, 2, 3, 4].map(|round| {
        sink.wait_metric(SOON, NACKED, &[], (round * BAD) as f64);
        Instant::now()
    });
    assert_eq!((sink.acked(), sink.written()), (GOOD, GOOD), "the other partitions are done");
    let consumer = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
    assert_eq!((consumer.ack_pending, consumer.ack_floor), (BAD, 0));
    // The delays are 200 to 400 ms, 400 to 800 ms and 800 to 1600 ms; the flush interval comes on top of each.
    let [first, _, third] = [1, 2, 3].map(|round| rounds[round] - rounds[round - 1]);
    assert!(third > first + Duration::from_millis(300), "the delays grow: {first:?}, {third:?}");

    publish(PROGRAM, &nats, GOOD, &["--apps", "good.app", "--seed", "2"]);
    sink.wait_written(SOON, 2 * GOOD);
    assert!(obstacle.is_file());
    fs::remove_file(&obstacle).unwrap();
    nats.wait_settled(SOON);
    sink.wait_ready(SOON);
    assert_eq!(sink.stop(SOON), Some(0));
    verify::exact(&nats, files.path(), &["--expect-count", "2200", "--consumer", Settings::CONSUMER]).assert_ok();
}

/// It waits for its next delivery when the sink stops: nothing is held, and not everything is stored.
#[test]
fn what_was_given_back_and_never_stored_is_told_of_at_the_end() {
    let nats = NatsServer::start();
    let files = tempfile::tempdir().unwrap();
    let obstacle = files.path().join("events/app_id=bad.app");
    fs::create_dir_all(obstacle.parent().unwrap()).unwrap();
    fs::write(&obstacle, "in the way").unwrap();
    nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &nats, BAD, &["--apps", "bad.app", "--hours", "1"]);
    publish(PROGRAM, &nats, GOOD, &["--apps", "good.app", "--seed", "1"]);

    let settings = Settings::new(&nats.url())
        .local(files.path())
        .set("batch", "flush_interval", "200ms")
        .set("storage", "nak_initial", "10m")
        .set("storage", "nak_max", "10m");
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_metric(SOON, NACKED, &[], BAD as f64);
    sink.wait_written(SOON, GOOD);
    assert_eq!(sink.stop(SOON), Some(1), "{}", sink.log());
    assert!(sink.log().contains(&format!("unstored_messages={BAD}")), "{}", sink.log());
}
