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
use warehouse_sink_io::parts::Parts;
use warehouse_sink_io::store::{Effect, Store, StoreError};

use crate::ends::Ends;
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

    /// A put's number and fate.
    fn open(&self, process: ProcessId) -> (u64, Option<Fate>) {
        let mut state = self.state();
        state.puts += 1;
        let put = state.puts;
        let fate = state.fate(process);
        drop(state);
        if let Some(fate) = fate {
            self.history.note(Happening::Inflicted { fault: fate.name() });
        }
        (put, fate)
    }

    /// The request that makes an object.
    fn begin(
        &self,
        process: ProcessId,
        (put, fate): (u64, Option<Fate>),
        key: &str,
        rows: Arc<[StoredRow]>,
    ) -> oneshot::Receiver<Result<(), StoreError>> {
        let (answer, answered) = oneshot::channel();
        // By the put's own number, so that a put is the same in a plan from which other faults were taken.
        let mut rng = Rng::with_seed(self.seed ^ (put << 16) ^ 0x0b0c_4e70);
        let (before, after) = (latency(&mut rng, fate), latency(&mut rng, None));
        let needs_client = rng.bool();
        let key = key.to_owned();
        // The worker lives as long as the world.
        let _ = self.jobs.send(Job { put, process, fate, before, after, key, rows, answer, needs_client });
        answered
    }

    /// Takes a part of an object. It fails for certain, where the put is to: nothing makes an object of the parts before it.
    async fn part(
        &self,
        process: ProcessId,
        (put, fate): (u64, Option<Fate>),
        number: u64,
        key: &str,
    ) -> Result<(), StoreError> {
        let mut rng = Rng::with_seed(self.seed ^ (put << 16) ^ (number << 8) ^ 0x9a_47);
        tokio::time::sleep(latency(&mut rng, None)).await;
        if self.is_cut(process) {
            return std::future::pending().await;
        }
        // At the first part or the second.
        if number < 1 + put % 2 {
            return Ok(());
        }
        match fate {
            Some(Fate::Refused) => not_applied(Failure::Temporary, "connection refused"),
            Some(Fate::Throttled) => not_applied(Failure::Temporary, "slow down"),
            Some(Fate::OutOfSpace) => not_applied(Failure::Temporary, "no space left on device"),
            Some(Fate::Denied) => not_applied(Failure::Permanent, "access denied"),
            Some(Fate::Torn) => {
                self.history.note(Happening::Torn { key: key.to_owned(), put });
                not_applied(Failure::Temporary, "the part broke off")
            }
            _ => Ok(()),
        }
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
    pub async fn work(mut self, ends: Ends) {
        while let Some(job) = self.queue.recv().await {
            ends.spawn(job.run(self.bucket.clone()));
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
        let opened = self.bucket.open(self.process);
        let answered = self.bucket.begin(self.process, opened, key, rows.clone());
        let ended = self.begun(opened.0, key, rows);
        self.answer(answered, ended).await
    }

    async fn put_parts(&self, key: &str, mut parts: Parts) -> Result<(), StoreError> {
        self.trap.step(Call::Put).await;
        let opened = self.bucket.open(self.process);
        let first = next_rows(&mut parts).await?.unwrap_or_default();
        let mut ended = self.begun(opened.0, key, first.clone());
        let all = match self.send(opened, key, first, parts).await {
            Ok(all) => all.into(),
            Err(error) => {
                ended.outcome = Some(error.outcome());
                return Err(error);
            }
        };
        self.trap.step(Call::Complete).await;
        self.bucket.history.note(Happening::Completing { process: self.process, put: opened.0 });
        let answered = self.bucket.begin(self.process, opened, key, all);
        self.answer(answered, ended).await
    }
}

async fn next_rows(parts: &mut Parts) -> Result<Option<Arc<[StoredRow]>>, StoreError> {
    match parts.next().await {
        Ok(part) => Ok(part.map(|part| read_object(&part).into())),
        Err(unfinished) => Err(StoreError::new(Effect::NotApplied(Failure::Permanent), unfinished.to_string())),
    }
}

impl SimStore {
    /// Sends the parts of an object; its rows.
    async fn send(
        &self,
        opened: (u64, Option<Fate>),
        key: &str,
        first: Arc<[StoredRow]>,
        mut parts: Parts,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let (mut all, mut next, mut number) = (Vec::new(), Some(first), 0);
        while let Some(rows) = next {
            number += 1;
            self.trap.step(Call::Part).await;
            self.bucket.part(self.process, opened, number, key).await?;
            all.extend(rows.iter().cloned());
            self.bucket.history.note(Happening::PartSent { process: self.process, put: opened.0, rows });
            next = next_rows(&mut parts).await?;
        }
        Ok(all)
    }

    fn begun(&self, put: u64, key: &str, rows: Arc<[StoredRow]>) -> PutEnd {
        let (process, history) = (self.process, self.bucket.history.clone());
        history.note(Happening::PutBegun { process, put, key: key.to_owned(), rows });
        PutEnd { process, put, outcome: None, history }
    }

    async fn answer(
        &self,
        answered: oneshot::Receiver<Result<(), StoreError>>,
        mut ended: PutEnd,
    ) -> Result<(), StoreError> {
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
