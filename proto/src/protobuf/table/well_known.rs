//! The messages of `google.protobuf` that stand for something else than their fields.

use super::{Cardinality, Field, Kind};

/// What a message stands for, with the slots of what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WellKnown {
    /// A point in time.
    Timestamp(Seconds),
    /// A span of time.
    Duration(Seconds),
    /// A value or none, by the slot and the kind of its field.
    Wrapper { slot: u32, kind: Kind },
    /// A JSON object, by the index of its map.
    Struct { fields: usize },
    /// A JSON array, by the index of its list.
    List { values: usize },
    /// Any JSON value: what its oneof holds.
    Value,
    /// Paths of fields, by the index of their list.
    FieldMask { paths: usize },
    /// A message of any type, by the slots of its type's URL and of its bytes.
    Any { url: u32, bytes: u32 },
}

/// The slots of seconds and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds {
    pub seconds: u32,
    pub nanos: u32,
}

impl WellKnown {
    /// What the message of this name and these fields stands for. A message that has the name of one but not its fields is a message
    /// like any other.
    pub(super) fn of(name: &str, fields: &[Field]) -> Option<Self> {
        let at = |name: &str| fields.iter().position(|field| &*field.name == name);
        let of_kind = |name, kind| at(name).map(|at| &fields[at]).filter(|field| is_single(field, kind));
        let seconds = || {
            let (seconds, nanos) = (of_kind("seconds", Kind::Int64)?, of_kind("nanos", Kind::Int32)?);
            Some(Seconds { seconds: seconds.slot, nanos: nanos.slot })
        };
        let is = |at: &usize, cardinality| fields[*at].cardinality == cardinality;
        match name.strip_prefix("google.protobuf.")? {
            "Timestamp" => seconds().map(Self::Timestamp),
            "Duration" => seconds().map(Self::Duration),
            "Struct" => at("fields").filter(|at| is(at, Cardinality::Map)).map(|fields| Self::Struct { fields }),
            "ListValue" => at("values").filter(|at| is(at, Cardinality::Repeated)).map(|values| Self::List { values }),
            "Value" => {
                fields.iter().all(|field| matches!(field.cardinality, Cardinality::Oneof { .. })).then_some(Self::Value)
            }
            "FieldMask" => {
                let is_paths = |at: &usize| is(at, Cardinality::Repeated) && fields[*at].kind == Kind::Text;
                at("paths").filter(is_paths).map(|paths| Self::FieldMask { paths })
            }
            "Any" => {
                let (url, bytes) = (of_kind("type_url", Kind::Text)?, of_kind("value", Kind::Bytes)?);
                Some(Self::Any { url: url.slot, bytes: bytes.slot })
            }
            name => match (wrapped(name)?, fields) {
                (kind, [field]) if is_single(field, kind) => Some(Self::Wrapper { slot: field.slot, kind }),
                _ => None,
            },
        }
    }
}

fn wrapped(name: &str) -> Option<Kind> {
    Some(match name {
        "DoubleValue" => Kind::Double,
        "FloatValue" => Kind::Float,
        "Int64Value" => Kind::Int64,
        "UInt64Value" => Kind::Uint64,
        "Int32Value" => Kind::Int32,
        "UInt32Value" => Kind::Uint32,
        "BoolValue" => Kind::Bool,
        "StringValue" => Kind::Text,
        "BytesValue" => Kind::Bytes,
        _ => return None,
    })
}

fn is_single(field: &Field, kind: Kind) -> bool {
    field.kind == kind && field.cardinality == Cardinality::Implicit
}
