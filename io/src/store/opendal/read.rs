//! Reading from a store: what there is below a prefix, and parts of an object. Nothing is written or made.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use opendal::{ErrorKind, Operator};
use tokio::task::spawn_blocking;
use warehouse_sink_core::Backoff;

use super::local::TEMPORARY_OPTION;
use super::{OpenError, Reason, operator, services, walk};

/// How long one answer may take. A connection that died without a word is noticed by it.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Attempts at one read, where the store says that it is worth another. Unlike a write, a read can be repeated at will.
const ATTEMPTS: u64 = 5;
const RETRY: Backoff = Backoff { initial: Duration::from_millis(200), max: Duration::from_secs(5) };

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
    /// It answered with an error, also when asked again.
    #[error(transparent)]
    Store(#[from] Reason),
    /// It did not answer.
    #[error("no answer within {} s", READ_TIMEOUT.as_secs())]
    TimedOut,
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
        let service = services::find(service, options)?;
        let (mut options, mut root) = (options.clone(), None);
        if service.name == services::FS {
            // OpenDAL makes both directories where they are missing.
            options.remove(TEMPORARY_OPTION);
            let path = options.get("root").map(PathBuf::from).unwrap_or_default();
            if !path.is_dir() {
                return Err(OpenError::NoRoot { path: path.display().to_string() });
            }
            root = Some(path);
        }
        let (_, operator) = operator(service, &options, ca_file)?;
        Ok(ObjectReader { operator, root })
    }

    /// Every object whose key begins with the prefix and a slash, in no particular order. An empty prefix means all. What is in a
    /// folder whose name begins with a dot is left out, as readers leave it out.
    ///
    /// # Errors
    ///
    /// When the store refuses or doesn't answer. A prefix that leads nowhere has no objects.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Object>, ReadError> {
        let folder = match prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let mut objects = match &self.root {
            // What leads out of the root leads nowhere.
            Some(_) if folder.split('/').any(|name| name == "..") => Vec::new(),
            Some(root) => {
                let root = root.clone();
                spawn_blocking(move || walk::files(&root, &folder)).await.map_err(io::Error::from)??
            }
            None => attempt(|| self.list_once(&folder)).await?,
        };
        objects.retain(|object| !object.key.split('/').any(|name| name.starts_with('.')));
        Ok(objects)
    }

    async fn list_once(&self, folder: &str) -> Result<Vec<Object>, opendal::Error> {
        let lister = match self.operator.lister_with(folder).recursive(true).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            lister => lister?,
        };
        let objects = lister.try_filter_map(|entry| async move {
            let (key, size) = (entry.path().to_owned(), entry.metadata().content_length());
            Ok(entry.metadata().is_file().then_some(Object { key, size }))
        });
        match objects.try_collect().await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            objects => objects,
        }
    }

    /// A part of an object.
    ///
    /// # Errors
    ///
    /// When there is no such object or no such part of it, and when the store refuses or doesn't answer.
    pub async fn read(&self, key: &str, range: Range<u64>) -> Result<Bytes, ReadError> {
        let read = || async { Ok(self.operator.read_with(key).range(range.clone()).await?.to_bytes()) };
        attempt(read).await
    }
}

impl fmt::Debug for ObjectReader {
    /// Leaves out the options, which hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader").finish_non_exhaustive()
    }
}

async fn attempt<T, F>(work: impl Fn() -> F) -> Result<T, ReadError>
where
    F: Future<Output = Result<T, opendal::Error>>,
{
    let mut tried = 0;
    loop {
        let ended = tokio::time::timeout(READ_TIMEOUT, work()).await;
        tried += 1;
        let again = tried < ATTEMPTS;
        match ended {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) if !again || !is_worth_another(&error) => return Err(Reason::from(error).into()),
            Err(_) if !again => return Err(ReadError::TimedOut),
            _ => tokio::time::sleep(RETRY.delay(tried - 1, fastrand::u64(..))).await,
        }
    }
}

/// Whether the store said so, or the connection broke.
fn is_worth_another(error: &opendal::Error) -> bool {
    error.is_temporary() || matches!(error.kind(), ErrorKind::RateLimited)
}
