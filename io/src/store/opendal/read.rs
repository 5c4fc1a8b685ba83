//! Reading from a store: what there is below a prefix, and parts of an object. Nothing is written or made.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use opendal::layers::{RetryEvent, RetryLayer, TimeoutLayer};
use opendal::{ErrorKind, Operator};
use tokio::task::spawn_blocking;

use super::local::TEMPORARY_OPTION;
use super::login::operator;
use super::{OpenError, Reason, options, services, transport, walk};

/// How long one answer may take: a page of a list, or a part of an object. A connection that died without a word is noticed by it. However
/// many pages there are, the list may take as long as they come.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Attempts at one answer beyond the first, where the store says that it is worth another. Unlike a write, a read can be repeated at will.
const RETRIES: usize = 4;
/// The pauses before them grow from the first to the second of these.
const RETRY_AFTER: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// An OpenDAL service that is only read from. Clones share connections.
#[derive(Clone)]
pub struct ObjectReader {
    operator: Operator,
    /// The root directory of the local file system.
    root: Option<PathBuf>,
}

/// An object as a list has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

/// Why a store could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It answered with an error, or not in time, also when asked again.
    #[error(transparent)]
    Store(#[from] Reason),
    /// A directory of the local file system could not be read.
    #[error(transparent)]
    Directory(#[from] io::Error),
}

impl ObjectReader {
    /// Opens a service with its own OpenDAL options, as [`ObjectStore::open`](super::ObjectStore::open) does, but leaves the store as
    /// it is: of the local file system, the root must be there.
    ///
    /// # Errors
    ///
    /// [`OpenError`], when the settings cannot work or the root directory is not there.
    pub fn open(
        service: &str,
        options: &BTreeMap<String, String>,
        ca_file: Option<&Path>,
    ) -> Result<ObjectReader, OpenError> {
        let mut options = options::read(service, options).map_err(OpenError::options)?;
        let (service, mut root) = (services::find(service, &options)?, None);
        if service.name == services::FS {
            // OpenDAL makes both directories where they are missing.
            options.remove(TEMPORARY_OPTION);
            let path = options.get("root").map(PathBuf::from).unwrap_or_default();
            if !path.is_dir() {
                return Err(OpenError::NoRoot { path: path.display().to_string() });
            }
            root = Some(path);
        }
        let operator = operator(service, &options, &transport(service, &options, ca_file)?)?;
        Ok(ObjectReader { operator: patient(&operator, READ_TIMEOUT, RETRY_AFTER), root })
    }

    /// Every object whose key begins with the prefix and a slash, in no particular order. An empty prefix means all. What is below the
    /// prefix in a folder whose name begins with a dot is left out, as readers leave it out. `so_far` hears how many there are, again
    /// and again.
    ///
    /// # Errors
    ///
    /// When the store refuses or doesn't answer. A prefix that leads nowhere has no objects.
    pub async fn list(&self, prefix: &str, so_far: impl FnMut(u64)) -> Result<Vec<Object>, ReadError> {
        let folder = match prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let mut objects = match &self.root {
            // What leads out of the root leads nowhere.
            Some(_) if folder.split('/').any(|name| name == "..") => Vec::new(),
            Some(root) => {
                let (root, folder) = (root.clone(), folder.clone());
                spawn_blocking(move || walk::files(&root, &folder)).await.map_err(io::Error::from)??
            }
            None => self.list_store(&folder, so_far).await.map_err(Reason::from)?,
        };
        let is_hidden =
            |key: &str| key.strip_prefix(&folder).unwrap_or(key).split('/').any(|name| name.starts_with('.'));
        objects.retain(|object| !is_hidden(&object.key));
        Ok(objects)
    }

    async fn list_store(&self, folder: &str, mut so_far: impl FnMut(u64)) -> opendal::Result<Vec<Object>> {
        let mut found = Vec::new();
        let Some(mut lister) = found_or_none(self.operator.lister_with(folder).recursive(true).await)? else {
            return Ok(found);
        };
        loop {
            let next = lister.try_next().await;
            // Only the first page can say that there is nothing: a list that ends early would be taken for all that there is.
            let next = if found.is_empty() { found_or_none(next)?.flatten() } else { next? };
            let Some(entry) = next else { break };
            if entry.metadata().is_file() {
                found.push(Object { key: entry.path().to_owned(), size: entry.metadata().content_length() });
                so_far(found.len() as u64);
            }
        }
        Ok(found)
    }

    /// A part of an object.
    ///
    /// # Errors
    ///
    /// When there is no such object or no such part of it, and when the store refuses or doesn't answer.
    pub async fn read(&self, key: &str, range: Range<u64>) -> Result<Bytes, ReadError> {
        let read = self.operator.read_with(key).range(range).await;
        Ok(read.map_err(Reason::from)?.to_bytes())
    }
}

impl fmt::Debug for ObjectReader {
    /// Leaves out the options, which hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader").finish_non_exhaustive()
    }
}

/// An operator that asks again where that is worth it, page by page.
fn patient(operator: &Operator, timeout: Duration, [first, last]: [Duration; 2]) -> Operator {
    let again = |event: RetryEvent<'_>| {
        tracing::debug!(operation = ?event.op, error = event.err.message(), after = ?event.retry_after, "asking the store again");
    };
    let retry = RetryLayer::new().with_min_delay(first).with_max_delay(last).with_max_times(RETRIES).with_jitter();
    // The limit is within the retries: it is one attempt's.
    let timeout = TimeoutLayer::new().with_timeout(timeout).with_io_timeout(timeout);
    operator.clone().layer(timeout).layer(retry.with_notify(again))
}

/// A prefix that leads nowhere is found by some stores and not by others.
fn found_or_none<T>(answer: opendal::Result<T>) -> opendal::Result<Option<T>> {
    match answer {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        answer => answer.map(Some),
    }
}

#[cfg(all(test, feature = "s3"))]
impl ObjectReader {
    /// The reader with another limit for an answer, and other pauses.
    pub(super) fn with_patience(operator: &Operator, timeout: Duration, retry_after: [Duration; 2]) -> Self {
        ObjectReader { operator: patient(operator, timeout, retry_after), root: None }
    }
}
