//! The source of deliveries, as `io` sees it: over a link to the simulated server. It does what the one over async-nats does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use warehouse_sink_core::{Capacity, MessageId};
use warehouse_sink_io::source::{Incoming, Order, Pull, Settlement, Source, SourceError};
use warehouse_sink_jetstream_model::{ConsumerConfig, Delivered, End, Pin, PullRequest, Reply, Verdict};

use crate::fault::Call;
use crate::history::{Happening, History, ProcessId};
use crate::network::{Answer, Ask, Floor, Network};
use crate::process::Trap;
use crate::settings::MAX_MESSAGE;

/// How long an unanswered request stays with the server.
const EXPIRES: Duration = Duration::from_secs(2);
/// How long after its expiry a request may end.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the server may say nothing of a question.
const SILENCE: Duration = Duration::from_secs(5);
/// How often the floor is looked at.
const CHECK: Duration = Duration::from_secs(2);
/// How many messages are handed in at a time at most.
const CHUNK: usize = 16;

/// What settles a delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    pub reply: Reply,
    epoch: u64,
}

/// What a replica that is served alone knows.
#[derive(Clone, Debug, Default)]
struct Turn {
    /// What it is known by.
    pin: Option<Pin>,
    /// The epoch that has begun.
    epoch: Option<Epoch>,
}

#[derive(Clone, Debug)]
struct Epoch {
    number: u64,
    /// What was on its way on an earlier connection is lost.
    connection: u64,
    /// When the floor was last looked at.
    checked: Instant,
    order: Order,
}

/// What makes sure that an epoch has all deliveries. Wrong sinks leave it out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Care {
    /// The consumer is reset where an epoch begins.
    pub resets: bool,
    /// Deliveries are held against those before.
    pub orders: bool,
}

#[derive(Clone)]
pub(crate) struct SimSource {
    inner: Arc<Inner>,
}

struct Inner {
    process: ProcessId,
    network: Arc<Network>,
    consumer: ConsumerConfig,
    /// Whether the consumer was found and not lost since. No await is needed to say that it was lost, for
    /// [`Pull::next`] must not lose what it has taken when it is cancelled.
    attached: AtomicBool,
    /// Held across the look for the consumer, so that one fetcher looks for all.
    looking: tokio::sync::Mutex<()>,
    floor: Mutex<Option<Floor>>,
    /// Only where the consumer pins a replica.
    turn: Mutex<Turn>,
    epochs: AtomicU64,
    care: Care,
    history: History,
    trap: Trap,
}

impl SimSource {
    pub fn open(
        process: ProcessId,
        network: Arc<Network>,
        consumer: ConsumerConfig,
        history: History,
        trap: Trap,
        care: Care,
    ) -> Self {
        network.open(process);
        let attached = AtomicBool::new(false);
        let looking = tokio::sync::Mutex::new(());
        let (floor, turn, epochs) = (Mutex::new(None), Mutex::default(), AtomicU64::new(0));
        let inner = Inner { process, network, consumer, attached, looking, floor, turn, epochs, care, history, trap };
        SimSource { inner: Arc::new(inner) }
    }
}

impl SimSource {
    /// Whether acks settle all before their message.
    pub fn has_floor(&self) -> bool {
        self.inner.consumer.pinned.is_some()
    }
}

impl Inner {
    async fn attach(&self) -> Result<(), SourceError> {
        let _looking = self.looking.lock().await;
        if self.attached.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.trap.step(Call::Attach).await;
        let floor = *self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, answered) = oneshot::channel();
        self.network.send(self.process, Ask::Attach(floor, self.consumer.clone(), answer));
        let found = tokio::time::timeout(SILENCE, answered).await;
        let found =
            found.ok().and_then(Result::ok).ok_or_else(|| SourceError::new("could not look for the consumer"))?;
        *self.floor.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        self.attached.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn detach(&self) {
        self.attached.store(false, Ordering::Relaxed);
    }

    /// Sends a pull request.
    fn ask(self: &Arc<Self>, request: PullRequest, epoch: u64) -> SimPull {
        let (number, answers) = self.network.subscribe(self.process);
        self.network.send(self.process, Ask::Pull(number, request));
        let deadline = Instant::now() + EXPIRES + PATIENCE;
        SimPull { inner: self.clone(), number, epoch, answers, left: request.batch, deadline, ended: false }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The epoch that goes on, and the pin.
    fn epoch(&self) -> Option<(u64, Option<Pin>)> {
        let connection = self.network.connection(self.process);
        let turn = self.turn();
        let epoch = turn.epoch.as_ref().filter(|epoch| epoch.connection == connection)?;
        Some((epoch.number, turn.pin))
    }

    fn end_epoch(&self) {
        if self.turn().epoch.take().is_some() {
            self.history.note(Happening::EpochOver { process: self.process });
        }
    }

    fn note_end(&self, end: End) {
        if end == End::WrongPin {
            self.end_epoch();
            self.turn().pin = None;
        }
    }

    /// Waits for its turn, and has the consumer go back to its floor. None where another replica is served.
    async fn begin(self: &Arc<Self>) -> Result<Option<u64>, SourceError> {
        self.end_epoch();
        if self.turn().pin.is_none() {
            let pin = self.wait_for_pin().await?;
            self.turn().pin = pin;
        }
        if self.turn().pin.is_none() {
            return Ok(None);
        }
        let connection = self.network.connection(self.process);
        self.trap.step(Call::Reset).await;
        let (answer, answered) = oneshot::channel();
        let ask = if self.care.resets { Ask::Reset(answer) } else { Ask::Info(answer) };
        self.network.send(self.process, ask);
        let reset = tokio::time::timeout(SILENCE, answered).await;
        let reset = reset.ok().and_then(Result::ok);
        let floor = reset.ok_or_else(|| {
            self.detach();
            SourceError::new("could not reset the consumer")
        })?;
        let number = self.epochs.fetch_add(1, Ordering::Relaxed) + 1;
        self.turn().epoch = Some(Epoch { number, connection, checked: Instant::now(), order: Order::above(floor) });
        Ok(Some(number))
    }

    /// Looks from time to time whether another replica raised the floor.
    async fn check_floor(&self) {
        let due = self.turn().epoch.as_ref().is_some_and(|epoch| epoch.checked.elapsed() >= CHECK);
        if !due {
            return;
        }
        let (answer, answered) = oneshot::channel();
        self.network.send(self.process, Ask::Info(answer));
        let Ok(Ok(floor)) = tokio::time::timeout(SILENCE, answered).await else { return };
        let raised = self.turn().epoch.as_mut().is_some_and(|epoch| {
            epoch.checked = Instant::now();
            self.care.orders && epoch.order.check_floor(floor).is_err()
        });
        if raised {
            self.end_epoch();
        }
    }

    /// Waits for a message, which shows that this replica is served. It comes again once the consumer is reset.
    async fn wait_for_pin(self: &Arc<Self>) -> Result<Option<Pin>, SourceError> {
        self.trap.step(Call::Acquire).await;
        let mut probe = self.ask(probe(), 0);
        match probe.answer().await {
            Ok(Some(Answer::Message(delivered))) => Ok(delivered.pin),
            Ok(Some(Answer::End(End::ConsumerDeleted | End::NoResponders))) | Err(_) => {
                self.detach();
                Err(SourceError::new("the consumer is gone"))
            }
            Ok(_) => Ok(None),
        }
    }

    /// Holds a delivery against those before; whether it is of the epoch that goes on.
    fn admit(&self, number: u64, delivered: &Delivered) -> Result<bool, SourceError> {
        if self.consumer.pinned.is_none() {
            return Ok(true);
        }
        if self.epoch().is_none_or(|(current, _)| current != number) {
            return Ok(false);
        }
        let Reply { message, consumer_sequence, delivery_count, .. } = delivered.reply;
        let admitted = match &mut self.turn().epoch {
            Some(_) if !self.care.orders => Ok(()),
            Some(epoch) => epoch.order.admit(consumer_sequence, message.stream_sequence, delivery_count),
            None => return Ok(false),
        };
        admitted.map(|()| true).map_err(|disorder| {
            self.end_epoch();
            SourceError::caused_by("a new epoch has to begin", disorder)
        })
    }

    /// Whether a settlement still counts: the server has taken back what it delivered in an earlier epoch.
    fn settles(&self, reply: &Reply, number: u64, verdict: Verdict) -> bool {
        let mut turn = self.turn();
        let Some(epoch) = turn.epoch.as_mut().filter(|epoch| epoch.number == number) else { return false };
        if verdict == Verdict::Ack {
            epoch.order.ack(reply.message.stream_sequence);
        }
        true
    }
}

/// A pull request for whatever comes first.
fn probe() -> PullRequest {
    PullRequest { batch: 1, max_bytes: None, expires: EXPIRES, pin: None }
}

impl Source for SimSource {
    type Message = SimMessage;
    type Handle = Handle;
    type Pull = SimPull;

    async fn begin(&self) -> Result<Option<u64>, SourceError> {
        if self.inner.consumer.pinned.is_none() {
            return Ok(Some(0));
        }
        self.inner.attach().await?;
        self.inner.check_floor().await;
        match self.inner.epoch() {
            Some((number, _)) => Ok(Some(number)),
            None => self.inner.begin().await,
        }
    }

    async fn pull(&self, limit: Capacity) -> Result<SimPull, SourceError> {
        let inner = &self.inner;
        inner.attach().await?;
        inner.trap.step(Call::Pull).await;
        let (epoch, pin) = inner.epoch().unwrap_or_default();
        let request = PullRequest { batch: limit.messages, max_bytes: Some(limit.bytes), expires: EXPIRES, pin };
        Ok(inner.ask(request, epoch))
    }

    async fn keep_turn(&self) -> bool {
        let inner = &self.inner;
        if inner.consumer.pinned.is_none() {
            return true;
        }
        let Some((_, pin)) = inner.epoch() else { return false };
        // No message is as small: what comes of it is that the server counts it, or that it is another's turn.
        let mut asked = inner.ask(PullRequest { max_bytes: Some(1), pin, ..probe() }, 0);
        if let Ok(Some(Answer::End(end))) = asked.answer().await {
            inner.note_end(end);
        }
        inner.check_floor().await;
        inner.epoch().is_some()
    }

    async fn settle(&self, handle: &Handle, settlement: Settlement) -> Result<(), SourceError> {
        let inner = &self.inner;
        let verdict = match settlement {
            Settlement::Ack => Verdict::Ack,
            Settlement::Nak(delay) => Verdict::Nak(delay),
            Settlement::Term => Verdict::Term,
            Settlement::Progress => Verdict::Progress,
        };
        let Handle { reply, epoch } = *handle;
        inner.history.note(Happening::Settling { process: inner.process, reply, verdict });
        if inner.consumer.pinned.is_some() && !inner.settles(&reply, epoch, verdict) {
            return Ok(());
        }
        // Two settlements are two sends, and a process can die between them.
        inner.trap.step(Call::Settle).await;
        inner.network.send(inner.process, Ask::Settle(reply, verdict));
        inner.trap.step(Call::Settled).await;
        Ok(())
    }

    async fn flush(&self) -> Result<(), SourceError> {
        self.inner.trap.step(Call::Flush).await;
        if self.inner.epoch().is_some() {
            self.inner.network.send(self.inner.process, Ask::Unpin);
        }
        let (answer, answered) = oneshot::channel();
        self.inner.network.send(self.inner.process, Ask::Ping(answer));
        answered.await.map_err(|error| SourceError::caused_by("the connection was lost", error))
    }

    fn max_message_bytes(&self) -> u64 {
        MAX_MESSAGE
    }
}

/// A pull request under way.
pub(crate) struct SimPull {
    inner: Arc<Inner>,
    number: u64,
    /// The epoch that its messages are of.
    epoch: u64,
    answers: mpsc::UnboundedReceiver<Answer>,
    left: usize,
    /// When the request must have ended.
    deadline: Instant,
    ended: bool,
}

impl SimPull {
    async fn answer(&mut self) -> Result<Option<Answer>, SourceError> {
        tokio::select! {
            biased;
            answer = self.answers.recv() => Ok(answer),
            () = tokio::time::sleep_until(self.deadline) => {
                Err(SourceError::new("the server did not end a pull request in time"))
            }
        }
    }

    fn read(&mut self, answer: Answer, messages: &mut Vec<SimMessage>) -> Result<(), SourceError> {
        match answer {
            Answer::Message(delivered) => {
                if !self.inner.admit(self.epoch, &delivered)? {
                    return Ok(());
                }
                self.left = self.left.saturating_sub(1);
                self.ended |= self.left == 0;
                let (process, reply) = (self.inner.process, delivered.reply);
                let bytes = delivered.body.len() as u64;
                self.inner.history.note(Happening::Handed { process, reply, bytes });
                messages.push(SimMessage { delivered, epoch: self.epoch });
            }
            Answer::End(end) => {
                self.ended = true;
                self.inner.note_end(end);
                if matches!(end, End::ConsumerDeleted | End::NoResponders) {
                    return Err(SourceError::new("the consumer is gone"));
                }
            }
        }
        Ok(())
    }
}

impl Pull for SimPull {
    type Message = SimMessage;

    async fn next(&mut self) -> Option<Result<Vec<SimMessage>, SourceError>> {
        let mut messages = Vec::new();
        while messages.is_empty() && !self.ended {
            let read = match self.answer().await {
                Ok(Some(answer)) => self.read(answer, &mut messages),
                Ok(None) => {
                    self.ended = true;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            if let Err(error) = read {
                self.ended = true;
                self.inner.detach();
                return Some(Err(error));
            }
        }
        while messages.len() < CHUNK && !self.ended {
            let Ok(answer) = self.answers.try_recv() else { break };
            if self.read(answer, &mut messages).is_err() {
                self.ended = true;
                self.inner.detach();
            }
        }
        if messages.is_empty() {
            return None;
        }
        self.inner.trap.step(Call::Deliveries).await;
        Some(Ok(messages))
    }

    async fn cancel(&mut self) {
        // It expires by itself, soon.
    }
}

impl Drop for SimPull {
    /// A subscription that is dropped is ended, as async-nats does it. Nothing is settled.
    fn drop(&mut self) {
        self.inner.network.forget(self.inner.process, self.number);
        self.inner.network.send(self.inner.process, Ask::Unsubscribe(self.number));
    }
}

/// A delivered message.
pub(crate) struct SimMessage {
    delivered: Delivered,
    epoch: u64,
}

impl Incoming for SimMessage {
    type Handle = Handle;

    fn id(&self) -> MessageId {
        self.delivered.reply.message
    }

    fn delivery_count(&self) -> u64 {
        self.delivered.reply.delivery_count
    }

    fn subject(&self) -> &str {
        &self.delivered.subject
    }

    fn body(&self) -> &[u8] {
        &self.delivered.body
    }

    fn headers(&self) -> BTreeMap<String, Vec<String>> {
        BTreeMap::new()
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn into_handle(self) -> Handle {
        self.handle()
    }
}

impl SimMessage {
    /// What settles it.
    pub fn handle(&self) -> Handle {
        Handle { reply: self.delivered.reply, epoch: self.epoch }
    }
}
