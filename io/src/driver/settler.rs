//! The settler: tells the server what became of deliveries, in order, on a task of its own, so that a connection that is down
//! or slow never holds up the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use warehouse_sink_core::Backoff;

use crate::health::{Health, Part};
use crate::metrics::Metrics;
use crate::source::{Settlement, Source, SourceError, Unsettled};

/// The queue's length, seen from both ends.
#[derive(Default)]
pub(super) struct Waiting {
    /// Acks, naks and terms that are not confirmed. They count against the capacity, which is what bounds them while the server takes none.
    settled: AtomicUsize,
    /// Progress acks. They are left out where as many wait as there are deliveries to keep alive.
    progress: AtomicUsize,
    /// Told after the queue has become shorter.
    pub shorter: Notify,
}

impl Waiting {
    pub fn settled(&self) -> usize {
        self.settled.load(Ordering::Relaxed)
    }

    fn of(&self, settlement: Settlement) -> &AtomicUsize {
        if settlement == Settlement::Progress { &self.progress } else { &self.settled }
    }
}

pub(super) struct Settlements<H> {
    queue: mpsc::UnboundedSender<Vec<(H, Settlement)>>,
    turn: Vec<(H, Settlement)>,
    waiting: Arc<Waiting>,
}

/// The other end of [`Settlements`].
pub(super) struct Queue<H> {
    queue: mpsc::UnboundedReceiver<Vec<(H, Settlement)>>,
    waiting: Arc<Waiting>,
}

impl<H> Settlements<H> {
    pub fn new() -> (Self, Queue<H>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting::default());
        (Settlements { queue: sender, turn: Vec::new(), waiting: waiting.clone() }, Queue { queue: receiver, waiting })
    }

    pub fn push(&mut self, handle: H, settlement: Settlement) {
        self.waiting.of(settlement).fetch_add(1, Ordering::Relaxed);
        self.turn.push((handle, settlement));
    }

    /// Whether another progress ack is worth its place: with a round of them waiting, the connection is down, and the
    /// queue would grow for as long as it is.
    pub fn takes_progress(&self, deliveries: usize) -> bool {
        self.waiting.progress.load(Ordering::Relaxed) < deliveries
    }

    /// Hands over what this turn of the driver settled.
    pub fn send(&mut self) {
        if !self.turn.is_empty() {
            // The settler lives as long as this sender, unless the runtime is going down.
            let _ = self.queue.send(std::mem::take(&mut self.turn));
        }
    }

    pub fn waiting(&self) -> &Arc<Waiting> {
        &self.waiting
    }
}

/// About how many settlements make a round. More would be sent long after the look at what they are for.
const ROUND: usize = 16_384;

/// The delay before a round that failed is sent again.
const BACKOFF: Backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(2) };

/// How long a round may fail before the sink is not ready. A connection that comes back soon is no news.
const PATIENCE: Duration = Duration::from_secs(2);

/// Settles in rounds, each of all that waits, and keeps a round until the server has confirmed it.
pub(super) struct Settler<S: Source> {
    pub source: S,
    pub queue: Queue<S::Handle>,
    pub health: Health,
    pub metrics: Metrics,
}

impl<S: Source> Settler<S> {
    /// Settles until the driver's end is gone and everything is confirmed.
    pub async fn run(mut self) {
        let mut round = Vec::new();
        let (mut failures, mut failing_since) = (0, None);
        while self.fill(&mut round).await {
            match self.settle(&mut round).await {
                Ok(()) => {
                    (failures, failing_since) = (0, None);
                    self.health.set(Part::Acks, Ok(()));
                }
                Err(error) => {
                    self.metrics.settle_failures.increment(1);
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= PATIENCE {
                        self.health.set(Part::Acks, Err(error.chain()));
                    }
                    tokio::time::sleep(BACKOFF.delay(failures, failures)).await;
                    failures += 1;
                }
            }
        }
    }

    /// Takes what waits, up to a round; waits for the first. Whether there is any.
    async fn fill(&mut self, round: &mut Round<S>) -> bool {
        if round.is_empty() {
            match self.queue.queue.recv().await {
                Some(turn) => *round = turn,
                None => return false,
            }
        }
        while round.len() < ROUND
            && let Ok(turn) = self.queue.queue.try_recv()
        {
            round.extend(turn);
        }
        true
    }

    /// Settles a round. What is left in it afterwards is to be sent again.
    async fn settle(&self, round: &mut Round<S>) -> Result<(), SourceError> {
        let all = Tally::of(round);
        let settled = self.source.settle(round).await;
        let left = Tally::of(round);
        self.metrics.void.increment((all.settled() - left.settled()) as u64);
        let settled = match settled {
            Ok(()) => {
                self.count(&left);
                round.clear();
                Ok(())
            }
            Err(Unsettled { sent, error }) => {
                if sent {
                    // A nak that was lost is made up for by the ack wait.
                    self.metrics.settle_errors.increment(left.naks as u64);
                    round.retain(|(_, settlement)| matches!(settlement, Settlement::Ack | Settlement::Term));
                }
                Err(error)
            }
        };
        let still = Tally::of(round);
        self.queue.waiting.settled.fetch_sub(all.settled() - still.settled(), Ordering::Relaxed);
        self.queue.waiting.progress.fetch_sub(all.progress - still.progress, Ordering::Relaxed);
        self.queue.waiting.shorter.notify_one();
        settled
    }

    fn count(&self, confirmed: &Tally) {
        self.metrics.acked.increment(confirmed.acks as u64);
        self.metrics.nacked.increment(confirmed.naks as u64);
        self.metrics.terminated.increment(confirmed.terms as u64);
        self.metrics.progress.increment(confirmed.progress as u64);
    }
}

type Round<S> = Vec<(<S as Source>::Handle, Settlement)>;

/// How many settlements of each kind there are.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    acks: usize,
    naks: usize,
    terms: usize,
    progress: usize,
}

impl Tally {
    fn of<H>(round: &[(H, Settlement)]) -> Self {
        let mut tally = Tally::default();
        for (_, settlement) in round {
            match settlement {
                Settlement::Ack => tally.acks += 1,
                Settlement::Nak(_) => tally.naks += 1,
                Settlement::Term => tally.terms += 1,
                Settlement::Progress => tally.progress += 1,
            }
        }
        tally
    }

    fn settled(&self) -> usize {
        self.acks + self.naks + self.terms
    }
}

#[cfg(test)]
mod tests;
