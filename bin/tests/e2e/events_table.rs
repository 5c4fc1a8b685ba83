//! The events of `causality.v1` with native columns and other folders: published by Python's protobuf, and read back by DuckDB and pyarrow,
//! column by column.

use crate::PROGRAM;
use std::time::Duration;

use serde_json::{Value, json};
use warehouse_sink_testkit::{NatsServer, Settings, Sink, command, verify};

const DEADLINE: Duration = Duration::from_secs(60);

/// Stores the events that are at the edges, with these settings of `[schema]`, and compares; what `inspect` and the comparison find.
#[track_caller]
fn store_and_compare(schema: &[(&str, Value)], in_file: bool, check: &[&str]) -> verify::Outcome {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let published = verify::publish_python(&nats, &["--create-stream"]);
    published.assert_ok();
    let mut settings = Settings::new(&nats.url()).local(folder.path());
    settings = settings.set("parquet", "partition_columns_in_file", in_file);
    for (key, value) in schema {
        settings = settings.set("schema", key, value.clone());
    }
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0), "{}", sink.log());

    let [files, letters] = ["events", "events-dead-letter"].map(|name| folder.path().join(name));
    let (url, files, letters) = (nats.url(), files.to_string_lossy(), letters.to_string_lossy());
    let common = ["--url", &url, "--files", &files, "--dead-letter", &letters];
    let found = verify::run("events_table.py", &[&common[..], check].concat());
    found.assert_ok();
    let all = published.number(&["events"]) + published.number(&["poison"]);
    assert_eq!(found.number(&["rows"]) + found.number(&["poison"]), all);
    let inspected = command(PROGRAM, &settings, &["inspect"]);
    assert_eq!(inspected.code, Some(0), "{inspected:?}");
    found
}

/// The folders are those of the default.
#[test]
fn payloads_as_columns_beside_their_json() {
    let found = store_and_compare(&[("payload", json!("both"))], false, &["--payload", "both"]);
    assert_eq!(found.number(&["kinds"]), 30, "every kind of payload, and none");
}

#[test]
fn payloads_as_columns_alone_in_folders_of_fields() {
    let schema = [
        ("payload", json!("native")),
        ("partition_by", json!(["platform", "event_category", "swipe_gesture.direction"])),
        ("partition_time", json!("month")),
    ];
    let by = "platform,event_category,swipe_gesture.direction";
    let check = ["--payload", "native", "--partition-by", by, "--partition-time", "month"];
    let found = store_and_compare(&schema, false, &check);
    assert!(found.number(&["folders"]) > 6, "{:#}", found.report);
}

/// By the time of publishing, in the file as in the path. Some names end in white space.
#[test]
fn folders_by_the_time_of_publishing() {
    let schema = [
        ("partition_by", json!(["event_type", "device_context.screen_width", "custom_event.event_name"])),
        ("event_time", json!("nats_published_at")),
        ("partition_time", json!("day")),
    ];
    let by = "event_type,device_context.screen_width,custom_event.event_name";
    let check = ["--partition-by", by, "--event-time", "nats_published_at", "--partition-time", "day", "--in-file"];
    let found = store_and_compare(&schema, true, &check);
    assert!(found.number(&["folders"]) > 10, "{:#}", found.report);
}

#[test]
fn what_cannot_be_a_folder_is_told_at_the_start() {
    let settings = Settings::new("nats://127.0.0.1:1").local(&std::env::temp_dir());
    let cases = [
        (settings.clone().set("schema", "partition_by", vec!["platfrom"]), "has no field platfrom"),
        (settings.clone().set("schema", "event_time", "app_id"), "app_id can't be the event's time"),
        (
            settings.clone().set("schema", "payload", "native").set("parquet", "sort_by", "device_id,swipe_gesture"),
            "parquet.sort_by: the rows of causality.v1 can't be sorted by \"swipe_gesture\"",
        ),
        (
            settings.set("schema", "payload", "native").set("parquet", "bloom_filter_columns", "payload_json"),
            "no message has a column \"payload_json\"",
        ),
    ];
    for (settings, words) in cases {
        let ended = warehouse_sink_testkit::check(PROGRAM, &settings);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(words), "{words:?} is not in {}", ended.stderr);
    }
}
