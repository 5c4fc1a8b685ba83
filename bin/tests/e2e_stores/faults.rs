//! A store that is slow, and one that answers with errors, some of which hide that it did what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use warehouse_sink_testkit::{Fate, Head, HttpProxy, Sink, Store};

use crate::world::{FILES, PROGRAM, SOON, World};

/// Requests that write.
fn writes(head: &Head) -> bool {
    matches!(head.method.as_str(), "PUT" | "POST")
}

/// Uploads take some time and get through all the same.
pub fn slow_store(service: &str) {
    let world = World::new(service);
    let network = HttpProxy::start(world.store.address());
    // A file of 100 events is some 15 kB.
    network.decide(|head| if writes(head) { Fate::Slow(1000) } else { Fate::Pass });
    let settings = world.store.settings_at(world.base(), Store::BUCKET, network.address());
    let sink = Sink::start(PROGRAM, &settings.set("nats", "ack_wait", "1s"));
    world.nats.wait_settled(SOON);
    assert!(network.count(|_, fate| matches!(fate, Fate::Slow(_))) >= 4);
    for outcome in ["failed", "unknown"] {
        assert_eq!(sink.metric(FILES, &[("outcome", outcome)]), 0.0, "{outcome}");
    }
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

/// For a while every write is answered with an error in turn: throttled, refused, or done and then told to have failed.
pub fn errors_and_throttling(service: &str) {
    const FAULTS: usize = 40;
    let world = World::new(service);
    let network = HttpProxy::start(world.store.address());
    let [throttled, busy] = throttling(service);
    let fates = [throttled, Fate::Hide(500), Fate::Hide(502), busy, Fate::Answer(504, ""), Fate::Hide(503)];
    let turn = AtomicUsize::new(0);
    network.decide(move |head| match writes(head) {
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
