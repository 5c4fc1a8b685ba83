//! Three servers with a replicated stream, whose leader is killed (SIGKILL) twice in mid-run: every event that was confirmed to its
//! publisher is in the files, and the sink never stops.

use crate::PROGRAM;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use warehouse_sink_testkit::{NatsClient, NatsCluster, Settings, Sink, envelope, verify};

const SOON: Duration = Duration::from_secs(60);
/// About 400 events a second: some thousands over the whole test.
const PAUSE: Duration = Duration::from_millis(2);
/// An election takes less, and a confirmation far less.
const PATIENCE: Duration = Duration::from_secs(2);
/// The beginning of an hour.
const HOUR_MS: i64 = 1_750_000_000_000 / 3_600_000 * 3_600_000;

/// Publishes one event after the other until it is told to stop. One that is not confirmed is published again, at another node, until
/// it is: the stream may then hold it twice.
struct Publisher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Published>,
}

#[derive(Default)]
struct Published {
    /// What was confirmed, as lines of sequence and id.
    confirmed: String,
    events: u64,
    /// Attempts that were sent and not confirmed.
    unconfirmed: u64,
}

impl Publisher {
    fn start(nodes: Vec<SocketAddr>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut published = Published::default();
            let mut nodes = nodes.into_iter().cycle();
            let mut connection = None;
            while !stopped.load(Ordering::Relaxed) {
                thread::sleep(PAUSE);
                let Some(client) = connection.as_mut() else {
                    connection = nodes.next().and_then(|node| connect(node).ok());
                    continue;
                };
                match publish(client, published.events) {
                    Ok(sequence) => {
                        let _ = writeln!(published.confirmed, "{sequence} event-{}", published.events);
                        published.events += 1;
                    }
                    Err(_) => {
                        published.unconfirmed += 1;
                        connection = None;
                    }
                }
            }
            published
        });
        Publisher { stop, thread }
    }

    fn finish(self) -> Published {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn connect(node: SocketAddr) -> io::Result<NatsClient> {
    let mut client = NatsClient::connect(node)?;
    client.set_patience(PATIENCE)?;
    Ok(client)
}

fn publish(client: &mut NatsClient, event: u64) -> io::Result<u64> {
    let body = envelope(&format!("event-{event}"), "shop", "device", HOUR_MS + event as i64);
    client.publish("events.shop.unknown.unknown", &[], &body)
}

#[test]
fn the_leader_of_a_replicated_stream_is_killed_twice_and_nothing_is_lost() {
    let mut cluster = NatsCluster::start();
    cluster.create_stream();
    let mut leader = cluster.wait_healthy();
    let files = tempfile::tempdir().unwrap();
    let settings = Settings::new("")
        .set("nats", "url", cluster.urls())
        .local(files.path())
        .set("nats", "ack_wait", "2s")
        .set("batch", "max_events", 100)
        .set("batch", "max_buffered_events", 1000);
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_ready(SOON);
    let publisher = Publisher::start([0, 1, 2].map(|node| cluster.node(node).address()).to_vec());

    let mut killed = Vec::new();
    for _ in 0..2 {
        sink.wait_written(SOON, sink.written() + 500);
        cluster.kill(leader);
        killed.push(leader);
        // The other two go on without it.
        sink.wait_written(SOON, sink.written() + 500);
        cluster.start_again(leader);
        leader = cluster.wait_healthy();
    }
    assert_ne!(killed[0], killed[1], "another node led the second time");
    let published = publisher.finish();
    cluster.node(leader).wait_settled(SOON);
    sink.wait_ready(SOON);
    assert_eq!(sink.stop(SOON), Some(0));

    let confirmed = files.path().join("confirmed");
    fs::write(&confirmed, &published.confirmed).unwrap();
    let more = ["--consumer", Settings::CONSUMER, "--confirmed", confirmed.to_str().unwrap()];
    let found = verify::exact(cluster.node(leader), files.path(), &more);
    found.assert_ok();
    assert_eq!(found.number(&["confirmed", "events"]), published.events);
    // What the stream itself holds twice was published twice: the first time was stored, and its confirmation lost.
    let twice = found.number(&["published_twice"]);
    assert!(
        twice <= published.unconfirmed,
        "{twice} events are in the stream twice, {} attempts failed",
        published.unconfirmed
    );
    let Published { events, unconfirmed, .. } = published;
    eprintln!("{events} events confirmed; {unconfirmed} attempts were not, {twice} of which were stored all the same");
}
