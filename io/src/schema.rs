//! What a stream holds, and what reads it: chosen once, at the start. Everything behind the decoder moves rows and never looks into
//! them.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use warehouse_sink_core::{Destination, Row, Rows};
use warehouse_sink_proto::protobuf::SchemaError;
use warehouse_sink_proto::{ColumnOptions, EventSchema, Partition, Table, TableDecoder, schema};

use crate::payload::{Decode, EventDecoder, Payload, dead_letter};
use crate::source::Incoming;

/// What the messages of a stream are. Cheap to clone.
#[derive(Clone, Debug)]
pub enum StreamSchema {
    /// The events of `causality.v1`.
    Events(EventSchema),
    /// Messages of one configured type.
    Table(Arc<Table>),
}

impl StreamSchema {
    /// The schema that comes with this program.
    ///
    /// # Errors
    ///
    /// None but where the program was built wrong.
    pub fn built_in() -> Result<Self, SchemaError> {
        EventSchema::built_in().map(Self::Events)
    }

    /// Its name, for the files' metadata.
    pub fn name(&self) -> &str {
        match self {
            StreamSchema::Events(_) => "causality.v1",
            StreamSchema::Table(table) => table.message(),
        }
    }

    /// How many columns a file has.
    pub fn columns(&self, options: &ColumnOptions) -> usize {
        match self {
            StreamSchema::Events(_) => schema(options).fields().len(),
            StreamSchema::Table(table) => table.leaves().len(),
        }
    }

    /// The Arrow schema of its files.
    pub(crate) fn arrow(&self, options: &ColumnOptions) -> SchemaRef {
        match self {
            StreamSchema::Events(_) => schema(options),
            StreamSchema::Table(table) => table.schema(),
        }
    }

    /// A decoder of its messages; each fetcher has one of its own.
    pub fn decoder(&self) -> StreamDecoder {
        match self {
            StreamSchema::Events(events) => StreamDecoder::Events(EventDecoder::new(events)),
            StreamSchema::Table(table) => StreamDecoder::Table(TableDecoder::new(table)),
        }
    }
}

/// Decodes the messages of a stream.
#[derive(Debug)]
pub enum StreamDecoder {
    /// As `causality.v1`.
    Events(EventDecoder),
    /// As messages of one configured type.
    Table(TableDecoder),
}

impl Decode for StreamDecoder {
    type Partition = Partition;
    type Payload = Payload;

    fn decode<M: Incoming>(&mut self, message: &M) -> Rows<Partition, Payload> {
        let table = match self {
            StreamDecoder::Events(events) => return events.decode(message),
            StreamDecoder::Table(table) => table,
        };
        let body = message.body();
        Rows::One(match table.decode(body, message.id().published_at) {
            Ok(partition) => Row {
                destination: Destination::Partition(partition),
                bytes: body.len() as u64,
                payload: Payload::Event(body.into()),
            },
            Err(poison) => dead_letter(message, poison.to_string()),
        })
    }
}
