//! Publishing dead letters, with a bounded number of them unconfirmed.

use std::collections::{BTreeSet, VecDeque};
use std::future::IntoFuture;

use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use bytes::Bytes;
use warehouse_sink_proto::DeadLetter;

use super::Options;
use super::headers::{self, Origin};
use super::report::{Message, Outcome, Report};
use crate::source::error_chain;
use crate::source::nats::{NatsSource, Republisher};

/// Publishes that may wait for their confirmation. The connection copies a body and lets it go once it is sent.
const MAX_IN_FLIGHT: usize = 256;

/// Takes dead letters, one by one, and publishes those that are to be.
pub(super) struct Publishing<'a> {
    republisher: Republisher,
    options: &'a Options,
    /// What the stream had before, and what was taken since.
    before: BTreeSet<Origin>,
    taken: BTreeSet<Origin>,
    /// Oldest first. The server confirms in order, so waiting for the oldest holds nothing up.
    in_flight: VecDeque<(Message, PublishAckFuture)>,
    pub report: &'a mut Report,
}

impl<'a> Publishing<'a> {
    pub fn new(source: &NatsSource, before: BTreeSet<Origin>, options: &'a Options, report: &'a mut Report) -> Self {
        Publishing {
            republisher: source.republisher(MAX_IN_FLIGHT),
            options,
            before,
            taken: BTreeSet::new(),
            in_flight: VecDeque::new(),
            report,
        }
    }

    /// Publishes a dead letter, if it is to be; `refused` says why the decoder doesn't take it.
    pub async fn take(&mut self, origin: Origin, letter: DeadLetter, refused: Option<String>) {
        self.report.wanted += 1;
        let message = Message {
            sequence: origin.sequence,
            published_at_us: origin.published_at,
            subject: letter.subject.clone(),
            reason: letter.reason.clone(),
            outcome: Outcome::WouldReplay,
        };
        let outcome = match refused {
            _ if !self.taken.insert(origin) => Outcome::Repeated,
            _ if self.before.contains(&origin) => Outcome::ReplayedBefore,
            Some(because) if !self.options.all => Outcome::Refused { because },
            _ if self.options.dry_run => Outcome::WouldReplay,
            _ => return self.publish(origin, letter, message).await,
        };
        self.report.note(Message { outcome, ..message });
    }

    async fn publish(&mut self, origin: Origin, letter: DeadLetter, message: Message) {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            self.confirm_oldest().await;
        }
        let headers = match headers::headers(&self.options.stream, origin, &letter) {
            Ok(headers) => headers,
            Err(error) => return self.fail(message, error.to_string()),
        };
        match self.republisher.send(letter.subject, headers, Bytes::from(letter.body)).await {
            Ok(ack) => self.in_flight.push_back((message, ack)),
            Err(error) => self.not_confirmed(message, &error),
        }
    }

    /// Waits for the oldest confirmation; false when there is none to wait for.
    async fn confirm_oldest(&mut self) -> bool {
        let Some((message, ack)) = self.in_flight.pop_front() else { return false };
        match ack.into_future().await {
            // Within its window, the server knows what another replay has published since this one looked.
            Ok(ack) if ack.duplicate => self.report.note(Message { outcome: Outcome::ReplayedBefore, ..message }),
            Ok(ack) => {
                let outcome = Outcome::Replayed { new_sequence: ack.sequence };
                self.report.note(Message { outcome, ..message });
            }
            Err(error) => self.not_confirmed(message, &error),
        }
        true
    }

    /// Waits for all confirmations.
    pub async fn finish(&mut self) {
        while self.confirm_oldest().await {}
    }

    /// A server that is away ends the replay; what it refuses of one message says nothing of the next.
    fn not_confirmed(&mut self, message: Message, error: &PublishError) {
        let text = error_chain(error);
        if matches!(
            error.kind(),
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe | PublishErrorKind::StreamNotFound
        ) {
            let error = format!("the message of sequence {} was not confirmed: {text}", message.sequence);
            self.report.error.get_or_insert(error);
        }
        self.fail(message, text);
    }

    fn fail(&mut self, message: Message, because: String) {
        self.report.note(Message { outcome: Outcome::Failed { because }, ..message });
    }
}
