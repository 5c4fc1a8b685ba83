//! The small worlds that are searched: their messages, the machine's settings, and how often each thing may happen.

use std::time::Duration;

use warehouse_sink_core::{Backoff, Config, DeliveryId, Destination, MessageId};

use crate::sabotage::Sabotage;

/// One step of time. Every delay of the machine is a tick or a microsecond: the fewer different moments there are, the
/// more states are one state.
pub const TICK: Duration = Duration::from_millis(250);

#[derive(Clone, Debug)]
pub struct Scenario {
    /// Names the messages and the settings.
    pub name: &'static str,
    /// Names the budget.
    pub faults: &'static str,
    pub config: Config,
    /// The destinations of the rows of each message.
    pub messages: Vec<Vec<Destination<u8>>>,
    pub budget: Budget,
    pub sabotage: Sabotage,
}

/// How often each thing may still happen. It is what makes the number of states finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    pub ticks: u8,
    /// Pauses that are longer than the ack wait.
    pub pauses: u8,
    pub crashes: u8,
    pub shutdowns: u8,
    pub failures: u8,
    pub unknowns: u8,
    pub lost_settlements: u8,
    /// Deliveries of each message.
    pub deliveries: u8,
}

/// Two crashes, with a write of unknown outcome.
const CRASHES: Budget = Budget {
    ticks: 1,
    pauses: 1,
    crashes: 2,
    shutdowns: 0,
    failures: 0,
    unknowns: 1,
    lost_settlements: 0,
    deliveries: 3,
};

/// A shutdown in the midst of a failing store, and a crash in the midst of the shutdown.
const SHUTDOWN: Budget = Budget { crashes: 1, shutdowns: 1, failures: 1, pauses: 0, deliveries: 2, ..CRASHES };

/// A store and a server that do not answer, and a process that stands still.
const SILENCE: Budget = Budget { crashes: 0, pauses: 2, failures: 1, lost_settlements: 1, ..CRASHES };

/// Two crashes and a shutdown in any order, with a write of unknown outcome: for worlds of two messages.
const ENDS: Budget = Budget { shutdowns: 1, ..CRASHES };

const PARTITION: Destination<u8> = Destination::Partition(0);
const OTHER: Destination<u8> = Destination::Partition(1);
const POISON: Destination<u8> = Destination::DeadLetter;

impl Scenario {
    /// Three messages for one partition, two to a batch, and one write at a time.
    pub fn queue() -> Self {
        Self::new("queue", &[&[PARTITION], &[PARTITION], &[PARTITION]], 1)
    }

    /// A message with rows in two partitions, and one that shares a batch with it.
    pub fn split() -> Self {
        Self::new("split", &[&[PARTITION, OTHER], &[OTHER]], 2)
    }

    /// A poison message beside a good one.
    pub fn poison() -> Self {
        Self::new("poison", &[&[PARTITION], &[POISON]], 2)
    }

    /// Two poison messages, which are enough for a hold, before a good one that ends it.
    pub fn wrong() -> Self {
        let scenario = Self::new("wrong", &[&[POISON], &[POISON], &[PARTITION]], 1);
        let config = Config { hold_after: 2, ..scenario.config };
        Scenario { config, ..scenario }
    }

    /// Three messages, each a batch of its own, of which two may be held.
    pub fn narrow() -> Self {
        let scenario = Self::new("narrow", &[&[PARTITION], &[PARTITION], &[OTHER]], 1);
        let config = Config { max_batch_rows: 1, max_messages: 2, max_open_partitions: 1, ..scenario.config };
        Scenario { config, ..scenario }
    }

    /// Every world, the small ones first, under every mix of faults that is small enough to be searched to its end.
    pub fn all() -> Vec<Self> {
        let faults = [("crashes", CRASHES), ("shutdown", SHUTDOWN), ("silence", SILENCE), ("ends", ENDS)];
        let with = |world: Self| faults.map(|(faults, budget)| Scenario { faults, budget, ..world.clone() });
        let [split, poison] = [with(Self::split()), with(Self::poison())];
        let [[crashes, _, silence, _], [more_crashes, shutdown, more_silence, _], [.., held, _]] =
            [with(Self::narrow()), with(Self::queue()), with(Self::wrong())];
        let mut three_messages = [crashes, silence, more_crashes, shutdown, more_silence, held];
        // With three messages a second pause would multiply the states, and find nothing that two messages do not show.
        three_messages.iter_mut().for_each(|scenario| scenario.budget.pauses = scenario.budget.pauses.min(1));
        split.into_iter().chain(poison).chain(three_messages).collect()
    }

    fn new(name: &'static str, messages: &[&[Destination<u8>]], slots: usize) -> Self {
        let messages = messages.iter().map(|rows| rows.to_vec()).collect();
        Scenario { name, config: config(slots), messages, faults: "crashes", budget: CRASHES, sabotage: Sabotage::None }
    }

    pub fn id(&self, message: u8) -> MessageId {
        MessageId { stream_sequence: u64::from(message) + 1, published_at: i64::from(message) + 1 }
    }

    /// A delivery's number says which it is, whatever order the deliveries come in: that order alone makes no new state.
    pub fn delivery(&self, message: u8, count: u8) -> DeliveryId {
        DeliveryId(u64::from(message) * 256 + u64::from(count))
    }

    pub fn is_poison(&self, message: u8) -> bool {
        self.messages[usize::from(message)].iter().all(|destination| *destination == POISON)
    }
}

fn config(max_concurrent_writes: usize) -> Config {
    // Half of two microseconds leaves jitter nothing to choose from.
    let soon = Backoff { initial: Duration::from_micros(2), max: Duration::from_micros(2) };
    Config {
        stream: "EVENTS".to_owned(),
        max_batch_rows: 2,
        max_batch_bytes: 100,
        flush_interval: TICK,
        max_messages: 4,
        max_bytes: 200,
        max_ack_pending: 100,
        max_open_partitions: 2,
        max_concurrent_writes,
        max_write_attempts: 2,
        retry: soon,
        nak: soon,
        ack_wait: 4 * TICK,
        dead_letter: true,
        hold_after: 0,
        hold_share: None,
        max_remembered: 100,
        jitter_seed: 7,
    }
}
