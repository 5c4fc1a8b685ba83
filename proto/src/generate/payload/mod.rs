//! Payloads of every kind, as frequent as in a real app.

mod commerce;
mod custom;
mod interaction;
mod system;
mod user;

use fastrand::Rng;

use crate::wire::event_envelope::Payload;

/// A kind of payload: how often it comes, out of [`TOTAL`], and what makes it.
type Weighted = (u32, fn(&mut Rng) -> Option<Payload>);

const KINDS: &[Weighted] = &[
    (220, |rng| Some(Payload::ScreenView(user::screen_view(rng)))),
    (150, |rng| Some(Payload::ScreenExit(user::screen_exit(rng)))),
    (180, |rng| Some(Payload::ButtonTap(interaction::button_tap(rng)))),
    (60, |rng| Some(Payload::SwipeGesture(interaction::swipe_gesture(rng)))),
    (90, |rng| Some(Payload::ScrollEvent(interaction::scroll_event(rng)))),
    (30, |rng| Some(Payload::TextInput(interaction::text_input(rng)))),
    (8, |rng| Some(Payload::LongPress(interaction::long_press(rng)))),
    (8, |rng| Some(Payload::DoubleTap(interaction::double_tap(rng)))),
    (6, |rng| Some(Payload::UserLogin(user::login(rng)))),
    (3, |rng| Some(Payload::UserLogout(user::logout(rng)))),
    (2, |rng| Some(Payload::UserSignup(user::signup(rng)))),
    (2, |rng| Some(Payload::UserProfileUpdate(user::profile_update(rng)))),
    (60, |rng| Some(Payload::ProductView(commerce::product_view(rng)))),
    (18, |rng| Some(Payload::AddToCart(commerce::add_to_cart(rng)))),
    (5, |rng| Some(Payload::RemoveFromCart(commerce::remove_from_cart(rng)))),
    (6, |rng| Some(Payload::CheckoutStart(commerce::checkout_start(rng)))),
    (10, |rng| Some(Payload::CheckoutStep(commerce::checkout_step(rng)))),
    (4, |rng| Some(Payload::PurchaseComplete(commerce::purchase_complete(rng)))),
    (1, |rng| Some(Payload::PurchaseFailed(commerce::purchase_failed(rng)))),
    (20, |rng| Some(Payload::AppStart(system::app_start(rng)))),
    (25, |rng| Some(Payload::AppBackground(system::app_background(rng)))),
    (20, |rng| Some(Payload::AppForeground(system::app_foreground(rng)))),
    (1, |rng| Some(Payload::AppCrash(system::app_crash(rng)))),
    (12, |rng| Some(Payload::NetworkChange(system::network_change(rng)))),
    (3, |rng| Some(Payload::PermissionRequest(system::permission_request(rng)))),
    (3, |rng| Some(Payload::PermissionResult(system::permission_result(rng)))),
    (2, |rng| Some(Payload::MemoryWarning(system::memory_warning(rng)))),
    (10, |rng| Some(Payload::BatteryChange(system::battery_change(rng)))),
    (37, |rng| Some(Payload::CustomEvent(custom::custom_event(rng)))),
    // Heartbeats without a payload.
    (4, |_| None),
];

/// The sum of the weights.
const TOTAL: u32 = {
    let (mut at, mut total) = (0, 0);
    while at < KINDS.len() {
        total += KINDS[at].0;
        at += 1;
    }
    total
};

/// The payload of the event with this number: the first events take each kind in turn, all later ones are drawn.
pub(super) fn make(rng: &mut Rng, number: usize) -> Option<Payload> {
    match KINDS.get(number) {
        Some((_, make)) => make(rng),
        None => drawn(rng),
    }
}

fn drawn(rng: &mut Rng) -> Option<Payload> {
    let mut left = rng.u32(0..TOTAL);
    for (weight, make) in KINDS {
        if left < *weight {
            return make(rng);
        }
        left -= weight;
    }
    None
}

/// How many kinds there are, that without a payload included.
#[cfg(test)]
pub(super) const COUNT: usize = KINDS.len();
