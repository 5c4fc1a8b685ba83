//! The pull requests that wait for messages. They are served in turn, a message each.

use std::collections::VecDeque;

use warehouse_sink_core::Timestamp;

use crate::{End, Inbox, PullRequest};

#[derive(Clone, Debug)]
struct Waiting {
    inbox: Inbox,
    left: usize,
    bytes_left: Option<u64>,
    expires: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct WaitingPulls {
    queue: VecDeque<Waiting>,
}

impl WaitingPulls {
    pub fn add(&mut self, now: Timestamp, inbox: Inbox, request: PullRequest) {
        let expires = now.saturating_add(request.expires);
        self.queue.push_back(Waiting { inbox, left: request.batch.max(1), bytes_left: request.max_bytes, expires });
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Who gets the next message, of this size. Requests that it is too large for are ended.
    pub fn next(&mut self, size: u64, mut ended: impl FnMut(Inbox, End)) -> Option<Inbox> {
        loop {
            let mut first = self.queue.pop_front()?;
            match first.bytes_left.map(|left| left.checked_sub(size)) {
                Some(None) => {
                    ended(first.inbox, End::TooLarge);
                    continue;
                }
                Some(left) => first.bytes_left = left,
                None => {}
            }
            first.left -= 1;
            let inbox = first.inbox;
            if first.left > 0 {
                self.queue.push_back(first);
            }
            return Some(inbox);
        }
    }

    pub fn expire(&mut self, now: Timestamp, mut ended: impl FnMut(Inbox, End)) {
        self.queue.retain(|waiting| {
            let over = waiting.expires <= now;
            if over {
                ended(waiting.inbox, End::Expired);
            }
            !over
        });
    }

    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.queue.iter().map(|waiting| waiting.expires).min()
    }

    pub fn end_all(&mut self, end: End, mut ended: impl FnMut(Inbox, End)) {
        self.queue.drain(..).for_each(|waiting| ended(waiting.inbox, end));
    }

    /// Drops the requests whose subscription is gone.
    pub fn lose_interest(&mut self, gone: impl Fn(Inbox) -> bool) {
        self.queue.retain(|waiting| !gone(waiting.inbox));
    }
}
