//! A bucket that fails as stores do, and the store as `io` sees it.
//!
//! The fate of each put is in the plan. The bucket's side of it runs on a task of its own, outside the process that asked:
//! a request that has left lives on when its client dies or gives it up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use tokio::sync::{mpsc, oneshot};
use warehouse_sink_core::{Failure, Outcome, Timestamp};
use warehouse_sink_io::store::{Effect, Store, StoreError};

use crate::event::{StoredRow, read_object};
use crate::fault::{Call, Fate};
use crate::history::{Happening, History, ProcessId, now};
use crate::process::Trap;

/// The bucket.
pub(crate) struct Bucket {
    state: Mutex<State>,
    jobs: mpsc::UnboundedSender<Job>,
    seed: u64,
    history: History,
}

struct State {
    fates: BTreeMap<u64, Fate>,
    puts: u64,
    down_until: Timestamp,
    /// Until when a process can't reach the bucket.
    cut_until: BTreeMap<ProcessId, Timestamp>,
}

struct Job {
    put: u64,
    process: ProcessId,
    fate: Option<Fate>,
    /// From the request to what it does.
    before: Duration,
    /// From there to the answer.
    after: Duration,
    key: String,
    rows: Arc<[StoredRow]>,
    answer: oneshot::Sender<Result<(), StoreError>>,
    /// A request that is still being sent dies with its client.
    needs_client: bool,
}

impl Bucket {
    /// The bucket, and the queue that [`Work::work`] works on. What is not among the fates goes well.
    pub fn new(fates: BTreeMap<u64, Fate>, seed: u64, history: History) -> (Arc<Self>, Work) {
        let (jobs, queue) = mpsc::unbounded_channel();
        let state = State { fates, puts: 0, down_until: Timestamp::ZERO, cut_until: BTreeMap::new() };
        let bucket = Arc::new(Bucket { state: Mutex::new(state), jobs, seed, history });
        (bucket.clone(), Work { queue, bucket })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes nothing for a while.
    pub fn outage(&self, outage: Duration) {
        let mut state = self.state();
        state.down_until = now().saturating_add(outage);
    }

    /// Is out of a process's reach for a while: nothing of it arrives, and no answer comes back.
    pub fn cut(&self, process: ProcessId, down: Duration) {
        self.state().cut_until.insert(process, now().saturating_add(down));
    }

    /// Fails no more.
    pub fn heal(&self) {
        let mut state = self.state();
        state.fates.clear();
        state.cut_until.clear();
        state.down_until = Timestamp::ZERO;
    }

    fn begin(
        &self,
        process: ProcessId,
        key: &str,
        rows: Arc<[StoredRow]>,
    ) -> (u64, oneshot::Receiver<Result<(), StoreError>>) {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state();
        state.puts += 1;
        let put = state.puts;
        let fate = state.fate(process);
        drop(state);
        if let Some(fate) = fate {
            self.history.note(Happening::Inflicted { fault: fate.name() });
        }
        // By the put's own number, so that a put is the same in a plan from which other faults were taken.
        let mut rng = Rng::with_seed(self.seed ^ (put << 16) ^ 0x0b0c_4e70);
        let (before, after) = (latency(&mut rng, fate), latency(&mut rng, None));
        let needs_client = rng.bool();
        let key = key.to_owned();
        // The worker lives as long as the world.
        let _ = self.jobs.send(Job { put, process, fate, before, after, key, rows, answer, needs_client });
        (put, answered)
    }

    fn is_cut(&self, process: ProcessId) -> bool {
        self.state().is_cut(process)
    }
}

impl State {
    fn fate(&self, process: ProcessId) -> Option<Fate> {
        if self.is_cut(process) {
            return Some(Fate::SilentLost);
        }
        if now() < self.down_until {
            return Some(if self.puts.is_multiple_of(4) { Fate::LostBefore } else { Fate::Refused });
        }
        self.fates.get(&self.puts).copied()
    }

    fn is_cut(&self, process: ProcessId) -> bool {
        self.cut_until.get(&process).is_some_and(|until| now() < *until)
    }
}

fn latency(rng: &mut Rng, fate: Option<Fate>) -> Duration {
    let millis = match fate {
        Some(Fate::Slow | Fate::LostBefore) => rng.u64(200..6_000),
        Some(Fate::Late) => rng.u64(2_000..15_000),
        _ => rng.u64(1..60),
    };
    Duration::from_millis(millis)
}

/// The bucket's side of all puts.
pub(crate) struct Work {
    queue: mpsc::UnboundedReceiver<Job>,
    bucket: Arc<Bucket>,
}

impl Work {
    /// Works, for ever.
    pub async fn work(mut self) {
        while let Some(job) = self.queue.recv().await {
            tokio::spawn(job.run(self.bucket.clone()));
        }
    }
}

impl Job {
    async fn run(self, bucket: Arc<Bucket>) {
        let Job { put, process, fate, before, after, key, rows, answer, needs_client } = self;
        let apply = || bucket.history.note(Happening::Durable { key: key.clone(), rows: rows.clone(), put });
        if fate == Some(Fate::Late) {
            let _ = answer.send(unknown("the answer was lost"));
            tokio::time::sleep(before).await;
            return apply();
        }
        tokio::time::sleep(before).await;
        if needs_client && answer.is_closed() {
            return;
        }
        let result = match fate {
            None | Some(Fate::Slow) => {
                apply();
                Ok(())
            }
            Some(Fate::Refused) => not_applied(Failure::Temporary, "connection refused"),
            Some(Fate::Throttled) => not_applied(Failure::Temporary, "slow down"),
            Some(Fate::OutOfSpace) => not_applied(Failure::Temporary, "no space left on device"),
            Some(Fate::Denied) => not_applied(Failure::Permanent, "access denied"),
            Some(Fate::LostBefore) => unknown("timed out"),
            Some(Fate::Torn) => {
                bucket.history.note(Happening::Torn { key, put });
                unknown("input/output error")
            }
            Some(Fate::LostAfter | Fate::Late) => {
                apply();
                unknown("the answer was lost")
            }
            Some(Fate::SilentApplied) => {
                apply();
                return hold(answer).await;
            }
            Some(Fate::SilentLost) => return hold(answer).await,
        };
        tokio::time::sleep(after).await;
        if bucket.is_cut(process) {
            return hold(answer).await;
        }
        // A client that is gone hears nothing.
        let _ = answer.send(result);
    }
}

/// Never answers.
async fn hold(answer: oneshot::Sender<Result<(), StoreError>>) {
    let _answer = answer;
    std::future::pending().await
}

fn unknown(message: &str) -> Result<(), StoreError> {
    Err(StoreError::new(Effect::Unknown, message))
}

fn not_applied(failure: Failure, message: &str) -> Result<(), StoreError> {
    Err(StoreError::new(Effect::NotApplied(failure), message))
}

/// The bucket, as one process sees it.
#[derive(Clone)]
pub(crate) struct SimStore {
    pub process: ProcessId,
    pub bucket: Arc<Bucket>,
    pub trap: Trap,
}

impl Store for SimStore {
    async fn put(&self, key: &str, body: Bytes) -> Result<(), StoreError> {
        self.trap.step(Call::Put).await;
        let rows: Arc<[StoredRow]> = read_object(&body).into();
        let (put, answered) = self.bucket.begin(self.process, key, rows.clone());
        let history = self.bucket.history.clone();
        history.note(Happening::PutBegun { process: self.process, put, key: key.to_owned(), rows });
        let mut ended = PutEnd { process: self.process, put, outcome: None, history };
        let result = answered.await.unwrap_or_else(|_| Err(StoreError::new(Effect::Unknown, "the bucket is gone")));
        self.trap.step(Call::PutAnswer).await;
        ended.outcome = Some(match &result {
            Ok(()) => Outcome::Written,
            Err(error) => error.outcome(),
        });
        result
    }
}

/// Writes down a put's end, also where it is given up.
struct PutEnd {
    process: ProcessId,
    put: u64,
    outcome: Option<Outcome>,
    history: History,
}

impl Drop for PutEnd {
    fn drop(&mut self) {
        let PutEnd { process, put, outcome, .. } = *self;
        self.history.note(Happening::PutEnded { process, put, outcome });
    }
}
