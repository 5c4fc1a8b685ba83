//! Somebody deletes the stream while the sink is at work and creates it anew, so that sequences begin with 1 again: the events of the
//! new one are all stored, and the files of the old one stay as they are.

use crate::PROGRAM;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use warehouse_sink_testkit::{NatsServer, Settings, Sink, publish, verify, wait_until};

const SOON: Duration = Duration::from_secs(60);
const OLD: u64 = 12_000;
const NEW: u64 = 3000;

/// The files below a folder and what is in them.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn no_event_of_a_new_stream_is_taken_for_one_of_the_old() {
    let nats = NatsServer::start();
    let files = tempfile::tempdir().unwrap();
    nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &nats, OLD, &["--apps", "old.app"]);
    let settings = Settings::new(&nats.url())
        .local(files.path())
        .set("nats", "ack_wait", "2s")
        .set("batch", "max_events", 100)
        .set("batch", "max_buffered_events", 1000);
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_written(SOON, NEW);

    nats.client().jetstream(&format!("STREAM.DELETE.{}", Settings::STREAM), &json!(null)).unwrap();
    let old_files = contents(&files.path().join("events/app_id=old.app"));
    assert!(sink.written() < OLD, "the stream must be deleted in mid-run");
    nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &nats, NEW, &["--apps", "new.app", "--seed", "1"]);
    nats.wait_settled(SOON);
    let held = || sink.metric("warehouse_sink_buffered_messages", &[]);
    wait_until(SOON, "the old stream's last events to be written", || held() == 0.0);
    assert_eq!(sink.stop(SOON), Some(0));

    let at_last = contents(&files.path().join("events/app_id=old.app"));
    for (path, content) in &old_files {
        assert!(at_last.get(path) == Some(content), "{} has changed", path.display());
    }
    // What the new stream holds can only be compared with the files of its own app.
    let new = tempfile::tempdir().unwrap();
    fs::create_dir(new.path().join("events")).unwrap();
    let stored = files.path().join("events/app_id=new.app");
    assert!(stored.is_dir(), "nothing of the new stream is stored");
    fs::rename(stored, new.path().join("events/app_id=new.app")).unwrap();
    verify::exact(&nats, new.path(), &["--expect-count", "3000", "--consumer", Settings::CONSUMER]).assert_ok();
}
