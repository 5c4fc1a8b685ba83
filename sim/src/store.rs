//! A bucket that fails as stores do, and the store as `io` sees it.
//!
//! Each put draws its fate when it begins. The bucket's side of it runs on a task of its own, outside the process that asked:
//! a request that has left lives on when its client dies or gives it up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use tokio::sync::{mpsc, oneshot};
use warehouse_sink_core::{Failure, Outcome, Timestamp};
use warehouse_sink_io::store::{Effect, Store, StoreError};

use crate::event::{StoredRow, read_object};
use crate::fault::Call;
use crate::history::{Happening, History, ProcessId, now};
use crate::process::Trap;
use crate::settings::StoreSettings;

/// What becomes of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Stored, and said so.
    Stored,
    /// Stored and said so, but slowly.
    Slow,
    /// Not stored, for the time being: unreachable, throttled, out of space.
    Refused,
    /// Not stored, for good.
    Denied,
    /// Timed out before it was applied.
    LostBefore,
    /// Applied, and the answer lost.
    LostAfter,
    /// The answer is lost, and it is applied long after.
    Late,
    /// Never answered; applied or not.
    Silent { applied: bool },
}

/// The bucket.
pub(crate) struct Bucket {
    state: Mutex<State>,
    jobs: mpsc::UnboundedSender<Job>,
    history: History,
}

struct State {
    settings: StoreSettings,
    rng: Rng,
    puts: u64,
    down_until: Timestamp,
}

struct Job {
    put: u64,
    fate: Fate,
    before: Duration,
    after: Duration,
    key: String,
    rows: Arc<[StoredRow]>,
    answer: oneshot::Sender<Result<(), StoreError>>,
    /// A request that is still being sent dies with its client.
    needs_client: bool,
}

impl Bucket {
    /// The bucket, and the queue that [`Bucket::work`] works on.
    pub fn new(settings: StoreSettings, seed: u64, history: History) -> (Arc<Self>, Work) {
        let (jobs, queue) = mpsc::unbounded_channel();
        let state = State { settings, rng: Rng::with_seed(seed ^ 0x0b0c_4e70), puts: 0, down_until: Timestamp::ZERO };
        (Arc::new(Bucket { state: Mutex::new(state), jobs, history: history.clone() }), Work { queue, history })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes nothing for a while.
    pub fn outage(&self, outage: Duration) {
        let mut state = self.state();
        state.down_until = now().saturating_add(outage);
    }

    /// Fails no more.
    pub fn heal(&self) {
        let mut state = self.state();
        state.settings = StoreSettings::default();
        state.down_until = Timestamp::ZERO;
    }

    fn begin(&self, key: &str, rows: Arc<[StoredRow]>) -> (u64, oneshot::Receiver<Result<(), StoreError>>) {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state();
        state.puts += 1;
        let put = state.puts;
        let fate = state.fate();
        let (before, after) = (state.latency(fate), state.latency(Fate::Stored));
        let needs_client = state.rng.bool();
        drop(state);
        let key = key.to_owned();
        // The worker lives as long as the world.
        let _ = self.jobs.send(Job { put, fate, before, after, key, rows, answer, needs_client });
        (put, answered)
    }
}

impl State {
    fn fate(&mut self) -> Fate {
        if now() < self.down_until {
            return if self.rng.u8(..4) == 0 { Fate::LostBefore } else { Fate::Refused };
        }
        let StoreSettings { refused, denied, slow, lost_before, lost_after, late, silent } = self.settings;
        let applied = self.rng.bool();
        let fates = [
            (refused, Fate::Refused),
            (denied, Fate::Denied),
            (slow, Fate::Slow),
            (lost_before, Fate::LostBefore),
            (lost_after, Fate::LostAfter),
            (late, Fate::Late),
            (silent, Fate::Silent { applied }),
        ];
        let mut roll = self.rng.u8(..100);
        for (share, fate) in fates {
            if roll < share {
                return fate;
            }
            roll -= share;
        }
        Fate::Stored
    }

    fn latency(&mut self, fate: Fate) -> Duration {
        let millis = match fate {
            Fate::Slow | Fate::LostBefore => self.rng.u64(200..6_000),
            Fate::Late => self.rng.u64(2_000..15_000),
            _ => self.rng.u64(1..60),
        };
        Duration::from_millis(millis)
    }
}

/// The bucket's side of all puts.
pub(crate) struct Work {
    queue: mpsc::UnboundedReceiver<Job>,
    history: History,
}

impl Work {
    /// Works, for ever.
    pub async fn work(mut self) {
        while let Some(job) = self.queue.recv().await {
            tokio::spawn(job.run(self.history.clone()));
        }
    }
}

impl Job {
    async fn run(self, history: History) {
        let Job { put, fate, before, after, key, rows, answer, needs_client } = self;
        let unknown = |message| Err(StoreError::new(Effect::Unknown, message));
        let apply = || history.note(Happening::Durable { key, rows, put });
        if fate == Fate::Late {
            let _ = answer.send(unknown("the answer was lost"));
            tokio::time::sleep(before).await;
            return apply();
        }
        tokio::time::sleep(before).await;
        if needs_client && answer.is_closed() {
            return;
        }
        let result = match fate {
            Fate::Stored | Fate::Slow => {
                apply();
                Ok(())
            }
            Fate::Refused => Err(StoreError::new(Effect::NotApplied(Failure::Temporary), "slow down")),
            Fate::Denied => Err(StoreError::new(Effect::NotApplied(Failure::Permanent), "access denied")),
            Fate::LostBefore => unknown("timed out"),
            Fate::LostAfter | Fate::Late => {
                apply();
                unknown("the answer was lost")
            }
            Fate::Silent { applied } => {
                if applied {
                    apply();
                }
                return std::future::pending().await;
            }
        };
        tokio::time::sleep(after).await;
        // A client that is gone hears nothing.
        let _ = answer.send(result);
    }
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
        let (put, answered) = self.bucket.begin(key, rows.clone());
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
