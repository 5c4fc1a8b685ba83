//! The settler: hands settlements to the connection, in order, on a task of its own, so that a connection that is down
//! or slow never holds up the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc};

use crate::metrics::Metrics;
use crate::source::{Settlement, Source};

/// The queue's length, seen from both ends.
#[derive(Default)]
pub(super) struct Waiting {
    /// Acks, naks and terms. They count against the capacity, which is what bounds them while the connection is down.
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

/// Settles until the driver's end is gone and the queue is empty.
pub(super) async fn settle_all<S: Source>(source: S, mut queue: Queue<S::Handle>, metrics: Metrics) {
    while let Some(turn) = queue.queue.recv().await {
        for (handle, settlement) in turn {
            match source.settle(&handle, settlement).await {
                Ok(()) => count(&metrics, settlement),
                Err(error) => {
                    metrics.settle_errors.increment(1);
                    tracing::debug!(
                        error = error.chain(),
                        ?settlement,
                        "not settled; the message will be delivered again"
                    );
                }
            }
            queue.waiting.of(settlement).fetch_sub(1, Ordering::Relaxed);
        }
        queue.waiting.shorter.notify_one();
    }
}

fn count(metrics: &Metrics, settlement: Settlement) {
    match settlement {
        Settlement::Ack => metrics.acked.increment(1),
        Settlement::Nak(_) => metrics.nacked.increment(1),
        Settlement::Term => metrics.terminated.increment(1),
        Settlement::Progress => metrics.progress.increment(1),
    }
}
