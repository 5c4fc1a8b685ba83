//! What becomes of one message: its row or rows, what is not known in it, and why it is poison.

use std::sync::Arc;

use warehouse_sink_core::{Destination, Row, Rows};
use warehouse_sink_proto::{Empty, MAX_BATCH_BYTES, Partition, Poison, PoisonKind, Table, TableDecoder};

use super::{body_of, noted_bytes, notes};
use crate::metrics::{Empties, PoisonReason};
use crate::payload::{Part, PartedBatch, Payload, dead_letter, dead_letter_of};
use crate::source::Incoming;

/// Why a batch without elements is a dead letter.
pub(super) const NO_ELEMENTS: &str =
    "the batch has no elements, so it makes no row; schema.on_empty_batch says what becomes of such";

/// What a row of a batch counts beside its bytes: its places in the lists of the machine. A message may have many rows, so the limit
/// on messages does not bound them.
pub(super) const ROW_BYTES: usize = 128;

/// What became of a message.
pub(super) struct Decoded {
    pub rows: Rows<Partition, Payload>,
    /// How many of its fields are not known.
    pub unknown: u64,
    /// Why it is poison, or the first part of it that is.
    pub poison: Option<PoisonReason>,
}

impl Decoded {
    pub fn good(rows: Rows<Partition, Payload>, unknown: u64) -> Self {
        Decoded { rows, unknown, poison: None }
    }

    pub fn poison<M: Incoming>(message: &M, reason: PoisonReason, text: String) -> Self {
        Decoded { rows: Rows::One(dead_letter(message, text)), unknown: 0, poison: Some(reason) }
    }

    pub fn one<M: Incoming>(message: &M, row: Result<Row<Partition, Payload>, Poison>, unknown: u64) -> Self {
        match row {
            Ok(row) => Self::good(Rows::One(row), unknown),
            Err(poison) => Decoded { unknown, ..Self::poison(message, reason(&poison), poison.to_string()) },
        }
    }
}

fn reason(poison: &Poison) -> PoisonReason {
    match poison.kind() {
        PoisonKind::Undecodable => PoisonReason::Undecodable,
        PoisonKind::Misfit => PoisonReason::Misfit,
        PoisonKind::Time => PoisonReason::Time,
        PoisonKind::TooLarge => PoisonReason::TooLarge,
    }
}

/// The rows of a batch, each settled by itself. A broken element is a dead letter of its own.
pub(super) fn rows<M: Incoming>(table: &Table, decoder: &mut TableDecoder, empty: &Empties, message: &M) -> Decoded {
    let whole = |poison: Poison| Decoded::poison(message, reason(&poison), poison.to_string());
    let notes = notes(table, message);
    let beside = noted_bytes(&notes);
    let mut batch = match table.explode(body_of(table, message), beside, message.id().published_at) {
        Ok(batch) => batch,
        Err(poison) => return whole(poison),
    };
    let is_empty = batch.elements.is_empty();
    if is_empty {
        empty.batch.increment(1);
        match table.empty_batch() {
            Empty::Drop => return Decoded::good(Rows::Many(Vec::new()), batch.unknown_fields),
            Empty::DeadLetter => {
                let letter = Decoded::poison(message, PoisonReason::Empty, NO_ELEMENTS.to_owned());
                return Decoded { unknown: batch.unknown_fields, ..letter };
            }
            Empty::Row => batch.elements.push(&[]),
        }
    }
    let (parted, places) = PartedBatch::new(&batch, notes);
    let parted = Arc::new(parted);
    let mut rows = Vec::with_capacity(places.len());
    let (mut unknown, mut broken, mut first) = (batch.unknown_fields, 0, None);
    let mut body = batch.around;
    let around = body.len();
    for (index, (element, place)) in batch.elements.iter().zip(places).enumerate() {
        body.truncate(around);
        body.extend_from_slice(element);
        body.extend_from_slice(batch.end);
        let row = match decoder.decode(&body, message.id().published_at) {
            Ok(partition) => Row {
                bytes: (body.len() + beside + ROW_BYTES) as u64,
                payload: Payload::Part(Part { batch: Arc::clone(&parted), place }),
                destination: Destination::Partition(partition),
            },
            Err(poison) if is_empty => return whole(poison),
            Err(poison) => {
                let why = *first.get_or_insert(reason(&poison));
                let text = format!("element {index} of the batch: {poison}");
                let letter = dead_letter_of(message, &body, text.clone());
                broken += letter.bytes;
                if broken > MAX_BATCH_BYTES as u64 {
                    let too_many =
                        format!("its broken elements take more than {MAX_BATCH_BYTES} bytes as dead letters");
                    return Decoded::poison(message, why, format!("{too_many}: {text}"));
                }
                letter
            }
        };
        // What stands around the elements is counted once.
        unknown += decoder.unknown_fields().saturating_sub(batch.unknown_fields);
        rows.push(row);
    }
    Decoded { rows: Rows::Many(rows), unknown, poison: first }
}
