//! What the stream deleted before it was delivered: found by comparing how stream and consumer were with how they are.
//!
//! What the server does (tried on 2.15.1): messages that the stream's limits delete leave the consumer's position where it is, and
//! the next delivery jumps to the stream's first message. A purge moves the consumer's position too, without a delivery. Messages
//! that were delivered and not acked are dropped from the consumer with their message: a process that holds them writes them, and what
//! a process held that died can't be told from what was acked.

use std::time::Duration;

use tokio::time::Instant;

/// The shortest time between two log lines.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// What has expired so far, and what was last seen.
#[derive(Debug, Default)]
pub(super) struct Retention {
    seen: Option<Seen>,
    /// What the metrics have not heard of yet.
    uncounted: u64,
    /// What the log has not heard of yet.
    unlogged: Option<Expired>,
    logged: Option<Instant>,
}

impl Retention {
    /// Compares with what was last seen.
    pub fn compare(&mut self, now: Seen) {
        let expired = now.expired_since(self.seen.as_ref());
        let is_first = self.seen.replace(now).is_none();
        if expired.certain > 0 {
            self.uncounted += expired.certain;
            self.unlogged = Some(self.unlogged.map_or(expired, |before| before.and(expired)));
        } else if expired.at_most > 0 && is_first {
            tracing::info!(
                from_sequence = expired.from,
                to_sequence = expired.to,
                "the stream's limits have deleted messages since the consumer was last used; the stream has other subjects than \
                 the consumer's, so it is not known whether any of its own were among them"
            );
        }
        self.log();
    }

    fn log(&mut self) {
        if self.logged.is_some_and(|logged| logged.elapsed() < LOG_EVERY) {
            return;
        }
        if let Some(Expired { certain, at_most, from, to }) = self.unlogged.take() {
            self.logged = Some(Instant::now());
            tracing::error!(
                messages = certain,
                at_most,
                from_sequence = from,
                to_sequence = to,
                "messages are lost: the stream's limits deleted them before they were delivered; raise the stream's limits, or \
                 make the sink faster"
            );
        }
    }

    /// So many were lost since this was last asked.
    pub fn take_uncounted(&mut self) -> u64 {
        std::mem::take(&mut self.uncounted)
    }

    /// The first message that was not delivered, as far as it still can be.
    pub fn next(&self, first: u64, delivered: u64) -> Option<u64> {
        self.seen.as_ref()?.next.filter(|next| *next >= first && *next > delivered)
    }
}

/// How a consumer and its stream are at one moment. The stream is asked first: it can only be behind the consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// When stream and consumer were created: others with these names have their own numbers.
    pub created: (i128, i128),
    /// The sequence of the stream's first message.
    pub first: u64,
    /// Sequences that were deleted behind the stream's first message.
    pub deleted: u64,
    /// The sequence of the newest message that was delivered.
    pub delivered: u64,
    /// Deliveries so far, repeated ones included.
    pub deliveries: u64,
    /// Messages of the consumer's that were not delivered.
    pub pending: u64,
    /// The first message of the consumer's that was not delivered, where that was asked.
    pub next: Option<u64>,
    /// Whether every message of the stream is for the consumer.
    pub takes_all: bool,
    /// Whether the stream has a limit that deletes messages. Without one, all deleting is done on purpose.
    pub limited: bool,
}

/// What was deleted before it was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expired {
    /// So many messages of the consumer's at least. Exact while nothing is delivered twice, where every message is the consumer's.
    pub certain: u64,
    /// So many sequences at most, those of other subjects and those that were delivered in time included.
    pub at_most: u64,
    /// The first and the last of them.
    pub from: u64,
    pub to: u64,
}

impl Expired {
    /// Both, the later one last.
    fn and(self, later: Expired) -> Expired {
        Expired {
            certain: self.certain + later.certain,
            at_most: self.at_most + later.at_most,
            from: self.from,
            to: later.to,
        }
    }
}

impl Seen {
    /// What has expired since `before`; or, without one, since the consumer was last used.
    pub fn expired_since(&self, before: Option<&Seen>) -> Expired {
        let before = before.filter(|before| before.created == self.created && before.deliveries <= self.deliveries);
        let from = before.map_or(self.delivered, |before| before.delivered.max(before.first.saturating_sub(1))) + 1;
        let to = self.first.saturating_sub(1);
        if !self.limited || to < from || self.was_purged(before) {
            return Expired::default();
        }
        let at_most = to - from + 1;
        let certain = match before {
            None if self.takes_all => at_most,
            None => 0,
            Some(before) => self.certainly_since(before).min(at_most),
        };
        Expired { certain, at_most, from, to }
    }

    /// A purge moves the consumer to the end of what it deleted.
    fn was_purged(&self, before: Option<&Seen>) -> bool {
        let Some(before) = before else { return false };
        self.deliveries == before.deliveries
            && self.delivered > before.delivered
            && self.delivered.saturating_add(1) == self.first
    }

    fn certainly_since(&self, before: &Seen) -> u64 {
        let deliveries = self.deliveries - before.deliveries;
        // What was pending was delivered, or is pending still, or is gone. More may have been published since.
        let gone = before.pending.saturating_sub(self.pending).saturating_sub(deliveries);
        let position = before.delivered.max(before.first.saturating_sub(1));
        let next_is_gone = before.next.is_some_and(|next| next < self.first && self.delivered < next);
        let passed = self.delivered.max(self.first.saturating_sub(1)).saturating_sub(position);
        let skipped = if self.takes_all { passed.saturating_sub(deliveries).saturating_sub(self.deleted) } else { 0 };
        gone.max(u64::from(next_is_gone)).max(skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A consumer of all that has 10 of 20 messages.
    fn seen() -> Seen {
        Seen {
            created: (1, 2),
            first: 1,
            deleted: 0,
            delivered: 10,
            deliveries: 10,
            pending: 10,
            next: None,
            takes_all: true,
            limited: true,
        }
    }

    fn expired(now: &Seen, before: Option<&Seen>) -> (u64, u64) {
        let Expired { certain, at_most, .. } = now.expired_since(before);
        (certain, at_most)
    }

    #[test]
    fn what_expired_while_no_sink_ran_is_between_the_consumer_and_the_stream() {
        let now = Seen { first: 1701, pending: 500, ..seen() };
        assert_eq!(now.expired_since(None), Expired { certain: 1690, at_most: 1690, from: 11, to: 1700 });
        let filtered = Seen { takes_all: false, ..now.clone() };
        assert_eq!(expired(&filtered, None), (0, 1690), "other subjects may have been all");
        let unlimited = Seen { limited: false, ..now };
        assert_eq!(expired(&unlimited, None), (0, 0), "an operator has deleted them");
        assert_eq!(expired(&Seen { first: 11, ..seen() }, None), (0, 0), "all was delivered");
        let fresh = Seen { first: 1000, delivered: 999, deliveries: 0, ..seen() };
        assert_eq!(expired(&fresh, None), (0, 0), "a new consumer begins at the stream's first message");
    }

    #[test]
    fn what_expires_while_it_runs_is_counted_once() {
        let before = seen();
        let stuck = Seen { first: 31, pending: 10, ..seen() };
        assert_eq!(expired(&stuck, Some(&before)), (20, 20), "nothing was delivered");
        assert_eq!(expired(&stuck, Some(&stuck)), (0, 0));
        let more = Seen { first: 36, ..stuck.clone() };
        assert_eq!(expired(&more, Some(&stuck)), (5, 5));
        // The position jumped to the stream's first message, and ten were delivered from there.
        let jumped = Seen { first: 36, delivered: 45, deliveries: 20, pending: 0, ..seen() };
        assert_eq!(expired(&jumped, Some(&stuck)), (5, 5));
        assert_eq!(expired(&jumped, Some(&before)), (25, 25));
        // All were delivered, and expired after that.
        let in_time = Seen { first: 41, delivered: 45, deliveries: 45, pending: 0, ..seen() };
        assert_eq!(expired(&in_time, Some(&before)).0, 0);
        let twice = Seen { deliveries: 22, ..jumped.clone() };
        assert_eq!(expired(&twice, Some(&before)).0, 23, "two deliveries were repeated, perhaps: a lower bound");
        let deleted = Seen { deleted: 3, ..jumped };
        assert_eq!(expired(&deleted, Some(&before)).0, 22, "deleted one by one, perhaps");
    }

    #[test]
    fn on_a_stream_with_other_subjects_only_what_is_certain_counts() {
        let before = Seen { takes_all: false, ..seen() };
        let others = Seen { first: 501, ..before.clone() };
        assert_eq!(expired(&others, Some(&before)), (0, 490), "as many are pending as before");
        let gone = Seen { first: 501, pending: 3, ..before.clone() };
        assert_eq!(expired(&gone, Some(&before)).0, 7);
        let delivered = Seen { first: 501, pending: 3, delivered: 17, deliveries: 17, ..before.clone() };
        assert_eq!(expired(&delivered, Some(&before)).0, 0);
        let known = Seen { next: Some(12), ..before };
        assert_eq!(expired(&others, Some(&known)).0, 1, "the next one was there, and is not");
    }

    #[test]
    fn what_was_lost_is_counted_once_and_the_log_hears_of_a_range() {
        let mut retention = Retention { logged: Some(Instant::now()), ..Retention::default() };
        retention.compare(seen());
        assert_eq!((retention.take_uncounted(), retention.unlogged), (0, None));
        retention.compare(Seen { first: 31, ..seen() });
        retention.compare(Seen { first: 36, ..seen() });
        assert_eq!((retention.take_uncounted(), retention.take_uncounted()), (25, 0));
        assert_eq!(retention.unlogged, Some(Expired { certain: 25, at_most: 25, from: 11, to: 35 }));
        retention.logged = None;
        retention.log();
        assert!(retention.unlogged.is_none() && retention.logged.is_some());
    }

    #[test]
    fn a_purge_or_another_stream_is_no_loss() {
        let before = seen();
        let purged = Seen { first: 21, delivered: 20, pending: 0, ..seen() };
        assert_eq!(expired(&purged, Some(&before)), (0, 0));
        let other = Seen { created: (3, 4), first: 5, delivered: 4, deliveries: 0, pending: 1, ..seen() };
        assert_eq!(expired(&other, Some(&before)), (0, 0));
    }
}
