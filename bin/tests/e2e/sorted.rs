//! Files whose rows are sorted: pyarrow and DuckDB find them so, skip what they need not read, and the audit finds every row.

use crate::PROGRAM;
use std::time::Duration;

use serde_json::json;
use warehouse_sink_testkit::{NatsServer, Settings, Sink, command, publish, verify};

const DEADLINE: Duration = Duration::from_secs(60);

/// The files of settings that store all that is in the stream, and what `inspect` says of them.
#[track_caller]
fn stored(nats: &NatsServer, settings: &Settings) -> serde_json::Value {
    let mut sink = Sink::start(PROGRAM, settings);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0), "{}", sink.log());
    let audit = command(PROGRAM, settings, &["inspect", "--output", "json"]);
    assert_eq!(audit.code, Some(0), "{audit:?}");
    audit.json()
}

#[test]
fn events_by_device_and_time() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    publish(
        PROGRAM,
        &nats,
        20_000,
        &["--create-stream", "--apps", "one,two", "--hours", "1", "--poison-every", "1000"],
    );
    let settings = Settings::new(&nats.url())
        .local(folder.path())
        .set("parquet", "sort_by", vec!["device_id", "timestamp_ms"])
        .set("parquet", "row_group_rows", 1_000);
    let audit = stored(&nats, &settings);
    assert_eq!(audit["complete"], json!(true), "{audit:#}");
    verify::exact(&nats, folder.path(), &["--consumer", Settings::CONSUMER]).assert_ok();

    let files = folder.path().join("events");
    let check = |columns| verify::run("sorted.py", &["--files", files.to_str().unwrap(), "--columns", columns]);
    let found = check("device_id,timestamp_ms");
    found.assert_ok();
    assert!(found.number(&["rows"]) == 19_980 && found.number(&["row_groups"]) >= 20, "{:#}", found.report);
    assert!(!check("timestamp_ms").ok, "it finds that files are not sorted in another way");
}

/// The rows of one message are spread over its file, and are still one message to the audit.
#[test]
fn rows_of_batches_by_a_column_with_nulls() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let body = |n: u32| {
        let rows: Vec<_> = (0..8).map(|k| format!(r#"{{"price":{k}}}"#)).collect();
        let tag = if n.is_multiple_of(3) { String::new() } else { format!(r#""tag":"t{}","#, n * 31 % 10) };
        format!(r#"--body={{{tag}"rows":[{}]}}"#, rows.join(","))
    };
    let (url, bodies) = (nats.url(), (0..100).map(body).collect::<Vec<_>>());
    let all = ["send", "--url", &url, "--subject", "events.a"].into_iter().chain(bodies.iter().map(String::as_str));
    verify::run("any_json.py", &all.collect::<Vec<_>>()).assert_ok();
    let settings = Settings::new(&nats.url())
        .local(folder.path())
        .set("schema", "format", "json")
        .set("schema", "columns", "tag: string, rows: list<struct<price: int32>>")
        .set("schema", "explode", "rows")
        .set("schema", "partition_time", "none")
        .set("parquet", "sort_by", vec!["nats_row_index", "tag"]);
    let audit = stored(&nats, &settings);
    assert_eq!((&audit["complete"], &audit["totals"]["rows"]), (&json!(true), &json!(800)), "{audit:#}");
    let files = folder.path().join("events");
    verify::run("sorted.py", &["--files", files.to_str().unwrap(), "--columns", "nats_row_index,tag"]).assert_ok();
}
