//! Publishing into the sink's own stream, and looking for what was published there before: for `replay`.

use std::time::Duration;

use async_nats::header::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::{ContextBuilder, PublishAckFuture, PublishError};
use bytes::Bytes;
use tokio::time::timeout;

use super::{NatsConfig, NatsSource, wire};
use crate::source::SourceError;

/// How long one confirmation may take.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the server keeps the consumer of a search that was broken off.
const SEARCH_LEFT_BEHIND: Duration = Duration::from_secs(60);
/// Messages that a search asks for at a time.
const SEARCH_BATCH: usize = 1000;
/// How long the next messages of a search may take.
const SEARCH_PATIENCE: Duration = Duration::from_secs(10);

/// Publishes into the stream, each message confirmed by it.
pub(crate) struct Republisher(Context);

impl Republisher {
    /// Hands a message to the connection. What comes back waits for the stream's confirmation.
    pub(crate) async fn send(
        &self,
        subject: String,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<PublishAckFuture, PublishError> {
        self.0.publish_with_headers(subject, headers, body).await
    }
}

impl NatsSource {
    /// A publisher with at most so many unconfirmed messages.
    pub(crate) fn republisher(&self, in_flight: usize) -> Republisher {
        let context = ContextBuilder::new()
            .api_prefix(self.inner.config.api.prefix())
            .timeout(ACK_TIMEOUT)
            .ack_timeout(ACK_TIMEOUT)
            // A permit more than is used, so that taking one never waits.
            .max_ack_inflight(in_flight + 1)
            .build(self.inner.client.clone());
        Republisher(context)
    }

    /// Hands the ids (`Nats-Msg-Id`) of all messages of some subjects to `found`, from a sequence on. Only headers come over the wire.
    /// `progress` hears how many messages were looked at, and of how many.
    ///
    /// The server makes a consumer for it that holds nothing back and goes by itself.
    pub(crate) async fn search_ids(
        &self,
        from: u64,
        subjects: Vec<String>,
        mut found: impl FnMut(&str),
        mut progress: impl FnMut(u64, u64),
    ) -> Result<(), SourceError> {
        fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SourceError {
            SourceError::caused_by("could not look through the stream for what was replayed before", error)
        }
        let stream = self.inner.stream().await?;
        let config = pull::Config {
            description: Some("warehouse-sink replay: looks for what was replayed before".to_owned()),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from.max(1) },
            ack_policy: AckPolicy::None,
            filter_subjects: subjects,
            headers_only: true,
            memory_storage: true,
            inactive_threshold: SEARCH_LEFT_BEHIND,
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(failed)?;
        let wanted = consumer.cached_info().num_pending;
        let mut seen = 0;
        while seen < wanted {
            let before = seen;
            let some = usize::try_from(wanted - seen).unwrap_or(SEARCH_BATCH).min(SEARCH_BATCH);
            seen += self.search_some(&consumer.cached_info().name, some, &mut found).await?;
            if seen == before {
                // Retention may have deleted the rest; what is to come is told by the consumer.
                let rest = stream.consumer_info(&consumer.cached_info().name).await.map_err(failed)?.num_pending;
                if rest > 0 {
                    return Err(SourceError::new("the server sends no more of the stream's messages"));
                }
                break;
            }
            progress(seen, wanted);
        }
        // It goes by itself if this fails.
        let _ = stream.delete_consumer(&consumer.cached_info().name).await;
        Ok(())
    }

    /// Fetches some messages of a search, over the connection for deliveries: the stream may have headers that async-nats ends its
    /// connection at. Gives how many of the wanted came; it waits a while for those that retention has deleted.
    async fn search_some(
        &self,
        consumer: &str,
        wanted: usize,
        found: &mut impl FnMut(&str),
    ) -> Result<u64, SourceError> {
        let NatsConfig { api, stream, .. } = &*self.inner.config;
        let subject = format!("{}.CONSUMER.MSG.NEXT.{stream}.{consumer}", api.prefix());
        let request = serde_json::json!({ "batch": wanted, "expires": SEARCH_PATIENCE.as_nanos() as u64 }).to_string();
        let wire = self.inner.wire().await?;
        let mut answers = wire.request(&subject, &self.inner.client.new_inbox(), request.as_bytes());
        let (mut seen, mut messages) = (0, Vec::new());
        while seen < wanted {
            messages.clear();
            let taken = timeout(2 * SEARCH_PATIENCE, answers.take(&mut messages, wanted)).await;
            if !taken.is_ok_and(|taken| taken > 0) {
                return Err(SourceError::new("the connection was lost while the stream was looked through"));
            }
            for message in &messages {
                if !message.reply().starts_with(b"$JS.ACK.") {
                    // An answer of the server's: the search has come to the end, or to that of its patience.
                    return Ok(seen as u64);
                }
                seen += 1;
                if let Some(id) = wire::shown_headers(message.headers()).get("Nats-Msg-Id").and_then(|ids| ids.first())
                {
                    found(id);
                }
            }
        }
        Ok(seen as u64)
    }
}
