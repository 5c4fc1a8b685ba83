//! The judges. Each reads a history from its beginning to its end and knows one promise; none knows the code under test.

mod bounds;
mod duplicates;
mod exhausted;
mod facts;
mod kept;
mod kept_alive;
mod liveness;
mod no_loss;
mod no_phantom;
mod poison_held;
mod refused;
mod right_partition;
mod settled_once;
mod shutdown;
mod terminated;
mod unwritten_ack;
mod whole;

#[cfg(test)]
mod made_up;

use warehouse_sink_core::Timestamp;

use crate::history::{Entry, Happening};

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When it broke.
    pub at: Timestamp,
    /// The oracle that saw it.
    pub oracle: &'static str,
    /// What is wrong, in words.
    pub text: String,
}

/// What an oracle found in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The oracle.
    pub oracle: &'static str,
    /// How often it had something to look at.
    pub evaluated: u64,
    /// The first broken promise.
    pub violation: Option<Violation>,
}

/// Watches a history as it passes.
trait Oracle {
    /// The promise, in a few words.
    const NAME: &'static str;

    /// Looks at what happened. Says whether there was anything to judge.
    ///
    /// # Errors
    ///
    /// Says in words what is wrong.
    fn see(&mut self, at: Timestamp, happening: &Happening) -> Result<bool, String>;

    /// The history is over.
    ///
    /// # Errors
    ///
    /// Says in words what is wrong.
    fn end(&mut self) -> Result<bool, String> {
        Ok(false)
    }
}

/// Has every oracle judge a history.
pub fn judge(history: &[Entry]) -> Vec<Judgement> {
    vec![
        watch(unwritten_ack::UnwrittenAck::default(), history),
        watch(no_loss::NoLoss::default(), history),
        watch(no_phantom::NoPhantom::default(), history),
        watch(right_partition::RightPartition, history),
        watch(whole::Whole, history),
        watch(terminated::Terminated::default(), history),
        watch(poison_held::PoisonHeld::default(), history),
        watch(settled_once::SettledOnce::default(), history),
        watch(bounds::HeldBounds::default(), history),
        watch(exhausted::Exhausted::default(), history),
        watch(kept_alive::KeptAlive::default(), history),
        watch(kept::Kept, history),
        watch(liveness::Liveness::default(), history),
        watch(shutdown::Shutdown::default(), history),
        watch(duplicates::Duplicates::default(), history),
        watch(refused::Refused::default(), history),
    ]
}

/// The first promise that a history breaks.
pub fn first_violation(judgements: &[Judgement]) -> Option<&Violation> {
    judgements.iter().filter_map(|judgement| judgement.violation.as_ref()).min_by_key(|violation| violation.at)
}

fn watch<O: Oracle>(mut oracle: O, history: &[Entry]) -> Judgement {
    let mut evaluated = 0;
    let mut violation = None;
    let mut look = |at: Timestamp, seen: Result<bool, String>| match seen {
        Ok(judged) => evaluated += u64::from(judged),
        Err(text) => {
            violation.get_or_insert(Violation { at, oracle: O::NAME, text });
        }
    };
    for (at, happening) in history {
        look(*at, oracle.see(*at, happening));
    }
    let end = history.last().map_or(Timestamp::ZERO, |(at, _)| *at);
    look(end, oracle.end());
    Judgement { oracle: O::NAME, evaluated, violation }
}
