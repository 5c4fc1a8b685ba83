//! A pull request, and what the server answers.
//!
//! async-nats has pulls of its own. This one exists for two things that they do not give: it ends at once when the connection
//! changes, and it hands in what has arrived without waiting for the rest.
//!
//! A request can't be called off without loss: the server has no means for it, and a client that drops its subscription
//! drops what is on its way as well (async-nats' own `drain` does so too). So requests are short, and one that
//! is not wanted any more is left to expire while its messages still come out.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use futures_util::{StreamExt, stream::Stream};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use warehouse_sink_core::Capacity;

use super::consumer::Limits;
use super::message::{NatsMessage, Origin};
use super::{Inner, NatsConfig};
use crate::source::{Pull, SourceError};

/// How long an unanswered request stays with the server, and so the longest that a stop waits for it. An idle fetcher costs
/// a request every so often, which is next to nothing.
const EXPIRES: Duration = Duration::from_millis(500);

/// How long after its expiry a request may end. One that has not ended by then is gone: its consumer or the consumer's leader
/// is, or the network.
const PATIENCE: Duration = Duration::from_secs(3);

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
    async fn send(&self, inner: &Inner) -> Result<Subscriber, SourceError> {
        let body = serde_json::to_vec(self).map_err(failed)?;
        let NatsConfig { api, stream, consumer, .. } = &*inner.config;
        let subject = format!("{}.CONSUMER.MSG.NEXT.{stream}.{consumer}", api.prefix());
        let inbox = inner.client.new_inbox();
        let answers = inner.client.subscribe(inbox.clone()).await.map_err(failed)?;
        let sent = inner.client.publish_with_reply(subject, inbox, body.into()).await;
        sent.map_err(failed)?;
        Ok(answers)
    }
}

/// A pull request under way.
pub struct NatsPull {
    inner: Arc<Inner>,
    answers: Subscriber,
    /// Messages that may still come.
    left: usize,
    received: usize,
    limit: Capacity,
    /// When the request must have ended.
    deadline: Instant,
    connected: watch::Receiver<()>,
    /// The consumer and the connection that it was sent to.
    origin: Origin,
    /// Nobody waits for its end any more.
    called_off: bool,
    ended: bool,
}

/// What an answer is.
#[expect(clippy::large_enum_variant, reason = "nearly every answer is a message, and a box is an allocation for each")]
enum Answer {
    Message(NatsMessage),
    /// Nothing to do.
    Ignored,
    /// The request has ended as requests do.
    End,
    Cut(SourceError),
}

impl NatsPull {
    pub(super) async fn send(inner: Arc<Inner>, limit: Capacity, limits: Limits) -> Result<Self, SourceError> {
        let mut connected = inner.connected.clone();
        connected.mark_unchanged();
        let origin = Origin { incarnation: limits.incarnation, connection: inner.connection() };
        let batch = limit.messages.min(limits.batch);
        let expires = EXPIRES.min(limits.expires);
        let bytes = limit.bytes.min(limits.bytes);
        let request = Request { batch, max_bytes: bytes, expires: expires.as_nanos() as u64 };
        let answers = request.send(&inner).await?;
        let limit = Capacity { messages: batch, bytes };
        let deadline = Instant::now() + expires + PATIENCE;
        Ok(NatsPull {
            inner,
            answers,
            left: batch,
            received: 0,
            limit,
            deadline,
            connected,
            origin,
            called_off: false,
            ended: false,
        })
    }

    /// The next answer of the server, or why there will be none.
    async fn answer(&mut self) -> Answer {
        tokio::select! {
            biased;
            message = self.answers.next() => match message {
                Some(message) => self.read(message),
                None => Answer::Cut(SourceError::new("the subscription of a pull request was closed")),
            },
            changed = self.connected.changed() => match changed {
                // The news of the very connection that it was sent on.
                Ok(()) if self.inner.connection() == self.origin.connection => Answer::Ignored,
                _ => Answer::End,
            },
            () = tokio::time::sleep_until(self.deadline) => {
                if self.called_off { Answer::End } else { Answer::Cut(overdue()) }
            }
        }
    }

    fn read(&self, message: Message) -> Answer {
        match message.status {
            None | Some(StatusCode::OK) => {
                NatsMessage::new(message, &self.inner.replies, self.origin).map_or(Answer::Ignored, Answer::Message)
            }
            Some(StatusCode::IDLE_HEARTBEAT) => Answer::Ignored,
            Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => Answer::End,
            Some(StatusCode::NO_RESPONDERS) => Answer::Cut(self.inner.gone()),
            Some(status) => self.read_status(status, message.description.as_deref().unwrap_or_default()),
        }
    }

    fn read_status(&self, status: StatusCode, description: &str) -> Answer {
        // The texts are nats-server's; there is no other way to tell these apart.
        if description.eq_ignore_ascii_case("Message Size Exceeds MaxBytes") {
            if self.received > 0 {
                return Answer::End;
            }
            return Answer::Cut(SourceError::new(format!(
                "the next message is larger than the {} bytes that may be fetched now; if this stays, raise batch.max_buffered_bytes",
                self.limit.bytes
            )));
        }
        if description.eq_ignore_ascii_case("Batch Completed") {
            return Answer::End;
        }
        Answer::Cut(SourceError::new(format!("the server ended a pull request: {} {description}", status.as_u16())))
    }

    /// Takes what has already arrived, without waiting.
    async fn take_ready(&mut self, messages: &mut Vec<NatsMessage>) -> Option<SourceError> {
        // A message has some 300 bytes, which a vector that grows would move again and again.
        messages.reserve(self.left.min(CHUNK));
        while messages.len() < CHUNK && !self.is_over() {
            let ready = poll_fn(|context| match std::pin::Pin::new(&mut self.answers).poll_next(context) {
                Poll::Ready(message) => Poll::Ready(message),
                Poll::Pending => Poll::Ready(None),
            });
            let message = ready.await?;
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
        messages.push(message);
    }

    fn is_over(&self) -> bool {
        self.ended || self.left == 0
    }
}

fn overdue() -> SourceError {
    SourceError::new("the server did not end a pull request in time; the consumer or its leader may be gone")
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    SourceError::caused_by("could not send a pull request", error)
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
        if let Some(error) = self.take_ready(&mut messages).await {
            // The messages count first; the fetcher pulls again and hears of what is wrong then.
            tracing::debug!(error = error.chain(), "a pull request was cut after it had brought messages");
            self.ended = true;
            self.inner.detach();
        }
        Some(Ok(messages))
    }

    async fn cancel(&mut self) {
        // It expires by itself, soon; see the top of this file. Without a connection nothing more comes than what is here.
        if !self.inner.is_connected() {
            self.called_off = true;
            self.deadline = Instant::now();
        }
    }
}
