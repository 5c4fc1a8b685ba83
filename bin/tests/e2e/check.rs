//! `check` finds out what `run` would stumble over, says it in words, and changes nothing that stays.

use crate::PROGRAM;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use warehouse_sink_testkit::{Ended, NatsServer, S3Server, Settings, Sink, free_ports, http};

/// A server that knows one user by a password, and lets in who doesn't say a name: the harness.
const USERS: &str = r#"
accounts { A { jetstream: enabled, users: [{ user: sink, password: right }, { user: nobody, password: none }] } }
no_auth_user: nobody
"#;

fn server_with_stream() -> NatsServer {
    let nats = NatsServer::with_config(USERS);
    nats.create_stream(Settings::STREAM);
    nats
}

fn check(settings: &Settings) -> Ended {
    warehouse_sink_testkit::check(PROGRAM, settings)
}

#[track_caller]
fn assert_refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{word:?} is not in {}", ended.stderr);
    }
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().unwrap().next().is_none()
}

#[test]
fn a_fine_local_setup_is_left_as_it_was() {
    let (nats, folder) = (server_with_stream(), tempfile::tempdir().unwrap());
    let stream = nats.stream(Settings::STREAM);
    let settings = Settings::new(&nats.url())
        .local(folder.path())
        .set("nats", "username", "sink")
        .set("nats", "password", "right");
    let ended = check(&settings);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.contains("will be created"), "{}", ended.stdout);
    assert_eq!(nats.consumer(Settings::STREAM, Settings::CONSUMER), None);
    assert_eq!(nats.stream(Settings::STREAM), stream);
    assert!(is_empty(folder.path()), "something stayed in the folder");
}

#[test]
fn what_is_wrong_with_nats_is_said_and_the_store_is_checked_all_the_same() {
    let (nats, folder) = (server_with_stream(), tempfile::tempdir().unwrap());
    let fine = Settings::new(&nats.url()).local(folder.path());
    let [nobody] = free_ports();
    let nowhere = format!("nats://127.0.0.1:{nobody}");
    let wrong = fine.clone().set("nats", "username", "sink").set("nats", "password", "wrong-secret");
    let cases = [
        (fine.clone().set("nats", "stream", "ELSEWHERE"), vec!["nats:", "stream ELSEWHERE", "not found"]),
        (fine.clone().set("nats", "url", nowhere.clone()), vec!["nats:", nowhere.as_str(), "refused"]),
        (wrong, vec!["nats:", "authorization violation"]),
    ];
    for (settings, words) in cases {
        let ended = check(&settings);
        assert_refused(&ended, &words);
        assert!(!ended.stderr.contains("wrong-secret"), "{}", ended.stderr);
        assert!(ended.stdout.contains("storage: fs takes writes"), "{}", ended.stdout);
    }
    assert!(is_empty(folder.path()), "something stayed in the folder");
}

#[test]
fn an_s3_store_is_tried_and_left_as_it_was() {
    let (nats, s3) = (server_with_stream(), S3Server::start());
    let fine = s3.settings(Settings::new(&nats.url()), &s3.endpoint());
    let ended = check(&fine);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let bucket = http::get(s3.address(), &format!("/{}?list-type=2", S3Server::BUCKET)).unwrap();
    assert!(bucket.status == 200 && bucket.body.contains("ListBucketResult"), "{bucket:?}");
    assert!(!bucket.body.contains("<Key>"), "something stayed in the bucket: {}", bucket.body);

    let cases =
        [("bucket", "no-such-bucket", "AccessDenied"), ("secret_access_key", "wrong-secret", "SignatureDoesNotMatch")];
    for (key, value, word) in cases {
        let ended = check(&fine.clone().set("storage.options", key, value));
        assert_refused(&ended, &["storage: cannot write", word]);
        assert!(!ended.stderr.contains("wrong-secret"), "{}", ended.stderr);
        assert!(ended.stdout.contains("nats: stream"), "{}", ended.stdout);
    }
    let [nobody] = free_ports();
    let down = check(&fine.set("storage.options", "endpoint", format!("http://127.0.0.1:{nobody}")));
    assert_refused(&down, &["storage: cannot write", "refused"]);
}

/// The consumer as the Go sink made it. Its ack wait serves, thanks to progress acks; its delivery limit loses messages.
#[test]
fn the_go_sinks_consumer_is_refused_until_its_delivery_limit_is_lifted() {
    let (nats, folder) = (server_with_stream(), tempfile::tempdir().unwrap());
    let settings = Settings::new(&nats.url()).local(folder.path());
    let consumer = |max_deliver: i64| {
        let config = json!({ "stream_name": Settings::STREAM, "config": {
            "durable_name": Settings::CONSUMER, "filter_subject": "events.>", "ack_policy": "explicit",
            "ack_wait": 30_000_000_000_u64, "max_deliver": max_deliver, "max_ack_pending": 1000,
        }});
        let api = format!("CONSUMER.DURABLE.CREATE.{}.{}", Settings::STREAM, Settings::CONSUMER);
        nats.client().jetstream(&api, &config).unwrap();
    };
    consumer(5);
    let words = ["max deliver is 5", "lost", "nats consumer edit CAUSALITY_EVENTS warehouse-sink --max-deliver=-1"];
    assert_refused(&check(&settings), &words);

    let mut sink = Sink::start(PROGRAM, &settings);
    assert_eq!(sink.wait_exit(Duration::from_secs(20)).code(), Some(1));
    for word in words {
        assert!(sink.log().contains(word), "{word:?} is not in {}", sink.log());
    }

    consumer(-1);
    let ended = check(&settings);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("warning: its max ack pending is 1000"), "{}", ended.stderr);
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_ready(Duration::from_secs(20));
    assert_eq!(sink.stop(Duration::from_secs(20)), Some(0));
}
