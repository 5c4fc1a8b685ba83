//! A fetcher: asks for a grant, pulls that much, decodes, hands in; and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use warehouse_sink_core::{Backoff, Capacity, Delivery, DeliveryId, Destination, Rows};

use crate::health::{Health, Part};
use crate::metrics::Metrics;
use crate::payload::Decode;
use crate::source::{Incoming, Pull, Source, SourceError};

use super::stop::Stopped;

/// What fetchers tell the driver.
pub(super) enum FromFetcher<H, P, R> {
    /// The source begins anew.
    Epoch(u64),
    /// It is ready to fetch.
    Ask(oneshot::Sender<Capacity>),
    /// Deliveries, each with the handle that settles it, and the part of the grant that they used.
    Deliveries { deliveries: Vec<Delivery<P, R>>, handles: Vec<H>, used: Capacity },
    /// The pull has ended; this is left of the grant.
    Ended { unused: Capacity },
}

type Sender<S, D> = mpsc::Sender<FromFetcher<<S as Source>::Handle, <D as Decode>::Partition, <D as Decode>::Payload>>;

/// What a fetcher does next.
enum Next {
    Again,
    End,
}

/// An answer to the question whether it may fetch.
enum Grant {
    Given(Capacity),
    /// It was another process's turn before there was room for this much.
    TurnLost(Capacity),
    /// The driver stops or is gone.
    Refused,
}

/// The delay after a pull that failed. The longest is what an idle sink may take to notice that NATS is back.
const BACKOFF: Backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(5) };

/// How often the server hears of a fetcher that waits for room.
const KEEP_TURN: Duration = Duration::from_secs(1);

pub(super) struct Fetcher<S: Source, D: Decode> {
    pub source: S,
    pub decoder: D,
    pub driver: Sender<S, D>,
    pub ids: Arc<AtomicU64>,
    pub stop: Stopped,
    pub health: Health,
    pub metrics: Metrics,
    pub jitter_seed: u64,
}

impl<S: Source, D: Decode> Fetcher<S, D> {
    /// Fetches until the driver stops it or is gone.
    pub async fn run(mut self) {
        let (mut failures, mut epoch) = (0, 0);
        while !self.stop.is_told() {
            match self.fetch(&mut epoch).await {
                Ok(Next::Again) => failures = 0,
                Ok(Next::End) => return,
                Err(error) => {
                    self.metrics.fetch_errors.increment(1);
                    self.health.set(Part::Consumer, Err(error.chain()));
                    self.pause(failures).await;
                    failures += 1;
                }
            }
        }
    }

    async fn fetch(&mut self, epoch: &mut u64) -> Result<Next, SourceError> {
        let begun = tokio::select! {
            biased;
            _ = self.stop.told() => return Ok(Next::End),
            begun = self.source.begin() => begun?,
        };
        self.health.set(Part::Consumer, Ok(()));
        let Some(begun) = begun else { return Ok(Next::Again) };
        if *epoch != begun {
            *epoch = begun;
            if self.driver.send(FromFetcher::Epoch(begun)).await.is_err() {
                return Ok(Next::End);
            }
        }
        match self.grant().await {
            Grant::Given(grant) => self.pull(grant).await.map(|()| Next::Again),
            Grant::TurnLost(unused) => {
                // The driver being gone is found out at the next grant.
                let _ = self.driver.send(FromFetcher::Ended { unused }).await;
                Ok(Next::Again)
            }
            Grant::Refused => Ok(Next::End),
        }
    }

    /// Waits for leave to fetch.
    async fn grant(&mut self) -> Grant {
        let (ask, mut answer) = oneshot::channel();
        if self.stop.is_told() || self.driver.send(FromFetcher::Ask(ask)).await.is_err() {
            return Grant::Refused;
        }
        loop {
            tokio::select! {
                biased;
                _ = self.stop.told() => return Grant::Refused,
                grant = &mut answer => return grant.map_or(Grant::Refused, Grant::Given),
                () = tokio::time::sleep(KEEP_TURN) => {
                    if !self.source.keep_turn().await {
                        // It may have been given meanwhile.
                        answer.close();
                        return Grant::TurnLost(answer.try_recv().unwrap_or_default());
                    }
                }
            }
        }
    }

    /// One pull from its request to its end, with the grant settled whatever happens.
    async fn pull(&mut self, grant: Capacity) -> Result<(), SourceError> {
        let mut left = grant;
        let result = self.pull_within(&mut left).await;
        // The driver being gone is found out at the next grant.
        let _ = self.driver.send(FromFetcher::Ended { unused: left }).await;
        result
    }

    async fn pull_within(&mut self, left: &mut Capacity) -> Result<(), SourceError> {
        let mut pull = tokio::select! {
            biased;
            _ = self.stop.told() => return Ok(()),
            pull = self.source.pull(*left) => pull?,
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
                Some(None) => return Ok(()),
                Some(Some(messages)) => self.hand_in(messages?, left).await,
            }
        }
    }

    async fn hand_in(&mut self, messages: Vec<S::Message>, left: &mut Capacity) {
        let mut deliveries = Vec::with_capacity(messages.len());
        let mut handles = Vec::with_capacity(messages.len());
        let mut bytes = 0;
        self.metrics.fetched.increment(messages.len() as u64);
        for message in messages {
            let delivery = self.decode(&message);
            bytes += message.body().len() as u64;
            deliveries.push(delivery);
            handles.push(message.into_handle());
        }
        let used = Capacity { messages: deliveries.len().min(left.messages), bytes: bytes.min(left.bytes) };
        left.messages -= used.messages;
        left.bytes -= used.bytes;
        // A driver that is gone settles nothing; the server delivers the messages again.
        let _ = self.driver.send(FromFetcher::Deliveries { deliveries, handles, used }).await;
    }

    fn decode(&mut self, message: &S::Message) -> Delivery<D::Partition, D::Payload> {
        let rows = self.decoder.decode(message);
        let poison = match &rows {
            Rows::One(row) => row.destination == Destination::DeadLetter,
            Rows::Many(rows) => rows.iter().any(|row| row.destination == Destination::DeadLetter),
        };
        if poison {
            self.metrics.poison.increment(1);
        }
        if message.delivery_count() > 1 {
            self.metrics.redelivered.increment(1);
        }
        let id = DeliveryId(self.ids.fetch_add(1, Ordering::Relaxed));
        Delivery { id, message: message.id(), delivery_count: message.delivery_count(), epoch: message.epoch(), rows }
    }

    async fn pause(&mut self, failures: u64) {
        let dice = self.ids.load(Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.jitter_seed;
        tokio::select! {
            biased;
            _ = self.stop.told() => {}
            () = tokio::time::sleep(BACKOFF.delay(failures, dice)) => {}
        }
    }
}
