//! From descriptors to tables. This is done once, at the start.

use std::collections::HashMap;
use std::panic::catch_unwind;

use prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind as Described, MessageDescriptor};

use super::numbers::Numbers;
use super::well_known::WellKnown;
use super::{Cardinality, EnumId, EnumTable, Field, Kind, MessageId, MessageTable, Plain, SchemaError, Tables};
use crate::protobuf::json::push_text;
use crate::protobuf::twins;

impl Tables {
    /// The tables of all messages of a descriptor set.
    ///
    /// # Errors
    ///
    /// The bytes are no descriptor set, or a message in it has too many fields.
    pub fn decode(descriptor_set: &[u8]) -> Result<Self, SchemaError> {
        // prost-reflect 0.16.5 panics where it should refuse a syntax that it does not know: it looks for the line of a file that it has not
        // taken yet.
        let pool = |set: &[u8]| match catch_unwind(|| DescriptorPool::decode(set)) {
            Ok(pool) => pool.map_err(SchemaError::from),
            Err(_) => Err(SchemaError::Contradicts),
        };
        let found = pool(descriptor_set).or_else(|error| match twins::renamed(descriptor_set) {
            Some(renamed) => pool(&renamed),
            None => Err(error),
        });
        Self::new(&found?)
    }

    pub fn new(pool: &DescriptorPool) -> Result<Self, SchemaError> {
        let ids = Ids {
            messages: pool
                .all_messages()
                .map(|message| message.full_name().to_owned())
                .zip((0..).map(MessageId))
                .collect(),
            enums: pool.all_enums().map(|each| each.full_name().to_owned()).zip((0..).map(EnumId)).collect(),
        };
        let messages = pool.all_messages().map(|message| message_table(&ids, &message));
        let messages = messages.collect::<Result<Box<[MessageTable]>, _>>()?;
        let mut by_name: Box<[MessageId]> = (0..).map(MessageId).take(messages.len()).collect();
        by_name.sort_by_key(|id| &messages[id.0 as usize].name);
        Ok(Self { messages, by_name, enums: pool.all_enums().map(|each| enum_table(&each)).collect() })
    }
}

/// The place of each type in the tables, by its full name.
struct Ids {
    messages: HashMap<String, MessageId>,
    enums: HashMap<String, EnumId>,
}

impl Ids {
    fn message(&self, message: &MessageDescriptor) -> Result<MessageId, SchemaError> {
        let id = self.messages.get(message.full_name()).copied();
        id.ok_or_else(|| SchemaError::NoMessage { name: message.full_name().to_owned() })
    }

    fn kind(&self, field: &FieldDescriptor) -> Result<Kind, SchemaError> {
        Ok(match field.kind() {
            Described::Double => Kind::Double,
            Described::Float => Kind::Float,
            Described::Int32 => Kind::Int32,
            Described::Int64 => Kind::Int64,
            Described::Uint32 => Kind::Uint32,
            Described::Uint64 => Kind::Uint64,
            Described::Sint32 => Kind::Sint32,
            Described::Sint64 => Kind::Sint64,
            Described::Fixed32 => Kind::Fixed32,
            Described::Fixed64 => Kind::Fixed64,
            Described::Sfixed32 => Kind::Sfixed32,
            Described::Sfixed64 => Kind::Sfixed64,
            Described::Bool => Kind::Bool,
            Described::String => Kind::Text,
            Described::Bytes => Kind::Bytes,
            Described::Message(message) if field.is_group() => Kind::Group(self.message(&message)?),
            Described::Message(message) => Kind::Message(self.message(&message)?),
            Described::Enum(each) => match self.enums.get(each.full_name()) {
                Some(id) => Kind::Enum(*id),
                None => return Err(SchemaError::NoMessage { name: each.full_name().to_owned() }),
            },
        })
    }
}

fn message_table(ids: &Ids, message: &MessageDescriptor) -> Result<MessageTable, SchemaError> {
    let mut described: Vec<_> = message.fields().collect();
    if described.len() > Numbers::MAX_FIELDS {
        return Err(SchemaError::TooManyFields { name: message.full_name().to_owned(), fields: described.len() });
    }
    described.sort_by_key(FieldDescriptor::number);
    let mut slots = Slots::default();
    let fields: Vec<_> = described.iter().map(|field| field_table(ids, &mut slots, field)).collect::<Result<_, _>>()?;
    let numbers: Vec<_> = fields.iter().map(|field| field.number).collect();
    let mut oneofs: Vec<_> = slots.oneofs.into_iter().map(|(name, which)| (which, name.into())).collect();
    oneofs.sort_unstable();
    Ok(MessageTable {
        name: message.full_name().into(),
        well_known: WellKnown::of(message.full_name(), &fields),
        plain: fields.iter().map(Plain::of).collect(),
        fields: fields.into(),
        oneofs: oneofs.into(),
        slots: slots.used,
        numbers: Numbers::new(&numbers),
    })
}

/// Slots are given out as they are needed: one to a field, and two to a oneof, whose fields share a value.
#[derive(Default)]
struct Slots {
    used: u32,
    oneofs: HashMap<String, u32>,
}

impl Slots {
    fn take(&mut self, count: u32) -> u32 {
        let first = self.used;
        self.used += count;
        first
    }
}

fn field_table(ids: &Ids, slots: &mut Slots, field: &FieldDescriptor) -> Result<Field, SchemaError> {
    let (cardinality, slot) = place(slots, field);
    let mut json_key = Vec::new();
    let name = twins::original(field.name());
    push_text(&mut json_key, name.as_bytes());
    json_key.push(b':');
    let (number, kind) = (field.number(), ids.kind(field)?);
    Ok(Field { number, slot, kind, cardinality, name: name.into(), json_key: json_key.into() })
}

fn place(slots: &mut Slots, field: &FieldDescriptor) -> (Cardinality, u32) {
    if field.is_map() {
        return (Cardinality::Map, slots.take(1));
    }
    if field.is_list() {
        return (Cardinality::Repeated, slots.take(1));
    }
    // proto3 has a oneof around each optional field, which is its presence and no more.
    let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
    if let Some(oneof) = oneof {
        let known = slots.oneofs.get(oneof.name()).copied();
        let which = known.unwrap_or_else(|| slots.take(2));
        slots.oneofs.insert(oneof.name().to_owned(), which);
        return (Cardinality::Oneof { which }, which + 1);
    }
    let cardinality = if field.supports_presence() { Cardinality::Explicit } else { Cardinality::Implicit };
    (cardinality, slots.take(1))
}

fn enum_table(described: &EnumDescriptor) -> EnumTable {
    // As declared: the first of several names counts, and in proto2 the first value is the default.
    let values = described.enum_descriptor_proto().value.iter();
    EnumTable::new(described.full_name(), values.map(|value| (value.number(), value.name().into())))
}
