//! Messages that the server stores and no client library reads: a subject or a header that is no text. Each becomes a dead letter, byte for byte,
//! and takes nothing else with it.

use std::time::Duration;

use serde_json::Value;
use warehouse_sink_testkit::{NatsServer, Settings, Sink, envelope, verify, wait_until};

use crate::PROGRAM;

const DEADLINE: Duration = Duration::from_secs(60);
const NOON: i64 = 1_772_366_400_000;

/// A block of headers with this line in it.
fn headers(line: &[u8]) -> Vec<u8> {
    [b"NATS/1.0\r\nGood: yes\r\n".as_slice(), line, b"\r\n\r\n"].concat()
}

/// Subjects and headers, and what is said of each.
fn unreadable() -> Vec<(Vec<u8>, Vec<u8>, &'static str)> {
    let subject = || b"events.app.system.app_start".to_vec();
    vec![
        (b"events.caf\xe9.system.x".to_vec(), Vec::new(), "its subject is not UTF-8"),
        (b"events.caf\xe9.system.x".to_vec(), headers(b"A: 1"), "its subject is not UTF-8"),
        (subject(), headers(b"Name: Jos\xe9"), "the line 3 of its headers is not UTF-8: the value of `Name`"),
        (subject(), headers(b"A name: x"), "the line 3 of its headers has a name with a space"),
        (
            subject(),
            headers("Größe: x".as_bytes()),
            "the line 3 of its headers has a name with a space, or with another byte",
        ),
        (subject(), headers(b"no colon"), "the line 3 of its headers has no colon"),
        (subject(), headers(b"X: one\rtwo"), "the value of its header `X` has a carriage return in it"),
        (subject(), b"rubbish\r\n\r\n".to_vec(), "its headers don't begin with NATS/1.0"),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn unreadable_messages_are_dead_letters_and_their_neighbours_flow() {
    const GOOD: u64 = 2000;
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let mut client = nats.client();
    let (broken, mut sequences) = (unreadable(), Vec::new());
    let every = GOOD / broken.len() as u64;
    for number in 0..GOOD {
        if number % every == every / 2 {
            let (subject, headers, _) = &broken[(number / every) as usize];
            let body = envelope("broken", "app", "", NOON);
            sequences.push(client.publish_bytes(subject, headers, &body).unwrap());
        }
        client
            .publish("events.app.system.app_start", &[("Id", "1")], &envelope(&number.to_string(), "app", "", NOON))
            .unwrap();
    }
    // A stored message may begin as an answer of the server's to a pull request does.
    for status in ["404 No Messages", "408 Request Timeout", "409 Consumer Deleted", "503"] {
        let headers = format!("NATS/1.0 {status}\r\n\r\n");
        let subject = b"events.app.system.app_start";
        client.publish_bytes(subject, headers.as_bytes(), &envelope(status, "app", "", NOON)).unwrap();
        client.publish_bytes(subject, b"", headers.as_bytes()).unwrap();
    }

    // Whatever is delivered again within this time was lost on the way.
    let settings = Settings::new(&nats.url()).local(folder.path()).set("nats", "ack_wait", "5m");
    let mut sink = Sink::start(PROGRAM, &settings);
    sink.wait_ready(DEADLINE);
    nats.wait_settled(DEADLINE);
    let consumer = nats.consumer(Settings::STREAM, Settings::CONSUMER).unwrap();
    assert_eq!(consumer.deliveries, GOOD + broken.len() as u64 + 8, "something was delivered twice");
    assert_eq!(sink.metric("warehouse_sink_messages_poison_total", &[]) as usize, broken.len() + 4);
    assert_eq!(sink.metric("warehouse_sink_fetch_errors_total", &[]) as usize, 0);
    assert_eq!(sink.ready().map(|(status, _)| status), Some(200));
    assert_eq!(sink.stop(DEADLINE), Some(0));

    let letters = folder.path().join("events-dead-letter");
    let found = verify::run("dead_letters.py", &["--files", letters.to_str().unwrap()]);
    assert_eq!(found.number(&["rows"]) as usize, broken.len() + 4);
    for (sequence, (subject, headers, reason)) in sequences.iter().zip(&broken) {
        let letter = &found.report["raw"][sequence.to_string()];
        assert!(letter["reason"].as_str().unwrap_or_default().contains(reason), "{reason}: {letter}");
        assert_eq!(letter["nats_subject_bytes"], hex(subject), "{letter}");
        assert_eq!(letter["header_bytes"], hex(headers), "{letter}");
        assert_eq!(letter["body"], hex(&envelope("broken", "app", "", NOON)), "{letter}");
        assert_eq!(letter["subject"], String::from_utf8_lossy(subject).as_ref());
    }
    assert_eq!(found.report["raw"].as_object().map(|raw| raw.len()), Some(broken.len()));
    judge_with_the_other_commands(&settings, &folder.path().join("sink.toml"));
}

/// `inspect` finds everything where it should be, and `replay` says of each why it is not put back.
fn judge_with_the_other_commands(settings: &Settings, file: &std::path::Path) {
    std::fs::write(file, settings.to_toml()).unwrap();
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(PROGRAM).args(arguments).arg("--config").arg(file).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code(), report)
    };
    let (code, report) = run(&["inspect", "--output", "json"]);
    assert_eq!(code, Some(0), "{report:#}");
    let (code, report) = run(&["replay", "--output", "json"]);
    assert_eq!(code, Some(0), "{report:#}");
    assert!(report.to_string().contains("which can't be published again"), "{report:#}");
    assert!(report["error"].is_null(), "{report:#}");
}

/// An answer that makes the client's own task panic ends the process, which begins anew.
#[test]
fn a_client_whose_task_has_ended_ends_the_process() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    nats.create_stream(Settings::STREAM);
    let mut inboxes = nats.client();
    inboxes.subscribe("_INBOX.>").unwrap();
    let mut sink = Sink::start(PROGRAM, &Settings::new(&nats.url()).local(folder.path()));
    sink.wait_ready(DEADLINE);
    let mut client = nats.client();
    wait_until(DEADLINE, "the sink to end", || {
        // An answer to a request of the JetStream API, which is asked every few seconds.
        let inbox = inboxes.next_subject().unwrap();
        let _ = client.send_bytes(&inbox, &headers(b"X: one\rtwo"), b"{}");
        std::thread::sleep(Duration::from_millis(20));
        sink.exited().is_some()
    });
    assert_eq!(sink.wait_exit(DEADLINE).code(), Some(1));
    assert!(sink.log().contains("the NATS client has ended"), "{}", sink.log());
}
