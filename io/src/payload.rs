//! What a row is in production, and how a delivery becomes rows.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use warehouse_sink_core::{Destination, Row, Rows};
use warehouse_sink_proto::{Batch, DeadLetter, Decoder, EventSchema, Partition, Poison, RawEnvelope};

use crate::rows::Decode;
use crate::source::{Incoming, Unreadable};

/// A row as it is held until it is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An event that was decoded once, to see that it can be: its own bytes, in a [slab](crate::slabs) once it is held.
    Event(Body),
    /// A message that was decoded once, with what is a column beside its body.
    Noted(Box<Noted>),
    /// One of the rows of a message that is a batch of them.
    Part(Part),
    /// A message that can't be decoded, with all that is known of it.
    DeadLetter(Box<DeadLetter>),
}

/// A message's own bytes, in memory that it may share with others.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    shared: Arc<Bytes>,
    place: Place,
}

impl Body {
    /// A part of shared bytes. What is beyond their end is left out.
    pub(crate) fn part_of(shared: &Arc<Bytes>, start: usize, len: usize) -> Self {
        Body { shared: Arc::clone(shared), place: Place { start: start as u32, end: (start + len) as u32 } }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let len = bytes.len();
        Body::part_of(&Arc::new(bytes), 0, len)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.place.of(&self.shared)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A row of a batch. What the rows have in common is held once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The message.
    pub batch: Arc<PartedBatch>,
    /// Where the row's own bytes are among those of all elements.
    pub place: Place,
}

/// A range of bytes in a message or a few, which have less than 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    start: u32,
    end: u32,
}

impl Place {
    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A message that was taken apart into rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartedBatch {
    around: Box<[u8]>,
    elements: Box<[u8]>,
    /// What is behind each element.
    end: &'static [u8],
    /// A text or none for each of the table's notes.
    pub notes: Box<[Option<Box<str>>]>,
}

impl PartedBatch {
    /// Keeps what was taken apart, and says where each element is. Bodies end far below 4 GiB: see `MAX_BATCH_BYTES`.
    pub(crate) fn new(batch: &Batch<'_>, notes: Box<[Option<Box<str>>]>) -> (Self, Vec<Place>) {
        let mut end = 0;
        let place = |element: &&[u8]| {
            let start = end;
            end += element.len() as u32;
            Place { start, end }
        };
        let places = batch.elements.iter().map(place).collect();
        (
            PartedBatch {
                around: batch.around.as_slice().into(),
                elements: batch.elements.concat().into(),
                end: batch.end,
                notes,
            },
            places,
        )
    }
}

impl Part {
    /// Appends the row's body: what stands around the elements, its own, and the end.
    pub(crate) fn push_body(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(&self.batch.around);
        body.extend_from_slice(self.own());
        body.extend_from_slice(self.batch.end);
    }

    fn own(&self) -> &[u8] {
        self.place.of(&self.batch.elements)
    }
}

/// A message with its subject or some of its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The message's own bytes.
    pub body: Box<[u8]>,
    /// A text or none for each of the table's notes.
    pub notes: Box<[Option<Box<str>>]>,
}

impl Payload {
    /// Why it is a dead letter; none where it is not.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Payload::DeadLetter(letter) => Some(&letter.reason),
            Payload::Event(_) | Payload::Noted(_) | Payload::Part(_) => None,
        }
    }

    /// How many bytes its body has.
    pub(crate) fn body_len(&self) -> usize {
        match self {
            Payload::Event(body) => body.len(),
            Payload::Noted(noted) => noted.body.len(),
            Payload::Part(part) => part.batch.around.len() + part.own().len() + part.batch.end.len(),
            Payload::DeadLetter(letter) => letter.body.len(),
        }
    }
}

/// Decodes `causality.v1` events.
#[derive(Debug)]
pub struct EventDecoder {
    decoder: Decoder,
}

impl EventDecoder {
    /// A decoder with an empty cache of partitions.
    pub fn new(events: &EventSchema) -> Self {
        EventDecoder { decoder: Decoder::new(events) }
    }
}

impl EventDecoder {
    /// How many fields of the last message the schema does not know.
    pub fn unknown_fields(&self) -> u64 {
        self.decoder.unknown_fields()
    }

    /// The row of an event.
    pub(crate) fn row<M: Incoming>(&mut self, message: &M) -> Result<Row<Partition, Payload>, Poison> {
        let partition = self.decoder.decode(message.body())?;
        Ok(Row {
            destination: Destination::Partition(partition),
            bytes: message.body().len() as u64,
            payload: Payload::Event(message.shared_body().into()),
        })
    }
}

impl Decode for EventDecoder {
    type Partition = Partition;
    type Payload = Payload;

    fn decode<M: Incoming>(&mut self, message: &M) -> Rows<Partition, Payload> {
        let row = self.row(message);
        Rows::One(row.unwrap_or_else(|poison| dead_letter(message, poison.to_string())))
    }
}

/// The row of a message that can be no other.
pub(crate) fn dead_letter<M: Incoming>(message: &M, reason: String) -> Row<Partition, Payload> {
    dead_letter_of(message, message.body(), reason)
}

/// The row of a part of a message that can be no other.
pub(crate) fn dead_letter_of<M: Incoming>(message: &M, body: &[u8], reason: String) -> Row<Partition, Payload> {
    let headers = message.headers();
    let header_bytes =
        |(name, values): (&String, &Vec<String>)| name.len() + values.iter().map(String::len).sum::<usize>();
    let raw = message.unreadable().map(|Unreadable { subject, headers, .. }| {
        Box::new(RawEnvelope { subject: subject.into(), headers: headers.into() })
    });
    let raw_bytes = raw.as_ref().map_or(0, |raw| raw.subject.len() + raw.headers.len());
    let bytes = body.len() + message.subject().len() + headers.iter().map(header_bytes).sum::<usize>() + raw_bytes;
    let letter = DeadLetter {
        subject: message.subject().to_owned(),
        headers,
        body: body.into(),
        reason,
        delivery_count: message.delivery_count(),
        raw,
    };
    Row { destination: Destination::DeadLetter, payload: Payload::DeadLetter(Box::new(letter)), bytes: bytes as u64 }
}
