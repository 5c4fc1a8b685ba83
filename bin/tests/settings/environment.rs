//! What the environment may hold, and which source beats which.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::time::Duration;

use crate::common::{mistakes, parse};
use warehouse_sink::settings::{LEGACY_OPTIONS, SECTIONS, Settings};

const FILE: &str =
    "[batch]\nmax_events = 100\n[storage]\nservice = \"s3\"\noptions = { bucket = \"file\", region = \"file\" }\n";

#[test]
fn a_variable_beats_the_file_and_our_name_beats_a_legacy_one() {
    let max_events = |variables: &[(&str, &str)]| parse(FILE, variables).unwrap().batch.max_events.get();
    let legacy = ("BATCH_MAX_EVENTS", "200");
    let own = ("WAREHOUSE_SINK__BATCH__MAX_EVENTS", "300");
    assert_eq!(max_events(&[]), 100);
    assert_eq!(max_events(&[legacy]), 200);
    assert_eq!(max_events(&[own]), 300);
    assert_eq!(max_events(&[own, legacy]), 300);
    assert_eq!(max_events(&[legacy, own]), 300);
}

#[test]
fn the_go_sinks_names_keep_working() {
    let settings = parse(
        "",
        &[
            ("NATS_URL", "nats://a:4222,nats://b:4222"),
            ("CONSUMER_NAME", "c"),
            ("NATS_STREAM_NAME", "S"),
            ("S3_ENDPOINT", "http://127.0.0.1:9000"),
            ("S3_REGION", "eu"),
            ("S3_BUCKET", "b"),
            ("S3_ACCESS_KEY_ID", "id"),
            ("S3_SECRET_ACCESS_KEY", "secret"),
            ("S3_PREFIX", "p/"),
            ("BATCH_MAX_EVENTS", "11"),
            ("BATCH_FLUSH_INTERVAL", "1m0s"),
            ("WORKER_COUNT", "3"),
            ("FETCH_BATCH_SIZE", "50"),
            ("SHUTDOWN_TIMEOUT", "90s"),
            ("METRICS_ADDR", ":9191"),
            ("PARQUET_COMPRESSION", "SNAPPY"),
            ("LOG_LEVEL", "DEBUG"),
            ("LOG_FORMAT", "text"),
        ],
    )
    .unwrap();
    assert_eq!(settings.nats.url.addresses(), ["nats://a:4222", "nats://b:4222"]);
    assert_eq!((settings.nats.consumer.as_str(), settings.nats.stream.as_str()), ("c", "S"));
    let options: Vec<(&str, &str)> =
        settings.storage.options.expose().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let expected = [
        ("access_key_id", "id"),
        ("bucket", "b"),
        ("endpoint", "http://127.0.0.1:9000"),
        ("region", "eu"),
        ("secret_access_key", "secret"),
    ];
    assert_eq!(options, expected);
    assert_eq!(settings.storage.prefix.as_str(), "p");
    assert_eq!(settings.batch.max_events.get(), 11);
    assert_eq!(settings.batch.flush_interval, Duration::from_secs(60));
    assert_eq!((settings.nats.worker_count.get(), settings.nats.fetch_batch_size.get()), (3, 50));
    assert_eq!(settings.shutdown.timeout, Duration::from_secs(90));
    assert_eq!(settings.observability.metrics_addr.port(), 9191);
    assert_eq!(settings.parquet.compression.to_string(), "snappy");
    assert_eq!(settings.observability.log_level.as_str(), "DEBUG");
}

#[test]
fn of_two_legacy_names_the_first_counts() {
    let workers = |variables: &[(&str, &str)]| parse("", variables).unwrap().nats.worker_count.get();
    assert_eq!(workers(&[("BATCH_WORKER_COUNT", "2")]), 2);
    assert_eq!(workers(&[("BATCH_WORKER_COUNT", "2"), ("WORKER_COUNT", "3")]), 3);
    let fetch = |variables: &[(&str, &str)]| parse("", variables).unwrap().nats.fetch_batch_size.get();
    assert_eq!(fetch(&[("BATCH_FETCH_BATCH_SIZE", "2")]), 2);
}

#[test]
fn options_are_merged_one_by_one() {
    let settings = parse(
        FILE,
        &[
            ("WAREHOUSE_SINK__STORAGE__OPTIONS__BUCKET", "own"),
            ("S3_BUCKET", "legacy"),
            ("S3_REGION", "legacy"),
            ("WAREHOUSE_SINK__STORAGE__OPTIONS__SECRET_ACCESS_KEY", "s=1"),
        ],
    );
    let settings = settings.unwrap();
    let options = settings.storage.options.expose();
    assert_eq!(options["bucket"], "own");
    assert_eq!(options["region"], "legacy");
    assert_eq!(options["secret_access_key"], "s=1");
}

#[test]
fn s3_variables_mean_nothing_to_another_service() {
    let variables = [("S3_BUCKET", "b"), ("WAREHOUSE_SINK__STORAGE__SERVICE", "fs")];
    let settings = parse(FILE, &variables).unwrap();
    assert_eq!(settings.storage.options.expose()["bucket"], "file");
}

#[test]
fn an_empty_variable_counts_as_unset_whichever_it_is() {
    let by_the_file = parse(FILE, &[]).unwrap();
    let keys = SECTIONS.iter().flat_map(|section| section.keys);
    let own = keys.clone().map(|key| key.variable()).chain(["WAREHOUSE_SINK__STORAGE__OPTIONS__BUCKET".to_owned()]);
    let legacy = keys.flat_map(|key| key.legacy).chain(LEGACY_OPTIONS.iter().map(|(name, _)| name));
    for name in own.chain(legacy.map(|name| (*name).to_owned())) {
        assert_eq!(parse(FILE, &[(&name, "")]).unwrap(), by_the_file, "{name}");
    }
    let settings = parse("[nats]\ntoken = \"t\"", &[("WAREHOUSE_SINK__NATS__TOKEN", "")]).unwrap();
    assert_eq!(settings.nats.token.unwrap().expose(), "t");
    // An empty prefix is a slash.
    assert_eq!(parse("", &[("WAREHOUSE_SINK__STORAGE__PREFIX", "/")]).unwrap().storage.prefix.as_str(), "");
    // Beside its twin, too.
    let twins = [("WAREHOUSE_SINK__NATS__TOKEN", ""), ("WAREHOUSE_SINK__NATS__TOKEN_FILE", "/run/token")];
    assert_eq!(parse("", &twins).unwrap().nats.token_file.unwrap(), Path::new("/run/token"));
}

#[test]
fn an_unknown_variable_is_told_with_its_neighbour() {
    assert_eq!(
        mistakes("", &[("WAREHOUSE_SINK__NATS__STREM", "x")]),
        [
            "environment variable WAREHOUSE_SINK__NATS__STREM: no such setting: did you mean WAREHOUSE_SINK__NATS__STREAM?"
        ]
    );
    assert_eq!(mistakes("", &[("WAREHOUSE_SINK__FOO", "x")]).len(), 1);
    for (name, meant) in [
        ("WAREHOUSE_SINK_NATS__URL", "NATS__URL"),
        ("WAREHOUSE_SINK_NATS_URL", "NATS__URL"),
        ("WAREHOUSE_SINK__NATS_URL", "NATS__URL"),
        ("warehouse_sink__batch__max_events", "BATCH__MAX_EVENTS"),
        ("WAREHOUSE_SINK_STORAGE__OPTIONS__BUCKET", "STORAGE__OPTIONS__BUCKET"),
        ("WAREHOUSE_SINK__STORAGE__OPTIONS_SECRET_ACCESS_KEY", "STORAGE__OPTIONS__SECRET_ACCESS_KEY"),
    ] {
        let expected = format!("environment variable {name}: no such setting: did you mean WAREHOUSE_SINK__{meant}?");
        assert_eq!(mistakes("", &[(name, "x")]), [expected]);
    }
    // Kubernetes sets such variables for services of our name.
    for name in [
        "SERVICE_HOST",
        "SERVICE_PORT",
        "SERVICE_PORT_HTTP",
        "PORT",
        "PORT_9090_TCP",
        "PORT_9090_TCP_ADDR",
        "METRICS_SERVICE_HOST",
        "METRICS_PORT_9090_TCP_PROTO",
    ] {
        parse("", &[(&format!("WAREHOUSE_SINK_{name}"), "10.0.0.1")]).unwrap();
    }
}

#[test]
fn a_wrong_value_is_told_by_the_variables_name() {
    let mistakes = mistakes("", &[("BATCH_FLUSH_INTERVAL", "5 parsecs")]);
    let expected =
        "environment variable BATCH_FLUSH_INTERVAL: batch.flush_interval = \"5 parsecs\": expected a duration";
    assert!(mistakes.len() == 1 && mistakes[0].starts_with(expected), "{mistakes:?}");
}

#[test]
fn only_variables_for_us_need_to_be_unicode() {
    let bad = || OsString::from_vec(vec![0xff]);
    let load = |name: &str| Settings::parse(Path::new("sink.toml"), "", [(OsString::from(name), bad())]);
    load("SOMETHING_ELSE").unwrap();
    let error = load("NATS_URL").unwrap_err().to_string();
    assert_eq!(error, "environment variable NATS_URL: not valid Unicode");
}

#[test]
fn every_key_can_come_from_the_environment() {
    for key in SECTIONS.iter().flat_map(|section| section.keys) {
        // What no type takes shows that the variable reached its key; `options` is reached entry by entry.
        let variable = key.variable();
        let refused = match parse("", &[(&variable, "\u{1}")]) {
            Err(error) => error.to_string().contains(&format!("{variable}: {}.{} = ", key.section, key.name)),
            Ok(settings) => format!("{settings:?}") != format!("{:?}", parse("", &[]).unwrap()),
        };
        let login = ["username", "password", "password_file", "tls_cert_file", "tls_key_file"].contains(&key.name);
        let of_a_format = ["columns", "descriptor_set", "proto_files", "include", "message", "event_time", "explode"]
            .contains(&key.name);
        let alone = login || (key.section == "schema" && of_a_format);
        assert!(refused || alone, "{variable}");
    }
    assert_eq!(LEGACY_OPTIONS.len(), 5);
}
