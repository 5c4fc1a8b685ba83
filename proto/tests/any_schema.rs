//! Messages of any schema as JSON: the text is that of the values that prost-reflect reads.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use support::entropy::Entropy;
use support::{json, messages};
use warehouse_sink_proto::protobuf::{SchemaError, Transcoder};

struct Schema {
    message: MessageDescriptor,
    transcoder: Transcoder,
}

fn schema(file: &str, name: &str) -> Schema {
    let set = protox::compile([file], ["tests/protos"]).unwrap().encode_to_vec();
    let pool = DescriptorPool::decode(set.as_slice()).unwrap();
    Schema { message: pool.get_message_by_name(name).unwrap(), transcoder: Transcoder::new(&set, name).unwrap() }
}

impl Schema {
    /// Whether the body is taken.
    fn agree(&mut self, body: &[u8]) -> bool {
        let mut ours = String::from("before ");
        let pushed = self.transcoder.push_json(body, &mut ours);
        let expected = DynamicMessage::decode(self.message.clone(), body);
        match (&pushed, &expected) {
            (Ok(()), Ok(expected)) => assert_eq!(ours, format!("before {}", json::text(expected))),
            // prost refuses a map of another wire type, and so do we; prost-reflect reads it as if it were of the right one.
            (Err(error), _) if is_form_of_map(&error.to_string()) => assert_eq!(ours, "before "),
            (Err(_), Err(_)) => assert_eq!(ours, "before "),
            _ => panic!("{pushed:?}, but prost-reflect: {expected:?}"),
        }
        pushed.is_ok()
    }
}

fn is_form_of_map(error: &str) -> bool {
    let path = error.split_once(" is sent as ").map(|(path, _)| path);
    path.and_then(|path| path.rsplit('.').next()).is_some_and(|field| field.starts_with("map_"))
}

/// How often messages of the kinds that are made are taken: else the test would see nothing but refusals.
fn check(schema: &mut Schema, faults: bool, runs: u32) -> u32 {
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        ProptestConfig { cases: runs, failure_persistence: None, ..ProptestConfig::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let taken = std::cell::Cell::new(0);
    let schema = std::cell::RefCell::new(schema);
    let bytes = prop::collection::vec(any::<u8>(), 0..400);
    let result = runner.run(&bytes, |bytes| {
        let mut schema = schema.borrow_mut();
        let body = messages::message(&mut Entropy::new(&bytes), &schema.message, faults);
        if schema.agree(&body) {
            taken.set(taken.get() + 1);
        }
        Ok(())
    });
    result.unwrap();
    taken.get()
}

#[test]
fn every_kind_of_proto3() {
    let mut schema = schema("kinds3.proto", "kinds3.Kinds");
    assert_eq!(check(&mut schema, false, 20_000), 20_000);
    let taken = check(&mut schema, true, 20_000);
    assert!((2_000..19_500).contains(&taken), "{taken} of 20,000 were taken");
}

#[test]
fn every_kind_of_proto2() {
    let mut schema = schema("kinds2.proto", "kinds2.Kinds");
    assert_eq!(check(&mut schema, false, 20_000), 20_000);
    let taken = check(&mut schema, true, 20_000);
    assert!((2_000..19_500).contains(&taken), "{taken} of 20,000 were taken");
}

#[test]
fn a_message_that_is_not_there() {
    let set = protox::compile(["kinds3.proto"], ["tests/protos"]).unwrap().encode_to_vec();
    let error = Transcoder::new(&set, "kinds3.Missing").unwrap_err();
    assert_eq!(error.to_string(), "the descriptor set has no message kinds3.Missing");
    assert!(matches!(Transcoder::new(b"\xff", "kinds3.Kinds"), Err(SchemaError::Descriptors { .. })));
}
