//! `replay` puts dead letters back into the stream, once the decoder takes them, and never twice.

use crate::PROGRAM;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, iter, thread};

use serde_json::{Value, json};
use warehouse_sink_core::{BatchRow, Destination, MessageId};
use warehouse_sink_io::encode::{Compression, EncodeConfig, Encoder, Encodings};
use warehouse_sink_io::parts::PART_BYTES;
use warehouse_sink_io::payload::Payload;
use warehouse_sink_io::schema::StreamSchema;
use warehouse_sink_proto::DeadLetter;
use warehouse_sink_testkit::{
    Direction, Flow, NatsServer, Proxy, Settings, Sink, StoredMessage, command, envelope, on_a_terminal, verify,
    wait_until,
};

const DEADLINE: Duration = Duration::from_secs(60);
const SUBJECT: &str = "events.app.b.c";
const POISON: &[u8] = b"\xff";

fn event(id: &str) -> Vec<u8> {
    envelope(id, "app", "device", 1_700_000_000_000)
}

/// The file that a sink of an older version wrote for these bodies, which its decoder refused.
fn dead_letters(root: &Path, first: u64, bodies: impl Iterator<Item = Vec<u8>>) {
    let rows: Vec<_> = (first..)
        .zip(bodies)
        .map(|(stream_sequence, body)| {
            let letter = DeadLetter {
                subject: SUBJECT.to_owned(),
                headers: BTreeMap::from([
                    ("Nats-Msg-Id".to_owned(), vec!["first".to_owned()]),
                    ("Trace".to_owned(), vec!["t".to_owned()]),
                ]),
                body: body.into(),
                reason: "an older decoder did not know it".to_owned(),
                delivery_count: 1,
                raw: None,
            };
            let message = MessageId { stream_sequence, published_at: 1_000_000_000 };
            BatchRow { message, index: 0, payload: Payload::DeadLetter(Box::new(letter)) }
        })
        .collect();
    let config = EncodeConfig {
        compression: Compression::Snappy,
        row_group_rows: NonZeroUsize::new(1000).unwrap(),
        row_group_bytes: NonZeroUsize::new(1 << 24).unwrap(),
        part_bytes: PART_BYTES,
        partition_columns_in_file: false,
        encodings: Encodings::Compact,
        bloom_filter_columns: Vec::new(),
        sort_by: Vec::new(),
        stream: Settings::STREAM.to_owned(),
        consumer: Settings::CONSUMER.to_owned(),
        prefix: "events".to_owned(),
        dead_letter_prefix: "events-dead-letter".to_owned(),
    };
    let encoder = Encoder::new(&StreamSchema::built_in().unwrap(), config);
    let file = encoder.encode(&Destination::DeadLetter, &rows).unwrap();
    let last = first + rows.len() as u64 - 1;
    let folder = root.join("events-dead-letter");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{first:020}-{last:020}-{:032x}.parquet", 0xabc)), file).unwrap();
}

#[track_caller]
fn replay(settings: &Settings, more: &[&str]) -> Value {
    let ended = command(PROGRAM, settings, &[&["replay", "--output", "json"], more].concat());
    let report = ended.json();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{report:#}");
    assert_eq!(report["complete"], true);
    report
}

/// How many dead letters were or would be replayed, were replayed before, and are refused.
fn counts(report: &Value) -> [u64; 3] {
    ["replayed", "replayed_before", "refused"].map(|name| report[name].as_u64().unwrap())
}

fn store(nats: &NatsServer, settings: &Settings) {
    let mut sink = Sink::start(PROGRAM, settings);
    nats.wait_settled(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0));
}

fn last_sequence(nats: &NatsServer) -> u64 {
    nats.stream(Settings::STREAM).last_sequence
}

#[test]
fn what_the_decoder_takes_becomes_rows_and_is_not_replayed_twice() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let root = folder.path();
    nats.create_stream(Settings::STREAM);
    let mut client = nats.client();
    for _ in 0..2 {
        client.publish(SUBJECT, &[("Trace", "poison")], POISON).unwrap();
    }
    let settings = Settings::new(&nats.url()).local(root);
    store(&nats, &settings);
    dead_letters(root, 101, ["a", "b", "c"].iter().map(|id| event(id)));
    let before: Vec<_> = root.join("events-dead-letter").read_dir().unwrap().map(|file| file.unwrap().path()).collect();

    let dry = replay(&settings, &["--dry-run"]);
    assert_eq!(counts(&dry), [3, 0, 2], "{dry:#}");
    assert_eq!(last_sequence(&nats), 2, "a dry run has published something");
    assert_eq!(counts(&replay(&settings, &["--dry-run", "--sequence", "102", "--sequence", "1-2"])), [1, 0, 2]);
    assert_eq!(
        counts(&replay(&settings, &["--dry-run", "--reason", "older decoder", "--until", "1970-01-01T00:00:02Z"])),
        [3, 0, 0]
    );
    assert_eq!(counts(&replay(&settings, &["--dry-run", "--since", "1970-01-01T00:00:02Z"])), [0, 0, 2]);
    assert_eq!(counts(&replay(&settings, &["--dry-run", "--all"])), [5, 0, 0]);

    let first = replay(&settings, &[]);
    assert_eq!(counts(&first), [3, 0, 2], "{first:#}");
    let places: Vec<_> = first["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| [&message["sequence"], &message["new_sequence"]])
        .collect();
    assert_eq!(json!(places), json!([[1, null], [2, null], [101, 3], [102, 4], [103, 5]]));
    assert_eq!(
        first["reasons"][0],
        json!({
            "reason": "an older decoder did not know it", "dead_letters": 3, "replayed": 3, "replayed_before": 0, "refused": 0, "failed": 0,
        })
    );
    let StoredMessage { subject, headers, body } = nats.message(Settings::STREAM, 4);
    assert_eq!((subject.as_str(), body), (SUBJECT, event("b")));
    for line in [
        "Trace: t\r\n",
        "Nats-Msg-Id: warehouse-sink-replay:CAUSALITY_EVENTS:102:1000000\r\n",
        "Warehouse-Sink-Replay-Sequence: 102\r\n",
        "Warehouse-Sink-Replay-Msg-Id: first\r\n",
    ] {
        assert!(headers.contains(line), "{line:?} is not in {headers}");
    }

    // The stream shows it, and where it has deleted them the server's window does.
    assert_eq!(counts(&replay(&settings, &[])), [0, 3, 2]);
    assert_eq!(last_sequence(&nats), 5);
    client.jetstream(&format!("STREAM.MSG.DELETE.{}", Settings::STREAM), &json!({ "seq": 4 })).unwrap();
    assert_eq!(counts(&replay(&settings, &[])), [0, 3, 2]);
    assert_eq!(last_sequence(&nats), 5, "the server took a message twice");

    store(&nats, &settings);
    assert_eq!(stored_ids(root), ["a", "c"]);
    let after: Vec<_> = root.join("events-dead-letter").read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(before, after, "dead letters stay as they are");

    // What is poison still comes back as a dead letter that tells where it comes from.
    assert_eq!(counts(&replay(&settings, &["--all", "--sequence", "1-2"])), [2, 0, 0]);
    store(&nats, &settings);
    assert_eq!(stored_ids(root), ["a", "c"]);
    let again = replay(&settings, &["--dry-run", "--all"]);
    // Two new ones, and the one whose replay is deleted in the stream: of that, a dry run knows nothing.
    assert_eq!((counts(&again), &again["dead_letters"]), ([3, 4, 0], &json!(7)), "{again:#}");
}

/// The ids of all events in files, as DuckDB reads them.
fn stored_ids(root: &Path) -> Vec<String> {
    let report = verify::run("ids.py", &[&root.join("events").to_string_lossy()]).report;
    report.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// Killed in the middle, and begun again: every dead letter is in the stream once.
#[test]
fn a_replay_that_is_killed_can_be_run_again() {
    const LETTERS: u64 = 20_000;
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    // Nothing but the search knows what was replayed.
    let config = json!({
        "name": Settings::STREAM, "subjects": ["events.>"], "storage": "file", "duplicate_window": 100_000_000,
    });
    nats.client().jetstream(&format!("STREAM.CREATE.{}", Settings::STREAM), &config).unwrap();
    dead_letters(folder.path(), 1, (0..LETTERS).map(|number| event(&number.to_string())));
    let settings = Settings::new(&nats.url()).local(folder.path());
    let file = folder.path().join("sink.toml");
    fs::write(&file, settings.to_toml()).unwrap();

    let mut killed = Command::new(PROGRAM);
    let mut killed = killed.arg("replay").arg("--config").arg(&file).stdout(Stdio::null()).spawn().unwrap();
    wait_until(DEADLINE, "some messages to be replayed", || last_sequence(&nats) >= 500);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let mut before = 0;
    wait_until(DEADLINE, "the server to have taken what was on its way", || {
        let (last, now) = (before, last_sequence(&nats));
        before = now;
        last == now
    });
    assert_eq!(counts(&replay(&settings, &["--dry-run"])), [LETTERS - before, before, 0]);
    // On a machine that is very busy it may have come to its end: then nothing is left to replay, and nothing may come twice.
    let second = replay(&settings, &[]);
    assert_eq!(counts(&second), [LETTERS - before, before, 0]);
    assert_eq!(last_sequence(&nats), LETTERS);
    store(&nats, &settings);
    let (stored, expected) = (stored_ids(folder.path()), (0..LETTERS).map(|number| number.to_string()));
    let mut expected: Vec<_> = expected.collect();
    expected.sort();
    assert!(stored == expected, "{} ids are stored", stored.len());
}

/// Whoever waits at a terminal sees how far it is.
#[test]
fn a_terminal_is_shown_how_far_it_is() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    dead_letters(folder.path(), 1, [event("a")].into_iter());
    let network = Proxy::start(nats.address());
    network.set(Direction::ToClient, Flow::Stall);
    let settings = Settings::new(&format!("nats://{}", network.address())).local(folder.path());
    let shown = thread::scope(|scope| {
        scope.spawn(|| {
            wait_until(DEADLINE, "it to connect", || network.accepted() > 0);
            // For so long it is silent.
            thread::sleep(Duration::from_millis(110));
            network.set(Direction::ToClient, Flow::Pass);
        });
        on_a_terminal(PROGRAM, &settings, &["replay", "--dry-run"])
    });
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.contains("\r\x1b[K0 of 1 files of dead letters looked through\r\x1b[K"), "{shown:?}");
}

/// A stream that doesn't take the messages, and one that is not there.
#[test]
fn what_is_not_confirmed_is_said_and_exits_with_1() {
    let (mut nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let config = json!({ "name": Settings::STREAM, "subjects": ["events.>"], "storage": "file", "max_msg_size": 300 });
    nats.client().jetstream(&format!("STREAM.CREATE.{}", Settings::STREAM), &config).unwrap();
    let large = iter::repeat_n('x', 400).collect::<String>();
    dead_letters(folder.path(), 1, [event("a"), event(&large), event("c")].into_iter());
    let settings = Settings::new(&nats.url()).local(folder.path());
    let ended = command(PROGRAM, &settings, &["replay", "--output", "json"]);
    let report = ended.json();
    assert_eq!((ended.code, counts(&report), &report["failed"]), (Some(1), [2, 0, 0], &json!(1)), "{report:#}");
    assert_eq!(report["messages"][1]["outcome"], "failed");

    nats.stop();
    let ended = command(PROGRAM, &settings, &["replay"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("could not connect to NATS"), "{}", ended.stderr);
}
