//! A source that settles, or fetches, what it was not told to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use warehouse_sink_core::{Capacity, MessageId};
use warehouse_sink_io::source::{Pull, Settlement, Source, SourceError};

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
}

impl SabotagedSource {
    pub fn new(inner: SimSource, sabotage: &Sabotage) -> Self {
        SabotagedSource {
            inner,
            sabotage: *sabotage,
            settled: Arc::default(),
            last: Arc::default(),
            first: Arc::default(),
        }
    }

    /// The handle before this one.
    fn swap(&self, handle: &Handle) -> Handle {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(*handle).unwrap_or(*handle)
    }

    /// The first delivery of the handle's message.
    fn first(&self, handle: &Handle) -> Handle {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        *first.entry(handle.reply.message).or_insert(*handle)
    }
}

impl Source for SabotagedSource {
    type Message = SimMessage;
    type Handle = Handle;
    type Pull = SabotagedPull;

    async fn pull(&self, limit: Capacity) -> Result<Self::Pull, SourceError> {
        Ok(SabotagedPull { inner: self.inner.pull(limit).await?, source: self.clone() })
    }

    async fn settle(&self, handle: &Handle, settlement: Settlement) -> Result<(), SourceError> {
        let count = self.settled.fetch_add(1, Ordering::Relaxed);
        let settlement = match (self.sabotage, settlement) {
            (Sabotage::AckForNak, Settlement::Nak(_)) => Settlement::Ack,
            (Sabotage::AckAtShutdown, Settlement::Nak(Duration::ZERO)) => Settlement::Ack,
            (Sabotage::TermForAck, Settlement::Ack) => Settlement::Term,
            (Sabotage::EndlessNak, Settlement::Nak(_)) => Settlement::Nak(Duration::from_secs(86_400)),
            (Sabotage::NoProgress, Settlement::Progress) => return Ok(()),
            (Sabotage::AckWhenFetched, Settlement::Ack) => return Ok(()),
            (Sabotage::ForgetAcks, Settlement::Ack) if count.is_multiple_of(3) => return Ok(()),
            (Sabotage::AckTwice, Settlement::Ack) => {
                self.inner.settle(handle, settlement).await?;
                settlement
            }
            (Sabotage::DropAtShutdown, Settlement::Nak(Duration::ZERO)) => return Ok(()),
            (Sabotage::ForgetNewerHandle, _) => return self.inner.settle(&self.first(handle), settlement).await,
            (Sabotage::SwapHandles, Settlement::Ack) => return self.inner.settle(&self.swap(handle), settlement).await,
            _ => settlement,
        };
        self.inner.settle(handle, settlement).await
    }

    fn flush(&self) -> impl Future<Output = Result<(), SourceError>> + Send {
        self.inner.flush()
    }

    fn max_message_bytes(&self) -> u64 {
        self.inner.max_message_bytes()
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
                    self.source.first(&message.handle());
                }
            }
            Sabotage::AckWhenFetched => {
                for message in &messages {
                    // Sending cannot fail in the simulator.
                    let _ = self.source.inner.settle(&message.handle(), Settlement::Ack).await;
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
