use std::sync::Arc;
use std::time::Duration;

/// How a stream keeps its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamConfig {
    /// The most messages that it keeps; the oldest is dropped for one more. None keeps all.
    pub max_messages: Option<usize>,
    /// The most messages that it keeps of each subject; the oldest of it is dropped for one more. None keeps all.
    pub max_per_subject: Option<usize>,
}

/// How a consumer delivers. Its acks are explicit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// How long a delivery may stay unsettled before its message is delivered again.
    pub ack_wait: Duration,
    /// The most deliveries that may be unsettled before no new message is delivered. None for no limit.
    pub max_ack_pending: Option<usize>,
    /// How often a message is delivered at most. None for no limit.
    pub max_deliver: Option<u64>,
    /// The one subject whose messages are delivered. None delivers all.
    pub filter: Option<Arc<str>>,
    /// Where it starts.
    pub start: Start,
}

/// Where a new consumer starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest message of the stream.
    All,
    /// At this stream sequence.
    Sequence(u64),
}
