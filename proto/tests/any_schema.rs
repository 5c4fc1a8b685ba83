//! Messages of any schema as JSON: the text is that of the values that prost-reflect reads.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::cell::{Cell, RefCell};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use support::schemas::Schema;
use warehouse_sink_proto::EventSchema;
use warehouse_sink_proto::protobuf::{SchemaError, Transcoder};

const RUNS: u32 = 20_000;

/// How many messages were taken: else the test could see nothing but refusals.
fn taken(schema: &mut Schema, faults: bool) -> u32 {
    let config = ProptestConfig { cases: RUNS, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (schema, taken) = (RefCell::new(schema), Cell::new(0));
    let bytes = prop::collection::vec(any::<u8>(), 0..400);
    let result = runner.run(&bytes, |bytes| {
        let mut schema = schema.borrow_mut();
        let body = schema.message(&bytes, faults);
        taken.set(taken.get() + u32::from(schema.agree(&body)));
        Ok(())
    });
    result.unwrap();
    taken.get()
}

#[test]
fn every_kind_of_proto3() {
    let mut schema = Schema::proto3();
    assert_eq!(taken(&mut schema, false), RUNS);
    let taken = taken(&mut schema, true);
    assert!((2_000..19_500).contains(&taken), "{taken} of {RUNS} were taken");
}

#[test]
fn every_kind_of_proto2() {
    let mut schema = Schema::proto2();
    assert_eq!(taken(&mut schema, false), RUNS);
    let taken = taken(&mut schema, true);
    assert!((2_000..19_500).contains(&taken), "{taken} of {RUNS} were taken");
}

#[test]
fn what_json_has_forms_of_its_own_for() {
    assert_eq!(taken(&mut Schema::well_known(), false), RUNS);
}

/// What the canonical writers write, beside what prost-reflect reads from it.
#[test]
fn well_known_types_are_written_as_the_canonical_writers_do() {
    let mut schema = Schema::well_known();
    let any = |held: &str| format!(r#"{{"any":{{"@type":"type.googleapis.com/{held}}}}}"#);
    for canonical in [
        r#"{"value":123}"#.to_owned(),
        r#"{"value":-0.5}"#.to_owned(),
        r#"{"value":10000000000000000}"#.to_owned(),
        r#"{"value":100000000000000000000}"#.to_owned(),
        r#"{"value":1e+21}"#.to_owned(),
        r#"{"value":1.5e-7}"#.to_owned(),
        r#"{"value":0.000001}"#.to_owned(),
        r#"{"struct":{"a":[1,2.5,{"b":-7}]}}"#.to_owned(),
        r#"{"double":123.0}"#.to_owned(),
        r#"{"mask":"id,shop.displayName"}"#.to_owned(),
        r#"{"mask":""}"#.to_owned(),
        any(r#"table3.Tree","name":"x","left":{}"#),
        any(r#"table3.Tree""#),
        any(r#"google.protobuf.Timestamp","value":"2026-11-23T14:05:00.250Z""#),
        any(r#"google.protobuf.Struct","value":{"a":1}"#),
        any(r#"google.protobuf.Int64Value","value":"7""#),
        any(r#"google.protobuf.Any","value":{"@type":"type.googleapis.com/table3.Shop","country":"DE"}"#),
    ] {
        let body = schema.body(&canonical);
        assert_eq!(schema.json(&body), canonical);
        assert!(schema.agree(&body));
    }
    // Field 15: of an unknown type; of a known one, whose bytes are none of it; and one with a field that is not known.
    for (body, plain) in [
        (&b"\x7A\x08\x0A\x03a/b\x12\x01\xFF"[..], r#"{"any":{"type_url":"a/b","value":"/w=="}}"#),
        (b"\x7A\x12\x0A\x0Da/table3.Shop\x12\x01\xFF", r#"{"any":{"type_url":"a/table3.Shop","value":"/w=="}}"#),
        (b"\x7A\x13\x0A\x0Da/table3.Shop\x12\x02\x48\x01", r#"{"any":{"type_url":"a/table3.Shop","value":"SAE="}}"#),
        (b"\x82\x01\x03\x0A\x01A", r#"{"mask":{"paths":["A"]}}"#),
    ] {
        assert_eq!(schema.json(body), plain);
        assert!(schema.agree(body));
    }
    // Within one another they are opened so many times and no more, whatever the stack.
    let deep = (0..10_000).fold(Vec::new(), |held: Vec<u8>, _| {
        let mut any = b"\x0A\x15a/google.protobuf.Any\x12".to_vec();
        prost::encoding::encode_varint(held.len() as u64, &mut any);
        [any, held].concat()
    });
    let mut body = b"\x7A".to_vec();
    prost::encoding::encode_varint(deep.len() as u64, &mut body);
    let json = schema.json(&[body, deep].concat());
    assert_eq!((json.matches("@type").count(), json.matches("type_url").count()), (8, 1));
}

#[test]
fn what_makes_no_schema_is_refused() {
    let error = Transcoder::new(EventSchema::DESCRIPTORS, "causality.v1.Missing").unwrap_err();
    assert_eq!(error.to_string(), "the descriptor set has no message causality.v1.Missing");
    assert!(matches!(Transcoder::new(b"\xff", "causality.v1.Missing"), Err(SchemaError::Descriptors { .. })));
}
