//! Where deliveries come from: two small traits, and JetStream behind them.

#[cfg(not(madsim))]
#[allow(clippy::disallowed_methods, reason = "is not in the simulation")]
pub mod nats;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use warehouse_sink_core::{Capacity, MessageId};

/// A durable pull consumer, shared by all fetchers of a process.
pub trait Source: Clone + Send + Sync + 'static {
    /// A delivered message.
    type Message: Incoming<Handle = Self::Handle>;
    /// What settles one delivery on the server.
    type Handle: Clone + Send + 'static;
    /// A pull request that the server answers with messages.
    type Pull: Pull<Message = Self::Message>;

    /// Sends a pull request for at most this much. Whatever stands in the way, a missing consumer included, is mended
    /// here as far as it can be; the fetcher calls again after an error, with backoff, for ever.
    ///
    /// # Errors
    ///
    /// Says in words for an operator why nothing can be fetched now.
    fn pull(&self, limit: Capacity) -> impl Future<Output = Result<Self::Pull, SourceError>> + Send;

    /// Tells the server what became of deliveries, in this order, and waits until it has confirmed that it took all of it.
    ///
    /// A settlement is for the delivery that it is of, and for no other. Where its consumer or its stream is no more, or the message was lost
    /// by the server, it could reach what came in its place: it is taken out of the round, and not sent.
    ///
    /// # Errors
    ///
    /// The server is not known to have got what is left in the round. Acks and terms can be sent again.
    fn settle(&self, round: &mut Vec<(Self::Handle, Settlement)>)
    -> impl Future<Output = Result<(), Unsettled>> + Send;

    /// The stream sequence up to which everything is settled, by whichever process.
    ///
    /// # Errors
    ///
    /// The server could not be asked.
    fn ack_floor(&self) -> impl Future<Output = Result<u64, SourceError>> + Send;

    /// The fewest bytes that are worth a pull: one for fewer may not get the next message, and get none at all. It follows the messages that
    /// come.
    fn least_bytes(&self) -> u64;

    /// Waits until the server is seen to deliver nothing new, though it has more: as many messages are un-settled, over all replicas, as the
    /// consumer's max ack pending allows. Cancel safe.
    fn exhausted(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// A pull request under way.
pub trait Pull: Send {
    /// A delivered message.
    type Message;

    /// The messages that have arrived, at least one; waits for the first. None once the request has ended, by its count,
    /// its expiry or [`Pull::cancel`]. Cancel safe.
    ///
    /// # Errors
    ///
    /// The request was cut: by the server, the network, or the consumer's end. It gives no more messages.
    fn next(&mut self) -> impl Future<Output = Option<Result<Vec<Self::Message>, SourceError>>> + Send;

    /// Whether the server has answered the request at all. One whose connection was lost may end without an answer.
    fn is_answered(&self) -> bool {
        true
    }

    /// Asks for no more. What the server had sent by then still comes out of [`Pull::next`].
    fn cancel(&mut self) -> impl Future<Output = ()> + Send;
}

/// A delivered message, as the source has it.
pub trait Incoming: Send {
    /// What settles the delivery.
    type Handle;

    /// Which message it is.
    fn id(&self) -> MessageId;
    /// How often the server delivered it, this time included.
    fn delivery_count(&self) -> u64;
    /// The subject that it was published to.
    fn subject(&self) -> &str;
    /// The published bytes.
    fn body(&self) -> &[u8];
    /// The published bytes, which may be a part of a larger buffer and keep all of it alive.
    fn shared_body(&self) -> Bytes {
        Bytes::copy_from_slice(self.body())
    }
    /// The headers, by name; each may have several values.
    fn headers(&self) -> BTreeMap<String, Vec<String>>;
    /// Why nothing but a dead letter can be made of it, whatever its body is; none where its subject and headers are texts.
    fn unreadable(&self) -> Option<Unreadable<'_>> {
        None
    }
    /// Lets go of everything but the means to settle it.
    fn into_handle(self) -> Self::Handle;
}

/// A message whose subject or headers can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable<'m> {
    /// What is wrong with them.
    pub reason: &'m str,
    /// The subject as it was published.
    pub subject: &'m [u8],
    /// The block of headers as it was published; empty where there is none.
    pub headers: &'m [u8],
}

/// What the server is told of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is done.
    Ack,
    /// It is to be delivered again, after this long.
    Nak(Duration),
    /// It is to be delivered no more: it is poison, and stored as such.
    Term,
    /// It is being worked on: its ack wait starts anew.
    Progress,
}

/// Settlements that the server is not known to have got.
#[derive(Debug)]
pub struct Unsettled {
    /// Some of them may have arrived: a nak that is sent again could take the message from who has it by then.
    pub sent: bool,
    /// Why, in words for an operator.
    pub error: SourceError,
}

/// Why a source can't do its work now. Always worth another try.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct SourceError {
    /// What was tried, on what, and what an operator can do.
    pub context: String,
    /// What went wrong beneath.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SourceError {
    /// An error with nothing beneath it.
    pub fn new(context: impl Into<String>) -> Self {
        SourceError { context: context.into(), source: None }
    }

    /// An error with its cause.
    pub fn caused_by(context: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        SourceError { context: context.into(), source: Some(source.into()) }
    }

    /// The error and its causes in one line.
    pub fn chain(&self) -> String {
        error_chain(self)
    }
}

/// An error and all its causes in one line, for logs and readiness.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Many errors repeat their cause in their own text.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
