//! A store that lies about what it did.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use warehouse_sink_core::Failure;
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
        let result = self.inner.put(key, body).await;
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
