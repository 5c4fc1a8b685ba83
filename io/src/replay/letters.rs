//! Dead letters, read back from their files.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, BinaryArray, ListArray, MapArray, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use warehouse_sink_core::MessageId;
use warehouse_sink_proto::{DeadLetter, RawEnvelope};

use super::headers::Origin;
use crate::audit::file::FileError;
use crate::audit::scan::{row_indexes, sequences, times};
use crate::source::{Incoming, Unreadable};

/// A dead letter and which message it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub origin: Origin,
    pub letter: DeadLetter,
}

/// To the decoder it is the message that it was.
impl Incoming for &Letter {
    type Handle = ();

    fn id(&self) -> MessageId {
        let Origin { sequence, published_at, .. } = self.origin;
        MessageId { stream_sequence: sequence, published_at: published_at.saturating_mul(1000) }
    }
    fn delivery_count(&self) -> u64 {
        self.letter.delivery_count
    }
    fn subject(&self) -> &str {
        &self.letter.subject
    }
    fn body(&self) -> &[u8] {
        &self.letter.body
    }
    fn headers(&self) -> BTreeMap<String, Vec<String>> {
        self.letter.headers.clone()
    }
    fn unreadable(&self) -> Option<Unreadable<'_>> {
        let RawEnvelope { subject, headers } = &**self.letter.raw.as_ref()?;
        Some(Unreadable {
            reason: "its subject or its headers are no text, which can't be published again",
            subject,
            headers,
        })
    }
    fn into_handle(self) {}
}

/// The origins and subjects alone: [`COLUMNS`] are enough.
pub(super) fn places(batch: &RecordBatch) -> Result<Vec<(Origin, String, String)>, FileError> {
    let (subjects, reasons) = (texts(batch, "nats_subject")?, texts(batch, "reason")?);
    let origins = sequences(batch)?.zip(times(batch)?).zip(row_indexes(batch)?);
    let rows = origins.enumerate().map(|(row, ((sequence, published_at), index))| {
        let origin = Origin { sequence, published_at, index };
        (origin, subjects.value(row).to_owned(), reasons.value(row).to_owned())
    });
    Ok(rows.collect())
}

/// The columns that [`places`] needs.
pub(super) const COLUMNS: [&str; 5] =
    ["nats_stream_sequence", "nats_published_at", "nats_row_index", "nats_subject", "reason"];
/// The columns that [`letters`] needs: all.
pub(super) const ALL_COLUMNS: [&str; 10] = [
    "nats_stream_sequence",
    "nats_published_at",
    "nats_row_index",
    "nats_subject",
    "headers",
    "body",
    "reason",
    "delivery_count",
    "nats_subject_bytes",
    "header_bytes",
];

/// The rows of a file as they went in.
pub(super) fn letters(batch: &RecordBatch) -> Result<Vec<Letter>, FileError> {
    let bodies: &BinaryArray = column(batch, "body")?.as_binary_opt().ok_or(NO_LETTERS)?;
    let headers: &MapArray = column(batch, "headers")?.as_map_opt().ok_or(NO_LETTERS)?;
    let counts = column(batch, "delivery_count")?.as_primitive_opt::<Int64Type>().ok_or(NO_LETTERS)?;
    let mut letters = Vec::with_capacity(batch.num_rows());
    for (row, (origin, subject, reason)) in places(batch)?.into_iter().enumerate() {
        let letter = DeadLetter {
            subject,
            headers: headers_of(headers, row)?,
            body: bodies.value(row).into(),
            reason,
            delivery_count: counts.value(row).cast_unsigned(),
            raw: raw_of(batch, row)?,
        };
        letters.push(Letter { origin, letter });
    }
    Ok(letters)
}

/// None where the envelope is text, and in a file of a version that did not keep it.
fn raw_of(batch: &RecordBatch, row: usize) -> Result<Option<Box<RawEnvelope>>, FileError> {
    let part = |name| -> Result<Option<Box<[u8]>>, FileError> {
        let Some(column) = batch.column_by_name(name) else { return Ok(None) };
        let column: &BinaryArray = column.as_binary_opt().ok_or(NO_LETTERS)?;
        Ok(column.is_valid(row).then(|| column.value(row).into()))
    };
    let (subject, headers) = (part("nats_subject_bytes")?, part("header_bytes")?);
    Ok(subject.zip(headers).map(|(subject, headers)| Box::new(RawEnvelope { subject, headers })))
}

const NO_LETTERS: FileError = FileError::Foreign("it has not the columns of dead letters");

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, FileError> {
    let column = batch.column_by_name(name).filter(|column| column.null_count() == 0);
    column.map(|column| column.as_ref()).ok_or(NO_LETTERS)
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, FileError> {
    column(batch, name)?.as_string_opt().ok_or(NO_LETTERS)
}

fn headers_of(column: &MapArray, row: usize) -> Result<BTreeMap<String, Vec<String>>, FileError> {
    let entries = column.value(row);
    let names: &StringArray = entries.column(0).as_string_opt().ok_or(NO_LETTERS)?;
    let values: &ListArray = entries.column(1).as_list_opt().ok_or(NO_LETTERS)?;
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in 0..names.len() {
        let values = values.value(entry);
        let values: &StringArray = values.as_string_opt().ok_or(NO_LETTERS)?;
        let values = values.iter().flatten().map(str::to_owned);
        headers.entry(names.value(entry).to_owned()).or_default().extend(values);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use warehouse_sink_proto::DeadLetterColumns;

    use super::*;

    #[test]
    fn what_went_in_comes_out() {
        let headers = BTreeMap::from([
            ("One".to_owned(), vec!["a".to_owned(), String::new()]),
            ("Two".to_owned(), vec!["b".to_owned()]),
        ]);
        let letter = |body: &[u8], headers: &BTreeMap<_, _>, sequence: u64| Letter {
            origin: Origin { sequence, published_at: 1_735_689_600_123_456, index: sequence as u32 % 3 },
            letter: DeadLetter {
                subject: format!("events.{sequence}"),
                headers: headers.clone(),
                body: body.into(),
                reason: "why".to_owned(),
                delivery_count: 3,
                raw: (sequence == 8).then(|| Box::new(RawEnvelope { subject: [0xff].into(), headers: Box::default() })),
            },
        };
        let all = [
            letter(b"\xff\x00", &headers, 7),
            letter(b"", &BTreeMap::new(), 8),
            letter(b"x", &BTreeMap::from([("Empty".to_owned(), vec![])]), u64::MAX),
        ];
        let mut columns = DeadLetterColumns::new(3);
        for Letter { origin, letter } in &all {
            columns.push(letter, origin.sequence, origin.published_at * 1000 + 999, origin.index).unwrap();
        }
        let batch = columns.finish().unwrap();
        assert_eq!(letters(&batch).unwrap(), all);
        let place = |letter: &Letter| (letter.origin, letter.letter.subject.clone(), "why".to_owned());
        assert_eq!(places(&batch).unwrap(), all.each_ref().map(place));
    }
}
