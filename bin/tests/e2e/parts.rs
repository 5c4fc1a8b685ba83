//! A file far larger than a part: it is sent while it is encoded, and memory holds its rows and little else.

use crate::PROGRAM;
use std::time::Duration;

use serde_json::json;
use warehouse_sink_testkit::{NatsServer, S3Server, Settings, Sink, command, verify};

const DEADLINE: Duration = Duration::from_secs(120);
const MIB: u64 = 1024 * 1024;

/// Messages that can't be decoded, of random bytes: 210 MB, most of them in one file that is no smaller.
const COUNT: &str = "230";
const SIZE: &str = "920000";

#[test]
fn a_large_file_is_sent_while_it_is_encoded() {
    let (nats, s3) = (NatsServer::start(), S3Server::start());
    let large = ["--create-stream", "--large-poison", COUNT, "--size", SIZE];
    verify::publish_python(&nats, &large).assert_ok();
    let settings = s3.settings(Settings::new(&nats.url()), &s3.endpoint());
    let settings = settings.set("batch", "max_bytes", "300MiB").set("batch", "max_buffered_bytes", "600MiB").set(
        "batch",
        "flush_interval",
        "12s",
    );
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(DEADLINE);
    let bytes = sink.metric("warehouse_sink_bytes_total", &[("outcome", "written")]) as u64;
    let peak = sink.peak_memory().unwrap();
    println!("{} MiB written, {} MiB at the peak", bytes / MIB, peak / MIB);
    assert_eq!(sink.stop(DEADLINE), Some(0), "{}", sink.log());
    assert!(bytes > 100 * MIB, "{bytes}");
    // The rows take 202 MiB. With the whole file beside them it was 458.
    assert!(peak < 340 * MIB, "{} MiB", peak / MIB);
    assert_eq!(s3.unfinished_uploads(), "");
    let audit = command(PROGRAM, &settings, &["inspect", "--output", "json"]);
    assert_eq!((audit.code, &audit.json()["complete"]), (Some(0), &json!(true)), "{audit:?}");
}
