//! Publishing into the sink's own stream, and looking for what was published there before: for `replay`.

use std::time::Duration;

use async_nats::header::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::{ContextBuilder, PublishAckFuture, PublishError};
use bytes::Bytes;
use futures_util::StreamExt;

use super::NatsSource;
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
            let fetch = consumer.fetch().max_messages(SEARCH_BATCH).expires(SEARCH_PATIENCE);
            let mut messages = fetch.messages().await.map_err(failed)?;
            let before = seen;
            while let Some(message) = messages.next().await {
                let message = message.map_err(failed)?;
                if let Some(id) = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id")) {
                    found(id.as_str());
                }
                seen += 1;
            }
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
}
