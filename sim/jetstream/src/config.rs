use std::time::Duration;

/// How a stream keeps its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamConfig {
    /// The most messages that it keeps; the oldest is dropped for one more. None keeps all.
    pub max_messages: Option<usize>,
}

/// How a consumer delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// What an ack settles.
    pub ack_policy: AckPolicy,
    /// How long a delivery may stay unsettled before its message is delivered again.
    pub ack_wait: Duration,
    /// The most deliveries that may be unsettled before no new message is delivered. None for no limit.
    pub max_ack_pending: Option<usize>,
    /// How often a message is delivered at most. None for no limit.
    pub max_deliver: Option<u64>,
    /// Pull requests name a client, and one client alone is served: for this long after its last pull request.
    pub pinned: Option<Duration>,
    /// Where it starts.
    pub start: Start,
}

/// What an ack settles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckPolicy {
    /// Its message alone.
    #[default]
    Explicit,
    /// Its message and all before it. A term does the same.
    All,
}

/// Where a new consumer starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest message of the stream.
    All,
    /// At this stream sequence.
    Sequence(u64),
}
