//! Whether messages of an earlier connection are still the ones that they were.
//!
//! A server that dies can lose its newest messages, and gives their sequences to others. That takes the connection with it. So before
//! what came on an earlier connection is settled, the server is asked for the newest of these messages: while it is the same, so are all
//! before it.

use std::sync::PoisonError;

use async_nats::jetstream::stream::RawMessageErrorKind;
use warehouse_sink_core::MessageId;

use super::Inner;
use super::settle::{ANSWER, Round};
use crate::source::SourceError;

/// What is known of the stream since a connection was made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tail {
    connection: u64,
    /// The messages up to this sequence are those from before.
    same_up_to: u64,
}

impl Inner {
    /// Leaves out messages of an earlier connection that the server has lost: another one may have their sequence. What is left out and
    /// was not lost comes again.
    pub(super) async fn leave_out_lost(&self, round: &mut Round, connection: u64) -> Result<(), SourceError> {
        let known = *self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let known = if known.connection == connection { known.same_up_to } else { 0 };
        let earlier = round.iter().filter(|(handle, _)| handle.origin.connection != connection);
        let mut earlier: Vec<_> = earlier.filter_map(|(handle, _)| handle.reply.message()).collect();
        earlier.retain(|message| message.stream_sequence > known);
        if earlier.is_empty() {
            return Ok(());
        }
        earlier.sort_unstable();
        let same = self.same(&earlier).await?;
        let same_up_to = earlier[..same].last().map_or(known, |message| message.stream_sequence);
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = Tail { connection, same_up_to };
        if same < earlier.len() {
            tracing::warn!(
                settlements = earlier.len() - same,
                first_sequence = earlier[same].stream_sequence,
                "the stream no longer has what it had before the connection was lost; not settled"
            );
            round.retain(|(handle, _)| {
                let sequence = handle.reply.message().map_or(0, |message| message.stream_sequence);
                handle.origin.connection == connection || sequence <= same_up_to
            });
        }
        Ok(())
    }

    /// How many of these messages, from the oldest on, the stream still has.
    async fn same(&self, messages: &[MessageId]) -> Result<usize, SourceError> {
        let (mut same, mut other) = (0, messages.len());
        // Nearly always it has the newest.
        let mut at = messages.len() - 1;
        while same < other {
            if self.has(messages[at]).await? {
                same = at + 1
            } else {
                other = at
            }
            at = usize::midpoint(same, other);
        }
        Ok(same)
    }

    /// Whether the stream has the message. Where it can't be asked, it is believed to: it is not known to have been changed.
    async fn has(&self, message: MessageId) -> Result<bool, SourceError> {
        let name = &self.config.stream;
        let stream = self.jetstream.get_stream_no_info(name).await;
        let stream =
            stream.map_err(|error| SourceError::caused_by(format!("could not use the stream {name}"), error))?;
        match tokio::time::timeout(ANSWER, stream.get_raw_message(message.stream_sequence)).await {
            Ok(Ok(found)) => Ok(found.time.unix_timestamp_nanos() == i128::from(message.published_at)),
            Ok(Err(error)) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(false),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the stream can't be asked whether it has lost messages");
                Ok(true)
            }
            Err(elapsed) => {
                tracing::debug!(%elapsed, "the stream can't be asked whether it has lost messages");
                Ok(true)
            }
        }
    }
}
