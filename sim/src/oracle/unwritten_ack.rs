//! Nothing is acked before it is stored: judged when the server gets the ack, by what is durable then.

use warehouse_sink_core::Timestamp;
use warehouse_sink_jetstream_model::Verdict;

use super::Oracle;
use super::facts::Facts;
use crate::history::Happening;

#[derive(Default)]
pub(super) struct UnwrittenAck {
    facts: Facts,
}

impl Oracle for UnwrittenAck {
    const NAME: &'static str = "no un-written ack";

    fn see(&mut self, _: Timestamp, happening: &Happening) -> Result<bool, String> {
        self.facts.see(happening);
        let Happening::Received { process, reply, verdict: Verdict::Ack, settled } = happening else {
            return Ok(false);
        };
        if let Some(row) = self.facts.missing(reply.message) {
            return Err(format!("{process:?} acked {:?}, and its row {row} is not durable", reply.message));
        }
        // An ack goes by the sequence. A process that has seen the message which has the sequence
        // now must not send it.
        for other in settled.iter().filter(|settled| !self.facts.excuses(*process, **settled, reply)) {
            if let Some(row) = self.facts.missing(*other) {
                return Err(format!(
                    "{process:?}'s ack of {:?} settled {other:?}, and its row {row} is not durable",
                    reply.message
                ));
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use warehouse_sink_core::MessageId;
    use warehouse_sink_jetstream_model::Reply;

    use super::super::made_up::*;
    use super::*;

    #[test]
    fn an_ack_after_the_write_is_right() {
        let history = [start(0), published(1, 2), handed(0, 1), durable(&[(1, 2)]), received(0, 1, Verdict::Ack)];
        assert_eq!(judged::<UnwrittenAck>(&history), Ok(1));
    }

    #[test]
    fn an_ack_that_reaches_a_later_message_is_wrong_where_the_process_knew_of_it() {
        let Happening::Received { process, reply, verdict, .. } = received(0, 1, Verdict::Ack) else { unreachable!() };
        let later = MessageId { published_at: 5_000, ..reply.message };
        let reaches = Happening::Received { process, reply, verdict, settled: Some(later) };
        let Happening::Published { event, .. } = published(1, 2) else { unreachable!() };
        let again = Happening::Published { message: later, event };
        let handed_later =
            Happening::Handed { process, reply: Reply { message: later, ..reply }, consumer: 0, bytes: 10 };
        let acked = settling(0, 1, Verdict::Ack);
        let begin = [start(0), published(1, 2), handed(0, 1), durable(&[(1, 2)]), again];
        let ends = |rest: [Happening; 3]| judged::<UnwrittenAck>(&[&begin[..], &rest[..]].concat());
        assert!(ends([handed_later.clone(), acked.clone(), reaches.clone()]).is_err());
        assert!(ends([acked, handed_later, reaches]).is_ok());
    }

    #[test]
    fn an_ack_before_the_write_is_wrong() {
        let history = [start(0), published(1, 2), handed(0, 1), received(0, 1, Verdict::Ack), durable(&[(1, 2)])];
        assert!(judged::<UnwrittenAck>(&history).is_err());
    }
}
