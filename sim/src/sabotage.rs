//! Wrong sinks: the production driver and machine with one thing done wrong around them. Each must be caught, by the oracle
//! that its row names; the simulator that catches none of them proves nothing.

mod encoder;
mod source;
mod store;

use std::time::Duration;

use warehouse_sink_core::Config;

pub(crate) use encoder::SabotagedEncoder;
pub(crate) use source::SabotagedSource;
pub(crate) use store::SabotagedStore;

/// One thing that is done wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// Messages are acked when they are fetched.
    AckWhenFetched,
    /// A write counts as written when it starts.
    AckWhenWriteStarts,
    /// An unknown outcome counts as written.
    AckUnknown,
    /// A refused write counts as written.
    AckRefused,
    /// The outcomes of two writes are swapped.
    SwapOutcomes,
    /// An unknown outcome is said to be a certain failure.
    UnknownIsFailure,
    /// A write is repeated under another key.
    AnotherKey,
    /// The last row of a batch is left out.
    DropRow,
    /// A row is changed on its way.
    AlterRow,
    /// An object goes into another partition.
    WrongPartition,
    /// What is given back is acked.
    AckForNak,
    /// What is given back while stopping is acked.
    AckAtShutdown,
    /// Good messages are terminated.
    TermForAck,
    /// Poison is terminated before it is stored.
    TermBeforeDeadLetter,
    /// Poison is terminated though nothing can be decoded.
    TerminateAnyway,
    /// Progress acks are not sent.
    NoProgress,
    /// Some acks are never sent.
    ForgetAcks,
    /// Acks are sent twice.
    AckTwice,
    /// What is settled may be of a consumer, a stream or a message that is no more.
    SettleBlindly,
    /// An ack goes to the delivery that was settled before.
    SwapHandles,
    /// What is settled is the first delivery of a message, though a newer one took its place.
    ForgetNewerHandle,
    /// What is left at a shutdown is dropped, not given back.
    DropAtShutdown,
    /// Naks are delayed for a day.
    EndlessNak,
    /// Some fetched messages are dropped.
    DropFetched,
    /// More is fetched than there is room for.
    IgnoreCapacity,
    /// Batches stay open for ten times their interval.
    LateFlush,
    /// More partitions are open than may be.
    ManyPartitions,
    /// More writes run than may.
    ManyWrites,
    /// What was written is not remembered.
    NoMemory,
    /// A shutdown takes ten times its time.
    SlowShutdown,
    /// An object of several parts counts as written once the last is sent.
    AckBeforeCompletion,
    /// An object is completed though its encoder broke.
    CompleteBroken,
    /// An encoder that broke says that it came to the end.
    HideBreak,
    /// An object is completed before its last part.
    LosePart,
    /// From some time on nothing is settled, and said to be un-sent.
    SettleNoMore,
    /// What settles a delivery is kept after the delivery is settled.
    KeepHandles,
    /// Rows are kept after they are written.
    KeepRows,
    /// An encoded object is kept after it is written.
    KeepBodies,
    /// That the server can give no more is not heard.
    IgnoreExhausted,
    /// A consumer that was edited so that it loses messages is used.
    IgnoreReview,
}

impl Sabotage {
    /// Each, and the oracle that must catch it.
    pub const ALL: [(Sabotage, &'static str); 40] = [
        (Sabotage::AckWhenFetched, "no un-written ack"),
        (Sabotage::AckWhenWriteStarts, "no un-written ack"),
        (Sabotage::AckUnknown, "no un-written ack"),
        (Sabotage::AckRefused, "no un-written ack"),
        (Sabotage::SwapOutcomes, "no un-written ack"),
        (Sabotage::UnknownIsFailure, "duplicates are explained"),
        (Sabotage::AnotherKey, "duplicates are explained"),
        (Sabotage::DropRow, "no un-written ack"),
        (Sabotage::AlterRow, "no phantom or altered row"),
        (Sabotage::WrongPartition, "right partition"),
        (Sabotage::AckForNak, "no un-written ack"),
        (Sabotage::AckAtShutdown, "no un-written ack"),
        (Sabotage::TermForAck, "terminated only if poison and stored"),
        (Sabotage::TermBeforeDeadLetter, "terminated only if poison and stored"),
        (Sabotage::TerminateAnyway, "poison is held"),
        (Sabotage::NoProgress, "kept alive"),
        (Sabotage::ForgetAcks, "settled exactly once"),
        (Sabotage::AckTwice, "settled exactly once"),
        (Sabotage::SettleBlindly, "no un-written ack"),
        (Sabotage::SwapHandles, "settled exactly once"),
        (Sabotage::ForgetNewerHandle, "settled exactly once"),
        (Sabotage::DropAtShutdown, "settled exactly once"),
        (Sabotage::EndlessNak, "comes to rest"),
        (Sabotage::DropFetched, "settled exactly once"),
        (Sabotage::IgnoreCapacity, "bounds are held"),
        (Sabotage::LateFlush, "bounds are held"),
        (Sabotage::ManyPartitions, "bounds are held"),
        (Sabotage::ManyWrites, "bounds are held"),
        (Sabotage::NoMemory, "duplicates are explained"),
        (Sabotage::SlowShutdown, "stops in time"),
        (Sabotage::AckBeforeCompletion, "no un-written ack"),
        (Sabotage::CompleteBroken, "objects are whole"),
        (Sabotage::HideBreak, "no un-written ack"),
        (Sabotage::LosePart, "no un-written ack"),
        (Sabotage::SettleNoMore, "stops in time"),
        (Sabotage::KeepHandles, "bounds are held"),
        (Sabotage::KeepRows, "nothing is kept"),
        (Sabotage::KeepBodies, "bounds are held"),
        (Sabotage::IgnoreExhausted, "an exhausted server is given room"),
        (Sabotage::IgnoreReview, "a consumer that loses is refused"),
    ];

    /// The configuration that the wrong machine runs with.
    pub(crate) fn config(self, mut config: Config) -> Config {
        match self {
            Sabotage::TermBeforeDeadLetter => config.dead_letter = false,
            Sabotage::TerminateAnyway => config.hold_after = 0,
            Sabotage::LateFlush => config.flush_interval *= 10,
            Sabotage::ManyPartitions => config.max_open_partitions += 10,
            Sabotage::ManyWrites => config.max_concurrent_writes += 10,
            Sabotage::NoMemory => config.max_remembered = 0,
            Sabotage::IgnoreCapacity => {
                config.max_messages *= 10;
                config.max_bytes *= 10;
            }
            _ => {}
        }
        config
    }

    pub(crate) fn shutdown_timeout(self, timeout: Duration) -> Duration {
        if self == Sabotage::SlowShutdown { timeout * 10 + Duration::from_secs(10) } else { timeout }
    }
}
