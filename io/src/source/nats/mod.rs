//! JetStream as a source of deliveries.
//!
//! - `api`: where JetStream's API is
//! - `connect`: the connection and what becomes of it
//! - `login`: users, tokens, nkeys and credentials files
//! - `refusal`: what a failed connection means, in words
//! - `consumer`: the durable consumer: found, reviewed, created when it is missing
//! - `floor`: where one that was deleted is created again
//! - `review`: which settings of a consumer are refused or warned of, and why
//! - `survey`: what has to be known of the stream for that
//! - `subjects`: which subjects a stream can hold, and how filters relate to them
//! - `mark`: where the consumer's messages go, in its metadata
//! - `denied`: what the server does not let the user do
//! - `trial`: whether the user may do all that the sink needs
//! - `peek`: looking at messages without a consumer
//! - `poll`: how the consumer is, asked for again and again
//! - `retention`: what the stream deleted before it was delivered
//! - `pull`: a pull request and its answers
//! - `wire`: the connection that deliveries come over
//! - `message`: a delivered message
//! - `settle`: settlements, and the server's word that it has got them
//! - `tail`: whether messages of an earlier connection are still the ones that they were
//! - `reply`: its reply subject, which both tells which delivery it is and settles it
//! - `facts`: what an audit asks of stream and consumer
//! - `republish`: publishing dead letters again, and looking for what was published again before

mod api;
mod connect;
mod consumer;
mod denied;
mod facts;
mod floor;
mod login;
mod mark;
mod message;
mod peek;
mod poll;
mod pull;
mod refusal;
mod reply;
mod republish;
mod retention;
mod review;
mod settle;
mod subjects;
mod survey;
mod tail;
mod trial;
mod wire;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::Context;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use warehouse_sink_core::{Backoff, Capacity};

use super::{Settlement, Source, SourceError, Unsettled};
use crate::health::{Health, Part};
use consumer::{Attachment, Limits};
use denied::Denied;
use floor::Floor;
use message::{Handle, NatsMessage};
use pull::NatsPull;
use reply::Replies;
use retention::Retention;
use settle::{Look, Refusals};
use survey::{ENVELOPE, Origins};
use tail::Tail;
use wire::{Pace, Wire};

pub use api::Api;
pub use connect::Tls;
pub(crate) use connect::shown;
pub use consumer::{AttachError, Found};
pub use facts::{ConsumerFacts, StreamFacts};
pub use login::{Login, LoginError, Secret, read_secret};
pub use mark::{Mark, digest};
pub use peek::Peeked;
pub(crate) use republish::Republisher;
pub use trial::Trial;

/// Where the stream is, and what its consumer is to be like.
#[derive(Clone, Debug)]
pub struct NatsConfig {
    /// The servers' URLs, without logins: the client would print those at debug level. The first that lets us in is used.
    pub urls: Vec<String>,
    /// How to log in, at whichever server.
    pub login: Login,
    /// How to encrypt.
    pub tls: Tls,
    /// Where JetStream's API is.
    pub api: Api,
    /// The stream's name.
    pub stream: String,
    /// The durable consumer's name.
    pub consumer: String,
    /// The subjects to consume; empty for all of the stream's.
    pub filter_subjects: Vec<String>,
    /// The ack wait of a consumer that is created.
    pub ack_wait: Duration,
    /// The max ack pending of a consumer that is created.
    pub max_ack_pending: u64,
    /// What this process may hold: a consumer with a smaller max ack pending is warned of.
    pub max_messages: u64,
    /// Where the messages go, for who would send them elsewhere; none where nothing is read from the consumer.
    pub mark: Option<Mark>,
}

/// What was found out about the consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The ack wait that the server applies: the consumer's, or the shortest of its backoff.
    pub ack_wait: Duration,
    /// The most messages that the server lets be un-acked.
    pub max_ack_pending: usize,
    /// Whether this process created the consumer.
    pub created: bool,
    /// What is not right about the consumer and can be lived with.
    pub warnings: Vec<String>,
}

/// A durable pull consumer on a JetStream stream.
#[derive(Clone)]
pub struct NatsSource {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<NatsConfig>,
    client: Client,
    replies: Replies,
    jetstream: Context,
    /// Wakes at each connection, some time after it was made: `Inner::connection` says which one it is.
    connected: watch::Receiver<()>,
    /// The connection for deliveries, and which one of the client's it goes with. Held while it is made, so that one fetcher connects for all.
    wire: tokio::sync::Mutex<Option<(u64, Arc<Wire>)>>,
    pace: Pace,
    /// What the next message is known to take at least; 0 while nothing is known of it.
    least_bytes: AtomicU64,
    /// None while the consumer has to be looked for. Held across the look, so that one fetcher looks for all.
    attachment: tokio::sync::Mutex<Option<Attachment>>,
    /// Set by a pull that was cut: the consumer has to be looked for before the next one. Not the lock itself, for which a pull
    /// would have to wait with messages in its hands.
    detached: AtomicBool,
    /// The last ack floor seen: where a consumer starts that has to be created anew.
    floor: Mutex<Option<Floor>>,
    /// The ack wait that the machine paces its progress acks by, once it was told one.
    served_ack_wait: Mutex<Option<Duration>>,
    /// What the server refused to take.
    refusals: watch::Receiver<Refusals>,
    /// The last round was not confirmed.
    in_doubt: AtomicBool,
    looked: Mutex<Option<Look>>,
    tail: Mutex<Tail>,
    /// The subjects of the streams that this one takes messages from, as last seen.
    origins: Mutex<Origins>,
    retention: Mutex<Retention>,
    denied: Denied,
    /// Told when the consumer delivers nothing new until something is settled.
    exhausted: Notify,
    health: Health,
}

/// The delay between two attempts to connect or to find the consumer at start.
const BACKOFF: Backoff = Backoff { initial: Duration::from_millis(250), max: Duration::from_secs(5) };

/// What a pull asks for at least, unless the server takes no message as large. A larger message is found out by a pull that it does not fit into.
const USUAL_MESSAGE: u64 = 1 << 20;

impl NatsSource {
    /// Connects once.
    ///
    /// # Errors
    ///
    /// No server could be reached, or it refused the credentials.
    pub async fn connect(config: NatsConfig, health: Health) -> Result<Self, SourceError> {
        let config = Arc::new(config);
        let denied = Denied::default();
        let (client, connected, refusals) = connect::connect(&config, &health, &denied).await?;
        let jetstream = async_nats::jetstream::with_prefix(client.clone(), &config.api.prefix());
        let replies = Replies::new(&config.stream, &config.consumer);
        let inner = Inner {
            config,
            replies,
            client,
            jetstream,
            connected,
            wire: tokio::sync::Mutex::new(None),
            pace: Pace::default(),
            least_bytes: AtomicU64::new(0),
            attachment: tokio::sync::Mutex::new(None),
            detached: AtomicBool::new(false),
            floor: Mutex::new(None),
            served_ack_wait: Mutex::new(None),
            refusals,
            in_doubt: AtomicBool::new(false),
            looked: Mutex::new(None),
            tail: Mutex::default(),
            origins: Mutex::default(),
            retention: Mutex::default(),
            denied,
            exhausted: Notify::new(),
            health,
        };
        Ok(NatsSource { inner: Arc::new(inner) })
    }

    /// Connects, trying again for this long.
    ///
    /// # Errors
    ///
    /// As [`NatsSource::connect`], at the last try.
    pub async fn connect_within(
        patience: Duration,
        config: NatsConfig,
        health: Health,
        jitter_seed: u64,
    ) -> Result<Self, SourceError> {
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            match Self::connect(config.clone(), health.clone()).await {
                Err(error) if started.elapsed() < patience => health.set(Part::Connection, Err(error.chain())),
                ended => return ended,
            }
            tokio::time::sleep(BACKOFF.delay(attempt, jitter_seed)).await;
            attempt += 1;
        }
    }

    /// Finds the consumer, or creates it.
    ///
    /// # Errors
    ///
    /// [`AttachError::Refused`] where the consumer has a setting that would lose or duplicate data;
    /// [`AttachError::Source`] where the server could not be asked, or has no such stream.
    pub async fn attach(&self) -> Result<Attached, AttachError> {
        let mut attachment = self.inner.attachment.lock().await;
        let found = self.inner.find_or_create().await?;
        let attached = found.attached.clone();
        *self.inner.served_ack_wait.lock().unwrap_or_else(PoisonError::into_inner) = Some(attached.ack_wait);
        *attachment = Some(found);
        self.inner.health.set(Part::Consumer, Ok(()));
        Ok(attached)
    }

    /// Finds the consumer, trying again for this long.
    ///
    /// # Errors
    ///
    /// [`AttachError::Refused`] at once; [`AttachError::Source`] at the last try.
    pub async fn attach_within(&self, patience: Duration, jitter_seed: u64) -> Result<Attached, AttachError> {
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            match self.attach().await {
                Err(AttachError::Source(error)) if started.elapsed() < patience => {
                    self.inner.health.set(Part::Consumer, Err(error.chain()));
                }
                ended => return ended,
            }
            tokio::time::sleep(BACKOFF.delay(attempt, jitter_seed)).await;
            attempt += 1;
        }
    }

    /// What a look at the consumer finds, with nothing created or changed: for `check`. A consumer that is paused, or missing and can't
    /// be created, is refused.
    ///
    /// # Errors
    ///
    /// As [`NatsSource::attach`].
    pub async fn look(&self) -> Result<Found, AttachError> {
        self.inner.look().await
    }
}

impl Inner {
    /// The connection for deliveries. It is made anew where it has ended, and with each new connection of the client: what is delivered on the
    /// one is settled on the other.
    async fn wire(&self) -> Result<Arc<Wire>, SourceError> {
        let mut made = self.wire.lock().await;
        // It answers once it is connected: without it, nothing could be settled.
        let servers = connect::known(&self.client).await?;
        let connection = self.connection();
        if let Some((with, wire)) = &*made
            && *with == connection
            && wire.is_open()
        {
            return Ok(wire.clone());
        }
        let wire = Arc::new(Wire::connect(servers, &self.config).await?);
        Ok(made.insert((connection, wire)).1.clone())
    }

    /// The fewest bytes that are worth a pull.
    fn least_bytes(&self) -> u64 {
        self.least_bytes.load(Ordering::Relaxed).max(USUAL_MESSAGE).min(self.largest_message())
    }

    /// The next message takes more than so many bytes; whether that can be.
    fn expect_larger(&self, than: u64) -> bool {
        self.least_bytes.fetch_max(than.saturating_mul(2), Ordering::Relaxed);
        than < self.largest_message()
    }

    fn largest_message(&self) -> u64 {
        // The server counts subject, reply subject and headers as well as the body.
        self.client.max_payload() as u64 + ENVELOPE
    }
}

impl NatsSource {
    /// Returns once the client has ended by itself: it is broken, and nothing can be settled any more.
    pub async fn ended(&self) {
        // The client's task has the other end.
        let mut connected = self.inner.connected.clone();
        while connected.changed().await.is_ok() {}
    }

    /// Finds the consumer, if it has to be looked for; gives what a pull request may ask of it.
    async fn limits(&self) -> Result<Limits, SourceError> {
        let mut attachment = self.inner.attachment.lock().await;
        if self.inner.detached.swap(false, Ordering::Relaxed) {
            *attachment = None;
        }
        match &*attachment {
            Some(found) => Ok(found.limits),
            None => Ok(attachment.insert(self.inner.find_or_create().await?).limits),
        }
    }
}

impl Source for NatsSource {
    type Message = NatsMessage;
    type Handle = Handle;
    type Pull = NatsPull;

    async fn pull(&self, limit: Capacity) -> Result<NatsPull, SourceError> {
        let wire = self.inner.wire().await?;
        let mut limits = self.limits().await?;
        if !self.inner.is_still(limits.incarnation).await? {
            self.inner.detach();
            limits = self.limits().await?;
        }
        Ok(NatsPull::send(self.inner.clone(), &wire, limit, limits))
    }

    async fn settle(&self, round: &mut Vec<(Handle, Settlement)>) -> Result<(), Unsettled> {
        self.inner.settle(round).await
    }

    async fn ack_floor(&self) -> Result<u64, SourceError> {
        let (_, info) = self.inner.consumer_info().await?;
        Ok(info.ack_floor.stream_sequence)
    }

    fn least_bytes(&self) -> u64 {
        self.inner.least_bytes()
    }

    async fn exhausted(&self) {
        self.inner.exhausted.notified().await;
    }
}

impl std::fmt::Debug for NatsSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let config = &self.inner.config;
        f.debug_struct("NatsSource")
            .field("urls", &config.urls)
            .field("stream", &config.stream)
            .field("consumer", &config.consumer)
            .finish_non_exhaustive()
    }
}
