//! What happens because time passed. It is looked at after every event, so that no event can hold time up.

use std::time::Duration;

use super::Machine;
use crate::{Command, Timestamp};

impl<P: Clone + Ord, R> Machine<P, R> {
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.close_due(now);
        self.writes.wake(now);
        self.close_under_pressure();
        if self.shutdown.is_some_and(|deadline| deadline <= now) {
            self.abandon();
            return;
        }
        while let Some(command) = self.writes.start_next(&self.config) {
            self.commands.push_back(command);
        }
        self.keep_alive(now);
    }

    /// Closes the batches whose flush interval has passed; all of them once a shutdown began.
    fn close_due(&mut self, now: Timestamp) {
        while let Some(opened_at) = self.open.oldest() {
            let due = opened_at.saturating_add(self.config.flush_interval);
            if due > now && self.shutdown.is_none() {
                return;
            }
            match self.open.close_oldest() {
                Some(closed) => self.enqueue(closed),
                None => return,
            }
        }
    }

    /// Makes room in time, but no earlier than the next write starts: a batch that had to wait for its turn would be larger by then, were it
    /// open.
    fn close_under_pressure(&mut self) {
        while self.writes.has_free_slot(&self.config)
            && let Some(closed) = self.open.close_under_pressure(&self.config, self.capacity().messages)
        {
            self.enqueue(closed);
        }
        while self.writes.has_free_slot(&self.config)
            && self.fills_the_server()
            && let Some(closed) = self.open.close_largest()
        {
            self.enqueue(closed);
        }
    }

    /// Whether more than half of what the server lets be un-settled is held here and in no write: the other half is for what is written.
    fn fills_the_server(&self) -> bool {
        self.held.len().saturating_sub(self.writes.rows()) > self.config.max_ack_pending / 2
    }

    /// Makes the server deliver again: it waits for settlements, so what is open can't fill. Half of the rows are written, the largest
    /// batches first; what is still open goes next time. While a write runs, its end may be enough.
    pub(super) fn close_for_the_server(&mut self) {
        let keep = self.open.rows() / 2;
        while self.writes.in_flight() == 0
            && self.open.rows() > keep
            && let Some(closed) = self.open.close_largest()
        {
            self.enqueue(closed);
        }
    }

    /// How often held deliveries are looked through. One that is older than this gets a progress ack then, so none gets
    /// older than twice this: half of the ack wait, and the other half is for the network and a busy process.
    pub(super) fn progress_interval(&self) -> Duration {
        self.config.ack_wait / 4
    }

    fn keep_alive(&mut self, now: Timestamp) {
        if self.held.is_empty() || now < self.next_progress {
            return;
        }
        let interval = self.progress_interval();
        self.next_progress = now.saturating_add(interval);
        for (_, held) in self.held.iter_mut() {
            if now.since(held.alive_since) >= interval {
                held.alive_since = now;
                self.commands.push_back(Command::Progress { delivery: held.delivery });
            }
        }
    }
}
