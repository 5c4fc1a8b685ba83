//! The pieces of canonical ProtoJSON that serde does not know by itself. The build script puts them on the
//! generated fields by the field's protobuf type.
//!
//! A field with its default value is left out, as every protobuf implementation does. 64-bit integers are strings,
//! because a JavaScript number can't hold them; so are the floating point values that JSON has no number for.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// A protobuf enum whose numbers have names.
pub(crate) trait WireEnum {
    /// The full name of the value with this number; None for a number that this version of the schema does not know.
    fn name_of(number: i32) -> Option<&'static str>;
}

// serde calls these with a reference to the field.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
mod defaults {
    pub(crate) fn is_false(value: &bool) -> bool {
        !*value
    }

    pub(crate) fn is_zero_i32(value: &i32) -> bool {
        *value == 0
    }

    pub(crate) fn is_zero_i64(value: &i64) -> bool {
        *value == 0
    }

    /// Negative zero is not the default: only the zero of all bits clear is absent on the wire.
    pub(crate) fn is_zero_f32(value: &f32) -> bool {
        value.to_bits() == 0
    }
}
pub(crate) use defaults::{is_false, is_zero_f32, is_zero_i32, is_zero_i64};

pub(crate) fn int64<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(crate) fn float<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    match non_finite(f64::from(*value)) {
        Some(name) => serializer.serialize_str(name),
        None => serializer.serialize_f32(*value),
    }
}

/// The value's name; a number that this version of the schema does not know stays a number, so nothing is lost.
pub(crate) fn enumeration<E: WireEnum, S: Serializer>(number: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    match E::name_of(*number) {
        Some(name) => serializer.serialize_str(name),
        None => serializer.serialize_i32(*number),
    }
}

pub(crate) fn int64_map<S: Serializer>(map: &BTreeMap<String, i64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter().map(|(key, value)| (key, Int64(*value))))
}

pub(crate) fn double_map<S: Serializer>(map: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter().map(|(key, value)| (key, Double(*value))))
}

struct Int64(i64);

impl Serialize for Int64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        int64(&self.0, serializer)
    }
}

struct Double(f64);

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match non_finite(self.0) {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_f64(self.0),
        }
    }
}

fn non_finite(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("Infinity")
    } else if value == f64::NEG_INFINITY {
        Some("-Infinity")
    } else {
        None
    }
}
