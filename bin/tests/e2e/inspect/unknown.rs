//! What the audit can't know is not complete, and what the stream dropped before it was stored is missing.

use warehouse_sink_testkit::{NatsServer, Settings, publish};

use super::*;

const EVENTS: u64 = 300;

fn settings(nats: &NatsServer, root: &Path) -> Settings {
    // Readers leave out what lies below a name with a dot, and not what they are pointed to.
    Settings::new(&nats.url()).local(root).set("storage", "prefix", ".lake/events").set("batch", "max_events", 50)
}

#[track_caller]
fn assert_unknown(settings: &Settings, more: &[&str], words: &str) {
    let found = report(settings, more);
    let said = found["not_judged"].to_string() + &found["notes"].to_string();
    assert!(found["verdict"] == "unknown" && said.contains(words), "{more:?}: {found:#}");
    let text = inspect(settings, more);
    assert!(text.code == Some(4) && text.stdout.contains("NOT KNOWN: "), "{text:?}");
}

#[test]
fn what_is_not_known_is_not_complete() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let settings = settings(&nats, folder.path());
    nats.create_stream(Settings::STREAM);
    let never = report(&settings, &["--strict"]);
    assert_eq!((&never["verdict"], &never["judged"]), (&json!("complete"), &json!(null)), "{never:#}");

    publish(PROGRAM, &nats, EVENTS, &[]);
    assert_unknown(&settings, &[], "consumer is not there");
    store(&nats, &settings);
    let clean = report(&settings, &["--strict"]);
    assert_eq!((&clean["verdict"], &clean["judged"]), (&json!("complete"), &json!([1, EVENTS])), "{clean:#}");
    assert_eq!(clean["totals"]["rows"], EVENTS);

    assert_unknown(&settings.clone().set("nats", "stream", "EVENTZ"), &[], "the stream was not asked");
    let other = json!({ "name": "OTHER", "subjects": ["other.>"], "storage": "file" });
    nats.client().jetstream("STREAM.CREATE.OTHER", &other).unwrap();
    let elsewhere = settings.clone().set("nats", "stream", "OTHER").set("nats", "filter_subjects", json!(["other.>"]));
    assert_unknown(&elsewhere, &[], "no file is of the stream OTHER");
    assert_unknown(&settings, &["--partition", "app_id=typo"], "in another");
    assert_unknown(&settings, &["--from", "1000"], "nothing at all");
    assert_unknown(&settings, &["--stream", "never"], "--from and --to");

    // The settings ask for more than the consumer gets.
    let consumer = json!({ "stream_name": Settings::STREAM, "config": { "durable_name": "narrow", "ack_policy": "explicit",
        "filter_subject": "events.nobody.>" } });
    let create = format!("CONSUMER.DURABLE.CREATE.{}.narrow", Settings::STREAM);
    nats.client().jetstream(&create, &consumer).unwrap();
    let narrow = settings.clone().set("nats", "consumer", "narrow").set("storage", "prefix", "elsewhere");
    assert_unknown(&narrow, &[], "it is limited to events.nobody.>");

    // Without a consumer, what is stored says how far a sink was, and nothing that there is no more to store.
    let unused = settings.clone().set("nats", "consumer", "unused");
    assert_eq!(report(&unused, &["--strict"])["verdict"], "complete");
    publish(PROGRAM, &nats, 5, &["--seed", "1"]);
    assert_unknown(&unused, &[], "consumer is not there");
    assert_eq!(report(&settings, &[])["verdict"], "complete", "they wait to be settled");
}

/// Retention, a purge and a deletion take messages while the sink is stopped: they are missed, before it runs again and after.
#[test]
fn what_was_dropped_before_it_was_stored_is_missing() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let settings = settings(&nats, folder.path());
    publish(PROGRAM, &nats, EVENTS, &["--create-stream"]);
    store(&nats, &settings);

    publish(PROGRAM, &nats, 400, &["--seed", "1"]);
    let stream = |call: &str, body: &Value| {
        nats.client().jetstream(&format!("STREAM.{call}.{}", Settings::STREAM), body).unwrap();
    };
    stream("PURGE", &json!({ "seq": 451 }));
    stream("MSG.DELETE", &json!({ "seq": 500 }));
    let dropped = json!([[EVENTS + 1, 450]]);
    let stopped = report(&settings, &[]);
    assert_eq!((&stopped["verdict"], &stopped["dropped"]["ranges"]), (&json!("incomplete"), &dropped), "{stopped:#}");
    store(&nats, &settings);
    let after = report(&settings, &[]);
    assert_eq!(after["dropped"], json!({ "sequences": 151, "ranges": [[EVENTS + 1, 450], [500, 500]] }), "{after:#}");
    assert_eq!((&after["gaps"]["sequences"], &after["judged"]), (&json!(0), &json!([1, 700])));
    let text = inspect(&settings, &[]);
    assert!(text.code == Some(1) && text.stdout.contains("NOT COMPLETE: 151 sequences missing"), "{text:?}");
    let rest = report(&settings, &["--from", "501", "--strict"]);
    assert_eq!(rest["verdict"], "complete", "{rest:#}");

    // All that is left goes: what is stored of it is not missed, and what came before the sink is not the sink's.
    stream("PURGE", &json!({}));
    let purged = report(&settings, &["--from", "501"]);
    assert_eq!((&purged["verdict"], &purged["judged"]), (&json!("complete"), &json!([501, 700])), "{purged:#}");
    let late = settings.clone().set("storage", "prefix", "late").set("nats", "consumer", "late");
    publish(PROGRAM, &nats, 10, &["--seed", "2"]);
    let mut sink = Sink::start(PROGRAM, &late);
    nats.wait_settled_by("late", DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0));
    let found = report(&late, &[]);
    assert_eq!((&found["verdict"], &found["judged"]), (&json!("complete"), &json!([701, 710])), "{found:#}");
    assert_eq!(found["not_judged"][0]["ranges"], json!([[1, 700]]));
    assert_eq!(report(&late, &["--from", "650"])["dropped"]["ranges"], json!([[650, 700]]));
}
