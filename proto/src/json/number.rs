//! Numbers, exactly as they are written.

/// A number times a power of ten, cut off to a whole one towards zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scaled {
    pub negative: bool,
    pub magnitude: u128,
    /// Whether nothing was cut off.
    pub exact: bool,
}

/// The largest power of ten that is told from larger ones: no number of so many digits fits anywhere.
const MAX_POWER: i64 = 1 << 40;

/// A number as JSON writes it, times ten to the power of `places`; none where it is too large for 128 bits.
pub(super) fn scaled(number: &str, places: u8) -> Option<Scaled> {
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (digits, power) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let shift = power_of_ten(power) + i64::from(places);
    // So many of all digits stand before the point once it is shifted.
    let kept = i64::try_from(whole.len()).ok()? + shift;
    let (mut magnitude, mut exact, mut seen) = (0_u128, true, 0_i64);
    for digit in whole.bytes().chain(fraction.bytes()) {
        let digit = digit.wrapping_sub(b'0');
        if seen < kept {
            magnitude = magnitude.checked_mul(10)?.checked_add(digit.into())?;
        } else {
            exact &= digit == 0;
        }
        seen += 1;
    }
    while seen < kept && magnitude > 0 {
        magnitude = magnitude.checked_mul(10)?;
        seen += 1;
    }
    Some(Scaled { negative, magnitude, exact })
}

fn power_of_ten(text: &str) -> i64 {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.trim_start_matches('+')),
    };
    let add = |power: i64, digit: u8| (power * 10 + i64::from(digit.wrapping_sub(b'0'))).min(MAX_POWER);
    let power = digits.bytes().fold(0, add);
    if negative { -power } else { power }
}

impl Scaled {
    /// With its sign, cut off towards zero; none where it is too large.
    pub fn signed(self) -> Option<i128> {
        let magnitude = i128::try_from(self.magnitude).ok()?;
        Some(if self.negative { -magnitude } else { magnitude })
    }

    /// With its sign, rounded down.
    pub fn floor(self) -> Option<i128> {
        let below = i128::from(self.negative && !self.exact);
        self.signed().map(|number| number - below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: &str, places: u8, expected: Option<(i128, bool)>) {
        let found = scaled(number, places).and_then(|scaled| Some((scaled.signed()?, scaled.exact)));
        assert_eq!(found, expected, "{number} times 10^{places}");
    }

    #[test]
    fn every_way_to_write_a_number() {
        check("0", 0, Some((0, true)));
        check("-0", 0, Some((0, true)));
        check("1.0", 0, Some((1, true)));
        check("1e3", 0, Some((1000, true)));
        check("1.25E+1", 0, Some((12, false)));
        check("1.25E+1", 1, Some((125, true)));
        check("1500e-2", 0, Some((15, true)));
        check("-12.345", 2, Some((-1234, false)));
        check("9007199254740993.0", 0, Some((9_007_199_254_740_993, true)));
        check("0.000e99999999999999999999", 38, Some((0, true)));
        check("1e-99999999999999999999", 38, Some((0, false)));
        check("1e99999999999999999999", 0, None);
        check("170141183460469231731687303715884105727", 0, Some((i128::MAX, true)));
        check("170141183460469231731687303715884105728", 0, None);
        check("1e38", 0, Some((10_i128.pow(38), true)));
        check("1e39", 0, None);
    }

    #[test]
    fn what_is_cut_off_rounds_down() {
        assert_eq!(scaled("-0.5", 0).and_then(Scaled::floor), Some(-1));
        assert_eq!(scaled("0.5", 0).and_then(Scaled::floor), Some(0));
        assert_eq!(scaled("-2.0", 0).and_then(Scaled::floor), Some(-2));
    }
}
