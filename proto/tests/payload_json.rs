//! The payload's JSON is that of another implementation of ProtoJSON, which works from the descriptors alone.

// A helper that finds something missing has found a failure of its test.
#![allow(clippy::unwrap_used, clippy::panic)]

use arrow::array::AsArray;
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, SerializeOptions, Value,
};
use serde_json::Value as Json;
use warehouse_sink_proto::generate::{Generator, GeneratorOptions};
use warehouse_sink_proto::{ColumnOptions, Columns, Decoder, EventSchema};

fn envelope() -> MessageDescriptor {
    let descriptors = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    let pool = DescriptorPool::decode(descriptors.as_slice()).unwrap();
    pool.get_message_by_name("causality.v1.EventEnvelope").unwrap()
}

fn schema() -> EventSchema {
    EventSchema::built_in().unwrap()
}

/// Our JSON for each body, as it stands in the file.
fn ours(bodies: &[Vec<u8>]) -> Vec<String> {
    let mut columns = Columns::new(&schema(), ColumnOptions::default(), bodies.len());
    for (body, sequence) in bodies.iter().zip(1..) {
        columns.push(body, sequence, 0).unwrap();
    }
    let batch = columns.finish().unwrap();
    let column = batch.column_by_name("payload_json").unwrap().as_string::<i32>();
    column.iter().flatten().map(str::to_owned).collect()
}

fn reference(envelope: &MessageDescriptor, body: &[u8]) -> String {
    let event = DynamicMessage::decode(envelope.clone(), body).unwrap();
    let oneof = envelope.oneofs().next().unwrap();
    let payload = oneof.fields().find(|field| event.has_field(field));
    let Some(payload) = payload else {
        return "{}".to_owned();
    };
    let options = SerializeOptions::new().skip_default_fields(true).use_proto_field_name(true);
    let mut json = serde_json::Serializer::new(Vec::new());
    let value = event.get_field(&payload);
    value.as_message().unwrap().serialize_with_options(&mut json, &options).unwrap();
    String::from_utf8(json.into_inner()).unwrap()
}

fn parsed(json: &str) -> Json {
    serde_json::from_str(json).unwrap()
}

#[test]
fn generated_events_of_every_kind() {
    let envelope = envelope();
    let bodies: Vec<_> = Generator::new(GeneratorOptions::default()).take(5_000).map(|made| made.body).collect();
    let jsons = ours(&bodies);
    assert_eq!(jsons.len(), bodies.len());
    for (body, json) in bodies.iter().zip(jsons) {
        assert_eq!(parsed(&json), parsed(&reference(&envelope, body)));
    }
}

/// A payload of each kind that is there but has nothing set is `{}`, like no payload at all.
#[test]
fn empty_payloads() {
    let envelope = envelope();
    let oneof = envelope.oneofs().next().unwrap();
    let mut bodies = vec![with_time(DynamicMessage::new(envelope.clone()))];
    for field in oneof.fields() {
        let mut event = DynamicMessage::new(envelope.clone());
        let Kind::Message(payload) = field.kind() else { panic!("a payload that is no message") };
        event.set_field(&field, Value::Message(DynamicMessage::new(payload)));
        bodies.push(with_time(event));
    }
    assert_eq!(bodies.len(), 30);
    assert!(ours(&bodies).iter().all(|json| json == "{}"));
}

/// What JSON has no number for, at every place where it can stand; and the exact text, not only its value.
#[test]
fn exact_text_of_the_special_values() {
    use std::collections::BTreeMap;
    use warehouse_sink_proto::wire::event_envelope::Payload;
    use warehouse_sink_proto::wire::{
        Coordinates, CustomEvent, DoubleTap, EventEnvelope, MemoryWarning, PurchaseComplete, PurchaseItem,
    };

    let key = |name: &str| name.to_owned();
    let tap = |x, y| Payload::DoubleTap(DoubleTap { coordinates: Some(Coordinates { x, y }), ..Default::default() });
    let custom = CustomEvent {
        event_name: "\u{1}\"ü\\".into(),
        string_params: BTreeMap::from([(key(""), key("")), (key("a"), key("b"))]),
        int_params: BTreeMap::from([(key("zero"), 0), (key("min"), i64::MIN)]),
        float_params: BTreeMap::from([(key("n"), f64::NAN), (key("i"), f64::INFINITY), (key("x"), 0.1)]),
        bool_params: BTreeMap::from([(key("no"), false)]),
    };
    let item = PurchaseItem { price_cents: i64::MAX, ..Default::default() };
    let purchase = PurchaseComplete { items: vec![item, PurchaseItem::default()], ..Default::default() };
    let cases = [
        (tap(f32::NAN, f32::NEG_INFINITY), r#"{"coordinates":{"x":"NaN","y":"-Infinity"}}"#),
        (tap(0.1, 0.0), r#"{"coordinates":{"x":0.1}}"#),
        (tap(0.0, 0.0), r#"{"coordinates":{}}"#),
        (
            Payload::CustomEvent(custom),
            r#"{"event_name":"\u0001\"ü\\","string_params":{"":"","a":"b"},"int_params":{"min":"-9223372036854775808","zero":"0"},"float_params":{"i":"Infinity","n":"NaN","x":0.1},"bool_params":{"no":false}}"#,
        ),
        (Payload::PurchaseComplete(purchase), r#"{"items":[{"price_cents":"9223372036854775807"},{}]}"#),
        (Payload::MemoryWarning(MemoryWarning { level: 77, ..Default::default() }), r#"{"level":77}"#),
    ];
    for (payload, expected) in cases {
        let event = EventEnvelope { timestamp_ms: 1, payload: Some(payload), ..Default::default() };
        assert_eq!(ours(&[event.encode_to_vec()]), [expected]);
    }
}

/// Negative zero is not the default value: a client that sends it finds it in the file.
#[test]
fn negative_zero_is_kept() {
    // timestamp_ms 1, double_tap { coordinates { x: -0.0 } }; our own encoder would leave it out.
    let body = b"\x20\x01\xEA\x0C\x07\x1A\x05\x0D\x00\x00\x00\x80".to_vec();
    assert_eq!(ours(&[body]), [r#"{"coordinates":{"x":-0.0}}"#]);
}

fn with_time(mut event: DynamicMessage) -> Vec<u8> {
    event.set_field_by_name("timestamp_ms", Value::I64(1));
    event.encode_to_vec()
}

/// Any value of a field's type; the edges more often than chance would have them.
fn field_value(field: &FieldDescriptor) -> BoxedStrategy<Value> {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { panic!("a map without entries") };
        let value = kind_value(&entry.map_entry_value_field().kind());
        return prop::collection::hash_map(text().prop_map(MapKey::String), value, 0..4).prop_map(Value::Map).boxed();
    }
    if field.is_list() {
        return prop::collection::vec(kind_value(&field.kind()), 0..4).prop_map(Value::List).boxed();
    }
    kind_value(&field.kind())
}

fn kind_value(kind: &Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::String => text().prop_map(Value::String).boxed(),
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Int32 => prop_oneof![Just(0), Just(i32::MIN), any::<i32>()].prop_map(Value::I32).boxed(),
        Kind::Int64 => prop_oneof![Just(0), Just(i64::MIN), any::<i64>()].prop_map(Value::I64).boxed(),
        Kind::Float => prop_oneof![Just(0.0), Just(-0.0), Just(f32::NAN), Just(f32::INFINITY), float32()]
            .prop_map(Value::F32)
            .boxed(),
        Kind::Double => {
            prop_oneof![Just(0.0), Just(f64::NAN), Just(f64::NEG_INFINITY), float64()].prop_map(Value::F64).boxed()
        }
        // Known and unknown numbers.
        Kind::Enum(_) => prop_oneof![-1..12i32, any::<i32>()].prop_map(Value::EnumNumber).boxed(),
        Kind::Message(message) => message_value(message.clone()).prop_map(Value::Message).boxed(),
        other => panic!("no strategy for {other:?}"),
    }
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![Just(String::new()), any::<String>(), "[a-z]{1,8}"].boxed()
}

fn float32() -> BoxedStrategy<f32> {
    any::<u32>().prop_map(f32::from_bits).boxed()
}

fn float64() -> BoxedStrategy<f64> {
    any::<u64>().prop_map(f64::from_bits).boxed()
}

fn message_value(message: MessageDescriptor) -> BoxedStrategy<DynamicMessage> {
    let fields: Vec<_> = message.fields().collect();
    let values: Vec<_> = fields.iter().map(|field| prop::option::of(field_value(field))).collect();
    values
        .prop_map(move |values| {
            let mut made = DynamicMessage::new(message.clone());
            for (field, value) in fields.iter().zip(values) {
                if let Some(value) = value {
                    made.set_field(field, value);
                }
            }
            made
        })
        .boxed()
}

/// An event with a payload of any kind, and a device context or none.
fn event() -> BoxedStrategy<Vec<u8>> {
    let envelope = envelope();
    let payloads: Vec<_> = envelope.oneofs().next().unwrap().fields().collect();
    let device = envelope.get_field_by_name("device_context").unwrap();
    let payload = prop::sample::select(payloads)
        .prop_flat_map(|field| field_value(&field).prop_map(move |value| (field.clone(), value)));
    (payload, prop::option::of(field_value(&device)), text())
        .prop_map(move |((field, value), context, id)| {
            let mut event = DynamicMessage::new(envelope.clone());
            event.set_field(&field, value);
            if let Some(context) = context {
                event.set_field(&device, context);
            }
            event.set_field_by_name("id", Value::String(id));
            with_time(event)
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_events(body in event()) {
        prop_assert_eq!(parsed(&ours(std::slice::from_ref(&body))[0]), parsed(&reference(&envelope(), &body)));
    }

    /// What the decoder lets through, the columns take; and no bytes make either panic.
    #[test]
    fn decoder_and_columns_agree(
        mut body in event(),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        for (at, byte) in noise {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let decoded = Decoder::new(&schema()).decode(&body);
        let pushed = Columns::new(&schema(), ColumnOptions::default(), 1).push(&body, 1, 0);
        prop_assert_eq!(decoded.is_ok(), pushed.is_ok());
    }
}
