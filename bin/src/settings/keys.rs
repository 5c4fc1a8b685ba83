//! The one list of settings. A line here is all that a new setting needs; `UPDATE_DOCS=1 cargo test -p warehouse-sink`
//! then writes it into the reference.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use warehouse_sink_io::encode::{Compression, Encodings};
use warehouse_sink_proto::{Empty, PartitionTime, PayloadColumns, TimeUnit};

use super::address::{ListenAddress, NatsUrls};
use super::percent::Percent;
use super::problem::Origins;
use super::reader::Reader;
use super::routes::Routes;
use super::schema_types::{Fields, Format, Headers, Paths, UnknownFields};
use super::table::Default::{Derived, Unset, Value as Is};
use super::table::{Key, Section, settings};
use super::types::{ColumnNames, LogFilter, LogFormat, Name, Options, Prefix, Secret, Service, Subject, Subjects};
use super::value::Value;

settings! {
    /// Where the events come from.
    nats: Nats {
        /// The servers: one URL, several with commas between them, or an array. `tls://` demands TLS. A login, `user:password@` or
        /// `token@`, counts for all servers.
        url: NatsUrls = Is("nats://127.0.0.1:4222"), legacy "NATS_URL";
        /// The stream that holds the events.
        stream: Name = Is("CAUSALITY_EVENTS"), legacy "NATS_STREAM_NAME";
        /// The durable pull consumer. It is created when it is missing and checked when it is there. Replicas share it.
        consumer: Name = Is("warehouse-sink"), legacy "CONSUMER_NAME";
        /// The subjects that the consumer is limited to. A filter that no subject of the stream fits is refused.
        filter_subjects: Option<Subjects> = Derived("`events.>` with `schema.format = \"causality.v1\"`; else every subject of the stream");
        /// The digest of another destination that the consumer was used to write to, and is taken over from: the message that refuses the
        /// consumer has it. See [operations](operations.md#one-consumer-one-destination).
        moved_from: Option<String> = Unset;
        /// Fetchers that pull in parallel. One alone would wait for the server while it decodes nothing, and the server for it.
        worker_count: NonZeroUsize = Is("2"), legacy "WORKER_COUNT" "BATCH_WORKER_COUNT";
        /// Messages that one fetch asks for at most. A fetcher that is alone waits for the server after each.
        fetch_batch_size: NonZeroUsize = Is("500"), legacy "FETCH_BATCH_SIZE" "BATCH_FETCH_BATCH_SIZE";
        /// How long the server waits for a sign of life before it delivers a message again. Messages that wait for
        /// their file get progress acks well within it, so it bounds how soon another replica takes over from a crashed one.
        ack_wait: Option<Duration> = Derived("the greater of `30s` and `batch.flush_interval`");
        /// Messages that the server lets be un-acked over all replicas; no more are delivered beyond it.
        max_ack_pending: Option<NonZeroUsize> =
            Derived("four times `batch.max_buffered_events` and what the fetchers ask for");
        /// How long the server and the stream may be away, or refuse, when the process starts, before it says why and ends. Once it
        /// runs it waits for ever.
        startup_timeout: Duration = Is("10s");
        /// A user name; `password` or `password_file` goes with it.
        username: Option<String> = Unset;
        /// The password of `username`.
        password: Option<Secret> = Unset;
        /// A file that holds the password.
        password_file: Option<PathBuf> = Unset;
        /// An authentication token.
        token: Option<Secret> = Unset;
        /// A file that holds the token.
        token_file: Option<PathBuf> = Unset;
        /// The seed of an nkey, which begins with `SU`.
        nkey_seed: Option<Secret> = Unset;
        /// A file that holds the seed.
        nkey_seed_file: Option<PathBuf> = Unset;
        /// A `.creds` file with a user's JWT and seed.
        credentials_file: Option<PathBuf> = Unset;
        /// The domain of the JetStream that holds the stream, where it is not the server's own: beyond a leaf node.
        jetstream_domain: Option<Name> = Unset;
        /// The subject under which the account imports JetStream's API from another account; `$JS.API` without it.
        api_prefix: Option<Subject> = Unset;
        /// A PEM file with authorities to trust instead of the system's.
        tls_ca_file: Option<PathBuf> = Unset;
        /// A PEM file with the client's certificate; `tls_key_file` goes with it.
        tls_cert_file: Option<PathBuf> = Unset;
        /// A PEM file with the client certificate's private key.
        tls_key_file: Option<PathBuf> = Unset;
        /// Refuse to talk to a server without TLS.
        tls_required: bool = Is("false");
    }

    /// What the messages are, and how their rows are spread over folders: see [schemas](schemas.md).
    schema: Schema {
        /// `causality.v1`, the events that are built in, `protobuf`: messages of the type that `message` names, or `json`: documents with
        /// the columns that `columns` declares.
        format: Format = Is("causality.v1");
        /// A compiled descriptor set with the message and all that it imports: `protoc --include_imports --descriptor_set_out`, or
        /// `buf build`.
        descriptor_set: Option<PathBuf> = Unset;
        /// `.proto` files, compiled at the start, instead of a descriptor set.
        proto_files: Option<Paths> = Unset;
        /// The folders that imports are searched in.
        include: Option<Paths> = Derived("the folders of `proto_files`");
        /// The full name of the message, such as `shop.v1.Order`.
        message: Option<String> = Unset;
        /// The columns of JSON documents, such as `id: int64 required, tags: list<string>`: see [JSON](json.md).
        columns: Option<String> = Unset;
        /// How many levels of a message that holds itself are columns. What lies deeper is JSON text.
        recursion_depth: NonZeroUsize = Is("2");
        /// For `causality.v1`: the payload as JSON text, `json`, as native columns, a struct for each kind of payload, `native`, or as
        /// `both`. See [schemas](schemas.md#the-events-of-causalityv1).
        payload: PayloadColumns = Is("json");
        /// The fields that make folders, in their order. A field of a message is named by its path, such as `device.platform`.
        partition_by: Option<Fields> = Derived("`app_id` for `causality.v1`, none for others");
        /// The field that says when the event happened: a timestamp or a whole number. For `causality.v1` also `nats_published_at`, the
        /// time of publishing.
        event_time: Option<String> = Derived("`timestamp_ms` for `causality.v1`, the time of publishing for others");
        /// The unit of a time that is a number: `s`, `ms`, `us` or `ns` since the Unix epoch.
        event_time_unit: TimeUnit = Is("ms");
        /// The unit of event time, in UTC, that has a folder of its own: `hour`, `day`, `month` or `none`.
        partition_time: PartitionTime = Is("hour");
        /// `[[schema.route]]`: messages of several types, by their subjects, instead of `message` or `columns`: see [schemas](schemas.md#several-types).
        route: Option<Routes> = Unset;
        /// A repeated field of messages whose elements become rows, each with the other fields beside it: for messages that are batches.
        explode: Option<String> = Unset;
        /// What becomes of a batch without elements, which makes no row: `dead_letter` stores it as a dead letter, `row` makes a row of what
        /// stands around the elements, `drop` acks it. A producer that renames the field sends nothing else: see
        /// [schemas](schemas.md#batches).
        on_empty_batch: Empty = Is("dead_letter");
        /// What becomes of a message without a body: `dead_letter`, `row`, which reads it as any other, or `drop`. See
        /// [schemas](schemas.md#messages-without-a-body).
        on_empty_body: Empty = Is("dead_letter");
        /// What becomes of a marker that something was deleted, which has no body: with the header `KV-Operation` or `Nats-Marker-Reason`.
        /// `drop`, `dead_letter` or `row`.
        on_marker: Empty = Is("drop");
        /// What becomes of fields that the schema does not know: `skip` counts them, `keep` stores them in a column as well.
        unknown_fields: UnknownFields = Is("skip");
        /// Store the subject in a column, `nats_subject`.
        subject_column: bool = Is("false");
        /// Headers that are stored in columns, each its first value: `X-Tenant` in `nats_header_x_tenant`.
        header_columns: Option<Headers> = Unset;
    }

    /// When a batch becomes a file, and how much may be held in memory meanwhile. A batch is what goes into one file:
    /// the events of one app in one UTC hour.
    batch: Batch {
        /// A batch is written when it has this many events.
        max_events: NonZeroUsize = Is("10000"), legacy "BATCH_MAX_EVENTS";
        /// A batch is written before the messages in it exceed this size, counted as they come over the wire.
        max_bytes: ByteSize = Is("16MiB");
        /// A batch is written this long after its first event came. Shorter means fresher data and smaller files.
        flush_interval: Duration = Is("5m"), legacy "BATCH_FLUSH_INTERVAL";
        /// Events held over all batches, those being written too. At the limit, fetching pauses. At least twice `max_events`.
        max_buffered_events: Option<NonZeroUsize> = Derived("the greater of `200000` and twice `max_events`");
        /// Bytes of messages held over all batches, by the same rule. At least twice `max_bytes`.
        max_buffered_bytes: Option<ByteSize> = Derived("the greater of `64MiB` and twice `max_bytes`");
        /// Batches that are filled at the same time. Beyond it, the oldest or largest is written early, so that late or
        /// hostile data costs small files and never memory.
        max_open_partitions: NonZeroUsize = Is("1000");
    }

    /// Where the files go.
    storage: Storage {
        /// The storage service by OpenDAL's name: `s3` for S3 and anything that speaks it, `gcs` for Google Cloud Storage, `azblob` for
        /// Azure Blob Storage, `fs` for a local folder; [more](stores.md) with other cargo features.
        service: Service = Is("s3");
        /// What every file's key begins with. Empty means none.
        prefix: Prefix = Is("events"), legacy "S3_PREFIX";
        /// Files that are encoded and written at the same time.
        max_concurrent_writes: NonZeroUsize = Is("4");
        /// How long one attempt at writing a file may take; of a file that is sent in parts while it is encoded, how long it may go without
        /// the store taking another part.
        write_timeout: Duration = Is("60s");
        /// Attempts at writing one file before its messages are given back to the stream with a delayed nak.
        max_write_attempts: NonZeroU32 = Is("10");
        /// The delay before the second attempt. It doubles with every attempt, with jitter.
        retry_initial: Duration = Is("500ms");
        /// The longest delay between two attempts.
        retry_max: Duration = Is("30s");
        /// The delay of the first nak of a message. It doubles with every delivery, with jitter.
        nak_initial: Duration = Is("5s");
        /// The longest delay of a nak.
        nak_max: Duration = Is("5m");
        /// A PEM file with the authorities that may have signed the store's certificate, instead of the system's.
        tls_ca_file: Option<PathBuf> = Unset;
        /// The service's own settings, by their OpenDAL names, each with `_file` after it for a file that holds the value: see
        /// [storage options](#storage-options).
        options: Options = Unset;
    }

    /// How the files are written.
    parquet: Parquet {
        /// `zstd`, `snappy`, `gzip`, `lz4` or `none`; `zstd` and `gzip` take a level, as in `zstd(3)`. With these two, columns that Parquet packs
        /// itself (dictionaries of names, differences of numbers, booleans) have `snappy`, for nothing is left to gain.
        compression: Compression = Is("zstd"), legacy "PARQUET_COMPRESSION";
        /// Rows in one row group at most.
        row_group_rows: NonZeroUsize = Is("1000000");
        /// Bytes of one row group at most, as they are encoded. On S3, local files and stores that are like S3 it bounds what is held of a file
        /// that is sent while it is encoded: see [stores](stores.md#uploads-in-parts).
        row_group_bytes: ByteSize = Is("16MiB");
        /// Write what makes folders, such as `app_id`, `year`, `month`, `day` and `hour`, into the files as well; the path always has
        /// it.
        partition_columns_in_file: bool = Is("false");
        /// `compact` or `compatible`. Compact files are smaller; some readers can't read them, and old ones of others: see
        /// [readers](readers.md#encodings).
        encodings: Encodings = Is("compact");
        /// Columns that get a bloom filter, with which a reader that looks for one value skips files and row groups that don't have it.
        bloom_filter_columns: Option<ColumnNames> = Unset;
        /// Columns that the rows of each file are sorted by, ascending, nulls last, so that a reader that looks for some of their values reads
        /// few pages: see [sorted files](operations.md#sorted-files).
        sort_by: Option<ColumnNames> = Unset;
    }

    /// What becomes of messages that can't be decoded.
    dead_letter: DeadLetter {
        /// Store them, byte for byte, before they are terminated. Without it they are terminated and gone.
        enabled: bool = Is("true");
        /// So many poison messages since the start, and none that could be decoded: then the schema is wrong, not the messages. Poison is *held*:
        /// it is given back, none is terminated, and the sink is not ready, until something can be decoded. `0` for never. See
        /// [operations](operations.md#poison-is-held).
        hold_after: usize = Is("1000");
        /// Once something was decoded: poison is held, too, while more than this share of the new messages can't be decoded, such as `20%`, judged by
        /// `hold_after` messages at a time. Good messages are written all the same.
        hold_share: Option<Percent> = Unset;
        /// What a dead letter's key begins with. It must lie outside `storage.prefix`, where readers look for events.
        prefix: Option<Prefix> = Derived("`storage.prefix` with `-dead-letter` after it");
    }

    /// What happens on SIGTERM, SIGINT or SIGQUIT.
    shutdown: Shutdown {
        /// How long writes may take before what is left is given back to the stream and the exit code is 3.
        timeout: Duration = Is("60s"), legacy "SHUTDOWN_TIMEOUT";
    }

    /// How the service is seen.
    observability: Observability {
        /// The address for `/metrics`, `/health` and `/ready`. `:9090` is port 9090 on every interface.
        metrics_addr: ListenAddress = Is(":9090"), legacy "METRICS_ADDR";
        /// `error`, `warn`, `info`, `debug`, `trace` or `off`, with exceptions by module: `info,async_nats=warn`.
        log_level: LogFilter = Is("info"), legacy "LOG_LEVEL";
        /// `json` or `text`.
        log_format: LogFormat = Is("json"), legacy "LOG_FORMAT";
    }
}

/// The Go sink's variables that became storage options, read when `storage.service` is `s3`.
pub const LEGACY_OPTIONS: &[(&str, &str)] = &[
    ("S3_ENDPOINT", "endpoint"),
    ("S3_REGION", "region"),
    ("S3_BUCKET", "bucket"),
    ("S3_ACCESS_KEY_ID", "access_key_id"),
    ("S3_SECRET_ACCESS_KEY", "secret_access_key"),
];
