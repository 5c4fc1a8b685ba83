//! A delivered message.

use std::collections::BTreeMap;

use async_nats::Message;
use bytes::Bytes;
use warehouse_sink_core::MessageId;

use super::reply::{Delivered, Replies, Reply};
use crate::source::Incoming;

/// A message that JetStream delivered.
pub struct NatsMessage {
    message: Message,
    reply: Reply,
    delivered: Delivered,
    origin: Origin,
}

/// Where a delivery came from: it is settled there, and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Which consumer of the name it is of: when that was created.
    pub incarnation: i64,
    /// The connection that it came on.
    pub connection: u64,
}

/// What settles a delivery.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) reply: Reply,
    pub(super) origin: Origin,
}

impl NatsMessage {
    /// None where the reply subject is not JetStream's: then nothing was delivered, and nothing can be settled.
    pub(super) fn new(message: Message, replies: &Replies, origin: Origin) -> Option<Self> {
        let (reply, delivered) = replies.read(message.reply.as_ref()?.as_str())?;
        Some(NatsMessage { message, reply, delivered, origin })
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
        headers
            .map(|(name, values)| (name.to_string(), values.iter().map(|value| value.as_str().to_owned()).collect()))
            .collect()
    }

    fn into_handle(self) -> Handle {
        Handle { reply: self.reply, origin: self.origin }
    }
}
