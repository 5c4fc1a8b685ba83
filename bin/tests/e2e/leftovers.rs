//! What a killed run leaves in a local folder is never taken for a file, and is gone with the next start.

use crate::PROGRAM;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use warehouse_sink_testkit::{NatsServer, Settings, Sink, publish, verify, wait_until};

const DEADLINE: Duration = Duration::from_secs(60);

/// Where files are until they are whole.
const TEMPORARY: &str = ".warehouse-sink";

/// All files below a folder. One that goes away meanwhile is left out.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(folders.iter().flat_map(|folder| self::files(folder))).collect()
}

/// Files that are being written, or were when their process was killed.
fn unfinished(root: &Path) -> Vec<PathBuf> {
    files(&root.join(TEMPORARY)).into_iter().filter(|path| !path.ends_with("lock")).collect()
}

/// What any reader would take for a file is one from its first byte to its last.
#[track_caller]
fn assert_whole(root: &Path) {
    let named = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "parquet");
    for path in files(root).iter().filter(|path| named(path)) {
        let bytes = fs::read(path).unwrap();
        assert!(bytes.len() > 8 && bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{path:?} is not whole");
    }
}

/// Kills runs until one leaves unfinished files. Returns these, and how many messages were un-acked at the kills.
fn kill_in_mid_write(nats: &NatsServer, settings: &Settings, root: &Path) -> (Vec<PathBuf>, u64) {
    let (start, mut unacked) = (Instant::now(), 0);
    loop {
        assert!(start.elapsed() < DEADLINE, "no kill came in mid-write");
        let mut sink = Sink::start(PROGRAM, settings);
        while unfinished(root).is_empty() {
            assert!(start.elapsed() < DEADLINE, "nothing is being written");
            assert_whole(root);
        }
        sink.kill();
        unacked += nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap().ack_pending;
        let left = unfinished(root);
        if !left.is_empty() {
            return (left, unacked);
        }
    }
}

#[test]
fn are_never_seen_and_are_swept_by_the_next_start() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    publish(PROGRAM, &nats, 20_000, &["--create-stream"]);
    let settings = Settings::new(&nats.url())
        .local(folder.path())
        .set("nats", "ack_wait", "1s")
        .set("batch", "max_events", 100)
        .set("batch", "max_buffered_events", 2000);
    let (left, unacked) = kill_in_mid_write(&nats, &settings, folder.path());
    assert_whole(folder.path());
    assert!(left.iter().all(|path| path.extension().is_none_or(|extension| extension != "parquet")), "{left:?}");

    let mut sink = Sink::start(PROGRAM, &settings);
    wait_until(DEADLINE, "the leftovers to be swept", || left.iter().all(|path| !path.parent().unwrap().exists()));
    sink.wait_log(DEADLINE, "removed what a crashed run left unfinished");
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0));
    assert!(!folder.path().join(TEMPORARY).exists(), "a clean stop leaves nothing behind");

    let allowed = unacked.to_string();
    verify::exact(&nats, folder.path(), &["--allow-duplicates", &allowed]).assert_ok();
}
