//! Messages that can never become events, of every kind that is seen in practice.

use fastrand::Rng;
use prost::Message;

use crate::wire::EventEnvelope;

/// The length of the id field at the head of every generated event: its tag, its length and a UUID.
const ID_FIELD_BYTES: usize = 38;

/// A message that the decoder refuses, made from an event. `number` decides on the kind, in turn.
pub(super) fn make(rng: &mut Rng, event: EventEnvelope, number: u64) -> Vec<u8> {
    match number % 4 {
        0 => truncated(rng, &event),
        1 => invalid_text(&event),
        2 => EventEnvelope { timestamp_ms: 0, ..event }.encode_to_vec(),
        _ => random_bytes(rng),
    }
}

/// An event that was cut somewhere.
fn truncated(rng: &mut Rng, event: &EventEnvelope) -> Vec<u8> {
    let mut body = event.encode_to_vec();
    body.truncate(rng.usize(1..body.len().max(2)));
    if EventEnvelope::decode(body.as_slice()).is_ok() {
        // The cut fell between two fields, and what is left is an event. Within the id it can't.
        body.truncate(rng.usize(1..ID_FIELD_BYTES));
    }
    body
}

/// An event whose id is not UTF-8.
fn invalid_text(event: &EventEnvelope) -> Vec<u8> {
    let mut body = event.encode_to_vec();
    if let Some(byte) = body.get_mut(ID_FIELD_BYTES / 2) {
        *byte = 0xFF;
    }
    body
}

/// Noise. It starts with a wire type that protobuf does not have, since short noise may well be a valid message.
fn random_bytes(rng: &mut Rng) -> Vec<u8> {
    let mut body = vec![0; rng.usize(16..400)];
    rng.fill(&mut body);
    if let Some(first) = body.first_mut() {
        *first |= 0x07;
        *first &= 0x7F;
    }
    body
}
