//! A share of something.

use super::value::{Raw, Value};

/// A share in whole percent, below the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(u8);

impl Percent {
    /// The percent.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Value for Percent {
    const KIND: &'static str = "percentage";
    const EXPECTED: &'static str = "a percentage from 0% to 99%, such as \"20%\"";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let percent = raw.text()?.trim().strip_suffix('%')?.trim_end().parse().ok()?;
        (percent < 100).then_some(Percent(percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_its_sign_and_is_not_the_whole() {
        let percent = |text: &str| Percent::from_raw(&Raw::Text(text.to_owned())).map(Percent::get);
        assert_eq!((percent("20%"), percent(" 0 % "), percent("99%")), (Some(20), Some(0), Some(99)));
        for wrong in ["", "20", "0.2", "100%", "-1%", "2.5%", "%"] {
            assert_eq!(percent(wrong), None, "{wrong:?}");
        }
        assert_eq!(Percent::from_raw(&Raw::Integer(20)), None, "a number could be a share of one");
    }
}
