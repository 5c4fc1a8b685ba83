//! Once nothing fails any more, everything comes to rest.

use warehouse_sink_core::Timestamp;

use super::Oracle;
use crate::history::Happening;

#[derive(Default)]
pub(super) struct Liveness {
    healed: bool,
    at_rest: bool,
}

impl Oracle for Liveness {
    const NAME: &'static str = "comes to rest";

    fn see(&mut self, _: Timestamp, happening: &Happening) -> Result<bool, String> {
        match happening {
            Happening::Healed => self.healed = true,
            Happening::AtRest => self.at_rest = true,
            Happening::Stuck { unsettled } => return Err(format!("{unsettled} messages are never settled")),
            _ => {}
        }
        Ok(false)
    }

    fn end(&mut self) -> Result<bool, String> {
        if self.healed && !self.at_rest { Err("the run ended before it came to rest".to_owned()) } else { Ok(true) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::*;
    use super::*;

    #[test]
    fn rest_is_right_and_its_absence_wrong() {
        assert_eq!(judged::<Liveness>(&[Happening::Healed, Happening::AtRest]), Ok(1));
        assert!(judged::<Liveness>(&[Happening::Healed]).is_err());
        assert!(judged::<Liveness>(&[Happening::Healed, Happening::Stuck { unsettled: 3 }]).is_err());
    }
}
