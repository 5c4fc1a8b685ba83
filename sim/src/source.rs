//! The source of deliveries, as `io` sees it: over a link to the simulated server. It does what the one over async-nats does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use warehouse_sink_core::{Capacity, MessageId};
use warehouse_sink_io::source::{Incoming, Pull, Settlement, Source, SourceError, Unsettled};
use warehouse_sink_jetstream_model::{ConsumerConfig, Delivered, End, PullRequest, Reply, Verdict};

use crate::fault::Call;
use crate::held::{Meter, Token};
use crate::history::{Happening, History, ProcessId};
use crate::network::{Answer, Ask, Floor, Look, Network};
use crate::process::Trap;
use crate::settings::{MAX_MESSAGE, Settings};

/// How long an unanswered request stays with the server.
const EXPIRES: Duration = Duration::from_secs(2);
/// How long after its expiry a request may end.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often the consumer is looked at.
const POLL: Duration = Duration::from_secs(2);
/// How long the server may say nothing of a round of settlements.
const ANSWER: Duration = Duration::from_secs(2);
/// How often a connection that is down is looked at.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the server may say nothing of a question.
const SILENCE: Duration = Duration::from_secs(5);
/// How many messages are handed in at a time at most.
const CHUNK: usize = 16;

/// What settles a delivery.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    pub reply: Reply,
    /// Which consumer of the name it is of.
    incarnation: u64,
    /// The connection that it came on.
    connection: u64,
    /// One handle that is held.
    _held: Token,
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
    /// When the consumer was last looked at.
    looked: Mutex<Option<Instant>>,
    /// Whether a consumer that would lose messages is refused. Wrong sinks use it.
    reviews: bool,
    /// What was settled and not confirmed.
    unconfirmed: Mutex<BTreeMap<Reply, u32>>,
    /// Counts the handles that are held.
    handles: Meter,
    history: History,
    trap: Trap,
}

impl SimSource {
    /// Acks without a look, and without waiting for an answer: what wrong sinks do.
    pub fn ack_at_once(&self, handle: &Handle) {
        let (process, reply, verdict) = (self.inner.process, handle.reply, Verdict::Ack);
        self.inner.history.note(Happening::Settling { process, reply, verdict });
        self.inner.network.send(process, Ask::Settle(reply, verdict));
    }

    /// Settles what may be of a consumer, a stream or a message that is no more: what wrong sinks do.
    pub async fn settle_blindly(&self, round: &[(Handle, Settlement)]) -> Result<(), Unsettled> {
        let inner = &self.inner;
        inner.note_settling(round);
        let connection = inner.wait_until_connected().await;
        let _ = inner.leave_out_void(&mut round.to_vec(), connection).await;
        let settled = inner.send(round, connection).await;
        if let Err(Unsettled { sent, .. }) = &settled {
            inner.keep_unconfirmed(round, *sent);
        }
        settled
    }

    pub fn open(
        process: ProcessId,
        network: Arc<Network>,
        settings: &Settings,
        handles: Meter,
        history: History,
        trap: Trap,
        reviews: bool,
    ) -> Self {
        network.open(process);
        let attached = AtomicBool::new(false);
        let looking = tokio::sync::Mutex::new(());
        let floor = Mutex::new(None);
        let consumer = settings.consumer();
        let (looked, unconfirmed) = (Mutex::default(), Mutex::default());
        let inner = Inner {
            process,
            network,
            consumer,
            attached,
            looking,
            floor,
            looked,
            reviews,
            unconfirmed,
            handles,
            history,
            trap,
        };
        SimSource { inner: Arc::new(inner) }
    }
}

impl Inner {
    /// Looks for the consumer, unless it was found a moment ago. It is created where it is missing, and refused where it would lose
    /// messages.
    async fn attach(&self) -> Result<(), SourceError> {
        let _looking = self.looking.lock().await;
        let fresh = self.looked().is_some_and(|looked| looked.elapsed() < POLL);
        if fresh && self.attached.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.trap.step(Call::Attach).await;
        let floor = *self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, answered) = oneshot::channel();
        self.network.send(self.process, Ask::Attach(floor, self.consumer.clone(), answer));
        let found = tokio::time::timeout(SILENCE, answered).await;
        let found =
            found.ok().and_then(Result::ok).ok_or_else(|| SourceError::new("could not look for the consumer"))?;
        if found.config.is_some() {
            *self.floor.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.floor);
        }
        let fit = found.config.is_some_and(|config| !self.reviews || self.is_fit(&config));
        self.attached.store(fit, Ordering::Relaxed);
        *self.looked() = Some(Instant::now());
        if fit { Ok(()) } else { Err(SourceError::new("the consumer is missing, or would lose messages")) }
    }

    fn looked(&self) -> MutexGuard<'_, Option<Instant>> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `io` refuses: what would lose messages, or have them delivered again while they are held.
    fn is_fit(&self, found: &ConsumerConfig) -> bool {
        found.max_deliver.is_none() && found.filter == self.consumer.filter && found.ack_wait >= self.consumer.ack_wait
    }

    fn detach(&self) {
        self.attached.store(false, Ordering::Relaxed);
    }

    fn connection(&self) -> u64 {
        self.network.connection(self.process)
    }

    async fn wait_until_connected(&self) -> u64 {
        loop {
            match self.connection() {
                0 => tokio::time::sleep(PAUSE).await,
                connection => return connection,
            }
        }
    }

    /// Notes what it is told to settle. What it is told again, because it was not confirmed, was noted before.
    fn note_settling(&self, round: &[(Handle, Settlement)]) {
        let mut before = std::mem::take(&mut *self.unconfirmed());
        for (Handle { reply, .. }, settlement) in round {
            if *settlement != Settlement::Progress
                && let Some(count) = before.get_mut(reply).filter(|count| **count > 0)
            {
                *count -= 1;
                continue;
            }
            let (process, reply, verdict) = (self.process, *reply, verdict(*settlement));
            self.history.note(Happening::Settling { process, reply, verdict });
        }
    }

    /// Remembers what it will be told again.
    fn keep_unconfirmed(&self, round: &[(Handle, Settlement)], sent: bool) {
        let mut unconfirmed = self.unconfirmed();
        let again = |(_, settlement): &&(Handle, Settlement)| match settlement {
            Settlement::Ack | Settlement::Term => true,
            Settlement::Nak(_) => !sent,
            Settlement::Progress => false,
        };
        for (handle, _) in round.iter().filter(again) {
            *unconfirmed.entry(handle.reply).or_default() += 1;
        }
    }

    fn unconfirmed(&self) -> MutexGuard<'_, BTreeMap<Reply, u32>> {
        self.unconfirmed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves out what another consumer delivered, and messages of an earlier connection that the server has lost.
    async fn leave_out_void(&self, round: &mut Vec<(Handle, Settlement)>, connection: u64) -> Result<(), SourceError> {
        let earlier = round.iter().map(|(handle, _)| handle).filter(|handle| handle.connection != connection);
        let earlier: Vec<_> = earlier.map(|handle| handle.reply.message).collect();
        let (answer, answered) = oneshot::channel();
        self.network.send(self.process, Ask::Look(earlier, answer));
        let look = tokio::time::timeout(ANSWER, answered).await.ok().and_then(Result::ok);
        let Look { incarnation, messages } = look.ok_or_else(|| SourceError::new("could not look at the consumer"))?;
        let all = round.len();
        round.retain(|(handle, _)| {
            let same = handle.connection == connection || messages.contains(&handle.reply.message);
            same && Some(handle.incarnation) == incarnation
        });
        if round.len() < all {
            self.detach();
        }
        Ok(())
    }

    async fn settle(&self, round: &mut Vec<(Handle, Settlement)>) -> Result<(), Unsettled> {
        let connection = self.wait_until_connected().await;
        let unsent = |error| Unsettled { sent: false, error };
        self.leave_out_void(round, connection).await.map_err(unsent)?;
        if round.is_empty() { Ok(()) } else { self.send(round, connection).await }
    }

    /// Sends a round, and hears that the server has got it.
    async fn send(&self, round: &[(Handle, Settlement)], connection: u64) -> Result<(), Unsettled> {
        for (handle, settlement) in round {
            // Two settlements are two sends, and a process can die between them.
            self.trap.step(Call::Settle).await;
            // What is sent while there is no connection goes out on the next one, whatever has happened by then.
            if self.connection() != connection {
                return Err(Unsettled { sent: true, error: lost() });
            }
            self.network.send(self.process, Ask::Settle(handle.reply, verdict(*settlement)));
            self.trap.step(Call::Settled).await;
        }
        self.trap.step(Call::Flush).await;
        let confirmed = self.ping().await;
        let confirmed = if self.connection() == connection { confirmed.map(drop) } else { Err(lost()) };
        confirmed.map_err(|error| Unsettled { sent: true, error })
    }

    /// Hears that the server has got all that was sent, and how far everything is settled.
    async fn ping(&self) -> Result<u64, SourceError> {
        let (answer, answered) = oneshot::channel();
        self.network.send(self.process, Ask::Ping(answer));
        tokio::time::timeout(ANSWER, answered).await.ok().and_then(Result::ok).ok_or_else(lost)
    }
}

fn lost() -> SourceError {
    SourceError::new("the connection was lost, or the server did not answer")
}

fn verdict(settlement: Settlement) -> Verdict {
    match settlement {
        Settlement::Ack => Verdict::Ack,
        Settlement::Nak(delay) => Verdict::Nak(delay),
        Settlement::Term => Verdict::Term,
        Settlement::Progress => Verdict::Progress,
    }
}

impl Source for SimSource {
    type Message = SimMessage;
    type Handle = Handle;
    type Pull = SimPull;

    async fn pull(&self, limit: Capacity) -> Result<SimPull, SourceError> {
        let inner = &self.inner;
        inner.attach().await?;
        inner.trap.step(Call::Pull).await;
        let floor = *inner.floor.lock().unwrap_or_else(PoisonError::into_inner);
        let (incarnation, connection) = (floor.map_or(0, |floor| floor.incarnation), inner.connection());
        let (number, answers) = inner.network.subscribe(inner.process);
        let request = PullRequest { batch: limit.messages, max_bytes: Some(limit.bytes), expires: EXPIRES };
        inner.network.send(inner.process, Ask::Pull(number, request));
        let deadline = Instant::now() + EXPIRES + PATIENCE;
        let (inner, left) = (inner.clone(), request.batch);
        Ok(SimPull { inner, number, incarnation, connection, answers, left, deadline, ended: false })
    }

    async fn settle(&self, round: &mut Vec<(Handle, Settlement)>) -> Result<(), Unsettled> {
        self.inner.note_settling(round);
        let settled = self.inner.settle(round).await;
        if let Err(Unsettled { sent, .. }) = &settled {
            self.inner.keep_unconfirmed(round, *sent);
        }
        settled
    }

    async fn ack_floor(&self) -> Result<u64, SourceError> {
        self.inner.ping().await
    }

    async fn exhausted(&self) {
        let Inner { process, network, history, .. } = &*self.inner;
        loop {
            tokio::time::sleep(POLL).await;
            if network.is_exhausted(*process) {
                return history.note(Happening::Exhausted { process: *process });
            }
        }
    }

    fn least_bytes(&self) -> u64 {
        MAX_MESSAGE
    }
}

/// A pull request under way.
pub(crate) struct SimPull {
    inner: Arc<Inner>,
    number: u64,
    /// The consumer and the connection that it was sent to.
    incarnation: u64,
    connection: u64,
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
                self.left = self.left.saturating_sub(1);
                self.ended |= self.left == 0;
                let (process, reply) = (self.inner.process, delivered.reply);
                let bytes = delivered.body.len() as u64;
                let SimPull { incarnation, connection, .. } = *self;
                self.inner.history.note(Happening::Handed { process, reply, consumer: incarnation, bytes });
                let _held = self.inner.handles.token(1);
                messages.push(SimMessage { handle: Handle { reply, incarnation, connection, _held }, delivered });
            }
            Answer::End(end) => {
                self.ended = true;
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
    handle: Handle,
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

    fn into_handle(self) -> Handle {
        self.handle
    }
}

impl SimMessage {
    /// What settles it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}
