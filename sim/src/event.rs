//! What is published: messages of a few rows each, and how the sink decodes and encodes them.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use warehouse_sink_core::{BatchRow, Destination, MessageId, ObjectName, Row, Rows};
use warehouse_sink_io::rows::{Decode, Encode};
use warehouse_sink_io::source::Incoming;

/// The destination's byte of a row that is poison.
const POISON: u8 = 255;

/// A published message: its own number, and its rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// Never used twice in a run, even where a stream sequence is.
    pub number: u64,
    /// The rows' partitions and paddings.
    pub rows: Vec<EventRow>,
}

/// One row of a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventRow {
    /// Where it belongs.
    pub destination: Destination<u8>,
    /// How many bytes it is padded with.
    pub padding: u8,
}

impl Event {
    /// The message's body.
    pub fn body(&self) -> Arc<[u8]> {
        let mut body = self.number.to_le_bytes().to_vec();
        for row in &self.rows {
            body.extend([destination_byte(&row.destination), row.padding]);
            body.extend(std::iter::repeat_n(row.padding, usize::from(row.padding)));
        }
        body.into()
    }

    /// Reads a body. What is cut short ends the rows.
    fn read(body: &[u8]) -> Event {
        let (number, mut rest) = body.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let mut event = Event { number: u64::from_le_bytes(*number), rows: Vec::new() };
        while let Some((&[destination, padding], more)) = rest.split_first_chunk::<2>() {
            event.rows.push(EventRow { destination: destination_of(destination), padding });
            rest = more.get(usize::from(padding)..).unwrap_or_default();
        }
        event
    }

    /// Whether the message is to be terminated: it holds rows, and all of them are poison.
    pub fn is_poison(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.destination == Destination::DeadLetter)
    }
}

/// A row as it is found in an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredRow {
    /// The message that it says it came from.
    pub message: MessageId,
    /// Its place among the message's rows.
    pub index: u32,
    /// The event's number.
    pub number: u64,
    /// The partition that the event named.
    pub destination: Destination<u8>,
    /// The event's padding.
    pub padding: u8,
}

/// A row as the machine carries it.
#[derive(Clone, Debug)]
pub struct SimRow {
    number: u64,
    row: EventRow,
}

/// Decodes bodies.
#[derive(Clone, Debug)]
pub struct SimDecoder;

impl Decode for SimDecoder {
    type Partition = u8;
    type Payload = SimRow;

    fn decode<M: Incoming>(&mut self, message: &M) -> Rows<u8, SimRow> {
        let event = Event::read(message.body());
        let number = event.number;
        // The rows' bytes add up to the body's: the first counts for the number before it as well.
        let counted = std::iter::once(10).chain(std::iter::repeat(2));
        let row = |(row, more): (EventRow, u64)| Row {
            destination: row.destination.clone(),
            bytes: u64::from(row.padding) + more,
            payload: SimRow { number, row },
        };
        let mut rows: Vec<_> = event.rows.into_iter().zip(counted).map(row).collect();
        if rows.len() == 1 { rows.pop().map_or(Rows::Many(Vec::new()), Rows::One) } else { Rows::Many(rows) }
    }
}

/// Encodes rows as a list of all that is known of them.
#[derive(Clone, Debug)]
pub struct SimEncoder;

impl Encode for SimEncoder {
    type Partition = u8;
    type Payload = SimRow;
    type Error = Infallible;

    fn key(&self, destination: &Destination<u8>, name: &ObjectName) -> String {
        format!("{:03}/{name}", destination_byte(destination))
    }

    fn encode(&self, _: &Destination<u8>, rows: &[BatchRow<SimRow>]) -> Result<Bytes, Infallible> {
        let mut body = Vec::with_capacity(rows.len() * ROW_BYTES);
        for BatchRow { message, index, payload } in rows {
            body.extend(message.stream_sequence.to_le_bytes());
            body.extend(message.published_at.to_le_bytes());
            body.extend(index.to_le_bytes());
            body.extend(payload.number.to_le_bytes());
            body.extend([destination_byte(&payload.row.destination), payload.row.padding]);
        }
        Ok(body.into())
    }
}

const ROW_BYTES: usize = 30;

/// The rows of an object.
pub fn read_object(body: &[u8]) -> Vec<StoredRow> {
    let (rows, _) = body.as_chunks::<ROW_BYTES>();
    rows.iter().map(read_row).collect()
}

fn read_row(row: &[u8; ROW_BYTES]) -> StoredRow {
    let number = |from: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&row[from..from + 8]);
        u64::from_le_bytes(bytes)
    };
    let message = MessageId { stream_sequence: number(0), published_at: number(8).cast_signed() };
    let index = u32::from_le_bytes([row[16], row[17], row[18], row[19]]);
    StoredRow { message, index, number: number(20), destination: destination_of(row[28]), padding: row[29] }
}

/// The partition that a key lies in.
pub fn destination_of_key(key: &str) -> Option<Destination<u8>> {
    key.split_once('/').and_then(|(partition, _)| partition.parse().ok()).map(destination_of)
}

fn destination_of(byte: u8) -> Destination<u8> {
    if byte == POISON { Destination::DeadLetter } else { Destination::Partition(byte) }
}

fn destination_byte(destination: &Destination<u8>) -> u8 {
    match destination {
        Destination::Partition(partition) => *partition,
        Destination::DeadLetter => POISON,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_it_was_made() {
        let row = |destination, padding| EventRow { destination, padding };
        let rows = vec![row(Destination::Partition(3), 0), row(Destination::DeadLetter, 200)];
        let event = Event { number: 77, rows };
        assert_eq!(Event::read(&event.body()), event);
    }

    #[test]
    fn an_object_is_read_as_it_was_encoded() {
        let message = MessageId { stream_sequence: 9, published_at: -4 };
        let row = EventRow { destination: Destination::Partition(3), padding: 5 };
        let rows = [BatchRow { message, index: 2, payload: SimRow { number: 11, row } }];
        let body = SimEncoder.encode(&Destination::Partition(3), &rows).unwrap();
        let destination = Destination::Partition(3);
        assert_eq!(read_object(&body), [StoredRow { message, index: 2, number: 11, destination, padding: 5 }]);
    }
}
