//! Looking at messages of the stream without a consumer: nothing is delivered, counted or left behind.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::response::Response;
use bytes::Bytes;
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;
use warehouse_sink_core::MessageId;

use super::subjects::patterns;
use super::{Inner, NatsSource};
use crate::source::{Incoming, SourceError};

/// How long one message may take, for who asks only on the side.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// A message as the stream has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peeked {
    id: MessageId,
    subject: String,
    headers: BTreeMap<String, Vec<String>>,
    body: Bytes,
}

#[derive(Deserialize)]
struct Got {
    message: Stored,
}

/// What the server answers. Bytes that are not UTF-8 in the subject come changed.
#[derive(Deserialize)]
struct Stored {
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    time: String,
}

impl Incoming for Peeked {
    type Handle = ();

    fn id(&self) -> MessageId {
        self.id
    }

    fn delivery_count(&self) -> u64 {
        0
    }

    fn subject(&self) -> &str {
        &self.subject
    }

    fn body(&self) -> &[u8] {
        &self.body
    }

    fn shared_body(&self) -> Bytes {
        self.body.clone()
    }

    fn headers(&self) -> BTreeMap<String, Vec<String>> {
        self.headers.clone()
    }

    fn into_handle(self) {}
}

impl Inner {
    /// The first message from a sequence on that one of these filters takes; no filters take all.
    pub async fn next_message(
        &self,
        sequence: u64,
        filters: &[String],
        patience: Duration,
    ) -> Result<Option<Peeked>, SourceError> {
        let mut next: Option<Peeked> = None;
        for filter in patterns(filters) {
            let found = self.next_of(sequence.max(1), filter, patience).await?;
            let is_earlier =
                |found: &Peeked| next.as_ref().is_none_or(|next| found.id.stream_sequence < next.id.stream_sequence);
            if let Some(found) = found.filter(is_earlier) {
                next = Some(found);
            }
        }
        Ok(next)
    }

    /// Asks for it by hand: async-nats refuses the answer where the message's headers are no text.
    async fn next_of(&self, sequence: u64, filter: &str, patience: Duration) -> Result<Option<Peeked>, SourceError> {
        const FAILED: &str = "could not look for a message in the stream";
        let subject = format!("STREAM.MSG.GET.{}", self.config.stream);
        let request = json!({ "seq": sequence, "next_by_subj": filter });
        let asked = timeout(patience, self.jetstream.request(subject, &request)).await;
        let asked = asked.map_err(|_| SourceError::new(format!("{FAILED}: no answer{}", self.denied.hint())))?;
        match asked.map_err(|error| SourceError::caused_by(FAILED, error))? {
            Response::Ok(Got { message }) => {
                read(message).map(Some).map_err(|error| SourceError::caused_by(FAILED, error))
            }
            Response::Err { error } if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
            Response::Err { error } => Err(SourceError::caused_by(FAILED, error)),
        }
    }
}

impl NatsSource {
    /// The first message of the sink's own from a sequence on. It is looked at, not delivered.
    ///
    /// # Errors
    ///
    /// The server could not be asked, or does not allow it.
    pub async fn peek(&self, sequence: u64) -> Result<Option<Peeked>, SourceError> {
        self.inner.next_message(sequence, &self.inner.config.filter_subjects, PATIENCE).await
    }
}

fn read(stored: Stored) -> Result<Peeked, Box<dyn std::error::Error + Send + Sync>> {
    let published = OffsetDateTime::parse(&stored.time, &Rfc3339)?.unix_timestamp_nanos();
    let id = MessageId { stream_sequence: stored.seq, published_at: i64::try_from(published)? };
    let headers = read_headers(&BASE64.decode(stored.hdrs.as_bytes())?);
    Ok(Peeked { id, subject: stored.subject, headers, body: BASE64.decode(stored.data.as_bytes())?.into() })
}

/// Reads headers as far as they can be read; what is not UTF-8 is replaced.
fn read_headers(bytes: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut headers = BTreeMap::<String, Vec<String>>::new();
    let text = String::from_utf8_lossy(bytes);
    for line in text.split("\r\n").skip(1) {
        if let Some((name, value)) = line.split_once(':') {
            headers.entry(name.to_owned()).or_default().push(value.trim().to_owned());
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_message_is_read_with_its_headers() {
        let stored = Stored {
            subject: "a.b".to_owned(),
            seq: 7,
            hdrs: BASE64.encode(b"NATS/1.0\r\nX: one\r\nX: two\r\nno colon\r\nJos\xe9: \xe9\r\n\r\n"),
            data: BASE64.encode(b"body"),
            time: "2026-11-23T15:05:00.000000001Z".to_owned(),
        };
        let peeked = read(stored).unwrap();
        assert_eq!(peeked.id(), MessageId { stream_sequence: 7, published_at: 1_795_446_300_000_000_001 });
        assert_eq!((peeked.subject(), peeked.body()), ("a.b", &b"body"[..]));
        assert_eq!(peeked.headers()["X"], ["one", "two"]);
        assert_eq!(peeked.headers().len(), 2);
    }
}
