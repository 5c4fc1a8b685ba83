//! The disk is full: the sink says so, acks nothing, and writes everything once when there is room again.

use crate::PROGRAM;
use crate::files;
use std::time::{Duration, Instant};

use warehouse_sink_testkit::{NatsServer, Settings, Sink, SmallDisk, publish, verify, wait_until};

const SOON: Duration = Duration::from_secs(60);
const ACK_WAIT: Duration = Duration::from_secs(2);
/// Room for all files and to spare, once the filler is gone.
const ROOM: u64 = 16 << 20;
const BEFORE: u64 = 500;
const DURING: u64 = 2000;
/// What the system calls it.
const FULL: &str = "no space left on device";

/// `None`, with a word about it, where the machine forbids namespaces; any other obstacle is a failure.
fn small_disk() -> Option<SmallDisk> {
    match SmallDisk::new(ROOM) {
        Ok(disk) => Some(disk),
        Err(reason) if reason.contains("unshare failed") || reason.contains("permission denied") => {
            eprintln!("NOT RUN, the machine forbids what it needs: {reason}");
            None
        }
        Err(reason) => panic!("{reason}"),
    }
}

fn failed(sink: &Sink) -> u64 {
    sink.metric("warehouse_sink_files_total", &[("outcome", "failed")]) as u64
}

/// Until the sink has failed ten times more and the ack wait is over twice, nothing is settled.
fn watch_full_disk(nats: &NatsServer, sink: &Sink) {
    wait_until(SOON, "everything to be delivered and a file to fail", || {
        let consumer = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
        consumer.pending == 0 && failed(sink) > 0
    });
    let (before, start) = (failed(sink), Instant::now());
    wait_until(SOON, "ten more files to fail", || {
        let consumer = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
        assert_eq!((consumer.ack_floor, consumer.ack_pending), (BEFORE, DURING), "something was acked");
        assert_eq!((sink.acked(), sink.written()), (BEFORE, BEFORE));
        failed(sink) >= before + 10 && start.elapsed() > 2 * ACK_WAIT
    });
    let (status, reason) = sink.ready().unwrap();
    assert_eq!(status, 503, "{reason}");
    assert!(reason.contains("store: ") && reason.to_lowercase().contains(FULL), "{reason}");
    let log = sink.log().to_lowercase();
    let line = log.lines().find(|line| line.contains(FULL));
    let line = line.unwrap_or_else(|| panic!("{FULL:?} is not in the log:\n{log}"));
    assert!(line.contains("warn") || line.contains("error"), "{line}");
}

#[test]
fn a_full_disk_is_named_and_every_event_is_written_once_there_is_room() {
    let Some(disk) = small_disk() else { return };
    let nats = NatsServer::start();
    publish(PROGRAM, &nats, BEFORE, &["--create-stream"]);
    let settings = Settings::new(&nats.url())
        .local(&disk.mount_point())
        .set("nats", "ack_wait", "2s")
        .set("batch", "flush_interval", "200ms")
        .set("storage", "max_write_attempts", 1000)
        .set("storage", "retry_initial", "50ms")
        .set("storage", "retry_max", "200ms");
    let mut sink = Sink::start(disk.program(PROGRAM), &settings);
    nats.wait_settled(SOON);
    wait_until(SOON, "the last ack to be counted", || sink.acked() == BEFORE);
    assert!(!files::below(&disk.path().join("events")).is_empty(), "the files are on the small disk");

    disk.fill();
    publish(PROGRAM, &nats, DURING, &["--seed", "1"]);
    watch_full_disk(&nats, &sink);
    disk.free();
    nats.wait_settled(SOON);
    sink.wait_ready(SOON);
    wait_until(SOON, "the last ack to be counted", || sink.acked() == BEFORE + DURING);
    assert_eq!(sink.metric("warehouse_sink_messages_redelivered_total", &[]), 0.0, "held deliveries are kept alive");
    assert_eq!(sink.stop(SOON), Some(0));

    let count = (BEFORE + DURING).to_string();
    verify::exact(&nats, &disk.path(), &["--expect-count", &count, "--consumer", Settings::CONSUMER]).assert_ok();
    let strange: Vec<_> =
        files::below(&disk.path()).into_iter().filter(|file| file.extension() != Some("parquet".as_ref())).collect();
    assert!(strange.is_empty(), "failed attempts left files: {strange:?}");
}
