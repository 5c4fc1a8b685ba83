//! A store that is slow, and one that answers with errors, some of which hide that it did what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use warehouse_sink_testkit::{Fate, Head, HttpProxy, Settings, Sink, Store};

use super::world::{FILES, MESSAGES, PROGRAM, REDELIVERED, SOON, World};

/// Requests that bring an object.
fn uploads(head: &Head) -> bool {
    matches!(head.method.as_str(), "PUT" | "POST")
}

/// Requests after which it is there.
fn commits(head: &Head, webdav: bool) -> bool {
    if webdav { head.method == "MOVE" } else { uploads(head) }
}

/// Uploads that take longer than the ack wait get through at the first attempt, and their messages are kept alive. Those that take longer
/// than the write timeout are given up after it, none of their messages is acked, and all are stored once the store is quick again.
pub fn slow_store(service: &str) {
    const PIECE: usize = 150;
    let world = World::new(service);
    let network = HttpProxy::start(world.store.address());
    let settings = world.store.settings_at(world.base(), Store::BUCKET, network.address());
    let settings = settings.set("nats", "ack_wait", "1s").set("storage", "write_timeout", "6s");
    let sink = Sink::start(PROGRAM, &settings.set("storage", "max_write_attempts", 1000));
    world.nats.wait_settled(SOON);
    let outcomes = || ["failed", "unknown"].map(|outcome| sink.metric(FILES, &[("outcome", outcome)]));
    let before = outcomes();

    // A file is some 14 kB, and a piece goes through every 20 ms.
    network.decide(|head| if uploads(head) { Fate::Slow(PIECE) } else { Fate::Pass });
    world.publish(1);
    world.nats.wait_settled(SOON);
    let slow = network.count(|head, fate| matches!(fate, Fate::Slow(_)) && head.length > 60 * PIECE);
    assert!(slow >= 4, "{slow} uploads took longer than the ack wait");
    assert_eq!(outcomes(), before, "an upload was given up");
    assert_eq!(sink.metric(REDELIVERED, &[]), 0.0, "held deliveries are kept alive");

    network.decide(|head| if uploads(head) { Fate::Hold(head.length / 2) } else { Fate::Pass });
    let acked = sink.acked();
    world.publish(2);
    sink.wait_metric(SOON, FILES, &[("outcome", "unknown")], before[1] + 4.0);
    let consumer = world.nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
    assert!(consumer.ack_pending > 0 && sink.acked() < acked + MESSAGES, "the messages wait");
    network.pass();
    world.nats.wait_settled(SOON);
    assert_eq!(sink.metric(REDELIVERED, &[]), 0.0, "held deliveries are kept alive");
    world.finish(sink, Store::BUCKET);
}

/// How a service says that it is asked too much, which is certain not to have been done, and that something went wrong.
fn throttling(service: &str) -> [Fate; 2] {
    match service {
        "s3" => [
            Fate::Answer(503, "<Error><Code>SlowDown</Code><Message>Reduce your request rate</Message></Error>"),
            Fate::Answer(503, "<Error><Code>ServiceUnavailable</Code><Message>Try again</Message></Error>"),
        ],
        "gcs" => [
            Fate::Answer(
                429,
                r#"{"error": {"code": 429, "message": "slow down", "errors": [{"reason": "rateLimitExceeded"}]}}"#,
            ),
            Fate::Answer(
                503,
                r#"{"error": {"code": 503, "message": "backend", "errors": [{"reason": "backendError"}]}}"#,
            ),
        ],
        _ => [
            Fate::Answer(429, "<Error><Code>TooManyRequests</Code><Message>Slow down</Message></Error>"),
            Fate::Answer(503, "<Error><Code>ServerBusy</Code><Message>The server is busy</Message></Error>"),
        ],
    }
}

/// For a while every request that makes an object is answered with an error in turn: throttled, refused, or done and then told to have failed.
pub fn errors_and_throttling(service: &str) {
    const FAULTS: usize = 40;
    let world = World::new(service);
    let network = HttpProxy::start(world.store.address());
    let [throttled, busy] = throttling(service);
    let fates = [throttled, Fate::Hide(500), Fate::Hide(502), busy, Fate::Answer(504, ""), Fate::Hide(503)];
    let turn = AtomicUsize::new(0);
    let webdav = service == "webdav";
    network.decide(move |head| match commits(head, webdav) {
        true => match turn.fetch_add(1, Ordering::Relaxed) {
            turn if turn < FAULTS => fates[turn % fates.len()].clone(),
            _ => Fate::Pass,
        },
        false => Fate::Pass,
    });
    let settings = world.store.settings_at(world.base(), Store::BUCKET, network.address());
    let sink = Sink::start(PROGRAM, &settings.set("nats", "ack_wait", "1s"));
    world.nats.wait_settled(SOON);
    assert_eq!(network.count(|_, fate| *fate != Fate::Pass), FAULTS);
    assert!(network.count(|_, fate| matches!(fate, Fate::Hide(_))) >= FAULTS / 3);
    for outcome in ["failed", "unknown", "written"] {
        assert!(sink.metric(FILES, &[("outcome", outcome)]) > 0.0, "{outcome}");
    }
    // No event is there twice, although some files were written several times.
    world.finish(sink, Store::BUCKET);
}
