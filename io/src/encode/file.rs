//! A file in the making: columns by the chunk, and the parts that come of them.

use std::sync::Arc;

use arrow::array::RecordBatch;
use warehouse_sink_core::{BatchRow, Destination};
use warehouse_sink_proto::{ColumnOptions, Columns, DeadLetterColumns, EventSchema, Partition};

use super::groups::GroupWriter;
use super::{CHUNK_BYTES, CHUNK_ROWS, EncodeError, table};
use crate::parts::Part;
use crate::payload::Payload;
use crate::rows::{Batch, Encoding};
use crate::schema::StreamSchema;

/// A file in the making. It holds a row group, and the parts of the row group before it that were not taken yet.
pub struct FileEncoding {
    batches: Box<dyn Iterator<Item = Result<RecordBatch, EncodeError>> + Send>,
    writer: GroupWriter,
    is_finished: bool,
}

impl FileEncoding {
    pub(super) fn new(
        batches: Box<dyn Iterator<Item = Result<RecordBatch, EncodeError>> + Send>,
        writer: GroupWriter,
    ) -> Self {
        FileEncoding { batches, writer, is_finished: false }
    }
}

impl Encoding for FileEncoding {
    type Error = EncodeError;

    fn next(&mut self) -> Result<Part, EncodeError> {
        while !self.is_finished {
            if let Some(part) = self.writer.parts().pop() {
                return Ok(Part::More(part));
            }
            match self.batches.next() {
                Some(batch) => self.writer.write(&batch?)?,
                None => {
                    self.writer.finish()?;
                    self.is_finished = true;
                }
            }
        }
        Ok(self.writer.parts().rest())
    }
}

/// The rows of a file as columns, in the stream's order, a chunk at a time.
pub(super) struct Chunks {
    pub schema: StreamSchema,
    pub columns: ColumnOptions,
    pub batch: Arc<Batch<Partition, Payload>>,
    pub at: usize,
}

impl Iterator for Chunks {
    type Item = Result<RecordBatch, EncodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.batch.rows.get(self.at..).filter(|rest| !rest.is_empty())?;
        let made = self.columns_of(&rest[..chunk_len(rest)]);
        // Nothing comes after an error.
        self.at = made.as_ref().map_or(usize::MAX, |(_, taken)| self.at + taken);
        Some(made.map(|(columns, _)| columns))
    }
}

impl Chunks {
    /// The first of the rows as columns, and how many they are.
    fn columns_of(&self, rows: &[BatchRow<Payload>]) -> Result<(RecordBatch, usize), EncodeError> {
        let columns = match (&self.batch.destination, &self.schema) {
            (Destination::Partition(_), StreamSchema::Events(events)) => self.events(events, rows)?,
            (Destination::Partition(partition), StreamSchema::Tables(_)) => match self.schema.route(partition) {
                Some(route) => return table::batch(&route.table, rows),
                None => return Err(EncodeError::NoTable),
            },
            (Destination::DeadLetter, _) => dead_letters(rows)?,
        };
        Ok((columns, rows.len()))
    }

    fn events(&self, events: &EventSchema, rows: &[BatchRow<Payload>]) -> Result<RecordBatch, EncodeError> {
        let mut columns = Columns::new(events, self.columns, rows.len());
        for BatchRow { message, payload, .. } in rows {
            let stream_sequence = message.stream_sequence;
            let Payload::Event(body) = payload else { return Err(EncodeError::Misplaced { stream_sequence }) };
            let pushed = columns.push(body, stream_sequence, message.published_at);
            pushed.map_err(|source| EncodeError::Row { stream_sequence, source })?;
        }
        Ok(columns.finish()?)
    }
}

/// How many of the rows go into the next chunk: at least one.
pub(super) fn chunk_len(rows: &[BatchRow<Payload>]) -> usize {
    let mut bytes = 0;
    let fits = |row: &&BatchRow<Payload>| {
        bytes += row.payload.body_len();
        bytes <= CHUNK_BYTES
    };
    rows.iter().take(CHUNK_ROWS).take_while(fits).count().max(1)
}

fn dead_letters(rows: &[BatchRow<Payload>]) -> Result<RecordBatch, EncodeError> {
    let mut columns = DeadLetterColumns::new(rows.len());
    for BatchRow { message, payload, index } in rows {
        let stream_sequence = message.stream_sequence;
        let Payload::DeadLetter(letter) = payload else { return Err(EncodeError::Misplaced { stream_sequence }) };
        let pushed = columns.push(letter, stream_sequence, message.published_at, *index);
        pushed.map_err(|source| EncodeError::Row { stream_sequence, source })?;
    }
    Ok(columns.finish()?)
}
