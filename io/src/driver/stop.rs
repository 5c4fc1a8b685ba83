//! The word to stop, from the driver to its fetchers.
//!
//! Not a `tokio::sync::watch`: that wakes those who wait in an order that it draws from a generator which no seed of the simulation reaches, so that the
//! same seed gave different histories. A semaphore without permits, once it is closed, wakes in the order of waiting.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// The driver's end. Dropped, it tells as well.
pub(super) struct Stop(Arc<Semaphore>);

/// A fetcher's end.
#[derive(Clone)]
pub(super) struct Stopped(Arc<Semaphore>);

impl Stop {
    pub fn new() -> (Self, Stopped) {
        let semaphore = Arc::new(Semaphore::new(0));
        (Stop(semaphore.clone()), Stopped(semaphore))
    }

    pub fn tell(&self) {
        self.0.close();
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.tell();
    }
}

impl Stopped {
    pub fn is_told(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits for the word; returns at once after it.
    pub async fn told(&self) {
        // It has no permits to give: all that comes is its end.
        let _ = self.0.acquire().await;
    }
}
