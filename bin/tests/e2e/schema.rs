//! Messages of any type: published by Python's protobuf, stored by the sink, and read back by DuckDB and pyarrow, column by column.

use crate::PROGRAM;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use warehouse_sink_testkit::{NatsServer, Settings, Sink, command, verify};

const DEADLINE: Duration = Duration::from_secs(60);

fn proto(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("proto/tests/protos").join(file)
}

/// A message type and how it is stored.
struct Case<'a> {
    file: &'a str,
    message: &'a str,
    settings: &'a [(&'a str, serde_json::Value)],
    /// More arguments of verify/any_schema.py's `publish`.
    publish: &'a [&'a str],
    /// More arguments of its `check`.
    check: &'a [&'a str],
    from_descriptor_set: bool,
}

/// Publishes, stores and compares; the reasons of dead letters.
#[track_caller]
fn store_and_compare(case: &Case<'_>) -> Vec<String> {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let (url, file) = (nats.url(), proto(case.file));
    let (file, set) = (file.to_string_lossy(), folder.path().join("schema.binpb"));
    let (set, common) = (set.to_string_lossy(), ["--url", &url, "--proto", &file, "--message", case.message]);
    let published = verify::run(
        "any_schema.py",
        &[&["publish"], &common[..], &["--descriptor-set-out", &set], case.publish].concat(),
    );
    published.assert_ok();

    let mut settings = Settings::new(&url).local(folder.path()).set("schema", "format", "protobuf");
    settings = settings.set("schema", "message", case.message);
    settings = match case.from_descriptor_set {
        true => settings.set("schema", "descriptor_set", &*set),
        false => settings.set("schema", "proto_files", vec![&*file]),
    };
    for (key, value) in case.settings {
        settings = settings.set("schema", key, value.clone());
    }
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(DEADLINE);
    let unknown = sink.metric("warehouse_sink_unknown_fields_total", &[]) as u64;
    assert_eq!(unknown, if case.publish == ["--extras"] { published.number(&["messages"]) / 2 } else { 0 });
    assert_eq!(sink.stop(DEADLINE), Some(0), "{}", sink.log());

    let [files, letters] = ["events", "events-dead-letter"].map(|name| folder.path().join(name));
    let (files, letters) = (files.to_string_lossy(), letters.to_string_lossy());
    let where_ = ["--files", &files, "--dead-letter", &letters];
    let found = verify::run("any_schema.py", &[&["check"], &common[..], &where_, case.check].concat());
    found.assert_ok();
    let all = published.number(&["messages"]) + published.number(&["poison"]);
    assert_eq!(found.number(&["rows"]) + found.number(&["poison"]), all);
    assert!(found.number(&["rows"]) >= 20, "{:#}", found.report);
    serde_json::from_value(found.report["reasons"].clone()).unwrap()
}

#[test]
fn every_kind_of_proto3_from_proto_files() {
    let reasons = store_and_compare(&Case {
        file: "kinds3.proto",
        message: "kinds3.Kinds",
        settings: &[
            ("unknown_fields", json!("keep")),
            ("subject_column", json!(true)),
            ("header_columns", json!(["X-Tenant"])),
        ],
        publish: &["--extras"],
        check: &["--extras"],
        from_descriptor_set: false,
    });
    let cut_off = "the body is not a kinds3.Kinds: the message is cut off within a number (at byte 0)";
    assert!(reasons.contains(&cut_off.to_owned()), "{reasons:?}");
}

#[test]
fn every_kind_of_proto2_from_a_descriptor_set() {
    store_and_compare(&Case {
        file: "fields2.proto",
        message: "fields2.Fields",
        settings: &[("recursion_depth", json!(1)), ("partition_time", json!("none"))],
        publish: &[],
        check: &["--recursion-depth", "1", "--partition-time", "none"],
        from_descriptor_set: true,
    });
}

/// Times, spans of time, wrappers and JSON; folders of nested fields and of the event's own time.
#[test]
fn well_known_types_and_folders() {
    let reasons = store_and_compare(&Case {
        file: "table3.proto",
        message: "table3.Row",
        settings: &[
            ("partition_by", json!(["id", "shop.kind", "flag", "shop.owner"])),
            ("event_time", json!("at")),
            ("partition_time", json!("month")),
        ],
        publish: &[],
        check: &[
            "--partition-by",
            "id,shop.kind,flag,shop.owner",
            "--event-time",
            "at",
            "--partition-time",
            "month",
            "--renamed",
            "nats_stream_sequence=nats_stream_sequence_52",
            "--renamed",
            "year=year_53",
        ],
        from_descriptor_set: true,
    });
    let no_time = "the event has no usable time: at must lie after the start of 1970 and before the year 10000";
    assert!(reasons.contains(&no_time.to_owned()), "{reasons:?}");
}

/// A row for each element, in the folder of its own time; an element without one is a dead letter, and its message is settled all the same.
#[test]
fn batches_of_rows() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let (url, file) = (nats.url(), proto("table3.proto"));
    let file = file.to_string_lossy();
    let common = ["--url", &url, "--proto", &file, "--message", "table3.Batch", "--count", "200"];
    verify::run("any_schema.py", &[&["publish"], &common[..]].concat()).assert_ok();
    let settings = Settings::new(&url).local(folder.path()).set("schema", "format", "protobuf");
    let settings = settings.set("schema", "message", "table3.Batch").set("schema", "proto_files", vec![&*file]);
    let settings = settings.set("schema", "explode", "sales").set("schema", "event_time", "sales.sold");
    let settings =
        settings.set("schema", "partition_by", vec!["sales.shop.kind"]).set("schema", "partition_time", "month");
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0), "{}", sink.log());

    let [files, letters] = ["events", "events-dead-letter"].map(|name| folder.path().join(name));
    let (files, letters) = (files.to_string_lossy(), letters.to_string_lossy());
    let more = ["--explode", "sales", "--event-time", "sales.sold", "--partition-by", "sales.shop.kind"];
    let where_ = ["--partition-time", "month", "--files", &files, "--dead-letter", &letters];
    let found = verify::run("any_schema.py", &[&["check"], &common[..], &more, &where_].concat());
    found.assert_ok();
    assert!(found.number(&["rows"]) >= 20 && found.number(&["poison"]) >= 20, "{:#}", found.report);
    let reasons = found.report["reasons"].to_string();
    assert!(reasons.contains("element 0 of the batch: the event has no usable time: sales.sold"), "{reasons}");

    // The rows of a message are no duplicates, and neither are its dead letters: each is replayed.
    let audit = command(PROGRAM, &settings, &["inspect", "--summary", "--output", "json"]).json();
    assert_eq!((&audit["duplicates"]["rows"], &audit["unreadable"]), (&json!(0), &json!([])), "{audit:#}");
    let dry_run = |settings: &Settings| {
        let report = command(PROGRAM, settings, &["replay", "--dry-run", "--output", "json"]).json();
        ["wanted", "replayed", "refused", "repeated"].map(|count| report[count].as_u64().unwrap())
    };
    let poison = found.number(&["poison"]);
    assert_eq!(dry_run(&settings), [poison, 0, poison, 0]);
    let by_publishing = settings.clone().unset("schema", "event_time");
    let [wanted, replayed, refused, repeated] = dry_run(&by_publishing);
    assert_eq!((wanted, refused + replayed, repeated), (poison, poison, 0));
    assert!(replayed >= 20, "{replayed} of {poison}");
    let replay = command(PROGRAM, &by_publishing, &["replay", "--output", "json"]).json();
    assert_eq!(replay["replayed"], replayed, "{replay:#}");
    let again = command(PROGRAM, &by_publishing, &["replay", "--output", "json"]).json();
    assert_eq!((&again["replayed"], &again["replayed_before"]), (&json!(0), &json!(replayed)), "{again:#}");
}

/// Each message is of the type of the first route that fits its subject; without one it is a dead letter.
#[test]
fn several_types_by_their_subjects() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let (url, set) = (nats.url(), folder.path().join("schema.binpb"));
    let common = |file: &str| ["--url", &url, "--proto", file].map(str::to_owned).to_vec();
    let run = |command: &str, file: &str, more: &[&str]| {
        let arguments =
            [vec![command.to_owned()], common(file), more.iter().map(ToString::to_string).collect()].concat();
        verify::run("any_schema.py", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let [rows, fields] = ["table3.proto", "fields2.proto"].map(|file| proto(file).to_string_lossy().into_owned());
    let of_rows = ["--message", "table3.Row", "--subject", "events.rows.eu"];
    let of_trees = ["--message", "table3.Tree", "--subject", "events.trees"];
    let of_nothing = ["--message", "fields2.Fields", "--subject", "events.fields", "--count", "20"];
    let set = set.to_string_lossy();
    run("publish", &rows, &[&of_rows[..], &["--descriptor-set-out", &set]].concat()).assert_ok();
    run("publish", &rows, &of_trees).assert_ok();
    let unrouted = run("publish", &fields, &of_nothing);

    let route = |subject: &str, message: &str, prefix: &str| {
        format!("[[schema.route]]\nsubject = \"{subject}\"\nmessage = \"{message}\"\nprefix = \"{prefix}\"\n")
    };
    let routes = [
        route("events.rows.*", "table3.Row", "rows") + "partition_by = [\"flag\"]\n",
        route("events.trees", "table3.Tree", "wood/trees") + "event_time = \"grown\"\n",
        route("events.trees", "table3.Shop", "never"),
    ];
    let settings = Settings::new(&url).local(folder.path()).set("schema", "format", "protobuf");
    let settings = settings.set("schema", "descriptor_set", &*set).append(&routes.concat());
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0), "{}", sink.log());

    let [letters, of_files, trees] = ["events-dead-letter", "rows", "wood/trees"].map(|name| folder.path().join(name));
    let letters = letters.to_string_lossy();
    let renamed = ["--renamed", "nats_stream_sequence=nats_stream_sequence_52", "--renamed", "year=year_53"];
    let files = ["--dead-letter", &letters, "--files", &of_files.to_string_lossy(), "--partition-by", "flag"];
    run("check", &rows, &[&of_rows[..], &files, &renamed].concat()).assert_ok();
    let files = ["--dead-letter", &letters, "--files", &trees.to_string_lossy(), "--event-time", "grown"];
    let found = run("check", &rows, &[&of_trees[..], &files].concat());
    found.assert_ok();
    assert!(found.number(&["rows"]) >= 20, "{:#}", found.report);
    assert!(!folder.path().join("never").exists() && !folder.path().join("events").exists());
    assert_eq!(sink.log().matches("panicked").count(), 0);
    let poison = unrouted.number(&["messages"]) + unrouted.number(&["poison"]);
    let found = verify::run("dead_letters.py", &["--files", &letters, "--subject", "events.fields"]);
    assert_eq!(found.report["reasons"], json!({ "no route of the settings fits its subject": poison }));

    // The audit knows every table's prefix, and the replay judges by the routes.
    let audit = command(PROGRAM, &settings, &["inspect", "--output", "json"]);
    assert_eq!(audit.code, Some(0), "{audit:?}");
    let partitions: Vec<_> = audit.json()["partitions"].as_array().unwrap().clone();
    for prefix in ["rows/", "wood/trees/"] {
        let is_there = |name: &serde_json::Value| name["partition"].as_str().unwrap().starts_with(prefix);
        assert!(partitions.iter().any(is_there), "{prefix} in {partitions:?}");
    }
    let replay = command(PROGRAM, &settings, &["replay", "--dry-run"]);
    assert_eq!(replay.code, Some(0), "{replay:?}");
    assert!(replay.stdout.contains("no route of the settings fits its subject"), "{replay:?}");
    let routed =
        settings.clone().append("[[schema.route]]\nsubject = \">\"\nmessage = \"table3.Tree\"\nprefix = \"rest\"\n");
    let replay = command(PROGRAM, &routed, &["replay", "--dry-run", "--output", "json"]);
    assert!(replay.json()["wanted"].as_u64().unwrap() >= poison, "{replay:?}");
    assert!(!replay.stdout.contains("\"because\": \"no route"), "{replay:?}");
}

/// What can't be used is said at once, in words, and is no reason to try again: exit code 2.
#[test]
fn a_schema_that_cannot_be_used_is_refused() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let broken = folder.path().join("broken.proto");
    fs::write(&broken, "syntax = \"proto3\";\nmessage Broken {\n  strin name = 1;\n}\n").unwrap();
    fs::create_dir_all(folder.path().join("lib/shop")).unwrap();
    fs::write(folder.path().join("lib/money.proto"), "syntax = \"proto3\";\n").unwrap();
    let [importing, alone] = ["money", "rates"].map(|import| {
        let file = folder.path().join(format!("lib/shop/{import}.proto"));
        fs::write(&file, format!("syntax = \"proto3\";\nimport \"lib/{import}.proto\";\nmessage Order {{}}\n"))
            .unwrap();
        file
    });
    let base = Settings::new(&nats.url()).local(folder.path()).set("schema", "format", "protobuf");
    let of = |file: &Path, message: &str| {
        let settings = base.clone().set("schema", "proto_files", vec![file.to_string_lossy().into_owned()]);
        settings.set("schema", "message", message)
    };
    let good = of(&proto("table3.proto"), "table3.Row");
    let cases = [
        (of(&broken, "Broken"), vec!["schema: ", "broken.proto:3:", "strin"]),
        (
            of(&proto("table3.proto"), "table3.Rows"),
            vec![
                "schema: the descriptor set has no message table3.Rows; did you mean `table3.Row`? (schema.message, ",
                "sink.toml:",
            ],
        ),
        (of(&folder.path().join("none.proto"), "None"), vec!["schema: ", "none.proto"]),
        (of(&importing, "Order"), vec!["import 'lib/money.proto' not found; it is in ", "set schema.include = ["]),
        (of(&alone, "Order"), vec!["schema.include must hold the folder that \"lib/rates.proto\" begins in"]),
        (
            good.clone().set("schema", "partition_by", vec!["shop.city"]),
            vec!["message table3.Shop has no field city", "; there are ", "owner", "(schema.partition_by, "],
        ),
        (good.clone().set("schema", "event_time", "id"), vec!["id can't be the event's time"]),
        (
            good.clone().set("parquet", "bloom_filter_columns", vec!["shop.city"]),
            vec!["parquet.bloom_filter_columns: no message has a column \"shop.city\"", "shop.owner"],
        ),
        (
            good.clone().set("parquet", "sort_by", vec!["id", "shop.owner"]),
            vec!["parquet.sort_by: the rows of table3.Row can't be sorted by \"shop.owner\": only by whole columns"],
        ),
        (
            good.clone().set("parquet", "sort_by", vec!["idd"]),
            vec!["parquet.sort_by: no message has a column \"idd\"; its columns are ", "nats_stream_sequence"],
        ),
        (
            base.clone().set("schema", "descriptor_set", "/nowhere").set("schema", "message", "M"),
            vec!["/nowhere: cannot be read"],
        ),
    ];
    for (settings, words) in cases {
        let ended = warehouse_sink_testkit::check(PROGRAM, &settings);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        for word in words {
            assert!(ended.stderr.contains(word), "{word:?} is not in {}", ended.stderr);
        }
        let mut sink = Sink::start(PROGRAM, &settings);
        assert_eq!(sink.wait_exit(DEADLINE).code(), Some(2), "{}", sink.log());
    }
    let ended = warehouse_sink_testkit::check(PROGRAM, &good);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("schema: table3.Row makes "), "{}", ended.stdout);
}
