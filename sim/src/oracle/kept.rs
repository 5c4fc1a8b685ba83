//! What is done with is let go of: once everything is settled, no process holds a handle, a row or an encoded byte, whatever its gauges say.

use warehouse_sink_core::Timestamp;

use super::Oracle;
use crate::history::Happening;

#[derive(Default)]
pub(super) struct Kept;

impl Oracle for Kept {
    const NAME: &'static str = "nothing is kept";

    fn see(&mut self, _: Timestamp, happening: &Happening) -> Result<bool, String> {
        match happening {
            Happening::AtRest => Ok(true),
            Happening::Kept { process, what, value } => {
                Err(format!("{process:?} keeps {value} {what} that it has no more use for"))
            }
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::*;
    use super::*;
    use crate::history::ProcessId;

    #[test]
    fn what_is_kept_at_rest_is_wrong() {
        let kept = Happening::Kept { process: ProcessId(0), what: "handles", value: 1 };
        assert_eq!(judged::<Kept>(&[Happening::AtRest]), Ok(1));
        assert!(judged::<Kept>(&[Happening::AtRest, kept]).is_err());
    }
}
