//! `inspect` finds what is missing and what is there twice, and nothing else; DuckDB counts the same on its own.

mod damage;
mod stream;
mod unknown;

use crate::PROGRAM;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use warehouse_sink_testkit::{
    Ended, Fate, HttpProxy, NatsServer, S3Server, Settings, Sink, command, http, on_a_terminal, publish, verify,
};

const DEADLINE: Duration = Duration::from_secs(60);

/// Has the sink store all that is in the stream.
fn store(nats: &NatsServer, settings: &Settings) {
    let mut sink = Sink::start(PROGRAM, settings);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0));
}

fn inspect(settings: &Settings, more: &[&str]) -> Ended {
    let arguments = [&["inspect"], more].concat();
    command(PROGRAM, settings, &arguments)
}

/// The report as JSON; the exit code must agree with it.
#[track_caller]
fn report(settings: &Settings, more: &[&str]) -> Value {
    let ended = inspect(settings, &[&["--output", "json"], more].concat());
    let report = ended.json();
    let expected = match report["verdict"].as_str() {
        Some("complete") => 0,
        Some("incomplete") => 1,
        Some("unknown") => 4,
        other => panic!("{other:?} is no verdict"),
    };
    assert_eq!(report["complete"], expected == 0);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(expected), ""), "{report:#}");
    report
}

/// What DuckDB finds below a folder, or in one file of it.
fn counted(root: &Path, only: Option<&Path>) -> Value {
    let [files, letters] = ["events", "events-dead-letter"].map(|prefix| root.join(prefix));
    let (files, letters) = (files.to_string_lossy(), letters.to_string_lossy());
    let mut arguments = vec!["--files", &files, "--dead-letter", &letters];
    let only = only.map(|only| only.to_string_lossy().into_owned());
    arguments.extend(only.iter().flat_map(|only| ["--only", only]));
    verify::run("audit.py", &arguments).report
}

/// Every Parquet file below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn key(root: &Path, file: &Path) -> String {
    file.strip_prefix(root).unwrap().to_string_lossy().into_owned()
}

/// Totals, partitions and files are what DuckDB counts.
#[track_caller]
fn assert_counts(report: &Value, counted: &Value) {
    for name in ["files", "rows", "bytes", "dead_letter_files", "dead_letters", "first_sequence", "last_sequence"] {
        assert_eq!(report["totals"][name], counted[name], "{name}");
    }
    let partitions = report["partitions"].as_array().unwrap();
    assert!(partitions.is_sorted_by_key(|partition| partition["partition"].as_str()));
    let listed = partitions.iter().flat_map(|partition| partition["files"].as_array().unwrap());
    let listed = listed.chain(report["dead_letters"].as_array().unwrap());
    let mut by_file = serde_json::Map::new();
    for file in listed {
        let name = file["key"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        by_file.insert(name, json!([file["rows"], file["first_sequence"], file["last_sequence"]]));
    }
    assert_eq!(Value::Object(by_file), counted["by_file"]);
    for partition in partitions {
        let sum: u64 = partition["files"].as_array().unwrap().iter().map(|file| file["rows"].as_u64().unwrap()).sum();
        assert_eq!(partition["rows"], sum);
    }
}

#[test]
fn a_clean_run_is_complete_on_s3_and_a_deleted_object_is_missed() {
    let (nats, s3) = (NatsServer::start(), S3Server::start());
    publish(PROGRAM, &nats, 4000, &["--create-stream", "--poison-every", "400"]);
    let settings = s3.settings(Settings::new(&nats.url()), &s3.endpoint()).set("batch", "max_events", 300);
    store(&nats, &settings);

    let clean = report(&settings, &["--strict", "--stream", "always"]);
    let endpoint = s3.endpoint();
    let counted = verify::run(
        "audit.py",
        &[
            &["--files", "events", "--dead-letter", "events-dead-letter", "--s3-endpoint", &endpoint],
            &["--s3-bucket", S3Server::BUCKET, "--s3-access-key", S3Server::ACCESS_KEY][..],
            &["--s3-secret-key", S3Server::SECRET_KEY],
        ]
        .concat(),
    );
    assert_counts(&clean, &counted.report);
    assert_eq!((clean["complete"].clone(), clean["judged"].clone()), (json!(true), json!([1, 4000])), "{clean:#}");
    assert_eq!(clean["totals"]["dead_letters"], 10);

    // Whoever waits at a terminal sees how far it is; what it writes for programs has none of it.
    let slow = HttpProxy::start(s3.address());
    slow.decide(|_| {
        thread::sleep(Duration::from_millis(120));
        Fate::Pass
    });
    let slow = s3.settings(settings.clone(), &format!("http://{}", slow.address()));
    let shown = on_a_terminal(PROGRAM, &slow, &["inspect"]);
    let files = ["files", "dead_letter_files"].map(|kind| clean["totals"][kind].as_u64().unwrap());
    let progress = format!("\r\x1b[K1 of {} files read, ", files[0] + files[1]);
    assert!(shown.code == Some(0) && shown.stdout.contains(&progress), "{shown:?}");
    assert_eq!(report(&slow, &[])["totals"], clean["totals"]);

    let file = &clean["partitions"][3]["files"][0];
    let key = file["key"].as_str().unwrap();
    // The path of a URL has `=` as it is.
    let deleted = http::request(s3.address(), "DELETE", &format!("/{}/{key}", S3Server::BUCKET), b"").unwrap();
    assert_eq!(deleted.status, 204);
    let missed = report(&settings, &[]);
    assert_eq!(missed["gaps"]["sequences"], file["rows"]);
    assert_eq!(missed["gaps_are_in_the_stream"], true);
    let (first, last) = (&missed["gaps"]["ranges"][0][0], missed["gaps"]["ranges"].as_array().unwrap().last().unwrap());
    assert_eq!((first, &last[1]), (&file["first_sequence"], &file["last_sequence"]));

    // A store that refuses is an error, not a store without files.
    let refused = inspect(&settings.set("storage.options", "secret_access_key", "hunter2"), &[]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    let said = "storage: cannot list the files below `events`";
    assert!(refused.stderr.contains(said) && !refused.stderr.contains("hunter2"), "{}", refused.stderr);
}
