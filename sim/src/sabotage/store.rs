//! A store that lies about what it did.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use warehouse_sink_core::Failure;
use warehouse_sink_io::parts::{Part, Parts};
use warehouse_sink_io::store::{Effect, Store, StoreError};

use super::Sabotage;

#[derive(Clone)]
pub(crate) struct SabotagedStore<S> {
    inner: S,
    sabotage: Sabotage,
    puts: Arc<AtomicU64>,
    /// What the put before came to, where it failed.
    last: Arc<Mutex<Option<Effect>>>,
}

impl<S> SabotagedStore<S> {
    pub fn new(inner: S, sabotage: &Sabotage) -> Self {
        SabotagedStore { inner, sabotage: *sabotage, puts: Arc::default(), last: Arc::default() }
    }

    fn swap(&self, result: Result<(), StoreError>) -> Result<(), StoreError> {
        let effect = result.err().map(|error| error.effect());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *last, effect) {
            None => Ok(()),
            Some(effect) => Err(StoreError::new(effect, "swapped")),
        }
    }
}

impl<S: Store> Store for SabotagedStore<S> {
    async fn put(&self, key: &str, body: Bytes) -> Result<(), StoreError> {
        let put = self.puts.fetch_add(1, Ordering::Relaxed);
        match self.sabotage {
            Sabotage::AckWhenWriteStarts => {
                let (inner, key) = (self.inner.clone(), key.to_owned());
                tokio::spawn(async move { inner.put(&key, body).await });
                return Ok(());
            }
            Sabotage::AnotherKey => return self.inner.put(&format!("{key}-{put}"), body).await,
            _ => {}
        }
        self.lie(self.inner.put(key, body).await)
    }

    async fn put_parts(&self, key: &str, parts: Parts) -> Result<(), StoreError> {
        let put = self.puts.fetch_add(1, Ordering::Relaxed);
        match self.sabotage {
            Sabotage::AckWhenWriteStarts | Sabotage::AckBeforeCompletion => self.ack_the_last_part(key, parts).await,
            Sabotage::CompleteBroken | Sabotage::LosePart => self.put_some(key, parts).await,
            Sabotage::AnotherKey => self.inner.put_parts(&format!("{key}-{put}"), parts).await,
            _ => self.lie(self.inner.put_parts(key, parts).await),
        }
    }
}

impl<S: Store> SabotagedStore<S> {
    /// Says that the object is there once its last part is sent.
    async fn ack_the_last_part(&self, key: &str, mut parts: Parts) -> Result<(), StoreError> {
        let (feed, copies, _) = Parts::new();
        let (inner, key) = (self.inner.clone(), key.to_owned());
        tokio::spawn(async move { inner.put_parts(&key, copies).await });
        let mut before = None;
        while let Some(part) = parts.next().await.map_err(|_| unfinished())? {
            if let Some(before) = before.replace(part) {
                feed.send(Part::More(before)).await;
            }
        }
        feed.send(Part::Last(before.unwrap_or_default())).await;
        Ok(())
    }

    /// Completes an object that lacks a part: the last, or all that a broken encoder did not come to.
    async fn put_some(&self, key: &str, mut parts: Parts) -> Result<(), StoreError> {
        let mut some = Vec::new();
        let broke = loop {
            match parts.next().await {
                Ok(Some(part)) => some.push(part),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        if broke && self.sabotage != Sabotage::CompleteBroken {
            return Err(unfinished());
        }
        if !broke && self.sabotage == Sabotage::LosePart {
            some.pop();
        }
        self.inner.put(key, some.concat().into()).await
    }

    fn lie(&self, result: Result<(), StoreError>) -> Result<(), StoreError> {
        let effect = result.as_ref().err().map(StoreError::effect);
        match (self.sabotage, effect) {
            (Sabotage::AckUnknown, Some(Effect::Unknown)) => Ok(()),
            (Sabotage::AckRefused, Some(Effect::NotApplied(_))) => Ok(()),
            (Sabotage::UnknownIsFailure, Some(Effect::Unknown)) => {
                Err(StoreError::new(Effect::NotApplied(Failure::Permanent), "a lie"))
            }
            (Sabotage::SwapOutcomes, _) => self.swap(result),
            _ => result,
        }
    }
}

fn unfinished() -> StoreError {
    StoreError::new(Effect::NotApplied(Failure::Permanent), "unfinished")
}
