//! A pull request, and what the server answers.
//!
//! It ends at once when a connection ends, and hands in what has arrived without waiting for the rest. Messages come over a
//! [connection](super::wire) of their own.
//!
//! A request can't be called off without loss: the server has no means for it, and a client that drops its subscription
//! drops what is on its way as well (async-nats' own `drain` does so too). So requests are short, and one that
//! is not wanted any more is left to expire while its messages still come out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::vec;

use futures_util::FutureExt;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use warehouse_sink_core::Capacity;

use super::consumer::Limits;
use super::message::{NatsMessage, Origin};
use super::wire::{Answers, End, RawMessage, Wire, status};
use super::{Inner, NatsConfig};
use crate::source::{Pull, SourceError};

/// How long an unanswered request stays with the server, and so the longest that a stop waits for it. An idle fetcher costs
/// a request every so often, which is next to nothing.
const EXPIRES: Duration = Duration::from_millis(500);

/// How long after its expiry a request may end, or after the last byte of a message that came: over a slow link it waits its turn. One that
/// has not ended by then is gone: its consumer or the consumer's leader is, or the network.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long the process has, once a request is overdue, to read what has come: it may have stood still all that time itself.
const CATCH_UP: Duration = Duration::from_millis(500);

/// How long a request may be without an answer of its own while others get theirs.
const LONGEST_TURN: Duration = Duration::from_secs(60);

/// How many messages are handed in at a time at most, so that the machine hears of the first before the last has come.
const CHUNK: usize = 256;

/// The request, as the server reads it. Times are nanoseconds.
#[derive(Serialize)]
struct Request {
    batch: usize,
    max_bytes: u64,
    expires: u64,
}

impl Request {
    /// Sends it; gives what the answers come on.
    fn send(&self, inner: &Inner, wire: &Wire) -> Answers {
        // Three numbers always make JSON; an empty request would be one for a single message.
        let body = serde_json::to_vec(self).unwrap_or_default();
        let NatsConfig { api, stream, consumer, .. } = &*inner.config;
        let subject = format!("{}.CONSUMER.MSG.NEXT.{stream}.{consumer}", api.prefix());
        wire.request(&subject, &inner.client.new_inbox(), &body)
    }
}

/// A pull request under way.
pub struct NatsPull {
    inner: Arc<Inner>,
    answers: Answers,
    /// Answers that have come and were not looked at.
    arrived: vec::IntoIter<RawMessage>,
    /// Messages that may still come.
    left: usize,
    received: usize,
    received_bytes: u64,
    /// The bytes that were asked for.
    bytes: u64,
    /// It asked for less than the next message is known to take.
    too_little: bool,
    sent: Instant,
    last_arrival: Instant,
    /// When the request must have ended.
    deadline: Instant,
    /// Once it is overdue: until when there is time to catch up.
    catch_up: Option<Instant>,
    connected: watch::Receiver<()>,
    /// The consumer and the connection that it was sent to.
    origin: Origin,
    /// Nobody waits for its end any more.
    called_off: bool,
    ended: bool,
}

/// What an answer is.
enum Answer {
    Message(NatsMessage),
    /// Nothing to do.
    Ignored,
    /// The request has ended as requests do.
    End,
    Cut(SourceError),
}

impl NatsPull {
    pub(super) fn send(inner: Arc<Inner>, wire: &Wire, limit: Capacity, limits: Limits) -> Self {
        let mut connected = inner.connected.clone();
        connected.mark_unchanged();
        let origin = Origin { incarnation: limits.incarnation, connection: inner.connection() };
        let batch = limit.messages.min(limits.batch);
        let expires = EXPIRES.min(limits.expires);
        let least = inner.least_bytes();
        let bytes = inner.pace.ask(limit.bytes.min(limits.bytes), least);
        let request = Request { batch, max_bytes: bytes, expires: expires.as_nanos() as u64 };
        let answers = request.send(&inner, wire);
        let sent = Instant::now();
        NatsPull {
            inner,
            answers,
            arrived: Vec::new().into_iter(),
            left: batch,
            received: 0,
            received_bytes: 0,
            bytes,
            too_little: bytes < least,
            sent,
            last_arrival: sent,
            deadline: sent + expires + PATIENCE,
            catch_up: None,
            connected,
            origin,
            called_off: false,
            ended: false,
        }
    }

    /// The next answer of the server, or why there will be none.
    async fn answer(&mut self) -> Answer {
        if let Some(message) = self.arrived.next() {
            return self.read(message);
        }
        let mut arrived = Vec::new();
        let give_up = self.give_up_at();
        tokio::select! {
            biased;
            taken = self.answers.take(&mut arrived, CHUNK) => match taken {
                0 => self.broken_off(),
                _ => {
                    self.last_arrival = Instant::now();
                    self.catch_up = None;
                    self.arrived = arrived.into_iter();
                    Answer::Ignored
                }
            },
            changed = self.connected.changed() => match changed {
                // The news of the very connection that it was sent on.
                Ok(()) if self.inner.connection() == self.origin.connection => Answer::Ignored,
                _ => Answer::End,
            },
            () = tokio::time::sleep_until(give_up) => self.give_up(),
        }
    }

    /// When the request must have ended, if nothing more comes.
    fn give_up_at(&self) -> Instant {
        if self.called_off {
            return self.deadline;
        }
        let (own, any) = self.answers.last_arrivals();
        let overdue = self.deadline.max((any + PATIENCE).min(own + LONGEST_TURN));
        self.catch_up.map_or(overdue, |until| until.max(overdue))
    }

    /// Nothing has come for so long.
    fn give_up(&mut self) -> Answer {
        let now = Instant::now();
        if self.give_up_at() > now {
            return Answer::Ignored;
        }
        if self.called_off {
            return Answer::End;
        }
        if self.catch_up.is_some() {
            return Answer::Cut(overdue());
        }
        self.catch_up = Some(now + CATCH_UP);
        Answer::Ignored
    }

    /// Why no more answers come.
    fn broken_off(&self) -> Answer {
        match self.answers.end() {
            Some(End::Refused(text)) => {
                Answer::Cut(SourceError::new(format!("the NATS server ended the connection for deliveries: {text}")))
            }
            _ => Answer::End,
        }
    }

    fn read(&self, message: RawMessage) -> Answer {
        // Its reply subject alone says what a message is: one of the stream's may have a status line for headers.
        let answer = match NatsMessage::new(message, &self.inner.replies, self.origin) {
            Ok(message) => return Answer::Message(message),
            Err(answer) => answer,
        };
        match status(answer.headers()) {
            None | Some((100 | 200, _)) => Answer::Ignored,
            Some((404 | 408, _)) => Answer::End,
            Some((503, _)) => Answer::Cut(self.inner.gone()),
            Some((status, description)) => self.read_status(status, description),
        }
    }

    fn read_status(&self, status: u16, description: &str) -> Answer {
        // The texts are nats-server's; there is no other way to tell these apart.
        if description.eq_ignore_ascii_case("Message Size Exceeds MaxBytes") {
            if self.received > 0 {
                return Answer::End;
            }
            if !self.too_little && self.inner.expect_larger(self.bytes) {
                return Answer::End;
            }
            return Answer::Cut(SourceError::new(format!(
                "the next message is larger than the {} bytes that may be fetched now; if this stays, raise batch.max_buffered_bytes",
                self.bytes
            )));
        }
        if description.eq_ignore_ascii_case("Batch Completed") {
            return Answer::End;
        }
        Answer::Cut(SourceError::new(format!("the server ended a pull request: {status} {description}")))
    }

    /// Takes what has already arrived, without waiting.
    fn take_ready(&mut self, messages: &mut Vec<NatsMessage>) -> Option<SourceError> {
        // A message has some 300 bytes, which a vector that grows would move again and again.
        messages.reserve(self.left.min(CHUNK));
        while messages.len() < CHUNK && !self.is_over() {
            if self.arrived.len() == 0 {
                let mut arrived = Vec::new();
                // What ends the connection is heard of when nothing is in hand.
                self.answers.take(&mut arrived, CHUNK).now_or_never().filter(|taken| *taken > 0)?;
                self.last_arrival = Instant::now();
                self.arrived = arrived.into_iter();
            }
            let message = self.arrived.next()?;
            match self.read(message) {
                Answer::Message(message) => self.count(messages, message),
                Answer::Ignored => {}
                Answer::End => self.ended = true,
                Answer::Cut(error) => return Some(error),
            }
        }
        None
    }

    fn count(&mut self, messages: &mut Vec<NatsMessage>, message: NatsMessage) {
        self.left = self.left.saturating_sub(1);
        self.received += 1;
        self.received_bytes += message.size() as u64;
        messages.push(message);
    }

    fn is_over(&self) -> bool {
        self.ended || self.left == 0
    }
}

fn overdue() -> SourceError {
    SourceError::new("the server did not end a pull request in time; the consumer or its leader may be gone")
}

impl Drop for NatsPull {
    fn drop(&mut self) {
        match self.answers.end() {
            Some(_) => self.inner.pace.lose(self.bytes),
            None => self.inner.pace.end(self.bytes, self.received_bytes, self.last_arrival - self.sent),
        }
        if self.received > 0 {
            self.inner.least_bytes.store(0, Ordering::Relaxed);
        }
    }
}

impl Pull for NatsPull {
    type Message = NatsMessage;

    async fn next(&mut self) -> Option<Result<Vec<NatsMessage>, SourceError>> {
        let mut messages = Vec::new();
        while messages.is_empty() && !self.is_over() {
            match self.answer().await {
                Answer::Message(message) => self.count(&mut messages, message),
                Answer::Ignored => {}
                Answer::End => self.ended = true,
                Answer::Cut(error) => {
                    self.ended = true;
                    self.inner.detach();
                    return Some(Err(error));
                }
            }
        }
        if messages.is_empty() {
            return None;
        }
        if let Some(error) = self.take_ready(&mut messages) {
            // The messages count first; the fetcher pulls again and hears of what is wrong then.
            tracing::debug!(error = error.chain(), "a pull request was cut after it had brought messages");
            self.ended = true;
            self.inner.detach();
        }
        Some(Ok(messages))
    }

    fn is_answered(&self) -> bool {
        // What ends on the connection that it was sent on was ended by the server.
        self.inner.connection() == self.origin.connection
    }

    async fn cancel(&mut self) {
        // It expires by itself, soon; see the top of this file. Without a connection nothing more comes than what is here.
        if !self.inner.is_connected() {
            self.called_off = true;
            self.deadline = Instant::now();
        }
    }
}
