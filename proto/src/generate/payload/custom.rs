//! Events of the app's own.

use fastrand::Rng;

use crate::generate::random::{chance, numbered, word};
use crate::wire::CustomEvent;

/// Names as developers choose them; not all are fit for a subject.
const NAMES: &[&str] =
    &["coupon_applied", "video progress", "level.completed", "share", "Bewertung abgegeben", "experiment_exposure"];

pub(super) fn custom_event(rng: &mut Rng) -> CustomEvent {
    let mut event = CustomEvent { event_name: word(rng, NAMES), ..Default::default() };
    event.string_params.insert(String::from("variant"), word(rng, &["control", "a", "b"]));
    if chance(rng, 50) {
        event.string_params.insert(String::from("campaign"), numbered(rng, "c-", 60));
    }
    if chance(rng, 60) {
        event.int_params.insert(String::from("count"), rng.i64(0..1_000));
    }
    if chance(rng, 40) {
        event.float_params.insert(String::from("score"), f64::from(rng.u32(0..10_000)) / 100.0);
    }
    if chance(rng, 30) {
        event.bool_params.insert(String::from("first_time"), chance(rng, 50));
    }
    event
}
