//! What the driver asks of a kind of rows: how a delivery becomes rows, and rows become an object.

use std::error::Error as StdError;

use bytes::Bytes;
use warehouse_sink_core::{BatchRow, Delivery, Destination, ObjectName, Rows};

use crate::source::Incoming;

/// Makes rows of deliveries. Each fetcher has one of its own.
pub trait Decode: Send + 'static {
    /// A partition of the data.
    type Partition: Clone + Ord + Send + 'static;
    /// A row.
    type Payload: Send + 'static;

    /// The rows of one message; a message that can't be decoded is a dead letter.
    fn decode<M: Incoming>(&mut self, message: &M) -> Rows<Self::Partition, Self::Payload>;

    /// Gives memory of their own to rows that still share the source's. It is called once for all rows, before the machine gets
    /// them and holds them for long.
    fn keep(&mut self, _deliveries: &mut [Delivery<Self::Partition, Self::Payload>]) {}
}

/// Makes objects of batches. The driver runs [`Encode::encode`] off the async threads, for it is all computing.
pub trait Encode: Send + Sync + 'static {
    /// A partition of the data.
    type Partition: Send + Sync + 'static;
    /// A row.
    type Payload: Send + Sync + 'static;
    /// Why rows could not be encoded.
    type Error: StdError + Send + Sync + 'static;

    /// The key of an object: a path without a slash at either end.
    fn key(&self, destination: &Destination<Self::Partition>, name: &ObjectName) -> String;

    /// The object's bytes: the same whenever the rows are the same. The rows are sorted by message and index.
    ///
    /// # Errors
    ///
    /// When the rows do not make a file; the same rows never will.
    fn encode(
        &self,
        destination: &Destination<Self::Partition>,
        rows: &[BatchRow<Self::Payload>],
    ) -> Result<Bytes, Self::Error>;
}
