//! What the server says of a stream and its consumer, for who audits what was stored.

use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::stream::Stream;
use serde::Serialize;

use super::NatsSource;
use super::survey::consumer_filters;
use crate::source::{Incoming, SourceError};
use crate::subject::covers;

/// How long a look for one message may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream, as an audit needs to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamFacts {
    /// Its name.
    pub name: String,
    /// When its life began: microseconds since the Unix epoch. What was published before is of an earlier stream of the same name.
    /// A mirror has messages that are older than itself: the oldest counts then.
    pub begin: i64,
    /// The subjects that its messages may have; none where that can't be told: of a mirror, and where there are sources or a transform.
    pub subjects: Vec<String>,
    /// Messages in it.
    pub messages: u64,
    /// The sequence of its oldest message; one more than the last when it is empty.
    pub first_sequence: u64,
    /// The sequence of its newest message.
    pub last_sequence: u64,
    /// Messages that were deleted between the first and the last.
    pub deleted: u64,
    /// The sink's consumer, if it is there.
    pub consumer: Option<ConsumerFacts>,
}

/// How far the consumer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsumerFacts {
    /// Its name.
    pub name: String,
    /// The sequence up to which every message that it is to get is settled.
    pub ack_floor: u64,
    /// Messages that are delivered and not settled.
    pub ack_pending: u64,
    /// Messages that were not delivered yet.
    pub pending: u64,
    /// The subjects that it is limited to; none for all.
    pub filter_subjects: Vec<String>,
    /// Whether it was to begin with the stream's first message.
    pub from_the_beginning: bool,
}

impl StreamFacts {
    /// Whether each message that the stream has, or had with the subjects that it has now, is one of these filters'. No filters take all.
    pub fn is_covered_by(&self, filters: &[String]) -> bool {
        let is_covered = |subject: &String| covers(filters, subject);
        filters.is_empty() || (!self.subjects.is_empty() && self.subjects.iter().all(is_covered))
    }
}

impl NatsSource {
    /// The subjects that the consumer is limited to by the settings.
    pub fn filter_subjects(&self) -> &[String] {
        &self.inner.config.filter_subjects
    }

    /// How the stream and the consumer are now. Nothing is created or changed.
    ///
    /// # Errors
    ///
    /// The server could not be asked, or has no such stream.
    pub async fn facts(&self) -> Result<StreamFacts, SourceError> {
        let stream = self.inner.stream().await?;
        let consumer = self.inner.find(&stream).await?.map(|info| ConsumerFacts {
            name: info.name.clone(),
            ack_floor: info.ack_floor.stream_sequence,
            ack_pending: info.num_ack_pending as u64,
            pending: info.num_pending,
            filter_subjects: consumer_filters(&info.config),
            from_the_beginning: info.config.deliver_policy == DeliverPolicy::All,
        });
        let info = stream.cached_info();
        let state = &info.state;
        let micros = |nanos: i128| i64::try_from(nanos.div_euclid(1000)).unwrap_or(i64::MIN);
        let created = micros(info.created.unix_timestamp_nanos());
        let oldest = micros(state.first_timestamp.unix_timestamp_nanos());
        let is_plain = info.config.mirror.is_none()
            && info.config.sources.as_ref().is_none_or(Vec::is_empty)
            && info.config.subject_transform.is_none();
        Ok(StreamFacts {
            subjects: if is_plain { info.config.subjects.clone() } else { Vec::new() },
            name: info.config.name.clone(),
            begin: if state.messages > 0 { created.min(oldest) } else { created },
            messages: state.messages,
            first_sequence: state.first_sequence,
            last_sequence: state.last_sequence,
            deleted: state.deleted_count.unwrap_or(0),
            consumer,
        })
    }

    /// The sequences that were deleted between the stream's first and last.
    ///
    /// # Errors
    ///
    /// The server could not be asked.
    pub async fn deleted(&self) -> Result<Vec<u64>, SourceError> {
        let stream = self.handle().await?;
        let info = stream.info_builder().with_deleted(true).fetch().await;
        let info =
            info.map_err(|error| SourceError::caused_by("could not list what was deleted in the stream", error))?;
        let state = info.info.state;
        let deleted = state.deleted.unwrap_or_default();
        let count = state.deleted_count.unwrap_or(0);
        if (deleted.len() as u64) < count {
            let listed = deleted.len();
            return Err(SourceError::new(format!(
                "of the {count} messages that were deleted in the stream, the server listed {listed}"
            )));
        }
        Ok(deleted)
    }

    /// The first message from a sequence on that has one of these subjects, or any if there are none. None when the stream has no more.
    ///
    /// # Errors
    ///
    /// The server could not be asked.
    pub async fn next_at(&self, sequence: u64, subjects: &[String]) -> Result<Option<u64>, SourceError> {
        let next = self.inner.next_message(sequence, subjects, PATIENCE).await?;
        Ok(next.map(|message| message.id().stream_sequence))
    }

    /// The stream, without asking how it is.
    async fn handle(&self) -> Result<Stream<()>, SourceError> {
        let name = &self.inner.config.stream;
        let stream = self.inner.jetstream.get_stream_no_info(name).await;
        stream.map_err(|error| SourceError::caused_by(format!("could not use the stream {name}"), error))
    }
}
