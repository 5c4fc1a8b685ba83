//! A connection of our own for deliveries.
//!
//! The server stores and delivers messages that async-nats can't read: a subject or a header that is not UTF-8, a header without a colon, a
//! name with a space. At each of them its connection ends, with all other messages that were on their way, and a carriage return in a
//! header's value makes it panic. Here a message is bytes until somebody asks for its text, so that one which can't be read is a
//! message like any other. All else, settlements above all, goes over async-nats' connection and is not touched by what is delivered.
//!
//! - `dial`: connects and logs in
//! - `tls`: encrypts
//! - `frame`: what the server sends, taken apart
//! - `headers`: the headers of a message
//! - `pace`: how much is asked for at a time

mod dial;
mod frame;
mod headers;
mod pace;
mod tls;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::ServerAddr;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use self::dial::{Line, Stream, dial, read};
use self::frame::{Frame, Next, next};
use super::NatsConfig;
use super::connect::{PING, shown_address};
use super::refusal::explain;
use crate::source::SourceError;

pub(super) use frame::RawMessage;
pub(super) use headers::{Unreadable, read as read_headers, shown as shown_headers, status};
pub(super) use pace::Pace;

/// A connection that subscribes and asks. It is not mended: one that has ended is replaced.
pub(super) struct Wire {
    shared: Arc<Shared>,
    /// What is to be sent. It holds a few lines for each request at most.
    lines: UnboundedSender<Bytes>,
    task: JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
}

struct State {
    /// Who gets the messages of each subscription.
    inboxes: BTreeMap<u64, Inbox>,
    subscriptions: u64,
    /// When bytes of a message came last, of whichever subscription.
    arrived: Instant,
    end: Option<End>,
}

struct Inbox {
    messages: UnboundedSender<RawMessage>,
    /// When bytes for it came last.
    arrived: Instant,
}

/// How a connection ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// It broke off.
    Lost,
    /// The server ended it, and said why.
    Refused(String),
}

/// The answers to a request.
pub(super) struct Answers {
    shared: Arc<Shared>,
    lines: UnboundedSender<Bytes>,
    subscription: u64,
    messages: UnboundedReceiver<RawMessage>,
}

impl Wire {
    /// Connects to one of these servers.
    pub async fn connect(addresses: Vec<ServerAddr>, config: &NatsConfig) -> Result<Self, SourceError> {
        let name = format!("warehouse-sink {} deliveries", config.consumer);
        let mut refusals = Vec::new();
        for address in addresses {
            match dial(&address, config, &name).await {
                Ok(line) => return Ok(Self::over(line)),
                Err(error) => refusals.push(explain(&shown_address(&address), &error.to_string(), config)),
            }
        }
        refusals.sort();
        Err(SourceError::new(format!("could not connect to NATS for deliveries: {}", refusals.join("; "))))
    }

    fn over(line: Line) -> Self {
        let state = State { inboxes: BTreeMap::new(), subscriptions: 0, arrived: Instant::now(), end: None };
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        let (lines, queue) = unbounded_channel();
        let task = tokio::spawn(run(line, Arc::clone(&shared), lines.clone(), queue));
        Wire { shared, lines, task }
    }

    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.shared.lock().end.is_none()
    }

    /// Sends a request, to be answered on a subject of its own.
    pub fn request(&self, subject: &str, inbox: &str, body: &[u8]) -> Answers {
        let (sender, messages) = unbounded_channel();
        let subscription = {
            let mut state = self.shared.lock();
            state.subscriptions += 1;
            let subscription = state.subscriptions;
            // On one that has ended, nobody holds the other end: there will be no answers.
            if state.end.is_none() {
                state.inboxes.insert(subscription, Inbox { messages: sender, arrived: Instant::now() });
            }
            subscription
        };
        let head = format!("SUB {inbox} {subscription}\r\nPUB {subject} {inbox} {}\r\n", body.len());
        let _ = self.lines.send([head.as_bytes(), body, b"\r\n"].concat().into());
        Answers { shared: Arc::clone(&self.shared), lines: self.lines.clone(), subscription, messages }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.end(End::Lost);
    }
}

impl Answers {
    /// Waits until something is there, and takes up to so many; none once the connection has ended. Cancel safe.
    pub async fn take(&mut self, messages: &mut Vec<RawMessage>, most: usize) -> usize {
        self.messages.recv_many(messages, most).await
    }

    /// When bytes of a message came last: of an answer to this request, and to any.
    pub fn last_arrivals(&self) -> (Instant, Instant) {
        let state = self.shared.lock();
        (state.inboxes.get(&self.subscription).map_or(state.arrived, |inbox| inbox.arrived), state.arrived)
    }

    /// How the connection ended.
    pub fn end(&self) -> Option<End> {
        self.shared.lock().end.clone()
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.shared.lock().inboxes.remove(&self.subscription);
        // Nothing is to be said on a connection that has ended.
        let _ = self.lines.send(format!("UNSUB {}\r\n", self.subscription).into());
    }
}

impl Shared {
    fn end(&self, how: End) {
        let mut state = self.lock();
        state.end.get_or_insert(how);
        // Whoever waits for a message hears of it.
        state.inboxes.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Bytes have come for a subscription.
    fn hear_of(&mut self, subscription: u64, now: Instant) -> Option<&Inbox> {
        self.arrived = now;
        let inbox = self.inboxes.get_mut(&subscription)?;
        inbox.arrived = now;
        Some(inbox)
    }
}

/// Reads and writes until either ends.
async fn run(line: Line, shared: Arc<Shared>, lines: UnboundedSender<Bytes>, queue: UnboundedReceiver<Bytes>) {
    let Line { stream, arrived } = line;
    let (reader, writer) = tokio::io::split(stream);
    let (reason, end) = tokio::select! {
        ended = read_all(reader, arrived, &shared, &lines) => ended,
        error = write_all(writer, queue) => (error, End::Lost),
    };
    tracing::info!(reason, "the connection for deliveries has ended");
    shared.end(end);
}

/// Hands out what comes, until the connection ends; how it did.
async fn read_all(
    mut from: ReadHalf<Box<dyn Stream>>,
    mut arrived: BytesMut,
    shared: &Shared,
    lines: &UnboundedSender<Bytes>,
) -> (String, End) {
    let mut is_asked = false;
    loop {
        let needs = match hand_out(&mut arrived, shared, lines) {
            Ok(needs) => needs,
            Err(ended) => return ended,
        };
        match timeout(PING, read(&mut from, &mut arrived, needs)).await {
            Ok(Ok(_)) => is_asked = false,
            Ok(Err(error)) => return (error.to_string(), End::Lost),
            Err(_elapsed) if is_asked => return ("the server does not answer".to_owned(), End::Lost),
            Err(_elapsed) => {
                is_asked = true;
                let _ = lines.send(Bytes::from_static(b"PING\r\n"));
            }
        }
    }
}

/// Hands out all that is whole; how many bytes the next frame needs.
fn hand_out(arrived: &mut BytesMut, shared: &Shared, lines: &UnboundedSender<Bytes>) -> Result<usize, (String, End)> {
    let (mut state, now) = (shared.lock(), Instant::now());
    loop {
        match next(arrived) {
            Ok(Next::Frame(Frame::Message(message))) => {
                if let Some(inbox) = state.hear_of(message.sid, now) {
                    // Who is gone needs none.
                    let _ = inbox.messages.send(message);
                }
            }
            Ok(Next::Frame(Frame::Ping)) => drop(lines.send(Bytes::from_static(b"PONG\r\n"))),
            Ok(Next::Frame(Frame::Pong | Frame::Ok | Frame::Info(_))) => {}
            Ok(Next::Frame(Frame::Error(text))) => return Err((text.clone(), End::Refused(text))),
            Ok(Next::Needs(bytes, of)) => {
                if let Some(sid) = of {
                    // A large message over a slow link may take longer than any patience.
                    state.hear_of(sid, now);
                }
                return Ok(bytes);
            }
            Err(error) => return Err((error.to_string(), End::Refused(error.to_string()))),
        }
    }
}

/// Writes all that is to be sent, until that fails.
async fn write_all(mut to: WriteHalf<Box<dyn Stream>>, mut queue: UnboundedReceiver<Bytes>) -> String {
    while let Some(line) = queue.recv().await {
        let written = timeout(2 * PING, write(&mut to, &line)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_elapsed) => return "the server takes nothing".to_owned(),
        }
    }
    "nobody has anything to send any more".to_owned()
}

async fn write(to: &mut (impl AsyncWrite + Unpin), line: &[u8]) -> std::io::Result<()> {
    to.write_all(line).await?;
    to.flush().await
}
