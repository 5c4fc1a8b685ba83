//! What must hold between settings.

use crate::common::{mistakes, parse};

/// Each case: a file, and what its one message begins and ends with.
const BROKEN: &[(&str, &str, &str)] = &[
    (
        "[batch]\nmax_events = 100\nmax_buffered_events = 150",
        "batch.max_buffered_events (150) must be at least twice batch.max_events (100)",
        "raise it to 200, or lower batch.max_events to 75",
    ),
    (
        "[batch]\nmax_bytes = \"200MiB\"\nmax_buffered_bytes = \"256MiB\"",
        "batch.max_buffered_bytes (256.0 MiB) must be at least twice batch.max_bytes (200.0 MiB)",
        "raise it to 400.0 MiB, or lower batch.max_bytes to 128.0 MiB",
    ),
    ("[nats]\nworker_count = 1000", "nats.worker_count (1000) must be at most 256", "lower it"),
    ("[storage]\nmax_concurrent_writes = 65", "storage.max_concurrent_writes (65) must be at most 64", "lower it"),
    ("[nats]\nfetch_batch_size = 20000", "nats.fetch_batch_size (20000) must be at most 10000", "lower it"),
    (
        "[nats]\nmax_ack_pending = 1000",
        "nats.max_ack_pending (1000) must be at least batch.max_events (10000)",
        "raise it, or leave it out",
    ),
    ("[nats]\nack_wait = \"10ms\"", "nats.ack_wait (10ms) must be at least 1s", "raise it, or leave it out"),
    (
        "[storage]\nretry_initial = \"1m\"",
        "storage.retry_initial (1m) must not be above storage.retry_max (30s)",
        "lower the one or raise the other",
    ),
    (
        "[storage]\nnak_initial = \"10m\"",
        "storage.nak_initial (10m) must not be above storage.nak_max (5m)",
        "lower the one or raise the other",
    ),
    (
        "[parquet]\nbloom_filter_columns = [\"id\", \"devce_id\"]",
        "parquet.bloom_filter_columns: event files have no column \"devce_id\"",
        "did you mean \"device_id\"?",
    ),
    (
        "[parquet]\nrow_group_bytes = \"1KiB\"",
        "parquet.row_group_bytes (1.0 KiB) must be at least 1.0 MiB",
        "raise it, or leave it out",
    ),
    (
        "[parquet]\nsort_by = [\"device_id\", \"timestamp\"]",
        "parquet.sort_by: event files have no column \"timestamp\"",
        "did you mean \"timestamp_ms\"?",
    ),
    (
        "[parquet]\nsort_by = [\"app_id\", \"device_id\"]",
        "parquet.sort_by: the column \"app_id\" is in the path alone, and one value for all rows of a file",
        "leave it out",
    ),
    (
        "[parquet]\nsort_by = [\"id\", \"device_id\", \"id\"]",
        "parquet.sort_by has \"id\" twice",
        "leave out the second",
    ),
    (
        "[schema]\nmessage = \"a.B\"\nexplode = \"c\"",
        "schema.message and schema.explode is for messages of your own",
        "set schema.format to \"protobuf\" or \"json\", or leave it out",
    ),
    (
        "[schema]\nformat = \"json\"\ncolumns = \"a: int64\"\npayload = \"both\"",
        "schema.payload is for schema.format \"causality.v1\"",
        "leave it out",
    ),
    (
        "[schema]\nformat = \"protobuf\"\ndescriptor_set = \"a\"",
        "schema.format is \"protobuf\", so either schema.message or [[schema.route]] says what the messages are",
        "set one of them",
    ),
    (
        "[schema]\nformat = \"protobuf\"\nmessage = \"a.B\"",
        "a protobuf schema is either schema.descriptor_set or schema.proto_files",
        "set one of them",
    ),
    (
        "[schema]\nformat = \"protobuf\"\nmessage = \"a.B\"\ndescriptor_set = \"a\"\nproto_files = [\"b\"]",
        "a protobuf schema is either schema.descriptor_set or schema.proto_files",
        "set one of them",
    ),
    (
        "[schema]\nformat = \"protobuf\"\nmessage = \"a.B\"\ndescriptor_set = \"a\"\ninclude = [\"b\"]",
        "schema.include is where schema.proto_files are searched",
        "set both or neither",
    ),
    (
        "[schema]\nformat = \"json\"",
        "schema.format is \"json\", so either schema.columns or [[schema.route]] says what the messages are",
        "set one of them",
    ),
    (
        "[schema]\nformat = \"json\"\ncolumns = \"a: int64\"\nmessage = \"a.B\"",
        "schema.message is not for schema.format \"json\"",
        "leave it out",
    ),
    (
        "[schema]\nformat = \"json\"\ncolumns = \"a: int64\"\nproto_files = [\"b\"]",
        "schema.descriptor_set, schema.proto_files and schema.include are for protobuf, and no messages are protobuf",
        "leave them out",
    ),
    (
        "[schema]\nformat = \"json\"\n[[schema.route]]\nsubject = \"a.>\"\ncolumns = \"a: int64\"\nprefix = \"rows\"\n\
         [[schema.route]]\nsubject = \"b.>\"\nmessage = \"b.C\"\nprefix = \"more\"",
        "a protobuf schema is either schema.descriptor_set or schema.proto_files",
        "set one of them",
    ),
    (
        "[schema]\nformat = \"json\"\n[[schema.route]]\nsubject = \"a.>\"\ncolumns = \"a: int64\"\nprefix = \"rows\"\n\
         [[schema.route]]\nsubject = \"b.>\"\ncolumns = \"a: int32\"\nprefix = \"rows\"",
        "the prefix of the route of b.> (\"rows\") and the prefix of the route of a.> (\"rows\") must lie apart",
        "change one of them",
    ),
    (
        "[schema]\nformat = \"protobuf\"\ndescriptor_set = \"a\"\n[[schema.route]]\nsubject = \"a.>\"\nmessage = \"a.B\"\n\
         prefix = \"rows\"\n[[schema.route]]\nsubject = \"b.>\"\nmessage = \"b.C\"\nprefix = \"rows/b\"",
        "the prefix of the route of b.> (\"rows/b\") and the prefix of the route of a.> (\"rows\") must lie apart",
        "change one of them",
    ),
    (
        "[schema]\nformat = \"json\"\npartition_by = [\"a\"]\n[[schema.route]]\nsubject = \"a.>\"\ncolumns = \"a: int64\"\nprefix = \"rows\"\n\
         [[schema.route]]\nsubject = \"b.>\"\ncolumns = \"a: int64\"\nprefix = \"rows\"\npartition_by = []",
        "the route of a.> and the route of b.> have the prefix \"rows\", so they make one table, but their partition_by differs",
        "give both the same, or prefixes that lie apart",
    ),
    (
        "[schema]\nformat = \"json\"\n[[schema.route]]\nsubject = \"a.>\"\ncolumns = \"a: list<struct<b: int64>>\"\nprefix = \"rows\"\n\
         [[schema.route]]\nsubject = \"b.>\"\ncolumns = \"a: list<struct<b: int64>>\"\nprefix = \"rows\"\nexplode = \"a\"",
        "the route of a.> and the route of b.> have the prefix \"rows\", so they make one table, but their explode differs",
        "give both the same, or prefixes that lie apart",
    ),
    (
        "[schema]\nformat = \"protobuf\"\ndescriptor_set = \"a\"\n[[schema.route]]\nsubject = \"a.>\"\nmessage = \"a.B\"\n\
         prefix = \"events-dead-letter\"",
        "the prefix of the route of a.> (\"events-dead-letter\") and dead_letter.prefix (\"events-dead-letter\")",
        "change one of them",
    ),
    ("[nats]\nusername = \"u\"", "nats.username is set without nats.password", "set both or neither"),
    ("[nats]\npassword = \"p\"", "nats.password is set without nats.username", "set both or neither"),
    ("[nats]\npassword_file = \"p\"", "nats.password_file is set without nats.username", "set both or neither"),
    (
        "[nats]\nurl = [\"nats://u:p@a\", \"nats://b\", \"nats://u:q@c\"]",
        "the URLs of nats.url have different logins, and one counts for all",
        "keep one",
    ),
    (
        "[nats]\njetstream_domain = \"hub\"\napi_prefix = \"JS.hub.API\"",
        "nats.jetstream_domain and nats.api_prefix exclude each other",
        "keep one of them",
    ),
    ("[nats]\ntls_key_file = \"k\"", "nats.tls_key_file is set without nats.tls_cert_file", "set both or neither"),
    (
        "[nats]\ntoken = \"t\"\nnkey_seed = \"SU\"\ncredentials_file = \"f\"",
        "nats.token and nats.nkey_seed and nats.credentials_file exclude each other",
        "keep one of them",
    ),
    (
        "[dead_letter]\nhold_after = 0\nhold_share = \"5%\"",
        "dead_letter.hold_share is judged by dead_letter.hold_after messages at a time, which is 0",
        "raise it, or leave hold_share out",
    ),
    ("[dead_letter]\nprefix = \"events\"", "dead_letter.prefix (\"events\") and storage.prefix", "change one of them"),
    ("[dead_letter]\nprefix = \"events/dead\"", "dead_letter.prefix (\"events/dead\") and", "change one of them"),
    (
        "[storage]\nprefix = \"a/b\"\n[dead_letter]\nprefix = \"a\"",
        "dead_letter.prefix (\"a\") and",
        "change one of them",
    ),
    ("[dead_letter]\nprefix = \"\"", "dead_letter.prefix (\"\") and storage.prefix (\"events\")", "change one of them"),
];

#[test]
fn every_broken_rule_says_what_to_change() {
    for (text, start, end) in BROKEN {
        let mistakes = mistakes(text, &[]);
        assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
        // The line is that of a setting that the message names, or of its section.
        let (line, message) = mistakes[0].strip_prefix("sink.toml:").and_then(|rest| rest.split_once(": ")).unwrap();
        let line: usize = line.parse().unwrap();
        assert!((2..=text.lines().count()).contains(&line), "{text}: line {line}");
        assert!(message.starts_with(start) && message.ends_with(end), "{text}:\n{message}");
    }
}

#[test]
fn a_mistake_has_the_line_of_the_setting_that_it_names_first() {
    let text = "[batch]\nmax_bytes = \"1MiB\"\nmax_events = 100\n\nmax_buffered_events = 150";
    assert!(mistakes(text, &[])[0].starts_with("sink.toml:5: batch.max_buffered_events (150)"));
    let variable = ("WAREHOUSE_SINK__BATCH__MAX_BUFFERED_EVENTS", "150");
    let said = mistakes("[batch]\nmax_events = 100", &[variable]);
    assert!(said[0].starts_with("environment variable WAREHOUSE_SINK__BATCH__MAX_BUFFERED_EVENTS: batch."), "{said:?}");
}

#[test]
fn what_only_looks_broken_is_taken() {
    let fine = [
        "[batch]\nmax_events = 100\nmax_buffered_events = 200",
        "[batch]\nmax_events = 1000000",
        "[dead_letter]\nprefix = \"events2\"",
        "[dead_letter]\nprefix = \"events\"\nenabled = false",
        "[storage]\nprefix = \"\"",
        "[nats]\nusername = \"u\"\npassword = \"p\"",
    ];
    for text in fine {
        parse(text, &[]).unwrap();
    }
}

#[test]
fn without_a_prefix_dead_letters_still_have_one() {
    let settings = parse("[storage]\nprefix = \"\"", &[]).unwrap();
    assert_eq!(settings.dead_letter_prefix().as_str(), "dead-letter");
}

#[test]
fn larger_batches_get_a_larger_buffer() {
    let settings = parse("[batch]\nmax_events = 180000", &[]).unwrap();
    assert_eq!(settings.max_buffered_events(), 360_000);
}
