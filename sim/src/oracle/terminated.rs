//! Only poison is terminated, and only once it is stored; and poison is never acked.

use warehouse_sink_core::Timestamp;
use warehouse_sink_jetstream_model::Verdict;

use super::Oracle;
use super::facts::Facts;
use crate::history::Happening;

#[derive(Default)]
pub(super) struct Terminated {
    facts: Facts,
}

impl Oracle for Terminated {
    const NAME: &'static str = "terminated only if poison and stored";

    fn see(&mut self, _: Timestamp, happening: &Happening) -> Result<bool, String> {
        self.facts.see(happening);
        let Happening::Received { process, reply, verdict, .. } = happening else { return Ok(false) };
        let message = reply.message;
        let poison = self.facts.event(message).is_some_and(|event| event.is_poison());
        match (verdict, poison) {
            (Verdict::Term, false) => Err(format!("{process:?} terminated {message:?}, which is no poison")),
            (Verdict::Ack, true) => Err(format!("{process:?} acked {message:?}, which is poison")),
            (Verdict::Term, true) => match self.facts.missing(message) {
                Some(_) => Err(format!("{process:?} terminated {message:?}, which is no dead letter yet")),
                None => Ok(true),
            },
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::*;
    use super::*;

    const POISON: u8 = 255;

    #[test]
    fn poison_is_terminated_once_it_is_stored() {
        let history = [start(0), published(1, POISON), durable(&[(1, POISON)]), received(0, 1, Verdict::Term)];
        assert_eq!(judged::<Terminated>(&history), Ok(1));
        let early = [start(0), published(1, POISON), received(0, 1, Verdict::Term)];
        assert!(judged::<Terminated>(&early).unwrap_err().contains("no dead letter"));
    }

    #[test]
    fn nothing_else_is_terminated() {
        let history = [start(0), published(1, 2), durable(&[(1, 2)]), received(0, 1, Verdict::Term)];
        assert!(judged::<Terminated>(&history).unwrap_err().contains("no poison"));
        let acked = [start(0), published(1, POISON), durable(&[(1, POISON)]), received(0, 1, Verdict::Ack)];
        assert!(judged::<Terminated>(&acked).unwrap_err().contains("is poison"));
    }
}
