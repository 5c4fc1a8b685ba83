//! What has to be known of the stream before a consumer on it can be judged, or created.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::PoisonError;
use std::time::Duration;

use async_nats::jetstream::consumer;
use async_nats::jetstream::stream::{DiscardPolicy, Info, RetentionPolicy, Source, Stream};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::peek::PATIENCE;
use super::subjects::{depends_on_origin, origins, patterns, possible, taken};
use super::{AttachError, Inner};
use crate::source::SourceError;
use crate::subject::intersection;

/// How long another stream's subjects are asked for. Without an answer they count as unknown.
const ORIGIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How far mirrors of mirrors are followed.
const ORIGIN_DEPTH: usize = 4;
/// Consumers of a work queue that are looked at.
const MOST_CONSUMERS: usize = 10_000;
/// What the server counts beside a message's body: its subject, reply subject and headers.
pub(super) const ENVELOPE: u64 = 4096;

/// What is known of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Survey {
    /// The subjects that it can hold.
    pub subjects: BTreeSet<String>,
    /// The largest message that it can hold, in bytes.
    pub largest_message: u64,
}

/// The subjects of other streams, by their names; none where they are not known.
pub(super) type Origins = BTreeMap<String, Option<Vec<String>>>;

impl Inner {
    /// Surveys a stream, by what was learned before of the streams that it takes messages from.
    pub fn survey(&self, info: &Info) -> Survey {
        let known = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let largest_of_stream = u64::try_from(info.config.max_message_size).ok().filter(|bytes| *bytes > 0);
        Survey {
            subjects: possible(&info.config, |source| known.get(&source.name).cloned().flatten()),
            largest_message: largest_of_stream
                .map_or(u64::MAX, |bytes| bytes.saturating_add(ENVELOPE))
                .min(self.largest_message()),
        }
    }

    /// Asks for the subjects of the streams that this one takes its messages from.
    pub async fn learn_origins(&self, stream: &Stream) {
        let mut learned = Origins::new();
        for source in origins(&stream.cached_info().config).filter(|source| depends_on_origin(source)) {
            learned.insert(source.name.clone(), self.subjects_of(source.clone(), ORIGIN_DEPTH).await);
        }
        *self.origins.lock().unwrap_or_else(PoisonError::into_inner) = learned;
    }

    fn subjects_of(
        &self,
        source: Source,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Option<Vec<String>>> + Send + '_>> {
        Box::pin(async move {
            // Another account's or domain's stream can't be asked here.
            if depth == 0 || source.external.is_some() || source.domain.is_some() {
                return None;
            }
            let asked = timeout(ORIGIN_TIMEOUT, self.jetstream.get_stream(&source.name)).await;
            let stream = asked.ok()?.ok()?;
            let config = &stream.cached_info().config;
            let mut known = Origins::new();
            for next in origins(config).filter(|next| depends_on_origin(next)) {
                known.insert(next.name.clone(), self.subjects_of(next.clone(), depth - 1).await);
            }
            let subjects = possible(config, |next| known.get(&next.name).cloned().flatten());
            Some(subjects.into_iter().collect())
        })
    }

    /// Refuses filters that no message of the stream can fit: nothing would ever come.
    pub async fn refuse_without_overlap(&self, stream: &Stream) -> Result<(), AttachError> {
        let info = stream.cached_info();
        let subjects = self.survey(info).subjects;
        let wanted = patterns(&self.config.filter_subjects);
        if !taken(&wanted, &subjects).is_empty() {
            return Ok(());
        }
        // The stream may have had other subjects, and hold messages of that time.
        let rest = self.next_message(info.state.first_sequence, &self.config.filter_subjects, PATIENCE).await;
        if matches!(rest, Ok(Some(_))) {
            return Ok(());
        }
        Err(self.refusal(vec![format!(
            "no subject of the stream fits nats.filter_subjects: the stream holds {} and the filter is {}, so nothing would \
             ever be written; set nats.filter_subjects to subjects that the stream holds",
            list(subjects.iter().map(String::as_str)),
            list(wanted),
        )]))
    }

    /// Says why the server would refuse to create the consumer. Nothing is created to find out.
    pub async fn refuse_uncreatable(&self, stream: &Stream) -> Result<Vec<String>, AttachError> {
        let Info { config, state, .. } = stream.cached_info();
        let mut reasons = Vec::new();
        if let Some(most) = usize::try_from(config.max_consumers).ok().filter(|most| *most > 0)
            && state.consumer_count >= most
        {
            reasons.push(format!(
                "it is missing and can't be created: the stream has {} consumers and takes no more; delete one, or raise the \
                 stream's max consumers",
                state.consumer_count
            ));
        }
        let most =
            config.consumer_limits.as_ref().map_or(0, |limits| u64::try_from(limits.max_ack_pending).unwrap_or(0));
        if most > 0 && self.config.max_ack_pending > most {
            reasons.push(format!(
                "it is missing and can't be created: the stream allows a max ack pending of {most}, and the sink wants {}; set \
                 nats.max_ack_pending to {most} or less, and batch.max_events to no more than that",
                self.config.max_ack_pending
            ));
        }
        let mut warnings = Vec::new();
        if config.retention == RetentionPolicy::WorkQueue {
            match self.others_on_queue(stream).await {
                Ok(others) => reasons.extend(others),
                Err(error) => warnings.push(format!(
                    "whether another consumer of this work queue has the same subjects was not found out: {}",
                    error.chain()
                )),
            }
        }
        if reasons.is_empty() { Ok(warnings) } else { Err(self.refusal(reasons)) }
    }

    /// The consumers of a work queue that hold subjects of this one: each message of it is for one consumer alone.
    async fn others_on_queue(&self, stream: &Stream) -> Result<Option<String>, SourceError> {
        let wanted = patterns(&self.config.filter_subjects);
        let mut others = Vec::new();
        let mut consumers = stream.consumers().take(MOST_CONSUMERS);
        while let Some(info) = consumers.next().await {
            let info = info.map_err(|error| SourceError::caused_by("could not list the stream's consumers", error))?;
            let theirs = consumer_filters(&info.config);
            let theirs = patterns(&theirs);
            if wanted.iter().any(|wanted| theirs.iter().any(|theirs| intersection(wanted, theirs).is_some())) {
                others.push(format!("{} ({})", info.name, list(theirs)));
            }
        }
        Ok((!others.is_empty()).then(|| {
            format!(
                "it is missing and can't be created: the stream is a work queue, and each of its messages is for one consumer \
                 alone; {} has some of the same subjects ({}): name that consumer in nats.consumer, choose other subjects, or \
                 delete it",
                others.join(" and "),
                list(wanted),
            )
        }))
    }

    pub fn refusal(&self, reasons: Vec<String>) -> AttachError {
        AttachError::Refused { stream: self.config.stream.clone(), consumer: self.config.consumer.clone(), reasons }
    }
}

/// Whether it can be a limit of the stream that deletes messages. A stream that is not full has lost them to a purge.
pub(super) fn is_limited(info: &Info) -> bool {
    let Info { config, state, .. } = info;
    let some = |most: i64| u64::try_from(most).ok().filter(|most| *most > 0);
    let has_many = some(config.max_messages).is_some_and(|most| state.messages >= most);
    // What does not fit any more may be half of it, where messages are large.
    let has_much = some(config.max_bytes).is_some_and(|most| state.bytes >= most / 2);
    let by_subject = config.max_messages_per_subject > 0;
    let deletes_old = config.discard == DiscardPolicy::Old && (has_many || has_much || by_subject);
    deletes_old || !config.max_age.is_zero() || config.allow_message_ttl
}

/// The filter subjects, wherever the consumer has them.
pub(super) fn consumer_filters(config: &consumer::Config) -> Vec<String> {
    let one = std::iter::once(&config.filter_subject);
    one.chain(&config.filter_subjects).filter(|filter| !filter.is_empty()).cloned().collect()
}

/// Subjects for a message.
pub(super) fn list<'a>(subjects: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = subjects.into_iter().map(|subject| format!("`{subject}`")).collect();
    if quoted.is_empty() { "nothing".to_owned() } else { quoted.join(", ") }
}
