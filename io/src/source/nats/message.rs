//! A delivered message.

use std::collections::BTreeMap;

use async_nats::Message;
use bytes::Bytes;
use warehouse_sink_core::MessageId;

use super::reply::{Delivered, Replies, Reply};
use crate::source::Incoming;

/// The header in which the server tells the client that it serves what it is known by.
pub(super) const PIN: &str = "Nats-Pin-Id";

/// A message that JetStream delivered.
pub struct NatsMessage {
    message: Message,
    reply: Reply,
    delivered: Delivered,
    epoch: u64,
}

/// What settles a delivery.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) reply: Reply,
    pub(super) stream_sequence: u64,
    /// Only in its epoch does it still count.
    pub(super) epoch: u64,
}

impl NatsMessage {
    /// None where the reply subject is not JetStream's: then nothing was delivered, and nothing can be settled.
    pub(super) fn new(message: Message, replies: &Replies, epoch: u64) -> Option<Self> {
        let (reply, delivered) = replies.read(message.reply.as_ref()?.as_str())?;
        Some(NatsMessage { message, reply, delivered, epoch })
    }

    pub(super) fn delivered(&self) -> &Delivered {
        &self.delivered
    }
}

impl Incoming for NatsMessage {
    type Handle = Handle;

    fn id(&self) -> MessageId {
        self.delivered.message
    }

    fn delivery_count(&self) -> u64 {
        self.delivered.count
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn subject(&self) -> &str {
        self.message.subject.as_str()
    }

    fn body(&self) -> &[u8] {
        &self.message.payload
    }

    fn shared_body(&self) -> Bytes {
        self.message.payload.clone()
    }

    fn headers(&self) -> BTreeMap<String, Vec<String>> {
        let headers = self.message.headers.iter().flat_map(|headers| headers.iter());
        // Not the publisher's: the server says with it which replica it serves.
        let published = |name: &str| self.epoch == 0 || name != PIN;
        headers
            .filter(|(name, _)| published(name.as_ref()))
            .map(|(name, values)| (name.to_string(), values.iter().map(|value| value.as_str().to_owned()).collect()))
            .collect()
    }

    fn into_handle(self) -> Handle {
        Handle { reply: self.reply, stream_sequence: self.delivered.message.stream_sequence, epoch: self.epoch }
    }
}
