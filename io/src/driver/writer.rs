//! Running writes: encoding off the async threads, then one attempt after another to put the object.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::{AbortHandle, JoinError};
use tokio::time::Instant;
use warehouse_sink_core::{BatchId, BatchRow, Destination, Failure, Outcome, Timestamp, Write};

use crate::health::{Health, Part};
use crate::metrics::{Metrics, WriteCounters};
use crate::rows::Encode;
use crate::source::error_chain;
use crate::store::Store;

/// The writes of one driver, and the encoded objects of batches that are not yet written.
pub(super) struct Writer<T, E: Encode> {
    store: T,
    encoder: Arc<E>,
    timeout: Duration,
    objects: BTreeMap<BatchId, Object<E::Partition, E::Payload>>,
    running: FuturesUnordered<Pin<Box<dyn Future<Output = Step> + Send>>>,
    health: Health,
    metrics: Metrics,
}

/// An object on its way into the store.
struct Object<P, R> {
    key: String,
    /// What it is made of. Gone once it is encoded, unless the encoded form is the larger: a batch that waits for its next attempt is
    /// kept in the smaller form, so that an outage never takes more memory than the messages do.
    source: Option<Arc<Source<P, R>>>,
    /// What the rows count against the byte limits.
    source_bytes: u64,
    /// None until it is encoded.
    body: Option<Bytes>,
    rows: u64,
    opened_at: Timestamp,
    started: Instant,
    attempts: u32,
    task: AbortHandle,
}

struct Source<P, R> {
    destination: Destination<P>,
    rows: Vec<BatchRow<R>>,
}

/// The end of one step of a write.
enum Step {
    Encoded(BatchId, Result<Bytes, String>),
    Put(BatchId, Outcome, Option<String>),
}

impl<T: Store, E: Encode> Writer<T, E> {
    pub fn new(store: T, encoder: Arc<E>, timeout: Duration, health: Health, metrics: Metrics) -> Self {
        let running = FuturesUnordered::new();
        Writer { store, encoder, timeout, objects: BTreeMap::new(), running, health, metrics }
    }

    /// Starts to encode a batch; its first attempt follows.
    pub fn write(&mut self, write: Write<E::Partition, E::Payload>) {
        let Write { batch, destination, name, rows, bytes, opened_at } = write;
        let key = self.encoder.key(&destination, &name);
        let count = rows.len() as u64;
        self.metrics.batch_rows.record(count as f64);
        let source = Arc::new(Source { destination, rows });
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
            task,
        };
        self.objects.insert(batch, object);
    }

    fn encode(&mut self, batch: BatchId, source: Arc<Source<E::Partition, E::Payload>>) -> AbortHandle {
        let encoder = self.encoder.clone();
        #[cfg_attr(
            madsim,
            expect(deprecated, reason = "the simulator has one thread: encoding is a task like any other there")
        )]
        let encoding = tokio::task::spawn_blocking(move || encoder.encode(&source.destination, &source.rows));
        let task = encoding.abort_handle();
        self.running.push(Box::pin(async move {
            Step::Encoded(
                batch,
                match encoding.await {
                    Ok(encoded) => encoded.map_err(|error| error_chain(&error)),
                    Err(error) => Err(format!("the encoder ended early: {error}")),
                },
            )
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
            object.started = Instant::now();
            object.task = task;
        }
    }

    /// Makes one attempt to put the batch's encoded object.
    fn put(&mut self, batch: BatchId) {
        let Some(object) = self.objects.get_mut(&batch) else { return };
        let Some(body) = object.body.clone() else { return };
        object.attempts += 1;
        object.started = Instant::now();
        let (store, key, timeout) = (self.store.clone(), object.key.clone(), self.timeout);
        let attempt = tokio::spawn(async move { tokio::time::timeout(timeout, store.put(&key, body)).await });
        object.task = attempt.abort_handle();
        self.running.push(Box::pin(async move {
            let (outcome, error) = match attempt.await {
                Ok(Ok(Ok(()))) => (Outcome::Written, None),
                Ok(Ok(Err(error))) => (error.outcome(), Some(error_chain(&error))),
                Ok(Err(_elapsed)) => (Outcome::Unknown, Some(format!("no answer within {timeout:?}"))),
                Err(error) => (Outcome::Unknown, Some(ended_early(&error))),
            };
            Step::Put(batch, outcome, error)
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
                Some(Step::Put(batch, outcome, error)) => {
                    self.note_attempt(batch, outcome, error, now());
                    return (batch, outcome);
                }
                Some(Step::Encoded(batch, Ok(body))) => self.encoded(batch, body),
                Some(Step::Encoded(batch, Err(error))) => {
                    let Some(object) = self.objects.remove(&batch) else { continue };
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

    fn encoded(&mut self, batch: BatchId, body: Bytes) {
        // A batch that was discarded while it was encoded is gone from the map.
        let Some(object) = self.objects.get_mut(&batch) else { return };
        self.metrics.encode_seconds.record(object.started.elapsed().as_secs_f64());
        if body.len() as u64 <= object.source_bytes {
            object.source = None;
        }
        object.body = Some(body);
        self.put(batch);
    }

    fn note_attempt(&mut self, batch: BatchId, outcome: Outcome, error: Option<String>, now: Timestamp) {
        let Some(object) = self.objects.get_mut(&batch) else { return };
        let bytes = object.body.as_ref().map_or(0, |body| body.len() as u64);
        let upload = object.started.elapsed();
        self.metrics.upload_seconds.record(upload.as_secs_f64());
        count(counters(&self.metrics, outcome), object.rows, bytes);
        let Object { key, source, body, rows, attempts, .. } = object;
        if outcome == Outcome::Written {
            let flush = now.since(object.opened_at);
            self.metrics.flush_seconds.record(flush.as_secs_f64());
            self.health.set(Part::Store, Ok(()));
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
        } else {
            let error = error.unwrap_or_default();
            tracing::warn!(key, rows, bytes, attempts, ?outcome, error, "file not written");
            self.health.set(Part::Store, Err(error));
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
