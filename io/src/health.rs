//! Whether the sink is ready: what the HTTP endpoint answers and what the logs say when it changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Readiness, shared between the parts that know it and those who ask.
#[derive(Clone, Debug)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

/// A part of the sink that has to work for the sink to be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The connection to NATS.
    Connection,
    /// The stream and the consumer, found and fit.
    Consumer,
    /// The object store: the last write's outcome.
    Store,
    /// The consumer takes acks.
    Acks,
}

#[derive(Debug)]
struct State {
    connection: Result<(), String>,
    consumer: Result<(), String>,
    store: Result<(), String>,
    acks: Result<(), String>,
    stopping: bool,
}

impl Default for Health {
    fn default() -> Self {
        let state = State {
            connection: Err("not connected yet".to_owned()),
            consumer: Err("not looked for yet".to_owned()),
            // A store that was not yet written to is not known to fail.
            store: Ok(()),
            acks: Ok(()),
            stopping: false,
        };
        Health { state: Arc::new(Mutex::new(state)) }
    }
}

impl Health {
    /// Not ready yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how a part is; logs it where that is news.
    pub fn set(&self, part: Part, state: Result<(), String>) {
        let mut all = self.lock();
        let (name, old) = match part {
            Part::Connection => ("nats", &mut all.connection),
            Part::Consumer => ("consumer", &mut all.consumer),
            Part::Store => ("store", &mut all.store),
            Part::Acks => ("acks", &mut all.acks),
        };
        if *old == state {
            return;
        }
        match &state {
            Ok(()) => tracing::info!(part = name, "ready"),
            // Each failed write has a line of its own, and a reason of its own in it.
            Err(_) if part == Part::Store && old.is_err() => {}
            Err(reason) => tracing::warn!(part = name, reason, "not ready"),
        }
        *old = state;
    }

    /// Whether a part is known not to work.
    pub fn is_failing(&self, part: Part) -> bool {
        let all = self.lock();
        let state = match part {
            Part::Connection => &all.connection,
            Part::Consumer => &all.consumer,
            Part::Store => &all.store,
            Part::Acks => &all.acks,
        };
        state.is_err()
    }

    /// Says that the process is about to stop: it is not ready any more.
    pub fn set_stopping(&self) {
        self.lock().stopping = true;
    }

    /// Whether the sink does its work now.
    ///
    /// # Errors
    ///
    /// Every reason why it does not, on a line each.
    pub fn ready(&self) -> Result<(), String> {
        let state = self.lock();
        let stopping = if state.stopping { Err("shutting down".to_owned()) } else { Ok(()) };
        let parts = [
            ("process", &stopping),
            ("nats", &state.connection),
            ("consumer", &state.consumer),
            ("store", &state.store),
            ("acks", &state.acks),
        ];
        let reasons: Vec<String> = parts
            .iter()
            .filter_map(|(name, part)| part.as_ref().err().map(|reason| format!("{name}: {reason}")))
            .collect();
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
    fn is_ready_once_all_parts_are_and_says_what_is_not() {
        let health = Health::new();
        assert!(health.ready().unwrap_err().contains("nats: not connected yet"));
        health.set(Part::Connection, Ok(()));
        health.set(Part::Consumer, Ok(()));
        assert_eq!(health.ready(), Ok(()));
        health.set(Part::Store, Err("refused".to_owned()));
        assert_eq!(health.ready(), Err("store: refused".to_owned()));
        health.set(Part::Store, Ok(()));
        health.set_stopping();
        assert_eq!(health.ready(), Err("process: shutting down".to_owned()));
    }
}
