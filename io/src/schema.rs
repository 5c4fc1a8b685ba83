//! What a stream holds, and what reads it: chosen once, at the start. Everything behind the decoder moves rows and never looks into
//! them.

mod decoded;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use metrics::Counter;
use warehouse_sink_core::{Delivery, Destination, Row, Rows};
use warehouse_sink_proto::protobuf::SchemaError;
use warehouse_sink_proto::{ColumnOptions, Empty, EventSchema, Note, Partition, Poison, Table, TableDecoder, schema};

use crate::bodiless::{self, Bodiless, WithoutBody};
use crate::metrics::{ByReason, Empties, Metrics, PoisonReason};
use crate::payload::{EventDecoder, Noted, Payload};
use crate::rows::Decode;
use crate::slabs::Slabs;
use crate::source::{Incoming, Unreadable};
use crate::subject::SubjectFilter;
use decoded::{Decoded, rows};

/// The name of the built-in schema.
const EVENTS: &str = "causality.v1";

/// Why a message is poison that no route is for.
const NO_ROUTE: &str = "no route of the settings fits its subject";

/// What the messages of a stream are. Cheap to clone.
#[derive(Clone, Debug)]
pub enum StreamSchema {
    /// The events of `causality.v1`.
    Events(EventSchema),
    /// Messages of configured types. Each goes the first route that fits its subject.
    Tables(Arc<[Route]>),
}

/// The messages of some subjects, all of one type, and where their rows go.
#[derive(Clone, Debug)]
pub struct Route {
    /// The subjects.
    pub subject: SubjectFilter,
    /// What the keys of its files begin with, where that is not the prefix of all files.
    pub prefix: Option<String>,
    /// What a message is.
    pub table: Table,
}

impl Route {
    /// The one route of a stream with one type of messages.
    pub fn all(table: Table) -> Self {
        Route { subject: SubjectFilter::new(">"), prefix: None, table }
    }
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

    /// The name of each type of messages, and how many columns a file of it has.
    pub fn columns(&self, options: &ColumnOptions) -> Vec<(String, usize)> {
        match self {
            StreamSchema::Events(_) => vec![(EVENTS.to_owned(), schema(options).fields().len())],
            StreamSchema::Tables(routes) => {
                let columns = |route: &Route| (route.table.message().to_owned(), route.table.leaves().len());
                routes.iter().map(columns).collect()
            }
        }
    }

    /// A text that differs where the columns of the files do, or what goes into them.
    pub fn described(&self, options: &ColumnOptions) -> String {
        let mut text = String::new();
        for (number, (name, schema)) in self.schemas(options).into_iter().enumerate() {
            if let StreamSchema::Tables(routes) = self {
                let Route { subject, prefix, .. } = &routes[number];
                text.push_str(&format!("{subject:?} {prefix:?} "));
            }
            text.push_str(&name);
            for field in schema.flattened_fields() {
                let kind = if field.data_type().is_nested() { String::new() } else { field.data_type().to_string() };
                text.push_str(&format!(" {}:{kind}:{}", field.name(), field.is_nullable()));
            }
            text.push('\n');
        }
        text
    }

    /// The name of each type of messages, and the Arrow schema of its files, by the number of its table.
    pub(crate) fn schemas(&self, options: &ColumnOptions) -> Vec<(String, SchemaRef)> {
        match self {
            StreamSchema::Events(_) => vec![(EVENTS.to_owned(), schema(options))],
            StreamSchema::Tables(routes) => {
                routes.iter().map(|route| (route.table.message().to_owned(), route.table.schema())).collect()
            }
        }
    }

    /// The name of the type of a partition's messages, for its files' metadata.
    pub(crate) fn name(&self, partition: &Partition) -> &str {
        self.route(partition).map_or(EVENTS, |route| route.table.message())
    }

    /// The prefix of a partition's files, where it is not that of all files.
    pub(crate) fn prefix(&self, partition: &Partition) -> Option<&str> {
        self.route(partition)?.prefix.as_deref()
    }

    /// The Arrow schema of a partition's files.
    pub(crate) fn arrow(&self, partition: &Partition, options: &ColumnOptions) -> SchemaRef {
        self.route(partition).map_or_else(|| schema(options), |route| route.table.schema())
    }

    /// The route that a partition's messages went; none for the built-in schema.
    pub(crate) fn route(&self, partition: &Partition) -> Option<&Route> {
        match self {
            StreamSchema::Events(_) => None,
            StreamSchema::Tables(routes) => routes.get(partition.table()),
        }
    }

    /// A decoder of its messages; each fetcher has one of its own.
    pub fn decoder(&self, metrics: &Metrics) -> StreamDecoder {
        let reads = match self {
            StreamSchema::Events(events) => Reads::Events(EventDecoder::new(events)),
            StreamSchema::Tables(routes) => {
                let numbered = routes.iter().zip(0..);
                let decoders = numbered.map(|(route, number)| TableDecoder::numbered(&route.table, number));
                Reads::Tables(routes.clone(), decoders.collect())
            }
        };
        StreamDecoder {
            reads,
            without_body: WithoutBody::default(),
            slabs: Slabs::default(),
            unknown_fields: metrics.unknown_fields.clone(),
            empty: metrics.empty.clone(),
            poison: metrics.poison.clone(),
        }
    }
}

/// Decodes the messages of a stream.
pub struct StreamDecoder {
    reads: Reads,
    without_body: WithoutBody,
    slabs: Slabs,
    unknown_fields: Counter,
    empty: Empties,
    poison: ByReason,
}

enum Reads {
    Events(EventDecoder),
    /// Each route with its decoder.
    Tables(Arc<[Route]>, Box<[TableDecoder]>),
}

impl Decode for StreamDecoder {
    type Partition = Partition;
    type Payload = Payload;

    fn decode<M: Incoming>(&mut self, message: &M) -> Rows<Partition, Payload> {
        let Decoded { rows, unknown, poison } = self.decode_message(message);
        if unknown > 0 {
            self.unknown_fields.increment(unknown);
        }
        if let Some(reason) = poison {
            self.poison.of(reason).increment(1);
        }
        rows
    }

    fn reason(payload: &Payload) -> Option<&str> {
        payload.reason()
    }

    fn keep(&mut self, deliveries: &mut [Delivery<Partition, Payload>]) {
        self.slabs.keep(deliveries.iter_mut().filter_map(|delivery| match &mut delivery.rows {
            Rows::One(row) => Some(row),
            // They hold what was made of the message's bytes.
            Rows::Many(_) => None,
        }));
    }
}

impl StreamDecoder {
    /// The same, with these words for messages without a body.
    #[must_use]
    pub fn with(self, without_body: WithoutBody) -> Self {
        StreamDecoder { without_body, ..self }
    }

    fn decode_message<M: Incoming>(&mut self, message: &M) -> Decoded {
        if let Some(Unreadable { reason, .. }) = message.unreadable() {
            let text = format!("the message can't be read: {reason}");
            return Decoded::poison(message, PoisonReason::Unreadable, text);
        }
        if message.body().is_empty()
            && let Some(decoded) = self.decode_nothing(message)
        {
            return decoded;
        }
        match &mut self.reads {
            Reads::Events(events) => Decoded::one(message, events.row(message), events.unknown_fields()),
            Reads::Tables(routes, decoders) => {
                let mut both = routes.iter().zip(decoders);
                let Some((route, decoder)) = both.find(|(route, _)| route.subject.fits(message.subject())) else {
                    return Decoded::poison(message, PoisonReason::NoRoute, NO_ROUTE.to_owned());
                };
                if route.table.explodes() {
                    rows(&route.table, decoder, &self.empty, message)
                } else {
                    let row = row(&route.table, decoder, message);
                    Decoded::one(message, row, decoder.unknown_fields())
                }
            }
        }
    }

    /// What a message without a body becomes; none where it is read like any other.
    fn decode_nothing<M: Incoming>(&mut self, message: &M) -> Option<Decoded> {
        let kind = bodiless::kind(message);
        match kind {
            Bodiless::Marker => self.empty.marker.increment(1),
            Bodiless::Plain => self.empty.body.increment(1),
        }
        match self.without_body.of(kind) {
            Empty::Drop => Some(Decoded::good(Rows::Many(Vec::new()), 0)),
            Empty::DeadLetter => Some(Decoded::poison(message, PoisonReason::Empty, kind.reason().to_owned())),
            Empty::Row => None,
        }
    }
}

fn row<M: Incoming>(table: &Table, decoder: &mut TableDecoder, message: &M) -> Result<Row<Partition, Payload>, Poison> {
    let partition = decoder.decode(body_of(table, message), message.id().published_at)?;
    let (payload, bytes) = payload(table, message);
    Ok(Row { destination: Destination::Partition(partition), payload, bytes })
}

/// What is kept of a message, and how many bytes that counts.
fn payload<M: Incoming>(table: &Table, message: &M) -> (Payload, u64) {
    let notes = notes(table, message);
    let bytes = (message.body().len() + noted_bytes(&notes)) as u64;
    match notes.is_empty() {
        true if message.body().is_empty() => (Payload::Event(body_of(table, message).to_vec().into()), bytes),
        true => (Payload::Event(message.shared_body().into()), bytes),
        false => (Payload::Noted(Box::new(Noted { body: body_of(table, message).into(), notes })), bytes),
    }
}

/// The body of a message. Nothing, where it is to be a row of JSON, is an object without members.
fn body_of<'m, M: Incoming>(table: &Table, message: &'m M) -> &'m [u8] {
    match message.body() {
        [] if table.is_json() => b"{}",
        body => body,
    }
}

/// What is a column of a message beside its body.
fn notes<M: Incoming>(table: &Table, message: &M) -> Box<[Option<Box<str>>]> {
    if table.notes().len() == 0 {
        return Box::default();
    }
    let headers = message.headers();
    let text = |note: &Note| match note {
        Note::Subject => Some(message.subject().into()),
        Note::Header(name) => headers.get(name).and_then(|values| values.first()).map(|value| value.as_str().into()),
    };
    table.notes().map(text).collect()
}

fn noted_bytes(notes: &[Option<Box<str>>]) -> usize {
    notes.iter().map(|note| size_of::<Option<Box<str>>>() + note.as_ref().map_or(0, |note| note.len())).sum()
}

#[cfg(test)]
mod tests;
