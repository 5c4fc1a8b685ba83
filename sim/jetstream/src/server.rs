//! The server: what clients ask of it, and what time does.

mod edits;

use std::collections::VecDeque;
use std::sync::Arc;

use warehouse_sink_core::{MessageId, Timestamp};

use crate::clock::Clock;
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
    /// The delivery up to which all is settled.
    pub ack_floor_delivery: u64,
    /// The newest delivery: its number, and its stream sequence.
    pub delivered: (u64, u64),
    /// Pull requests that wait.
    pub waiting: usize,
}

/// What came of the creation of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It was created.
    Created,
    /// There was one.
    Exists,
    /// It is refused.
    Refused,
}

/// What a server that dies forgets of what it had not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forget {
    /// Nothing: the process was killed, and the operating system kept its writes. (The real server may lose up to a tenth of a
    /// second more of the consumer's state: it writes that down later than it answers.)
    Nothing,
    /// The consumer's state since the last [`Server::sync`]: settled messages come again.
    Consumer,
    /// The stream's state since then as well: its newer messages are lost, and their sequences are used again.
    StreamAndConsumer,
}

/// What a restart finds.
#[derive(Clone, Debug)]
struct Synced {
    stream: Stream,
    consumer: Option<Consumer>,
}

/// A JetStream server with one stream.
#[derive(Clone, Debug)]
pub struct Server {
    stream: Stream,
    consumer: Option<Consumer>,
    waiting: WaitingPulls,
    synced: Synced,
    refuses_consumers: bool,
    /// What the ack floor of the deleted consumer passed by, though it was not settled.
    ended: Vec<MessageId>,
    effects: VecDeque<Effect>,
    /// The length of the reply subjects' fixed part.
    names: usize,
    /// The server's wall clock at the origin of time, in nanoseconds since the Unix epoch.
    epoch: i64,
}

impl Server {
    /// A server with an empty stream and no consumer.
    pub fn new(config: StreamConfig, stream: &str, consumer: &str) -> Self {
        let names = format!("$JS.ACK.{stream}.{consumer}.").len();
        let stream = Stream::new(config);
        Server {
            synced: Synced { stream: stream.clone(), consumer: None },
            stream,
            consumer: None,
            waiting: WaitingPulls::default(),
            refuses_consumers: false,
            ended: Vec::new(),
            effects: VecDeque::new(),
            names,
            epoch: 1_700_000_000_000_000_000,
        }
    }

    /// Whether the stream has this very message.
    pub fn has(&self, message: MessageId) -> bool {
        self.stream.get(message.stream_sequence).is_some_and(|found| found.id == message)
    }

    /// What the last calls led to. Call until None.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Stores a message.
    pub fn publish(&mut self, now: Timestamp, subject: Arc<str>, body: Arc<[u8]>) -> MessageId {
        let time = self.clock(now).wall();
        let (id, dropped) = self.stream.publish(time, subject, body);
        self.drop_messages(dropped);
        self.serve(now);
        id
    }

    fn drop_messages(&mut self, dropped: impl IntoIterator<Item = MessageId>) {
        for dropped in dropped {
            self.effects.push_back(Effect::Note(Note::Dropped(dropped)));
            if let Some(consumer) = &mut self.consumer {
                consumer.dropped(dropped.stream_sequence);
            }
        }
    }

    /// Purges the stream of all messages before this sequence; None stands for all that there are.
    pub fn purge(&mut self, now: Timestamp, before: Option<u64>) {
        let clock = self.clock(now);
        let purged = self.stream.purge(before.unwrap_or(u64::MAX));
        self.effects.extend(purged.into_iter().map(|purged| Effect::Note(Note::Dropped(purged))));
        let first = self.stream.first();
        if let Some(consumer) = &mut self.consumer {
            consumer.purged(clock, first);
        }
        self.serve(now);
    }

    /// Moves the wall clock by this many nanoseconds, back where they are negative. What is published then has that time. Running
    /// ack waits don't notice; after a restart they do, for they are written down by the wall clock.
    pub fn move_wall_clock(&mut self, nanoseconds: i64) {
        self.epoch = self.epoch.saturating_add(nanoseconds);
    }

    fn clock(&self, now: Timestamp) -> Clock {
        Clock { now, epoch: self.epoch }
    }

    /// Creates the consumer unless there is one.
    pub fn create_consumer(&mut self, config: ConsumerConfig) -> Creation {
        if self.consumer.is_some() {
            return Creation::Exists;
        }
        if self.refuses_consumers {
            return Creation::Refused;
        }
        let consumer = Consumer::new(config, &self.stream);
        let passed = |message: &MessageId| message.stream_sequence < consumer.next_stream && self.has(*message);
        let passed: Vec<_> = self.ended.iter().filter(|message| passed(message)).copied().collect();
        self.ended.clear();
        self.note_ended(passed);
        self.consumer = Some(consumer);
        // A consumer's creation is synced before it is answered.
        self.synced.consumer.clone_from(&self.consumer);
        Creation::Created
    }

    fn note_ended(&mut self, ended: Vec<MessageId>) {
        self.effects.extend(ended.into_iter().map(|message| Effect::Note(Note::Exhausted(message))));
    }

    /// Deletes the consumer; its pull requests end.
    pub fn delete_consumer(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            self.ended.extend(consumer.ended());
            let effects = &mut self.effects;
            self.waiting.end_all(End::ConsumerDeleted, |inbox, end| effects.push_back(Effect::Ended(inbox, end)));
        }
        self.synced.consumer = None;
    }

    /// Deletes the stream, and its consumer with it, and creates it anew: its sequences begin with 1 again.
    pub fn recreate_stream(&mut self) {
        self.delete_consumer();
        let dropped = self.stream.messages().map(|message| Effect::Note(Note::Dropped(message.id)));
        self.effects.extend(dropped);
        self.stream = self.stream.anew();
        self.sync();
    }

    /// How far the consumer is; None where there is none.
    pub fn consumer(&self) -> Option<ConsumerInfo> {
        let consumer = self.consumer.as_ref()?;
        Some(ConsumerInfo {
            pending: consumer.num_pending(&self.stream),
            ack_pending: consumer.pending.len(),
            redelivered: consumer.redelivered(),
            ack_floor: consumer.stored.floor.stream,
            ack_floor_delivery: consumer.stored.floor.consumer,
            delivered: (consumer.stored.delivered.consumer, consumer.stored.delivered.stream),
            waiting: self.waiting.len(),
        })
    }

    /// Whether the consumer has more and delivers nothing new until something is settled: max ack pending is reached.
    pub fn is_exhausted(&self) -> bool {
        self.consumer.as_ref().is_some_and(|consumer| consumer.is_full() && consumer.num_pending(&self.stream) > 0)
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

    /// Takes a settlement; gives the message that it names, if an ack or a term took that from the pending ones.
    pub fn settle(&mut self, now: Timestamp, reply: &Reply, verdict: Verdict) -> Option<MessageId> {
        let clock = self.clock(now);
        let consumer = self.consumer.as_mut()?;
        let wakes = consumer.wakes(reply, verdict);
        let settled = consumer.settle(clock, reply, verdict);
        if wakes {
            self.serve(now);
        }
        settled
    }

    /// Subscriptions are gone: their pull requests get nothing more.
    pub fn lose_interest(&mut self, gone: impl Fn(Inbox) -> bool) {
        self.waiting.lose_interest(gone);
    }

    /// When [`Server::tick`] is next to be called.
    pub fn next_timer(&self) -> Option<Timestamp> {
        let due = self.consumer.as_ref().and_then(Consumer::next_due);
        let goes_on = self.consumer.as_ref().and_then(|consumer| consumer.paused);
        [due, goes_on, self.waiting.next_expiry()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Timestamp) {
        let clock = self.clock(now);
        let Server { consumer, waiting, effects, .. } = self;
        if let Some(consumer) = consumer {
            consumer.expire(clock, |note| effects.push_back(Effect::Note(note)));
        }
        waiting.expire(now, |inbox, end| effects.push_back(Effect::Ended(inbox, end)));
        self.serve(now);
    }

    /// Makes durable all that is there: it survives any restart.
    pub fn sync(&mut self) {
        self.synced = Synced { stream: self.stream.clone(), consumer: self.consumer.clone() };
    }

    /// Dies and comes up again. Connections and pull requests are gone; gives the messages that the stream lost.
    pub fn restart(&mut self, now: Timestamp, forget: Forget) -> Vec<MessageId> {
        self.waiting = WaitingPulls::default();
        self.effects.clear();
        let mut lost = Vec::new();
        if forget == Forget::StreamAndConsumer {
            let kept = self.synced.stream.last();
            let newer = self.stream.messages().filter(|message| message.id.stream_sequence > kept);
            lost.extend(newer.map(|message| message.id));
            self.stream.clone_from(&self.synced.stream);
        }
        let running = self.consumer.take();
        let found = if forget == Forget::Nothing { running } else { self.synced.consumer.take() };
        let clock = self.clock(now);
        let ended: Vec<_> = found.iter().flat_map(Consumer::ended).filter(|message| self.has(*message)).collect();
        self.note_ended(ended);
        self.consumer = found.map(|found| Consumer::recover(found, clock, &self.stream));
        self.sync();
        self.tick(now);
        lost
    }

    /// Delivers what can be delivered.
    fn serve(&mut self, now: Timestamp) {
        let clock = self.clock(now);
        let Server { stream, consumer: Some(consumer), waiting, effects, names, .. } = self else { return };
        consumer.paused = consumer.paused.filter(|until| *until > now);
        if consumer.paused.is_some() {
            return;
        }
        while !waiting.is_empty() {
            let note = |note| effects.push_back(Effect::Note(note));
            let Some(reply) = consumer.next_message(clock, stream, note) else { break };
            let Some(message) = stream.get(reply.message.stream_sequence) else { break };
            let size = message.subject.len() as u64 + reply.subject_bytes(*names) + message.body.len() as u64;
            let Some(taker) = waiting.next(size, |inbox, end| effects.push_back(Effect::Ended(inbox, end))) else {
                consumer.put_back(&reply);
                break;
            };
            consumer.deliver(clock, &reply);
            let (subject, body) = (message.subject.clone(), message.body.clone());
            effects.push_back(Effect::Deliver(taker.inbox, Delivered { reply, subject, body }));
            if taker.bytes_left_over {
                effects.push_back(Effect::Ended(taker.inbox, End::BatchCompleted));
            }
        }
        waiting.drop_gone();
    }
}
