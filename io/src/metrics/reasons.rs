//! Why messages can't be decoded, as it is counted.

use metrics::Counter;

/// Messages that can't be decoded, by why not.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names are those of `PoisonReason`")]
pub struct ByReason {
    pub undecodable: Counter,
    pub misfit: Counter,
    pub time: Counter,
    pub too_large: Counter,
    pub empty: Counter,
    pub no_route: Counter,
    pub unreadable: Counter,
}

/// Why a message can't be decoded: one of few, so that each can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PoisonReason {
    /// The body is nothing of the format that the schema says.
    Undecodable,
    /// A value does not fit its column, or a required one is not there.
    Misfit,
    /// The event has no usable time.
    Time,
    /// It makes too many rows, or too long a path.
    TooLarge,
    /// There is nothing in it.
    Empty,
    /// No route fits its subject.
    NoRoute,
    /// Its subject or its headers are no text.
    Unreadable,
}

impl ByReason {
    /// The counter of this reason.
    pub fn of(&self, reason: PoisonReason) -> &Counter {
        match reason {
            PoisonReason::Undecodable => &self.undecodable,
            PoisonReason::Misfit => &self.misfit,
            PoisonReason::Time => &self.time,
            PoisonReason::TooLarge => &self.too_large,
            PoisonReason::Empty => &self.empty,
            PoisonReason::NoRoute => &self.no_route,
            PoisonReason::Unreadable => &self.unreadable,
        }
    }
}
