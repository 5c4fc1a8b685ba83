//! Finding one value by the names of fields.

use super::value::FolderValue;
use crate::protobuf::{Cardinality, Kind, MessageId, Record, SchemaError, Seconds, Tables, Value, WellKnown};

/// The way to one value in a message.
#[derive(Debug)]
pub(super) struct FieldPath {
    /// The path as the settings have it.
    pub text: Box<str>,
    /// The index of each field in its message, from the outside in.
    steps: Box<[usize]>,
    /// The last field's type.
    pub target: Target,
}

/// What the last field of a path holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Scalar(Kind),
    /// A message of one value, by its slot.
    Wrapper {
        slot: u32,
        kind: Kind,
    },
    Timestamp(Seconds),
}

impl FieldPath {
    /// Finds the fields of a path such as `device.platform`.
    pub fn find(tables: &Tables, root: MessageId, path: &str) -> Result<Self, SchemaError> {
        let refuse = |reason| SchemaError::Partition { field: path.to_owned(), reason };
        let (mut id, mut steps, mut target) = (Some(root), Vec::new(), None);
        for name in path.split('.') {
            let holder = id.take().ok_or_else(|| refuse("a field on its path is no message"))?;
            let message = tables.message(holder);
            let index = message.fields.iter().position(|field| &*field.name == name);
            let index = index
                .ok_or_else(|| SchemaError::NoField { message: message.name.to_string(), field: name.to_owned() })?;
            let field = &message.fields[index];
            if matches!(field.cardinality, Cardinality::Repeated | Cardinality::Map) {
                return Err(refuse("a field on its path is repeated or a map, and has no one value"));
            }
            steps.push(index);
            (id, target) = match field.kind {
                Kind::Message(held) | Kind::Group(held) => (Some(held), known(tables, held)),
                kind => (None, Some(Target::Scalar(kind))),
            };
        }
        let target = target.ok_or_else(|| refuse("it is a message: name one of its fields"))?;
        Ok(Self { text: path.into(), steps: steps.into(), target })
    }

    /// Whether it is a field of the message itself.
    pub fn top_level(&self) -> Option<usize> {
        match &*self.steps {
            [index] => Some(*index),
            _ => None,
        }
    }

    /// The field of the message itself that it begins with, by its index.
    pub fn first(&self) -> Option<usize> {
        self.steps.first().copied()
    }

    /// The value in a record; none where a message on the way is not there.
    pub fn value<'a>(&self, tables: &Tables, root: MessageId, record: &Record<'a>) -> Value<'a> {
        let (mut base, mut id, mut found) = (0, root, Value::Absent);
        for (step, index) in self.steps.iter().enumerate() {
            if step > 0 {
                let Value::Message { base: inner, id: held } = found else { return Value::Absent };
                (base, id) = (inner, held);
            }
            let field = &tables.message(id).fields[*index];
            found = match field.cardinality {
                Cardinality::Oneof { .. } => record.shown(base, *index, field),
                Cardinality::Implicit => crate::nested::filled(tables, field.kind, record.value(base, field.slot)),
                _ => record.value(base, field.slot),
            };
        }
        match (self.target, found.message()) {
            (Target::Wrapper { slot, kind }, Some(base)) => {
                crate::nested::filled(tables, kind, record.value(base, slot))
            }
            _ => found,
        }
    }

    /// The kind of the value.
    pub fn kind(&self) -> Option<Kind> {
        match self.target {
            Target::Scalar(kind) | Target::Wrapper { kind, .. } => Some(kind),
            Target::Timestamp(_) => None,
        }
    }
}

fn known(tables: &Tables, id: MessageId) -> Option<Target> {
    match tables.message(id).well_known? {
        WellKnown::Wrapper { slot, kind } => Some(Target::Wrapper { slot, kind }),
        WellKnown::Timestamp(at) => Some(Target::Timestamp(at)),
        _ => None,
    }
}

/// Whether a value of this kind can name a folder.
pub(super) fn names_a_folder(kind: Kind) -> bool {
    !matches!(kind, Kind::Double | Kind::Float | Kind::Bytes | Kind::Message(_) | Kind::Group(_))
}

/// The value as it names a folder.
pub(super) fn folder_value<'v>(tables: &'v Tables, kind: Kind, value: Value<'v>) -> FolderValue<'v> {
    let number = match (kind, value) {
        (_, Value::Number(number)) => number,
        (Kind::Text, Value::Text(text)) => return FolderValue::Text(text.as_str()),
        _ => return FolderValue::None,
    };
    match kind {
        Kind::Bool => FolderValue::Bool(number != 0),
        Kind::Uint64 | Kind::Fixed64 | Kind::Uint32 | Kind::Fixed32 => FolderValue::Unsigned(number),
        Kind::Enum(id) => match tables.enumeration(id).name(number as i32) {
            Some(name) => FolderValue::Text(name),
            None => FolderValue::Signed((number as i32).into()),
        },
        _ => FolderValue::Signed(number.cast_signed()),
    }
}
