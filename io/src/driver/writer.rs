//! Running writes: encoding off the async threads, then one attempt after another to store the object.
//!
//! ```text
//! write ──▶ encode the first part ──▶ all of it: put it, and again from memory ──┐
//!             ▲                └────▶ more follows: stream it ───────────────────┤
//!             └──────────────── rewrite, where it is not in memory ◀─────────────┘
//! ```

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::{AbortHandle, JoinError};
use tokio::time::Instant;
use warehouse_sink_core::{BatchId, Failure, Outcome, Timestamp, Write};

use super::encoders::Encoders;
use super::streaming::{self, Begun, Streamed};
use crate::health::{Health, Part as HealthPart};
use crate::metrics::{Metrics, WriteCounters};
use crate::parts::Part;
use crate::rows::{Batch, Encode};
use crate::source::error_chain;
use crate::store::Store;

/// The writes of one driver, and the encoded objects of batches that are not yet written.
pub(super) struct Writer<T, E: Encode> {
    store: T,
    encoder: Arc<E>,
    encoders: Encoders,
    timeout: Duration,
    objects: BTreeMap<BatchId, Object<E::Partition, E::Payload>>,
    running: FuturesUnordered<Running<E::Encoding>>,
    health: Health,
    metrics: Metrics,
}

/// An object on its way into the store.
struct Object<P, R> {
    key: String,
    /// What it is made of. Gone once it is encoded, unless it is streamed or the encoded form is the larger: a batch that waits for its next
    /// attempt is kept in the smaller form, so that an outage never takes more memory than the messages do.
    source: Option<Arc<Batch<P, R>>>,
    /// What the rows count against the byte limits.
    source_bytes: u64,
    /// All of it, where it is one part. None until it is encoded.
    body: Option<Bytes>,
    rows: u64,
    opened_at: Timestamp,
    started: Instant,
    attempts: u32,
    /// Whether its last attempt failed, and another one is to come.
    failing: bool,
    task: AbortHandle,
}

/// A step of a write.
type Running<G> = Pin<Box<dyn Future<Output = Step<G>> + Send>>;

/// The end of one step of a write.
enum Step<G> {
    Encoded(BatchId, Begun<G>),
    Broken(BatchId, String),
    Put(BatchId, Put),
}

/// The end of an attempt.
struct Put {
    outcome: Outcome,
    error: Option<String>,
    bytes: u64,
}

impl<T: Store, E: Encode> Writer<T, E> {
    pub fn new(store: T, encoder: Arc<E>, timeout: Duration, health: Health, metrics: Metrics) -> Self {
        let running = FuturesUnordered::new();
        Writer {
            store,
            encoder,
            encoders: Encoders::new(),
            timeout,
            objects: BTreeMap::new(),
            running,
            health,
            metrics,
        }
    }

    /// Starts to encode a batch; its first attempt follows.
    pub fn write(&mut self, write: Write<E::Partition, E::Payload>) {
        let Write { batch, destination, name, rows, bytes, opened_at } = write;
        let key = self.encoder.key(&destination, &name);
        let count = rows.len() as u64;
        self.metrics.batch_rows.record(count as f64);
        let source = Arc::new(Batch { destination, rows });
        let task = self.encode(batch, source.clone());
        let object = Object {
            key,
            source: Some(source),
            source_bytes: bytes,
            body: None,
            rows: count,
            opened_at,
            started: Instant::now(),
            attempts: 0,
            failing: false,
            task,
        };
        self.objects.insert(batch, object);
    }

    fn encode(&mut self, batch: BatchId, source: Arc<Batch<E::Partition, E::Payload>>) -> AbortHandle {
        let encoding = streaming::begin(&self.encoders, self.encoder.clone(), source);
        let task = encoding.abort_handle();
        self.running.push(Box::pin(async move {
            match encoding.await {
                Ok(Ok(begun)) => Step::Encoded(batch, begun),
                Ok(Err(error)) => Step::Broken(batch, error),
                Err(error) => Step::Broken(batch, streaming::ended_early(&error)),
            }
        }));
        task
    }

    /// Stores the batch's object again: from its encoded form, or encoded once more.
    pub fn rewrite(&mut self, batch: BatchId) {
        let encoded = |object: &Object<_, _>| object.body.is_some();
        if self.objects.get(&batch).is_some_and(encoded) {
            return self.put(batch);
        }
        let Some(source) = self.objects.get(&batch).and_then(|object| object.source.clone()) else { return };
        let task = self.encode(batch, source);
        if let Some(object) = self.objects.get_mut(&batch) {
            object.task = task;
        }
    }

    /// Makes one attempt to put the batch's encoded object.
    fn put(&mut self, batch: BatchId) {
        let Some(body) = self.objects.get(&batch).and_then(|object| object.body.clone()) else { return };
        let (store, timeout, bytes) = (self.store.clone(), self.timeout, body.len() as u64);
        self.attempt(batch, |key| async move {
            let (outcome, error) = match tokio::time::timeout(timeout, store.put(&key, body)).await {
                Ok(Ok(())) => (Outcome::Written, None),
                Ok(Err(error)) => (error.outcome(), Some(error_chain(&error))),
                Err(_elapsed) => (Outcome::Unknown, Some(format!("no answer within {timeout:?}"))),
            };
            Step::Put(batch, Put { outcome, error, bytes })
        });
    }

    /// Makes one attempt to store the batch's object while it is encoded.
    fn stream(&mut self, batch: BatchId, begun: Begun<E::Encoding>) {
        let (encoders, store, timeout) = (self.encoders.clone(), self.store.clone(), self.timeout);
        let encode_seconds = self.metrics.encode_seconds.clone();
        self.attempt(batch, move |key| async move {
            match streaming::stream(encoders, store, key, begun, timeout).await {
                Streamed::Broken(error) => Step::Broken(batch, error),
                Streamed::Put { outcome, error, bytes, encoded } => {
                    if let Some(encoded) = encoded {
                        encode_seconds.record(encoded.as_secs_f64());
                    }
                    Step::Put(batch, Put { outcome, error, bytes })
                }
            }
        });
    }

    /// Runs an attempt to store the batch's object, on a task of its own.
    fn attempt<F>(&mut self, batch: BatchId, attempt: impl FnOnce(String) -> F)
    where
        F: Future<Output = Step<E::Encoding>> + Send + 'static,
    {
        let Some(object) = self.objects.get_mut(&batch) else { return };
        object.attempts += 1;
        object.started = Instant::now();
        let attempt = tokio::spawn(attempt(object.key.clone()));
        object.task = attempt.abort_handle();
        self.running.push(Box::pin(async move {
            attempt.await.unwrap_or_else(|error| {
                Step::Put(batch, Put { outcome: Outcome::Unknown, error: Some(ended_early(&error)), bytes: 0 })
            })
        }));
    }

    /// Drops a batch's object, and the attempt that runs.
    pub fn discard(&mut self, batch: BatchId) {
        if let Some(object) = self.objects.remove(&batch) {
            object.task.abort();
        }
    }

    /// Whether a write runs.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Waits for the end of a write. Pending for ever where none runs; cancel safe.
    pub async fn next_result(&mut self, now: impl Fn() -> Timestamp) -> (BatchId, Outcome) {
        loop {
            match self.running.next().await {
                None => std::future::pending().await,
                Some(Step::Put(batch, put)) => {
                    let outcome = put.outcome;
                    self.note_attempt(batch, put, now());
                    return (batch, outcome);
                }
                Some(Step::Encoded(batch, begun)) => self.encoded(batch, begun),
                Some(Step::Broken(batch, error)) => {
                    // A batch whose fate is open, because an attempt before this had no answer, will be tried again: the object stays until it
                    // is discarded.
                    let Some(object) = self.objects.get(&batch) else { continue };
                    tracing::error!(
                        key = object.key,
                        error,
                        "a batch could not be encoded; its messages are given back"
                    );
                    count(&self.metrics.writes.failed, object.rows, 0);
                    return (batch, Outcome::Failed(Failure::Permanent));
                }
            }
        }
    }

    fn encoded(&mut self, batch: BatchId, begun: Begun<E::Encoding>) {
        // A batch that was discarded while it was encoded is gone from the map.
        let Some(object) = self.objects.get_mut(&batch) else { return };
        let body = match begun.part {
            Part::More(_) => return self.stream(batch, begun),
            Part::Last(body) => body,
        };
        self.metrics.encode_seconds.record(begun.took.as_secs_f64());
        if body.len() as u64 <= object.source_bytes {
            object.source = None;
        }
        object.body = Some(body);
        self.put(batch);
    }

    fn note_attempt(&mut self, batch: BatchId, put: Put, now: Timestamp) {
        let Some(object) = self.objects.get_mut(&batch) else { return };
        let Put { outcome, error, bytes } = put;
        let upload = object.started.elapsed();
        self.metrics.upload_seconds.record(upload.as_secs_f64());
        count(counters(&self.metrics, outcome), object.rows, bytes);
        let Object { key, source, body, rows, attempts, failing, .. } = object;
        if outcome == Outcome::Written {
            let flush = now.since(object.opened_at);
            self.metrics.flush_seconds.record(flush.as_secs_f64());
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.metrics.last_write.set(since_epoch.as_secs_f64());
            tracing::info!(
                key,
                rows,
                bytes,
                attempts,
                upload_ms = upload.as_millis() as u64,
                age_ms = flush.as_millis() as u64,
                "file written"
            );
            self.objects.remove(&batch);
            // One that still fails is not mended by another one's success.
            if !self.objects.values().any(|object| object.failing) {
                self.health.set(HealthPart::Store, Ok(()));
            }
        } else {
            *failing = true;
            let error = error.unwrap_or_default();
            tracing::warn!(key, rows, bytes, attempts, ?outcome, error, "file not written");
            self.health.set(HealthPart::Store, Err(error));
            if source.is_some() {
                *body = None;
            }
        }
    }
}

fn counters(metrics: &Metrics, outcome: Outcome) -> &WriteCounters {
    match outcome {
        Outcome::Written => &metrics.writes.written,
        Outcome::Failed(_) => &metrics.writes.failed,
        Outcome::Unknown => &metrics.writes.unknown,
    }
}

fn count(counters: &WriteCounters, rows: u64, bytes: u64) {
    counters.files.increment(1);
    counters.rows.increment(rows);
    counters.bytes.increment(bytes);
}

fn ended_early(error: &JoinError) -> String {
    format!("the attempt ended early: {error}")
}
