//! Dead letters keep the whole message.

// A helper that finds something missing has found a failure of its test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use warehouse_sink_proto::{DeadLetter, DeadLetterColumns, RawEnvelope, dead_letter_schema};

fn letter(headers: &[(&str, &[&str])], body: &[u8]) -> DeadLetter {
    let headers = headers
        .iter()
        .map(|(name, values)| ((*name).to_owned(), values.iter().map(|value| (*value).to_owned()).collect()))
        .collect::<BTreeMap<_, Vec<_>>>();
    DeadLetter {
        subject: "events.a.screen.view".into(),
        headers,
        body: body.into(),
        reason: "the event has no usable time".into(),
        delivery_count: 3,
        raw: None,
    }
}

#[test]
fn every_part_is_kept() {
    let body: Vec<u8> = (0..=255).collect();
    let letters = [
        letter(&[("Nats-Msg-Id", &["1"]), ("Trace", &["a", "", "c"]), ("Void", &[])], &body),
        letter(&[], b""),
        letter(&[("Last", &["x"])], b"z"),
    ];
    let mut columns = DeadLetterColumns::new(2);
    for (letter, sequence) in letters.iter().zip(41..) {
        columns.push(letter, sequence, 1_500, sequence as u32 - 41).unwrap();
    }
    let batch = columns.finish().unwrap();
    assert_eq!(batch.schema(), dead_letter_schema());

    let column = |name: &str| batch.column_by_name(name).unwrap();
    for (row, letter) in letters.iter().enumerate() {
        assert_eq!(column("nats_subject").as_string::<i32>().value(row), letter.subject);
        assert_eq!(column("body").as_binary::<i32>().value(row), &*letter.body);
        assert_eq!(column("reason").as_string::<i32>().value(row), letter.reason);
        assert_eq!(headers(column("headers"), row), letter.headers);
    }
    assert_eq!(column("nats_stream_sequence").as_primitive::<Int64Type>().values().to_vec(), [41, 42, 43]);
    assert_eq!(column("nats_published_at").as_primitive::<TimestampMicrosecondType>().values().to_vec(), [1, 1, 1]);
    assert_eq!(column("delivery_count").as_primitive::<Int64Type>().values().to_vec(), [3, 3, 3]);
    assert_eq!(column("nats_row_index").as_primitive::<Int32Type>().values().to_vec(), [0, 1, 2]);
    let nulls = |array: &&ArrayRef| array.null_count() > 0;
    assert_eq!(batch.columns().iter().filter(nulls).count(), 2, "the bytes of envelopes that are texts are left out");
}

#[test]
fn an_envelope_that_is_no_text_is_kept_byte_for_byte() {
    let raw = RawEnvelope { subject: [b'e', 0xff].into(), headers: b"NATS/1.0\r\nX: \xe9\r\n\r\n".as_slice().into() };
    let letters = [letter(&[], b"a"), DeadLetter { raw: Some(Box::new(raw.clone())), ..letter(&[], b"b") }];
    let mut columns = DeadLetterColumns::new(2);
    for letter in &letters {
        columns.push(letter, 1, 0, 0).unwrap();
    }
    let batch = columns.finish().unwrap();
    for (name, bytes) in [("nats_subject_bytes", &raw.subject), ("header_bytes", &raw.headers)] {
        let column = batch.column_by_name(name).unwrap().as_binary::<i32>();
        assert_eq!(column.iter().collect::<Vec<_>>(), [None, Some(&**bytes)], "{name}");
    }
}

fn headers(array: &dyn Array, row: usize) -> BTreeMap<String, Vec<String>> {
    let entries = array.as_map().value(row);
    let (names, lists) = (entries.column(0).as_string::<i32>(), entries.column(1).as_list::<i32>());
    (0..entries.len())
        .map(|at| {
            let values = lists.value(at);
            let values = values.as_string::<i32>().iter().flatten().map(str::to_owned).collect();
            (names.value(at).to_owned(), values)
        })
        .collect()
}

#[test]
fn no_letters_make_an_empty_batch() {
    let batch = DeadLetterColumns::new(0).finish().unwrap();
    assert_eq!((batch.schema(), batch.num_rows()), (dead_letter_schema(), 0));
}
