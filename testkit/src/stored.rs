//! A message as the stream has it.

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::nats::NatsServer;

/// A message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its subject.
    pub subject: String,
    /// Its headers as they go over the wire, a line for each; empty when it has none.
    pub headers: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl NatsServer {
    /// The message with this sequence.
    ///
    /// # Panics
    ///
    /// When the stream has none.
    #[must_use]
    #[track_caller]
    pub fn message(&self, stream: &str, sequence: u64) -> StoredMessage {
        let answer = self.client().jetstream(&format!("STREAM.MSG.GET.{stream}"), &json!({ "seq": sequence }));
        let message = &answer.unwrap_or_else(|error| panic!("no message {sequence}: {error}"))["message"];
        let headers = String::from_utf8_lossy(&bytes(&message["hdrs"])).into_owned();
        let subject = message["subject"].as_str().unwrap_or_default().to_owned();
        StoredMessage { subject, headers, body: bytes(&message["data"]) }
    }
}

/// JetStream leaves out what is empty.
fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_default();
    BASE64.decode(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?} is not base64: {error}"))
}
