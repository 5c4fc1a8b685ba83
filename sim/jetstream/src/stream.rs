//! The stream: messages by sequence, the oldest dropped over the limit.

use std::collections::BTreeMap;
use std::sync::Arc;

use warehouse_sink_core::MessageId;

use crate::StreamConfig;

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its sequence and time.
    pub id: MessageId,
    /// The subject that it was published to.
    pub subject: Arc<str>,
    /// The published bytes.
    pub body: Arc<[u8]>,
}

#[derive(Clone, Debug)]
pub(crate) struct Stream {
    config: StreamConfig,
    messages: BTreeMap<u64, Message>,
    last: u64,
}

impl Stream {
    pub fn new(config: StreamConfig) -> Self {
        Stream { config, messages: BTreeMap::new(), last: 0 }
    }

    /// One of the same settings, without messages.
    pub fn anew(&self) -> Self {
        Stream::new(self.config.clone())
    }

    /// Stores a message; gives its identity and what was dropped for it. Its time is the wall clock's, whatever that shows: a
    /// later message has a greater sequence, and not always a later time.
    pub fn publish(&mut self, time: i64, subject: Arc<str>, body: Arc<[u8]>) -> (MessageId, Vec<MessageId>) {
        self.last += 1;
        let id = MessageId { stream_sequence: self.last, published_at: time };
        self.messages.insert(id.stream_sequence, Message { id, subject: subject.clone(), body });
        let mut dropped = Vec::new();
        if self.config.max_per_subject.is_some_and(|most| self.of_subject(&subject).count() > most) {
            let oldest = self.of_subject(&subject).next().map(|message| message.id.stream_sequence);
            dropped.extend(oldest.and_then(|oldest| self.delete(oldest)));
        }
        if self.config.max_messages.is_some_and(|most| self.messages.len() > most) {
            dropped.extend(self.messages.pop_first().map(|(_, message)| message.id));
        }
        (id, dropped)
    }

    fn of_subject(&self, subject: &str) -> impl Iterator<Item = &Message> {
        self.messages().filter(move |message| *message.subject == *subject)
    }

    /// Deletes a message, wherever it stands; gives it.
    pub fn delete(&mut self, sequence: u64) -> Option<MessageId> {
        self.messages.remove(&sequence).map(|message| message.id)
    }

    /// Drops all messages before this sequence; gives them.
    pub fn purge(&mut self, before: u64) -> Vec<MessageId> {
        let kept = self.messages.split_off(&before);
        std::mem::replace(&mut self.messages, kept).into_values().map(|message| message.id).collect()
    }

    pub fn get(&self, sequence: u64) -> Option<&Message> {
        self.messages.get(&sequence)
    }

    /// The messages from this sequence on, of one subject or of all.
    pub fn from(&self, sequence: u64, filter: Option<&str>) -> impl Iterator<Item = &Message> {
        let messages = self.messages.range(sequence..).map(|(_, message)| message);
        messages.filter(move |message| filter.is_none_or(|filter| *message.subject == *filter))
    }

    /// The oldest sequence; one past the last where the stream is empty.
    pub fn first(&self) -> u64 {
        self.messages.first_key_value().map_or(self.last + 1, |(first, _)| *first)
    }

    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }
}
