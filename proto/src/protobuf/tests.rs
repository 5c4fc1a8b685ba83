use proptest::prelude::*;
use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, Struct, Value};

use super::error::Fault;
use super::reader::{Key, Reader, WireType};
use super::skip::MAX_DEPTH;
use super::*;

fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut reader = Reader::new(bytes);
    reader.varint().ok().map(|value| (value, reader.at()))
}

fn prost_varint(mut bytes: &[u8]) -> Option<(u64, usize)> {
    let before = bytes.len();
    prost::encoding::decode_varint(&mut bytes).ok().map(|value| (value, before - bytes.len()))
}

#[test]
fn the_edges_of_varints() {
    type Case<'a> = (&'a [u8], Option<(u64, usize)>);
    let cases: [Case; 9] = [
        (b"", None),
        (b"\x00", Some((0, 1))),
        (b"\x80", None),
        (b"\x80\x00", Some((0, 2))),
        (b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", Some((0, 10))),
        (b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", Some((u64::MAX, 10))),
        (b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", None),
        (b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", None),
        (b"\xAC\x02\xFF", Some((300, 2))),
    ];
    for (bytes, expected) in cases {
        assert_eq!(varint(bytes), expected, "{bytes:x?}");
        assert_eq!(prost_varint(bytes), expected, "{bytes:x?}");
    }
}

fn fault(read: impl FnOnce(&mut Reader) -> Result<(), WireError>, bytes: &[u8]) -> (Fault, usize) {
    let error = read(&mut Reader::new(bytes)).unwrap_err();
    (error.fault(), error.at())
}

#[test]
fn faults_say_what_is_wrong_and_where() {
    let key = |reader: &mut Reader| reader.key().map(drop);
    assert_eq!(fault(key, b"\x07"), (Fault::WireType { wire_type: 7 }, 0));
    assert_eq!(fault(key, b"\x00"), (Fault::Key { key: 0 }, 0));
    assert_eq!(fault(key, b"\x80\x80\x80\x80\x10"), (Fault::Key { key: 1 << 32 }, 0));
    assert_eq!(fault(key, b"\x80"), (Fault::CutOffNumber, 0));
    assert_eq!(fault(|reader| reader.fixed32().map(drop), b"abc"), (Fault::CutOff { missing: 1 }, 0));
    assert_eq!(fault(|reader| reader.fixed64().map(drop), b""), (Fault::CutOff { missing: 8 }, 0));
    assert_eq!(fault(|reader| reader.bytes().map(drop), b"\x05abc"), (Fault::CutOff { missing: 2 }, 1));
    assert_eq!(fault(|reader| reader.text().map(drop), b"\x04ab\xFFc"), (Fault::Text, 3));
    let huge = b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01";
    assert_eq!(fault(|reader| reader.bytes().map(drop), huge), (Fault::CutOff { missing: u64::MAX }, 10));
    let within = |reader: &mut Reader| reader.delimited()?.varint().map(drop);
    assert_eq!(fault(within, b"\x02\x80\x80\x00"), (Fault::CutOffNumber, 1), "the bytes behind the end are not read");
}

fn skip(bytes: &[u8], left: u32) -> Result<usize, Fault> {
    let mut reader = Reader::new(bytes);
    let skipped = reader.skip(Key { number: 5, wire_type: WireType::GroupStart }, left);
    skipped.map(|()| reader.at()).map_err(|error| error.fault())
}

#[test]
fn groups_are_passed_over() {
    // Group 5 holds a varint, 4 bytes, 8 bytes, text and group 6.
    let group = b"\x08\x01\x15abcd\x19abcdefgh\x22\x01a\x33\x08\x01\x34\x2C";
    assert_eq!(skip(group, MAX_DEPTH), Ok(group.len()));
    assert_eq!(skip(b"\x34", MAX_DEPTH), Err(Fault::GroupEnd));
    assert_eq!(skip(b"\x33\x2C\x34", MAX_DEPTH), Err(Fault::GroupEnd));
    assert_eq!(skip(b"", MAX_DEPTH), Err(Fault::CutOffNumber));
    assert_eq!(skip(b"\x2C", 1), Ok(1));
    assert_eq!(skip(b"\x08\x01\x2C", 1), Err(Fault::Depth { limit: MAX_DEPTH }));
    assert_eq!(skip(b"\x08\x01\x2C", 2), Ok(3));
}

/// A file that comes with protobuf. Descriptors describe themselves: a schema with names that are known.
fn descriptor_set(file: &str) -> Vec<u8> {
    let own = prost_reflect::DescriptorPool::global();
    let file = own.get_file_by_name(file).unwrap();
    FileDescriptorSet { file: vec![file.file_descriptor_proto().clone()] }.encode_to_vec()
}

const DESCRIPTOR: &str = "google/protobuf/descriptor.proto";

fn error(body: &[u8]) -> String {
    let mut transcoder = Transcoder::new(&descriptor_set(DESCRIPTOR), "google.protobuf.DescriptorProto").unwrap();
    let mut json = b"kept".to_vec();
    let error = transcoder.push_json(body, &mut json).unwrap_err();
    assert_eq!(json, b"kept", "nothing is appended");
    error.to_string()
}

#[test]
fn errors_name_the_field() {
    assert_eq!(error(b"\x0A\x01\xFF"), "name is not UTF-8 text (at byte 2)");
    assert_eq!(error(b"\x08\x01"), "name is sent as a varint, but its type is sent as bytes with a length (at byte 0)");
    // A field of a message within a list: its name is cut off.
    assert_eq!(
        error(b"\x12\x03\x0A\x05a"),
        "field.name is cut off: 4 more bytes are announced than there are (at byte 4)"
    );
    assert_eq!(error(b"\x80"), "the message is cut off within a number (at byte 0)");
    assert_eq!(error(b"\x9C\x3E"), "field 995 ends a group that is not open (at byte 2)");
    assert_eq!(error(b"\x0E"), "the message holds wire type 6, which protobuf does not have (at byte 0)");
    assert_eq!(error(b"\x00"), "the message holds a field with the key 0, which protobuf does not have (at byte 0)");
}

/// Messages within each other, each the first nested type of the one around it.
fn nested(depth: usize, innermost: &[u8]) -> Vec<u8> {
    let mut body = innermost.to_vec();
    for _ in 0..depth {
        let mut outer = vec![0x1A];
        prost::encoding::encode_varint(body.len() as u64, &mut outer);
        outer.extend(&body);
        body = outer;
    }
    body
}

#[test]
fn a_deep_error_has_a_short_text() {
    let text = error(&nested(90, b"\x0A\x01\xFF"));
    let path = "nested_type.nested_type.nested_type.nested_type.nested_type.nested_type.nested_type.…name";
    assert!(text.starts_with(&format!("{path} is not UTF-8 text (at byte ")), "{text}");
    let text = error(&nested(110, b""));
    assert!(text.contains("is nested more than 100 levels deep"), "{text}");
}

/// A record keeps only where the elements of a list are, and gives slots that are free again to the next message.
#[test]
fn memory_is_in_proportion_to_the_body() {
    let set = descriptor_set(DESCRIPTOR);
    let tables = Tables::decode(&set).unwrap();
    let id = tables.find("google.protobuf.DescriptorProto").unwrap();
    let body = b"\x12\x00".repeat(10_000);
    let mut shelf = Shelf::default();
    let mut record = shelf.take();
    record.read(&tables, id, &body).unwrap();
    let slots = tables.message(id).slots as usize;
    assert_eq!(record.sizes(), (slots, 10_000));
}

/// A type that holds itself in many single fields takes all of its slots for two bytes: a body of 130 kB would take 60 MB, and one
/// of a megabyte a gigabyte.
#[test]
fn a_body_that_takes_too_many_slots_is_refused() {
    const FIELDS: i32 = 40;
    let field = |number| FieldDescriptorProto {
        name: Some(format!("m{number}")),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(Type::Message.into()),
        type_name: Some(".M".to_owned()),
        ..Default::default()
    };
    let message =
        DescriptorProto { name: Some("M".to_owned()), field: (1..=FIELDS).map(field).collect(), ..Default::default() };
    let file =
        FileDescriptorProto { name: Some("m.proto".to_owned()), message_type: vec![message], ..Default::default() };
    let tables = Tables::decode(&FileDescriptorSet { file: vec![file] }.encode_to_vec()).unwrap();
    let id = tables.find("M").unwrap();
    let around = |inner: &[u8]| {
        let mut body = Vec::new();
        for number in 1..=FIELDS as u64 {
            prost::encoding::encode_varint(number << 3 | 2, &mut body);
            prost::encoding::encode_varint(inner.len() as u64, &mut body);
            body.extend(inner);
        }
        body
    };
    let (mut shelf, two) = (Shelf::default(), around(&around(b"")));
    let three = around(&two);
    let mut record = shelf.take();
    record.read(&tables, id, &two).unwrap();
    assert_eq!(record.sizes().0, 40 * (1 + 40 + 40 * 40));
    let error = record.read(&tables, id, &three).unwrap_err();
    assert_eq!(error.fault(), Fault::Slots { limit: 1 << 20 });
    assert!(record.sizes().0 <= 1 << 20);
    let text = error.to_string();
    assert!(text.contains("holds too many messages within each other"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn varints_are_read_as_prost_reads_them(
        mut bytes in prop::collection::vec(prop_oneof![Just(0x80), Just(0xFF), any::<u8>()], 0..13),
        last in prop::option::of(0..3u8),
    ) {
        bytes.extend(last);
        prop_assert_eq!(varint(&bytes), prost_varint(&bytes));
    }

    /// Any bytes at all, as messages with a oneof, a map and a list that hold themselves.
    #[test]
    fn what_is_taken_is_what_prost_takes(bytes in prop::collection::vec(prop_oneof![0..0x40u8, any::<u8>()], 0..40)) {
        let tables = Tables::decode(&descriptor_set("google/protobuf/struct.proto")).unwrap();
        for (name, taken) in [
            ("google.protobuf.Value", Value::decode(bytes.as_slice()).is_ok()),
            ("google.protobuf.Struct", Struct::decode(bytes.as_slice()).is_ok()),
        ] {
            let id = tables.find(name).unwrap();
            let read = Shelf::default().take().read(&tables, id, &bytes);
            prop_assert_eq!(read.is_ok(), taken, "{:?}", read);
        }
    }
}

/// A key of 0 stood for no key in the tables once, and was taken for that of a oneof's field.
#[test]
fn no_number_is_the_key_of_a_field_that_has_none_of_its_own() {
    let tables = Tables::decode(&descriptor_set("google/protobuf/struct.proto")).unwrap();
    let id = tables.find("google.protobuf.Value").unwrap();
    for key in [&[0][..], &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F], &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]] {
        let body = [key, &[0]].concat();
        assert!(Shelf::default().take().read(&tables, id, &body).is_err(), "{body:?}");
    }
}

/// What is said of a descriptor set of one file.
fn refusal(file: FileDescriptorProto) -> String {
    Tables::decode(&FileDescriptorSet { file: vec![file] }.encode_to_vec()).unwrap_err().to_string()
}

#[test]
fn a_name_that_comes_twice_is_refused() {
    let message = DescriptorProto { name: Some("A".to_owned()), ..DescriptorProto::default() };
    let error = refusal(FileDescriptorProto { message_type: vec![message; 2], ..FileDescriptorProto::default() });
    assert!(error.starts_with("the descriptor set cannot be used: name 'A' is defined twice"), "{error}");
}

/// Found by the fuzzer: prost-reflect panics.
#[test]
fn a_syntax_that_is_not_known_is_refused() {
    let error = refusal(FileDescriptorProto { syntax: Some("editions".to_owned()), ..FileDescriptorProto::default() });
    assert!(error.contains("neither proto2 nor proto3"), "{error}");
}
