//! What a message that is a batch becomes, and what that counts.

use std::collections::BTreeMap;

use warehouse_sink_core::MessageId;
use warehouse_sink_proto::TableOptions;

use super::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/tests/protos");
/// A tenant, before the sales: `table3.Batch`.
const AROUND: &[u8] = b"\x0A\x06tenant";
/// A sale that is a row, one that is none because its article is no text, and one that the tenant's folder is too long for.
const GOOD: &[u8] = b"\x12\x03\x0A\x01x";
const BROKEN: &[u8] = b"\x12\x03\x0A\x01\xFF";

struct Message {
    body: Vec<u8>,
    headers: BTreeMap<String, Vec<String>>,
}

impl Incoming for Message {
    type Handle = ();

    fn id(&self) -> MessageId {
        MessageId { stream_sequence: 7, published_at: 1_735_689_600_123_456_789 }
    }
    fn delivery_count(&self) -> u64 {
        1
    }
    fn subject(&self) -> &str {
        "events.sales"
    }
    fn body(&self) -> &[u8] {
        &self.body
    }
    fn headers(&self) -> BTreeMap<String, Vec<String>> {
        self.headers.clone()
    }
    fn into_handle(self) {}
}

fn message(parts: &[&[u8]]) -> Message {
    Message { body: parts.concat(), headers: BTreeMap::from([("H".to_owned(), vec!["v".repeat(1100)])]) }
}

fn decoder(header_columns: &[&str]) -> StreamDecoder {
    let mut compiler = protox::Compiler::new([FOLDER]).unwrap();
    let set = compiler.include_imports(true).open_files(["table3.proto"]).unwrap().encode_file_descriptor_set();
    let options = TableOptions {
        explode: Some("sales".to_owned()),
        header_columns: header_columns.iter().map(ToString::to_string).collect(),
        ..TableOptions::new("table3.Batch")
    };
    let table = Table::new(&set, &options).unwrap();
    StreamSchema::Tables([Route::all(table)].into()).decoder(&Metrics::noop())
}

fn many(rows: Rows<Partition, Payload>) -> Vec<Row<Partition, Payload>> {
    match rows {
        Rows::Many(rows) => rows,
        Rows::One(row) => panic!("one row: {row:?}"),
    }
}

/// The reason of a message that is one dead letter as a whole.
fn refused(rows: Rows<Partition, Payload>) -> String {
    let Rows::One(Row { payload: Payload::DeadLetter(letter), .. }) = rows else { panic!("rows") };
    letter.reason
}

#[test]
fn rows_share_what_stands_around_them_and_count_what_they_take_in_files() {
    let rows = many(decoder(&["H"]).decode(&message(&[AROUND, GOOD, b"\x12\x00"])));
    let parts: Vec<&Part> = rows
        .iter()
        .map(|row| match &row.payload {
            Payload::Part(part) => part,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(Arc::ptr_eq(&parts[0].batch, &parts[1].batch));
    for (part, element) in parts.iter().zip([GOOD, b"\x12\x00"]) {
        let mut body = Vec::new();
        part.push_body(&mut body);
        assert_eq!(body, [AROUND, element].concat());
    }
    let beside = (1100 + size_of::<Option<Box<str>>>() + ROW_BYTES) as u64;
    let counted: Vec<u64> = rows.iter().map(|row| row.bytes).collect();
    assert_eq!(counted, [8 + 5 + beside, 8 + 2 + beside]);
    assert_eq!(size_of::<Payload>(), 24, "a row of a batch makes no other row larger");
}

/// The least that a row takes is no more than it counts.
#[test]
fn a_row_takes_no_more_than_it_counts() {
    let in_the_machine = size_of::<Row<Partition, Payload>>() + size_of::<warehouse_sink_core::BatchRow<Payload>>();
    assert!(in_the_machine <= ROW_BYTES, "{in_the_machine} bytes");
}

#[test]
fn broken_elements_are_dead_letters_until_they_take_too_much() {
    let rows = many(decoder(&[]).decode(&message(&[AROUND, BROKEN, GOOD, BROKEN])));
    let dead: Vec<bool> = rows.iter().map(|row| row.destination == Destination::DeadLetter).collect();
    assert_eq!(dead, [true, false, true]);
    // Each has the message's headers too.
    let most = MAX_BATCH_BYTES / 1118;
    assert_eq!(many(decoder(&[]).decode(&message(&[&BROKEN.repeat(most / 2), GOOD]))).len(), most / 2 + 1);
    let reason = refused(decoder(&[]).decode(&message(&[&BROKEN.repeat(65_536)])));
    assert_eq!(
        reason,
        "its broken elements take more than 67108864 bytes as dead letters: element 60025 of the batch: the body \
                        is not a table3.Batch: sales.article is not UTF-8 text (at byte 4)"
    );
}

/// A header that is a column is in each row, and its bytes count as those of the message do.
#[test]
fn headers_count_among_the_bytes_of_rows() {
    let body = GOOD.repeat(65_536);
    assert_eq!(many(decoder(&[]).decode(&message(&[&body]))).len(), 65_536);
    let reason = refused(decoder(&["H"]).decode(&message(&[&body])));
    assert!(reason.starts_with("the message is too large a batch: 65536 rows of together 73465856 bytes"), "{reason}");
}
