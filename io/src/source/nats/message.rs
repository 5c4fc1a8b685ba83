//! A delivered message. Its reply subject both tells which delivery it is and settles it.

use std::collections::BTreeMap;

use async_nats::{Message, Subject};
use warehouse_sink_core::MessageId;

use crate::source::Incoming;

/// A message that JetStream delivered.
pub struct NatsMessage {
    message: Message,
    reply: Subject,
    id: MessageId,
    delivery_count: u64,
}

impl NatsMessage {
    /// None where the reply subject is not JetStream's: then nothing was delivered, and nothing can be settled.
    pub(super) fn new(message: Message) -> Option<Self> {
        // A copy of its own: the reply is kept until the delivery is settled, and must not keep the connection's whole read
        // buffer alive.
        let reply = Subject::from(message.reply.as_ref()?.as_str().to_owned());
        let (id, delivery_count) = parse_reply(reply.as_str())?;
        Some(NatsMessage { message, reply, id, delivery_count })
    }
}

/// Reads `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<published ns>.<pending>`, or the longer form
/// with `<domain>.<account hash>.` before the stream and any tokens after (NATS ADR-15).
fn parse_reply(reply: &str) -> Option<(MessageId, u64)> {
    let rest = reply.strip_prefix("$JS.ACK.")?;
    let skip = match rest.split('.').count() {
        7 => 2,
        9.. => 4,
        _ => return None,
    };
    let mut tokens = rest.split('.').skip(skip);
    let delivery_count = tokens.next()?.parse().ok()?;
    let stream_sequence = tokens.next()?.parse().ok()?;
    let published_at = tokens.nth(1)?.parse().ok()?;
    Some((MessageId { stream_sequence, published_at }, delivery_count))
}

impl Incoming for NatsMessage {
    type Handle = Subject;

    fn id(&self) -> MessageId {
        self.id
    }

    fn delivery_count(&self) -> u64 {
        self.delivery_count
    }

    fn subject(&self) -> &str {
        self.message.subject.as_str()
    }

    fn body(&self) -> &[u8] {
        &self.message.payload
    }

    fn headers(&self) -> BTreeMap<String, Vec<String>> {
        let headers = self.message.headers.iter().flat_map(|headers| headers.iter());
        headers
            .map(|(name, values)| (name.to_string(), values.iter().map(|value| value.as_str().to_owned()).collect()))
            .collect()
    }

    fn into_handle(self) -> Subject {
        self.reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_of_the_reply() {
        let id = MessageId { stream_sequence: 100, published_at: 1_790_230_470_084_404_000 };
        for reply in [
            "$JS.ACK.EVENTS.sink.3.100.7.1790230470084404000.42",
            "$JS.ACK.hub.9Xz.EVENTS.sink.3.100.7.1790230470084404000.42",
            "$JS.ACK.hub.9Xz.EVENTS.sink.3.100.7.1790230470084404000.42.token",
        ] {
            assert_eq!(parse_reply(reply), Some((id, 3)), "{reply}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_reply() {
        for reply in ["", "_INBOX.x", "$JS.ACK.EVENTS.sink.3.100.7", "$JS.ACK.EVENTS.sink.x.100.7.1.42"] {
            assert_eq!(parse_reply(reply), None, "{reply}");
        }
    }
}
