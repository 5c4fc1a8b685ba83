//! Whether the messages that wait in the stream can be decoded, found out by looking at some of them. Nothing is consumed.

use warehouse_sink_core::Destination;

use crate::rows::Decode;
use crate::schema::StreamDecoder;
use crate::source::nats::{NatsSource, Peeked};
use crate::source::{Incoming, SourceError};

/// Messages that are looked at at each end of what waits.
const AT_EACH_END: u64 = 50;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Messages that were looked at.
    pub messages: u64,
    /// Those of them that can't be decoded, in whole or in part.
    pub poison: u64,
    /// The first of these.
    pub first: Option<Undecodable>,
}

/// A message that can't be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// Why.
    pub reason: String,
}

impl Sample {
    /// Whether most of it can't be decoded: then the schema is wrong, not some messages.
    pub fn is_mostly_poison(&self) -> bool {
        self.poison.saturating_mul(2) > self.messages
    }

    fn add(&mut self, message: &Peeked, decoder: &mut StreamDecoder) {
        self.messages += 1;
        if let Some(reason) = reason(message, decoder) {
            self.poison += 1;
            let (sequence, subject) = (message.id().stream_sequence, message.subject().to_owned());
            self.first.get_or_insert(Undecodable { sequence, subject, reason });
        }
    }
}

/// Looks at the oldest and the newest messages of the sink's own that are not settled.
///
/// # Errors
///
/// The server could not be asked, or does not allow to look at messages.
pub async fn sample(source: &NatsSource, decoder: &mut StreamDecoder) -> Result<Sample, SourceError> {
    let facts = source.facts().await?;
    let settled = facts.consumer.as_ref().map_or(0, |consumer| consumer.ack_floor);
    let oldest = facts.first_sequence.max(settled.saturating_add(1));
    let newest = facts.last_sequence.saturating_sub(AT_EACH_END - 1);
    let mut sample = Sample::default();
    let after = look(source, oldest, decoder, &mut sample).await?;
    look(source, newest.max(after), decoder, &mut sample).await?;
    Ok(sample)
}

/// Looks at some messages from a sequence on; gives the sequence after the last one.
async fn look(
    source: &NatsSource,
    from: u64,
    decoder: &mut StreamDecoder,
    sample: &mut Sample,
) -> Result<u64, SourceError> {
    let mut next = from;
    for _ in 0..AT_EACH_END {
        let Some(message) = source.peek(next).await? else { break };
        next = message.id().stream_sequence.saturating_add(1);
        sample.add(&message, decoder);
    }
    Ok(next)
}

/// Why a message can't be decoded.
fn reason(message: &Peeked, decoder: &mut StreamDecoder) -> Option<String> {
    let rows = decoder.decode(message);
    let row = rows.as_slice().iter().find(|row| row.destination == Destination::DeadLetter)?;
    row.payload.reason().map(str::to_owned)
}
