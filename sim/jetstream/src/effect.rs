use std::sync::Arc;
use std::time::Duration;

use warehouse_sink_core::MessageId;

/// Where answers to a pull request go: a subscription of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inbox {
    /// The client's connection. A client that connects again has another number.
    pub client: u64,
    /// The subscription, as the client counts them.
    pub number: u64,
}

/// A pull request, as `$JS.API.CONSUMER.MSG.NEXT` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// The most messages.
    pub batch: usize,
    /// The most bytes: subject, reply subject and body of each message count.
    pub max_bytes: Option<u64>,
    /// How long the request stays.
    pub expires: Duration,
}

/// What a delivery's reply subject says. It is also all that the server is told when the delivery is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reply {
    /// Which message.
    pub message: MessageId,
    /// The how many-eth delivery of all of this consumer's, from 1.
    pub consumer_sequence: u64,
    /// How often the message was delivered, this time included.
    pub delivery_count: u64,
    /// Messages of the stream that were not delivered yet.
    pub pending: u64,
}

impl Reply {
    /// The length of the reply subject in bytes, which counts against a pull request's `max_bytes`.
    pub(crate) fn subject_bytes(&self, names: usize) -> u64 {
        let Reply { message, consumer_sequence, delivery_count, pending } = self;
        let numbers = format!(
            "{delivery_count}.{}.{consumer_sequence}.{}.{pending}",
            message.stream_sequence, message.published_at
        );
        (names + numbers.len()) as u64
    }
}

/// A message on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delivered {
    /// What the reply subject says.
    pub reply: Reply,
    /// The subject that the message was published to.
    pub subject: Arc<str>,
    /// The published bytes.
    pub body: Arc<[u8]>,
}

/// What a client says of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// `+ACK`.
    Ack,
    /// `-NAK`, with a delay where it is not zero.
    Nak(Duration),
    /// `+TERM`.
    Term,
    /// `+WPI`.
    Progress,
}

/// How a pull request came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// 408: it expired.
    Expired,
    /// 409: the next message is larger than what is left of `max_bytes`.
    TooLarge,
    /// 409: it got all its messages, and bytes of `max_bytes` are left.
    BatchCompleted,
    /// 409: the consumer was deleted.
    ConsumerDeleted,
    /// 503: there is no such consumer.
    NoResponders,
}

/// What the server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It sends a message.
    Deliver(Inbox, Delivered),
    /// It ends a pull request.
    Ended(Inbox, End),
    /// Nothing that a client would see.
    Note(Note),
}

/// What happened to a message within the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// The ack wait of its newest delivery ran out.
    AckWaitOver(MessageId),
    /// It was delivered as often as the consumer allows, and is delivered no more.
    Exhausted(MessageId),
    /// The stream dropped it for a newer one, or it was deleted.
    Dropped(MessageId),
    /// The consumer's filter does not fit it: it is not delivered.
    PassedOver(MessageId),
}
