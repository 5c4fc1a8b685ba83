//! Whether deliveries are all that there are: what a source with an ack floor holds each of them against.
//!
//! A consumer numbers its deliveries. Within an epoch, which begins with the reset of the consumer, this process has to get every one of them:
//! a number that is left out was given to another process or lost on its way, and the message may be anywhere below those that come after
//! it. Then no later message may be acked, and a new epoch has to begin.

/// The deliveries of an epoch so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The number of the last one.
    delivered: u64,
    /// The newest message.
    newest: u64,
    /// The message that is acked with all before it.
    acked: u64,
}

/// What shows that the deliveries are not all that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disorder {
    /// Deliveries are missing, or the consumer was reset by another process.
    #[error("delivery {got} of the consumer came, and not {wanted}: others were given to another process, or lost")]
    Missing {
        /// The number of the delivery that came.
        got: u64,
        /// The number that the next one should have had.
        wanted: u64,
    },
    /// A message was delivered before, and not to this process; or never, and is older than others that were.
    #[error("delivery {count} of the message {stream_sequence} does not follow from those before")]
    Unknown {
        /// The message's sequence in the stream.
        stream_sequence: u64,
        /// How often it was delivered, this time included.
        count: u64,
    },
    /// Another process raised the floor, with an ack that came late. Messages that this one has given back may be below it, and never come
    /// again.
    #[error("the floor of the consumer is at the message {floor}, and {acked} was acked: another process acks too")]
    Raised {
        /// The floor, as a sequence of the stream.
        floor: u64,
        /// What this process acked last.
        acked: u64,
    },
    /// An acked message came again. The ack came too late for the server: a later delivery was acked before it.
    #[error("the message {stream_sequence} was acked and came again")]
    Acked {
        /// The message's sequence in the stream.
        stream_sequence: u64,
    },
}

impl Order {
    /// An epoch that begins above this message.
    pub fn above(floor: u64) -> Self {
        Order { delivered: 0, newest: floor, acked: floor }
    }

    /// Takes the next delivery in.
    ///
    /// # Errors
    ///
    /// Says what shows that this epoch is over.
    pub fn admit(&mut self, consumer_sequence: u64, stream_sequence: u64, count: u64) -> Result<(), Disorder> {
        let wanted = self.delivered + 1;
        if consumer_sequence != wanted {
            return Err(Disorder::Missing { got: consumer_sequence, wanted });
        }
        if (count == 1) != (stream_sequence > self.newest) {
            return Err(Disorder::Unknown { stream_sequence, count });
        }
        if stream_sequence <= self.acked {
            return Err(Disorder::Acked { stream_sequence });
        }
        self.delivered = consumer_sequence;
        self.newest = self.newest.max(stream_sequence);
        Ok(())
    }

    /// Takes in what the server says of the floor.
    ///
    /// # Errors
    ///
    /// Says what shows that this epoch is over.
    pub fn check_floor(&self, floor: u64) -> Result<(), Disorder> {
        if floor > self.acked { Err(Disorder::Raised { floor, acked: self.acked }) } else { Ok(()) }
    }

    /// This message and all before it are about to be acked.
    pub fn ack(&mut self, stream_sequence: u64) {
        self.acked = self.acked.max(stream_sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        let mut order = Order::above(9);
        assert_eq!(order.admit(1, 10, 1), Ok(()));
        assert_eq!(order.admit(2, 12, 1), Ok(()));
        order
    }

    #[test]
    fn takes_what_follows() {
        let mut order = order();
        assert_eq!(order.admit(3, 10, 2), Ok(()), "a redelivery");
        assert_eq!(order.admit(4, 13, 1), Ok(()));
    }

    #[test]
    fn sees_what_is_missing_doubled_or_reset() {
        for got in [4, 2, 1] {
            assert_eq!(order().admit(got, 13, 1), Err(Disorder::Missing { got, wanted: 3 }));
        }
    }

    #[test]
    fn sees_what_does_not_follow() {
        for (stream_sequence, count) in [(11, 1), (13, 2), (12, 1), (9, 1)] {
            assert_eq!(order().admit(3, stream_sequence, count), Err(Disorder::Unknown { stream_sequence, count }));
        }
    }

    #[test]
    fn sees_a_floor_that_another_raised() {
        let mut order = order();
        order.ack(10);
        assert_eq!(order.check_floor(9), Ok(()), "the ack is on its way");
        assert_eq!(order.check_floor(10), Ok(()));
        assert_eq!(order.check_floor(11), Err(Disorder::Raised { floor: 11, acked: 10 }));
    }

    #[test]
    fn sees_an_ack_that_did_not_count() {
        let mut order = order();
        order.ack(10);
        assert_eq!(order.admit(3, 10, 2), Err(Disorder::Acked { stream_sequence: 10 }));
        assert_eq!(order.admit(3, 12, 2), Ok(()));
    }
}
