//! Values that hold no others.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::text::push_text;
use crate::protobuf::record::Value;
use crate::protobuf::table::{Kind, Tables};

/// Appends a number, a text, or bytes.
pub(super) fn push(tables: &Tables, out: &mut Vec<u8>, kind: Kind, value: Value<'_>) {
    let number = value.number();
    match kind {
        Kind::Text => push_text(out, value.text().as_bytes()),
        Kind::Bytes => push_bytes(out, value),
        Kind::Bool => out.extend_from_slice(if number == 0 { b"false" } else { b"true" }),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => push_integer(out, number.cast_signed()),
        Kind::Uint32 | Kind::Fixed32 => push_integer(out, number),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => push_quoted(out, kind, number),
        Kind::Float => push_float(out, f32::from_bits(number as u32)),
        Kind::Double => push_double(out, f64::from_bits(number)),
        Kind::Enum(id) => {
            let (table, number) = (tables.enumeration(id), number as i32);
            match table.name(number) {
                _ if table.is_null => out.extend_from_slice(b"null"),
                Some(name) => push_text(out, name.as_bytes()),
                // A number that this version of the schema does not know stays a number, so nothing is lost.
                None => push_integer(out, i64::from(number)),
            }
        }
        Kind::Message(_) | Kind::Group(_) => out.extend_from_slice(b"{}"),
    }
}

/// Appends a map's key, which JSON has as a text whatever its kind.
pub(super) fn push_key(out: &mut Vec<u8>, kind: Kind, key: Value<'_>) {
    match kind {
        Kind::Text => push_text(out, key.text().as_bytes()),
        Kind::Bool => out.extend_from_slice(if key.number() == 0 { b"\"false\"" } else { b"\"true\"" }),
        _ => push_quoted(out, kind, key.number()),
    }
}

/// The value, or the default of its kind where there is none.
pub(super) fn or_default<'a>(tables: &Tables, kind: Kind, value: Value<'a>) -> Value<'a> {
    match (value, kind) {
        (Value::Absent, Kind::Enum(id)) => Value::Number(i64::from(tables.enumeration(id).default).cast_unsigned()),
        _ => value,
    }
}

fn push_integer(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn push_quoted(out: &mut Vec<u8>, kind: Kind, number: u64) {
    out.push(b'"');
    match kind {
        Kind::Uint64 | Kind::Fixed64 => push_integer(out, number),
        _ => push_integer(out, number.cast_signed()),
    }
    out.push(b'"');
}

fn push_bytes(out: &mut Vec<u8>, value: Value<'_>) {
    let Value::Bytes(bytes) = value else { return out.extend_from_slice(b"\"\"") };
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, b'=');
    // The room is what it takes.
    let written = STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert!(written.is_ok_and(|written| start + written == out.len()));
    out.push(b'"');
}

fn push_float(out: &mut Vec<u8>, number: f32) {
    match non_finite(f64::from(number)) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes()),
    }
}

fn push_double(out: &mut Vec<u8>, number: f64) {
    match non_finite(number) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes()),
    }
}

/// Appends a number as ECMAScript writes it, and with it RFC 8785 and the JSON of `google.protobuf.Value` in Go: a whole number has no
/// point, and no exponent below 1e21. Only negative zero keeps its sign.
pub(super) fn push_json_number(out: &mut Vec<u8>, number: f64) {
    if let Some(name) = non_finite(number) {
        return out.extend_from_slice(name.as_bytes());
    }
    let size = number.abs();
    // Writing to a vector cannot fail.
    let _ = match size {
        _ if size == 0.0 || (1e-6..1e21).contains(&size) => write!(out, "{number}"),
        _ if size < 1.0 => write!(out, "{number:e}"),
        _ => {
            let start = out.len();
            let written = write!(out, "{number:e}");
            let exponent = out[start..].iter().position(|byte| *byte == b'e').map(|place| start + place + 1);
            exponent.into_iter().for_each(|place| out.insert(place, b'+'));
            written
        }
    };
}

fn non_finite(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("\"NaN\"")
    } else if number == f64::INFINITY {
        Some("\"Infinity\"")
    } else if number == f64::NEG_INFINITY {
        Some("\"-Infinity\"")
    } else {
        None
    }
}
