//! Small draws that the generator's parts share.

use fastrand::Rng;

/// One of the values; None when there are none.
pub(super) fn pick<'a, T>(rng: &mut Rng, values: &'a [T]) -> Option<&'a T> {
    if values.is_empty() {
        return None;
    }
    values.get(rng.usize(0..values.len()))
}

/// One of the words.
pub(super) fn word(rng: &mut Rng, words: &[&str]) -> String {
    pick(rng, words).copied().unwrap_or_default().to_owned()
}

/// True in so many of a hundred cases.
pub(super) fn chance(rng: &mut Rng, percent: u32) -> bool {
    rng.u32(0..100) < percent
}

/// A text in so many of a hundred cases, otherwise the empty one.
pub(super) fn sometimes(rng: &mut Rng, percent: u32, make: fn(&mut Rng) -> String) -> String {
    if chance(rng, percent) { make(rng) } else { String::new() }
}

/// A random (version 4) UUID. With 122 random bits, two are never the same in practice.
pub(super) fn uuid(rng: &mut Rng) -> String {
    let bits = rng.u128(..);
    let bits = (bits & !(0xF << 76)) | (0x4 << 76);
    let bits = (bits & !(0x3 << 62)) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// An id with a prefix, out of so many.
pub(super) fn numbered(rng: &mut Rng, prefix: &str, count: u32) -> String {
    format!("{prefix}{}", rng.u32(0..count))
}

/// A duration in milliseconds: mostly short, seldom long.
pub(super) fn duration_ms(rng: &mut Rng, longest: u32) -> i64 {
    let shape = rng.f64();
    // The product lies between 0 and `longest`, so the cast keeps its value.
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and a u32")]
    let drawn = (shape * shape * shape * f64::from(longest)) as i64;
    drawn + 1
}
