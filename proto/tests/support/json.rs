//! The JSON of a message, written from prost-reflect's values as simply as can be.

use prost_reflect::{DynamicMessage, Kind, MapKey, ReflectMessage, Value};
use serde_json::{Value as Json, json};

use super::cells::{span, timestamp};

/// The text that is expected for a message.
pub fn text(message: &DynamicMessage) -> String {
    let descriptor = message.descriptor();
    let field = |name| descriptor.get_field_by_name(name).unwrap();
    let of = |name| value_text(&message.get_field(&field(name)), &field(name).kind());
    match descriptor.full_name().strip_prefix("google.protobuf.") {
        // A time that is none is written as the message that it is.
        Some(name @ ("Timestamp" | "Duration")) => {
            let whole = |name| match message.get_field(&field(name)).as_ref() {
                Value::I64(number) => *number,
                Value::I32(number) => i64::from(*number),
                other => panic!("{name} is {other:?}"),
            };
            let (seconds, nanos) = (whole("seconds"), whole("nanos"));
            let usable = if name == "Timestamp" { timestamp(seconds, nanos) } else { span(seconds, nanos) };
            if usable.is_ok() { serde_json::to_string(message).unwrap() } else { fields_text(message) }
        }
        Some("Struct") => of("fields"),
        Some("ListValue") => of("values"),
        Some("Value") => {
            let chosen = descriptor.fields().find(|field| message.has_field(field));
            chosen.map_or("null".to_owned(), |field| value_text(&message.get_field(&field), &field.kind()))
        }
        Some(name) if name.ends_with("Value") => of("value"),
        _ => fields_text(message),
    }
}

fn fields_text(message: &DynamicMessage) -> String {
    let mut fields: Vec<_> = message.descriptor().fields().collect();
    fields.sort_by_key(prost_reflect::FieldDescriptor::number);
    let mut parts = Vec::new();
    for field in fields {
        let value = message.get_field(&field);
        let shown = if field.supports_presence() { message.has_field(&field) } else { !is_default(&value) };
        if shown {
            parts.push(format!("{}:{}", json!(field.name()), value_text(&value, &field.kind())));
        }
    }
    format!("{{{}}}", parts.join(","))
}

/// Negative zero is not the default.
fn is_default(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::I32(value) => *value == 0,
        Value::I64(value) => *value == 0,
        Value::U32(value) => *value == 0,
        Value::U64(value) => *value == 0,
        Value::F32(value) => value.to_bits() == 0,
        Value::F64(value) => value.to_bits() == 0,
        Value::String(value) => value.is_empty(),
        Value::Bytes(value) => value.is_empty(),
        Value::EnumNumber(value) => *value == 0,
        Value::Message(_) => false,
        Value::List(values) => values.is_empty(),
        Value::Map(values) => values.is_empty(),
    }
}

fn value_text(value: &Value, kind: &Kind) -> String {
    match value {
        Value::Bool(value) => json!(value).to_string(),
        Value::I32(value) => json!(value).to_string(),
        Value::U32(value) => json!(value).to_string(),
        Value::I64(value) => json!(value.to_string()).to_string(),
        Value::U64(value) => json!(value.to_string()).to_string(),
        Value::F32(value) => {
            serde_json::to_string(value).map_or_else(|_| String::new(), |text| special(&text, f64::from(*value)))
        }
        Value::F64(value) => serde_json::to_string(value).map_or_else(|_| String::new(), |text| special(&text, *value)),
        Value::String(value) => json!(value).to_string(),
        Value::Bytes(value) => json!(base64(value)).to_string(),
        Value::EnumNumber(_) if kind.as_enum().is_some_and(|each| each.name() == "NullValue") => "null".to_owned(),
        Value::EnumNumber(number) => match kind.as_enum().and_then(|each| first_name(each, *number)) {
            Some(name) => Json::String(name).to_string(),
            None => number.to_string(),
        },
        Value::Message(message) => text(message),
        Value::List(values) => {
            let values: Vec<_> = values.iter().map(|value| value_text(value, kind)).collect();
            format!("[{}]", values.join(","))
        }
        Value::Map(values) => {
            let Kind::Message(entry) = kind else { panic!("a map without entries") };
            let kind = entry.map_entry_value_field().kind();
            let mut entries: Vec<_> = values.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{}:{}", key_text(key), value_text(value, &kind))).collect();
            format!("{{{}}}", entries.join(","))
        }
    }
}

fn first_name(each: &prost_reflect::EnumDescriptor, number: i32) -> Option<String> {
    let values = &each.enum_descriptor_proto().value;
    values.iter().find(|value| value.number() == number).map(|value| value.name().to_owned())
}

fn special(text: &str, value: f64) -> String {
    let name = if value.is_nan() {
        "NaN"
    } else if value == f64::INFINITY {
        "Infinity"
    } else if value == f64::NEG_INFINITY {
        "-Infinity"
    } else {
        return text.to_owned();
    };
    json!(name).to_string()
}

fn key_text(key: &MapKey) -> String {
    let text = match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    };
    json!(text).to_string()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().enumerate().fold(0u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for digit in 0..4 {
            let index = bits >> (18 - 6 * digit) & 63;
            text.push(if digit <= chunk.len() { char::from(DIGITS[index as usize]) } else { '=' });
        }
    }
    text
}
