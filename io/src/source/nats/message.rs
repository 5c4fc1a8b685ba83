//! A delivered message.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use warehouse_sink_core::MessageId;

use super::reply::{Delivered, Replies, Reply};
use super::wire::{self, RawMessage};
use crate::source::{Incoming, Unreadable};

/// A message that JetStream delivered.
pub struct NatsMessage {
    raw: RawMessage,
    reply: Reply,
    delivered: Delivered,
    origin: Origin,
    /// None for nearly every message.
    broken: Option<Box<Broken>>,
}

/// Where a delivery came from: it is settled there, and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Which consumer of the name it is of: when that was created.
    pub incarnation: i64,
    /// The connection that it came on.
    pub connection: u64,
}

/// Of a message whose subject or headers can't be read.
struct Broken {
    reason: String,
    /// What can be shown of the subject.
    subject: String,
}

/// What settles a delivery.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) reply: Reply,
    pub(super) origin: Origin,
}

impl NatsMessage {
    /// The message is given back where its reply subject is not JetStream's: then nothing was delivered, and nothing can be settled.
    pub(super) fn new(raw: RawMessage, replies: &Replies, origin: Origin) -> Result<Self, RawMessage> {
        let reply = str::from_utf8(raw.reply()).ok().and_then(|subject| replies.read(subject));
        let Some((reply, delivered)) = reply else { return Err(raw) };
        let broken = Broken::find(&raw).map(Box::new);
        Ok(NatsMessage { raw, reply, delivered, origin, broken })
    }

    /// The bytes that it took on the wire.
    pub(super) fn size(&self) -> usize {
        self.raw.size()
    }
}

impl Broken {
    fn find(raw: &RawMessage) -> Option<Self> {
        let subject = String::from_utf8_lossy(raw.subject());
        let headers = match raw.headers() {
            [] => Ok(()),
            block => wire::read_headers(block).map(drop),
        };
        let reason = match (&subject, headers) {
            (Cow::Borrowed(_), Ok(())) => return None,
            (Cow::Owned(_), _) => wire::Unreadable::Subject,
            (Cow::Borrowed(_), Err(reason)) => reason,
        };
        Some(Broken { reason: reason.to_string(), subject: subject.into_owned() })
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
        match &self.broken {
            Some(broken) => &broken.subject,
            None => str::from_utf8(self.raw.subject()).unwrap_or_default(),
        }
    }

    fn body(&self) -> &[u8] {
        self.raw.body()
    }

    fn shared_body(&self) -> Bytes {
        self.raw.shared_body()
    }

    fn headers(&self) -> BTreeMap<String, Vec<String>> {
        match self.raw.headers() {
            [] => BTreeMap::new(),
            block => wire::shown_headers(block),
        }
    }

    fn unreadable(&self) -> Option<Unreadable<'_>> {
        let Broken { reason, .. } = &**self.broken.as_ref()?;
        Some(Unreadable { reason, subject: self.raw.subject(), headers: self.raw.headers() })
    }

    fn into_handle(self) -> Handle {
        Handle { reply: self.reply, origin: self.origin }
    }
}
