//! Files that are deleted, copied or torn, in a local folder.

use crate::PROGRAM;
use std::fs;

use serde_json::json;
use warehouse_sink_testkit::{NatsServer, Settings, publish};

use super::*;

// The last of them is no poison: DuckDB cannot see what is missing at the end.
const EVENTS: u64 = 12_050;

#[test]
fn each_damage_is_named_and_its_repair_makes_it_complete_again() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let root = folder.path();
    publish(PROGRAM, &nats, EVENTS, &["--create-stream", "--poison-every", "100"]);
    let settings = Settings::new(&nats.url()).local(root).set("batch", "max_events", 200);
    store(&nats, &settings);
    let before = files(root);

    let clean = report(&settings, &["--strict"]);
    assert_eq!(files(root), before, "inspect has changed something");
    assert_counts(&clean, &counted(root, None));
    assert_eq!((clean["complete"].clone(), clean["judged"].clone()), (json!(true), json!([1, EVENTS])), "{clean:#}");
    assert_eq!(clean["totals"]["dead_letters"], EVENTS / 100);
    let text = inspect(&settings, &[]);
    assert!(text.stdout.contains(&format!("complete: nothing is missing from 1 to {EVENTS}")), "{}", text.stdout);

    a_deleted_file(&settings, root, &before[before.len() / 3]);
    a_deleted_file(
        &settings,
        root,
        before.iter().find(|file| file.starts_with(root.join("events-dead-letter"))).unwrap(),
    );
    a_copied_file(&settings, root, &before[5]);
    a_torn_file(&settings, root, &before[7]);
    strangers(&settings, root);
    assert_eq!(report(&settings, &["--strict"])["complete"], true);

    let partition = clean["partitions"][1]["partition"].as_str().unwrap();
    let one = report(&settings, &["--partition", partition]);
    assert_eq!(one["partitions"], json!([clean["partitions"][1]]));
    assert_eq!((&one["judged"], &one["dead_letters"]), (&json!(null), &json!([])));

    without_the_stream(nats, &settings, root, &before[9]);
}

fn a_deleted_file(settings: &Settings, root: &Path, file: &Path) {
    let lost = counted(root, Some(file));
    let kept = fs::read(file).unwrap();
    fs::remove_file(file).unwrap();
    let found = report(settings, &[]);
    assert_eq!(found["gaps"]["ranges"], lost["runs"], "{}", key(root, file));
    assert_eq!(found["gaps"]["ranges"], counted(root, None)["holes"]);
    assert_eq!((&found["gaps"]["sequences"], &found["gaps_are_in_the_stream"]), (&lost["rows"], &json!(true)));
    let text = inspect(settings, &[]);
    assert!(text.stdout.contains(&format!("NOT COMPLETE: {} sequences missing\n", lost["rows"])), "{}", text.stdout);
    // Outside of what is asked for, it does not count.
    let after = (lost["last_sequence"].as_u64().unwrap() + 1).to_string();
    assert_eq!(report(settings, &["--from", &after])["complete"], true);
    fs::write(file, kept).unwrap();
}

fn a_copied_file(settings: &Settings, root: &Path, file: &Path) {
    // Where every reader would read it too.
    let copy = file.with_file_name("copy.parquet");
    fs::copy(file, &copy).unwrap();
    let (found, counted) = (report(settings, &[]), counted(root, None));
    let mut names = [key(root, file), key(root, &copy)];
    names.sort();
    let group = &found["duplicates"]["groups"][0];
    let mut named: Vec<_> = group["files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, names);
    assert_eq!(found["duplicates"]["groups"].as_array().unwrap().len(), 1);
    assert_eq!(found["duplicates"]["rows"], counted["duplicate_rows"]);
    assert_eq!(group["ranges"], counted["duplicate_sequences"]);
    assert_eq!((&found["gaps"]["sequences"], &found["reused"]["sequences"]), (&json!(0), &json!(0)));
    fs::remove_file(copy).unwrap();
}

/// A file that ends early, one whose footer is there and its pages are not, and one under the name of another: each is named, and
/// what it held is missed.
fn a_torn_file(settings: &Settings, root: &Path, file: &Path) {
    let (lost, kept) = (counted(root, Some(file)), fs::read(file).unwrap());
    let other = fs::read(&files(root)[20]).unwrap();
    let mut holes = kept.clone();
    let footer = kept.len() - 8 - u32::from_le_bytes(kept[kept.len() - 8..kept.len() - 4].try_into().unwrap()) as usize;
    holes[4..footer].fill(0xff);
    for content in [&kept[..kept.len() / 2], &holes, b"", &other] {
        fs::write(file, content).unwrap();
        let found = report(settings, &[]);
        assert_eq!(found["unreadable"].as_array().unwrap().len(), 1, "{found:#}");
        assert_eq!(found["unreadable"][0]["key"], key(root, file));
        assert_eq!(found["gaps"]["ranges"], lost["runs"]);
    }
    fs::write(file, kept).unwrap();
}

/// What others put there is named and is no fault, unless the audit is a strict one.
fn strangers(settings: &Settings, root: &Path) {
    let stranger = root.join("events/_SUCCESS");
    let hidden = root.join("events/.tmp/half.parquet");
    fs::write(&stranger, "").unwrap();
    fs::create_dir(hidden.parent().unwrap()).unwrap();
    fs::write(&hidden, "half").unwrap();
    let found = report(settings, &[]);
    assert_eq!(found["complete"], true);
    assert_eq!(found["foreign"], json!([{ "key": "events/_SUCCESS", "reason": "not a Parquet file by its name" }]));
    assert_eq!(report(settings, &["--strict"])["complete"], false);
    fs::remove_file(stranger).unwrap();
    fs::remove_dir_all(hidden.parent().unwrap()).unwrap();
}

/// Without the stream, a hole between the first and the last is a gap. Whether there was more is not known, unless it is said.
fn without_the_stream(mut nats: NatsServer, settings: &Settings, root: &Path, file: &Path) {
    let never = report(settings, &["--stream", "never"]);
    assert_eq!((&never["verdict"], &never["server"]), (&json!("unknown"), &json!(null)));
    let all = EVENTS.to_string();
    let known = report(settings, &["--stream", "never", "--from", "1", "--to", &all]);
    assert_eq!((&known["verdict"], &known["judged"]), (&json!("complete"), &json!([1, EVENTS])));
    let more = (EVENTS + 1).to_string();
    let known = report(settings, &["--stream", "never", "--from", "1", "--to", &more]);
    assert_eq!(known["gaps"]["ranges"], json!([[EVENTS + 1, EVENTS + 1]]));
    nats.stop();
    assert_eq!(report(settings, &[])["verdict"], "unknown");
    let lost = counted(root, Some(file));
    fs::remove_file(file).unwrap();
    let found = report(settings, &[]);
    assert_eq!(found["gaps"]["ranges"], lost["runs"]);
    assert_eq!((&found["gaps_are_in_the_stream"], &found["server"]), (&json!(false), &json!(null)));
    let note = found["notes"][0].as_str().unwrap();
    assert!(note.contains("the stream was not asked: could not connect to NATS"), "{note}");
    let always = inspect(settings, &["--stream", "always"]);
    assert_eq!((always.code, always.stdout.as_str()), (Some(1), ""));
    assert!(always.stderr.contains("could not connect to NATS"), "{}", always.stderr);
}
