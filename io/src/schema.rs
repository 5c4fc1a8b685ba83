//! What a stream holds, and what reads it: chosen once, at the start. Everything behind the decoder moves rows and never looks into
//! them.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use metrics::Counter;
use warehouse_sink_core::{Destination, Row, Rows};
use warehouse_sink_proto::protobuf::SchemaError;
use warehouse_sink_proto::{ColumnOptions, EventSchema, Note, Partition, Table, TableDecoder, schema};

use crate::metrics::Metrics;
use crate::payload::{Decode, EventDecoder, Noted, Payload, dead_letter};
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
    pub fn decoder(&self, metrics: &Metrics) -> StreamDecoder {
        let reads = match self {
            StreamSchema::Events(events) => Reads::Events(EventDecoder::new(events)),
            StreamSchema::Table(table) => Reads::Table(table.clone(), Box::new(TableDecoder::new(table))),
        };
        StreamDecoder { reads, unknown_fields: metrics.unknown_fields.clone() }
    }
}

/// Decodes the messages of a stream.
pub struct StreamDecoder {
    reads: Reads,
    unknown_fields: Counter,
}

enum Reads {
    Events(EventDecoder),
    Table(Arc<Table>, Box<TableDecoder>),
}

impl Decode for StreamDecoder {
    type Partition = Partition;
    type Payload = Payload;

    fn decode<M: Incoming>(&mut self, message: &M) -> Rows<Partition, Payload> {
        let (rows, unknown) = match &mut self.reads {
            Reads::Events(events) => (events.decode(message), events.unknown_fields()),
            Reads::Table(table, decoder) => (Rows::One(row(table, decoder, message)), decoder.unknown_fields()),
        };
        if unknown > 0 {
            self.unknown_fields.increment(unknown);
        }
        rows
    }
}

fn row<M: Incoming>(table: &Table, decoder: &mut TableDecoder, message: &M) -> Row<Partition, Payload> {
    let body = message.body();
    match decoder.decode(body, message.id().published_at) {
        Ok(partition) => {
            let (payload, bytes) = payload(table, message, body.into());
            Row { destination: Destination::Partition(partition), payload, bytes }
        }
        Err(poison) => dead_letter(message, poison.to_string()),
    }
}

/// What is kept of a message, and how many bytes that counts.
fn payload<M: Incoming>(table: &Table, message: &M, body: Box<[u8]>) -> (Payload, u64) {
    let bytes = body.len();
    if table.notes().len() == 0 {
        return (Payload::Event(body), bytes as u64);
    }
    let headers = message.headers();
    let text = |note: &Note| match note {
        Note::Subject => Some(message.subject().into()),
        Note::Header(name) => headers.get(name).and_then(|values| values.first()).map(|value| value.as_str().into()),
    };
    let notes: Box<[Option<Box<str>>]> = table.notes().map(text).collect();
    let noted: usize =
        notes.iter().map(|note| size_of::<Option<Box<str>>>() + note.as_ref().map_or(0, |note| note.len())).sum();
    (Payload::Noted(Box::new(Noted { body, notes })), (bytes + noted) as u64)
}
