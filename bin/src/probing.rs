//! Whether the store takes writes, found out as the process starts: the first file may be minutes away.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use warehouse_sink_core::Backoff;
use warehouse_sink_io::health::{Health, Part};
use warehouse_sink_io::source::error_chain;
use warehouse_sink_io::store::opendal::{ObjectStore, ProbeError};

/// The delay between two attempts.
const BACKOFF: Backoff = Backoff { initial: Duration::from_millis(500), max: Duration::from_secs(15) };
/// How long the end of the process waits for a probe that runs, so that its object does not stay behind.
const LAST_PROBE: Duration = Duration::from_secs(1);

/// A probe under way.
pub struct Probing {
    /// Dropped to stop it.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Probing {
    /// Tries the store until it takes a write below each prefix, or the pipeline has written a file.
    pub fn start(store: ObjectStore, prefixes: Vec<String>, health: Health, jitter_seed: u64) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            for attempt in 0.. {
                match try_all(&store, &prefixes).await {
                    Ok(()) => return health.set(Part::Store, Ok(())),
                    Err(_) if !health.is_failing(Part::Store) => return,
                    Err(reason) => health.set(Part::Store, Err(reason)),
                }
                tokio::select! {
                    _ = &mut stopped => return,
                    () = tokio::time::sleep(BACKOFF.delay(attempt, jitter_seed)) => {}
                }
            }
        });
        Probing { stop, task }
    }

    /// Ends it.
    pub async fn end(mut self) {
        drop(self.stop);
        if timeout(LAST_PROBE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// A store that takes the object is fine, also where it lets nobody read or remove it: the sink does neither.
async fn try_all(store: &ObjectStore, prefixes: &[String]) -> Result<(), String> {
    for prefix in prefixes {
        match store.probe(prefix).await {
            Ok(()) => {}
            Err(error @ ProbeError::Write(_)) => return Err(error_chain(&error)),
            Err(error) => tracing::warn!(prefix, "the store takes writes, but {}", error_chain(&error)),
        }
    }
    Ok(())
}
