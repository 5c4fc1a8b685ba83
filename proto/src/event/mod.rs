//! The built-in schema, `causality.v1`: where the fields are that become columns, and the kind of each payload.

mod fields;
mod kinds;

use std::borrow::Cow;
use std::sync::Arc;

use crate::protobuf::{Kind, MessageId, Record, SchemaError, Tables, Text, Value, WireError};
use fields::{DeviceFields, EnvelopeFields};
use kinds::Kinds;

/// What a message holds, compiled for reading. Made once, at the start; cheap to clone.
#[derive(Clone, Debug)]
pub struct EventSchema(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tables: Tables,
    envelope: MessageId,
    fields: EnvelopeFields,
    device: DeviceFields,
    kinds: Kinds,
}

/// What the columns of an event hold but for its payload's JSON.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    pub id: Text<'a>,
    pub app_id: Text<'a>,
    pub device_id: Text<'a>,
    pub timestamp_ms: i64,
    pub correlation_id: Text<'a>,
    pub idempotency_key: Text<'a>,
    pub category: Text<'a>,
    pub event_type: Text<'a>,
    pub device: Option<Device<'a>>,
}

/// The device context.
#[derive(Debug)]
pub(crate) struct Device<'a> {
    /// The name of the enum's value; the number where this version of the schema does not know it.
    pub platform: Cow<'a, str>,
    pub os_version: Text<'a>,
    pub app_version: Text<'a>,
    pub build_number: Text<'a>,
    pub device_model: Text<'a>,
    pub manufacturer: Text<'a>,
    pub screen_width: i32,
    pub screen_height: i32,
    pub locale: Text<'a>,
    pub timezone: Text<'a>,
    /// As the platform.
    pub network_type: Cow<'a, str>,
    pub carrier: Text<'a>,
    pub is_jailbroken: bool,
    pub is_emulator: bool,
    pub sdk_version: Text<'a>,
}

/// The payload message of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload {
    pub message: MessageId,
    /// The first of its slots.
    pub base: u32,
}

impl EventSchema {
    /// The compiled descriptor set of the schema, made by the build script.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

    /// The full name of the message that is an event.
    pub const MESSAGE: &str = "causality.v1.EventEnvelope";

    /// The schema that comes with this program.
    ///
    /// # Errors
    ///
    /// None but where the program was built wrong: its own .proto file lacks something that the columns need.
    pub fn built_in() -> Result<Self, SchemaError> {
        let tables = Tables::decode(Self::DESCRIPTORS)?;
        let envelope = tables.find(Self::MESSAGE);
        let envelope = envelope.ok_or_else(|| SchemaError::NoMessage { name: Self::MESSAGE.to_owned() })?;
        let fields = EnvelopeFields::find(tables.message(envelope))?;
        let device = DeviceFields::find(tables.message(fields.device_message))?;
        let kinds = Kinds::find(&tables, tables.message(envelope))?;
        Ok(Self(Arc::new(Inner { tables, envelope, fields, device, kinds })))
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.0.tables
    }

    /// The message that is an event, in the tables.
    pub(crate) fn envelope(&self) -> MessageId {
        self.0.envelope
    }

    /// Reads a whole body, to see that it is an event.
    pub(crate) fn read<'a>(&self, record: &mut Record<'a>, body: &'a [u8]) -> Result<(), WireError> {
        record.read(&self.0.tables, self.0.envelope, body)
    }

    /// What decides on the partition: app id and time.
    pub(crate) fn place<'a>(&self, record: &Record<'a>) -> (&'a str, i64) {
        let fields = &self.0.fields;
        let timestamp_ms = record.value(0, fields.timestamp_ms).number().cast_signed();
        (record.value(0, fields.app_id).text().as_str(), timestamp_ms)
    }

    /// The category and the type of a record that was read.
    pub(crate) fn kind<'a>(&self, record: &Record<'a>) -> (&'static str, &'a str) {
        let (category, event_type) = self.0.kinds.of(record);
        (category, event_type.as_str())
    }

    /// All columns' values of a record that was read.
    pub(crate) fn event<'a>(&'a self, record: &Record<'a>) -> Event<'a> {
        let Inner { fields, kinds, .. } = &*self.0;
        let text = |slot| record.value(0, slot).text();
        let (category, event_type) = kinds.of(record);
        Event {
            id: text(fields.id),
            app_id: text(fields.app_id),
            device_id: text(fields.device_id),
            timestamp_ms: record.value(0, fields.timestamp_ms).number().cast_signed(),
            correlation_id: text(fields.correlation_id),
            idempotency_key: text(fields.idempotency_key),
            category: category.into(),
            event_type,
            device: record.value(0, fields.device_context).message().map(|base| self.device(record, base)),
        }
    }

    fn device<'a>(&'a self, record: &Record<'a>, base: u32) -> Device<'a> {
        let fields = &self.0.device;
        let text = |slot| record.value(base, slot).text();
        let number = |slot| record.value(base, slot).number() as i32;
        let flag = |slot| record.value(base, slot).number() != 0;
        Device {
            platform: self.enum_name(fields.platform_enum, number(fields.platform)),
            os_version: text(fields.os_version),
            app_version: text(fields.app_version),
            build_number: text(fields.build_number),
            device_model: text(fields.device_model),
            manufacturer: text(fields.manufacturer),
            screen_width: number(fields.screen_width),
            screen_height: number(fields.screen_height),
            locale: text(fields.locale),
            timezone: text(fields.timezone),
            network_type: self.enum_name(fields.network_type_enum, number(fields.network_type)),
            carrier: text(fields.carrier),
            is_jailbroken: flag(fields.is_jailbroken),
            is_emulator: flag(fields.is_emulator),
            sdk_version: text(fields.sdk_version),
        }
    }

    /// The name of an enum's value; the number as text when this version of the schema does not know it, as ProtoJSON writes
    /// the number.
    fn enum_name(&self, kind: Kind, number: i32) -> Cow<'_, str> {
        let Kind::Enum(id) = kind else { return Cow::Borrowed("") };
        let name = self.0.tables.enumeration(id).name(number);
        name.map_or_else(|| Cow::Owned(number.to_string()), Cow::Borrowed)
    }

    /// The payload of a record that was read, where it has one.
    pub(crate) fn payload(&self, record: &Record<'_>) -> Option<Payload> {
        match record.value(0, self.0.kinds.payload) {
            Value::Message { base, id } => Some(Payload { message: id, base }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
