//! The reference: the same columns by way of prost's generated types, as simple as can be and without a thought for speed.
//! The decoder is tested, fuzzed and measured against it.

pub(crate) mod json;

use std::borrow::Cow;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use prost::Message;

use crate::columns::{ColumnOptions, PushError, Rows};
use crate::event::{Device, Event};
use crate::kind::event_kind;
use crate::partition::{EventHour, check_app_id};
use crate::wire::{DeviceContext, EventEnvelope, NetworkType, Platform};
use json::WireEnum;

/// Why the reference makes no row of a message.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// prost can't decode the message.
    #[error(transparent)]
    Undecodable(#[from] prost::DecodeError),
    /// serde can't write the payload.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The event has no usable time or app id, or the columns are full.
    #[error(transparent)]
    Row(#[from] PushError),
}

/// Collects events into columns by way of prost's types.
#[derive(Debug)]
pub struct ReferenceColumns {
    rows: Rows,
}

impl ReferenceColumns {
    /// Empty columns with room for `capacity` rows.
    #[must_use]
    pub fn new(options: ColumnOptions, capacity: usize) -> Self {
        Self { rows: Rows::new(options, capacity) }
    }

    /// Decodes one message and adds its row.
    ///
    /// # Errors
    ///
    /// When the message is poison or the columns are full; nothing was added then.
    pub fn push(&mut self, body: &[u8], stream_sequence: u64, published_at_ns: i64) -> Result<(), Refusal> {
        let envelope = EventEnvelope::decode(body)?;
        let hour = EventHour::from_timestamp_ms(envelope.timestamp_ms).map_err(PushError::from)?;
        check_app_id(&envelope.app_id).map_err(PushError::from)?;
        let json = match &envelope.payload {
            Some(payload) => serde_json::to_string(payload)?,
            None => String::from("{}"),
        };
        Ok(self.rows.push(&event(&envelope), hour, json.as_bytes(), body.len(), stream_sequence, published_at_ns)?)
    }

    /// The rows so far as one batch.
    ///
    /// # Errors
    ///
    /// When the columns do not make a batch.
    pub fn finish(self) -> Result<RecordBatch, ArrowError> {
        self.rows.finish()
    }
}

fn event(envelope: &EventEnvelope) -> Event<'_> {
    let (category, event_type) = event_kind(envelope);
    Event {
        id: envelope.id.as_str().into(),
        app_id: envelope.app_id.as_str().into(),
        device_id: envelope.device_id.as_str().into(),
        timestamp_ms: envelope.timestamp_ms,
        correlation_id: envelope.correlation_id.as_str().into(),
        idempotency_key: envelope.idempotency_key.as_str().into(),
        category: category.into(),
        event_type: event_type.into(),
        device: envelope.device_context.as_ref().map(device),
    }
}

fn device(context: &DeviceContext) -> Device<'_> {
    Device {
        platform: enum_name::<Platform>(context.platform),
        os_version: context.os_version.as_str().into(),
        app_version: context.app_version.as_str().into(),
        build_number: context.build_number.as_str().into(),
        device_model: context.device_model.as_str().into(),
        manufacturer: context.manufacturer.as_str().into(),
        screen_width: context.screen_width,
        screen_height: context.screen_height,
        locale: context.locale.as_str().into(),
        timezone: context.timezone.as_str().into(),
        network_type: enum_name::<NetworkType>(context.network_type),
        carrier: context.carrier.as_str().into(),
        is_jailbroken: context.is_jailbroken,
        is_emulator: context.is_emulator,
        sdk_version: context.sdk_version.as_str().into(),
    }
}

fn enum_name<E: WireEnum>(number: i32) -> Cow<'static, str> {
    E::name_of(number).map_or_else(|| Cow::Owned(number.to_string()), Cow::Borrowed)
}
