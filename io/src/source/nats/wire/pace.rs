//! How many bytes are asked for at a time: what the link carries in a few seconds.
//!
//! The server sends all that was asked for at once. What the link does not carry at that speed waits at the server, which ends the connection of
//! a client with too much waiting, or that takes too long.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is asked for before anything is known of the link.
const FIRST: u64 = 4 << 20;
/// Where nothing else is asked for, this much is.
const LEAST: u64 = 64 << 10;
/// More than is ever granted.
const MOST: u64 = 1 << 40;

/// A request that took no longer may have been larger.
const SHORT: Duration = Duration::from_secs(1);
/// One that took longer was too large. A request waits for messages for less than that.
const LONG: Duration = Duration::from_secs(4);
/// How long a request is to take.
const WANTED: Duration = Duration::from_secs(2);

/// The bytes that may be on their way, over all requests.
#[derive(Debug)]
pub(in super::super) struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    window: u64,
    asked: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Pace(Mutex::new(State { window: FIRST, asked: 0 }))
    }
}

impl Pace {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes the next request asks for. `most` is what there is room for, and `least` what the next message may need.
    pub fn ask(&self, most: u64, least: u64) -> u64 {
        let mut state = self.lock();
        let free = state.window.saturating_sub(state.asked).max(LEAST).max(least);
        let bytes = free.min(most);
        state.asked += bytes;
        bytes
    }

    /// A request has ended that asked for so many bytes, got so many, and took so long until the last of them.
    pub fn end(&self, asked: u64, got: u64, took: Duration) {
        let mut state = self.lock();
        state.asked = state.asked.saturating_sub(asked);
        if took > LONG {
            let rate = got as f64 / took.as_secs_f64();
            let carried = (rate * WANTED.as_secs_f64()) as u64;
            state.window = state.window.min(carried.max(LEAST));
        } else if took < SHORT && got >= asked / 2 {
            state.window = state.window.max(asked.saturating_mul(2)).min(MOST);
        }
    }

    /// The connection was lost with a request on its way.
    pub fn lose(&self, asked: u64) {
        let mut state = self.lock();
        state.asked = state.asked.saturating_sub(asked);
        state.window = (state.window / 2).max(LEAST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: u64 = 64 << 20;

    /// The size of a request after a few over a link of so many bytes a second.
    fn settles_at(rate: u64) -> u64 {
        let pace = Pace::default();
        for _ in 0..20 {
            let asked = pace.ask(GRANT, 0);
            // The server gives up on a client that needs so long.
            match Duration::from_secs_f64(asked as f64 / rate as f64) {
                took if took > Duration::from_secs(10) => pace.lose(asked),
                took => pace.end(asked, asked, took),
            }
        }
        pace.ask(GRANT, 0)
    }

    #[test]
    fn a_request_is_what_the_link_carries_in_some_seconds() {
        assert_eq!(settles_at(1 << 30), GRANT, "the grant alone limits it");
        for rate in [100_000, 500_000, 2_000_000, 10_000_000] {
            let asked = settles_at(rate);
            let seconds = asked as f64 / rate as f64;
            assert!((0.5..=4.0).contains(&seconds), "{asked} bytes at {rate} a second");
        }
    }

    #[test]
    fn requests_share_what_the_link_carries() {
        let pace = Pace::default();
        assert_eq!(pace.ask(GRANT, 0), FIRST);
        assert_eq!(pace.ask(GRANT, 0), LEAST);
        assert_eq!(pace.ask(GRANT, 1 << 20), 1 << 20, "a large message has to fit");
        assert_eq!(pace.ask(1000, 1 << 20), 1000, "there is no more room");
        pace.end(FIRST, 10, Duration::from_secs(2));
        assert_eq!(pace.ask(GRANT, 0), FIRST - LEAST - (1 << 20) - 1000, "an idle request says nothing of the link");
    }
}
