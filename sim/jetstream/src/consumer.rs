//! The consumer's own state: what is delivered and not settled, what is to be delivered again, and the ack floor.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use warehouse_sink_core::{MessageId, Timestamp};

use crate::stream::Stream;
use crate::{ConsumerConfig, Message, Note, Reply, Start, Verdict};

#[derive(Clone, Debug)]
struct Pending {
    id: MessageId,
    /// The first delivery's number; later deliveries keep it.
    consumer_sequence: u64,
    /// When its ack wait, or the delay of its nak, is over.
    due: Timestamp,
}

/// What the server writes down of a consumer, and finds again after a restart.
#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    pub config: ConsumerConfig,
    pending: BTreeMap<u64, Pending>,
    redeliver: VecDeque<u64>,
    /// How often a message was delivered, while that is more than once.
    counts: BTreeMap<u64, u64>,
    next_stream: u64,
    next_consumer: u64,
    floor: (u64, u64),
}

/// The next message, and the reply that it would go out with.
pub(crate) struct Candidate {
    pub reply: Reply,
    pub again: bool,
}

impl Consumer {
    pub fn new(config: ConsumerConfig, stream: &Stream) -> Self {
        let next_stream = match config.start {
            Start::All => stream.first(),
            Start::Sequence(sequence) => sequence.max(stream.first()),
        };
        Consumer {
            config,
            pending: BTreeMap::new(),
            redeliver: VecDeque::new(),
            counts: BTreeMap::new(),
            next_stream,
            next_consumer: 1,
            floor: (0, next_stream - 1),
        }
    }

    pub fn ack_pending(&self) -> usize {
        self.pending.len()
    }

    /// Messages that were delivered more than once, those included that are delivered no more.
    pub fn redelivered(&self) -> usize {
        self.counts.len()
    }

    pub fn num_pending(&self, stream: &Stream) -> u64 {
        stream.count_from(self.next_stream)
    }

    pub fn ack_floor(&self) -> u64 {
        self.floor.1
    }

    pub fn delivered(&self) -> (u64, u64) {
        (self.next_consumer - 1, self.next_stream - 1)
    }

    /// The message that would be delivered next. Redeliveries come first, whatever max ack pending says.
    pub fn candidate(&mut self, stream: &Stream) -> Option<Candidate> {
        while let Some(&sequence) = self.redeliver.front() {
            let Some(message) = stream.get(sequence).filter(|_| self.pending.contains_key(&sequence)) else {
                self.redeliver.pop_front();
                continue;
            };
            let count = self.count(sequence) + 1;
            return Some(Candidate { reply: self.reply(message.id, count, stream, 0), again: true });
        }
        if self.config.max_ack_pending.is_some_and(|most| self.pending.len() >= most) {
            return None;
        }
        let message = stream.from(self.next_stream)?;
        Some(Candidate { reply: self.reply(message.id, 1, stream, 1), again: false })
    }

    fn reply(&self, message: MessageId, delivery_count: u64, stream: &Stream, taken: u64) -> Reply {
        let pending = self.num_pending(stream).saturating_sub(taken);
        Reply { message, consumer_sequence: self.next_consumer, delivery_count, pending }
    }

    /// The candidate was sent.
    pub fn deliver(&mut self, now: Timestamp, candidate: &Candidate) {
        let sequence = candidate.reply.message.stream_sequence;
        if candidate.again {
            self.redeliver.pop_front();
            self.counts.insert(sequence, candidate.reply.delivery_count);
        } else {
            self.next_stream = sequence + 1;
        }
        let due = now.saturating_add(self.config.ack_wait);
        let first = Pending { id: candidate.reply.message, consumer_sequence: self.next_consumer, due };
        self.pending.entry(sequence).or_insert(first).due = due;
        self.next_consumer += 1;
    }

    fn count(&self, sequence: u64) -> u64 {
        self.counts.get(&sequence).copied().unwrap_or(1)
    }

    /// Takes a settlement; gives the message that it took from the pending ones.
    pub fn settle(&mut self, now: Timestamp, reply: &Reply, verdict: Verdict) -> Option<MessageId> {
        let sequence = reply.message.stream_sequence;
        if sequence >= self.next_stream {
            return None;
        }
        match verdict {
            Verdict::Ack | Verdict::Term => return self.remove(sequence),
            Verdict::Progress => self.postpone(sequence, now.saturating_add(self.config.ack_wait)),
            // What is below the floor was settled; so was anything that is not pending.
            Verdict::Nak(_) if reply.consumer_sequence <= self.floor.0 => {}
            Verdict::Nak(delay) => self.give_back(now, sequence, delay),
        }
        None
    }

    fn postpone(&mut self, sequence: u64, due: Timestamp) {
        if let Some(pending) = self.pending.get_mut(&sequence) {
            pending.due = due;
        }
    }

    fn give_back(&mut self, now: Timestamp, sequence: u64, delay: Duration) {
        if !self.pending.contains_key(&sequence) {
            return;
        }
        let queued = self.redeliver.contains(&sequence);
        if !delay.is_zero() {
            self.redeliver.retain(|other| *other != sequence);
            self.postpone(sequence, now.saturating_add(delay));
        } else if !queued {
            self.redeliver.push_back(sequence);
        }
    }

    /// An ack goes by the stream sequence: whichever delivery it is of, the message is settled.
    fn remove(&mut self, sequence: u64) -> Option<MessageId> {
        let pending = self.pending.remove(&sequence)?;
        self.counts.remove(&sequence);
        self.redeliver.retain(|other| *other != sequence);
        self.raise_floor(sequence, pending.consumer_sequence);
        Some(pending.id)
    }

    fn raise_floor(&mut self, sequence: u64, consumer_sequence: u64) {
        let Some(first) = self.pending.first_key_value() else {
            self.floor = (self.next_consumer - 1, self.next_stream - 1);
            return;
        };
        if consumer_sequence != self.floor.0 + 1 {
            return;
        }
        self.floor = (consumer_sequence, sequence);
        if *first.0 > sequence {
            self.floor = (first.1.consumer_sequence - 1, first.0 - 1);
        }
    }

    /// When something next becomes due. What is queued for redelivery already waits for a pull, not for time.
    pub fn next_due(&self) -> Option<Timestamp> {
        let waits = |sequence: &u64| !self.redeliver.contains(sequence);
        self.pending.iter().filter(|(sequence, _)| waits(sequence)).map(|(_, pending)| pending.due).min()
    }

    /// Queues what is due for redelivery, unless it was delivered often enough.
    pub fn expire(&mut self, now: Timestamp, mut note: impl FnMut(Note)) {
        let due = |(sequence, pending): (&u64, &Pending)| {
            (pending.due <= now && !self.redeliver.contains(sequence)).then_some((*sequence, pending.id))
        };
        let due: Vec<_> = self.pending.iter().filter_map(due).collect();
        for (sequence, id) in due {
            note(Note::AckWaitOver(id));
            if self.config.max_deliver.is_some_and(|most| self.count(sequence) >= most) {
                self.remove_exhausted(sequence);
                note(Note::Exhausted(id));
            } else {
                self.redeliver.push_back(sequence);
            }
        }
    }

    fn remove_exhausted(&mut self, sequence: u64) {
        self.pending.remove(&sequence);
    }

    /// The stream dropped its oldest messages: those that were delivered count as settled.
    pub fn forget_before(&mut self, first: u64) {
        let dropped: Vec<u64> = self.pending.range(..first).map(|(sequence, _)| *sequence).collect();
        for sequence in dropped {
            self.remove(sequence);
        }
        self.counts = self.counts.split_off(&first);
        self.next_stream = self.next_stream.max(first);
    }

    /// The stream lost its newest messages.
    pub fn forget_after(&mut self, last: u64) {
        self.pending.split_off(&(last + 1));
        self.counts.split_off(&(last + 1));
        self.redeliver.retain(|sequence| *sequence <= last);
        self.next_stream = self.next_stream.min(last + 1);
        self.floor.1 = self.floor.1.min(last);
    }

    /// Whether the message is neither delivered and pending, nor still to come.
    pub fn is_done(&self, message: &Message) -> bool {
        message.id.stream_sequence < self.next_stream && !self.pending.contains_key(&message.id.stream_sequence)
    }
}
