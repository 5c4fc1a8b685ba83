//! What is worked out from several settings, and the machine's own configuration.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use warehouse_sink_core::{Backoff, Config};
use warehouse_sink_io::bodiless::WithoutBody;
use warehouse_sink_io::driver;
use warehouse_sink_io::encode::EncodeConfig;
use warehouse_sink_io::parts::PART_BYTES;
use warehouse_sink_io::schema::StreamSchema;
use warehouse_sink_io::source::nats::{Api, Login, Mark, NatsConfig, Secret as Place, Tls, digest};
use warehouse_sink_proto::{ColumnOptions, PartitionTime, PayloadColumns, TimeUnit};

use super::keys::{Nats, Schema, Settings};
use super::percent::Percent;
use super::routes::{Messages, Routes};
use super::schema_types::Format;
use super::types::{ColumnNames, Prefix, Secret};

/// The shortest ack wait that is derived: shorter ones gain little and make the server impatient with a loaded replica.
const SHORTEST_DERIVED_ACK_WAIT: Duration = Duration::from_secs(30);
/// The buffer for events that small batches get anyway. Four fifths of it are for batches that fill: sixteen partitions at 10,000 events each. A
/// thousand get files of some 250 events.
const LEAST_DERIVED_BUFFER: usize = 200_000;
/// Whatever the server holds un-acked can come again. Beyond that, after the consumer was deleted, all that was acked above the
/// ack floor that was last seen, which stands below the oldest message that is held. This takes about 20 MiB.
const LEAST_REMEMBERED: usize = 500_000;
/// The bytes that small batches get anyway. The process stays under 256 MiB with this, even where events can't be compressed and
/// each is held as a message and once more in an encoded file.
const LEAST_DERIVED_BYTES: u64 = 64 * 1024 * 1024;
/// What the subjects of the built-in events begin with.
const EVENT_SUBJECTS: &str = "events.>";
/// The limit on un-acked messages is shared by all replicas. This many can fill their buffers before it holds one up.
const REPLICAS: usize = 4;

impl Settings {
    /// The subjects that the consumer is limited to: the setting, or derived from the schema; none for all of the stream's.
    pub fn filter_subjects(&self) -> Vec<String> {
        match (&self.nats.filter_subjects, self.schema.format) {
            (Some(subjects), _) => subjects.as_slice().to_vec(),
            (None, Format::CausalityV1) => vec![EVENT_SUBJECTS.to_owned()],
            (None, _) => Vec::new(),
        }
    }

    /// How long the server waits for a sign of life: the setting, or derived from the flush interval.
    pub fn ack_wait(&self) -> Duration {
        self.nats.ack_wait.unwrap_or(self.batch.flush_interval.max(SHORTEST_DERIVED_ACK_WAIT))
    }

    /// How many messages the server lets be un-acked: the setting, or derived from the buffer.
    pub fn max_ack_pending(&self) -> usize {
        let asked_for = self.nats.worker_count.get().saturating_mul(self.nats.fetch_batch_size.get());
        let derived = self.max_buffered_events().saturating_add(asked_for).saturating_mul(REPLICAS);
        self.nats.max_ack_pending.map_or(derived, NonZeroUsize::get)
    }

    /// How many events are held over all batches: the setting, or derived from the size of a batch.
    pub fn max_buffered_events(&self) -> usize {
        let derived = self.batch.max_events.get().saturating_mul(2).max(LEAST_DERIVED_BUFFER);
        self.batch.max_buffered_events.map_or(derived, NonZeroUsize::get)
    }

    /// How many bytes of messages are held over all batches: the setting, or derived from the size of a batch.
    pub fn max_buffered_bytes(&self) -> ByteSize {
        let derived = self.batch.max_bytes.as_u64().saturating_mul(2).max(LEAST_DERIVED_BYTES);
        self.batch.max_buffered_bytes.unwrap_or(ByteSize::b(derived))
    }

    /// What a dead letter's key begins with: the setting, or derived from the events' prefix.
    pub fn dead_letter_prefix(&self) -> Prefix {
        self.dead_letter.prefix.clone().unwrap_or_else(|| self.storage.prefix.with_suffix("-dead-letter"))
    }

    /// The machine's limits and delays. Replicas should give different seeds, so that their retries fall apart.
    pub fn machine_config(&self, jitter_seed: u64) -> Config {
        let (batch, storage) = (&self.batch, &self.storage);
        Config {
            stream: self.nats.stream.as_str().to_owned(),
            max_batch_rows: batch.max_events.get(),
            max_batch_bytes: batch.max_bytes.as_u64(),
            flush_interval: batch.flush_interval,
            max_messages: self.max_buffered_events(),
            max_bytes: self.max_buffered_bytes().as_u64(),
            max_ack_pending: self.max_ack_pending(),
            max_open_partitions: batch.max_open_partitions.get(),
            max_concurrent_writes: storage.max_concurrent_writes.get(),
            max_write_attempts: storage.max_write_attempts.get(),
            retry: Backoff { initial: storage.retry_initial, max: storage.retry_max },
            nak: Backoff { initial: storage.nak_initial, max: storage.nak_max },
            ack_wait: self.ack_wait(),
            dead_letter: self.dead_letter.enabled,
            hold_after: self.dead_letter.hold_after,
            hold_share: self.dead_letter.hold_share.map(Percent::get),
            max_remembered: self.max_ack_pending().max(LEAST_REMEMBERED),
            jitter_seed,
        }
    }

    /// What the driver needs to know beside the machine's configuration.
    pub fn driver_options(&self, jitter_seed: u64) -> driver::Options {
        driver::Options {
            worker_count: self.nats.worker_count.get(),
            fetch_batch_size: self.nats.fetch_batch_size.get(),
            write_timeout: self.storage.write_timeout,
            shutdown_timeout: self.shutdown.timeout,
            jitter_seed,
        }
    }

    /// What becomes of messages without a body.
    pub fn without_body(&self) -> WithoutBody {
        WithoutBody { markers: self.schema.on_marker, others: self.schema.on_empty_body }
    }

    /// What the keys of files with rows begin with: the routes' prefixes, or the one of all.
    pub fn row_prefixes(&self) -> BTreeSet<&str> {
        match &self.schema.route {
            Some(routes) => routes.as_slice().iter().map(|route| route.prefix.as_str()).collect(),
            None => [self.storage.prefix.as_str()].into(),
        }
    }

    /// Whether a message may make more than one row, or none.
    pub fn explodes(&self) -> bool {
        let of_routes = self.schema.route.iter().flat_map(Routes::as_slice);
        self.schema.explode.is_some() || of_routes.into_iter().any(|route| route.explode.is_some())
    }

    /// The columns that get a bloom filter.
    pub fn bloom_filter_columns(&self) -> &[String] {
        self.parquet.bloom_filter_columns.as_ref().map_or(&[], ColumnNames::as_slice)
    }

    /// The columns that the rows of a file are sorted by.
    pub fn sort_by(&self) -> &[String] {
        self.parquet.sort_by.as_ref().map_or(&[], ColumnNames::as_slice)
    }

    fn row_group_bytes(&self) -> NonZeroUsize {
        let bytes = usize::try_from(self.parquet.row_group_bytes.as_u64()).unwrap_or(usize::MAX);
        NonZeroUsize::new(bytes).unwrap_or(NonZeroUsize::MAX)
    }

    /// What files depend on besides their rows.
    pub fn encode_config(&self) -> EncodeConfig {
        EncodeConfig {
            compression: self.parquet.compression,
            row_group_rows: self.parquet.row_group_rows,
            row_group_bytes: self.row_group_bytes(),
            part_bytes: PART_BYTES,
            partition_columns_in_file: self.parquet.partition_columns_in_file,
            encodings: self.parquet.encodings,
            bloom_filter_columns: self.bloom_filter_columns().to_vec(),
            sort_by: self.sort_by().to_vec(),
            stream: self.nats.stream.as_str().to_owned(),
            consumer: self.nats.consumer.as_str().to_owned(),
            prefix: self.storage.prefix.as_str().to_owned(),
            dead_letter_prefix: self.dead_letter_prefix().as_str().to_owned(),
        }
    }

    /// Where files go, in words: what tells two stores apart, and no secret.
    pub fn destination(&self) -> String {
        const PLACES: [&str; 6] = ["account_name", "bucket", "container", "filesystem", "endpoint", "root"];
        let options = self.storage.options.expose();
        let mut text = self.storage.service.as_str().to_owned();
        for place in PLACES {
            if let Some(value) =
                options.get(place).map(|value| place_of(place, value)).filter(|value| !value.is_empty())
            {
                text.push_str(&format!(" {place}={value}"));
            }
        }
        // The prefixes of routes are told with the schema: one more is no other destination.
        if self.schema.route.is_none() {
            text.push_str(&format!(" prefix={}", self.storage.prefix.as_str()));
        }
        text
    }

    /// As [`Settings::nats_config`], for who reads the consumer and writes files of these messages.
    pub fn sink_config(&self, schema: &StreamSchema) -> NatsConfig {
        let columns = ColumnOptions { partition_columns_in_file: self.parquet.partition_columns_in_file };
        let mark = Mark {
            destination: self.destination(),
            schema: digest(&schema.described(&columns)),
            moved_from: self.nats.moved_from.clone(),
        };
        NatsConfig { mark: Some(mark), ..self.nats_config() }
    }

    /// Where the stream is, and what its consumer is to be like.
    pub fn nats_config(&self) -> NatsConfig {
        let nats = &self.nats;
        NatsConfig {
            urls: nats.url.addresses(),
            login: login(nats),
            tls: Tls {
                required: nats.tls_required,
                ca_file: nats.tls_ca_file.clone(),
                client: nats.tls_cert_file.clone().zip(nats.tls_key_file.clone()),
            },
            api: match (&nats.jetstream_domain, &nats.api_prefix) {
                (Some(domain), _) => Api::Domain(domain.as_str().to_owned()),
                (None, Some(prefix)) => Api::Prefix(prefix.as_str().to_owned()),
                (None, None) => Api::Default,
            },
            stream: nats.stream.as_str().to_owned(),
            consumer: nats.consumer.as_str().to_owned(),
            filter_subjects: self.filter_subjects(),
            ack_wait: self.ack_wait(),
            max_ack_pending: self.max_ack_pending() as u64,
            max_messages: self.max_buffered_events() as u64,
            mark: None,
        }
    }
}

impl Schema {
    /// Whether the events of `causality.v1` are stored in another way than by default.
    pub fn events_are_a_table(&self) -> bool {
        let by_app = self.partition_by.as_ref().is_none_or(|fields| fields.as_slice() == ["app_id"]);
        let by_default = by_app
            && self.event_time.as_ref().is_none_or(|field| field == "timestamp_ms")
            && self.event_time_unit == TimeUnit::Millis
            && self.partition_time == PartitionTime::Hour
            && self.payload == PayloadColumns::Json;
        self.format == Format::CausalityV1 && !by_default
    }

    /// Whether some of the messages are protobuf of a type of one's own.
    pub fn has_protobuf(&self) -> bool {
        match &self.route {
            Some(routes) => routes.as_slice().iter().any(|route| matches!(route.messages, Messages::Protobuf(_))),
            None => self.format == Format::Protobuf,
        }
    }
}

/// The one way to log in; that there are not two is a rule.
fn login(nats: &Nats) -> Login {
    let password = secret(("nats.password", &nats.password), ("nats.password_file", &nats.password_file));
    let token = secret(("nats.token", &nats.token), ("nats.token_file", &nats.token_file));
    let seed = secret(("nats.nkey_seed", &nats.nkey_seed), ("nats.nkey_seed_file", &nats.nkey_seed_file));
    if let Some((name, password)) = nats.username.clone().zip(password) {
        Login::User { name, password }
    } else if let Some(token) = token {
        Login::Token(token)
    } else if let Some(seed) = seed {
        Login::Nkey(seed)
    } else if let Some(file) = &nats.credentials_file {
        Login::Credentials(file.clone())
    } else {
        nats.url.login()
    }
}

/// One place, however it is written.
fn place_of(option: &str, value: &str) -> String {
    let value = value.trim().trim_end_matches('/');
    match option {
        "endpoint" => {
            let host = value.split_once("://").map_or(value, |(_, rest)| rest);
            host.rsplit_once('@').map_or(host, |(_, host)| host).to_ascii_lowercase()
        }
        _ => value.to_owned(),
    }
}

type Named<'a, T> = (&'static str, &'a Option<T>);

fn secret(text: Named<'_, Secret>, file: Named<'_, PathBuf>) -> Option<Place> {
    let from_text = text.1.as_ref().map(|secret| Place::text(text.0, secret.expose()));
    from_text.or_else(|| file.1.as_ref().map(|path| Place::file(file.0, path)))
}
