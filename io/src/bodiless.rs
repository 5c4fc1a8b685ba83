//! Messages without a body: markers that something was deleted, and others.

use warehouse_sink_proto::Empty;

use crate::source::Incoming;

/// In a key-value bucket, what was done to a key: `DEL` and `PURGE` leave a message without a body.
const OPERATION: &str = "KV-Operation";

/// In any stream, why the server has put a marker in the place of a subject's messages: `MaxAge`, `Purge` or `Remove`.
const MARKER_REASON: &str = "Nats-Marker-Reason";

/// What becomes of messages without a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithoutBody {
    /// Of markers that something was deleted.
    pub markers: Empty,
    /// Of all others.
    pub others: Empty,
}

impl Default for WithoutBody {
    fn default() -> Self {
        WithoutBody { markers: Empty::Drop, others: Empty::DeadLetter }
    }
}

impl WithoutBody {
    pub(crate) fn of(self, kind: Bodiless) -> Empty {
        match kind {
            Bodiless::Marker => self.markers,
            Bodiless::Plain => self.others,
        }
    }
}

/// A kind of messages without a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bodiless {
    /// It says that something was deleted.
    Marker,
    /// It says nothing.
    Plain,
}

impl Bodiless {
    /// Why it is a dead letter, where it is to be one.
    pub fn reason(self) -> &'static str {
        match self {
            Bodiless::Marker => {
                "the message marks what was deleted and has no body; schema.on_marker says what becomes of such"
            }
            Bodiless::Plain => "the message has no body; schema.on_empty_body says what becomes of such",
        }
    }
}

/// What a message without a body is, by its headers.
pub(crate) fn kind<M: Incoming>(message: &M) -> Bodiless {
    let headers = message.headers();
    match headers.contains_key(OPERATION) || headers.contains_key(MARKER_REASON) {
        true => Bodiless::Marker,
        false => Bodiless::Plain,
    }
}
