//! Every setting is followed to where it acts. Each value here is there once, so that two that are swapped are seen; each struct is
//! taken apart in full, so that a new field has to be told here.

use std::time::Duration;

use warehouse_sink_core::{Backoff, Config};
use warehouse_sink_io::driver::Options;
use warehouse_sink_io::encode::{EncodeConfig, Encodings};
use warehouse_sink_io::source::nats::{Api, Login, NatsConfig, Tls};

use crate::common::parse;

const SETTINGS: &str = r#"
[nats]
url = ["nats://one:4222", "nats://two:4222"]
stream = "STREAM"
consumer = "consumer"
filter_subjects = ["a.>", "b"]
worker_count = 3
fetch_batch_size = 401
ack_wait = "31s"
max_ack_pending = 123456
username = "user"
password = "password"
jetstream_domain = "domain"
tls_ca_file = "ca.pem"
tls_cert_file = "cert.pem"
tls_key_file = "key.pem"
tls_required = true
[batch]
max_events = 1001
max_bytes = "1002KiB"
flush_interval = "32s"
max_buffered_events = 200003
max_buffered_bytes = "70004KiB"
max_open_partitions = 1005
[storage]
service = "fs"
prefix = "prefix"
max_concurrent_writes = 6
write_timeout = "33s"
max_write_attempts = 7
retry_initial = "34ms"
retry_max = "35s"
nak_initial = "36s"
nak_max = "37s"
[storage.options]
root = "/data"
[parquet]
compression = "zstd:9"
row_group_rows = 1008
row_group_bytes = "2009KiB"
partition_columns_in_file = true
encodings = "compatible"
bloom_filter_columns = ["id"]
sort_by = ["device_id"]
[dead_letter]
enabled = false
prefix = "dead"
hold_after = 1010
hold_share = "41%"
[shutdown]
timeout = "38s"
"#;

const KIB: u64 = 1024;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_machine_and_the_driver_get_each_value_where_it_belongs() {
    let settings = parse(SETTINGS, &[]).unwrap();
    let expected = Config {
        stream: "STREAM".to_owned(),
        max_batch_rows: 1001,
        max_batch_bytes: 1002 * KIB,
        flush_interval: seconds(32),
        max_messages: 200_003,
        max_bytes: 70_004 * KIB,
        max_open_partitions: 1005,
        max_concurrent_writes: 6,
        max_write_attempts: 7,
        retry: Backoff { initial: Duration::from_millis(34), max: seconds(35) },
        nak: Backoff { initial: seconds(36), max: seconds(37) },
        ack_wait: seconds(31),
        max_ack_pending: 123_456,
        dead_letter: false,
        hold_after: 1010,
        hold_share: Some(41),
        // What is derived from max_ack_pending has a least value.
        max_remembered: 500_000,
        jitter_seed: 39,
    };
    assert_eq!(settings.machine_config(39), expected);
    let more = parse(&SETTINGS.replace("123456", "654321"), &[]).unwrap();
    assert_eq!(more.machine_config(39).max_remembered, 654_321);

    let Options { worker_count, fetch_batch_size, write_timeout, shutdown_timeout, jitter_seed } =
        settings.driver_options(40);
    assert_eq!((worker_count, fetch_batch_size), (3, 401));
    assert_eq!((write_timeout, shutdown_timeout, jitter_seed), (seconds(33), seconds(38), 40));
}

#[test]
fn files_are_made_as_the_settings_say() {
    let EncodeConfig {
        compression,
        row_group_rows,
        row_group_bytes,
        part_bytes: _,
        partition_columns_in_file,
        encodings,
        bloom_filter_columns,
        sort_by,
        stream,
        consumer,
        prefix,
        dead_letter_prefix,
    } = parse(SETTINGS, &[]).unwrap().encode_config();
    assert_eq!(compression.to_string(), "zstd:9");
    assert_eq!((row_group_rows.get(), row_group_bytes.get() as u64), (1008, 2009 * KIB));
    assert!(partition_columns_in_file);
    assert_eq!(encodings, Encodings::Compatible);
    assert_eq!((bloom_filter_columns, sort_by), (vec!["id".to_owned()], vec!["device_id".to_owned()]));
    assert_eq!((stream.as_str(), consumer.as_str()), ("STREAM", "consumer"));
    assert_eq!((prefix.as_str(), dead_letter_prefix.as_str()), ("prefix", "dead"));
}

#[test]
fn the_connection_and_the_consumer_are_as_the_settings_say() {
    let NatsConfig {
        urls,
        login,
        tls: Tls { required, ca_file, client },
        api,
        stream,
        consumer,
        filter_subjects,
        ack_wait,
        max_ack_pending,
        max_messages,
        mark,
    } = parse(SETTINGS, &[]).unwrap().nats_config();
    assert_eq!(urls, ["nats://one:4222", "nats://two:4222"]);
    assert!(matches!(login, Login::User { name, .. } if name == "user"));
    assert!(required);
    assert_eq!(ca_file.unwrap().to_str(), Some("ca.pem"));
    let (certificate, key) = client.unwrap();
    assert_eq!((certificate.to_str(), key.to_str()), (Some("cert.pem"), Some("key.pem")));
    assert_eq!(api, Api::Domain("domain".to_owned()));
    assert_eq!((stream.as_str(), consumer.as_str()), ("STREAM", "consumer"));
    assert_eq!(filter_subjects, ["a.>", "b"]);
    assert_eq!((ack_wait, max_ack_pending, max_messages), (seconds(31), 123_456, 200_003));
    assert_eq!(mark, None, "only who writes files has a destination");
}

#[test]
fn the_filter_follows_the_schema_where_it_is_not_set() {
    let filter = |text: &str| parse(text, &[]).unwrap().filter_subjects();
    assert_eq!(filter(""), ["events.>"]);
    assert_eq!(filter("[schema]\npartition_time = \"day\""), ["events.>"], "the built-in events as a table");
    let json = "[schema]\nformat = \"json\"\ncolumns = \"a: int64\"\n";
    assert!(filter(json).is_empty(), "every subject");
    assert_eq!(filter(&format!("{json}[nats]\nfilter_subjects = [\"x\"]")), ["x"]);
}

#[test]
fn a_destination_tells_stores_apart_and_no_secret() {
    let with = |options: &str| {
        let text = format!("[storage]\nprefix = \"p\"\n[storage.options]\nbucket = \"lake\"\n{options}");
        parse(&text, &[]).unwrap().destination()
    };
    assert_eq!(with("region = \"eu\"\nsecret_access_key = \"hunter2\""), "s3 bucket=lake prefix=p");
    let same = ["http://minio:9000/", "https://MINIO:9000"].map(|url| with(&format!("endpoint = \"{url}\"")));
    assert_eq!(same, ["s3 bucket=lake endpoint=minio:9000 prefix=p"; 2]);
}
