//! Settlements: sent in rounds, each to the consumer that the deliveries are of, and confirmed by the server.
//!
//! ```text
//! round ─▶ is the consumer still the one? ─▶ acks, naks, terms … ─▶ the last one with an inbox for the answer ─▶ confirmed
//! ```
//!
//! The server goes by the names of stream and consumer and by the sequence alone. So nothing is sent that was delivered by another consumer
//! of the same name, or whose message the server has lost. And the server says nothing of an ack that it refuses, or that is lost with a
//! connection: only the answer to the last one shows that it took all, for it takes them in order.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::client::{Request, RequestError, RequestErrorKind};
use async_nats::connection::State;
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::{Event, ServerError, Subject};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::consumer::incarnation;
use super::message::Handle;
use super::{Inner, NatsConfig, NatsSource};
use crate::health::Part;
use crate::source::{Settlement, SourceError, Unsettled};

/// Settlements, in order.
pub(super) type Round = Vec<(Handle, Settlement)>;

/// How long a look at the consumer stands for the rounds that follow.
const FRESH: Duration = Duration::from_millis(50);

/// How long it stands for the pull requests that follow.
const RECENT: Duration = Duration::from_secs(1);

/// How long an answer may take.
pub(super) const ANSWER: Duration = Duration::from_secs(2);

/// How often a connection that is down is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// How many settlements may wait in the client at a time: what waits there when the connection breaks is sent on the next one, unseen.
const CHUNK: usize = 512;

/// The consumer as it was when it was last looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    at: Instant,
    connection: u64,
    /// None where there is none.
    incarnation: Option<i64>,
}

/// The acks that the server refused to take.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    count: u64,
    /// What it said of the last one.
    text: String,
}

/// Takes a refused ack in; whether the event is one.
pub(super) fn note_refusal(event: &Event, refusals: &watch::Sender<Refusals>) -> bool {
    let Event::ServerError(ServerError::Other(text)) = event else { return false };
    if !text.to_ascii_lowercase().contains("permissions violation for publish to \"$js.ack.") {
        return false;
    }
    refusals.send_modify(|refusals| {
        refusals.count += 1;
        refusals.text.clone_from(text);
    });
    true
}

impl NatsSource {
    /// Whether the server lets this user settle anything. It is told of progress with a delivery that doesn't exist, which changes nothing.
    ///
    /// # Errors
    ///
    /// Says which permission is missing, or that the server did not answer.
    pub async fn may_ack(&self) -> Result<(), SourceError> {
        let inner = &self.inner;
        let refused = inner.refusal_count();
        match inner.ask(inner.reply_of_nothing(), body(Settlement::Progress), refused).await {
            Ok(()) => Ok(()),
            Err(error) if inner.refusal_count() != refused => Err(error),
            // Nobody is there to answer, and it was no matter of permissions.
            Err(error) => inner.incarnation().await?.map_or(Ok(()), |_| Err(error)),
        }
    }

    /// Finds out whether acks that were refused are taken by now, where there is none to be sent that would show it.
    pub(super) async fn look_at_refused_acks(&self) {
        let Inner { health, in_doubt, .. } = &*self.inner;
        let shows = || health.is_failing(Part::Acks) && !in_doubt.load(Ordering::Relaxed);
        if shows() && self.may_ack().await.is_ok() && shows() {
            health.set(Part::Acks, Ok(()));
        }
    }
}

impl Inner {
    /// The reply subject of a delivery that doesn't exist: progress with it changes nothing, and shows whether the user may settle.
    pub(super) fn reply_of_nothing(&self) -> Subject {
        let NatsConfig { stream, consumer, .. } = &*self.config;
        // The largest sequence that the server reads. It does not answer what has none.
        Subject::from(format!("$JS.ACK.{stream}.{consumer}.1.{}.1.0.0", i64::MAX))
    }

    /// Settles, as [`Source::settle`](crate::source::Source::settle) says.
    pub(super) async fn settle(&self, round: &mut Round) -> Result<(), Unsettled> {
        let unsent = |error| Unsettled { sent: false, error };
        self.wait_until_connected().await;
        let connection = self.connection();
        let refused = self.refusal_count();
        self.leave_out_others(round, connection).await.map_err(unsent)?;
        self.leave_out_lost(round, connection).await.map_err(unsent)?;
        let Some((first, _)) = round.first() else { return Ok(()) };
        if self.in_doubt.load(Ordering::Relaxed) {
            // Whole rounds, again and again, would drown the server's log where it refuses them all.
            let subject = self.replies.subject(&first.reply);
            self.ask(subject, body(Settlement::Progress), refused).await.map_err(unsent)?;
        }
        if self.connection() != connection {
            return Err(unsent(lost(round.len())));
        }
        let sent = self.send(round, connection, refused).await;
        self.in_doubt.store(sent.is_err(), Ordering::Relaxed);
        sent.map_err(|error| Unsettled { sent: true, error })
    }

    /// What is sent while there is no connection waits in the client, and goes out on the next one whatever has happened until then.
    async fn wait_until_connected(&self) {
        while !self.is_connected() {
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    fn refusal_count(&self) -> u64 {
        self.refusals.borrow().count
    }

    /// Leaves out what another consumer of the name has delivered, of this stream or of one before it.
    async fn leave_out_others(&self, round: &mut Round, connection: u64) -> Result<(), SourceError> {
        let incarnation = self.current_incarnation(connection, FRESH).await?;
        let all = round.len();
        round.retain(|(handle, _)| Some(handle.origin.incarnation) == incarnation);
        if round.len() < all {
            tracing::debug!(settlements = all - round.len(), "not sent: they are of a consumer that is no more");
            self.detach();
        }
        Ok(())
    }

    /// Whether the consumer that a pull request is meant for was there a moment ago. Another one of its name would take the request, and what
    /// it delivers could not be settled.
    pub(super) async fn is_still(&self, incarnation: i64) -> Result<bool, SourceError> {
        Ok(self.current_incarnation(self.connection(), RECENT).await? == Some(incarnation))
    }

    async fn current_incarnation(&self, connection: u64, age: Duration) -> Result<Option<i64>, SourceError> {
        let look = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = look.filter(|look| look.connection == connection && look.at.elapsed() < age) {
            return Ok(look.incarnation);
        }
        let at = Instant::now();
        let incarnation = self.incarnation().await?;
        self.note_look(at, connection, incarnation);
        Ok(incarnation)
    }

    /// `at` and `connection` are from before the question: the answer may be on its way for long.
    pub(super) fn note_look(&self, at: Instant, connection: u64, incarnation: Option<i64>) {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Look { at, connection, incarnation });
    }

    /// Which consumer has the name now. None where there is none, nor perhaps the stream.
    async fn incarnation(&self) -> Result<Option<i64>, SourceError> {
        let NatsConfig { stream, consumer, .. } = &*self.config;
        let look = async { self.jetstream.get_stream_no_info(stream).await.map(|stream| (stream, consumer)) };
        let (stream, consumer) = look.await.map_err(|error| self.failed("look at", error))?;
        match tokio::time::timeout(ANSWER, stream.consumer_info(consumer)).await {
            Ok(Ok(info)) => Ok(Some(incarnation(&info))),
            Ok(Err(error)) => match error.kind() {
                ConsumerInfoErrorKind::NotFound | ConsumerInfoErrorKind::StreamNotFound => Ok(None),
                _ => Err(self.failed("look at", error)),
            },
            Err(elapsed) => Err(self.failed("look at", elapsed)),
        }
    }

    /// Sends a round and waits for the server's word on it.
    async fn send(&self, round: &[(Handle, Settlement)], connection: u64, refused: u64) -> Result<(), SourceError> {
        // What is acked or terminated is what matters, and in a cluster it is answered once it is safe there.
        let settles = |(_, settlement): &(_, Settlement)| matches!(settlement, Settlement::Ack | Settlement::Term);
        let last = round.iter().rposition(settles).unwrap_or(round.len() - 1);
        let mut waiting = 0_usize;
        for (_, (handle, settlement)) in round.iter().enumerate().filter(|(index, _)| *index != last) {
            let sent = self.client.publish(self.replies.subject(&handle.reply), body(*settlement)).await;
            sent.map_err(|error| SourceError::caused_by("could not send a settlement", error))?;
            waiting += 1;
            if waiting.is_multiple_of(CHUNK) {
                self.pass_on(connection, round.len()).await?;
            }
        }
        let (handle, settlement) = &round[last];
        self.confirm(handle, *settlement, refused).await?;
        if self.connection() != connection {
            return Err(lost(round.len()));
        }
        if self.refusal_count() == refused { Ok(()) } else { Err(self.refused()) }
    }

    /// Waits until what was sent has left the client.
    async fn pass_on(&self, connection: u64, settlements: usize) -> Result<(), SourceError> {
        let flushed = self.client.flush().await;
        flushed.map_err(|error| SourceError::caused_by("could not send settlements", error))?;
        if self.connection() == connection { Ok(()) } else { Err(lost(settlements)) }
    }

    /// Sends the last settlement of a round, and waits for its answer.
    async fn confirm(&self, handle: &Handle, settlement: Settlement, refused: u64) -> Result<(), SourceError> {
        let subject = self.replies.subject(&handle.reply);
        let asked = self.ask(subject.clone(), body(settlement), refused).await;
        let silent = asked.is_err() && self.is_connected() && self.refusal_count() == refused;
        if silent && matches!(settlement, Settlement::Ack | Settlement::Term) {
            // A server that has lost what it delivered last does not answer the ack of it. It does answer this, and has taken the others.
            return self.ask(subject, body(Settlement::Progress), refused).await;
        }
        asked
    }

    /// Publishes with an inbox and waits until it is answered; or refused, or the connection is another one.
    async fn ask(&self, subject: Subject, body: Bytes, refused: u64) -> Result<(), SourceError> {
        let mut refusals = self.refusals.clone();
        let refusal = async { refusals.wait_for(|refusals| refusals.count != refused).await.map(drop) };
        let mut connected = self.connected.clone();
        connected.mark_unchanged();
        let connection = self.connection();
        let other = async {
            // The news of the present connection may come late.
            while connected.changed().await.is_ok() && self.connection() == connection {}
        };
        let request = Request::new().payload(body).timeout(Some(ANSWER));
        tokio::select! {
            biased;
            answer = self.client.send_request(subject, request) => answer.map(drop).map_err(|error| self.unanswered(error)),
            Ok(()) = refusal => Err(self.refused()),
            () = other => Err(lost(1)),
        }
    }

    fn refused(&self) -> SourceError {
        let NatsConfig { stream, consumer, .. } = &*self.config;
        SourceError::new(format!(
            "the NATS server refuses the sink's acks ({}): allow its user to publish to $JS.ACK.{stream}.{consumer}.>",
            self.refusals.borrow().text
        ))
    }

    fn unanswered(&self, error: RequestError) -> SourceError {
        if !self.is_connected() {
            return lost(1);
        }
        let NatsConfig { stream, consumer, .. } = &*self.config;
        let hint = match error.kind() {
            RequestErrorKind::NoResponders => "it was deleted",
            _ => "it or its leader may be gone, or the user may not publish to $JS.ACK.>",
        };
        SourceError::caused_by(format!("the consumer {consumer} of stream {stream} confirms no acks: {hint}"), error)
    }
}

/// The connection broke in the middle.
fn lost(settlements: usize) -> SourceError {
    SourceError::new(format!("the connection was lost before the server had confirmed {settlements} settlements"))
}

pub(super) fn body(settlement: Settlement) -> Bytes {
    match settlement {
        Settlement::Ack => Bytes::from_static(b"+ACK"),
        Settlement::Nak(delay) if delay.is_zero() => Bytes::from_static(b"-NAK"),
        Settlement::Nak(delay) => Bytes::from(format!("-NAK {{\"delay\":{}}}", delay.as_nanos())),
        Settlement::Term => Bytes::from_static(b"+TERM can't be decoded; stored as a dead letter"),
        Settlement::Progress => Bytes::from_static(b"+WPI"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_ack_is_told_from_other_errors() {
        let (sender, receiver) = watch::channel(Refusals::default());
        let error = |text: &str| Event::ServerError(ServerError::Other(text.to_owned()));
        let refused = error("Permissions Violation for Publish to \"$JS.ACK.EVENTS.sink.1.5.5.17.0\"");
        assert!(note_refusal(&refused, &sender) && note_refusal(&refused, &sender));
        for other in [error("Permissions Violation for Publish to \"$JS.API.INFO\""), Event::Disconnected] {
            assert!(!note_refusal(&other, &sender), "{other}");
        }
        let refusals = receiver.borrow();
        assert_eq!(refusals.count, 2);
        assert!(refusals.text.contains("EVENTS.sink.1.5"));
    }
}
