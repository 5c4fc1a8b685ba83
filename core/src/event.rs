use crate::{BatchId, DeliveryId, MessageId, Timestamp};

/// What happened in the world, told to [`Machine::handle_event`](crate::Machine::handle_event).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event<P, R> {
    /// Deliveries arrived from the server, decoded.
    Fetched(Vec<Delivery<P, R>>),
    /// The server delivers no new message until some are settled: as many are un-settled, over all replicas, as the consumer's max ack
    /// pending allows. Say it again from time to time, as long as it is so.
    Exhausted,
    /// The moment that [`Machine::poll_timeout`](crate::Machine::poll_timeout) asked for has come.
    FlushTick,
    /// A write that a command asked for came to an end.
    UploadResult {
        /// The batch that was written.
        batch: BatchId,
        /// How the write ended.
        outcome: Outcome,
    },
    /// The process is to stop: take nothing more, write what is held, give back what is left at the deadline.
    Shutdown {
        /// When to stop waiting for writes.
        deadline: Timestamp,
    },
}

/// One delivery of one message, with the rows that were decoded from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delivery<P, R> {
    /// The driver's number for this delivery; never used twice.
    pub id: DeliveryId,
    /// The message that was delivered.
    pub message: MessageId,
    /// How often the server has delivered this message, this time included; 1 for the first.
    pub delivery_count: u64,
    /// What is to be written of it. The order must be the same at each delivery of the message.
    pub rows: Rows<P, R>,
}

/// The rows of one delivery: one for nearly every message, which then needs no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rows<P, R> {
    /// The message is one row.
    One(Row<P, R>),
    /// The message holds any number of rows, none included.
    Many(Vec<Row<P, R>>),
}

impl<P, R> Rows<P, R> {
    /// The rows, in order.
    pub fn as_slice(&self) -> &[Row<P, R>] {
        match self {
            Rows::One(row) => std::slice::from_ref(row),
            Rows::Many(rows) => rows,
        }
    }

    /// What they count against the byte limits together.
    pub fn bytes(&self) -> u64 {
        self.as_slice().iter().fold(0, |bytes, row| bytes.saturating_add(row.bytes))
    }
}

impl<P, R> IntoIterator for Rows<P, R> {
    type Item = Row<P, R>;
    type IntoIter = RowsIter<P, R>;

    fn into_iter(self) -> Self::IntoIter {
        match self {
            Rows::One(row) => RowsIter { one: Some(row), many: Vec::new().into_iter() },
            Rows::Many(rows) => RowsIter { one: None, many: rows.into_iter() },
        }
    }
}

/// The rows of one delivery, in order.
#[derive(Clone, Debug)]
pub struct RowsIter<P, R> {
    one: Option<Row<P, R>>,
    many: std::vec::IntoIter<Row<P, R>>,
}

impl<P, R> Iterator for RowsIter<P, R> {
    type Item = Row<P, R>;

    fn next(&mut self) -> Option<Row<P, R>> {
        self.one.take().or_else(|| self.many.next())
    }
}

/// One row, and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row<P, R> {
    /// Where the row is to be written.
    pub destination: Destination<P>,
    /// The row itself, which the machine moves and never reads.
    pub payload: R,
    /// What the row counts against the byte limits.
    pub bytes: u64,
}

/// Where a row is written. Poison goes the same way as data, so that one path and one proof serve both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination<P> {
    /// A data file of this partition.
    Partition(P),
    /// A dead-letter file: what could not be decoded, as it came.
    DeadLetter,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The object is durably stored.
    Written,
    /// The object is certainly not stored by this attempt, and never will be.
    Failed(Failure),
    /// The object may be stored, now or later: the answer was lost or did not come in time.
    Unknown,
}

/// Whether a failed write is worth another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Another attempt may succeed: the store is unreachable, busy or full.
    Temporary,
    /// Another attempt would fail in the same way: refused credentials, a missing bucket, an impossible key.
    Permanent,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Destination;

    #[test]
    fn rows_are_seen_and_counted_together() {
        let row = |bytes| Row { destination: Destination::Partition('p'), payload: (), bytes };
        let one = Rows::One(row(7));
        assert_eq!((one.as_slice(), one.bytes()), (&[row(7)][..], 7));
        let many = Rows::Many(vec![row(2), row(3)]);
        assert_eq!((many.as_slice(), many.bytes()), (&[row(2), row(3)][..], 5));
        assert_eq!(Rows::Many(vec![row(2), row(u64::MAX)]).bytes(), u64::MAX);
    }
}
