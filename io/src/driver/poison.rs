//! What is said of messages that can't be decoded: now and then in the log, and at once where they are held.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::Gauge;
use tokio::time::Instant;
use warehouse_sink_core::{Hold, HoldCause};

use crate::health::{Health, Part};

/// A line about poison is followed by the next no sooner than this.
const PAUSE: Duration = Duration::from_secs(60);

/// What the fetchers saw. Shared by them and the driver.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    first: Option<Example>,
    latest: Option<Example>,
    /// Deliveries since the last line in the log.
    deliveries: u64,
    /// Those of them that were poison.
    poison: u64,
    said: Option<Instant>,
}

/// A message that can't be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Example {
    sequence: u64,
    reason: String,
}

impl Seen {
    pub fn fetched(&self, deliveries: usize) {
        self.lock().deliveries += deliveries as u64;
    }

    /// A message can't be decoded, in whole or in part.
    pub fn poison(&self, sequence: u64, reason: Option<&str>) {
        let mut state = self.lock();
        state.poison += 1;
        let example = Example { sequence, reason: reason.unwrap_or("no reason is known").to_owned() };
        state.first.get_or_insert_with(|| example.clone());
        if state.said.is_none_or(|said| said.elapsed() >= PAUSE) {
            let State { deliveries, poison, .. } = *state;
            let reason = example.reason.as_str();
            tracing::warn!(poison, deliveries, sequence, reason, "messages can't be decoded");
            (state.deliveries, state.poison, state.said) = (0, 0, Some(Instant::now()));
        }
        state.latest = Some(example);
    }

    /// Why poison is held, for an operator.
    fn why(&self, hold: &Hold) -> String {
        let state = self.lock();
        let Hold { messages, poison, first_sequence, .. } = hold;
        let (found, example) = match hold.cause {
            HoldCause::NothingDecoded => (
                format!("nothing could be decoded since the start: {poison} messages are poison, the first of them"),
                &state.first,
            ),
            HoldCause::Share => (format!("{poison} of {messages} messages are poison, one of them"), &state.latest),
        };
        let example = match example {
            Some(Example { sequence, reason }) => format!("sequence {sequence}: {reason}"),
            None => format!("sequence {first_sequence}"),
        };
        format!(
            "{found} {example}; poison is given back and none is terminated; check [schema], or see docs/operations.md#poison-is-held"
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held can't leave the state half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows whether poison is held: in the log, the metrics, and at `/ready`.
pub(super) struct Holding {
    seen: Seen,
    health: Health,
    gauge: Gauge,
    shown: Option<Hold>,
}

impl Holding {
    pub fn new(seen: Seen, health: Health, gauge: Gauge) -> Self {
        Holding { seen, health, gauge, shown: None }
    }

    pub fn show(&mut self, hold: Option<Hold>) {
        let before = std::mem::replace(&mut self.shown, hold);
        if before.map(|hold| hold.cause) == hold.map(|hold| hold.cause) {
            return;
        }
        self.gauge.set(f64::from(u8::from(hold.is_some())));
        match (before, hold) {
            (None, Some(Hold { messages, poison, first_sequence, .. })) => {
                tracing::error!(
                    poison,
                    messages,
                    first_sequence,
                    "poison is held: it is given back, and none is terminated"
                );
            }
            (Some(Hold { given_back, .. }), None) => {
                tracing::info!(
                    given_back,
                    "poison is held no more: what was given back is written as dead letters when it comes again"
                );
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
        self.health.set(Part::Decoding, hold.map_or(Ok(()), |hold| Err(self.seen.why(&hold))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(cause: HoldCause) -> Hold {
        Hold { cause, messages: 10, poison: 7, first_sequence: 5, given_back: 0 }
    }

    fn unready(health: &Health) -> String {
        let reasons = health.ready().unwrap_err();
        reasons.lines().find(|line| line.starts_with("decoding: ")).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_hold_is_not_ready_with_the_reason_and_a_sequence() {
        let (seen, health) = (Seen::default(), Health::new());
        let mut holding = Holding::new(seen.clone(), health.clone(), Gauge::noop());
        holding.show(Some(hold(HoldCause::NothingDecoded)));
        assert!(unready(&health).contains("the first of them sequence 5;"), "{}", unready(&health));
        holding.show(None);
        assert_eq!(unready(&health), "");
        seen.poison(5, Some("id is missing"));
        seen.poison(6, Some("id is null"));
        holding.show(Some(hold(HoldCause::NothingDecoded)));
        let words = ["nothing could be decoded", "7 messages", "sequence 5: id is missing;"];
        assert!(words.iter().all(|word| unready(&health).contains(word)), "{}", unready(&health));
        holding.show(Some(hold(HoldCause::Share)));
        let words = ["7 of 10 messages", "sequence 6: id is null;"];
        assert!(words.iter().all(|word| unready(&health).contains(word)), "{}", unready(&health));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_a_minute_says_how_many() {
        let seen = Seen::default();
        let counts = || {
            let state = seen.lock();
            (state.poison, state.deliveries)
        };
        seen.fetched(3);
        seen.poison(1, None);
        assert_eq!(counts(), (0, 0), "the first is said at once");
        seen.fetched(5);
        seen.poison(2, None);
        tokio::time::advance(PAUSE - Duration::from_millis(1)).await;
        seen.poison(3, None);
        assert_eq!(counts(), (2, 5));
        tokio::time::advance(Duration::from_millis(1)).await;
        seen.poison(4, None);
        assert_eq!(counts(), (0, 0));
    }
}
