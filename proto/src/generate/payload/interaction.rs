//! What users do on a screen.

use fastrand::Rng;

use super::user::screen;
use crate::generate::random::{chance, duration_ms, numbered, word};
use crate::wire::{
    ButtonTap, Coordinates, DoubleTap, LongPress, ScrollDirection, ScrollEvent, SwipeDirection, SwipeGesture, TextInput,
};

/// A point on the screen, in logical pixels with a fraction of a quarter.
fn point(rng: &mut Rng) -> Coordinates {
    let quarter = |rng: &mut Rng, pixels: u16| f32::from(rng.u16(0..pixels * 4)) / 4.0;
    Coordinates { x: quarter(rng, 430), y: quarter(rng, 932) }
}

pub(super) fn button_tap(rng: &mut Rng) -> ButtonTap {
    let (button_id, button_text) = match rng.u32(0..5) {
        0 => ("btn_buy", "Buy now"),
        1 => ("btn_add_to_cart", "Add to cart"),
        2 => ("btn_back", ""),
        3 => ("btn_like", "♥"),
        _ => ("btn_continue", "Weiter →"),
    };
    ButtonTap {
        button_id: button_id.to_owned(),
        button_text: button_text.to_owned(),
        screen_name: screen(rng),
        coordinates: chance(rng, 90).then(|| point(rng)),
    }
}

pub(super) fn swipe_gesture(rng: &mut Rng) -> SwipeGesture {
    let direction = match rng.u32(0..4) {
        0 => SwipeDirection::Left,
        1 => SwipeDirection::Right,
        2 => SwipeDirection::Up,
        _ => SwipeDirection::Down,
    };
    SwipeGesture {
        direction: direction.into(),
        screen_name: screen(rng),
        start: Some(point(rng)),
        end: Some(point(rng)),
        duration_ms: duration_ms(rng, 900),
    }
}

pub(super) fn scroll_event(rng: &mut Rng) -> ScrollEvent {
    let direction = if chance(rng, 80) { ScrollDirection::Down } else { ScrollDirection::Up };
    ScrollEvent {
        screen_name: screen(rng),
        container_id: word(rng, &["feed", "results", "reviews"]),
        scroll_depth_percent: rng.i32(0..=100),
        direction: direction.into(),
    }
}

pub(super) fn text_input(rng: &mut Rng) -> TextInput {
    let (field_id, field_type) = match rng.u32(0..3) {
        0 => ("search_box", "search"),
        1 => ("email", "email"),
        _ => ("note", "multiline"),
    };
    TextInput {
        field_id: field_id.to_owned(),
        field_type: field_type.to_owned(),
        screen_name: screen(rng),
        text_length: rng.i32(0..140),
        input_duration_ms: duration_ms(rng, 60_000),
    }
}

pub(super) fn long_press(rng: &mut Rng) -> LongPress {
    LongPress {
        element_id: numbered(rng, "card-", 40),
        screen_name: screen(rng),
        coordinates: Some(point(rng)),
        duration_ms: 500 + duration_ms(rng, 2_000),
    }
}

pub(super) fn double_tap(rng: &mut Rng) -> DoubleTap {
    DoubleTap { element_id: numbered(rng, "photo-", 40), screen_name: screen(rng), coordinates: Some(point(rng)) }
}
