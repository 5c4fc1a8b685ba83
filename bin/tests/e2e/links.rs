//! A link that is slow, and a server that takes very large messages, cost what they must and no more.

use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Proxy, Settings, Sink, envelope, wait_until};

use crate::PROGRAM;

const DEADLINE: Duration = Duration::from_secs(90);
const NOON: i64 = 1_772_366_400_000;

fn publish(nats: &NatsServer, sizes: impl Iterator<Item = usize>) {
    nats.create_stream(Settings::STREAM);
    let mut client = nats.client();
    for (number, size) in sizes.enumerate() {
        let body = envelope(&number.to_string(), "app", &"x".repeat(size), NOON);
        client.publish("events.app.system.app_start", &[], &body).unwrap();
    }
}

/// Each is delivered once: none is lost on a link that carries less than was asked for.
#[test]
fn a_slow_link_is_used_as_it_is() {
    const MESSAGES: u64 = 160;
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    publish(&nats, (0..MESSAGES).map(|_| 100_000));
    let proxy = Proxy::start(nats.address());
    proxy.limit_to_client(Some(2_000_000));
    let settings = Settings::new(&format!("nats://{}", proxy.address())).local(folder.path());
    let mut sink = Sink::start(PROGRAM, &settings.set("nats", "ack_wait", "10m"));
    nats.wait_settled(DEADLINE);
    let consumer = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
    assert_eq!((consumer.deliveries, consumer.redelivered), (MESSAGES, 0));
    assert_eq!(sink.metric("warehouse_sink_fetch_errors_total", &[]) as u64, 0, "{}", sink.log());
    proxy.limit_to_client(None);
    assert_eq!(sink.stop(DEADLINE), Some(0));
}

/// Batches fill at once, though a pull could bring a message of 64 MB; and a large one is taken too.
#[test]
fn a_server_that_takes_large_messages_gives_small_ones_as_fast() {
    const MESSAGES: usize = 4000;
    let (nats, folder) = (NatsServer::with_config("max_payload: 64MB"), tempfile::tempdir().unwrap());
    let large = |number| if number == 2100 { 20_000_000 } else { 10 };
    publish(&nats, (0..MESSAGES).map(large));
    // Nothing is written by age.
    let settings = Settings::new(&nats.url())
        .local(folder.path())
        .set("batch", "flush_interval", "10m")
        .set("batch", "max_events", 1000)
        .set("nats", "ack_wait", "10m");
    let mut sink = Sink::start(PROGRAM, &settings);
    let state = || nats.consumer(Settings::STREAM, Settings::CONSUMER);
    wait_until(DEADLINE, "everything to be delivered, and full batches to be written", || {
        state().is_some_and(|state| state.pending == 0 && state.ack_pending < 1000)
    });
    assert_eq!(state().map(|state| state.deliveries), Some(MESSAGES as u64));
    assert_eq!(sink.metric("warehouse_sink_fetch_errors_total", &[]) as u64, 0, "{}", sink.log());
    assert_eq!(sink.stop(DEADLINE), Some(0));
    assert_eq!(state().map(|state| state.ack_pending), Some(0));
}
