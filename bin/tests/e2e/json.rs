//! JSON documents: published by Python, stored by the sink, and read back by DuckDB and pyarrow, column by column.

use crate::PROGRAM;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use warehouse_sink_testkit::{NatsServer, Settings, Sink, check, command, project_root, publish as generate, verify};

const DEADLINE: Duration = Duration::from_secs(60);

fn columns(case: &str) -> String {
    let declared = verify::run("any_json.py", &["columns", "--case", case]);
    declared.report["columns"].as_str().unwrap().to_owned()
}

fn publish(nats: &NatsServer, case: &str) {
    verify::run("any_json.py", &["publish", "--url", &nats.url(), "--case", case]).assert_ok();
}

fn send(nats: &NatsServer, subject: &str, bodies: &[&str]) {
    let bodies: Vec<_> = bodies.iter().map(|body| format!("--body={body}")).collect();
    let (url, bodies) = (nats.url(), bodies.iter().map(String::as_str));
    let all: Vec<_> = ["send", "--url", &url, "--subject", subject].into_iter().chain(bodies).collect();
    verify::run("any_json.py", &all).assert_ok();
}

fn settings(nats: &NatsServer, folder: &Path, columns: &str) -> Settings {
    let settings = Settings::new(&nats.url()).local(folder).set("schema", "format", "json");
    settings.set("schema", "columns", columns)
}

/// Stores all that is in the stream.
#[track_caller]
fn store(nats: &NatsServer, settings: &Settings) -> Sink {
    let mut sink = Sink::start(PROGRAM, settings);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0), "{}", sink.log());
    sink
}

#[track_caller]
fn compare(nats: &NatsServer, folder: &Path, case: &str) -> u64 {
    let [files, letters] = ["events", "events-dead-letter"].map(|name| folder.join(name));
    let (files, letters) = (files.to_string_lossy(), letters.to_string_lossy());
    let where_ = ["--files", &files, "--dead-letter", &letters];
    let found = verify::run("any_json.py", &[&["check", "--url", &nats.url(), "--case", case], &where_[..]].concat());
    found.assert_ok();
    assert!(found.number(&["poison"]) >= 10, "{:#}", found.report);
    found.number(&["rows"])
}

#[track_caller]
fn query(folder: &Path, prefix: &str, sql: &str) -> Value {
    let files = folder.join(prefix);
    let mut found = verify::run("any_json.py", &["query", "--files", &files.to_string_lossy(), "--sql", sql]);
    found.report["rows"].take()
}

/// A column of each type, folders of columns, what has no column, and each reason to refuse a document.
#[test]
fn every_type() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    publish(&nats, "kinds");
    let settings = settings(&nats, folder.path(), &columns("kinds"))
        .set("schema", "partition_by", vec!["flag", "shop.city", "shop.\"zip code\""])
        .set("schema", "partition_time", "day")
        .set("schema", "unknown_fields", "keep")
        .set("schema", "subject_column", true);
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(DEADLINE);
    let unknown = sink.metric("warehouse_sink_unknown_fields_total", &[]) as u64;
    // Of the poison documents, one has something without a column before what is wrong with it.
    assert!((150..160).contains(&unknown), "{unknown}");
    assert_eq!(sink.stop(DEADLINE), Some(0), "{}", sink.log());
    assert_eq!(compare(&nats, folder.path(), "kinds"), 300);

    // The audit finds all, and the replay says of each letter why it would be one again.
    let audit = command(PROGRAM, &settings, &["inspect", "--output", "json"]);
    assert_eq!(audit.code, Some(0), "{audit:?}");
    let replay = command(PROGRAM, &settings, &["replay", "--dry-run"]);
    assert_eq!(replay.code, Some(0), "{replay:?}");
    assert!(replay.stdout.contains("id: is required, and missing"), "{replay:?}");
}

/// A row for each element, in the folder of its own time; a broken element is a dead letter of its own.
#[test]
fn batches_of_rows() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    publish(&nats, "batches");
    let settings = settings(&nats, folder.path(), &columns("batches"))
        .set("schema", "explode", "sales")
        .set("schema", "event_time", "sales.sold")
        .set("schema", "partition_by", vec!["tenant"])
        .set("schema", "partition_time", "month");
    store(&nats, &settings);
    assert!(compare(&nats, folder.path(), "batches") >= 200);
}

/// A restart with one more column: what was unknown is a column from then on, and readers see both.
#[test]
fn a_column_that_is_added() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    send(&nats, "events.a", &[r#"{"id":1,"price":"1.50"}"#]);
    let before = settings(&nats, folder.path(), "id: int64").set("schema", "unknown_fields", "keep");
    store(&nats, &before);
    send(&nats, "events.a", &[r#"{"id":2,"price":2.5}"#]);
    store(&nats, &before.clone().set("schema", "columns", "price: decimal(6, 2), id: int64"));
    let rows = query(folder.path(), "events", "SELECT id, price, unknown_fields FROM FILES ORDER BY id");
    assert_eq!(rows, json!([[1, null, r#"{"price":"1.50"}"#], [2, "2.50", null]]));
}

/// Routes with columns and routes with protobuf messages in one stream; a dead letter is replayed once its route's columns fit.
#[test]
fn several_types_by_their_subjects() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("proto/tests/protos/table3.proto");
    send(
        &nats,
        "events.clicks.eu",
        &[r#"{"site":"eu","page":"/a","at":1709210097}"#, r#"{"site":"eu","page":7,"at":1709210097}"#],
    );
    send(&nats, "events.orders", &[r#"{"order.id":1,"more":[1]}"#]);
    // As protobuf: a message of nothing, which is a row where that is asked for. A key that was deleted is none, and no dead letter.
    send(&nats, "events.rows", &[""]);
    let mut client = nats.client();
    for headers in [("KV-Operation", "DEL"), ("Nats-Marker-Reason", "MaxAge")] {
        client.publish("events.orders", &[headers], b"").unwrap();
    }
    let route = |subject: &str, what: &str, prefix: &str, more: &str| {
        format!("[[schema.route]]\nsubject = \"{subject}\"\n{what}\nprefix = \"{prefix}\"\n{more}\n")
    };
    let more = "partition_by = [\"site\"]\nevent_time = \"at\"";
    let clicks = |of: &str| {
        route("events.clicks.*", &format!("columns = \"site: string, page: {of}, at: timestamp(s)\""), "clicks", more)
    };
    let rest = route("events.orders", "columns = '\"order.id\": int64 required as order_id'", "orders", "")
        + &route("events.rows", "message = \"table3.Shop\"", "shops", "");
    let base = Settings::new(&nats.url()).local(folder.path()).set("schema", "format", "json");
    let base = base.set("schema", "proto_files", vec![proto.to_string_lossy().into_owned()]);
    let base = base.set("schema", "on_empty_body", "row");
    let routed = base.clone().append(&(clicks("string") + &rest));
    let sink = store(&nats, &routed);
    assert_eq!(sink.log().matches("panicked").count(), 0);
    let rows = query(folder.path(), "clicks", "SELECT page, \"at\"::VARCHAR, year, hour FROM FILES");
    assert_eq!(rows, json!([["/a", "2024-02-29 12:34:57+00", 2024, 12]]));
    assert_eq!(query(folder.path(), "orders", "SELECT order_id FROM FILES"), json!([[1]]));
    assert_eq!(query(folder.path(), "shops", "SELECT count(*) FROM FILES"), json!([[1]]));

    let kept = command(PROGRAM, &routed, &["replay", "--dry-run", "--output", "json"]).json();
    assert_eq!(kept["refused"], 1, "{kept}");
    let mended = base.append(&(clicks("json") + &rest));
    let replayed = command(PROGRAM, &mended, &["replay", "--output", "json"]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    store(&nats, &mended);
    let pages = query(folder.path(), "clicks", "SELECT page FROM FILES ORDER BY nats_stream_sequence");
    assert_eq!(pages, json!([["/a"], ["7"]]));
}

/// What can't be used is said at once, with what and where, and is no reason to try again: exit code 2.
#[test]
fn columns_that_cannot_be_used_are_refused() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let of = |columns: &str| settings(&nats, folder.path(), columns);
    let good = "id: int64,\nshop: struct<city: string>, f: float64, items: list<int64>";
    let route = "[[schema.route]]\nsubject = \"a.>\"\ncolumns = \"a: int46\"\nprefix = \"a\"\n";
    let two_routes = "[[schema.route]]\nsubject = \"a.>\"\ncolumns = \"a: int64, b: string\"\nprefix = \"a\"\n\
                      [[schema.route]]\nsubject = \"b.>\"\ncolumns = \"a: string, b: list<string>\"\nprefix = \"b\"\n";
    let cases = [
        (
            of("id: int64,\nn: int46"),
            "schema: the columns can't be read: line 2: unknown type `int46`: expected bool, int32",
        ),
        (of("id: int64, id: string"), "line 1: column \"id\" is declared twice"),
        (of(good).set("schema", "partition_by", vec!["shop.town"]), "schema: no column is declared for shop.town; "),
        (
            of(good).set("schema", "partition_by", vec!["f"]),
            "rows can't be partitioned by f: only strings, whole numbers",
        ),
        (of(good).set("schema", "event_time", "shop.city"), "shop.city can't be the event's time"),
        (
            of(good).set("schema", "explode", "items"),
            "the elements of items can't be rows: its type must be a list of structs",
        ),
        (of("hour: int64"), "column hour can't have this name: a folder or an added column has it"),
        (
            of(good).unset("schema", "columns").append(route),
            "schema: the route of a.>: the columns can't be read: line 1",
        ),
        (
            of(good).set("parquet", "sort_by", vec!["id", "shop"]),
            "parquet.sort_by: the rows of json can't be sorted by \"shop\": only by whole columns of texts",
        ),
        (
            of(good).unset("schema", "columns").append(two_routes).set("parquet", "sort_by", vec!["a", "b"]),
            "parquet.sort_by: the rows of json can't be sorted by \"b\": only by whole columns",
        ),
        (
            of(good).set("parquet", "bloom_filter_columns", vec!["shop.town"]),
            "parquet.bloom_filter_columns: no message has a column \"shop.town\"",
        ),
    ];
    for (settings, words) in cases {
        let ended = check(PROGRAM, &settings);
        assert!(ended.code == Some(2) && ended.stderr.contains(words), "{words:?} is not in {ended:?}");
    }
    let ended = check(PROGRAM, &of(good));
    assert!(ended.code == Some(0) && ended.stdout.contains("schema: json makes 6 columns"), "{ended:?}");
}

/// What `generate --format json` publishes fits the columns that the benchmarks declare for it: nothing is poison but what was meant to be,
/// and nothing is left without a column.
#[test]
fn made_up_documents() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    generate(PROGRAM, &nats, 1_000, &["--create-stream", "--format", "json", "--poison-every", "10"]);
    let columns = std::fs::read_to_string(project_root().join("bench/events.columns")).unwrap();
    let settings = settings(&nats, folder.path(), &columns).set("schema", "partition_by", vec!["app_id"]).set(
        "schema",
        "event_time",
        "timestamp_ms",
    );
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.metric("warehouse_sink_messages_poison_total", &[]) as u64, 100);
    assert_eq!(sink.metric("warehouse_sink_unknown_fields_total", &[]) as u64, 0);
    assert_eq!(sink.stop(DEADLINE), Some(0), "{}", sink.log());

    let sql = "SELECT count(*), count(DISTINCT id), count(DISTINCT app_id), count(screen_view) > 100, \
               count(device_context.platform) > 800 FROM FILES";
    assert_eq!(query(folder.path(), "events", sql), json!([[900, 900, 4, true, true]]));
}
