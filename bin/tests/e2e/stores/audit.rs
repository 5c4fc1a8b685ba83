//! What was lost, stored twice or could not be decoded is found on every store, and put right.

use serde_json::{Value, json};
use warehouse_sink_testkit::{Settings, Sink, Store, command, moved, verify::Outcome};

use super::world::{MESSAGES, PROGRAM, SOON, World};

/// Stores all that the consumer has not settled.
#[track_caller]
fn store(world: &World, settings: &Settings, consumer: &str) {
    let mut sink = Sink::start(PROGRAM, &settings.clone().set("nats", "consumer", consumer));
    world.nats.wait_settled_by(consumer, SOON);
    assert_eq!(sink.stop(SOON), Some(0));
}

/// The report of `inspect` or `replay`, whose exit code says the same.
#[track_caller]
fn report(settings: &Settings, arguments: &[&str]) -> Value {
    let ended = command(PROGRAM, settings, &[arguments, &["--output", "json"]].concat());
    let report = ended.json();
    let code = i32::from(report["complete"] != true);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(code), ""), "{report:#}");
    report
}

fn rows_beyond_one(found: &Outcome) -> u64 {
    found.number(&["duckdb", "duplicates"]) + found.number(&["dead_letter", "duplicates"])
}

/// Files that went elsewhere are missed, with the sequences that they hold. A second sink stores them, and some messages twice; that
/// is found as well, and is what DuckDB finds.
pub fn gaps_and_duplicates_are_found(service: &str) {
    let world = World::new(service);
    let settings = world.settings();
    let elsewhere =
        settings.clone().set("storage", "prefix", "elsewhere").set("dead_letter", "prefix", "elsewhere-too");
    store(&world, &elsewhere, Settings::CONSUMER);
    world.publish(1);
    store(&world, &moved(PROGRAM, settings.clone()), Settings::CONSUMER);
    let missed = report(&settings, &["inspect"]);
    assert_eq!(missed["gaps"], json!({ "sequences": MESSAGES, "ranges": [[1, MESSAGES]] }), "{missed:#}");
    assert_eq!((&missed["gaps_are_in_the_stream"], &missed["duplicates"]["rows"]), (&json!(true), &json!(0)));

    // Other batches make other files.
    store(&world, &settings.clone().set("batch", "max_events", 37), "mend");
    let mended = report(&settings, &["inspect"]);
    assert_eq!(mended["gaps"]["sequences"], 0, "{mended:#}");
    let allowed = MESSAGES.to_string();
    let found = world.store.exact(&world.nats, Store::BUCKET, &["--allow-duplicates", &allowed]);
    found.assert_ok();
    let twice = rows_beyond_one(&found);
    assert!(twice > 0 && mended["duplicates"]["rows"] == twice, "{twice} rows are there twice: {mended:#}");
}

/// How many dead letters were or would be replayed, were replayed before, and are refused.
fn counts(report: &Value) -> [u64; 3] {
    ["replayed", "replayed_before", "refused"].map(|name| report[name].as_u64().unwrap())
}

/// A sink that was set up for other messages takes all of them for poison. Set right, it stores what the replay puts back.
pub fn dead_letters_are_replayed(service: &str) {
    const GOOD: u64 = MESSAGES - 4;
    let world = World::new(service);
    let right = world.settings();
    let wrong = right.clone().set("schema", "format", "json").set("schema", "columns", "id: int64");
    store(&world, &wrong, Settings::CONSUMER);
    assert_eq!(counts(&report(&wrong, &["replay", "--dry-run"])), [0, 0, MESSAGES]);
    assert_eq!(counts(&report(&right, &["replay", "--dry-run"])), [GOOD, 0, 4]);
    assert_eq!(world.nats.stream(Settings::STREAM).last_sequence, MESSAGES, "a dry run has published something");

    assert_eq!(counts(&report(&right, &["replay"])), [GOOD, 0, 4]);
    store(&world, &right, Settings::CONSUMER);
    assert_eq!(counts(&report(&right, &["replay"])), [0, GOOD, 4], "none is replayed twice");
    let audit = report(&right, &["inspect", "--strict"]);
    let totals = ["rows", "dead_letters", "first_sequence", "last_sequence"].map(|name| audit["totals"][name].as_u64());
    assert_eq!(totals, [GOOD, MESSAGES, 1, MESSAGES + GOOD].map(Some), "{audit:#}");
}
