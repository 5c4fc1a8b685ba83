//! Whether the sink is ready: what the HTTP endpoint answers and what the logs say when it changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::metrics::Ready;

/// Readiness, shared between the parts that know it and those who ask.
#[derive(Clone, Debug)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

/// A part of the sink that has to work for the sink to be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The connection to NATS.
    Connection,
    /// The stream and the consumer, found and fit.
    Consumer,
    /// The server's answers when it is asked how the consumer is.
    Answers,
    /// The pull requests of one of the fetchers. Each fetcher has its own: another one's success says nothing of them.
    Fetcher(usize),
    /// The object store: the probe at the start, then the writes.
    Store,
    /// The consumer takes acks.
    Acks,
    /// The messages can be decoded.
    Decoding,
}

/// Why the store is not ready at first.
const UNTRIED: &str = "not tried yet";

/// What is not ready is shown under one of these names.
const NAMES: [&str; 5] = ["nats", "consumer", "store", "acks", "decoding"];

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Connection => "nats",
            Part::Consumer | Part::Answers | Part::Fetcher(_) => "consumer",
            Part::Store => "store",
            Part::Acks => "acks",
            Part::Decoding => "decoding",
        }
    }
}

#[derive(Debug)]
struct State {
    /// Why a part does not work, for those that don't. What was not tried yet does not work.
    failing: BTreeMap<Part, String>,
    stopping: bool,
    shown: Option<Ready>,
}

impl Default for Health {
    fn default() -> Self {
        let untried =
            [(Part::Connection, "not connected yet"), (Part::Consumer, "not looked for yet"), (Part::Store, UNTRIED)];
        let failing = untried.into_iter().map(|(part, reason)| (part, reason.to_owned())).collect();
        Health { state: Arc::new(Mutex::new(State { failing, stopping: false, shown: None })) }
    }
}

impl State {
    /// The first reason under a name.
    fn reason(&self, name: &str) -> Option<&str> {
        self.failing.iter().find(|(part, _)| part.name() == name).map(|(_, reason)| reason.as_str())
    }

    fn show(&self) {
        let Some(shown) = &self.shown else { return };
        let gauges = [&shown.nats, &shown.consumer, &shown.store, &shown.acks, &shown.decoding];
        for (gauge, name) in gauges.into_iter().zip(NAMES) {
            gauge.set(f64::from(u8::from(self.reason(name).is_none())));
        }
        shown.process.set(f64::from(u8::from(!self.stopping)));
    }
}

impl Health {
    /// Not ready yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows from now on in these gauges what is ready.
    pub fn show_in(&self, gauges: Ready) {
        let mut state = self.lock();
        state.shown = Some(gauges);
        state.show();
    }

    /// Says how a part is; logs it where that is news.
    pub fn set(&self, part: Part, result: Result<(), String>) {
        let mut state = self.lock();
        let name = part.name();
        let old = state.reason(name).map(str::to_owned);
        match result {
            Ok(()) => state.failing.remove(&part),
            Err(reason) => state.failing.insert(part, reason),
        };
        let new = state.reason(name);
        if old.as_deref() == new {
            return;
        }
        // Each failed write has a line of its own, and a reason of its own in it.
        let is_told = part == Part::Store && old.is_some_and(|old| old != UNTRIED);
        match new {
            None => tracing::info!(part = name, "ready"),
            Some(_) if is_told => {}
            Some(reason) => tracing::warn!(part = name, reason, "not ready"),
        }
        state.show();
    }

    /// Whether a part is known not to work.
    pub fn is_failing(&self, part: Part) -> bool {
        self.lock().failing.contains_key(&part)
    }

    /// Says that the process is about to stop: it is not ready any more.
    pub fn set_stopping(&self) {
        let mut state = self.lock();
        state.stopping = true;
        state.show();
    }

    /// Whether the sink does its work now.
    ///
    /// # Errors
    ///
    /// Every reason why it does not, on a line each.
    pub fn ready(&self) -> Result<(), String> {
        let state = self.lock();
        let mut reasons = Vec::new();
        if state.stopping {
            reasons.push("process: shutting down".to_owned());
        }
        for (part, reason) in &state.failing {
            let line = format!("{}: {reason}", part.name());
            // Fetchers that fail alike say it once.
            if !reasons.contains(&line) {
                reasons.push(line);
            }
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("\n")) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held can't leave the state half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ready_once_all_parts_were_tried_and_says_what_is_not() {
        let health = Health::new();
        health.set(Part::Connection, Ok(()));
        health.set(Part::Consumer, Ok(()));
        assert_eq!(health.ready(), Err("store: not tried yet".to_owned()));
        health.set(Part::Store, Ok(()));
        assert_eq!(health.ready(), Ok(()));
        health.set(Part::Store, Err("refused".to_owned()));
        assert_eq!(health.ready(), Err("store: refused".to_owned()));
        health.set(Part::Store, Ok(()));
        health.set_stopping();
        assert_eq!(health.ready(), Err("process: shutting down".to_owned()));
    }

    #[test]
    fn one_fetchers_success_does_not_hide_that_another_one_fails() {
        let health = Health::new();
        for part in [Part::Connection, Part::Consumer, Part::Store] {
            health.set(part, Ok(()));
        }
        health.set(Part::Fetcher(0), Err("cut".to_owned()));
        health.set(Part::Fetcher(1), Err("cut".to_owned()));
        assert_eq!(health.ready(), Err("consumer: cut".to_owned()), "said once");
        health.set(Part::Fetcher(1), Ok(()));
        health.set(Part::Answers, Ok(()));
        assert_eq!(health.ready(), Err("consumer: cut".to_owned()));
        assert!(health.is_failing(Part::Fetcher(0)) && !health.is_failing(Part::Fetcher(1)));
        health.set(Part::Fetcher(0), Ok(()));
        assert_eq!(health.ready(), Ok(()));
    }
}
