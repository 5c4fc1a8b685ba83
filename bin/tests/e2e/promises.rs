//! What `check` passes, `run` can have; and what `run` can't have is refused by both, in the same words.

use crate::PROGRAM;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use warehouse_sink_testkit::{Ended, NatsServer, Settings, Sink, free_ports, publish};

const SOON: Duration = Duration::from_secs(60);
const SECOND: u64 = 1_000_000_000;

/// A server and a folder for files.
struct World {
    nats: NatsServer,
    files: TempDir,
}

impl World {
    fn new() -> Self {
        World::with_config("")
    }

    fn with_config(config: &str) -> Self {
        World { nats: NatsServer::with_config(config), files: tempfile::tempdir().unwrap() }
    }

    /// Settings for a stream.
    fn settings(&self, stream: &str) -> Settings {
        Settings::new(&self.nats.url()).local(self.files.path()).set("nats", "stream", stream).set(
            "nats",
            "startup_timeout",
            "500ms",
        )
    }

    fn call(&self, api: &str, body: &Value) {
        self.nats.client().jetstream(api, body).unwrap();
    }

    /// Creates a stream; one that was there before and has subjects makes room for it.
    fn stream(&self, mut config: Value) {
        let name = config["name"].as_str().unwrap().to_owned();
        if !config["subjects"].is_null() {
            let names = self.nats.client().jetstream("STREAM.NAMES", &json!({})).unwrap();
            for before in names["streams"].as_array().into_iter().flatten() {
                self.call(&format!("STREAM.DELETE.{}", before.as_str().unwrap()), &Value::Null);
            }
        }
        config["storage"] = json!("memory");
        self.call(&format!("STREAM.CREATE.{name}"), &config);
    }

    /// Creates or changes the sink's consumer.
    fn consumer(&self, stream: &str, config: &Value) {
        let mut all = json!({
            "durable_name": Settings::CONSUMER, "ack_policy": "explicit", "ack_wait": 30 * SECOND, "max_ack_pending": 500_000,
        });
        config.as_object().unwrap().iter().for_each(|(key, value)| all[key] = value.clone());
        let name = all["durable_name"].as_str().unwrap().to_owned();
        let request = json!({ "stream_name": stream, "config": all });
        self.call(&format!("CONSUMER.DURABLE.CREATE.{stream}.{name}"), &request);
    }
}

fn check(settings: &Settings) -> Ended {
    warehouse_sink_testkit::check(PROGRAM, settings)
}

/// `check` passes without a complaint, and a sink becomes ready.
#[track_caller]
fn both_take(settings: &Settings) {
    let ended = check(settings);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let mut sink = Sink::start(PROGRAM, settings);
    sink.wait_ready(SOON);
    assert_eq!(sink.stop(SOON), Some(0), "{}", sink.log());
}

/// `check` says these words and ends with 1, and so does `run`.
#[track_caller]
fn both_refuse(settings: &Settings, words: &[&str]) {
    check_refuses(settings, words);
    let mut sink = Sink::start(PROGRAM, settings);
    assert_eq!(sink.wait_exit(SOON).code(), Some(1), "{}", sink.log());
    words.iter().for_each(|word| assert!(sink.log().contains(word), "{word:?} is not in {}", sink.log()));
}

#[track_caller]
fn check_refuses(settings: &Settings, words: &[&str]) {
    let ended = check(settings);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    words.iter().for_each(|word| assert!(ended.stderr.contains(word), "{word:?} is not in {}", ended.stderr));
}

#[test]
fn a_filter_that_no_subject_of_the_stream_fits_is_refused() {
    let world = World::new();
    world.stream(json!({ "name": "ORDERS", "subjects": ["orders.>"] }));
    let nothing = "no subject of the stream fits nats.filter_subjects: the stream holds";
    both_refuse(&world.settings("ORDERS"), &[nothing, "`orders.>` and the filter is `events.>`"]);
    assert_eq!(world.nats.consumer("ORDERS", Settings::CONSUMER), None, "a consumer was left behind");

    // A mirror that renames, a mirror of it that doesn't, and a stream that renames what it takes in.
    let renames = json!([{ "src": "orders.>", "dest": "events.>" }]);
    world.stream(json!({ "name": "RENAMED", "mirror": { "name": "ORDERS", "subject_transforms": renames } }));
    world.stream(json!({ "name": "MIRROR", "mirror": { "name": "RENAMED" } }));
    world.stream(json!({ "name": "PLAIN", "mirror": { "name": "ORDERS" } }));
    for (stream, orders) in [("RENAMED", true), ("MIRROR", true), ("PLAIN", false)] {
        let (fits, other) = if orders { ("events.>", "orders.>") } else { ("orders.>", "events.>") };
        let with = |filter: &str| world.settings(stream).set("nats", "filter_subjects", vec![filter]);
        both_refuse(&with(other), &[nothing, &format!("`{fits}` and the filter is `{other}`")]);
        both_take(&with(fits));
    }

    // What was stored before the stream's subjects were changed still counts.
    world.nats.client().publish("orders.old", &[], b"{\"id\": 1}").unwrap();
    world.call("STREAM.UPDATE.ORDERS", &json!({ "name": "ORDERS", "subjects": ["later.>"], "storage": "memory" }));
    let settings = world.settings("ORDERS").set("nats", "filter_subjects", vec!["orders.>"]);
    let json = settings.set("schema", "format", "json").set("schema", "columns", "id: int64");
    assert_eq!(check(&json).code, Some(0), "{:?}", check(&json));
}

#[test]
fn filters_count_by_what_they_take_of_the_stream() {
    let world = World::new();
    world.stream(json!({ "name": "EVENTS", "subjects": ["events.>"] }));
    let json =
        |stream: &str| world.settings(stream).set("schema", "format", "json").set("schema", "columns", "id: int64");
    world.consumer("EVENTS", &json!({}));
    both_take(&world.settings("EVENTS"));
    world.consumer("EVENTS", &json!({ "filter_subject": ">" }));
    both_take(&world.settings("EVENTS"));

    world.stream(json!({ "name": "BOTH", "subjects": ["events.>", "other.>"] }));
    world.consumer("BOTH", &json!({}));
    both_refuse(&world.settings("BOTH"), &["other messages would come as well (`other.>`)"]);
    // Without the built-in schema every subject is wanted.
    both_take(&json("BOTH"));
    world.consumer("BOTH", &json!({ "filter_subject": "events.>" }));
    both_refuse(&json("BOTH"), &["events would be skipped (`other.>`)"]);
    both_take(&world.settings("BOTH"));
}

#[test]
fn a_consumer_that_can_deliver_nothing_is_refused() {
    let world = World::new();
    world.stream(json!({ "name": "QUEUE", "subjects": ["events.>"], "retention": "workqueue" }));
    world.consumer("QUEUE", &json!({ "durable_name": "other", "filter_subject": "events.*.user.>" }));
    let words = ["the stream is a work queue", "other (`events.*.user.>`) has some of the same subjects"];
    check_refuses(&world.settings("QUEUE"), &words);
    world.call("CONSUMER.DELETE.QUEUE.other", &Value::Null);
    both_take(&world.settings("QUEUE"));

    world.stream(json!({ "name": "FULL", "subjects": ["events.>"], "max_consumers": 1 }));
    world.consumer("FULL", &json!({ "durable_name": "other" }));
    check_refuses(&world.settings("FULL"), &["the stream has 1 consumers and takes no more"]);

    world.stream(json!({ "name": "GROUPS", "subjects": ["events.>"] }));
    world.consumer("GROUPS", &json!({ "priority_groups": ["a"], "priority_policy": "overflow" }));
    both_refuse(&world.settings("GROUPS"), &["it has priority groups"]);

    world.stream(json!({ "name": "SMALL", "subjects": ["events.>"] }));
    world.consumer("SMALL", &json!({ "max_bytes": 50 }));
    both_refuse(&world.settings("SMALL"), &["its max request bytes are 50", "--max-pull-bytes=0"]);

    world.stream(json!({ "name": "ONCE", "subjects": ["events.>"] }));
    world.consumer("ONCE", &json!({ "max_deliver": 1 }));
    both_refuse(&world.settings("ONCE"), &["its max deliver is 1"]);
}

#[test]
fn a_paused_consumer_is_told() {
    let world = World::new();
    world.stream(json!({ "name": "EVENTS", "subjects": ["events.>"] }));
    let pause = |until: Value| world.consumer("EVENTS", &json!({ "pause_until": until }));
    pause(json!("2090-01-01T00:00:00Z"));
    let settings = world.settings("EVENTS");
    let words = "it is paused until 2090-01-01T00:00:00Z";
    check_refuses(&settings, &[words, "nats consumer resume EVENTS warehouse-sink"]);
    let mut sink = Sink::start(PROGRAM, &settings);
    let is_told = |sink: &Sink| sink.ready().is_some_and(|(status, reason)| status == 503 && reason.contains(words));
    warehouse_sink_testkit::wait_until(SOON, "the pause at /ready", || is_told(&sink));
    let resume = json!({});
    world.call(&format!("CONSUMER.PAUSE.EVENTS.{}", Settings::CONSUMER), &resume);
    sink.wait_ready(SOON);
    assert_eq!(sink.stop(SOON), Some(0));
}

#[test]
fn a_port_that_another_program_has_is_told() {
    let world = World::new();
    world.stream(json!({ "name": "EVENTS", "subjects": ["events.>"] }));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let settings = world.settings("EVENTS");
    let on = |address: &str| settings.clone().set("observability", "metrics_addr", address);
    check_refuses(&on(&address), &[&address, "observability.metrics_addr", "in use"]);
    drop(taken);
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_ready(SOON);
    let beside = check(&on(&sink.address().to_string()));
    assert_eq!(beside.code, Some(0), "{beside:?}");
    assert!(beside.stdout.contains("a warehouse-sink runs on"), "{beside:?}");
    assert_eq!(sink.stop(SOON), Some(0));
    let [port] = free_ports();
    assert_eq!(check(&on(&format!("127.0.0.1:{port}"))).code, Some(0));
}

/// A user who may do all that the sink needs, but this.
fn without(denied: &str) -> String {
    format!(
        "accounts {{ A {{ jetstream: enabled, users: [\
           {{ user: sink, password: sink, permissions: {{ publish: {{ deny: [\"{denied}\"] }} }} }},\
           {{ user: harness, password: harness }}] }} }}\nno_auth_user: harness"
    )
}

#[test]
fn a_missing_permission_is_told_with_its_subject() {
    let mut world = World::with_config(&without("nothing"));
    world.nats.create_stream(Settings::STREAM);
    let settings = world.settings(Settings::STREAM).set("nats", "username", "sink").set("nats", "password", "sink");
    assert_eq!(check(&settings).code, Some(0));
    let subject = |call: &str| format!("{call}.{}.{}", Settings::STREAM, Settings::CONSUMER);
    for denied in [
        format!("$JS.API.STREAM.INFO.{}", Settings::STREAM),
        subject("$JS.API.CONSUMER.INFO"),
        subject("$JS.API.CONSUMER.MSG.NEXT"),
        format!("{}.events.>", subject("$JS.API.CONSUMER.CREATE")),
        format!("{}.>", subject("$JS.ACK")),
    ] {
        world.nats.reload_with(&without(&denied));
        check_refuses(&settings, &["the user may not publish to", &format!("`{denied}`")]);
        assert_eq!(world.nats.consumer(Settings::STREAM, Settings::CONSUMER), None, "left behind");
    }
    // A consumer that is there need not be created.
    world.nats.reload_with(&without(&format!("{}.events.>", subject("$JS.API.CONSUMER.CREATE"))));
    world.consumer(Settings::STREAM, &json!({ "filter_subject": "events.>" }));
    let ended = check(&settings);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("if the consumer is deleted, the sink can't create it"), "{ended:?}");
}

#[test]
fn messages_that_wait_are_decoded_and_stay_as_they_are() {
    let world = World::new();
    world.nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &world.nats, 500, &["--poison-every", "100"]);
    let stream = world.nats.stream(Settings::STREAM);
    let settings = world.settings(Settings::STREAM);
    let ended = check(&settings);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("of 100 messages that wait in the stream can't be decoded"), "{ended:?}");

    let wrong = settings.clone().set("schema", "format", "json").set("schema", "columns", "id: string");
    check_refuses(
        &wrong,
        &["100 of 100 messages that wait in the stream can't be decoded", "The first is sequence 1 (events."],
    );
    assert_eq!(world.nats.stream(Settings::STREAM), stream);
    assert_eq!(world.nats.consumer(Settings::STREAM, Settings::CONSUMER), None);

    // What is settled doesn't wait.
    let mut sink = Sink::start(PROGRAM, &settings);
    world.nats.wait_settled(SOON);
    assert_eq!(sink.stop(SOON), Some(0));
    let ended = check(&settings);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.contains("no message waits in the stream"), "{ended:?}");
}
