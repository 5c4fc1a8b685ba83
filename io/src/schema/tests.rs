//! What a message that is a batch becomes, and what that counts.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use warehouse_sink_core::MessageId;
use warehouse_sink_proto::{MAX_BATCH_BYTES, TableOptions};

use super::decoded::{NO_ELEMENTS, ROW_BYTES};
use super::*;
use crate::payload::Part;

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
    decoder_of(header_columns, Empty::DeadLetter).decoder(&Metrics::noop())
}

fn decoder_of(header_columns: &[&str], empty_batch: Empty) -> StreamSchema {
    let mut compiler = protox::Compiler::new([FOLDER]).unwrap();
    let set = compiler.include_imports(true).open_files(["table3.proto"]).unwrap().encode_file_descriptor_set();
    let options = TableOptions {
        explode: Some("sales".to_owned()),
        header_columns: header_columns.iter().map(ToString::to_string).collect(),
        empty_batch,
        ..TableOptions::new("table3.Batch")
    };
    let table = Table::new(&set, &options).unwrap();
    StreamSchema::Tables([Route::all(table)].into())
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

/// Counters that can be read.
#[derive(Default)]
struct Counters(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counters {
    fn of(&self, name: &str) -> u64 {
        self.0.lock().unwrap().get(name).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: String = key.labels().map(|label| format!(" {}", label.value())).collect();
        let name = format!("{}{labels}", key.name());
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(name).or_default()))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// What messages become, and how many are counted as empty batches, bodies and markers; and how many unknown fields.
fn counted(schema: &StreamSchema, without_body: WithoutBody, messages: &[Message]) -> (Vec<String>, [u64; 4]) {
    let counters = Counters::default();
    let mut decoder = schema.decoder(&Metrics::register(&counters)).with(without_body);
    let made = messages.iter().map(|message| match decoder.decode(message) {
        Rows::Many(rows) => format!("{} rows", rows.len()),
        Rows::One(Row { payload: Payload::DeadLetter(letter), .. }) => letter.reason,
        Rows::One(_) => "a row".to_owned(),
    });
    let made = made.collect();
    let empty = |kind: &str| counters.of(&format!("warehouse_sink_empty_messages_total {kind}"));
    (made, [empty("batch"), empty("body"), empty("marker"), counters.of("warehouse_sink_unknown_fields_total")])
}

/// A producer that renames the field of a batch sends batches without elements, whose fields are not known.
#[test]
fn a_batch_without_elements_is_not_lost() {
    // Field 1000 is what the batch is called now.
    let renamed = || [message(&[AROUND, b"\xC2\x3E\x02hi"])];
    let made = |empty| counted(&decoder_of(&[], empty), WithoutBody::default(), &renamed());
    assert_eq!(made(Empty::DeadLetter), (vec![NO_ELEMENTS.to_owned()], [1, 0, 0, 1]));
    assert_eq!(made(Empty::Row), (vec!["1 rows".to_owned()], [1, 0, 0, 1]));
    assert_eq!(made(Empty::Drop), (vec!["0 rows".to_owned()], [1, 0, 0, 1]));
    // Around elements it counts once, and within each of them for itself.
    let around = [message(&[AROUND, b"\xC2\x3E\x02hi", &GOOD.repeat(3), b"\x12\x03\xC8\x3E\x01"])];
    let made = counted(&decoder_of(&[], Empty::Drop), WithoutBody::default(), &around);
    assert_eq!(made, (vec!["4 rows".to_owned()], [0, 0, 0, 2]));
    // A time around them that is none is one dead letter.
    let late = [message(&[b"\x1A\x07\x08\x80\x94\xD9\xE3\xFA\x57", &GOOD.repeat(3)])];
    let (made, _) = counted(&decoder_of(&[], Empty::Drop), WithoutBody::default(), &late);
    assert_eq!(made, ["the table3.Batch can't be a row: sent is no time between the years 1 and 9999"]);
}

#[test]
fn a_message_without_a_body_is_no_row_of_zeros() {
    let of = |headers: &[(&str, &str)]| Message {
        body: Vec::new(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])).collect(),
    };
    let messages = [
        of(&[]),
        of(&[("KV-Operation", "DEL")]),
        of(&[("KV-Operation", "PURGE")]),
        of(&[("Nats-Marker-Reason", "MaxAge")]),
    ];
    let json =
        |columns| StreamSchema::Tables([Route::all(Table::json(columns, &TableOptions::new("")).unwrap())].into());
    let plain = "the message has no body; schema.on_empty_body says what becomes of such";
    let marker = "the message marks what was deleted and has no body; schema.on_marker says what becomes of such";
    let protobuf = decoder_of(&[], Empty::Drop);
    for schema in [&json("a: int64"), &protobuf, &StreamSchema::built_in().unwrap()] {
        let (made, counts) = counted(schema, WithoutBody::default(), &messages);
        assert_eq!(made, [plain, "0 rows", "0 rows", "0 rows"]);
        assert_eq!(counts, [0, 1, 3, 0]);
        let letters = WithoutBody { markers: Empty::DeadLetter, others: Empty::Drop };
        assert_eq!(counted(schema, letters, &messages).0, ["0 rows", marker, marker, marker]);
    }
    let all = WithoutBody { markers: Empty::Row, others: Empty::Row };
    assert_eq!(counted(&json("a: int64"), all, &messages).0, ["a row"; 4]);
    let required = counted(&json("a: int64 required"), all, &messages[..1]).0;
    assert_eq!(required, ["the JSON can't be a row: a: is required, and missing (at byte 0)"]);
    // With a body it is a message like any other.
    let put = Message { body: b"{}".to_vec(), ..of(&[("KV-Operation", "PUT")]) };
    assert_eq!(counted(&json("a: int64"), WithoutBody::default(), &[put]).0, ["a row"]);
}

/// A message counts once, by the first reason, whatever how many of its elements are broken.
#[test]
fn poison_is_counted_by_its_reason() {
    let reasons = |schema: &StreamSchema, messages: &[Message]| {
        let counters = Counters::default();
        let mut decoder = schema.decoder(&Metrics::register(&counters));
        for message in messages {
            decoder.decode(message);
        }
        let kinds = ["undecodable", "misfit", "time", "too_large", "empty", "no_route", "unreadable"];
        kinds.map(|kind| counters.of(&format!("warehouse_sink_messages_poison_total {kind}")))
    };
    let batches = [message(&[AROUND, GOOD, BROKEN, BROKEN]), message(&[AROUND, GOOD]), message(&[AROUND])];
    assert_eq!(reasons(&decoder_of(&[], Empty::DeadLetter), &batches), [1, 0, 0, 0, 1, 0, 0]);

    let of = |subject: &str| Route { subject: SubjectFilter::new(subject), ..Route::all(json("a: int64 required")) };
    let documents = ["{", "{\"a\":1}", "{}", "{\"a\":null}"].map(|body| message(&[body.as_bytes()]));
    assert_eq!(reasons(&StreamSchema::Tables([of(">")].into()), &documents), [1, 2, 0, 0, 0, 0, 0]);
    assert_eq!(reasons(&StreamSchema::Tables([of("orders.>")].into()), &documents), [0, 0, 0, 0, 0, 4, 0]);

    let events = [message(&[b"\x0A\x01a"]), message(&[b"\xFF"])];
    assert_eq!(reasons(&StreamSchema::built_in().unwrap(), &events), [1, 0, 1, 0, 0, 0, 0]);
}

fn json(columns: &str) -> Table {
    Table::json(columns, &TableOptions::new("")).unwrap()
}
