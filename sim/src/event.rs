//! What is published: messages of a few rows each, and how the sink decodes and encodes them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use warehouse_sink_core::{BatchRow, Destination, MessageId, ObjectName, Row, Rows};
use warehouse_sink_io::parts::Part;
use warehouse_sink_io::rows::{Batch, Decode, Encode, Encoding};
use warehouse_sink_io::source::Incoming;

use crate::held::{Meter, Token};
use crate::history::{Happening, History};

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
    /// The subject that it is published to.
    pub fn subject(&self) -> &'static str {
        ["events.app.user.login", "events.app.user.leave", "events.app.user.visit"][(self.number % 3) as usize]
    }

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
pub(crate) struct SimRow {
    number: u64,
    row: EventRow,
    /// Its bytes, as long as it is held.
    _held: Token,
}

/// Decodes bodies.
#[derive(Clone, Debug)]
pub(crate) struct SimDecoder {
    /// Counts the rows that are held.
    pub rows: Meter,
}

impl Decode for SimDecoder {
    type Partition = u8;
    type Payload = SimRow;

    fn decode<M: Incoming>(&mut self, message: &M) -> Rows<u8, SimRow> {
        let event = Event::read(message.body());
        let number = event.number;
        // The rows' bytes add up to the body's: the first counts for the number before it as well.
        let counted = std::iter::once(10).chain(std::iter::repeat(2));
        let row = |(row, more): (EventRow, u64)| {
            let bytes = u64::from(row.padding) + more;
            let (destination, _held) = (row.destination.clone(), self.rows.token(bytes));
            Row { destination, bytes, payload: SimRow { number, row, _held } }
        };
        let mut rows: Vec<_> = event.rows.into_iter().zip(counted).map(row).collect();
        if rows.len() == 1 { rows.pop().map_or(Rows::Many(Vec::new()), Rows::One) } else { Rows::Many(rows) }
    }
}

/// Encodes rows as a list of all that is known of them.
#[derive(Clone, Debug)]
pub(crate) struct SimEncoder {
    /// How many rows a part has at most; without it, an object is one part.
    pub part_rows: Option<usize>,
    /// Which encodings break.
    pub breaks: Breaks,
    /// Counts the bytes that it has made and that are held.
    pub encoded: Meter,
    /// Where that is written down.
    pub history: History,
}

/// Which of a run's encodings break before their last part, by their numbers from 1.
#[derive(Clone, Debug, Default)]
pub struct Breaks(Arc<Mutex<(u64, BTreeSet<u64>)>>);

impl Breaks {
    /// These break.
    pub fn new(numbers: BTreeSet<u64>) -> Self {
        Breaks(Arc::new(Mutex::new((0, numbers))))
    }

    /// None breaks any more.
    pub fn heal(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clear();
    }

    fn next(&self) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        let number = state.0;
        state.1.remove(&number)
    }
}

/// The name of the fault that an encoder breaks after it has made some parts.
pub const BROKE_BETWEEN_PARTS: &str = "encoder broke between two parts";

/// An encoder that breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the encoder broke")
    }
}

impl std::error::Error for Broken {}

/// An object in the making.
#[derive(Debug)]
pub(crate) struct SimEncoding {
    batch: Arc<Batch<u8, SimRow>>,
    at: usize,
    part_rows: usize,
    breaks: bool,
    encoded: Meter,
    history: History,
}

impl Encoding for SimEncoding {
    type Error = Broken;

    fn next(&mut self) -> Result<Part, Broken> {
        let rows = &self.batch.rows[self.at..];
        let (part, is_last) = (rows.len().min(self.part_rows), rows.len() <= self.part_rows);
        if self.breaks && is_last {
            let when = if self.at == 0 { "encoder broke" } else { BROKE_BETWEEN_PARTS };
            self.history.note(Happening::Inflicted { fault: when });
            return Err(Broken);
        }
        self.at += part;
        let part = counted(write_object(&rows[..part]), &self.encoded);
        Ok(if is_last { Part::Last(part) } else { Part::More(part) })
    }
}

impl Encode for SimEncoder {
    type Partition = u8;
    type Payload = SimRow;
    type Error = Broken;
    type Encoding = SimEncoding;

    fn key(&self, destination: &Destination<u8>, name: &ObjectName) -> String {
        format!("{:03}/{name}", destination_byte(destination))
    }

    fn begin(&self, batch: Arc<Batch<u8, SimRow>>) -> Result<SimEncoding, Broken> {
        let part_rows = self.part_rows.unwrap_or(usize::MAX).max(1);
        let SimEncoder { breaks, encoded, history, .. } = self;
        let (breaks, encoded, history) = (breaks.next(), encoded.clone(), history.clone());
        Ok(SimEncoding { batch, at: 0, part_rows, breaks, encoded, history })
    }
}

fn write_object(rows: &[BatchRow<SimRow>]) -> Vec<u8> {
    let mut body = Vec::with_capacity(rows.len() * ROW_BYTES);
    for BatchRow { message, index, payload } in rows {
        body.extend(message.stream_sequence.to_le_bytes());
        body.extend(message.published_at.to_le_bytes());
        body.extend(index.to_le_bytes());
        body.extend(payload.number.to_le_bytes());
        body.extend([destination_byte(&payload.row.destination), payload.row.padding]);
    }
    body
}

/// Bytes that count as held until the last who shares them lets go.
fn counted(bytes: Vec<u8>, meter: &Meter) -> Bytes {
    struct Counted(Vec<u8>, #[expect(dead_code, reason = "it is dropped with the bytes")] Token);

    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    let token = meter.token(bytes.len() as u64);
    Bytes::from_owner(Counted(bytes, token))
}

/// The bytes of an encoded row.
pub(crate) const ROW_BYTES: usize = 30;

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
    use crate::held::Meters;
    use crate::history::ProcessId;

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
        let _held = Meters::new(ProcessId(0), &History::default()).rows.token(0);
        let rows = [BatchRow { message, index: 2, payload: SimRow { number: 11, row, _held } }];
        let body = write_object(&rows);
        let destination = Destination::Partition(3);
        assert_eq!(read_object(&body), [StoredRow { message, index: 2, number: 11, destination, padding: 5 }]);
    }
}
