//! The durable consumer: found, reviewed, created when it is missing.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, Info, pull};
use async_nats::jetstream::context::{ConsumerInfoErrorKind, GetStreamError, RequestError, RequestErrorKind};
use async_nats::jetstream::stream::{ConsumerCreateStrictErrorKind, Stream};
use time::format_description::well_known::Rfc3339;

use tokio::time::Instant;

use super::mark::Mark;
use super::review::{effective_ack_wait, review};
use super::survey::Survey;
use super::{Attached, Inner, NatsConfig};
use crate::source::SourceError;

/// Why a consumer can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// It has settings that would lose or duplicate data; an operator has to change them.
    #[error("the consumer {consumer} of stream {stream} can't be used:\n  {}", reasons.join("\n  "))]
    Refused {
        /// The stream.
        stream: String,
        /// The consumer.
        consumer: String,
        /// What is wrong, and what to change.
        reasons: Vec<String>,
    },
    /// The server could not be asked, or has no such stream.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl From<AttachError> for SourceError {
    fn from(error: AttachError) -> Self {
        match error {
            AttachError::Source(error) => error,
            refused @ AttachError::Refused { .. } => SourceError::new(refused.to_string()),
        }
    }
}

/// What a look at the consumer has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It can be used.
    Fit(Attached),
    /// It is missing, and will be created.
    Missing {
        /// What could not be found out.
        warnings: Vec<String>,
    },
}

/// A consumer that was found fit.
pub(super) struct Attachment {
    pub attached: Attached,
    pub limits: Limits,
}

/// The most that a pull request may ask for, by the consumer's own settings, and which consumer that is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub batch: usize,
    pub bytes: u64,
    pub expires: Duration,
    pub incarnation: i64,
}

impl Inner {
    /// The consumer does not answer.
    pub(super) fn gone(&self) -> SourceError {
        let NatsConfig { stream, consumer, .. } = &*self.config;
        SourceError::new(format!(
            "the consumer {consumer} of stream {stream} does not answer; it may have been deleted"
        ))
    }

    /// Counts connections: what was asked for on an earlier one gets no more answers. Counted by the client as it connects, not by its
    /// event of that, which comes through a queue: on a busy machine a pull could be under way by then, and be taken for one of
    /// the connection before.
    pub(super) fn connection(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// Finds the consumer, or creates it.
    pub(super) async fn find_or_create(&self) -> Result<Attachment, AttachError> {
        let (at, connection) = (Instant::now(), self.connection());
        let stream = self.stream().await?;
        self.learn_origins(&stream).await;
        self.refuse_without_overlap(&stream).await?;
        let (info, created) = match self.find(&stream).await? {
            Some(info) => (info, false),
            None => self.create(&stream).await?,
        };
        self.note_floor(&info, &stream, connection);
        self.note_look(at, connection, Some(incarnation(&info)));
        self.compare(stream.cached_info(), &info, None);
        let attachment = self.accept(&info, &self.survey(stream.cached_info()), created)?;
        self.leave_mark(&info).await;
        let ack_wait = attachment.attached.ack_wait;
        tracing::info!(
            stream = self.config.stream,
            consumer = self.config.consumer,
            created,
            ?ack_wait,
            pending = info.num_pending,
            ack_pending = info.num_ack_pending,
            "attached to the consumer"
        );
        Ok(attachment)
    }

    /// What [`Inner::find_or_create`] would find, with nothing created.
    pub(super) async fn look(&self) -> Result<Found, AttachError> {
        let stream = self.stream().await?;
        self.learn_origins(&stream).await;
        self.refuse_without_overlap(&stream).await?;
        let survey = self.survey(stream.cached_info());
        let Some(info) = self.find(&stream).await? else {
            return Ok(Found::Missing { warnings: self.refuse_uncreatable(&stream).await? });
        };
        let attached = self.accept(&info, &survey, false)?.attached;
        match is_paused(&info) {
            Some(reason) => Err(self.refusal(vec![reason])),
            None => Ok(Found::Fit(attached)),
        }
    }

    /// Has the consumer looked for before the next pull.
    pub(super) fn detach(&self) {
        self.detached.store(true, Ordering::Relaxed);
    }

    pub(super) fn accept(&self, info: &Info, survey: &Survey, created: bool) -> Result<Attachment, AttachError> {
        let served = *self.served_ack_wait.lock().unwrap_or_else(PoisonError::into_inner);
        let mut review = review(&info.config, &self.config, survey, served);
        review.refusals.extend(self.config.mark.as_ref().and_then(|mark| mark.refusal(&info.config)));
        if !review.refusals.is_empty() {
            return Err(self.refusal(review.refusals));
        }
        let ack_wait = effective_ack_wait(&info.config);
        Ok(Attachment {
            attached: Attached {
                ack_wait,
                max_ack_pending: usize::try_from(info.config.max_ack_pending).unwrap_or(usize::MAX),
                created,
                warnings: review.warnings,
            },
            limits: limits(info),
        })
    }

    pub(super) async fn stream(&self) -> Result<Stream, SourceError> {
        let NatsConfig { stream: name, api, .. } = &*self.config;
        self.jetstream.get_stream(name).await.map_err(|error| {
            let hint = if is_unheard(&error) { api.unheard() } else { String::new() };
            let denied = self.denied.hint();
            SourceError::caused_by(format!("could not find the stream {name}{hint}{denied}"), error)
        })
    }

    pub(super) async fn find(&self, stream: &Stream) -> Result<Option<Info>, SourceError> {
        match stream.consumer_info(&self.config.consumer).await {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("look for", error)),
        }
    }

    async fn create(&self, stream: &Stream) -> Result<(Info, bool), SourceError> {
        let deliver_policy = self.start(stream);
        if self.was_attached() {
            tracing::warn!(?deliver_policy, "the consumer is gone; creating it again where it had settled everything");
        }
        match stream.create_consumer_strict(wanted(&self.config, self.ack_wait(), deliver_policy)).await {
            Ok(consumer) => Ok((consumer.cached_info().clone(), true)),
            // Another replica was quicker.
            Err(error) if error.kind() == ConsumerCreateStrictErrorKind::AlreadyExists => {
                let found = self.find(stream).await?;
                found
                    .map(|info| (info, false))
                    .ok_or_else(|| SourceError::new("the consumer was created and deleted again by others"))
            }
            Err(error) => {
                let meaning = creation_refused(&error.kind()).map(|meaning| format!(": {meaning}"));
                let NatsConfig { stream, consumer, .. } = &*self.config;
                let context = format!(
                    "could not create the consumer {consumer} of stream {stream}{}",
                    meaning.unwrap_or_default()
                );
                Err(SourceError::caused_by(context, error))
            }
        }
    }

    /// The ack wait of a consumer that is created: not shorter than that of the one before, by which this process paces its
    /// progress acks.
    fn ack_wait(&self) -> Duration {
        let served = *self.served_ack_wait.lock().unwrap_or_else(PoisonError::into_inner);
        served.map_or(self.config.ack_wait, |served| served.max(self.config.ack_wait))
    }

    pub(super) async fn consumer_info(&self) -> Result<(Stream, Info), SourceError> {
        let connection = self.connection();
        let stream = self.stream().await?;
        let info = self.find(&stream).await?.ok_or_else(|| SourceError::new("the consumer is gone"))?;
        self.note_floor(&info, &stream, connection);
        Ok((stream, info))
    }

    pub(super) fn failed(&self, what: &str, error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
        let NatsConfig { stream, consumer, .. } = &*self.config;
        let denied = self.denied.hint();
        SourceError::caused_by(format!("could not {what} the consumer {consumer} of stream {stream}{denied}"), error)
    }
}

/// What an operator can do about a consumer that JetStream refuses to create.
fn creation_refused(error: &ConsumerCreateStrictErrorKind) -> Option<&'static str> {
    let ConsumerCreateStrictErrorKind::JetStream(error) = error else { return None };
    Some(match error.error_code() {
        ErrorCode::CONSUMER_WQ_MULTIPLE_UNFILTERED => {
            "another consumer has this work queue to itself; let both filter, on subjects of their own"
        }
        ErrorCode::CONSUMER_WQ_CONSUMER_NOT_UNIQUE => {
            "another consumer of this work queue has some of nats.filter_subjects; each subject is for one consumer"
        }
        ErrorCode::MAXIMUM_CONSUMERS_LIMIT => {
            "the stream or the account has as many consumers as it may; raise its max_consumers"
        }
        ErrorCode::CONSUMER_MAX_PENDING_ACK_EXCESS => {
            "nats.max_ack_pending is more than the stream or the account allows"
        }
        _ => return None,
    })
}

/// Why nothing is delivered for now, where the consumer is paused.
pub(super) fn is_paused(info: &Info) -> Option<String> {
    let until = info.config.pause_until.filter(|_| info.paused)?;
    let until = until.format(&Rfc3339).unwrap_or_default();
    let (stream, name) = (&info.stream_name, &info.name);
    Some(format!(
        "it is paused until {until}, and delivers nothing before that; go on with: nats consumer resume {stream} {name}"
    ))
}

/// Whether nobody listens where the request was sent.
fn is_unheard(error: &GetStreamError) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<RequestError>());
    cause.is_some_and(|cause| cause.kind() == RequestErrorKind::NoResponders)
}

/// Tells a consumer from those of the same name before and after it, of this stream and of others: when it was created, in nanoseconds since
/// the Unix epoch.
pub(super) fn incarnation(info: &Info) -> i64 {
    i64::try_from(info.created.unix_timestamp_nanos()).unwrap_or(i64::MAX)
}

/// The consumer that the sink creates.
fn wanted(config: &NatsConfig, ack_wait: Duration, deliver_policy: DeliverPolicy) -> pull::Config {
    let mut filters = config.filter_subjects.clone();
    let filter_subject = if filters.len() == 1 { filters.remove(0) } else { String::new() };
    pull::Config {
        durable_name: Some(config.consumer.clone()),
        description: Some("warehouse-sink: writes events to Parquet, acks after the write".to_owned()),
        deliver_policy,
        ack_policy: AckPolicy::Explicit,
        ack_wait,
        max_ack_pending: i64::try_from(config.max_ack_pending).unwrap_or(i64::MAX),
        max_deliver: -1,
        filter_subject,
        filter_subjects: filters,
        metadata: config.mark.iter().flat_map(Mark::metadata).collect(),
        ..pull::Config::default()
    }
}

fn limits(info: &Info) -> Limits {
    let config = &info.config;
    let batch = usize::try_from(config.max_batch).ok().filter(|batch| *batch > 0).unwrap_or(usize::MAX);
    let bytes = u64::try_from(config.max_bytes).ok().filter(|bytes| *bytes > 0).unwrap_or(u64::MAX);
    let expires = if config.max_expires.is_zero() { Duration::MAX } else { config.max_expires };
    Limits { batch, bytes, expires, incarnation: incarnation(info) }
}
