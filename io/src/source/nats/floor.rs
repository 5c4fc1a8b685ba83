//! Where a consumer that was deleted is created again: its ack floor, as far as that can be trusted.

use std::sync::PoisonError;

use async_nats::jetstream::consumer::{DeliverPolicy, Info};
use async_nats::jetstream::stream::{RetentionPolicy, Stream};

use super::Inner;
use super::consumer::incarnation;

/// How far a consumer was known to have settled everything.
pub(super) struct Floor {
    /// When the stream was created, in seconds and nanoseconds since the Unix epoch: a stream that was made anew counts from 1 again.
    stream_created: i128,
    /// The connection on which it was read. A server that lost its tail was restarted, which costs the connection; once others have
    /// filled the stream up again, nothing else would show that the floor stands among messages that were never delivered.
    connection: u64,
    /// The consumer that it is of.
    incarnation: i64,
    /// Whether all below it is settled. A consumer that was seen with a max deliver passes by what it gave up, also once that is lifted.
    trusted: bool,
    sequence: u64,
}

impl Floor {
    fn new(info: &Info, stream: &Stream, connection: u64, before: Option<&Floor>) -> Self {
        let incarnation = incarnation(info);
        let trusted =
            is_trusted(before.map(|before| (before.incarnation, before.trusted)), incarnation, info.config.max_deliver);
        let sequence = info.ack_floor.stream_sequence;
        Floor { stream_created: created(stream), connection, incarnation, trusted, sequence }
    }
}

/// Whether a consumer's floor tells what is settled: by which consumer was seen before and whether its was trusted, and by which it is now.
fn is_trusted(before: Option<(i64, bool)>, incarnation: i64, max_deliver: i64) -> bool {
    max_deliver <= 0 && before != Some((incarnation, false))
}

impl Inner {
    /// Whether there was a consumer, as far as this process knows.
    pub(super) fn was_attached(&self) -> bool {
        self.floor.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Where a consumer that is created starts: at the stream's beginning, unless this process has seen how far everything
    /// was settled before the consumer was deleted. The floor of a stream that was made anew, or that lost its tail, is void, and so is one
    /// that may have passed by a message that was given up.
    pub(super) fn start(&self, stream: &Stream) -> DeliverPolicy {
        let info = stream.cached_info();
        if info.config.retention == RetentionPolicy::WorkQueue {
            // Nothing else is allowed there, and what was acked is gone.
            return DeliverPolicy::All;
        }
        let floor = self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        match &*floor {
            Some(floor)
                if floor.stream_created == created(stream)
                    && floor.connection == self.connection()
                    && floor.trusted
                    && floor.sequence > 0
                    && floor.sequence <= info.state.last_sequence =>
            {
                DeliverPolicy::ByStartSequence { start_sequence: floor.sequence + 1 }
            }
            _ => DeliverPolicy::All,
        }
    }

    /// `connection` is the one from before the server was asked.
    pub(super) fn note_floor(&self, info: &Info, stream: &Stream, connection: u64) {
        let mut floor = self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        *floor = Some(Floor::new(info, stream, connection, floor.as_ref()));
    }
}

fn created(stream: &Stream) -> i128 {
    stream.cached_info().created.unix_timestamp_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_of_a_consumer_that_once_gave_messages_up_is_not_trusted_again() {
        assert!(is_trusted(None, 1, -1) && is_trusted(None, 1, 0));
        assert!(!is_trusted(Some((1, true)), 1, 5), "it gives up now");
        assert!(!is_trusted(Some((1, false)), 1, -1), "it did before");
        assert!(is_trusted(Some((1, true)), 1, -1) && is_trusted(Some((1, false)), 2, -1), "another consumer");
    }
}
