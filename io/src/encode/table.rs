//! Files of messages of a configured type.

use arrow::array::RecordBatch;
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::schema::types::ColumnPath;
use warehouse_sink_core::BatchRow;
use warehouse_sink_proto::{Table, TableColumns};

use super::{EncodeConfig, EncodeError, properties};
use crate::payload::Payload;

/// How the files are written.
pub(super) fn properties(config: &EncodeConfig, table: &Table) -> WriterPropertiesBuilder {
    let leaves = table.leaves().into_iter().map(|leaf| (ColumnPath::new(leaf.path), leaf.kind));
    properties::of_columns(config, leaves)
}

/// The first of the rows as columns, and how many they are: as many as memory is well used for, and one at least.
pub(super) fn batch(table: &Table, rows: &[BatchRow<Payload>]) -> Result<(RecordBatch, usize), EncodeError> {
    let mut columns = TableColumns::new(table, rows.len());
    let (mut taken, mut of_part) = (0, Vec::new());
    for BatchRow { message, payload, index } in rows {
        if columns.is_full() {
            break;
        }
        let stream_sequence = message.stream_sequence;
        let (body, notes) = match payload {
            Payload::Event(body) => (&body[..], &[][..]),
            Payload::Noted(noted) => (&noted.body[..], &noted.notes[..]),
            Payload::Part(part) => {
                of_part.clear();
                part.push_body(&mut of_part);
                (&of_part[..], &part.batch.notes[..])
            }
            Payload::DeadLetter(_) => return Err(EncodeError::Misplaced { stream_sequence }),
        };
        let pushed = columns.push_noted(body, notes, stream_sequence, message.published_at, *index);
        pushed.map_err(|source| EncodeError::Row { stream_sequence, source })?;
        taken += 1;
    }
    Ok((columns.finish()?, taken))
}

#[cfg(test)]
mod tests;
