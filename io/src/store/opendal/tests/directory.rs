//! Files in a directory: whole or not at all, and nothing left beside them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use warehouse_sink_core::Failure::{Permanent, Temporary};

use super::super::local::Local;
use super::super::{ObjectReader, ObjectStore, services};
use super::{eventually, options};
use crate::parts::{Part, Parts};
use crate::store::{Effect, Store};

fn open(root: &Path) -> ObjectStore {
    ObjectStore::open("fs", &options(&[("root", root.to_str().unwrap())]), None).unwrap()
}

/// A store that syncs directories in this way.
fn open_with(root: &Path, sync: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static) -> ObjectStore {
    let mut options = options(&[("root", root.to_str().unwrap())]);
    let service = services::find("fs", &options).unwrap();
    let local = Local::open_with(&mut options, Arc::new(sync)).unwrap();
    ObjectStore::build(service, &options, None, Some(local)).unwrap()
}

/// All files below a directory, those of running processes' locks left out.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in directory.read_dir().into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path if path.ends_with("lock") => {}
            path => found.push(path),
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_file_is_there_whole_and_alone() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let key = "events/app_id=a/year=2024/0001.parquet";
    store.put(key, Bytes::from_static(b"first")).await.unwrap();
    store.put(key, Bytes::from_static(b"again")).await.unwrap();
    assert_eq!(files(root.path()), [root.path().join(key)]);
    assert_eq!(std::fs::read(root.path().join(key)).unwrap(), b"again");
    drop(store);
    let mut names = root.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!((names.next(), names.next()), (Some("events".into()), None));
}

/// Nobody sees a part of it under its name, and one without an end leaves nothing.
#[tokio::test]
async fn a_file_that_comes_in_parts_is_there_when_it_is_whole() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/key");
    for ends in [false, true] {
        let store = open(root.path());
        let (feed, parts, progress) = Parts::new();
        let put = tokio::spawn({
            let store = store.clone();
            async move { store.put_parts("a/key", parts).await }
        });
        for _ in 0..4 {
            assert!(feed.send(Part::More(Bytes::from_static(b"part"))).await);
        }
        eventually("all parts", || progress.bytes() == 16).await;
        assert!(!path.exists());
        if ends {
            assert!(feed.send(Part::Last(Bytes::from_static(b"end"))).await);
        }
        drop(feed);
        let result = put.await.unwrap();
        match ends {
            true => assert_eq!(result.map(|()| std::fs::read(&path).unwrap()).unwrap(), b"partpartpartpartend"),
            false => {
                assert_eq!(result.unwrap_err().effect(), Effect::NotApplied(Permanent));
                assert!(files(root.path()).is_empty(), "{:?}", files(root.path()));
            }
        }
    }
}

/// An app id may have white space at either end, and Hive leaves it as it is.
#[cfg(unix)]
#[tokio::test]
async fn names_are_listed_as_they_were_written() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(root.path());
    let names = [" a", "a ", " ", "a\u{a0}", "a\u{3000}b\u{3000}", "a"];
    let mut keys = names.map(|name| format!("events/app_id={name}/ year=2024 /1 .parquet"));
    keys.sort();
    for key in &keys {
        store.put(key, Bytes::from_static(b"body")).await.unwrap();
    }
    open(outside.path()).put("events/outside.parquet", Bytes::new()).await.unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("events/link")).unwrap();
    std::fs::create_dir(root.path().join("events/.hidden")).unwrap();
    std::fs::write(root.path().join("events/.hidden/x.parquet"), "").unwrap();

    let reader = ObjectReader::open("fs", &options(&[("root", root.path().to_str().unwrap())]), None).unwrap();
    let listed = async |prefix: &str| {
        let mut objects = reader.list(prefix, |_| {}).await.unwrap();
        objects.sort();
        objects.into_iter().map(|object| (object.key, object.size)).collect::<Vec<_>>()
    };
    let all = keys.clone().map(|key| (key, 4));
    assert_eq!(listed("events").await, all);
    assert_eq!(listed("").await, all, "what runs write into is hidden");
    assert_eq!(listed("events/app_id=a ").await, [("events/app_id=a / year=2024 /1 .parquet".to_owned(), 4)]);
    let above = format!("../{}", outside.path().file_name().unwrap().display());
    for nothing in ["elsewhere", "event", "events/..", &above] {
        assert_eq!(listed(nothing).await, [], "{nothing}");
    }
    for (key, size) in &all {
        assert_eq!(reader.read(key, 0..*size).await.unwrap(), "body", "{key}");
    }
    let error = reader.list(&keys[0], |_| {}).await.unwrap_err().to_string();
    assert!(error.contains(".parquet: Not a directory"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_can_be_read_as_far_as_the_umask_allows() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("ordinary"), "").unwrap();
    open(root.path()).put("written", Bytes::from_static(b"body")).await.unwrap();
    let mode = |name: &str| root.path().join(name).metadata().unwrap().permissions().mode();
    assert_eq!(mode("written"), mode("ordinary"));
}

#[tokio::test]
async fn a_file_in_writing_is_not_taken_for_a_finished_one() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let put = tokio::spawn(async move { store.put("a/0001.parquet", vec![7; 64 << 20].into()).await });
    let mut unfinished = 0;
    while !put.is_finished() {
        for path in files(root.path()) {
            if path.starts_with(root.path().join(".warehouse-sink")) {
                unfinished += 1;
                assert_ne!(path.extension(), Some("parquet".as_ref()), "{}", path.display());
            }
        }
        tokio::task::yield_now().await;
    }
    put.await.unwrap().unwrap();
    assert!(unfinished > 0, "the write took no time at all");
    assert_eq!(files(root.path()), [root.path().join("a/0001.parquet")]);
}

#[tokio::test]
async fn a_dropped_write_leaves_nothing_unfinished() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let temporary = root.path().join(".warehouse-sink");
    let put = {
        let store = store.clone();
        tokio::spawn(async move { store.put("a/0001.parquet", vec![7; 64 << 20].into()).await })
    };
    eventually("a temporary file", || !files(&temporary).is_empty() || put.is_finished()).await;
    put.abort();
    let _cancelled = put.await;
    eventually("no temporary file", || files(&temporary).is_empty()).await;
    if let Ok(body) = std::fs::read(root.path().join("a/0001.parquet")) {
        assert_eq!(body.len(), 64 << 20, "whole or not at all");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_had_did_not_apply() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file"), "").unwrap();
    std::fs::create_dir(root.path().join("directory")).unwrap();
    let store = open(root.path());
    for key in ["file/0001.parquet", "directory", &"n".repeat(300), "../outside"] {
        let error = store.put(key, Bytes::from_static(b"body")).await.unwrap_err();
        assert_eq!(error.effect(), Effect::NotApplied(Permanent), "{key}: {error}");
    }
    assert_eq!(files(root.path()), [root.path().join("file")]);
}

#[tokio::test]
async fn a_removed_root_is_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("root");
    let store = open(&root);
    store.put("a/0001.parquet", Bytes::from_static(b"body")).await.unwrap();
    std::fs::remove_dir_all(root.join("a")).unwrap();
    std::fs::remove_dir_all(root.join(".warehouse-sink")).unwrap();
    store.put("a/0002.parquet", Bytes::from_static(b"body")).await.unwrap();
    assert!(root.join("a/0002.parquet").exists());
}

#[tokio::test]
async fn a_probe_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("root");
    let store = open(&root);
    store.probe("a/deep/prefix").await.unwrap();
    store.probe("").await.unwrap();
    drop(store);
    assert_eq!(parent.path().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn a_crashed_run_is_swept_at_start() {
    let root = tempfile::tempdir().unwrap();
    let dead = root.path().join(".warehouse-sink/1-0123456789abcdef");
    std::fs::create_dir_all(&dead).unwrap();
    std::fs::write(dead.join("lock"), "").unwrap();
    std::fs::write(dead.join("0001.parquet.Ab3dE9fG"), "half").unwrap();
    let store = open(root.path());
    assert!(!dead.exists());
    assert!(files(root.path()).is_empty());
    drop(store);
}

#[tokio::test]
async fn each_new_name_is_synced_and_the_file_last() {
    let root = tempfile::tempdir().unwrap();
    let synced = Arc::new(Mutex::new(Vec::new()));
    let store = {
        let (synced, root) = (synced.clone(), root.path().to_path_buf());
        open_with(&root.clone(), move |directory| {
            let name = directory.strip_prefix(&root).unwrap().display().to_string();
            let files = files(&root).iter().filter(|path| path.extension() == Some("parquet".as_ref())).count();
            synced.lock().unwrap().push(format!("{name}: {files}"));
            Ok(())
        })
    };
    store.put("a/b/0001.parquet", Bytes::from_static(b"body")).await.unwrap();
    assert_eq!(std::mem::take(&mut *synced.lock().unwrap()), [": 0", "a: 0", "a/b: 1"]);
    store.put("a/b/0002.parquet", Bytes::from_static(b"body")).await.unwrap();
    assert_eq!(std::mem::take(&mut *synced.lock().unwrap()), ["a/b: 2"], "the directories are on the disk by now");
    store.put("a/c/0003.parquet", Bytes::from_static(b"body")).await.unwrap();
    assert_eq!(*synced.lock().unwrap(), ["a: 2", "a/c: 3"]);
}

#[tokio::test]
async fn a_directory_that_cannot_be_synced_counts_only_once_the_file_has_its_name() {
    let root = tempfile::tempdir().unwrap();
    let broken = Arc::new(Mutex::new(root.path().to_path_buf()));
    let store = {
        let broken = broken.clone();
        open_with(root.path(), move |directory| match *broken.lock().unwrap() == directory {
            true => Err(io::Error::from_raw_os_error(5)),
            false => Ok(()),
        })
    };
    let put = || store.put("a/0001.parquet", Bytes::from_static(b"body"));
    assert_eq!(put().await.unwrap_err().effect(), Effect::NotApplied(Temporary));
    assert!(files(root.path()).is_empty());

    *broken.lock().unwrap() = root.path().join("a");
    assert_eq!(put().await.unwrap_err().effect(), Effect::Unknown);
    assert_eq!(files(root.path()), [root.path().join("a/0001.parquet")]);
}
