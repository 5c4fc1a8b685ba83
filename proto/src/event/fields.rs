//! The slots of the fields that become columns, found by their names once.

use crate::protobuf::{Kind, MessageId, MessageTable, SchemaError};

#[derive(Debug)]
pub(super) struct EnvelopeFields {
    pub id: u32,
    pub app_id: u32,
    pub device_id: u32,
    pub timestamp_ms: u32,
    pub correlation_id: u32,
    pub device_context: u32,
    pub idempotency_key: u32,
    pub device_message: MessageId,
}

impl EnvelopeFields {
    pub fn find(message: &MessageTable) -> Result<Self, SchemaError> {
        let text = |name| slot(message, name, |kind| kind == Kind::Text);
        let device = message.field_named("device_context");
        let Some((device_context, Kind::Message(device_message))) = device.map(|field| (field.slot, field.kind)) else {
            return Err(missing(message, "device_context"));
        };
        Ok(Self {
            id: text("id")?,
            app_id: text("app_id")?,
            device_id: text("device_id")?,
            timestamp_ms: slot(message, "timestamp_ms", |kind| kind == Kind::Int64)?,
            correlation_id: text("correlation_id")?,
            device_context,
            idempotency_key: text("idempotency_key")?,
            device_message,
        })
    }
}

#[derive(Debug)]
pub(super) struct DeviceFields {
    pub platform: u32,
    pub platform_enum: Kind,
    pub os_version: u32,
    pub app_version: u32,
    pub build_number: u32,
    pub device_model: u32,
    pub manufacturer: u32,
    pub screen_width: u32,
    pub screen_height: u32,
    pub locale: u32,
    pub timezone: u32,
    pub network_type: u32,
    pub network_type_enum: Kind,
    pub carrier: u32,
    pub is_jailbroken: u32,
    pub is_emulator: u32,
    pub sdk_version: u32,
}

impl DeviceFields {
    pub fn find(message: &MessageTable) -> Result<Self, SchemaError> {
        let text = |name| slot(message, name, |kind| kind == Kind::Text);
        let number = |name| slot(message, name, |kind| kind == Kind::Int32);
        let flag = |name| slot(message, name, |kind| kind == Kind::Bool);
        let enumeration = |name| -> Result<(u32, Kind), SchemaError> {
            let slot = slot(message, name, |kind| matches!(kind, Kind::Enum(_)))?;
            let kind = message.field_named(name).map(|field| field.kind).ok_or_else(|| missing(message, name))?;
            Ok((slot, kind))
        };
        let (platform, platform_enum) = enumeration("platform")?;
        let (network_type, network_type_enum) = enumeration("network_type")?;
        Ok(Self {
            platform,
            platform_enum,
            os_version: text("os_version")?,
            app_version: text("app_version")?,
            build_number: text("build_number")?,
            device_model: text("device_model")?,
            manufacturer: text("manufacturer")?,
            screen_width: number("screen_width")?,
            screen_height: number("screen_height")?,
            locale: text("locale")?,
            timezone: text("timezone")?,
            network_type,
            network_type_enum,
            carrier: text("carrier")?,
            is_jailbroken: flag("is_jailbroken")?,
            is_emulator: flag("is_emulator")?,
            sdk_version: text("sdk_version")?,
        })
    }
}

/// The slot of the field with this name, where it is of the right type.
pub(super) fn slot(message: &MessageTable, name: &str, fits: impl Fn(Kind) -> bool) -> Result<u32, SchemaError> {
    let field = message.field_named(name).filter(|field| fits(field.kind));
    field.map(|field| field.slot).ok_or_else(|| missing(message, name))
}

pub(super) fn missing(message: &MessageTable, field: &str) -> SchemaError {
    SchemaError::NoField { message: message.name.to_string(), field: field.to_owned() }
}
