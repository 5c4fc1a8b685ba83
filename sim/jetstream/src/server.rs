//! The server: what clients ask of it, and what time does.

use std::collections::VecDeque;
use std::sync::Arc;

use warehouse_sink_core::{MessageId, Timestamp};

use crate::consumer::Consumer;
use crate::stream::Stream;
use crate::waiting::WaitingPulls;
use crate::{ConsumerConfig, Delivered, Effect, End, Inbox, Message, Note, PullRequest, Reply, StreamConfig, Verdict};

/// What `CONSUMER.INFO` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerInfo {
    /// Messages that were never delivered.
    pub pending: u64,
    /// Messages that are delivered and not settled.
    pub ack_pending: usize,
    /// Messages, of those not acked or terminated, that were delivered more than once.
    pub redelivered: usize,
    /// The stream sequence up to which all is settled.
    pub ack_floor: u64,
    /// The newest delivery: its number, and its stream sequence.
    pub delivered: (u64, u64),
    /// Pull requests that wait.
    pub waiting: usize,
}

/// What a server that dies forgets of what it had not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forget {
    /// Nothing: the process was killed, and the operating system kept its writes.
    Nothing,
    /// The consumer's state since the last [`Server::sync`]: settled messages come again.
    Consumer,
    /// The stream's messages since then as well; their sequences are used again.
    StreamAndConsumer,
}

/// What a restart finds.
#[derive(Clone, Debug)]
struct Synced {
    last: u64,
    consumer: Option<Consumer>,
}

/// A JetStream server with one stream.
#[derive(Clone, Debug)]
pub struct Server {
    stream: Stream,
    consumer: Option<Consumer>,
    waiting: WaitingPulls,
    synced: Synced,
    effects: VecDeque<Effect>,
    /// The length of the reply subjects' fixed part.
    names: usize,
    /// The server's wall clock at the origin of time, in nanoseconds since the Unix epoch.
    epoch: i64,
}

impl Server {
    /// A server with an empty stream and no consumer.
    pub fn new(config: StreamConfig, stream: &str, consumer: &str) -> Self {
        Server {
            stream: Stream::new(config),
            consumer: None,
            waiting: WaitingPulls::default(),
            synced: Synced { last: 0, consumer: None },
            effects: VecDeque::new(),
            names: format!("$JS.ACK.{stream}.{consumer}.").len(),
            epoch: 1_700_000_000_000_000_000,
        }
    }

    /// What the last calls led to. Call until None.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Stores a message.
    pub fn publish(&mut self, now: Timestamp, subject: Arc<str>, body: Arc<[u8]>) -> MessageId {
        let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let time = self.epoch.saturating_add(micros.saturating_mul(1000));
        let (id, dropped) = self.stream.publish(time, subject, body);
        if let Some(dropped) = dropped {
            self.effects.push_back(Effect::Note(Note::Dropped(dropped)));
            let first = self.stream.first();
            if let Some(consumer) = &mut self.consumer {
                consumer.forget_before(first);
            }
        }
        self.serve(now);
        id
    }

    /// Moves the wall clock by so many nanoseconds, forwards or back.
    pub fn move_clock(&mut self, nanos: i64) {
        self.epoch = self.epoch.saturating_add(nanos);
    }

    /// Creates the consumer unless there is one; says whether it did.
    pub fn create_consumer(&mut self, config: ConsumerConfig) -> bool {
        if self.consumer.is_some() {
            return false;
        }
        self.consumer = Some(Consumer::new(config, &self.stream));
        // A consumer's creation is synced before it is answered.
        self.synced.consumer.clone_from(&self.consumer);
        true
    }

    /// Deletes the consumer; its pull requests end.
    pub fn delete_consumer(&mut self) {
        if self.consumer.take().is_some() {
            let effects = &mut self.effects;
            self.waiting.end_all(End::ConsumerDeleted, |inbox, end| effects.push_back(Effect::Ended(inbox, end)));
        }
        self.synced.consumer = None;
    }

    /// How far the consumer is; None where there is none.
    pub fn consumer(&self) -> Option<ConsumerInfo> {
        let consumer = self.consumer.as_ref()?;
        Some(ConsumerInfo {
            pending: consumer.num_pending(&self.stream),
            ack_pending: consumer.ack_pending(),
            redelivered: consumer.redelivered(),
            ack_floor: consumer.ack_floor(),
            delivered: consumer.delivered(),
            waiting: self.waiting.len(),
        })
    }

    /// The newest sequence of the stream.
    pub fn last_sequence(&self) -> u64 {
        self.stream.last()
    }

    /// What the stream holds, in order.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.stream.messages()
    }

    /// The messages that the consumer has not settled, the undelivered ones included.
    pub fn unsettled(&self) -> impl Iterator<Item = &Message> {
        let done = |message: &Message| self.consumer.as_ref().is_some_and(|consumer| consumer.is_done(message));
        self.stream.messages().filter(move |message| !done(message))
    }

    /// Takes a pull request.
    pub fn pull(&mut self, now: Timestamp, inbox: Inbox, request: PullRequest) {
        if self.consumer.is_none() {
            self.effects.push_back(Effect::Ended(inbox, End::NoResponders));
            return;
        }
        self.waiting.add(now, inbox, request);
        self.serve(now);
    }

    /// Takes a settlement; gives the message that an ack or a term took from the pending ones, if it took any.
    pub fn settle(&mut self, now: Timestamp, reply: &Reply, verdict: Verdict) -> Option<MessageId> {
        let settled = self.consumer.as_mut().and_then(|consumer| consumer.settle(now, reply, verdict));
        self.serve(now);
        settled
    }

    /// Subscriptions are gone: their pull requests get nothing more.
    pub fn lose_interest(&mut self, gone: impl Fn(Inbox) -> bool) {
        self.waiting.lose_interest(gone);
    }

    /// When [`Server::tick`] is next to be called.
    pub fn next_timer(&self) -> Option<Timestamp> {
        let due = self.consumer.as_ref().and_then(Consumer::next_due);
        [due, self.waiting.next_expiry()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Timestamp) {
        let Server { consumer, waiting, effects, .. } = self;
        if let Some(consumer) = consumer {
            consumer.expire(now, |note| effects.push_back(Effect::Note(note)));
        }
        waiting.expire(now, |inbox, end| effects.push_back(Effect::Ended(inbox, end)));
        self.serve(now);
    }

    /// Makes durable all that is there: it survives any restart.
    pub fn sync(&mut self) {
        self.synced = Synced { last: self.stream.last(), consumer: self.consumer.clone() };
    }

    /// Dies and comes up again. Connections and pull requests are gone; gives the messages that the stream lost.
    pub fn restart(&mut self, now: Timestamp, forget: Forget) -> Vec<MessageId> {
        self.waiting = WaitingPulls::default();
        self.effects.clear();
        let mut lost = Vec::new();
        if forget != Forget::Nothing {
            self.consumer.clone_from(&self.synced.consumer);
        }
        if forget == Forget::StreamAndConsumer {
            lost = self.stream.forget_after(self.synced.last);
        }
        let (first, last) = (self.stream.first(), self.stream.last());
        if let Some(consumer) = &mut self.consumer {
            consumer.forget_before(first);
            consumer.forget_after(last);
        }
        self.sync();
        self.tick(now);
        lost
    }

    /// Delivers what can be delivered.
    fn serve(&mut self, now: Timestamp) {
        let Server { stream, consumer: Some(consumer), waiting, effects, names, .. } = self else { return };
        while !waiting.is_empty() {
            let Some(candidate) = consumer.candidate(stream) else { return };
            let Some(message) = stream.get(candidate.reply.message.stream_sequence) else { return };
            let size = message.subject.len() as u64 + candidate.reply.subject_bytes(*names) + message.body.len() as u64;
            let next = waiting.next(size, |inbox, end| effects.push_back(Effect::Ended(inbox, end)));
            let Some(inbox) = next else { return };
            consumer.deliver(now, &candidate);
            let (subject, body) = (message.subject.clone(), message.body.clone());
            effects.push_back(Effect::Deliver(inbox, Delivered { reply: candidate.reply, subject, body }));
        }
    }
}
