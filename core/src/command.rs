use std::time::Duration;

use crate::{BatchId, DeliveryId, Destination, MessageId, ObjectName, Timestamp};

/// What the world is to do, taken from [`Machine::poll_command`](crate::Machine::poll_command).
///
/// Each delivery gets exactly one of `Ack`, `Nak`, `Term` and `Forget`, after any number of `Progress`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command<P, R> {
    /// The message is stored: tell the server that it is done.
    Ack {
        /// The delivery to settle.
        delivery: DeliveryId,
    },
    /// The message is not stored: have the server deliver it again.
    Nak {
        /// The delivery to settle.
        delivery: DeliveryId,
        /// How long the server is to wait; zero gives it to another replica at once.
        delay: Duration,
    },
    /// The message is poison and is stored as a dead letter: have the server deliver it no more.
    Term {
        /// The delivery to settle.
        delivery: DeliveryId,
    },
    /// The message is still held: restart its ack wait.
    Progress {
        /// The delivery to keep alive.
        delivery: DeliveryId,
    },
    /// Drop the handle, and tell the server nothing: a newer delivery of the message took this one's place, or to settle it could
    /// settle another message that has the same sequence and is not stored.
    Forget {
        /// The delivery that is of no more use.
        delivery: DeliveryId,
    },
    /// Encode the rows and store them. Keep the encoded object until the batch is written or discarded.
    Write(Box<Write<P, R>>),
    /// Store the kept object of this batch again, under the same key.
    Rewrite {
        /// The batch that failed or whose outcome is unknown.
        batch: BatchId,
    },
    /// Drop the kept object of this batch and whatever write of it is under way: its messages were given back.
    Discard {
        /// The batch that was given up.
        batch: BatchId,
    },
}

/// A batch of rows for one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write<P, R> {
    /// Names the batch in the [`Event::UploadResult`](crate::Event::UploadResult) that must follow.
    pub batch: BatchId,
    /// The partition, or the dead letters.
    pub destination: Destination<P>,
    /// The object's name within its destination, the same whenever the same rows are written.
    pub name: ObjectName,
    /// The rows, sorted by message and index; at least one.
    pub rows: Vec<BatchRow<R>>,
    /// The sum of the rows' bytes as they were counted on arrival.
    pub bytes: u64,
    /// When the first of the rows arrived.
    pub opened_at: Timestamp,
}

/// One row of a batch, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchRow<R> {
    /// The message that held the row.
    pub message: MessageId,
    /// The row's place among the message's rows, from 0.
    pub index: u32,
    /// The row itself.
    pub payload: R,
}
