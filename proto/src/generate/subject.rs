//! The subject that an event is published to.

use crate::kind::event_kind;
use crate::wire::EventEnvelope;

/// The longest token; names of custom events are free text.
const MAX_TOKEN_CHARS: usize = 64;

/// `events.{app_id}.{category}.{type}`, each part a valid token.
pub(super) fn of(event: &EventEnvelope) -> String {
    let (category, event_type) = event_kind(event);
    format!("events.{}.{category}.{}", token(&event.app_id), token(event_type))
}

/// The text with `_` for every dot, wildcard, blank and control character; NATS takes no empty token either.
fn token(text: &str) -> String {
    if text.is_empty() {
        return String::from("_");
    }
    let invalid = |c: char| matches!(c, '.' | '*' | '>') || c.is_whitespace() || c.is_control();
    text.chars().take(MAX_TOKEN_CHARS).map(|c| if invalid(c) { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CustomEvent;
    use crate::wire::event_envelope::Payload;

    fn custom(app_id: &str, event_name: &str) -> EventEnvelope {
        let payload = CustomEvent { event_name: event_name.into(), ..Default::default() };
        EventEnvelope { app_id: app_id.into(), payload: Some(Payload::CustomEvent(payload)), ..Default::default() }
    }

    #[test]
    fn dots_of_the_app_id_become_underscores() {
        let event = EventEnvelope { app_id: "com.example.shop".into(), ..Default::default() };
        assert_eq!(of(&event), "events.com_example_shop.unknown.unknown");
    }

    #[test]
    fn names_of_custom_events_become_valid_tokens() {
        assert_eq!(of(&custom("a", "coupon applied")), "events.a.custom.coupon_applied");
        assert_eq!(of(&custom("a", "x.*>\n\u{3000}ü")), "events.a.custom.x_____ü");
        assert_eq!(of(&custom("", "")), "events._.custom._");
        assert_eq!(of(&custom("a", &"x".repeat(1000))).len(), "events.a.custom.".len() + 64);
    }
}
