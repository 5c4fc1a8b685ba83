//! Wrong machines, made by standing between the real one and its world. The search has to find each of them out.

use std::collections::BTreeSet;

use warehouse_sink_core::{BatchId, Command, Config, Event, Failure, Outcome, Timestamp};

use crate::process::Row;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// The machine as it is.
    None,
    /// An unknown outcome counts as written.
    UnknownIsWritten,
    /// A failed write counts as written.
    FailureIsWritten,
    /// An unknown outcome counts as a failure for good: the batch is given back though its object may exist.
    UnknownIsFailed,
    /// A result is told for the other write that runs.
    ResultsAreSwapped,
    /// What is given back is acked.
    NakIsAck,
    /// Each ack is sent twice.
    AckTwice,
    /// Poison is acked rather than terminated.
    TermIsAck,
    /// What is to be given back is forgotten.
    NakIsForgotten,
    /// A delivery that was replaced stays in the driver's books.
    ForgetIsForgotten,
    /// Held deliveries are not kept alive.
    NoProgress,
    /// Messages are fetched whatever the capacity.
    IgnoreCapacity,
    /// The driver sleeps through the machine's deadlines.
    NoTimeout,
    /// A write that failed is not tried again.
    NoRewrite,
    /// A shutdown has no deadline.
    NoDeadline,
    /// The rows of an object are not in order.
    RowsAreReversed,
    /// Poison is terminated however much of it there is.
    NoHold,
}

impl Sabotage {
    /// The configuration that the wrong machine runs with.
    pub fn config(self, config: Config) -> Config {
        let hold_after = if self == Sabotage::NoHold { 0 } else { config.hold_after };
        Config { hold_after, ..config }
    }

    /// What the machine is told in the place of what happened.
    pub fn event(self, event: Event<u8, Row>, in_flight: &BTreeSet<BatchId>) -> Event<u8, Row> {
        let Event::UploadResult { batch, outcome } = event else {
            let endless = self == Sabotage::NoDeadline && matches!(event, Event::Shutdown { .. });
            return if endless { Event::Shutdown { deadline: Timestamp::MAX } } else { event };
        };
        let other = in_flight.iter().copied().find(|other| *other != batch);
        match (self, outcome) {
            (Sabotage::UnknownIsWritten, Outcome::Unknown) | (Sabotage::FailureIsWritten, Outcome::Failed(_)) => {
                Event::UploadResult { batch, outcome: Outcome::Written }
            }
            (Sabotage::UnknownIsFailed, Outcome::Unknown) => {
                Event::UploadResult { batch, outcome: Outcome::Failed(Failure::Permanent) }
            }
            (Sabotage::ResultsAreSwapped, _) => Event::UploadResult { batch: other.unwrap_or(batch), outcome },
            _ => Event::UploadResult { batch, outcome },
        }
    }

    /// What the world is told in the place of the machine's command.
    pub fn command(self, command: Command<u8, Row>) -> Vec<Command<u8, Row>> {
        match (self, command) {
            (Sabotage::NakIsAck, Command::Nak { delivery, .. }) => vec![Command::Ack { delivery }],
            (Sabotage::TermIsAck, Command::Term { delivery }) => vec![Command::Ack { delivery }],
            (Sabotage::AckTwice, command @ Command::Ack { .. }) => vec![command.clone(), command],
            (Sabotage::RowsAreReversed, Command::Write(mut write)) => {
                write.rows.reverse();
                vec![Command::Write(write)]
            }
            (Sabotage::NakIsForgotten, Command::Nak { .. })
            | (Sabotage::ForgetIsForgotten, Command::Forget { .. })
            | (Sabotage::NoProgress, Command::Progress { .. })
            | (Sabotage::NoRewrite, Command::Rewrite { .. }) => Vec::new(),
            (_, command) => vec![command],
        }
    }

    pub fn capacity(self, messages: usize) -> usize {
        if self == Sabotage::IgnoreCapacity { usize::MAX } else { messages }
    }

    pub fn timeout(self, due: Option<Timestamp>) -> Option<Timestamp> {
        due.filter(|_| self != Sabotage::NoTimeout)
    }
}
