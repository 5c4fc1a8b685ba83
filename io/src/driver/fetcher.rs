//! A fetcher: asks for a grant, pulls that much, decodes, hands in; and again.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use warehouse_sink_core::{Backoff, Capacity, Delivery, DeliveryId, Destination};

use crate::health::{Health, Part};
use crate::metrics::Metrics;
use crate::rows::Decode;
use crate::source::{Incoming, Pull, Source, SourceError};

use super::poison::Seen;
use super::stop::Stopped;

/// What fetchers tell the driver.
pub(super) enum FromFetcher<H, P, R> {
    /// It is ready to fetch.
    Ask(oneshot::Sender<Capacity>),
    /// Deliveries, each with the handle that settles it, and the part of the grant that they used. A fetcher that must not go on
    /// before they are taken waits until `taken` is dropped. The deliveries have no numbers yet.
    Deliveries { deliveries: Vec<Delivery<P, R>>, handles: Vec<H>, used: Capacity, taken: Option<oneshot::Sender<()>> },
    /// The pull has ended; this is left of the grant.
    Ended { unused: Capacity },
}

type Sender<S, D> = mpsc::Sender<FromFetcher<<S as Source>::Handle, <D as Decode>::Partition, <D as Decode>::Payload>>;

/// What a fetcher does next.
enum Next {
    Again,
    End,
}

/// The delay after a pull that failed. The longest is what an idle sink may take to notice that NATS is back.
const BACKOFF: Backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(5) };

/// What is left of a grant.
struct Left {
    /// Of what may be fetched.
    grant: Capacity,
    /// Of the bytes that rows may take before the machine knows of them. They may take more than their messages.
    rows: u64,
}

/// Deliveries that are not handed in yet.
struct Piece<P, R, H> {
    deliveries: Vec<Delivery<P, R>>,
    handles: Vec<H>,
    fetched_bytes: u64,
    row_bytes: u64,
}

impl<P, R, H> Piece<P, R, H> {
    fn new(messages: usize) -> Self {
        let (deliveries, handles) = (Vec::with_capacity(messages), Vec::with_capacity(messages));
        Piece { deliveries, handles, fetched_bytes: 0, row_bytes: 0 }
    }
}

pub(super) struct Fetcher<S: Source, D: Decode> {
    /// Its number.
    pub worker: usize,
    pub source: S,
    pub decoder: D,
    pub driver: Sender<S, D>,
    pub stop: Stopped,
    pub health: Health,
    pub metrics: Metrics,
    /// What is poison is told here.
    pub seen: Seen,
    pub jitter_seed: u64,
}

impl<S: Source, D: Decode> Fetcher<S, D> {
    /// Fetches until the driver stops it or is gone.
    pub async fn run(mut self) {
        let mut failures = 0;
        while !self.stop.is_told() {
            match self.fetch().await {
                Ok(Next::Again) => failures = 0,
                Ok(Next::End) => return,
                Err(error) => {
                    self.metrics.fetch_errors.increment(1);
                    self.health.set(Part::Fetcher(self.worker), Err(error.chain()));
                    self.pause(failures).await;
                    failures += 1;
                }
            }
        }
    }

    async fn fetch(&mut self) -> Result<Next, SourceError> {
        match self.grant().await {
            Some(grant) => self.pull(grant).await.map(|()| Next::Again),
            None => Ok(Next::End),
        }
    }

    /// Waits for leave to fetch. None when the driver stops or is gone.
    async fn grant(&mut self) -> Option<Capacity> {
        let (ask, answer) = oneshot::channel();
        if self.stop.is_told() || self.driver.send(FromFetcher::Ask(ask)).await.is_err() {
            return None;
        }
        tokio::select! {
            biased;
            _ = self.stop.told() => None,
            grant = answer => grant.ok(),
        }
    }

    /// One pull from its request to its end, with the grant settled whatever happens.
    async fn pull(&mut self, grant: Capacity) -> Result<(), SourceError> {
        let mut left = Left { grant, rows: grant.bytes };
        let result = self.pull_within(&mut left).await;
        // The driver being gone is found out at the next grant.
        let _ = self.driver.send(FromFetcher::Ended { unused: left.grant }).await;
        result
    }

    async fn pull_within(&mut self, left: &mut Left) -> Result<(), SourceError> {
        let mut pull = tokio::select! {
            biased;
            _ = self.stop.told() => return Ok(()),
            pull = self.source.pull(left.grant) => pull?,
        };
        let mut cancelled = false;
        loop {
            let next = tokio::select! {
                biased;
                _ = self.stop.told(), if !cancelled => None,
                next = pull.next() => Some(next),
            };
            match next {
                None => {
                    // What the server sent before it heard of the end still comes, and is given back by name.
                    pull.cancel().await;
                    cancelled = true;
                }
                Some(None) => {
                    if pull.is_answered() {
                        self.health.set(Part::Fetcher(self.worker), Ok(()));
                    }
                    return Ok(());
                }
                Some(Some(messages)) => {
                    let messages = messages?;
                    self.health.set(Part::Fetcher(self.worker), Ok(()));
                    self.hand_in(messages, left).await;
                }
            }
        }
    }

    async fn hand_in(&mut self, messages: Vec<S::Message>, left: &mut Left) {
        self.metrics.fetched.increment(messages.len() as u64);
        self.seen.fetched(messages.len());
        let mut piece = Piece::new(messages.len());
        for message in messages {
            let delivery = self.decode(&message);
            piece.fetched_bytes += message.body().len() as u64;
            piece.row_bytes = piece.row_bytes.saturating_add(delivery.rows.bytes());
            piece.deliveries.push(delivery);
            piece.handles.push(message.into_handle());
            if piece.row_bytes > left.rows {
                // No more is made than fits, and one message, until the machine has taken this or given it back.
                let (taken, is_taken) = oneshot::channel();
                self.send(std::mem::replace(&mut piece, Piece::new(0)), left, Some(taken)).await;
                let _ = is_taken.await;
            }
        }
        if !piece.deliveries.is_empty() {
            self.send(piece, left, None).await;
        }
    }

    async fn send(
        &mut self,
        piece: Piece<D::Partition, D::Payload, S::Handle>,
        left: &mut Left,
        taken: Option<oneshot::Sender<()>>,
    ) {
        let Piece { mut deliveries, handles, fetched_bytes, row_bytes } = piece;
        self.decoder.keep(&mut deliveries);
        left.rows = left.rows.saturating_sub(row_bytes);
        let Left { grant, .. } = left;
        let used = Capacity { messages: deliveries.len().min(grant.messages), bytes: fetched_bytes.min(grant.bytes) };
        grant.messages -= used.messages;
        grant.bytes -= used.bytes;
        // A driver that is gone settles nothing; the server delivers the messages again.
        let _ = self.driver.send(FromFetcher::Deliveries { deliveries, handles, used, taken }).await;
    }

    fn decode(&mut self, message: &S::Message) -> Delivery<D::Partition, D::Payload> {
        let rows = self.decoder.decode(message);
        if let Some(row) = rows.as_slice().iter().find(|row| row.destination == Destination::DeadLetter) {
            self.seen.poison(message.id().stream_sequence, D::reason(&row.payload));
        }
        if message.delivery_count() > 1 {
            self.metrics.redelivered.increment(1);
        }
        // The driver gives it its number when it takes it in.
        let id = DeliveryId(0);
        Delivery { id, message: message.id(), delivery_count: message.delivery_count(), rows }
    }

    async fn pause(&mut self, failures: u64) {
        let dice = failures.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.jitter_seed;
        tokio::select! {
            biased;
            _ = self.stop.told() => {}
            () = tokio::time::sleep(BACKOFF.delay(failures, dice)) => {}
        }
    }
}

#[cfg(test)]
mod tests;
