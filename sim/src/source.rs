//! The source of deliveries, as `io` sees it: over a link to the simulated server. It does what the one over async-nats does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use warehouse_sink_core::{Capacity, MessageId};
use warehouse_sink_io::source::{Incoming, Pull, Settlement, Source, SourceError};
use warehouse_sink_jetstream_model::{ConsumerConfig, Delivered, End, PullRequest, Reply, Verdict};

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
/// How many messages are handed in at a time at most.
const CHUNK: usize = 16;

/// What settles a delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    pub reply: Reply,
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
    ) -> Self {
        network.open(process);
        let attached = AtomicBool::new(false);
        let looking = tokio::sync::Mutex::new(());
        let floor = Mutex::new(None);
        let inner = Inner { process, network, consumer, attached, looking, floor, history, trap };
        SimSource { inner: Arc::new(inner) }
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
}

impl Source for SimSource {
    type Message = SimMessage;
    type Handle = Handle;
    type Pull = SimPull;

    async fn pull(&self, limit: Capacity) -> Result<SimPull, SourceError> {
        let inner = &self.inner;
        inner.attach().await?;
        inner.trap.step(Call::Pull).await;
        let (number, answers) = inner.network.subscribe(inner.process);
        let request = PullRequest { batch: limit.messages, max_bytes: Some(limit.bytes), expires: EXPIRES };
        inner.network.send(inner.process, Ask::Pull(number, request));
        let deadline = Instant::now() + EXPIRES + PATIENCE;
        Ok(SimPull { inner: inner.clone(), number, answers, left: request.batch, deadline, ended: false })
    }

    async fn settle(&self, handle: &Handle, settlement: Settlement) -> Result<(), SourceError> {
        let inner = &self.inner;
        let verdict = match settlement {
            Settlement::Ack => Verdict::Ack,
            Settlement::Nak(delay) => Verdict::Nak(delay),
            Settlement::Term => Verdict::Term,
            Settlement::Progress => Verdict::Progress,
        };
        let Handle { reply } = *handle;
        inner.history.note(Happening::Settling { process: inner.process, reply, verdict });
        // Two settlements are two sends, and a process can die between them.
        inner.trap.step(Call::Settle).await;
        inner.network.send(inner.process, Ask::Settle(reply, verdict));
        inner.trap.step(Call::Settled).await;
        Ok(())
    }

    async fn flush(&self) -> Result<(), SourceError> {
        self.inner.trap.step(Call::Flush).await;
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
                self.inner.history.note(Happening::Handed { process, reply, bytes });
                messages.push(SimMessage { delivered });
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
        self.handle()
    }
}

impl SimMessage {
    /// What settles it.
    pub fn handle(&self) -> Handle {
        Handle { reply: self.delivered.reply }
    }
}
