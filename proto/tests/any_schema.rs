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
fn what_makes_no_schema_is_refused() {
    let error = Transcoder::new(EventSchema::DESCRIPTORS, "causality.v1.Missing").unwrap_err();
    assert_eq!(error.to_string(), "the descriptor set has no message causality.v1.Missing");
    assert!(matches!(Transcoder::new(b"\xff", "causality.v1.Missing"), Err(SchemaError::Descriptors { .. })));
}
