//! The plan of faults: everything that goes wrong in a run, each on a line of its own, so that it can be printed, shrunk and kept.

mod draw;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use warehouse_sink_core::Timestamp;
use warehouse_sink_jetstream_model::Forget;

pub use draw::draw;

use crate::time;

/// All that goes wrong in a run.
pub type Plan = Vec<Planned>;

/// One thing that goes wrong, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Planned {
    /// At a time since the run began.
    At {
        /// The time.
        #[serde(with = "time")]
        time: Duration,
        /// What happens then.
        fault: Fault,
    },
    /// To a put, by its number in the run, from 1.
    Put {
        /// The number.
        nth: u64,
        /// What becomes of it.
        fate: Fate,
    },
    /// To an encoding, by its number in the run, from 1: it breaks before its last part.
    Break {
        /// The number.
        nth: u64,
    },
    /// To something on its way between a process and the server, by its number in the run, from 1.
    Crossing {
        /// The number.
        nth: u64,
        /// What becomes of it.
        crossing: Crossing,
    },
}

/// A plan, by what has to look at it.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// What comes at a time, in order.
    pub faults: VecDeque<(Timestamp, Fault)>,
    /// What becomes of puts, by their number.
    pub fates: BTreeMap<u64, Fate>,
    /// The encodings that break, by their number.
    pub breaks: BTreeSet<u64>,
    /// What becomes of what crosses a link, by its number.
    pub crossings: BTreeMap<u64, Crossing>,
}

impl FromIterator<Planned> for Sorted {
    fn from_iter<I: IntoIterator<Item = Planned>>(plan: I) -> Self {
        let mut sorted = Sorted::default();
        for planned in plan {
            match planned {
                Planned::At { time, fault } => sorted.faults.push_back((Timestamp::ZERO.saturating_add(time), fault)),
                Planned::Put { nth, fate } => drop(sorted.fates.insert(nth, fate)),
                Planned::Break { nth } => drop(sorted.breaks.insert(nth)),
                Planned::Crossing { nth, crossing } => drop(sorted.crossings.insert(nth, crossing)),
            }
        }
        sorted.faults.make_contiguous().sort_by_key(|(at, _)| *at);
        sorted
    }
}

/// Something that happens to a part of the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the words of the sentence that the variant's text begins")]
pub enum Fault {
    /// A replica is killed and starts again.
    Kill {
        replica: usize,
        #[serde(with = "time")]
        down: Duration,
    },
    /// A replica is killed within one of its next calls to the source or the store, and starts again.
    KillAtCall {
        replica: usize,
        call: Call,
        nth: u32,
        #[serde(with = "time")]
        down: Duration,
    },
    /// A replica is killed within a call, and once more within a call of the process that starts in its place.
    KillTwice {
        replica: usize,
        nth: u32,
        again: u32,
        #[serde(with = "time")]
        down: Duration,
    },
    /// A replica is frozen for a while.
    Pause {
        replica: usize,
        #[serde(with = "time")]
        pause: Duration,
    },
    /// A replica is told to stop, and starts again once it has.
    Stop {
        replica: usize,
        #[serde(with = "time")]
        down: Duration,
    },
    /// A replica is told to stop, and a second signal ends it at once if it has not stopped by then.
    StopTwice {
        replica: usize,
        #[serde(with = "time")]
        after: Duration,
        #[serde(with = "time")]
        down: Duration,
    },
    /// A replica's connection to the server breaks.
    Cut {
        replica: usize,
        #[serde(with = "time")]
        down: Duration,
    },
    /// A replica's connection to the server stands still, and loses nothing.
    Stall {
        replica: usize,
        #[serde(with = "time")]
        stall: Duration,
    },
    /// A replica can't reach the store, and hears no answer of it.
    StoreCut {
        replica: usize,
        #[serde(with = "time")]
        down: Duration,
    },
    /// The server dies and comes back.
    ServerRestart {
        #[serde(with = "time")]
        down: Duration,
        #[serde(with = "ForgetName")]
        forget: Forget,
    },
    /// The server's wall clock jumps, by so many milliseconds.
    ClockJump { millis: i64 },
    /// The consumer is deleted.
    DeleteConsumer,
    /// The stream is deleted, with its consumer, and created again.
    RecreateStream,
    /// The message is deleted that was published so many before the newest.
    DeleteMessage { before: u64 },
    /// The consumer is edited for a while.
    EditConsumer {
        edit: Edit,
        #[serde(with = "time")]
        lasts: Duration,
    },
    /// The consumer's creation is refused for a while.
    RefuseConsumer {
        #[serde(with = "time")]
        lasts: Duration,
    },
    /// The store takes nothing for a while.
    StoreOutage {
        #[serde(with = "time")]
        outage: Duration,
    },
}

/// What becomes of the consumer when it is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// It has this ack wait.
    AckWait(#[serde(with = "time")] Duration),
    /// It has this max ack pending.
    MaxAckPending(usize),
    /// It has this max deliver.
    MaxDeliver(u64),
    /// It has a filter that fits no message.
    Filter,
    /// It is paused.
    Pause,
}

/// [`Forget`], as it is written in the files of plans.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Forget", rename_all = "kebab-case")]
enum ForgetName {
    Nothing,
    Consumer,
    StreamAndConsumer,
}

/// What becomes of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Stored and said so, but slowly.
    Slow,
    /// Not stored: the store can't be reached.
    Refused,
    /// Not stored: too many requests.
    Throttled,
    /// Not stored: no space is left.
    OutOfSpace,
    /// Not stored, for good.
    Denied,
    /// Timed out before it was applied.
    LostBefore,
    /// Applied, and the answer lost.
    LostAfter,
    /// The answer is lost, and it is applied long after.
    Late,
    /// A part was written, under a name that no reader looks at, and then the disk failed.
    Torn,
    /// Applied, and never answered.
    SilentApplied,
    /// Not applied, and never answered.
    SilentLost,
}

/// What becomes of something on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Crossing {
    /// It never arrives.
    Lost,
    /// It arrives twice.
    Doubled,
    /// It arrives late, and so does what comes after it.
    Delayed(#[serde(with = "time")] Duration),
}

/// A call that a process makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Whichever comes.
    Any,
    /// The look for the consumer.
    Attach,
    /// A pull request, before the server hears of it.
    Pull,
    /// Deliveries have come out of a pull, before the driver hears of them.
    Deliveries,
    /// A settlement, before it is sent.
    Settle,
    /// A settlement, after it is sent.
    Settled,
    /// The last settlements are waited for.
    Flush,
    /// A put, before the store hears of it.
    Put,
    /// A part of an object, before the store hears of it.
    Part,
    /// The request that completes an object of several parts, before the store hears of it.
    Complete,
    /// A put that the store has answered, before the driver hears of it.
    PutAnswer,
}

impl Planned {
    /// The replica that it happens to, where it happens to one.
    pub fn replica(&self) -> Option<usize> {
        let Planned::At { fault, .. } = self else { return None };
        match fault {
            Fault::Kill { replica, .. }
            | Fault::KillAtCall { replica, .. }
            | Fault::KillTwice { replica, .. }
            | Fault::Pause { replica, .. }
            | Fault::Stop { replica, .. }
            | Fault::StopTwice { replica, .. }
            | Fault::Cut { replica, .. }
            | Fault::Stall { replica, .. }
            | Fault::StoreCut { replica, .. } => Some(*replica),
            Fault::ServerRestart { .. }
            | Fault::ClockJump { .. }
            | Fault::DeleteConsumer
            | Fault::RecreateStream
            | Fault::DeleteMessage { .. }
            | Fault::EditConsumer { .. }
            | Fault::RefuseConsumer { .. }
            | Fault::StoreOutage { .. } => None,
        }
    }
}

impl Fault {
    /// Its kind, in a few words.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Kill { .. } => "replica killed",
            Fault::KillAtCall { .. } => "replica killed within a call",
            Fault::KillTwice { .. } => "replica killed, and again while it recovers",
            Fault::Pause { .. } => "replica frozen",
            Fault::Stop { .. } => "replica stopped",
            Fault::StopTwice { .. } => "replica stopped, with a second signal",
            Fault::Cut { .. } => "connection to the server broken",
            Fault::Stall { .. } => "connection to the server stalled",
            Fault::StoreCut { .. } => "connection to the store broken",
            Fault::ServerRestart { forget: Forget::Nothing, .. } => "server restarted",
            Fault::ServerRestart { forget: Forget::Consumer, .. } => "server restarted, forgot acks",
            Fault::ServerRestart { forget: Forget::StreamAndConsumer, .. } => "server restarted, lost messages",
            Fault::ClockJump { .. } => "server's clock jumped",
            Fault::DeleteConsumer => "consumer deleted",
            Fault::RecreateStream => "stream deleted and created again",
            Fault::DeleteMessage { .. } => "message deleted",
            Fault::EditConsumer { edit: Edit::AckWait(_), .. } => "consumer edited: ack wait",
            Fault::EditConsumer { edit: Edit::MaxAckPending(_), .. } => "consumer edited: max ack pending",
            Fault::EditConsumer { edit: Edit::MaxDeliver(_), .. } => "consumer edited: max deliver",
            Fault::EditConsumer { edit: Edit::Filter, .. } => "consumer edited: filter",
            Fault::EditConsumer { edit: Edit::Pause, .. } => "consumer paused",
            Fault::RefuseConsumer { .. } => "consumer refused",
            Fault::StoreOutage { .. } => "store outage",
        }
    }
}

impl Fate {
    /// In a few words.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Slow => "put: slow",
            Fate::Refused => "put: refused",
            Fate::Throttled => "put: throttled",
            Fate::OutOfSpace => "put: out of space",
            Fate::Denied => "put: denied",
            Fate::LostBefore => "put: timed out before it was applied",
            Fate::LostAfter => "put: applied, answer lost",
            Fate::Late => "put: applied late, answer lost",
            Fate::Torn => "put: torn",
            Fate::SilentApplied => "put: applied, never answered",
            Fate::SilentLost => "put: lost, never answered",
        }
    }
}

impl Crossing {
    /// In a few words.
    pub fn name(self) -> &'static str {
        match self {
            Crossing::Lost => "message lost on its way",
            Crossing::Doubled => "message doubled on its way",
            Crossing::Delayed(_) => "message delayed on its way",
        }
    }
}
