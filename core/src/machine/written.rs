//! What this process has written, so that a redelivery is settled and not written again.
//!
//! An ack is sent without waiting for a confirmation. One that the server never got brings its message back, whether
//! after the ack wait, a reconnect or a new consumer: it is found here, and acked again.

use std::collections::{BTreeMap, BTreeSet};

use super::writes::Member;
use crate::MessageId;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Written {
    /// Messages of which all is written.
    whole: BTreeMap<Published, Settled>,
    /// Rows that were written of messages whose other rows were not.
    rows: BTreeSet<(Published, u32)>,
    limit: usize,
}

/// A message by the time of its publishing, then by its sequence. In this order the first is the oldest even where a
/// stream was created again and its sequences began anew; by sequence, the new stream's messages would be forgotten
/// for the old one's.
type Published = (i64, u64);

fn published(message: MessageId) -> Published {
    (message.published_at, message.stream_sequence)
}

/// How a written message was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Settled {
    pub poison: bool,
}

impl Written {
    pub fn new(limit: usize) -> Self {
        Written { whole: BTreeMap::new(), rows: BTreeSet::new(), limit }
    }

    /// How this message was settled, if it was written.
    pub fn get(&self, message: MessageId) -> Option<Settled> {
        // Most messages are newer than all that was written, and cost one comparison.
        let (newest, _) = self.whole.last_key_value()?;
        if published(message) > *newest {
            return None;
        }
        self.whole.get(&published(message)).copied()
    }

    /// Remembers that all of the message is written. Over the limit, the message that was published first is forgotten:
    /// it was most likely settled longest ago. If it does come again, it is written twice, never lost.
    pub fn insert(&mut self, message: MessageId, poison: bool) {
        self.whole.insert(published(message), Settled { poison });
        if self.whole.len() > self.limit {
            self.whole.pop_first();
        }
        if self.rows.is_empty() {
            return;
        }
        let rows = (published(message), 0)..=(published(message), u32::MAX);
        while let Some(row) = self.rows.range(rows.clone()).next().copied() {
            self.rows.remove(&row);
        }
    }

    /// Remembers that one of several rows is written.
    pub fn insert_row(&mut self, (message, index): Member) {
        self.rows.insert((published(message), index));
        if self.rows.len() > self.limit {
            self.rows.pop_first();
        }
    }

    /// Whether this row of a message that is not wholly written is.
    pub fn has_row(&self, (message, index): Member) -> bool {
        self.rows.contains(&(published(message), index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(stream_sequence: u64, published_at: i64) -> MessageId {
        MessageId { stream_sequence, published_at }
    }

    #[test]
    fn a_reused_sequence_is_another_message() {
        let mut written = Written::new(10);
        written.insert(message(5, 100), false);
        assert_eq!(written.get(message(5, 100)).map(|settled| settled.poison), Some(false));
        assert_eq!(written.get(message(5, 101)), None);
        written.insert(message(5, 101), true);
        assert_eq!(written.get(message(5, 100)).map(|settled| settled.poison), Some(false));
        assert_eq!(written.get(message(5, 101)).map(|settled| settled.poison), Some(true));
    }

    #[test]
    fn what_was_published_first_is_forgotten_over_the_limit() {
        let mut written = Written::new(2);
        for sequence in [3, 1, 2] {
            written.insert(message(sequence, 10 * sequence as i64), false);
        }
        assert_eq!(written.get(message(1, 10)), None);
        assert!(written.get(message(2, 20)).is_some() && written.get(message(3, 30)).is_some());
    }

    #[test]
    fn the_low_sequences_of_a_new_stream_are_remembered() {
        let mut written = Written::new(1);
        written.insert(message(1_000_000, 100), false);
        written.insert_row((message(1_000_001, 100), 0));
        written.insert(message(1, 200), false);
        written.insert_row((message(2, 200), 0));
        assert!(written.get(message(1, 200)).is_some());
        assert!(written.has_row((message(2, 200), 0)));
    }

    #[test]
    fn rows_are_forgotten_once_the_message_is_whole() {
        let mut written = Written::new(10);
        written.insert_row((message(5, 100), 0));
        written.insert_row((message(5, 100), 7));
        written.insert_row((message(6, 100), 0));
        written.insert(message(5, 100), false);
        assert!(!written.has_row((message(5, 100), 7)));
        assert!(written.has_row((message(6, 100), 0)));
        assert_eq!(written.rows.len(), 1);
    }
}
