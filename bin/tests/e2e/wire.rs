//! What another protobuf implementation has written is read as it was meant.

use crate::PROGRAM;
use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Settings, Sink, verify};

const DEADLINE: Duration = Duration::from_secs(60);

/// Every payload kind with every field at its edges, hostile app ids and times, fields and enum values that no schema
/// knows, and payloads of a later schema. A message that fails, is lost or is changed is found by the comparison.
#[test]
fn events_of_pythons_protobuf_have_the_same_values() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let published = verify::publish_python(&nats, &["--create-stream"]);
    published.assert_ok();

    let mut sink = Sink::start(PROGRAM, &Settings::new(&nats.url()).local(folder.path()));
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0));

    let found = verify::exact(&nats, folder.path(), &["--consumer", Settings::CONSUMER]);
    found.assert_ok();
    assert_eq!(found.number(&["duckdb", "rows"]), published.number(&["events"]));
    assert_eq!(found.number(&["dead_letter", "rows"]), published.number(&["poison"]));
}

/// The partition columns in the files as well say the same as the path.
#[test]
fn partition_columns_in_the_files_agree_with_the_path() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    verify::publish_python(&nats, &["--create-stream"]).assert_ok();

    let settings = Settings::new(&nats.url()).local(folder.path()).set("parquet", "partition_columns_in_file", true);
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0));
    verify::exact(&nats, folder.path(), &[]).assert_ok();
}

/// DuckDB skips a file whose filter says that it lacks the value, and never one that has it.
#[test]
fn bloom_filters_are_those_that_duckdb_reads() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    verify::publish_python(&nats, &["--create-stream"]).assert_ok();

    let settings =
        Settings::new(&nats.url()).local(folder.path()).set("parquet", "bloom_filter_columns", "id,device_id");
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0));
    verify::exact(&nats, folder.path(), &[]).assert_ok();
    let events = folder.path().join("events");
    let found = verify::run("bloom.py", &["--files", events.to_str().unwrap()]);
    found.assert_ok();
    assert!(found.number(&["present"]) > 10, "{:#}", found.report);
}
