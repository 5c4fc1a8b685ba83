//! The decoder takes what prost takes, refuses what prost refuses, and makes the same columns of it, whatever the bytes.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use proptest::prelude::*;
use prost::Message;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use support::events::Both;
use support::messages::{push_key, push_varint};
use warehouse_sink_proto::generate::{Generator, GeneratorOptions};
use warehouse_sink_proto::protobuf::Transcoder;

thread_local! {
    static BOTH: std::cell::RefCell<Both> = std::cell::RefCell::default();
}

fn options() -> GeneratorOptions {
    GeneratorOptions { poison_every: Some(5), ..GeneratorOptions::default() }
}

#[test]
fn generated_events_and_poison() {
    let mut both = Both::default();
    let events = Generator::new(options()).take(5_000).filter(|made| both.agree(&made.body)).count();
    assert_eq!(events, 4_000);
}

/// Every byte of some events changed in several ways, and every length of them.
#[test]
fn events_with_one_byte_changed_or_cut_off() {
    let mut both = Both::default();
    let (mut events, mut poison) = (0, 0);
    for made in Generator::new(GeneratorOptions::default()).take(60) {
        let mut bodies = Vec::new();
        for at in 0..made.body.len() {
            bodies.push(made.body[..at].to_vec());
            for change in [1, 0x80, 0xFF] {
                let mut body = made.body.clone();
                body[at] ^= change;
                bodies.push(body);
            }
        }
        for body in bodies {
            if both.agree(&body) { events += 1 } else { poison += 1 }
        }
    }
    assert!(events > 5_000 && poison > 5_000, "{events} events, {poison} poison");
}

/// Two events behind one another are one, in which the later fields win and messages are merged.
#[test]
fn events_behind_one_another() {
    let mut both = Both::default();
    let bodies: Vec<_> = Generator::new(GeneratorOptions::default()).take(120).map(|made| made.body).collect();
    for (first, second) in bodies.iter().zip(bodies.iter().skip(1)) {
        assert!(both.agree(&[first.as_slice(), second].concat()));
        assert!(both.agree(&[first.as_slice(), second, first].concat()));
    }
}

/// Groups that the schema does not know, to the limit of nesting and beyond.
#[test]
fn unknown_groups_up_to_the_limit() {
    let mut both = Both::default();
    let mut taken = Vec::new();
    for depth in 95..=105 {
        for inner in [&b""[..], b"\x08\x01", b"\x0A\x00"] {
            let mut body = vec![0x20, 1];
            (0..depth).for_each(|_| push_key(&mut body, 100_000, 3));
            body.extend(inner);
            (0..depth).for_each(|_| push_key(&mut body, 100_000, 4));
            if both.agree(&body) {
                taken.push((depth, inner.len()));
            }
        }
    }
    assert_eq!(taken.last(), Some(&(100, 0)), "an empty group at the limit and nothing deeper");
    assert!(taken.contains(&(99, 2)) && !taken.contains(&(100, 2)));
}

/// Messages within messages to the limit and beyond, in oneofs, lists and maps: prost's own types of `google.protobuf`.
#[test]
fn messages_up_to_the_limit() {
    let set = protox::compile(["google/protobuf/struct.proto"], [""; 0]).unwrap().encode_to_vec();
    let mut transcoder = Transcoder::new(&set, "google.protobuf.Value").unwrap();
    let list = |value| Value { kind: Some(Kind::ListValue(ListValue { values: vec![value] })) };
    let object = |value| {
        let fields = [("key".to_owned(), value)].into();
        Value { kind: Some(Kind::StructValue(Struct { fields })) }
    };
    for wrap in [&list as &dyn Fn(Value) -> Value, &object] {
        let (mut taken, mut refused) = (0, 0);
        let mut value = Value { kind: Some(Kind::BoolValue(true)) };
        for _ in 0..60 {
            let body = value.encode_to_vec();
            let ours = transcoder.push_json(&body, &mut Vec::new());
            assert_eq!(ours.is_ok(), Value::decode(body.as_slice()).is_ok(), "{ours:?}");
            if ours.is_ok() {
                taken += 1
            } else {
                refused += 1
            }
            value = wrap(value);
        }
        assert!(taken > 20 && refused > 5, "{taken} taken, {refused} refused");
    }
}

/// A body of nothing but the shortest elements, or of payloads that replace one another, takes memory in proportion.
#[test]
fn floods_of_short_fields() {
    let mut both = Both::default();
    let mut items = vec![0x20, 1];
    push_key(&mut items, 305, 2);
    push_varint(&mut items, 200_000);
    items.extend([0x3A, 0].repeat(100_000));
    assert!(both.agree(&items));
    let mut switches = vec![0x20, 1];
    // user_login and user_logout by turns, each with its own text, then swipe gestures with coordinates between them.
    switches.extend(b"\x52\x03\x0A\x01a\x5A\x03\x12\x01b".repeat(20_000));
    switches.extend(b"\xCA\x0C\x04\x1A\x00\x22\x00\x52\x00".repeat(20_000));
    assert!(both.agree(&switches));
    let mut keys = vec![0x20, 1];
    let entries: Vec<u8> = (0..20_000u32)
        .flat_map(|n| [0x22, 5, 0x0A, 3, b'a', b'0' + (n % 10) as u8, b'0' + (n / 10 % 10) as u8])
        .collect();
    push_key(&mut keys, 100, 2);
    push_varint(&mut keys, entries.len() as u64);
    keys.extend(entries);
    assert!(both.agree(&keys));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_messages(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        BOTH.with_borrow_mut(|both| {
            let body = both.message(&bytes);
            both.agree(&body);
        });
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        BOTH.with_borrow_mut(|both| both.agree(&bytes));
    }
}
