//! The mark that the sink leaves in the consumer's metadata: where its messages go. Two configurations on one consumer would split the
//! stream between two places, each of them green.

use std::fmt::Write as _;

use async_nats::jetstream::consumer::{Config, Info};
use async_nats::jetstream::response::Response;
use serde_json::{Value, json};

use super::{Inner, NatsConfig};
use crate::source::SourceError;

/// Where it is in the consumer's metadata.
const DESTINATION: &str = "warehouse_sink.destination";
const SCHEMA: &str = "warehouse_sink.schema";

/// What is written by who reads the consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where files go, in words, without secrets.
    pub destination: String,
    /// A digest of what the messages are and which of them go where.
    pub schema: String,
    /// The digest of a destination that the consumer may be taken over from.
    pub moved_from: Option<String>,
}

/// What a consumer's mark says beside one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Judged {
    /// The same.
    Same,
    /// There is none.
    Unmarked,
    /// The destination that the settings say it was moved from.
    Moved,
    /// The same destination, and another schema.
    OtherSchema,
    /// Another destination.
    Elsewhere(String),
}

/// A short digest of a text (FNV-1a): to tell texts apart, not to protect anything.
pub fn digest(text: &str) -> String {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
}

impl Mark {
    fn judge(&self, consumer: &Config) -> Judged {
        let Some(theirs) = consumer.metadata.get(DESTINATION) else { return Judged::Unmarked };
        if *theirs != self.destination {
            let is_left = self.moved_from.as_ref().is_some_and(|from| *from == digest(theirs));
            return if is_left { Judged::Moved } else { Judged::Elsewhere(theirs.clone()) };
        }
        if consumer.metadata.get(SCHEMA) == Some(&self.schema) { Judged::Same } else { Judged::OtherSchema }
    }

    /// Why a consumer with another mark is not used.
    pub(super) fn refusal(&self, consumer: &Config) -> Option<String> {
        let Judged::Elsewhere(theirs) = self.judge(consumer) else { return None };
        Some(format!(
            "it is used to write to {theirs}, and these settings write to {}: two configurations on one consumer would split the \
             stream between two places. Choose another nats.consumer; or, if the destination has moved for good, stop every process \
             with the old settings and set nats.moved_from = \"{}\"",
            self.destination,
            digest(&theirs)
        ))
    }

    /// Its metadata.
    pub(super) fn metadata(&self) -> [(String, String); 2] {
        [(DESTINATION, &self.destination), (SCHEMA, &self.schema)].map(|(key, value)| (key.to_owned(), value.clone()))
    }
}

impl Inner {
    /// Leaves the mark on a consumer that was found fit.
    pub(super) async fn leave_mark(&self, info: &Info) {
        let Some(mark) = &self.config.mark else { return };
        match mark.judge(&info.config) {
            Judged::Same | Judged::Elsewhere(_) => return,
            Judged::Unmarked => {}
            Judged::Moved => {
                tracing::warn!(destination = mark.destination, "the consumer is taken over from another destination")
            }
            Judged::OtherSchema => tracing::warn!(
                "the consumer was last used with another schema or other routes; while replicas with both run, files of one time have both"
            ),
        }
        if let Err(error) = self.write_mark(mark).await {
            tracing::warn!(
                error = error.chain(),
                "the consumer could not be marked: another configuration on it would not be noticed; allow the user to edit it"
            );
        }
    }

    /// Edits the consumer's metadata. What the server knows of it beyond this program stays as it is.
    async fn write_mark(&self, mark: &Mark) -> Result<(), SourceError> {
        let NatsConfig { stream, consumer, .. } = &*self.config;
        let info: Value = self.call(format!("CONSUMER.INFO.{stream}.{consumer}"), &json!({})).await?;
        let mut config = info["config"].clone();
        if !config["metadata"].is_object() {
            config["metadata"] = json!({});
        }
        for (key, value) in mark.metadata() {
            config["metadata"][key] = Value::String(value);
        }
        let mut subject = format!("CONSUMER.CREATE.{stream}.{consumer}");
        if let Some(filter) = config["filter_subject"].as_str().filter(|filter| !filter.is_empty()) {
            // Writing to a String can't fail.
            let _ = write!(subject, ".{filter}");
        }
        let request = json!({ "stream_name": stream, "config": config, "action": "update" });
        self.call(subject, &request).await.map(drop)
    }

    async fn call(&self, subject: String, request: &Value) -> Result<Value, SourceError> {
        let failed = || format!("could not edit the consumer{}", self.denied.hint());
        let answer = self.jetstream.request(subject, request).await;
        match answer.map_err(|error| SourceError::caused_by(failed(), error))? {
            Response::Ok(answer) => Ok(answer),
            Response::Err { error } => Err(SourceError::caused_by(failed(), error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(destination: &str, schema: &str) -> Mark {
        Mark { destination: destination.to_owned(), schema: schema.to_owned(), moved_from: None }
    }

    #[test]
    fn another_destination_is_refused_until_it_was_said_to_have_moved() {
        let marked = Config { metadata: mark("old", "s").metadata().into(), ..Config::default() };
        let ours = mark("new", "s");
        let refusal = ours.refusal(&marked).unwrap();
        assert!(refusal.contains("write to old, and these settings write to new"), "{refusal}");
        let moved_from = Some(digest("old"));
        assert!(refusal.contains(&format!("nats.moved_from = \"{}\"", digest("old"))), "{refusal}");
        let moved = Mark { moved_from, ..ours };
        assert_eq!((moved.judge(&marked), moved.refusal(&marked)), (Judged::Moved, None));
        let third = Config { metadata: mark("third", "s").metadata().into(), ..Config::default() };
        assert!(moved.refusal(&third).is_some(), "moved from elsewhere");
    }

    #[test]
    fn another_schema_and_no_mark_are_taken() {
        let marked = Config { metadata: mark("here", "old").metadata().into(), ..Config::default() };
        assert_eq!(mark("here", "new").judge(&marked), Judged::OtherSchema);
        assert_eq!(mark("here", "old").judge(&marked), Judged::Same);
        assert_eq!(mark("here", "old").judge(&Config::default()), Judged::Unmarked);
        for judged in [&marked, &Config::default()] {
            assert_eq!(mark("here", "new").refusal(judged), None);
        }
        assert_ne!(digest("a"), digest("b"));
    }
}
