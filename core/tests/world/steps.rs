//! What can happen in a run, and the settings of its machine.

use std::time::Duration;

use proptest::prelude::*;
use warehouse_sink_core::{Backoff, Config, Destination};

/// One row of a message to be published: where it belongs, and its bytes.
pub type RowSpec = (Destination<u8>, u64);

const MAX_ROWS: usize = 4;
const MAX_ROW_BYTES: u64 = 39;

/// What the rows of a message take at most.
pub const MAX_MESSAGE_BYTES: u64 = MAX_ROWS as u64 * MAX_ROW_BYTES;

/// One thing that happens. Numbers named `pick` choose among what there is, modulo how many there are.
#[derive(Clone, Debug)]
pub enum Step {
    Publish(Vec<RowSpec>),
    /// The server sends at most this many messages; they wait in the client until they are handed in.
    Fetch(usize),
    /// The fetchers hand in at most this many deliveries, in any order.
    HandIn {
        most: usize,
        pick: usize,
    },
    /// A write comes to an end.
    Finish {
        pick: usize,
        how: How,
    },
    /// Time passes, and the driver answers each timeout at its moment.
    Wait(Duration),
    /// Time passes while the driver is away.
    Jump(Duration),
    /// The server gets none of the next settlements.
    LoseSettlements(u32),
    /// A write that nobody waits for is applied after all.
    ApplyLate(usize),
    /// A result comes for a batch that is not being written.
    StaleResult(u64),
    /// The server loses its tail: all but this share (of 256) of the stream is gone, and its sequences are reused.
    LoseTail(u8),
    /// The server's wall clock jumps, by so many seconds.
    JumpClock(i64),
    Shutdown(Duration),
    /// A new process starts, if the old one is drained.
    Restart,
    /// The process dies, and a new one starts.
    Crash,
}

/// How a write ends.
#[derive(Clone, Copy, Debug)]
pub enum How {
    Written,
    Temporary,
    Permanent,
    /// Applied, but the answer was lost.
    UnknownApplied,
    /// Not applied, and never will be; nobody knows.
    UnknownLost,
    /// Not applied yet; it may be, at any later moment.
    UnknownLate,
}

/// What does not change during a run. Each run has some kinds of fault switched off: one fault can hide another.
#[derive(Clone, Debug)]
pub struct Setup {
    pub config: Config,
    pub store_fails: bool,
    pub store_unknown: bool,
    pub settlements_lost: bool,
    pub tail_lost: bool,
    pub stops: bool,
    pub jumps: bool,
    /// So many messages at the beginning are poison, whatever is published: the schema is wrong.
    pub poison_first: usize,
}

impl Setup {
    /// The step as this run allows it.
    pub fn allow(&self, step: &Step) -> Option<Step> {
        let allowed = match step {
            Step::LoseSettlements(_) => self.settlements_lost,
            Step::LoseTail(_) | Step::JumpClock(_) => self.tail_lost,
            Step::Shutdown(_) | Step::Restart | Step::Crash => self.stops,
            Step::Jump(_) => self.jumps,
            Step::Finish { how: How::Temporary | How::Permanent, .. } => self.store_fails,
            Step::Finish { how: How::UnknownApplied | How::UnknownLost | How::UnknownLate, .. } => self.store_unknown,
            _ => true,
        };
        allowed.then(|| step.clone())
    }
}

pub fn setup() -> impl Strategy<Value = Setup> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let poison_first = prop_oneof![3 => Just(0), 1 => 0..60usize];
    (config(), flags, poison_first).prop_map(|(config, flags, poison_first)| {
        let (store_fails, store_unknown, settlements_lost, tail_lost, stops, jumps) = flags;
        Setup { config, store_fails, store_unknown, settlements_lost, tail_lost, stops, jumps, poison_first }
    })
}

fn config() -> impl Strategy<Value = Config> {
    let batch = (1..6usize, 20..100u64, 1..120u64);
    let bounds = (0..12usize, 160..400u64, 1..5usize, 1..4usize);
    let rest = (1..4u32, 1..30u64, any::<bool>(), any::<u64>(), prop_oneof![4 => Just(100_000), 1 => 0..20usize]);
    let hold =
        (prop_oneof![1 => Just(0), 2 => 1..8usize], prop_oneof![2 => Just(None), 1 => (0..100u8).prop_map(Some)]);
    (batch, bounds, rest, hold).prop_map(|(batch, bounds, rest, hold)| Config {
        stream: "EVENTS".to_owned(),
        max_batch_rows: batch.0,
        max_batch_bytes: batch.1,
        flush_interval: Duration::from_secs(batch.2),
        max_messages: 2 * batch.0 + bounds.0,
        max_bytes: 2 * batch.1 + bounds.1,
        max_ack_pending: 100_000,
        max_open_partitions: bounds.2,
        max_concurrent_writes: bounds.3,
        max_write_attempts: rest.0,
        retry: Backoff { initial: Duration::from_millis(200), max: Duration::from_secs(20) },
        nak: Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(120) },
        ack_wait: Duration::from_secs(rest.1),
        dead_letter: rest.2,
        // What was given back has to be remembered.
        hold_after: if rest.4 >= 100_000 { hold.0 } else { 0 },
        hold_share: hold.1,
        max_remembered: rest.4,
        jitter_seed: rest.3,
    })
}

fn row() -> impl Strategy<Value = RowSpec> {
    let destination = prop_oneof![6 => (0..6u8).prop_map(Destination::Partition), 1 => Just(Destination::DeadLetter)];
    (destination, 0..=MAX_ROW_BYTES)
}

fn publish() -> impl Strategy<Value = Step> {
    let one = row().prop_map(|row| vec![row]);
    prop_oneof![5 => one, 2 => prop::collection::vec(row(), 0..=MAX_ROWS)].prop_map(Step::Publish)
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        6 => Just(How::Written),
        2 => Just(How::Temporary),
        1 => Just(How::Permanent),
        1 => Just(How::UnknownApplied),
        1 => Just(How::UnknownLost),
        1 => Just(How::UnknownLate),
    ]
}

fn up_to(seconds: u64) -> impl Strategy<Value = Duration> {
    (0..seconds * 1000).prop_map(Duration::from_millis)
}

pub fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        24 => publish(),
        16 => (1..12usize).prop_map(Step::Fetch),
        20 => (1..12usize, any::<usize>()).prop_map(|(most, pick)| Step::HandIn { most, pick }),
        28 => (any::<usize>(), how()).prop_map(|(pick, how)| Step::Finish { pick, how }),
        14 => up_to(20).prop_map(Step::Wait),
        4 => up_to(90).prop_map(Step::Jump),
        4 => (1..6u32).prop_map(Step::LoseSettlements),
        4 => any::<usize>().prop_map(Step::ApplyLate),
        2 => any::<u64>().prop_map(Step::StaleResult),
        2 => any::<u8>().prop_map(Step::LoseTail),
        1 => (-100..100i64).prop_map(Step::JumpClock),
        1 => up_to(60).prop_map(Step::Shutdown),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
    ]
}
