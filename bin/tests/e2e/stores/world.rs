//! A stream with events, a store, and what does without a proxy between the sink and the store.

use std::time::Duration;

use warehouse_sink_testkit::verify::Outcome;
use warehouse_sink_testkit::{Ended, NatsServer, Settings, Sink, Store, check, command, publish, verify};

pub(crate) use crate::PROGRAM;
pub const SOON: Duration = Duration::from_secs(120);
/// Messages that a scenario begins with, four of them poison.
pub const MESSAGES: u64 = 400;

pub const FILES: &str = "warehouse_sink_files_total";
pub const REDELIVERED: &str = "warehouse_sink_messages_redelivered_total";

/// A store and a stream, with messages in it.
pub struct World {
    pub nats: NatsServer,
    pub store: Store,
}

impl World {
    pub fn new(service: &str) -> Self {
        let world = Self { nats: NatsServer::start(), store: Store::start(service) };
        world.nats.create_stream(Settings::STREAM);
        world.publish(0);
        world
    }

    /// Publishes messages that differ from those of another seed.
    pub fn publish(&self, seed: u64) {
        publish(PROGRAM, &self.nats, MESSAGES, &["--poison-every", "100", "--seed", &seed.to_string()]);
    }

    /// Small files, soon, and retries that follow each other closely.
    pub fn base(&self) -> Settings {
        Settings::new(&self.nats.url())
            .set("batch", "max_events", 100)
            .set("batch", "flush_interval", "200ms")
            .set("storage", "retry_initial", "50ms")
            .set("storage", "retry_max", "200ms")
            .set("storage", "nak_initial", "100ms")
            .set("storage", "nak_max", "500ms")
    }

    pub fn settings(&self) -> Settings {
        self.store.settings(self.base(), Store::BUCKET)
    }

    /// Waits until all is settled, stops the sink and compares what is stored with all that was published.
    #[track_caller]
    pub fn finish(&self, mut sink: Sink, bucket: &str) -> Outcome {
        self.nats.wait_settled(SOON);
        sink.wait_ready(SOON);
        assert_eq!(sink.stop(SOON), Some(0));
        let found = self.store.exact(&self.nats, bucket, &["--consumer", Settings::CONSUMER]);
        found.assert_ok();
        found
    }

    /// How many files of any kind are stored, all of them whole.
    #[track_caller]
    pub fn stored(&self, bucket: &str) -> u64 {
        let found = self.store.exact(&self.nats, bucket, &["--allow-missing"]);
        found.assert_ok();
        found.number(&["files"]) + found.number(&["dead_letter", "files"])
    }
}

/// What `check` says of settings that it is to refuse.
#[track_caller]
pub fn refusal(settings: &Settings) -> String {
    let Ended { code, stderr, stdout } = check(PROGRAM, settings);
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("storage: cannot write"), "{stderr}");
    stderr
}

/// Every payload kind at its edges, ids that have to be escaped in keys or have white space at their ends, and poison. `inspect` finds it
/// all as well.
pub fn exact_contents(service: &str) {
    let world = World::new(service);
    let published = verify::publish_python(&world.nats, &[]);
    check(PROGRAM, &world.settings()).assert_fine();
    assert_eq!(world.stored(Store::BUCKET), 0, "a check leaves nothing behind");
    let sink = Sink::start(PROGRAM, &world.settings());
    let found = world.finish(sink, Store::BUCKET);
    let events = published.number(&["events"]) + MESSAGES - 4;
    assert_eq!(found.number(&["duckdb", "rows"]), events);
    let poison = published.number(&["poison"]) + 4;
    assert_eq!(found.number(&["poison"]), poison);

    let inspected = command(PROGRAM, &world.settings(), &["inspect", "--strict", "--output", "json"]);
    assert_eq!((inspected.code, inspected.stderr.as_str()), (Some(0), ""), "{}", inspected.stdout);
    let totals = &inspected.json()["totals"];
    assert_eq!((totals["rows"].as_u64(), totals["dead_letters"].as_u64()), (Some(events), Some(poison)));
}

/// The store is gone for longer than the ack wait; nothing is acked meanwhile, and all is stored once when it is back.
pub fn outage_and_recovery(service: &str) {
    let mut world = World::new(service);
    let settings = world.settings().set("nats", "ack_wait", "1s").set("storage", "max_write_attempts", 1000);
    let sink = Sink::start(PROGRAM, &settings);
    world.nats.wait_settled(SOON);

    world.store.go_down();
    let acked = sink.acked();
    world.publish(1);
    let consumer = || world.nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
    // Four partitions at least, each with attempts over more than the ack wait.
    sink.wait_metric(SOON, FILES, &[("outcome", "failed")], 40.0);
    assert!(consumer().ack_pending > 0 && sink.acked() < acked + MESSAGES, "the messages wait");
    world.store.come_back();

    world.nats.wait_settled(SOON);
    // What is no folder fails for good, so its messages are given back and come again.
    if !matches!(world.store, Store::Folder(_)) {
        assert_eq!(sink.metric(REDELIVERED, &[]), 0.0, "held deliveries are kept alive");
    }
    world.finish(sink, Store::BUCKET);
}

/// The bucket is not there: `check` says so, `run` keeps the messages, and stores them once somebody has made it. A folder is
/// made by the sink itself, here and on a server.
pub fn missing_bucket(service: &str) {
    const LATER: &str = "made-later";
    let world = World::new(service);
    let settings = world.store.settings(world.base(), LATER);
    if !world.store.makes_buckets() {
        let said = refusal(&settings);
        assert!(
            ["NoSuchBucket", "AccessDenied", "404", "ContainerNotFound"].iter().any(|word| said.contains(word)),
            "{said}"
        );
    }
    let sink = Sink::start(PROGRAM, &settings);
    if !world.store.makes_buckets() {
        sink.wait_metric(SOON, FILES, &[("outcome", "failed")], 5.0);
        assert_eq!(sink.acked(), 0);
        assert_eq!(sink.ready().unwrap().0, 503);
        world.store.make_bucket(LATER);
    }
    world.finish(sink, LATER);
}
