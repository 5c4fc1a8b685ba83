//! What the driver asks of a kind of rows: how a delivery becomes rows, and rows become an object.

use std::error::Error as StdError;
use std::sync::Arc;

use warehouse_sink_core::{BatchRow, Delivery, Destination, ObjectName, Rows};

use crate::parts::Part;
use crate::source::Incoming;

/// Makes rows of deliveries. Each fetcher has one of its own.
pub trait Decode: Send + 'static {
    /// A partition of the data.
    type Partition: Clone + Ord + Send + 'static;
    /// A row.
    type Payload: Send + 'static;

    /// The rows of one message; a message that can't be decoded is a dead letter.
    fn decode<M: Incoming>(&mut self, message: &M) -> Rows<Self::Partition, Self::Payload>;

    /// Why a row is a dead letter, in words; none where that is not known.
    fn reason(_payload: &Self::Payload) -> Option<&str> {
        None
    }

    /// Gives memory of their own to rows that still share the source's. It is called once for all rows, before the machine gets
    /// them and holds them for long.
    fn keep(&mut self, _deliveries: &mut [Delivery<Self::Partition, Self::Payload>]) {}
}

/// Rows that are to be one object, and where it goes.
#[derive(Clone, Debug)]
pub struct Batch<P, R> {
    /// Where it goes.
    pub destination: Destination<P>,
    /// Its rows, sorted by message and index.
    pub rows: Vec<BatchRow<R>>,
}

/// Makes objects of batches. The driver runs [`Encode::begin`] and [`Encoding::next`] off the async threads, for they are all computing.
pub trait Encode: Send + Sync + 'static {
    /// A partition of the data.
    type Partition: Send + Sync + 'static;
    /// A row.
    type Payload: Send + Sync + 'static;
    /// Why rows could not be encoded.
    type Error: StdError + Send + Sync + 'static;
    /// An object in the making.
    type Encoding: Encoding<Error = Self::Error>;

    /// The key of an object: a path without a slash at either end.
    fn key(&self, destination: &Destination<Self::Partition>, name: &ObjectName) -> String;

    /// Begins to make an object. Its bytes are the same whenever the rows are the same, and so are its parts.
    ///
    /// # Errors
    ///
    /// When the rows do not make a file; the same rows never will.
    fn begin(&self, batch: Arc<Batch<Self::Partition, Self::Payload>>) -> Result<Self::Encoding, Self::Error>;
}

/// An object in the making.
pub trait Encoding: Send + 'static {
    /// Why rows could not be encoded.
    type Error: StdError + Send + Sync + 'static;

    /// Makes the next part of the object: all but the last are of the same size. Not to be called after the last.
    ///
    /// # Errors
    ///
    /// As [`Encode::begin`].
    fn next(&mut self) -> Result<Part, Self::Error>;
}
