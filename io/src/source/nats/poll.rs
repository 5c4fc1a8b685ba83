//! How the consumer is, asked for again and again: whether the server answers, what waits, and what was lost.

use std::sync::PoisonError;
use std::time::Duration;

use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::stream;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout};

use super::consumer::is_paused;
use super::peek::PATIENCE;
use super::retention::Seen;
use super::survey::{consumer_filters, is_limited};
use super::{Inner, NatsSource};
use crate::health::Part;
use crate::metrics::Metrics;
use crate::source::{Incoming, SourceError};
use crate::subject::covers;

/// How often the consumer's state is asked for: the age of the lag that metrics show, and of the ack floor at which a deleted
/// consumer is created again. What was acked since has to be remembered, or it is written twice.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How long the answer may take. Without one the sink is not ready: a server that is frozen, or a network that swallows everything,
/// would be noticed by the connection after twenty seconds only.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// When a single message is looked at again that could not be looked at: the user may not be allowed to.
const PEEK_AGAIN: Duration = Duration::from_secs(300);

/// The oldest message that is not stored.
#[derive(Debug, Default)]
struct Oldest {
    /// Its sequence, and when it was published.
    message: Option<(u64, i64)>,
    /// Nothing is looked at before this.
    not_before: Option<Instant>,
}

impl NatsSource {
    /// Keeps readiness, the lag metrics and the ack floor up to date, for ever. A consumer that was changed so that it would lose data
    /// is looked at again before the next pull, and refused there.
    pub async fn watch(&self, metrics: Metrics) {
        let mut oldest = Oldest::default();
        loop {
            let asked = timeout(ANSWER_TIMEOUT, self.inner.consumer_info()).await;
            let asked = asked.unwrap_or_else(|_| {
                let NatsSource { inner } = self;
                Err(SourceError::new(format!(
                    "the server has not said for {ANSWER_TIMEOUT:?} how the consumer is{}",
                    inner.denied.hint()
                )))
            });
            match asked {
                Ok((stream, info)) => self.take_in(stream.cached_info(), &info, &metrics, &mut oldest).await,
                Err(error) => {
                    metrics.forget_consumer();
                    self.inner.health.set(Part::Answers, Err(error.chain()));
                    if self.inner.denied.answers() {
                        // The right to hear answers may be back by now. A client that has ended ends the process elsewhere.
                        let _ = self.inner.client.force_reconnect().await;
                    }
                }
            }
            self.look_at_refused_acks().await;
            metrics.expired.increment(self.inner.retention().take_uncounted());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    async fn take_in(&self, stream: &stream::Info, info: &Info, metrics: &Metrics, oldest: &mut Oldest) {
        let inner = &self.inner;
        let lag = info.num_pending.saturating_add(info.num_ack_pending as u64);
        metrics.pending.set(info.num_pending as f64);
        metrics.ack_pending.set(info.num_ack_pending as f64);
        metrics.lag.set(lag as f64);
        if is_exhausted(info) {
            inner.exhausted.notify_one();
        }
        inner
            .health
            .set(Part::Answers, is_paused(info).map_or(Ok(()), |reason| Err(format!("the consumer: {reason}"))));
        if inner.accept(info, &inner.survey(stream), false).is_err() {
            inner.detach();
        }
        let age = if lag == 0 { Some(0.0) } else { oldest.age(inner, stream, info).await };
        metrics.oldest_unstored.set(age.unwrap_or(f64::NAN));
        let next = inner.next_undelivered(stream, info, oldest).await;
        inner.compare(stream, info, next);
    }
}

/// Whether the consumer has more and delivers nothing new: as many messages are un-settled as may be.
fn is_exhausted(info: &Info) -> bool {
    let most = info.config.max_ack_pending;
    most > 0 && info.num_pending > 0 && info.num_ack_pending as i64 >= most
}

impl Inner {
    pub(super) fn retention(&self) -> std::sync::MutexGuard<'_, super::Retention> {
        self.retention.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds out what was lost since stream and consumer were last seen. The stream was asked before the consumer.
    pub(super) fn compare(&self, stream: &stream::Info, info: &Info, next: Option<u64>) {
        self.retention().compare(Seen {
            created: (stream.created.unix_timestamp_nanos(), info.created.unix_timestamp_nanos()),
            first: stream.state.first_sequence,
            deleted: stream.state.deleted_count.unwrap_or(0),
            delivered: info.delivered.stream_sequence,
            deliveries: info.delivered.consumer_sequence,
            pending: info.num_pending,
            next,
            takes_all: self.takes_all(stream, info),
            limited: is_limited(stream),
        });
    }

    /// Whether all that the stream can hold is for the consumer.
    fn takes_all(&self, stream: &stream::Info, info: &Info) -> bool {
        let filters = consumer_filters(&info.config);
        filters.is_empty() || self.survey(stream).subjects.iter().all(|subject| covers(&filters, subject))
    }

    /// The first message that was not delivered, where that tells whether messages of the consumer's were among those that expired.
    async fn next_undelivered(&self, stream: &stream::Info, info: &Info, oldest: &mut Oldest) -> Option<u64> {
        if info.num_pending == 0 || self.takes_all(stream, info) || !is_limited(stream) {
            return None;
        }
        let (first, delivered) = (stream.state.first_sequence, info.delivered.stream_sequence);
        let known = self.retention().next(first, delivered);
        if known.is_some() {
            return known;
        }
        oldest.look(self, delivered.saturating_add(1).max(first), info).await.map(|(sequence, _)| sequence)
    }
}

impl Oldest {
    /// How old the oldest message is that is not settled, in seconds; none where it can't be looked at.
    async fn age(&mut self, inner: &Inner, stream: &stream::Info, info: &Info) -> Option<f64> {
        let from = info.ack_floor.stream_sequence.saturating_add(1).max(stream.state.first_sequence);
        if self.message.is_none_or(|(sequence, _)| sequence < from) {
            self.message = self.look(inner, from, info).await;
        }
        let (_, published_at) = self.message?;
        let age = OffsetDateTime::now_utc().unix_timestamp_nanos() - i128::from(published_at);
        Some((age as f64 / 1e9).max(0.0))
    }

    async fn look(&mut self, inner: &Inner, from: u64, info: &Info) -> Option<(u64, i64)> {
        if self.not_before.is_some_and(|not_before| Instant::now() < not_before) {
            return None;
        }
        match inner.next_message(from, &consumer_filters(&info.config), PATIENCE).await {
            Ok(message) => message.map(|message| (message.id().stream_sequence, message.id().published_at)),
            Err(error) => {
                tracing::debug!(error = error.chain(), "the oldest message that is not stored is not known");
                self.not_before = Some(Instant::now() + PEEK_AGAIN);
                None
            }
        }
    }
}
