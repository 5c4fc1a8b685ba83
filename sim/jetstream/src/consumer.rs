//! The consumer's running state: what is delivered and not settled, what is to be delivered again, and the ack floor.

use std::collections::{BTreeMap, VecDeque};

use warehouse_sink_core::{MessageId, Timestamp};

use crate::clock::{Clock, nanos};
use crate::stored::{Position, Stored};
use crate::stream::Stream;
use crate::{ConsumerConfig, Message, Note, Reply, Start};

#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub id: MessageId,
    /// The first delivery's number; later deliveries keep it.
    pub consumer_sequence: u64,
    /// When its ack wait, or the delay of its nak, is over.
    pub due: Timestamp,
}

/// A consumer as it runs, and what is written down of it.
#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    pub config: ConsumerConfig,
    /// Nothing is delivered until then.
    pub paused: Option<Timestamp>,
    pub stored: Stored,
    pub(crate) pending: BTreeMap<u64, Pending>,
    pub(crate) redeliver: VecDeque<u64>,
    /// How often a message was delivered again.
    pub(crate) redelivered: BTreeMap<u64, u64>,
    pub(crate) next_stream: u64,
    pub(crate) next_consumer: u64,
    pub(crate) floor: Position,
}

impl Consumer {
    pub fn new(config: ConsumerConfig, stream: &Stream) -> Self {
        let next_stream = match config.start {
            Start::All => stream.first(),
            Start::Sequence(sequence) => sequence.max(stream.first()),
        };
        Consumer {
            config,
            paused: None,
            stored: Stored::starting(next_stream - 1),
            pending: BTreeMap::new(),
            redeliver: VecDeque::new(),
            redelivered: BTreeMap::new(),
            next_stream,
            next_consumer: 1,
            floor: Position { consumer: 0, stream: next_stream - 1 },
        }
    }

    /// Goes on with another configuration. A new ack wait counts for what is delivered already, from where the old one counted.
    pub fn update(&mut self, config: ConsumerConfig) {
        let (before, after) = (self.config.ack_wait, config.ack_wait);
        for pending in self.pending.values_mut() {
            let longer = pending.due.saturating_add(after.saturating_sub(before));
            let shorter = before.saturating_sub(after);
            pending.due = Timestamp::from_micros(longer.as_micros().saturating_sub(shorter.as_micros() as u64));
        }
        self.config = ConsumerConfig { start: self.config.start, ..config };
    }

    /// Messages that were delivered more than once, those included that are delivered no more.
    pub fn redelivered(&self) -> usize {
        // What may be delivered once only is not called redelivered, though the server keeps track of it.
        if self.config.max_deliver == Some(1) { 0 } else { self.redelivered.len() }
    }

    pub fn num_pending(&self, stream: &Stream) -> u64 {
        stream.from(self.next_stream, self.config.filter.as_deref()).count() as u64
    }

    /// Takes the message that is to be delivered next; gives the reply that it would go out with. Redeliveries come first,
    /// whatever max ack pending says.
    pub fn next_message(&mut self, clock: Clock, stream: &Stream, mut note: impl FnMut(Note)) -> Option<Reply> {
        while let Some(sequence) = self.redeliver.pop_front() {
            let again = self.redelivered.entry(sequence).or_default();
            *again += 1;
            let count = *again + 1;
            if self.config.max_deliver.is_some_and(|most| count > most) {
                self.exhausted(clock, sequence, count, &mut note);
                continue;
            }
            if let Some(message) = stream.get(sequence) {
                return Some(self.reply(message.id, count, stream));
            }
            self.uncount(sequence);
        }
        if self.is_full() {
            return None;
        }
        let next = stream.from(self.next_stream, self.config.filter.as_deref()).next();
        let end = next.map_or(stream.last() + 1, |message| message.id.stream_sequence);
        let passed_over = stream.from(self.next_stream, None).take_while(|message| message.id.stream_sequence < end);
        passed_over.for_each(|message| note(Note::PassedOver(message.id)));
        let Some(message) = next else {
            self.next_stream = self.next_stream.max(end);
            return None;
        };
        self.next_stream = message.id.stream_sequence + 1;
        Some(self.reply(message.id, 1, stream))
    }

    pub(crate) fn is_full(&self) -> bool {
        self.config.max_ack_pending.is_some_and(|most| self.pending.len() >= most)
    }

    fn reply(&self, message: MessageId, delivery_count: u64, stream: &Stream) -> Reply {
        let pending = self.num_pending(stream);
        Reply { message, consumer_sequence: self.next_consumer, delivery_count, pending }
    }

    /// A message that was queued for redelivery has no delivery left. That shows when a pull asks for it.
    fn exhausted(&mut self, clock: Clock, sequence: u64, count: u64, note: &mut impl FnMut(Note)) {
        let Some(pending) = self.pending.remove(&sequence) else { return };
        let since = self.since(clock, pending.due);
        self.stored.update_delivered(&self.config, pending.consumer_sequence, sequence, count, since);
        self.raise_floor(Position { consumer: pending.consumer_sequence, stream: sequence });
        note(Note::Exhausted(pending.id));
    }

    fn uncount(&mut self, sequence: u64) {
        if let Some(again) = self.redelivered.get_mut(&sequence) {
            *again -= 1;
            if *again == 0 {
                self.redelivered.remove(&sequence);
            }
        }
    }

    /// Nobody took the message. A redelivery goes behind all others.
    pub fn put_back(&mut self, reply: &Reply) {
        let sequence = reply.message.stream_sequence;
        if reply.delivery_count == 1 {
            self.next_stream = sequence;
        } else {
            self.uncount(sequence);
            self.redeliver.push_back(sequence);
        }
    }

    /// The message was sent.
    pub fn deliver(&mut self, clock: Clock, reply: &Reply) {
        let Reply { message: id, consumer_sequence, delivery_count, .. } = *reply;
        let sequence = id.stream_sequence;
        // What is written down as the time of the delivery is the time of publishing.
        self.stored.update_delivered(&self.config, consumer_sequence, sequence, delivery_count, id.published_at);
        let due = clock.now.saturating_add(self.config.ack_wait);
        self.pending.entry(sequence).or_insert(Pending { id, consumer_sequence, due }).due = due;
        self.next_consumer += 1;
    }

    /// The wall clock's time from which an ack wait counts that ends then.
    pub(crate) fn since(&self, clock: Clock, due: Timestamp) -> i64 {
        clock.wall_at(due).saturating_sub(nanos(self.config.ack_wait))
    }

    pub(crate) fn raise_floor(&mut self, settled: Position) {
        if self.pending.is_empty() {
            self.floor_to_delivered();
        } else {
            let next = self.pending.range(settled.stream + 1..).next();
            let next = next.map(|(stream, next)| Position { consumer: next.consumer_sequence, stream: *stream });
            self.floor.raise(settled, next);
        }
    }

    pub(crate) fn floor_to_delivered(&mut self) {
        self.floor = Position { consumer: self.next_consumer - 1, stream: self.next_stream - 1 };
    }

    /// When something next becomes due. What is queued for redelivery already waits for a pull, not for time.
    pub fn next_due(&self) -> Option<Timestamp> {
        let waits = |sequence: &u64| !self.redeliver.contains(sequence);
        self.pending.iter().filter(|(sequence, _)| waits(sequence)).map(|(_, pending)| pending.due).min()
    }

    /// Queues what is due for redelivery, unless it was delivered often enough.
    pub fn expire(&mut self, clock: Clock, mut note: impl FnMut(Note)) {
        let due = |(sequence, pending): (&u64, &Pending)| {
            (pending.due <= clock.now && !self.redeliver.contains(sequence)).then_some((*sequence, pending.id))
        };
        let due: Vec<_> = self.pending.iter().filter_map(due).collect();
        for (sequence, id) in &due {
            note(Note::AckWaitOver(*id));
            if self.is_exhausted(*sequence) {
                self.give_up(clock, *sequence);
                note(Note::Exhausted(*id));
            } else {
                self.redeliver.push_back(*sequence);
            }
        }
        if !due.is_empty() && self.pending.is_empty() {
            self.redeliver.clear();
            self.floor_to_delivered();
        }
    }

    /// The server compares the number of *re*deliveries here, so that this is one delivery late where more than one is allowed.
    fn is_exhausted(&self, sequence: u64) -> bool {
        let again = self.redelivered.get(&sequence).copied().unwrap_or(1);
        self.config.max_deliver.is_some_and(|most| again >= most)
    }

    fn give_up(&mut self, clock: Clock, sequence: u64) {
        let again = self.redelivered.get(&sequence).copied().unwrap_or(1);
        if let Some(pending) = self.pending.remove(&sequence) {
            let since = self.since(clock, pending.due);
            self.stored.update_delivered(&self.config, pending.consumer_sequence, sequence, again + 1, since);
        }
        self.redelivered.insert(sequence, again);
    }

    /// Whether the message is neither delivered and pending, nor still to come.
    pub fn is_done(&self, message: &Message) -> bool {
        message.id.stream_sequence < self.next_stream && !self.pending.contains_key(&message.id.stream_sequence)
    }
}
