//! What the file may hold, and what is said of mistakes in it.

use std::time::Duration;

use crate::common::{mistakes, parse};
use bytesize::ByteSize;
use warehouse_sink::settings::{LogFormat, SECTIONS, Settings};

#[test]
fn nothing_at_all_gives_every_default() {
    let settings = parse("", &[]).unwrap();
    assert_eq!(settings.nats.url.addresses(), ["nats://127.0.0.1:4222"]);
    assert_eq!(settings.nats.stream.as_str(), "CAUSALITY_EVENTS");
    assert_eq!(settings.nats.consumer.as_str(), "warehouse-sink");
    assert_eq!(settings.filter_subjects(), ["events.>"]);
    assert_eq!(settings.batch.max_events.get(), 10_000);
    assert_eq!(settings.batch.max_bytes, ByteSize::mib(16));
    assert_eq!(settings.batch.flush_interval, Duration::from_secs(300));
    assert_eq!(settings.max_buffered_events(), 200_000);
    assert_eq!(settings.max_buffered_bytes(), ByteSize::mib(64));
    assert_eq!(settings.storage.service.as_str(), "s3");
    assert_eq!(settings.storage.retry_initial, Duration::from_millis(500));
    assert_eq!(settings.dead_letter_prefix().as_str(), "events-dead-letter");
    assert_eq!(settings.observability.metrics_addr.host(), None);
    assert_eq!(settings.observability.log_format, LogFormat::Json);
    assert_eq!(settings.ack_wait(), Duration::from_secs(300), "the flush interval");
    assert_eq!(settings.max_ack_pending(), 4 * (200_000 + 2 * 500), "the buffer and what two fetchers ask for");
}

#[test]
fn the_machine_takes_the_defaults() {
    let config = parse("", &[]).unwrap().machine_config(7);
    assert_eq!(config.max_batch_rows, 10_000);
    assert_eq!(config.max_messages, 200_000);
    assert_eq!(config.ack_wait, Duration::from_secs(300));
    warehouse_sink_core::Machine::<u8, u8>::new(config).unwrap();
}

#[test]
fn every_key_can_be_set() {
    let settings = parse(
        r#"
        [nats]
        url = ["nats://a:4222", "tls://b"]
        stream = "S"
        consumer = "c"
        filter_subjects = ["events.*.user.>", "events.x"]
        worker_count = 4
        fetch_batch_size = 1_000
        ack_wait = "10s"
        max_ack_pending = 0x10000
        username = "u"
        password = "p"
        tls_ca_file = "/ca.pem"
        tls_cert_file = "/cert.pem"
        tls_key_file = "/key.pem"
        tls_required = true
        [batch]
        max_events = 5
        max_bytes = 1024
        flush_interval = "1m 30s"
        max_buffered_events = 10
        max_buffered_bytes = "2KiB"
        max_open_partitions = 3
        [storage]
        service = "fs"
        prefix = "/a/b/"
        max_concurrent_writes = 2
        write_timeout = "1s"
        max_write_attempts = 1
        retry_initial = "1ms"
        retry_max = "2ms"
        nak_initial = "3ms"
        nak_max = "4ms"
        options = { root = "/data", number = 5, flag = true, ratio = 0.5 }
        [parquet]
        compression = "zstd(9)"
        row_group_rows = 7
        row_group_bytes = "2MiB"
        partition_columns_in_file = true
        bloom_filter_columns = ["id"]
        sort_by = ["device_id", "timestamp_ms"]
        [dead_letter]
        enabled = false
        prefix = "dead"
        [shutdown]
        timeout = "5s"
        [observability]
        metrics_addr = "127.0.0.1:0"
        log_level = "info,async_nats=warn"
        log_format = "text"
        "#,
        &[],
    )
    .unwrap();
    assert_eq!(settings.encode_config().row_group_bytes.get(), 2 << 20);
    assert_eq!(settings.sort_by(), ["device_id", "timestamp_ms"]);
    assert_eq!(settings.nats.url.addresses(), ["nats://a:4222", "tls://b"]);
    assert_eq!(settings.nats.max_ack_pending.unwrap().get(), 65_536);
    assert_eq!(settings.nats.password.unwrap().expose(), "p");
    assert_eq!(settings.batch.max_bytes, ByteSize::kib(1));
    assert_eq!(settings.batch.flush_interval, Duration::from_secs(90));
    assert_eq!(settings.storage.prefix.as_str(), "a/b");
    let options: Vec<(&str, &str)> =
        settings.storage.options.expose().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(options, [("flag", "true"), ("number", "5"), ("ratio", "0.5"), ("root", "/data")]);
    assert_eq!(settings.parquet.compression.to_string(), "zstd:9");
    assert_eq!(settings.dead_letter.prefix.unwrap().as_str(), "dead");
    assert_eq!(settings.observability.metrics_addr.to_string(), "127.0.0.1:0");
}

#[test]
fn unknown_names_are_told_with_line_and_neighbour() {
    let mistakes = mistakes(
        "[nats]\nurl = \"nats://a\"\nstrem = \"S\"\nmax_events = 5\n\n[storge]\nprefix = \"x\"\n\n[batch.limits]\na = 1\n",
        &[],
    );
    assert_eq!(
        mistakes,
        [
            "sink.toml:3: unknown key `strem` in [nats]: did you mean `stream`?",
            "sink.toml:4: unknown key `max_events` in [nats]: did you mean `max_events` of [batch]?",
            "sink.toml:6: unknown section [storge]: did you mean [storage]?",
            "sink.toml:9: unknown key `limits` in [batch]: its keys are max_events, max_bytes, flush_interval, \
             max_buffered_events, max_buffered_bytes, max_open_partitions",
        ]
    );
}

#[test]
fn what_an_earlier_version_had_is_refused_with_what_to_do() {
    let text = "[nats]\nack = \"floor\"\ntakeover_after = \"5s\"";
    let kept = "it was removed, explicit acks are the only mode: leave it out";
    assert_eq!(
        mistakes(text, &[("WAREHOUSE_SINK__NATS__ACK", "each")]),
        [
            format!("sink.toml:2: unknown key `ack` in [nats]: {kept}"),
            "sink.toml:3: unknown key `takeover_after` in [nats]: it was removed, replicas share the consumer, and none \
             stands by: leave it out"
                .to_owned(),
            format!("environment variable WAREHOUSE_SINK__NATS__ACK: no such setting: {kept}"),
        ]
    );
}

#[test]
fn a_key_outside_of_every_section_is_shown_its_place() {
    assert_eq!(
        mistakes("flush_interval = \"5m\"", &[]),
        ["sink.toml:1: `flush_interval` stands outside of every section: did you mean `flush_interval` of [batch]?"]
    );
    assert_eq!(mistakes("nats = 5", &[]), ["sink.toml:1: nats is a section: expected [nats], found integer"]);
}

#[test]
fn wrong_values_are_told_with_line_and_what_is_expected() {
    let cases = [
        ("[batch]\nflush_interval = \"soon\"", "sink.toml:2: batch.flush_interval = \"soon\": expected a duration"),
        ("[batch]\nflush_interval = 300", "sink.toml:2: batch.flush_interval = 300: expected a duration"),
        ("[batch]\nmax_events = \"many\"", "sink.toml:2: batch.max_events = \"many\": expected a whole number"),
        ("[batch]\nmax_events = \"5\"", "sink.toml:2: batch.max_events = \"5\": expected a whole number"),
        ("[batch]\nmax_events = 1.5", "sink.toml:2: batch.max_events = 1.5: expected a whole number"),
        ("[batch]\nmax_events = -1", "sink.toml:2: batch.max_events = -1: expected a whole number"),
        ("[batch]\nmax_bytes = \"64 parsecs\"", "sink.toml:2: batch.max_bytes = \"64 parsecs\": expected a size"),
        ("[nats]\nurl = \"http://a\"", "sink.toml:2: nats.url = \"http://a\": expected a URL"),
        ("[nats]\nurl = []", "sink.toml:2: nats.url = []: expected a URL"),
        ("[nats]\nstream = \"a.b\"", "sink.toml:2: nats.stream = \"a.b\": expected a name"),
        ("[nats]\nfilter_subjects = [\"a..b\"]", "sink.toml:2: nats.filter_subjects = [\"a..b\"]: expected an array"),
        ("[nats]\nfilter_subjects = [\"a.>.b\"]", "sink.toml:2: nats.filter_subjects = [\"a.>.b\"]: expected an array"),
        ("[nats]\ntls_required = \"yes\"", "sink.toml:2: nats.tls_required = \"yes\": expected true or false"),
        ("[storage]\nprefix = \"a/../b\"", "sink.toml:2: storage.prefix = \"a/../b\": expected a path"),
        ("[storage]\nprefix = \" events\"", "sink.toml:2: storage.prefix = \" events\": expected a path"),
        ("[storage]\nprefix = \"a /b\"", "sink.toml:2: storage.prefix = \"a /b\": expected a path"),
        ("[dead_letter]\nprefix = \"a\\u00a0\"", "sink.toml:2: dead_letter.prefix = "),
        (
            "[nats]\ntls_ca_file = \"ca.pem \"",
            "sink.toml:2: nats.tls_ca_file = \"ca.pem \": expected the path of a file",
        ),
        ("[storage]\noptions = 5", "sink.toml:2: storage.options = [redacted]: expected a table"),
        ("[parquet]\ncompression = \"zstd(23)\"", "sink.toml:2: parquet.compression = \"zstd(23)\": expected zstd"),
        ("[observability]\nlog_level = \"inof\"", "sink.toml:2: observability.log_level = \"inof\": expected error"),
        (
            "[observability]\nlog_level = \"a=loud\"",
            "sink.toml:2: observability.log_level = \"a=loud\": expected error",
        ),
        (
            "[observability]\nlog_format = \"xml\"",
            "sink.toml:2: observability.log_format = \"xml\": expected json or text",
        ),
        (
            "[observability]\nmetrics_addr = \"9090\"",
            "sink.toml:2: observability.metrics_addr = \"9090\": expected a port",
        ),
        ("[shutdown]\ntimeout = 2025-01-01", "sink.toml:2: shutdown.timeout = 2025-01-01: expected a duration"),
        ("[storage.options]\nroot = []", "sink.toml:2: storage.options.root: expected a string, a number or a boolean"),
    ];
    for (text, expected) in cases {
        let mistakes = mistakes(text, &[]);
        assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
        assert!(mistakes[0].starts_with(expected), "{text}:\n{}\n{expected}", mistakes[0]);
    }
}

#[test]
fn mistakes_in_routes_are_told_where_they_are() {
    let route = |more: &str| format!("[schema]\nformat = \"json\"\n[[schema.route]]\nsubject = \"a.>\"\n{more}\n");
    let good = "columns = \"a: int64\"\nprefix = \"rows\"";
    assert!(parse(&route(good), &[]).is_ok());
    for (more, expected) in [
        (
            &*format!("{good}\npartition = [\"a\"]"),
            "sink.toml:7: unknown key `partition` in [[schema.route]]: did you mean `partition_by`?",
        ),
        (
            "columns = \"a: int64\"\nprefix = \"rows \"",
            "sink.toml:6: prefix of [[schema.route]] = \"rows \": expected a path",
        ),
        ("columns = 5\nprefix = \"rows\"", "sink.toml:5: columns of [[schema.route]] = 5: expected text"),
        ("prefix = \"rows\"", "sink.toml:3: this [[schema.route]] does not say what its messages are"),
        ("columns = \"a: int64\"", "sink.toml:3: this [[schema.route]] needs a subject and a prefix"),
        (&*format!("{good}\nmessage = \"a.B\""), "sink.toml:3: this [[schema.route]] has message and columns"),
    ] {
        let mistakes = mistakes(&route(more), &[]);
        assert!(mistakes.len() == 1 && mistakes[0].starts_with(expected), "{more}: {mistakes:?}");
    }
}

/// Paths are looked for beside the file, wherever the program is started, and in the working directory if they are not there.
#[test]
fn a_relative_path_is_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("proto")).unwrap();
    for name in ["proto/a.proto", "token"] {
        std::fs::write(folder.path().join(name), "hunter2").unwrap();
    }
    let file = folder.path().join("sink.toml");
    let text = "[nats]\ntoken_file = \"token\"\n[schema]\nformat = \"protobuf\"\nmessage = \"a.B\"\n\
        proto_files = [\"proto/a.proto\", \"proto/b.proto\"]\ninclude = [\"proto\"]\n[storage.options]\nbucket_file = \"token\"";
    std::fs::write(&file, text).unwrap();
    let settings = Settings::load(Some(&file), []).unwrap();
    let there = |name: &str| folder.path().join(name);
    assert_eq!(settings.nats.token_file, Some(there("token")));
    let schema = settings.schema;
    assert_eq!(schema.proto_files.unwrap().as_slice(), [there("proto/a.proto"), "proto/b.proto".into()]);
    assert_eq!(schema.include.unwrap().as_slice(), [there("proto")]);
    assert_eq!(settings.storage.options.expose()["bucket_file"], there("token").to_str().unwrap());
}

#[test]
fn text_that_is_no_toml_is_told_in_one_line() {
    for text in ["[nats]\nurl = ", "[nats]\nurl = \"a\nb\"", "[nats]\n[nats]", "[nats\n"] {
        let mistakes = mistakes(text, &[]);
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(mistakes[0].contains(": not valid TOML: "), "{mistakes:?}");
    }
    assert!(mistakes("[nats]\nurl = \n", &[])[0].starts_with("sink.toml:2: "));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "[batch]\nmax_events = 0\nflush_interval = \"x\"\n[nats]\nfoo = 1\n";
    let mistakes = mistakes(text, &[("WAREHOUSE_SINK__SHUTDOWN__TIMEOUT", "later")]);
    assert_eq!(mistakes.len(), 4, "{mistakes:?}");
}

#[test]
fn a_missing_file_is_named() {
    let error = Settings::load(Some("/no/such/sink.toml".as_ref()), []).unwrap_err().to_string();
    assert!(error.starts_with("/no/such/sink.toml: cannot be read: "), "{error}");
}

#[test]
fn every_name_is_known_once() {
    let mut names: Vec<String> = SECTIONS.iter().flat_map(|section| section.keys).map(|key| key.variable()).collect();
    let legacy =
        SECTIONS.iter().flat_map(|section| section.keys).flat_map(|key| key.legacy).map(|name| (*name).to_owned());
    names.extend(legacy);
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}
