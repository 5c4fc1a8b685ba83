//! The category and the type of an event.

use crate::wire::EventEnvelope;
use crate::wire::event_envelope::Payload;

/// What an event without a payload is, as category and as type.
const UNKNOWN: &str = "unknown";

/// The category and the type of an event, as its subject and its columns name them.
///
/// The type of a custom event is its own name, which may hold anything and may be empty. An event without a payload, or
/// with one that this version of the schema does not know, is `unknown` in both.
#[must_use]
pub fn event_kind(event: &EventEnvelope) -> (&'static str, &str) {
    let Some(payload) = &event.payload else {
        return (UNKNOWN, UNKNOWN);
    };
    match payload {
        Payload::UserLogin(_) => ("user", "login"),
        Payload::UserLogout(_) => ("user", "logout"),
        Payload::UserSignup(_) => ("user", "signup"),
        Payload::UserProfileUpdate(_) => ("user", "profile_update"),
        Payload::ScreenView(_) => ("screen", "view"),
        Payload::ScreenExit(_) => ("screen", "exit"),
        Payload::ButtonTap(_) => ("interaction", "button_tap"),
        Payload::SwipeGesture(_) => ("interaction", "swipe"),
        Payload::ScrollEvent(_) => ("interaction", "scroll"),
        Payload::TextInput(_) => ("interaction", "text_input"),
        Payload::LongPress(_) => ("interaction", "long_press"),
        Payload::DoubleTap(_) => ("interaction", "double_tap"),
        Payload::ProductView(_) => ("commerce", "product_view"),
        Payload::AddToCart(_) => ("commerce", "add_to_cart"),
        Payload::RemoveFromCart(_) => ("commerce", "remove_from_cart"),
        Payload::CheckoutStart(_) => ("commerce", "checkout_start"),
        Payload::CheckoutStep(_) => ("commerce", "checkout_step"),
        Payload::PurchaseComplete(_) => ("commerce", "purchase_complete"),
        Payload::PurchaseFailed(_) => ("commerce", "purchase_failed"),
        Payload::AppStart(_) => ("system", "app_start"),
        Payload::AppBackground(_) => ("system", "app_background"),
        Payload::AppForeground(_) => ("system", "app_foreground"),
        Payload::AppCrash(_) => ("system", "app_crash"),
        Payload::NetworkChange(_) => ("system", "network_change"),
        Payload::PermissionRequest(_) => ("system", "permission_request"),
        Payload::PermissionResult(_) => ("system", "permission_result"),
        Payload::MemoryWarning(_) => ("system", "memory_warning"),
        Payload::BatteryChange(_) => ("system", "battery_change"),
        Payload::CustomEvent(custom) => ("custom", &custom.event_name),
    }
}
