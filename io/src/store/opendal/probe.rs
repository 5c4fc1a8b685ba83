//! Whether a store takes a write, found out by writing, reading and removing a small object.

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::{ObjectStore, Reason, local};
use crate::store::{Store, StoreError};

const BODY: &[u8] = b"warehouse-sink checks that it may write here; this object should be gone in a moment\n";

/// What a store could not do.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It did not take an object.
    #[error("cannot write: {0}")]
    Write(#[from] StoreError),
    /// It did not give the object back.
    #[error("cannot read what was written: {0}")]
    Read(#[source] Reason),
    /// It gave back something else.
    #[error("what was read is not what was written")]
    Different,
    /// It did not remove the object.
    #[error("cannot remove `{key}`, which stays behind: {source}")]
    Remove {
        /// The object that stays behind.
        key: String,
        /// Why.
        source: Reason,
    },
}

impl ObjectStore {
    /// Writes a small object under the prefix, which may be empty, reads it back and removes it. Nothing stays behind, no
    /// directories either, unless the store refuses to remove the object or the future is dropped half-way.
    ///
    /// # Errors
    ///
    /// [`ProbeError`], which tells what the store could not do.
    pub async fn probe(&self, prefix: &str) -> Result<(), ProbeError> {
        let name = format!(".warehouse-sink-probe-{:016x}", fastrand::u64(..));
        let key = match prefix.trim_matches('/') {
            "" => name,
            prefix => format!("{prefix}/{name}"),
        };
        let made = match &self.0.local {
            Some(local) => {
                let (local, key) = (local.clone(), key.clone());
                // What cannot be made is reported by the write, which tries it again.
                spawn_blocking(move || local.prepare(&key)).await.ok().and_then(Result::ok).unwrap_or_default()
            }
            None => Vec::new(),
        };
        let result = self.write_and_read(&key).await;
        let removed = self.0.login.operator().delete(&key).await;
        local::remove_empty(&made);
        result?;
        removed.map_err(|error| ProbeError::Remove { key, source: error.into() })
    }

    async fn write_and_read(&self, key: &str) -> Result<(), ProbeError> {
        self.put(key, Bytes::from_static(BODY)).await?;
        let read = self.0.login.operator().read(key).await.map_err(|error| ProbeError::Read(error.into()))?;
        if read.to_bytes() == BODY { Ok(()) } else { Err(ProbeError::Different) }
    }
}
