use std::time::Duration;

/// A delay that doubles from `initial` up to `max`, with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// The longest first delay.
    pub initial: Duration,
    /// The longest delay of all.
    pub max: Duration,
}

impl Backoff {
    /// The delay before retry number `retry` (from 0): between half and the whole of `initial * 2^retry`, at most `max`.
    ///
    /// `dice` spreads the delays: 0 gives the shortest, `u64::MAX` the longest.
    pub fn delay(&self, retry: u64, dice: u64) -> Duration {
        let doubled = 1u32.checked_shl(u32::try_from(retry).unwrap_or(u32::MAX)).unwrap_or(u32::MAX);
        let whole = self.initial.saturating_mul(doubled).min(self.max);
        let half = u64::try_from(whole.as_micros() / 2).unwrap_or(u64::MAX / 2);
        let spread = (u128::from(half) * u128::from(dice)) >> 64;
        Duration::from_micros(half).saturating_add(Duration::from_micros(u64::try_from(spread).unwrap_or(half)))
    }
}

/// Numbers that look random and are a function of their seed: SplitMix64.
///
/// Jitter has to differ between replicas and between batches, not to surprise; drawn in this way the machine stays pure.
pub(crate) fn dice(seed: u64, roll: u64) -> u64 {
    let mut z = seed.wrapping_add(roll.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(60) };

    #[test]
    fn doubles_up_to_the_maximum() {
        let longest: Vec<u64> =
            (0..8).map(|retry| BACKOFF.delay(retry, u64::MAX).as_secs_f64().round() as u64).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60]);
        let shortest: Vec<u128> = (0..3).map(|retry| BACKOFF.delay(retry, 0).as_millis()).collect();
        assert_eq!(shortest, [500, 1000, 2000]);
    }

    #[test]
    fn does_not_overflow() {
        let endless = Backoff { initial: Duration::MAX, max: Duration::MAX };
        assert!(endless.delay(u64::MAX, u64::MAX) > Duration::from_secs(1 << 40));
        assert!(BACKOFF.delay(u64::MAX, 7) <= BACKOFF.max);
        assert!(BACKOFF.delay(31, 7) >= BACKOFF.max / 2);
    }

    #[test]
    fn dice_differ_by_seed_and_by_roll() {
        assert_ne!(dice(1, 1), dice(1, 2));
        assert_ne!(dice(1, 1), dice(2, 1));
        assert_eq!(dice(5, 9), dice(5, 9));
    }

    /// The numbers that other programs draw by SplitMix64 from the same seed.
    #[test]
    fn dice_are_those_of_splitmix64() {
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([1, 2, 3].map(|roll| dice(1_234_567, roll)), expected);
    }
}
