//! More apps than batches may be open: small files are the price, never memory and never an event.

use crate::PROGRAM;
use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Settings, Sink, envelope, verify, wait_until};

const DEADLINE: Duration = Duration::from_secs(300);
/// `APPS=10000 cargo test --test e2e -- many_apps::` has more of them, and takes minutes.
const LEAST_APPS: u64 = 2_000;
const MOST_OPEN: u64 = 200;
const MOST_MEMORY: u64 = 256 << 20;
const NOON: i64 = 1_772_366_400_000;
const OPEN: &str = "warehouse_sink_open_partitions";

#[test]
fn more_apps_than_batches_take_bounded_batches_and_bounded_memory() {
    let apps = std::env::var("APPS").map_or(LEAST_APPS, |apps| apps.parse().unwrap());
    // Every fifth app has a second event, long after its first.
    let events = apps + apps / 5;
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let mut client = nats.client();
    for number in 0..events {
        // The second round takes every fifth.
        let app = if number < apps { number } else { (number - apps) * 5 };
        let body = envelope(&format!("event-{number}"), &format!("app-{app}"), "device", NOON + number as i64);
        client.publish(&format!("events.app-{app}.unknown.unknown"), &[], &body).unwrap();
    }

    // Long enough that batches are closed because there are too many, and short enough for the last of them.
    let settings = Settings::new(&nats.url()).local(folder.path()).set("batch", "flush_interval", "10s").set(
        "batch",
        "max_open_partitions",
        MOST_OPEN,
    );
    let mut sink = Sink::start(PROGRAM, &settings);
    let (mut most, mut readings) = (0, 0);
    wait_until(DEADLINE, "every event to be written", || {
        assert_eq!(sink.exited(), None, "the sink ended");
        let Some(metrics) = sink.metrics() else { return false };
        let open = metrics.sum(OPEN, &[]) as u64;
        assert!(open <= MOST_OPEN, "{open} batches are open");
        (most, readings) = (most.max(open), readings + 1);
        metrics.sum("warehouse_sink_rows_total", &[("outcome", "written")]) as u64 >= events
    });
    nats.wait_settled(DEADLINE);
    let peak = sink.peak_memory().unwrap();
    println!("{readings} readings: at most {most} batches open; peak memory {} MiB", peak >> 20);
    assert_eq!(most, MOST_OPEN, "the limit was never reached, so nothing was shown");
    assert!(peak < MOST_MEMORY, "peak memory {} MiB", peak >> 20);
    assert_eq!(sink.stop(DEADLINE), Some(0));

    let count = events.to_string();
    let found = verify::exact(&nats, folder.path(), &["--expect-count", &count, "--consumer", Settings::CONSUMER]);
    found.assert_ok();
    assert_eq!(found.number(&["partitions"]), apps);
}
