//! Descriptors compiled to tables: what a reader asks for each field, found without a hash or an allocation.

mod build;
mod enums;
mod numbers;
mod well_known;

use std::collections::HashSet;
use std::num::NonZeroU32;

use thiserror::Error;

use super::reader::{Key, WireType};
use crate::json::ColumnsError;
pub(crate) use enums::EnumTable;
use numbers::Numbers;
pub(crate) use well_known::{Seconds, WellKnown};

/// Why descriptors do not make tables.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The bytes are no descriptor set, or one that contradicts itself.
    #[error("the descriptor set cannot be used: {source}")]
    Descriptors {
        /// What was found.
        #[from]
        source: prost_reflect::DescriptorError,
    },
    /// The bytes are a descriptor set that contradicts itself, and the reader of it can't say where.
    #[error("the descriptor set cannot be used: a file of it is neither proto2 nor proto3, or it contradicts itself")]
    Contradicts,
    /// The descriptor set has no such message.
    #[error("the descriptor set has no message {name}")]
    NoMessage {
        /// The full name that was asked for.
        name: String,
    },
    /// A message lacks a field that is needed, or has it with another type.
    #[error("message {message} has no field {field} of the type that is needed")]
    NoField {
        /// The message's full name.
        message: String,
        /// The field that was asked for.
        field: String,
    },
    /// A field that rows are to be partitioned by can't be used for that.
    #[error("rows can't be partitioned by {field}: {reason}")]
    Partition {
        /// The field, as the settings name it.
        field: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The field whose elements are to be rows can't be that.
    #[error("the elements of {field} can't be rows: {reason}")]
    Explode {
        /// The field, as the settings name it.
        field: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header that is to be a column can't be one.
    #[error("header {header} can't be a column: another header has the same column, {column}")]
    Header {
        /// The header's name.
        header: String,
        /// The column that both would have.
        column: String,
    },
    /// The field that is to be the event's time holds none.
    #[error("{field} can't be the event's time: it must be a timestamp or a whole number")]
    EventTime {
        /// The field, as the settings name it.
        field: String,
    },
    /// The text that declares the columns of JSON declares none.
    #[error("the columns can't be read: {0}")]
    Columns(#[from] ColumnsError),
    /// A field of JSON that is to be used has no column.
    #[error("no column is declared for {field}")]
    NoColumn {
        /// The field, as the settings name it.
        field: String,
    },
    /// A column of JSON has a name that is taken.
    #[error("column {column} can't have this name: a folder or an added column has it; give it another one with `as`")]
    Taken {
        /// The column's name.
        column: String,
    },
    /// The columns of JSON are more than a file may have.
    #[error("the columns are more than {limit}: declare fewer, or keep a part of the document as json")]
    TooManyJsonColumns {
        /// How many are possible.
        limit: usize,
    },
    /// A message makes more columns than a file may have.
    #[error("message {name} makes more than {limit} columns: lower schema.recursion_depth, or store a smaller message")]
    TooManyColumns {
        /// The message's full name.
        name: String,
        /// How many are possible.
        limit: usize,
    },
    /// A message has more fields than there is room for.
    #[error("message {name} has {fields} fields; at most {} are possible", Numbers::MAX_FIELDS)]
    TooManyFields {
        /// The message's full name.
        name: String,
        /// How many it has.
        fields: usize,
    },
}

/// The messages and enums of a descriptor set.
#[derive(Debug)]
pub(crate) struct Tables {
    messages: Box<[MessageTable]>,
    /// The messages by their full names.
    by_name: Box<[MessageId]>,
    enums: Box<[EnumTable]>,
}

/// A message of one set of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MessageId(u32);

/// An enum of one set of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EnumId(u32);

impl Tables {
    #[inline]
    pub fn message(&self, id: MessageId) -> &MessageTable {
        &self.messages[id.0 as usize]
    }

    #[inline]
    pub fn enumeration(&self, id: EnumId) -> &EnumTable {
        &self.enums[id.0 as usize]
    }

    /// All messages that one holds, directly or not.
    pub fn held_by(&self, id: MessageId) -> HashSet<MessageId> {
        let (mut found, mut open) = (HashSet::new(), vec![id]);
        while let Some(next) = open.pop() {
            for field in &self.message(next).fields {
                if let Kind::Message(held) | Kind::Group(held) = field.kind
                    && found.insert(held)
                {
                    open.push(held);
                }
            }
        }
        found
    }

    /// Makes a repeated field one that has one value or none.
    pub fn make_single(&mut self, id: MessageId, index: usize) {
        let Some(message) = self.messages.get_mut(id.0 as usize) else { return };
        if let (Some(field), Some(plain)) = (message.fields.get_mut(index), message.plain.get_mut(index)) {
            field.cardinality = Cardinality::Explicit;
            *plain = Plain::of(field);
        }
    }

    /// The message with this full name.
    pub fn find(&self, name: &str) -> Option<MessageId> {
        let found = self.by_name.binary_search_by(|id| (*self.message(*id).name).cmp(name));
        found.ok().map(|place| self.by_name[place])
    }
}

/// One message type.
#[derive(Debug)]
pub(crate) struct MessageTable {
    /// The full name.
    pub name: Box<str>,
    /// By number, which is the order in which they are written as JSON.
    pub fields: Box<[Field]>,
    /// Each oneof by the slot that says which of its fields has a value, in the order of their first fields.
    pub oneofs: Box<[(u32, Box<str>)]>,
    /// What it stands for, if that is something else than its fields.
    pub well_known: Option<WellKnown>,
    /// How many slots a record needs for a message of this type.
    pub slots: u32,
    numbers: Numbers,
    /// What is asked first of each of the fields: nearly always it is all that is asked.
    plain: Box<[Plain]>,
}

impl MessageTable {
    /// The field with this key and its index, if it has one value and is no message and in no oneof. `expected` is the index that it has
    /// in a message whose fields come in order.
    #[inline]
    pub fn plain(&self, key: u64, expected: usize) -> Option<(usize, &Plain)> {
        match self.plain.get(expected) {
            Some(plain) if plain.has(key) => Some((expected, plain)),
            _ => {
                let index = self.numbers.find(u32::try_from(key >> 3).ok()?)?;
                self.plain.get(index).filter(|plain| plain.has(key)).map(|plain| (index, plain))
            }
        }
    }

    /// The field with this number and its index, where `expected` is the index that it has in a message whose fields come in order.
    #[inline]
    pub fn field(&self, number: u32, expected: usize) -> Option<(usize, &Field)> {
        match self.fields.get(expected) {
            Some(field) if field.number == number => Some((expected, field)),
            _ => {
                let index = self.numbers.find(number)?;
                self.fields.get(index).map(|field| (index, field))
            }
        }
    }

    /// The field with this name.
    pub fn field_named(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| &*field.name == name)
    }
}

/// One field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub number: u32,
    /// The slot of its value within those of its message.
    pub slot: u32,
    pub kind: Kind,
    pub cardinality: Cardinality,
    /// The name in the .proto file.
    pub name: Box<str>,
    /// The name as JSON has it before a value: in quotes, with the colon.
    pub json_key: Box<[u8]>,
}

/// What reading a field takes that has one value and is no message and in no oneof.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    /// As it is sent. None for all other fields.
    key: Option<NonZeroU32>,
    pub slot: u32,
    pub kind: Kind,
}

impl Plain {
    fn of(field: &Field) -> Self {
        let Field { number, slot, kind, cardinality, .. } = *field;
        let single = matches!(cardinality, Cardinality::Implicit | Cardinality::Explicit);
        let plain = single && !matches!(kind, Kind::Message(_) | Kind::Group(_));
        let key = Key { number, wire_type: kind.wire_type() }.sent();
        Self { key: NonZeroU32::new(key).filter(|_| plain), slot, kind }
    }

    #[inline]
    fn has(&self, key: u64) -> bool {
        self.key.is_some_and(|own| u64::from(own.get()) == key)
    }
}

/// How often a field has a value, and how it is known that it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cardinality {
    /// Always one, and there where it is not the default.
    Implicit,
    /// One or none.
    Explicit,
    /// One or none, and none where another field of its oneof has one. The slot says which of them: its index plus one.
    Oneof { which: u32 },
    /// Any number.
    Repeated,
    /// Any number of entries, each a message of a key and a value; the last of those with the same key counts.
    Map,
}

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    Text,
    Bytes,
    Enum(EnumId),
    Message(MessageId),
    /// A message between a start and an end, as proto2 has them.
    Group(MessageId),
}

impl Kind {
    /// How a value is sent that is not packed.
    #[inline]
    pub fn wire_type(self) -> WireType {
        match self {
            Self::Int32 | Self::Int64 | Self::Uint32 | Self::Uint64 | Self::Sint32 | Self::Sint64 => WireType::Varint,
            Self::Bool | Self::Enum(_) => WireType::Varint,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => WireType::Fixed32,
            Self::Double | Self::Fixed64 | Self::Sfixed64 => WireType::Fixed64,
            Self::Text | Self::Bytes | Self::Message(_) => WireType::Delimited,
            Self::Group(_) => WireType::GroupStart,
        }
    }

    /// Whether many values may be sent together.
    #[inline]
    pub fn is_packable(self) -> bool {
        !matches!(self, Self::Text | Self::Bytes | Self::Message(_) | Self::Group(_))
    }
}

#[cfg(test)]
mod tests;
