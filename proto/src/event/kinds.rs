//! The category and the type of each payload.

use super::fields::{missing, slot};
use crate::protobuf::{Cardinality, Kind, MessageTable, Record, SchemaError, Tables, Text};

/// What an event without a payload is, as category and as type.
const UNKNOWN: &str = "unknown";

/// Field, category, type. The type of a custom event is its own name.
const KINDS: [(&str, &str, &str); 29] = [
    ("user_login", "user", "login"),
    ("user_logout", "user", "logout"),
    ("user_signup", "user", "signup"),
    ("user_profile_update", "user", "profile_update"),
    ("screen_view", "screen", "view"),
    ("screen_exit", "screen", "exit"),
    ("button_tap", "interaction", "button_tap"),
    ("swipe_gesture", "interaction", "swipe"),
    ("scroll_event", "interaction", "scroll"),
    ("text_input", "interaction", "text_input"),
    ("long_press", "interaction", "long_press"),
    ("double_tap", "interaction", "double_tap"),
    ("product_view", "commerce", "product_view"),
    ("add_to_cart", "commerce", "add_to_cart"),
    ("remove_from_cart", "commerce", "remove_from_cart"),
    ("checkout_start", "commerce", "checkout_start"),
    ("checkout_step", "commerce", "checkout_step"),
    ("purchase_complete", "commerce", "purchase_complete"),
    ("purchase_failed", "commerce", "purchase_failed"),
    ("app_start", "system", "app_start"),
    ("app_background", "system", "app_background"),
    ("app_foreground", "system", "app_foreground"),
    ("app_crash", "system", "app_crash"),
    ("network_change", "system", "network_change"),
    ("permission_request", "system", "permission_request"),
    ("permission_result", "system", "permission_result"),
    ("memory_warning", "system", "memory_warning"),
    ("battery_change", "system", "battery_change"),
    (CUSTOM, "custom", ""),
];

const CUSTOM: &str = "custom_event";

/// Finds the kind of a record.
#[derive(Debug)]
pub(super) struct Kinds {
    /// The slot that says which payload it is: the field's index in the envelope plus one.
    which: u32,
    /// The slot of the payload itself.
    pub payload: u32,
    /// By the field's index.
    kinds: Box<[Option<(&'static str, &'static str)>]>,
    /// The slot of a custom event's name, within its message.
    custom_name: u32,
    /// A custom event's `which`.
    custom: u64,
}

impl Kinds {
    pub fn find(tables: &Tables, envelope: &MessageTable) -> Result<Self, SchemaError> {
        let custom = envelope.field_named(CUSTOM).ok_or_else(|| missing(envelope, CUSTOM))?;
        let (Cardinality::Oneof { which }, Kind::Message(custom_event)) = (custom.cardinality, custom.kind) else {
            return Err(missing(envelope, CUSTOM));
        };
        let mut kinds = Vec::with_capacity(envelope.fields.len());
        for field in &envelope.fields {
            let kind = KINDS.iter().find(|(name, ..)| *name == &*field.name);
            if kind.is_some() != (field.cardinality == Cardinality::Oneof { which }) {
                return Err(missing(envelope, &field.name));
            }
            kinds.push(kind.map(|(_, category, event_type)| (*category, *event_type)));
        }
        let index = envelope.fields.iter().position(|field| field.number == custom.number);
        Ok(Self {
            which,
            payload: custom.slot,
            kinds: kinds.into(),
            custom_name: slot(tables.message(custom_event), "event_name", |kind| kind == Kind::Text)?,
            custom: index.map_or(0, |index| index as u64 + 1),
        })
    }

    /// The category and the type.
    pub fn of<'a>(&self, record: &Record<'a>) -> (&'static str, Text<'a>) {
        let which = record.value(0, self.which).number();
        let index = usize::try_from(which).ok().and_then(|which| which.checked_sub(1));
        let kind = index.and_then(|index| self.kinds.get(index).copied().flatten());
        let (category, event_type) = kind.unwrap_or((UNKNOWN, UNKNOWN));
        if which != self.custom {
            return (category, event_type.into());
        }
        let base = record.value(0, self.payload).message();
        (category, base.map_or(Text::EMPTY, |base| record.value(base, self.custom_name).text()))
    }
}
