//! What must hold between settings, each of which is fine by itself. Every message says what to change.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::time::Duration;

use warehouse_sink_proto::{COLUMNS, PayloadColumns};

use super::keys::{Nats, Schema, Settings};
use super::nearest::column_hint;
use super::problem::Problem;
use super::route_rules;
use super::routes::{Messages, RouteSettings, Routes};
use super::schema_types::{Format, UnknownFields};
use super::types::Prefix;

/// The shortest ack wait that progress acks can keep a delivery alive with.
const SHORTEST_ACK_WAIT: Duration = warehouse_sink_core::Config::MIN_ACK_WAIT;
/// More fetchers than this gain nothing and each holds a subscription on the server.
const MOST_FETCHERS: usize = 256;
/// The server keeps a fetch open until it is served; a larger one only holds more memory.
const LARGEST_FETCH: usize = 10_000;

/// Each write to a local folder holds one of the runtime's 512 blocking threads and needs another; more writes than this could
/// leave none.
const MOST_WRITES: usize = 64;

/// A row group has a footer and statistics for each column; smaller ones would be little else.
const SMALLEST_ROW_GROUP: u64 = 1024 * 1024;

/// Every rule that is broken.
pub fn broken(settings: &Settings) -> Vec<Problem> {
    let mut broken = Vec::new();
    buffers(settings, &mut broken);
    limits(settings, &mut broken);
    delays(settings, &mut broken);
    schema(&settings.schema, &mut broken);
    credentials(&settings.nats, &mut broken);
    api(&settings.nats, &mut broken);
    dead_letter(settings, &mut broken);
    columns(settings, &mut broken);
    routes(settings, &mut broken);
    broken.into_iter().map(|what| Problem::between(&settings.origins, what)).collect()
}

/// One half of the budget fills while the other is written: a batch that needs more would never fill.
fn buffers(settings: &Settings, broken: &mut Vec<String>) {
    let batch = &settings.batch;
    let most = settings.max_buffered_events();
    if most / 2 < batch.max_events.get() {
        let least = batch.max_events.get().saturating_mul(2);
        broken.push(format!(
            "batch.max_buffered_events ({most}) must be at least twice batch.max_events ({}): raise it to {least}, or lower \
             batch.max_events to {}",
            batch.max_events,
            most / 2,
        ));
    }
    let (most, one) = (settings.max_buffered_bytes().as_u64(), batch.max_bytes.as_u64());
    if most / 2 < one {
        broken.push(format!(
            "batch.max_buffered_bytes ({}) must be at least twice batch.max_bytes ({}): raise it to {}, or lower \
             batch.max_bytes to {}",
            settings.max_buffered_bytes(),
            batch.max_bytes,
            bytesize::ByteSize::b(one * 2),
            bytesize::ByteSize::b(most / 2),
        ));
    }
}

fn limits(settings: &Settings, broken: &mut Vec<String>) {
    let nats = &settings.nats;
    at_most("nats.worker_count", nats.worker_count, MOST_FETCHERS, broken);
    at_most("nats.fetch_batch_size", nats.fetch_batch_size, LARGEST_FETCH, broken);
    at_most("storage.max_concurrent_writes", settings.storage.max_concurrent_writes, MOST_WRITES, broken);
    let row_group = settings.parquet.row_group_bytes;
    if row_group.as_u64() < SMALLEST_ROW_GROUP {
        let least = bytesize::ByteSize::b(SMALLEST_ROW_GROUP);
        broken
            .push(format!("parquet.row_group_bytes ({row_group}) must be at least {least}: raise it, or leave it out"));
    }
    let needed = settings.batch.max_events.get();
    if let Some(pending) = nats.max_ack_pending.filter(|pending| pending.get() < needed) {
        broken.push(format!(
            "nats.max_ack_pending ({pending}) must be at least batch.max_events ({needed}), or no batch could ever be full: \
             raise it, or leave it out",
        ));
    }
}

fn at_most(name: &str, value: NonZeroUsize, most: usize, broken: &mut Vec<String>) {
    if value.get() > most {
        broken.push(format!("{name} ({value}) must be at most {most}: lower it"));
    }
}

fn delays(settings: &Settings, broken: &mut Vec<String>) {
    let storage = &settings.storage;
    not_above("storage.retry_initial", storage.retry_initial, "storage.retry_max", storage.retry_max, broken);
    not_above("storage.nak_initial", storage.nak_initial, "storage.nak_max", storage.nak_max, broken);
    if let Some(ack_wait) = settings.nats.ack_wait.filter(|ack_wait| *ack_wait < SHORTEST_ACK_WAIT) {
        broken.push(format!(
            "nats.ack_wait ({}) must be at least {}, or progress acks could not keep a message from being delivered \
             again: raise it, or leave it out",
            humantime::format_duration(ack_wait),
            humantime::format_duration(SHORTEST_ACK_WAIT),
        ));
    }
}

fn not_above(low_name: &str, low: Duration, high_name: &str, high: Duration, broken: &mut Vec<String>) {
    if low > high {
        let (low, high) = (humantime::format_duration(low), humantime::format_duration(high));
        broken.push(format!(
            "{low_name} ({low}) must not be above {high_name} ({high}): lower the one or raise the other"
        ));
    }
}

/// What is to be done with a column that no file has would be asked for in vain.
fn columns(settings: &Settings, broken: &mut Vec<String>) {
    let sort_by = settings.sort_by();
    if let Some((_, name)) = sort_by.iter().enumerate().find(|(at, name)| sort_by[..*at].contains(name)) {
        broken.push(format!("parquet.sort_by has {name:?} twice: leave out the second"));
    }
    if settings.schema.format != Format::CausalityV1 || settings.schema.events_are_a_table() {
        // The columns are known once the schema is loaded.
        return;
    }
    for (setting, names) in [("bloom_filter_columns", settings.bloom_filter_columns()), ("sort_by", sort_by)] {
        for name in names.iter().filter(|name| COLUMNS.iter().all(|column| column.name != **name)) {
            let hint = column_hint(name);
            broken.push(format!("parquet.{setting}: event files have no column {name:?}; {hint}"));
        }
    }
    let in_path = |name: &&String| COLUMNS.iter().any(|column| column.partition && column.name == **name);
    if !settings.parquet.partition_columns_in_file
        && let Some(name) = sort_by.iter().find(in_path)
    {
        broken.push(format!(
            "parquet.sort_by: the column {name:?} is in the path alone, and one value for all rows of a file: leave it out"
        ));
    }
}

/// A type of one's own needs to be named and described; the built-in one is what it is.
fn schema(schema: &Schema, broken: &mut Vec<String>) {
    let given = [
        ("descriptor_set", schema.descriptor_set.is_some()),
        ("proto_files", schema.proto_files.is_some()),
        ("include", schema.include.is_some()),
        ("message", schema.message.is_some()),
        ("columns", schema.columns.is_some()),
        ("route", schema.route.is_some()),
        ("explode", schema.explode.is_some()),
        ("unknown_fields", schema.unknown_fields == UnknownFields::Keep),
        ("subject_column", schema.subject_column),
        ("header_columns", schema.header_columns.is_some()),
    ];
    if schema.format == Format::CausalityV1 {
        let names: Vec<_> =
            given.iter().filter(|(_, given)| *given).map(|(name, _)| format!("schema.{name}")).collect();
        if !names.is_empty() {
            let names = names.join(" and ");
            broken.push(format!(
                "{names} is for messages of your own: set schema.format to \"protobuf\" or \"json\", or leave it out"
            ));
        }
        return;
    }
    if schema.payload != PayloadColumns::Json {
        broken.push("schema.payload is for schema.format \"causality.v1\": leave it out".to_owned());
    }
    let (message, columns) = (("message", schema.message.is_some()), ("columns", schema.columns.is_some()));
    let (format, own, other) = match schema.format {
        Format::Json => ("json", columns, message),
        _ => ("protobuf", message, columns),
    };
    if own.1 == schema.route.is_some() {
        broken.push(format!(
            "schema.format is \"{format}\", so either schema.{} or [[schema.route]] says what the messages are: set one of them",
            own.0
        ));
    }
    if other.1 {
        broken.push(format!("schema.{} is not for schema.format \"{format}\": leave it out", other.0));
    }
    descriptors(schema, broken);
    if schema.explode.is_some() && schema.route.is_some() {
        broken.push("schema.explode is for one type of messages: set it in [[schema.route]]".to_owned());
    }
}

/// Where there are protobuf messages, they are described.
fn descriptors(schema: &Schema, broken: &mut Vec<String>) {
    let (set, files) = (schema.descriptor_set.is_some(), schema.proto_files.is_some());
    if !schema.has_protobuf() {
        if set || files || schema.include.is_some() {
            broken.push(
                "schema.descriptor_set, schema.proto_files and schema.include are for protobuf, and no messages are protobuf: leave \
                 them out"
                    .to_owned(),
            );
        }
        return;
    }
    if set == files {
        broken.push(
            "a protobuf schema is either schema.descriptor_set or schema.proto_files: set one of them".to_owned(),
        );
    }
    if schema.include.is_some() && !files {
        broken.push("schema.include is where schema.proto_files are searched: set both or neither".to_owned());
    }
}

/// A server takes one way to authenticate; with two it would be chance which counts.
fn credentials(nats: &Nats, broken: &mut Vec<String>) {
    let (password, file) = (nats.password.is_some(), nats.password_file.is_some());
    let name = if file && !password { "nats.password_file" } else { "nats.password" };
    both("nats.username", nats.username.is_some(), name, password || file, broken);
    both("nats.tls_cert_file", nats.tls_cert_file.is_some(), "nats.tls_key_file", nats.tls_key_file.is_some(), broken);
    let logins = nats.url.logins().len();
    one_of(
        &[
            ("the login in nats.url", logins > 0),
            ("nats.username", nats.username.is_some()),
            ("nats.token", nats.token.is_some()),
            ("nats.token_file", nats.token_file.is_some()),
            ("nats.nkey_seed", nats.nkey_seed.is_some()),
            ("nats.nkey_seed_file", nats.nkey_seed_file.is_some()),
            ("nats.credentials_file", nats.credentials_file.is_some()),
        ],
        broken,
    );
    one_of(&[("nats.password", nats.password.is_some()), ("nats.password_file", nats.password_file.is_some())], broken);
    if logins > 1 {
        broken.push("the URLs of nats.url have different logins, and one counts for all servers: keep one".to_owned());
    }
}

fn api(nats: &Nats, broken: &mut Vec<String>) {
    one_of(
        &[("nats.jetstream_domain", nats.jetstream_domain.is_some()), ("nats.api_prefix", nats.api_prefix.is_some())],
        broken,
    );
}

fn one_of(settings: &[(&str, bool)], broken: &mut Vec<String>) {
    let given: Vec<&str> = settings.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    if given.len() > 1 {
        broken.push(format!("{} exclude each other: keep one of them", given.join(" and ")));
    }
}

fn both(first: impl Display, has_first: bool, second: impl Display, has_second: bool, broken: &mut Vec<String>) {
    let (given, missing) = match (has_first, has_second) {
        (true, false) => (&first as &dyn Display, &second as &dyn Display),
        (false, true) => (&second as &dyn Display, &first as &dyn Display),
        _ => return,
    };
    broken.push(format!("{given} is set without {missing}: set both or neither"));
}

/// Readers take every file under the events' prefix for events; and a share is of some messages.
fn dead_letter(settings: &Settings, broken: &mut Vec<String>) {
    if settings.dead_letter.hold_share.is_some() && settings.dead_letter.hold_after == 0 {
        broken.push(
            "dead_letter.hold_share is judged by dead_letter.hold_after messages at a time, which is 0: raise it, or leave hold_share out"
                .to_owned(),
        );
    }
    let (events, dead) = (&settings.storage.prefix, settings.dead_letter_prefix());
    let within = !events.as_str().is_empty() && events.contains(&dead);
    if settings.dead_letter.enabled && (within || dead.contains(events)) {
        broken.push(format!(
            "dead_letter.prefix ({:?}) and storage.prefix ({:?}) must lie apart, or readers would take dead letters for \
             events: change one of them",
            dead.as_str(),
            events.as_str(),
        ));
    }
}

/// Readers take every file under a prefix for rows of its table. Two routes may go into one.
fn routes(settings: &Settings, broken: &mut Vec<String>) {
    let routes = settings.schema.route.as_ref().map_or(&[][..], Routes::as_slice);
    route_rules::one_table(settings, routes, broken);
    let mut taken: Vec<(String, Prefix, Option<&Messages>)> = Vec::new();
    if settings.dead_letter.enabled {
        taken.push(("dead_letter.prefix".to_owned(), settings.dead_letter_prefix(), None));
    }
    for RouteSettings { subject, messages, prefix, .. } in routes {
        let name = format!("the prefix of the route of {subject}");
        let clashes = |other: &Prefix, of: Option<&Messages>| {
            (prefix.contains(other) || other.contains(prefix)) && (prefix != other || Some(messages) != of)
        };
        if let Some((other, there, _)) = taken.iter().find(|(_, other, of)| clashes(other, *of)) {
            broken.push(format!(
                "{name} ({:?}) and {other} ({:?}) must lie apart, or readers would take the rows of one for those of the other: \
                 change one of them",
                prefix.as_str(),
                there.as_str(),
            ));
        }
        taken.push((name, prefix.clone(), Some(messages)));
    }
}
