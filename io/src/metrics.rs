//! What the sink counts and measures. docs/operations.md says what each means to an operator.

mod reasons;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};

pub use reasons::{ByReason, PoisonReason};

/// Handles of every metric, registered once. Cloned into the tasks that use them.
#[derive(Clone)]
#[expect(missing_docs, reason = "the texts are the metrics' own descriptions, below")]
pub struct Metrics {
    pub fetched: Counter,
    pub redelivered: Counter,
    pub poison: ByReason,
    pub unknown_fields: Counter,
    pub empty: Empties,
    pub acked: Counter,
    pub nacked: Counter,
    pub terminated: Counter,
    pub superseded: Counter,
    pub progress: Counter,
    pub settle_errors: Counter,
    pub settle_failures: Counter,
    pub void: Counter,
    pub fetch_errors: Counter,
    pub log_lines_dropped: Counter,
    pub writes: ByOutcome,
    pub batch_rows: Histogram,
    pub flush_seconds: Histogram,
    pub encode_seconds: Histogram,
    pub upload_seconds: Histogram,
    pub buffered_messages: Gauge,
    pub buffered_bytes: Gauge,
    pub open_partitions: Gauge,
    pub writes_in_flight: Gauge,
    pub writes_waiting: Gauge,
    pub unconfirmed: Gauge,
    pub holding: Gauge,
    pub pending: Gauge,
    pub ack_pending: Gauge,
    pub lag: Gauge,
    pub oldest_unstored: Gauge,
    pub expired: Counter,
    pub last_write: Gauge,
    pub ready: Ready,
}

/// Whether each part of the sink is ready: 1 or 0.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the text is the metric's own description, below")]
pub struct Ready {
    pub process: Gauge,
    pub nats: Gauge,
    pub consumer: Gauge,
    pub store: Gauge,
    pub acks: Gauge,
    pub decoding: Gauge,
}

/// Files, rows and bytes by how their write ended.
#[derive(Clone)]
#[expect(missing_docs, reason = "the texts are the metrics' own descriptions, below")]
pub struct ByOutcome {
    pub written: WriteCounters,
    pub failed: WriteCounters,
    pub unknown: WriteCounters,
}

/// Messages that hold nothing, by what they lack.
#[derive(Clone)]
#[expect(missing_docs, reason = "the text is the metric's own description, below")]
pub struct Empties {
    pub batch: Counter,
    pub body: Counter,
    pub marker: Counter,
}

/// What one kind of ended writes adds up to.
#[derive(Clone)]
#[expect(missing_docs, reason = "the texts are the metrics' own descriptions, below")]
pub struct WriteCounters {
    pub files: Counter,
    pub rows: Counter,
    pub bytes: Counter,
}

const METADATA: Metadata<'static> = Metadata::new("warehouse_sink", Level::INFO, None);

/// Registers metrics with one recorder, so that name and description stand in one place.
struct Registry<'a>(&'a dyn Recorder);

impl Registry<'_> {
    fn counter(&self, name: &'static str, unit: Unit, text: &'static str) -> Counter {
        self.0.describe_counter(KeyName::from(name), Some(unit), SharedString::from(text));
        self.0.register_counter(&Key::from_static_name(name), &METADATA)
    }

    fn gauge(&self, name: &'static str, unit: Unit, text: &'static str) -> Gauge {
        self.0.describe_gauge(KeyName::from(name), Some(unit), SharedString::from(text));
        self.0.register_gauge(&Key::from_static_name(name), &METADATA)
    }

    fn histogram(&self, name: &'static str, unit: Unit, text: &'static str) -> Histogram {
        self.0.describe_histogram(KeyName::from(name), Some(unit), SharedString::from(text));
        self.0.register_histogram(&Key::from_static_name(name), &METADATA)
    }

    /// Describes a counter with one label; gives what registers the counter of each of its values.
    fn counters(
        &self,
        name: &'static str,
        label: &'static str,
        text: &'static str,
    ) -> impl Fn(&'static str) -> Counter {
        self.0.describe_counter(KeyName::from(name), Some(Unit::Count), SharedString::from(text));
        move |value| {
            let key = Key::from_parts(name, vec![Label::from_static_parts(label, value)]);
            self.0.register_counter(&key, &METADATA)
        }
    }

    fn empties(&self) -> Empties {
        let counter = self.counters(
            "warehouse_sink_empty_messages_total",
            "kind",
            "Deliveries that hold nothing, by kind: a batch without elements, a message without a body, or a marker of something deleted",
        );
        Empties { batch: counter("batch"), body: counter("body"), marker: counter("marker") }
    }

    fn by_reason(&self) -> ByReason {
        let counter = self.counters(
            "warehouse_sink_messages_poison_total",
            "reason",
            "Deliveries that could not be decoded, in whole or in part, by the first reason",
        );
        ByReason {
            undecodable: counter("undecodable"),
            misfit: counter("misfit"),
            time: counter("time"),
            too_large: counter("too_large"),
            empty: counter("empty"),
            no_route: counter("no_route"),
            unreadable: counter("unreadable"),
        }
    }

    fn writes(&self, outcome: &'static str) -> WriteCounters {
        let counter = |name: &'static str| {
            let key = Key::from_parts(name, vec![Label::from_static_parts("outcome", outcome)]);
            self.0.register_counter(&key, &METADATA)
        };
        WriteCounters {
            files: counter("warehouse_sink_files_total"),
            rows: counter("warehouse_sink_rows_total"),
            bytes: counter("warehouse_sink_bytes_total"),
        }
    }

    fn ready(&self) -> Ready {
        const NAME: &str = "warehouse_sink_ready";
        let text = "Whether a part is ready, 1 or 0: process, nats, consumer, store, acks, decoding";
        self.0.describe_gauge(KeyName::from(NAME), Some(Unit::Count), SharedString::from(text));
        let part = |part: &'static str| {
            let key = Key::from_parts(NAME, vec![Label::from_static_parts("part", part)]);
            self.0.register_gauge(&key, &METADATA)
        };
        Ready {
            process: part("process"),
            nats: part("nats"),
            consumer: part("consumer"),
            store: part("store"),
            acks: part("acks"),
            decoding: part("decoding"),
        }
    }

    fn by_outcome(&self) -> ByOutcome {
        let describe = |name: &'static str, unit, text: &'static str| {
            self.0.describe_counter(KeyName::from(name), Some(unit), SharedString::from(text));
        };
        describe(
            "warehouse_sink_files_total",
            Unit::Count,
            "Write attempts that ended, by outcome; written is one file each",
        );
        describe("warehouse_sink_rows_total", Unit::Count, "Rows in write attempts that ended, by outcome");
        describe("warehouse_sink_bytes_total", Unit::Bytes, "Encoded bytes in write attempts that ended, by outcome");
        ByOutcome { written: self.writes("written"), failed: self.writes("failed"), unknown: self.writes("unknown") }
    }
}

impl Metrics {
    /// Registers every metric with the recorder. What is not known yet is NaN.
    pub fn register(recorder: &dyn Recorder) -> Self {
        let metrics = Self::registered(&Registry(recorder));
        metrics.last_write.set(f64::NAN);
        metrics.forget_consumer();
        metrics
    }

    /// Shows that it is not known how the consumer is.
    pub fn forget_consumer(&self) {
        for gauge in [&self.pending, &self.ack_pending, &self.lag, &self.oldest_unstored] {
            gauge.set(f64::NAN);
        }
    }

    fn registered(r: &Registry<'_>) -> Self {
        Metrics {
            fetched: r.counter(
                "warehouse_sink_messages_fetched_total",
                Unit::Count,
                "Deliveries taken from the consumer",
            ),
            redelivered: r.counter(
                "warehouse_sink_messages_redelivered_total",
                Unit::Count,
                "Deliveries that were not their message's first",
            ),
            poison: r.by_reason(),
            unknown_fields: r.counter(
                "warehouse_sink_unknown_fields_total",
                Unit::Count,
                "Fields of delivered messages that the schema does not know",
            ),
            empty: r.empties(),
            acked: r.counter(
                "warehouse_sink_messages_acked_total",
                Unit::Count,
                "Deliveries acked and confirmed, their rows stored",
            ),
            nacked: r.counter(
                "warehouse_sink_messages_nacked_total",
                Unit::Count,
                "Deliveries given back to be delivered again",
            ),
            terminated: r.counter(
                "warehouse_sink_messages_terminated_total",
                Unit::Count,
                "Deliveries of poison terminated, the message stored as a dead letter",
            ),
            superseded: r.counter(
                "warehouse_sink_messages_superseded_total",
                Unit::Count,
                "Deliveries replaced by a newer delivery of the message while it was held",
            ),
            progress: r.counter(
                "warehouse_sink_progress_acks_total",
                Unit::Count,
                "Progress acks sent to keep held deliveries alive",
            ),
            settle_errors: r.counter(
                "warehouse_sink_settle_errors_total",
                Unit::Count,
                "Naks that the server is not known to have got, and that are not sent again",
            ),
            settle_failures: r.counter(
                "warehouse_sink_settle_failures_total",
                Unit::Count,
                "Rounds of settlements that the server did not confirm; their acks and terms are sent again",
            ),
            void: r.counter(
                "warehouse_sink_settlements_void_total",
                Unit::Count,
                "Acks, naks and terms that were not sent: their consumer, their stream or their message is no more",
            ),
            fetch_errors: r.counter(
                "warehouse_sink_fetch_errors_total",
                Unit::Count,
                "Pull requests that failed or were cut",
            ),
            log_lines_dropped: r.counter(
                "warehouse_sink_log_lines_dropped_total",
                Unit::Count,
                "Log lines dropped because standard error was not read in time",
            ),
            writes: r.by_outcome(),
            batch_rows: r.histogram("warehouse_sink_batch_rows", Unit::Count, "Rows of each batch that is written"),
            flush_seconds: r.histogram(
                "warehouse_sink_flush_seconds",
                Unit::Seconds,
                "From a batch's first message to its ack",
            ),
            encode_seconds: r.histogram("warehouse_sink_encode_seconds", Unit::Seconds, "Encoding a batch"),
            upload_seconds: r.histogram(
                "warehouse_sink_upload_seconds",
                Unit::Seconds,
                "One write attempt, whatever its outcome",
            ),
            buffered_messages: r.gauge(
                "warehouse_sink_buffered_messages",
                Unit::Count,
                "Messages held: buffered or being written",
            ),
            buffered_bytes: r.gauge("warehouse_sink_buffered_bytes", Unit::Bytes, "Bytes of the messages held"),
            open_partitions: r.gauge("warehouse_sink_open_partitions", Unit::Count, "Batches that are filling"),
            writes_in_flight: r.gauge("warehouse_sink_writes_in_flight", Unit::Count, "Writes that run now"),
            writes_waiting: r.gauge(
                "warehouse_sink_writes_waiting",
                Unit::Count,
                "Closed batches that wait for a write slot or their next attempt",
            ),
            unconfirmed: r.gauge(
                "warehouse_sink_unconfirmed_settlements",
                Unit::Count,
                "Acks, naks and terms that the server has not confirmed",
            ),
            holding: r.gauge(
                "warehouse_sink_holding",
                Unit::Count,
                "Whether messages that can't be decoded are given back instead of being terminated, 1 or 0",
            ),
            pending: r.gauge(
                "warehouse_sink_consumer_pending",
                Unit::Count,
                "Messages of the stream not yet delivered",
            ),
            ack_pending: r.gauge(
                "warehouse_sink_consumer_ack_pending",
                Unit::Count,
                "Messages delivered and not yet settled",
            ),
            lag: r.gauge(
                "warehouse_sink_lag_messages",
                Unit::Count,
                "Messages in the stream that are not stored: not delivered, or delivered and not settled, over all replicas",
            ),
            oldest_unstored: r.gauge(
                "warehouse_sink_oldest_unstored_seconds",
                Unit::Seconds,
                "Age of the oldest message in the stream that is not stored",
            ),
            expired: r.counter(
                "warehouse_sink_messages_expired_total",
                Unit::Count,
                "Messages that the stream's limits deleted before they were delivered, so far as that is certain",
            ),
            last_write: r.gauge(
                "warehouse_sink_last_write_timestamp_seconds",
                Unit::Seconds,
                "When this process last stored a file, in seconds since the Unix epoch; NaN before the first",
            ),
            ready: r.ready(),
        }
    }

    /// Metrics that go nowhere.
    pub fn noop() -> Self {
        Self::register(&metrics::NoopRecorder)
    }
}
