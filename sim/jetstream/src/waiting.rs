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
    /// Nobody listens any more. The server notices when it wants to serve it.
    gone: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct WaitingPulls {
    queue: VecDeque<Waiting>,
}

/// Who gets a message.
pub(crate) struct Taker {
    pub inbox: Inbox,
    /// It was the last message of the request, and bytes of it are left.
    pub bytes_left_over: bool,
}

impl WaitingPulls {
    pub fn add(&mut self, now: Timestamp, inbox: Inbox, request: PullRequest) {
        let expires = now.saturating_add(request.expires);
        let (left, bytes_left) = (request.batch.max(1), request.max_bytes.filter(|bytes| *bytes > 0));
        self.queue.push_back(Waiting { inbox, left, bytes_left, expires, gone: false });
    }

    /// Requests that somebody listens for.
    pub fn len(&self) -> usize {
        self.queue.iter().filter(|waiting| !waiting.gone).count()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Who gets the next message, of this size. Requests that it is too large for are ended.
    pub fn next(&mut self, size: u64, mut ended: impl FnMut(Inbox, End)) -> Option<Taker> {
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
            if first.gone {
                continue;
            }
            // What has no bytes left has no messages left.
            first.left = if first.bytes_left == Some(0) { 0 } else { first.left - 1 };
            let (inbox, done) = (first.inbox, first.left == 0);
            let bytes_left_over = done && first.bytes_left.is_some_and(|left| left > 0);
            if !done {
                self.queue.push_back(first);
            }
            return Some(Taker { inbox, bytes_left_over });
        }
    }

    pub fn expire(&mut self, now: Timestamp, mut ended: impl FnMut(Inbox, End)) {
        self.queue.retain(|waiting| {
            let over = waiting.expires <= now;
            if over && !waiting.gone {
                ended(waiting.inbox, End::Expired);
            }
            !over
        });
    }

    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.queue.iter().map(|waiting| waiting.expires).min()
    }

    pub fn end_all(&mut self, end: End, mut ended: impl FnMut(Inbox, End)) {
        self.queue.drain(..).filter(|waiting| !waiting.gone).for_each(|waiting| ended(waiting.inbox, end));
    }

    /// These subscriptions are gone.
    pub fn lose_interest(&mut self, gone: impl Fn(Inbox) -> bool) {
        self.queue.iter_mut().for_each(|waiting| waiting.gone |= gone(waiting.inbox));
    }

    /// Drops the requests whose subscription is gone, as the server does before it waits.
    pub fn drop_gone(&mut self) {
        self.queue.retain(|waiting| !waiting.gone);
    }
}
