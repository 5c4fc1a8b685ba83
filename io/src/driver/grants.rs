//! Who may fetch how much. The machine's capacity, less what was granted already and not yet handed in, is shared out
//! to the fetchers that ask, in the order in which they asked.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use warehouse_sink_core::Capacity;

pub(super) struct Grants {
    /// The most that one fetcher gets at a time.
    batch: usize,
    /// The number of fetchers.
    fetchers: u64,
    granted: Capacity,
    waiting: VecDeque<oneshot::Sender<Capacity>>,
}

impl Grants {
    pub fn new(batch: usize, fetchers: usize) -> Self {
        let granted = Capacity::default();
        Grants { batch, fetchers: fetchers.max(1) as u64, granted, waiting: VecDeque::new() }
    }

    /// A fetcher asks for a grant.
    pub fn ask(&mut self, answer: oneshot::Sender<Capacity>) {
        self.waiting.push_back(answer);
    }

    /// Whether a fetcher waits for a grant.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Part of a grant was used, or is given back unused.
    pub fn settle(&mut self, used: Capacity) {
        self.granted.messages = self.granted.messages.saturating_sub(used.messages);
        self.granted.bytes = self.granted.bytes.saturating_sub(used.bytes);
    }

    /// Answers those who wait, as far as the capacity goes. A grant of less than `least` bytes may not be used for the next message. `empty`
    /// says that nothing is held, so that the capacity will not grow by waiting.
    pub fn share_out(&mut self, capacity: Capacity, least: u64, empty: bool) {
        while let Some(grant) = self.next_grant(capacity, least, empty) {
            let Some(answer) = self.waiting.pop_front() else { return };
            // A fetcher that is gone needs no grant.
            if answer.send(grant).is_ok() {
                self.granted.messages += grant.messages;
                self.granted.bytes += grant.bytes;
            }
        }
    }

    fn next_grant(&self, capacity: Capacity, least: u64, empty: bool) -> Option<Capacity> {
        self.waiting.front()?;
        let messages = capacity.messages.saturating_sub(self.granted.messages).min(self.batch);
        let left = capacity.bytes.saturating_sub(self.granted.bytes);
        let share = (capacity.bytes / self.fetchers).max(least).min(left);
        let idle = empty && self.granted == Capacity::default();
        if messages == 0 || share == 0 || (share < least && !idle) {
            return None;
        }
        Some(Capacity { messages, bytes: share })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(grants: &mut Grants) -> oneshot::Receiver<Capacity> {
        let (ask, answer) = oneshot::channel();
        grants.ask(ask);
        answer
    }

    #[test]
    fn never_grants_more_than_the_capacity() {
        let mut grants = Grants::new(100, 2);
        let capacity = Capacity { messages: 150, bytes: 1000 };
        let mut answers: Vec<_> = (0..3).map(|_| asked(&mut grants)).collect();
        grants.share_out(capacity, 10, false);
        let granted: Vec<_> = answers.iter_mut().map(|answer| answer.try_recv().ok()).collect();
        assert_eq!(
            granted,
            [Some(Capacity { messages: 100, bytes: 500 }), Some(Capacity { messages: 50, bytes: 500 }), None]
        );
        grants.settle(Capacity { messages: 60, bytes: 500 });
        grants.share_out(capacity, 10, false);
        assert_eq!(answers[2].try_recv().ok(), Some(Capacity { messages: 60, bytes: 500 }));
    }

    #[test]
    fn waits_for_room_for_the_largest_message_while_others_fetch() {
        let mut grants = Grants::new(100, 2);
        let capacity = Capacity { messages: 150, bytes: 1000 };
        let mut first = asked(&mut grants);
        let mut second = asked(&mut grants);
        grants.share_out(capacity, 600, false);
        assert_eq!(first.try_recv().ok(), Some(Capacity { messages: 100, bytes: 600 }));
        assert!(second.try_recv().is_err());
        grants.settle(Capacity { messages: 100, bytes: 600 });
        grants.share_out(capacity, 600, false);
        assert_eq!(second.try_recv().ok(), Some(Capacity { messages: 100, bytes: 600 }));
    }

    #[test]
    fn a_budget_below_the_largest_message_is_granted_whole_once_nothing_is_held() {
        let mut grants = Grants::new(100, 1);
        let capacity = Capacity { messages: 100, bytes: 500 };
        let mut answer = asked(&mut grants);
        grants.share_out(capacity, 600, false);
        assert!(answer.try_recv().is_err());
        grants.share_out(capacity, 600, true);
        assert_eq!(answer.try_recv().ok(), Some(capacity));
    }

    #[test]
    fn a_fetcher_that_is_gone_gets_nothing() {
        let mut grants = Grants::new(100, 1);
        drop(asked(&mut grants));
        let mut answer = asked(&mut grants);
        grants.share_out(Capacity { messages: 100, bytes: 10 }, 1, true);
        assert!(answer.try_recv().is_ok());
    }
}
