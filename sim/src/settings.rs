//! What a seed draws first: which faults exist at all, and the settings of everything.

use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use warehouse_sink_core::{Backoff, Config};
use warehouse_sink_jetstream_model::{ConsumerConfig, Start, StreamConfig};

use crate::{hold, time};

/// The largest message with everything around it, in bytes.
pub const MAX_MESSAGE: u64 = 1100;

/// The stream's name, which is in the names of objects.
pub(crate) const STREAM: &str = "EVENTS";

/// The settings of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The seed that they were drawn from. It goes on choosing what is published, how long everything takes, and who comes first.
    pub seed: u64,
    /// How many replicas share the consumer.
    pub replicas: usize,
    /// Fetchers of each process.
    pub workers: usize,
    /// Messages of a pull request.
    pub fetch_batch: usize,
    /// One attempt's time.
    #[serde(with = "time")]
    pub write_timeout: Duration,
    /// A shutdown's time.
    #[serde(with = "time")]
    pub shutdown_timeout: Duration,
    /// The most messages that the stream keeps.
    pub stream_max_messages: Option<usize>,
    /// The most messages that the stream keeps of a subject.
    #[serde(default)]
    pub stream_max_per_subject: Option<usize>,
    /// The consumer's max ack pending.
    pub max_ack_pending: Option<usize>,
    /// How many messages are published.
    pub messages: u64,
    /// How long the phase of faults is.
    #[serde(with = "time")]
    pub faults_for: Duration,
    /// A message takes between half of this and the whole to cross a link.
    #[serde(with = "time")]
    pub latency: Duration,
    /// The share of messages, in percent, that are poison.
    pub poison: u8,
    /// So many messages at the beginning are poison only, as where the schema is wrong.
    #[serde(default)]
    pub poison_first: u64,
    /// The share of messages, in percent, that hold several rows or none.
    pub many_rows: u8,
    /// How many partitions there are.
    pub partitions: u8,
    /// The machine's configuration; each process has a jitter of its own.
    #[serde(with = "MachineConfig")]
    pub machine: Config,
    /// How the store fails.
    pub store: StoreSettings,
    /// How often faults of each kind come.
    pub faults: FaultSettings,
    /// How many rows a part of an object has; without it, every object is one part.
    #[serde(default)]
    pub part_rows: Option<usize>,
}

/// [`Config`], as it is written in the files of plans.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Config", deny_unknown_fields)]
struct MachineConfig {
    stream: String,
    max_batch_rows: usize,
    max_batch_bytes: u64,
    #[serde(with = "time")]
    flush_interval: Duration,
    max_messages: usize,
    max_bytes: u64,
    /// Follows from [`Settings::max_ack_pending`].
    #[serde(skip, default = "unlimited")]
    max_ack_pending: usize,
    max_open_partitions: usize,
    max_concurrent_writes: usize,
    max_write_attempts: u32,
    #[serde(with = "BackoffConfig")]
    retry: Backoff,
    #[serde(with = "BackoffConfig")]
    nak: Backoff,
    #[serde(with = "time")]
    ack_wait: Duration,
    dead_letter: bool,
    #[serde(default)]
    hold_after: usize,
    #[serde(default)]
    hold_share: Option<u8>,
    max_remembered: usize,
    jitter_seed: u64,
}

fn unlimited() -> usize {
    usize::MAX
}

/// [`Backoff`], as it is written in the files of plans.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Backoff", deny_unknown_fields)]
struct BackoffConfig {
    #[serde(with = "time")]
    initial: Duration,
    #[serde(with = "time")]
    max: Duration,
}

/// How often the store fails in each way, in percent of puts.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of `fault::Fate`")]
pub struct StoreSettings {
    pub refused: u8,
    pub denied: u8,
    pub slow: u8,
    pub lost_before: u8,
    pub lost_after: u8,
    pub late: u8,
    pub torn: u8,
    pub silent: u8,
    /// In percent of encodings.
    pub breaks: u8,
}

/// How many faults of each kind a run has.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of `fault::Fault`")]
pub struct FaultSettings {
    pub kills: u32,
    pub kills_at_call: u32,
    pub kills_twice: u32,
    pub pauses: u32,
    pub stops: u32,
    pub second_signals: u32,
    pub cuts: u32,
    pub stalls: u32,
    pub store_cuts: u32,
    pub server_restarts: u32,
    pub forgets: bool,
    pub loses_tail: bool,
    pub clock_jumps: u32,
    pub consumer_deletes: u32,
    pub message_deletes: u32,
    pub consumer_edits: u32,
    pub consumer_refusals: u32,
    pub store_outages: u32,
    /// In tenths of a percent of all that crosses a link.
    pub lost: u32,
    /// The same.
    pub doubled: u32,
    /// The same.
    pub delays: u32,
}

impl Settings {
    /// What this seed draws.
    pub fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x5e77_1e55);
        let rng = &mut rng;
        let machine = machine(rng, seed);
        let replicas = 1 + usize::from(rng.bool()) + usize::from(rng.u8(..4) == 0);
        let max_ack_pending = rng.bool().then(|| machine.max_messages * replicas + rng.usize(0..8));
        let mut settings = Settings {
            seed,
            replicas,
            workers: 1 + rng.usize(..3),
            fetch_batch: 1 + rng.usize(..16),
            write_timeout: millis(rng, 500, 4_000),
            shutdown_timeout: millis(rng, 200, 8_000),
            stream_max_messages: (rng.u8(..12) == 0).then(|| rng.usize(20..60)),
            stream_max_per_subject: (rng.u8(..12) == 0).then(|| rng.usize(3..20)),
            max_ack_pending,
            messages: rng.u64(20..100),
            faults_for: millis(rng, 8_000, 30_000),
            latency: Duration::from_micros(rng.u64(400..30_000)),
            poison_first: 0,
            poison: if rng.bool() { rng.u8(1..20) } else { 0 },
            many_rows: if rng.bool() { rng.u8(5..50) } else { 0 },
            partitions: rng.u8(1..6),
            store: store(rng),
            faults: faults(rng),
            part_rows: (rng.u8(..3) > 0).then(|| 1 + rng.usize(..4)),
            machine,
        };
        settings.store.breaks = share(rng, 10);
        if rng.u8(..6) == 0 {
            settings.max_ack_pending = Some(1 + rng.usize(..settings.machine.max_messages));
        }
        hold::draw(&mut settings);
        settings
    }

    /// The machine's configuration.
    pub fn machine(&self) -> Config {
        Config { max_ack_pending: self.max_ack_pending.unwrap_or(usize::MAX), ..self.machine.clone() }
    }

    /// The same settings without any fault.
    pub fn calm(self) -> Self {
        Settings { store: StoreSettings::default(), faults: FaultSettings::default(), ..self }
    }

    /// The stream's limits.
    pub fn stream(&self) -> StreamConfig {
        StreamConfig { max_messages: self.stream_max_messages, max_per_subject: self.stream_max_per_subject }
    }

    /// The consumer as it is created.
    pub fn consumer(&self) -> ConsumerConfig {
        ConsumerConfig {
            ack_wait: self.machine.ack_wait,
            max_ack_pending: self.max_ack_pending,
            max_deliver: None,
            filter: None,
            start: Start::All,
        }
    }
}

fn millis(rng: &mut Rng, from: u64, to: u64) -> Duration {
    Duration::from_millis(rng.u64(from..to))
}

fn machine(rng: &mut Rng, seed: u64) -> Config {
    let max_batch_rows = 1 + rng.usize(..12);
    let max_batch_bytes = rng.u64(60..1500);
    Config {
        stream: STREAM.to_owned(),
        max_batch_rows,
        max_batch_bytes,
        flush_interval: millis(rng, 200, 6_000),
        max_messages: 2 * max_batch_rows + rng.usize(..20),
        max_bytes: (2 * max_batch_bytes).max(MAX_MESSAGE) + rng.u64(..2000),
        max_ack_pending: unlimited(),
        max_open_partitions: 1 + rng.usize(..5),
        max_concurrent_writes: 1 + rng.usize(..3),
        max_write_attempts: 1 + rng.u32(..4),
        retry: Backoff { initial: millis(rng, 50, 500), max: millis(rng, 500, 3_000) },
        nak: Backoff { initial: millis(rng, 100, 1_000), max: millis(rng, 1_000, 8_000) },
        ack_wait: millis(rng, 1_000, 8_000),
        dead_letter: rng.u8(..4) > 0,
        hold_after: 0,
        hold_share: None,
        max_remembered: if rng.u8(..8) == 0 { rng.usize(..10) } else { 100_000 },
        jitter_seed: seed,
    }
}

/// Half of the runs have no fault of a given kind: one kind can hide another.
fn share(rng: &mut Rng, most: u8) -> u8 {
    if rng.bool() { rng.u8(1..=most) } else { 0 }
}

fn count(rng: &mut Rng, most: u32) -> u32 {
    if rng.bool() { rng.u32(1..=most) } else { 0 }
}

fn store(rng: &mut Rng) -> StoreSettings {
    StoreSettings {
        refused: share(rng, 30),
        denied: share(rng, 5),
        slow: share(rng, 30),
        lost_before: share(rng, 10),
        lost_after: share(rng, 10),
        late: share(rng, 10),
        torn: share(rng, 10),
        silent: share(rng, 5),
        breaks: 0,
    }
}

fn faults(rng: &mut Rng) -> FaultSettings {
    FaultSettings {
        kills: count(rng, 3),
        kills_at_call: count(rng, 3),
        kills_twice: count(rng, 2),
        pauses: count(rng, 2),
        stops: count(rng, 3),
        second_signals: count(rng, 2),
        cuts: count(rng, 3),
        stalls: count(rng, 2),
        store_cuts: count(rng, 2),
        server_restarts: count(rng, 2),
        forgets: rng.bool(),
        loses_tail: rng.bool(),
        clock_jumps: count(rng, 2),
        consumer_deletes: count(rng, 2),
        store_outages: count(rng, 2),
        lost: count(rng, 10),
        doubled: count(rng, 20),
        delays: count(rng, 10),
        message_deletes: count(rng, 6),
        consumer_edits: count(rng, 2),
        consumer_refusals: count(rng, 2),
    }
}
