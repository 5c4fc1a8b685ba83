//! What the HTTP endpoints say is what happens.

use crate::PROGRAM;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use warehouse_sink_testkit::{Metrics, NatsServer, Settings, Sink, http, project_root, publish, wait_until};

const DEADLINE: Duration = Duration::from_secs(60);

#[track_caller]
fn wait_unready(sink: &Sink, part: &str) {
    wait_until(DEADLINE, &format!("/ready to answer 503 with the reason {part:?}"), || {
        sink.ready().is_some_and(|(status, reason)| status == 503 && reason.contains(part))
    });
    let health = http::get(sink.address(), "/health").unwrap();
    assert_eq!((health.status, health.body.as_str()), (200, "alive\n"));
}

#[test]
fn ready_follows_the_servers_and_health_does_not() {
    let (mut nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let settings = Settings::new(&nats.url())
        .local(folder.path())
        .set("batch", "flush_interval", "100ms")
        .set("storage", "nak_initial", "100ms")
        .set("storage", "nak_max", "1s");
    let mut sink = Sink::start(PROGRAM, &settings);
    wait_unready(&sink, "consumer: could not find the stream CAUSALITY_EVENTS");
    publish(PROGRAM, &nats, 100, &["--create-stream"]);
    sink.wait_ready(DEADLINE);

    nats.stop();
    wait_unready(&sink, "nats: the connection was lost");
    nats.start_again();
    sink.wait_ready(DEADLINE);
    nats.wait_settled(DEADLINE);

    let events = folder.path().join("events");
    fs::rename(&events, folder.path().join("kept")).unwrap();
    fs::write(&events, "a file where the folder of events should be").unwrap();
    publish(PROGRAM, &nats, 100, &["--seed", "1", "--start", "2025-01-02T00:00:00Z"]);
    wait_unready(&sink, "store: ");
    fs::remove_file(&events).unwrap();
    sink.wait_ready(DEADLINE);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0));
}

/// Every metric that the code registers, by the names in it.
fn names() -> Vec<String> {
    let source = fs::read_to_string(project_root().join("io/src/metrics.rs")).unwrap();
    let quoted = source.split('"').filter(|text| text.starts_with("warehouse_sink_"));
    let mut names: Vec<String> = quoted.map(str::to_owned).collect();
    names.sort();
    names.dedup();
    assert!(names.len() >= 20, "{names:?}");
    names
}

fn parquet_files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "parquet"));
    files.chain(folders.iter().flat_map(|folder| parquet_files(folder))).collect()
}

fn sums(metrics: &Metrics, names: &[(&str, &str)]) -> Vec<u64> {
    names
        .iter()
        .map(|(name, outcome)| {
            let labels = [("outcome", *outcome)];
            metrics.sum(&format!("warehouse_sink_{name}"), if outcome.is_empty() { &[] } else { &labels }) as u64
        })
        .collect()
}

#[test]
fn metrics_add_up_with_what_was_published_and_stored() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    publish(PROGRAM, &nats, 5000, &["--create-stream", "--poison-every", "100"]);
    let mut sink = Sink::start(PROGRAM, &Settings::new(&nats.url()).local(folder.path()));
    nats.wait_settled(DEADLINE);
    wait_until(DEADLINE, "the last settlement to be counted and the consumer's state to be asked for", || {
        let metrics = sink.metrics().unwrap_or_default();
        let counts = ["messages_acked_total", "messages_terminated_total", "consumer_pending", "consumer_ack_pending"];
        sums(&metrics, &counts.map(|name| (name, ""))) == [4950, 50, 0, 0]
    });

    let metrics = sink.metrics().unwrap();
    for name in names() {
        assert!(metrics.text().contains(&format!("# TYPE {name} ")), "{name} is not in {}", metrics.text());
    }
    let counts = ["messages_fetched_total", "messages_poison_total", "rows_total", "batch_rows_sum"];
    assert_eq!(sums(&metrics, &counts.map(|name| (name, ""))), [5000, 50, 5000, 5000]);
    let nothing = ["redelivered", "nacked", "superseded"].map(|what| format!("messages_{what}_total"));
    let held = ["buffered_messages", "buffered_bytes", "open_partitions", "writes_in_flight", "writes_waiting"];
    for name in nothing.iter().map(String::as_str).chain(held).chain(["settle_errors_total", "fetch_errors_total"]) {
        assert_eq!(sums(&metrics, &[(name, "")]), [0], "{name}");
    }

    let files = parquet_files(folder.path());
    let (count, bytes) = (files.len() as u64, files.iter().map(|file| file.metadata().unwrap().len()).sum::<u64>());
    let written = ["files_total", "bytes_total", "rows_total"].map(|name| (name, "written"));
    assert_eq!(sums(&metrics, &written), [count, bytes, 5000]);
    let each = ["batch_rows_count", "flush_seconds_count", "encode_seconds_count", "upload_seconds_count"];
    assert_eq!(sums(&metrics, &each.map(|name| (name, ""))), [count; 4]);
    assert_eq!(sink.stop(DEADLINE), Some(0));
}
