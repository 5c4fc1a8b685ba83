//! Publishing generated events: as fast as the server confirms them, or at a given rate.

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::time::Duration;

use async_nats::jetstream::context::{ContextBuilder, PublishAckFuture};
use async_nats::jetstream::{self, Context, stream};
use async_nats::{AuthError, ConnectOptions};
use bytes::Bytes;
use tokio::time::Instant;

use crate::source::nats::{Login, shown};

/// Publishes that may wait for their confirmation. Enough to hide the way to the server and back; bounded, so that a
/// stalled server stalls the publisher and memory stays as it is.
const MAX_IN_FLIGHT: usize = 4_096;
/// How long one confirmation may take.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);

/// Where and how to publish.
#[derive(Clone, Debug)]
pub struct PublishOptions {
    /// The servers' URLs, without logins.
    pub urls: Vec<String>,
    /// How to log in.
    pub login: Login,
    /// The stream that has to confirm every message.
    pub stream: String,
    /// The subjects of the stream, if it is to be created when it is missing.
    pub create_with_subjects: Option<Vec<String>>,
    /// Messages per second at most; as fast as the server confirms them without it.
    pub rate: Option<u32>,
}

/// What was published so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Messages handed to the connection.
    pub sent: u64,
    /// Messages that the stream confirmed.
    pub confirmed: u64,
    /// The stream sequence of the first that was confirmed; 0 before.
    pub first_sequence: u64,
    /// The stream sequence of the last that was confirmed; 0 before.
    pub last_sequence: u64,
}

/// Why publishing ended early.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No connection.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The server, without what the URL says of users.
        address: String,
        /// Why.
        source: async_nats::ConnectError,
    },
    /// The stream is missing and was not to be created.
    #[error("stream {name} does not exist: create it, or pass --create-stream")]
    MissingStream {
        /// The stream.
        name: String,
    },
    /// The stream can't be looked at.
    #[error("cannot look up stream {name}: {source}")]
    Stream {
        /// The stream.
        name: String,
        /// Why.
        source: jetstream::context::GetStreamError,
    },
    /// The stream can't be created.
    #[error("cannot create stream {name}: {source}")]
    CreateStream {
        /// The stream.
        name: String,
        /// Why.
        source: jetstream::context::CreateStreamError,
    },
    /// A message was refused, or its confirmation did not come: it may be in the stream or not.
    #[error("message {} on {subject} was not confirmed: {source}", .published.confirmed + 1)]
    NotConfirmed {
        /// Its subject.
        subject: String,
        /// What was published before it.
        published: Published,
        /// Why.
        source: jetstream::context::PublishError,
    },
    /// Another stream than the one that was asked for took a message, or the same one took it twice.
    #[error("message on {subject} went to stream {stream} as sequence {sequence}, which was not expected")]
    WrongStream {
        /// Its subject.
        subject: String,
        /// The stream that took it.
        stream: String,
        /// Its sequence there.
        sequence: u64,
    },
}

/// Publishes `messages`, each a subject and a body, in their order, and waits until the stream has confirmed every one.
/// `progress` hears after every confirmation.
///
/// # Errors
///
/// When there is no connection or no stream, and at the first message that is not confirmed: it is not sent again, since
/// it might then be there twice.
pub async fn publish(
    options: &PublishOptions,
    messages: impl Iterator<Item = (String, Bytes)>,
    progress: impl FnMut(Published),
) -> Result<Published, PublishError> {
    let context = connect(options).await?;
    require_stream(&context, options).await?;
    let mut publisher = Publisher {
        context,
        stream: &options.stream,
        in_flight: VecDeque::with_capacity(MAX_IN_FLIGHT),
        published: Published::default(),
        progress,
    };
    let started = Instant::now();
    for (subject, body) in messages {
        if let Some(rate) = options.rate {
            pace(started, publisher.published.sent, rate).await;
        }
        publisher.send(subject, body).await?;
    }
    while publisher.confirm_oldest().await? {}
    Ok(publisher.published)
}

/// Connects to a server.
async fn connect(options: &PublishOptions) -> Result<Context, PublishError> {
    crate::tls::use_ring();
    let login = options.login.clone();
    let answer = move |nonce: Vec<u8>| {
        let answer = login.answer(&nonce).map_err(AuthError::new);
        async move { answer }
    };
    let connecting = ConnectOptions::with_auth_callback(answer).name("warehouse-sink generate");
    let connected = connecting.connect(options.urls.as_slice()).await;
    let client = connected.map_err(|source| {
        let address = options.urls.iter().map(|url| shown(url)).collect::<Vec<_>>().join(", ");
        PublishError::Connect { address, source }
    })?;
    let context = ContextBuilder::new()
        .timeout(ACK_TIMEOUT)
        .ack_timeout(ACK_TIMEOUT)
        // A permit more than we use, so that the bound is ours and taking one never waits.
        .max_ack_inflight(MAX_IN_FLIGHT + 1)
        .build(client);
    Ok(context)
}

async fn require_stream(context: &Context, options: &PublishOptions) -> Result<(), PublishError> {
    use jetstream::ErrorCode;
    use jetstream::context::GetStreamErrorKind;

    let name = &options.stream;
    let source = match context.get_stream(name).await {
        Ok(_) => return Ok(()),
        Err(source) => source,
    };
    let missing = match source.kind() {
        GetStreamErrorKind::JetStream(error) => error.error_code() == ErrorCode::STREAM_NOT_FOUND,
        _ => false,
    };
    match (&options.create_with_subjects, missing) {
        (_, false) => Err(PublishError::Stream { name: name.clone(), source }),
        (None, true) => Err(PublishError::MissingStream { name: name.clone() }),
        (Some(subjects), true) => create_stream(context, name, subjects).await,
    }
}

/// A stream as the contract has it: limits retention, file storage.
async fn create_stream(context: &Context, name: &str, subjects: &[String]) -> Result<(), PublishError> {
    let config = stream::Config {
        name: name.to_owned(),
        subjects: subjects.to_vec(),
        retention: stream::RetentionPolicy::Limits,
        storage: stream::StorageType::File,
        ..stream::Config::default()
    };
    let created = context.create_stream(config).await;
    created.map(|_| ()).map_err(|source| PublishError::CreateStream { name: name.to_owned(), source })
}

/// Waits until message number `sent` is due. Sleeps are of a millisecond at least, so a high rate comes in small bursts.
async fn pace(started: Instant, sent: u64, rate: u32) {
    let nanos = u128::from(sent) * 1_000_000_000 / u128::from(rate.max(1));
    let due = started + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
    if due > Instant::now() + Duration::from_millis(1) {
        tokio::time::sleep_until(due).await;
    }
}

struct Publisher<'a, F> {
    context: Context,
    stream: &'a str,
    /// Subjects and confirmations still to come, oldest first. The server confirms in order, so waiting for the
    /// oldest holds nothing up.
    in_flight: VecDeque<(String, PublishAckFuture)>,
    published: Published,
    progress: F,
}

impl<F: FnMut(Published)> Publisher<'_, F> {
    async fn send(&mut self, subject: String, body: Bytes) -> Result<(), PublishError> {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            self.confirm_oldest().await?;
        }
        let sent = self.context.publish(subject.clone(), body).await;
        match sent {
            Ok(ack) => self.in_flight.push_back((subject, ack)),
            Err(source) => return Err(PublishError::NotConfirmed { subject, published: self.published, source }),
        }
        self.published.sent += 1;
        Ok(())
    }

    /// Waits for the oldest confirmation; false when there is none to wait for.
    async fn confirm_oldest(&mut self) -> Result<bool, PublishError> {
        let Some((subject, ack)) = self.in_flight.pop_front() else { return Ok(false) };
        let published = self.published;
        let confirmed = ack.into_future().await;
        let ack =
            confirmed.map_err(|source| PublishError::NotConfirmed { subject: subject.clone(), published, source })?;
        // Two messages of one number, or one that counts as seen before, would be one event less than was promised.
        if ack.stream != self.stream || ack.duplicate || ack.sequence <= published.last_sequence {
            return Err(PublishError::WrongStream { subject, stream: ack.stream, sequence: ack.sequence });
        }
        if published.confirmed == 0 {
            self.published.first_sequence = ack.sequence;
        }
        self.published.confirmed += 1;
        self.published.last_sequence = ack.sequence;
        (self.progress)(self.published);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_rate_spreads_messages_over_time() {
        let started = Instant::now();
        for sent in 0..=50 {
            pace(started, sent, 1_000).await;
        }
        let elapsed = started.elapsed();
        // The last of them is due 50 ms after the first; a loaded machine may be late, never early beyond the burst.
        assert!(elapsed >= Duration::from_millis(48), "{elapsed:?}");
    }

    #[tokio::test]
    async fn an_unreachable_server_is_named_without_its_password() {
        let options = PublishOptions {
            urls: vec!["nats://user:hunter2@127.0.0.1:1".to_owned()],
            login: Login::default(),
            stream: "S".to_owned(),
            create_with_subjects: None,
            rate: None,
        };
        let error = publish(&options, std::iter::empty(), |_| {}).await.unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:1"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
