//! A source that settles, or fetches, what it was not told to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use warehouse_sink_core::{Capacity, MessageId};
use warehouse_sink_io::source::{Pull, Settlement, Source, SourceError, Unsettled};

use super::Sabotage;
use crate::source::{Handle, SimMessage, SimPull, SimSource};

#[derive(Clone)]
pub(crate) struct SabotagedSource {
    inner: SimSource,
    sabotage: Sabotage,
    settled: Arc<AtomicU64>,
    last: Arc<Mutex<Option<Handle>>>,
    /// The first delivery of each message.
    first: Arc<Mutex<BTreeMap<MessageId, Handle>>>,
    /// Handles that are never let go of.
    kept: Arc<Mutex<Vec<Handle>>>,
}

impl SabotagedSource {
    pub fn new(inner: SimSource, sabotage: &Sabotage) -> Self {
        SabotagedSource {
            inner,
            sabotage: *sabotage,
            settled: Arc::default(),
            last: Arc::default(),
            first: Arc::default(),
            kept: Arc::default(),
        }
    }

    /// The handle before this one.
    fn swap(&self, handle: &Handle) -> Handle {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(handle.clone()).unwrap_or_else(|| handle.clone())
    }

    /// The first delivery of the handle's message.
    fn first(&self, handle: &Handle) -> Handle {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.entry(handle.reply.message).or_insert_with(|| handle.clone()).clone()
    }

    /// What becomes of a settlement.
    fn do_wrong(&self, handle: Handle, settlement: Settlement, round: &mut Vec<(Handle, Settlement)>) {
        let count = self.settled.fetch_add(1, Ordering::Relaxed);
        let settlement = match (self.sabotage, settlement) {
            (Sabotage::AckForNak, Settlement::Nak(_)) => Settlement::Ack,
            (Sabotage::AckAtShutdown, Settlement::Nak(Duration::ZERO)) => Settlement::Ack,
            (Sabotage::TermForAck, Settlement::Ack) => Settlement::Term,
            (Sabotage::EndlessNak, Settlement::Nak(_)) => Settlement::Nak(Duration::from_secs(86_400)),
            (Sabotage::NoProgress, Settlement::Progress) => return,
            (Sabotage::AckWhenFetched, Settlement::Ack) => return,
            (Sabotage::ForgetAcks, Settlement::Ack) if count.is_multiple_of(3) => return,
            (Sabotage::AckTwice, Settlement::Ack) => {
                round.push((handle.clone(), settlement));
                settlement
            }
            (Sabotage::KeepHandles, Settlement::Ack) => {
                self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(handle.clone());
                settlement
            }
            (Sabotage::DropAtShutdown, Settlement::Nak(Duration::ZERO)) => return,
            _ => settlement,
        };
        let handle = match (self.sabotage, settlement) {
            (Sabotage::ForgetNewerHandle, _) => self.first(&handle),
            (Sabotage::SwapHandles, Settlement::Ack) => self.swap(&handle),
            _ => handle,
        };
        round.push((handle, settlement));
    }
}

impl Source for SabotagedSource {
    type Message = SimMessage;
    type Handle = Handle;
    type Pull = SabotagedPull;

    async fn pull(&self, limit: Capacity) -> Result<Self::Pull, SourceError> {
        Ok(SabotagedPull { inner: self.inner.pull(limit).await?, source: self.clone() })
    }

    async fn settle(&self, round: &mut Vec<(Handle, Settlement)>) -> Result<(), Unsettled> {
        if self.sabotage == Sabotage::None {
            return self.inner.settle(round).await;
        }
        let mut wrong = Vec::new();
        for (handle, settlement) in round.iter() {
            self.do_wrong(handle.clone(), *settlement, &mut wrong);
        }
        if self.sabotage == Sabotage::SettleNoMore && self.settled.load(Ordering::Relaxed) > 30 {
            return Err(Unsettled { sent: false, error: SourceError::new("settles no more") });
        }
        if self.sabotage == Sabotage::SettleBlindly {
            return self.inner.settle_blindly(&wrong).await;
        }
        self.inner.settle(&mut wrong).await
    }

    async fn ack_floor(&self) -> Result<u64, SourceError> {
        self.inner.ack_floor().await
    }

    fn least_bytes(&self) -> u64 {
        self.inner.least_bytes()
    }

    async fn exhausted(&self) {
        loop {
            self.inner.exhausted().await;
            if self.sabotage != Sabotage::IgnoreExhausted {
                return;
            }
        }
    }
}

pub(crate) struct SabotagedPull {
    inner: SimPull,
    source: SabotagedSource,
}

impl Pull for SabotagedPull {
    type Message = SimMessage;

    async fn next(&mut self) -> Option<Result<Vec<SimMessage>, SourceError>> {
        let next = self.inner.next().await;
        let Some(Ok(mut messages)) = next else { return next };
        match self.source.sabotage {
            Sabotage::DropFetched if messages.len() > 1 => drop(messages.pop()),
            Sabotage::ForgetNewerHandle => {
                for message in &messages {
                    self.source.first(message.handle());
                }
            }
            Sabotage::AckWhenFetched => {
                for message in &messages {
                    self.source.inner.ack_at_once(message.handle());
                }
            }
            _ => {}
        }
        Some(Ok(messages))
    }

    fn cancel(&mut self) -> impl Future<Output = ()> + Send {
        self.inner.cancel()
    }
}
