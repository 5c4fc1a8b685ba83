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
            chosen.map_or("null".to_owned(), |field| match &*message.get_field(&field) {
                Value::F64(number) if number.is_finite() => number_text(*number),
                value => value_text(value, &field.kind()),
            })
        }
        // What can't be read back is written as the message that it is, and so is what is not known in full.
        Some("FieldMask") => {
            let paths = message.get_field(&field("paths")).into_owned();
            let plain = |path: &Value| {
                let path = path.as_str().unwrap();
                !path.is_empty() && path.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'))
            };
            match (paths.as_list().unwrap().iter().all(plain), serde_json::to_string(message)) {
                (true, Ok(text)) => text,
                _ => fields_text(message),
            }
        }
        Some("Any") => any_text(message).unwrap_or_else(|| fields_text(message)),
        Some(name) if name.ends_with("Value") => of("value"),
        _ => fields_text(message),
    }
}

fn any_text(message: &DynamicMessage) -> Option<String> {
    let url = message.get_field_by_name("type_url")?.as_str()?.to_owned();
    let held = message.descriptor().parent_pool().get_message_by_name(url.rsplit_once('/')?.1)?;
    let is_special = held.full_name().starts_with("google.protobuf.") && held.name() != "Empty";
    let opened = DynamicMessage::decode(held, message.get_field_by_name("value")?.as_bytes()?.clone()).ok()?;
    if opened.unknown_fields().next().is_some() {
        return None;
    }
    let (start, text) = (format!("{{\"@type\":{}", json!(url)), text(&opened));
    Some(match text.strip_prefix('{').filter(|_| !is_special) {
        None => format!("{start},\"value\":{text}}}"),
        Some("}") => format!("{start}}}"),
        Some(rest) => format!("{start},{rest}"),
    })
}

/// A number as ECMAScript has it: its digits, and where the point is among them.
fn number_text(number: f64) -> String {
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let text = format!("{:e}", number.abs());
    let (digits, exponent) = text.split_once('e').unwrap();
    let (digits, exponent) = (digits.replace('.', ""), exponent.parse::<i32>().unwrap());
    let point = if number == 0.0 { 1 } else { exponent + 1 };
    let count = digits.len() as i32;
    let zeros = |count: i32| "0".repeat(count as usize);
    let size = match point {
        _ if count <= point && point <= 21 => format!("{digits}{}", zeros(point - count)),
        1..=21 => format!("{}.{}", &digits[..point as usize], &digits[point as usize..]),
        -5..=0 => format!("0.{}{digits}", zeros(-point)),
        _ => {
            let tail = if count > 1 { format!(".{}", &digits[1..]) } else { String::new() };
            format!("{}{tail}e{:+}", &digits[..1], point - 1)
        }
    };
    format!("{sign}{size}")
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
