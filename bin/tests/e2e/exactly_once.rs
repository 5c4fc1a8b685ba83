//! Every published event is in the files exactly once, in its partition, with all its values, as DuckDB and pyarrow read them.

use crate::PROGRAM;
use std::time::Duration;

use warehouse_sink_testkit::verify::{self, Outcome};
use warehouse_sink_testkit::{NatsServer, S3Server, Settings, Sink, publish};

const DEADLINE: Duration = Duration::from_secs(120);

/// Publishes events of 4 apps in 3 hours, and has them stored by two workers until nothing is pending.
fn store(nats: &NatsServer, settings: &Settings, events: u64) {
    publish(PROGRAM, nats, events, &["--create-stream"]);
    let settings = settings.clone().set("nats", "worker_count", 2).set("nats", "fetch_batch_size", 500);
    let mut sink = Sink::start(PROGRAM, &settings);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0));
}

fn assert_all_there(found: &Outcome, events: u64) {
    found.assert_ok();
    for reader in ["duckdb", "pyarrow"] {
        assert_eq!(found.number(&[reader, "rows"]), events);
    }
    assert_eq!(found.number(&["repeated_ids"]), 0);
    assert_eq!(found.number(&["partitions"]), 4 * 3);
}

#[test]
fn in_a_local_folder() {
    // `make demo` moves 200,000.
    const EVENTS: u64 = 50_000;
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    store(&nats, &Settings::new(&nats.url()).local(folder.path()), EVENTS);
    let found = verify::exact(&nats, folder.path(), &["--consumer", Settings::CONSUMER]);
    assert_all_there(&found, EVENTS);
}

#[test]
fn on_s3() {
    const EVENTS: u64 = 50_000;
    let (nats, s3) = (NatsServer::start(), S3Server::start());
    store(&nats, &s3.settings(Settings::new(&nats.url()), &s3.endpoint()), EVENTS);
    let found = verify::exact_s3(&nats, &s3, &["--consumer", Settings::CONSUMER]);
    assert_all_there(&found, EVENTS);
}
