//! The stores of the real world: every service that OpenDAL knows and this build contains.
//!
//! ```text
//! ObjectReader::list, read       for who looks and leaves everything as it is; walk: lists a local folder
//!
//! ObjectStore::put, put_parts ──▶ local: prepare ─▶ upload, or renamed (a task that cleans up) ─▶ local: finish
//!                                                       │
//!                                    transport: records ┘ what became of the closing request
//!                          classify: error ──▶ Effect
//! ```
//!
//! **Architecture Invariant:** nothing here is global. Each store has its own connections, and OpenDAL's registry of
//! services is not used. The one exception is OpenDAL's: where the keys that a role is assumed with come from a server,
//! it fetches them through a process-wide HTTP client, which is set once, when a store has a `role_arn`.

mod classify;
mod local;
mod login;
mod options;
mod probe;
mod read;
mod reason;
mod renamed;
mod services;
mod transport;
mod upload;
mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use opendal::{HttpTransporter, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinError, spawn_blocking};
use warehouse_sink_core::Failure;

pub use self::local::LocalError;
pub use self::probe::ProbeError;
pub use self::read::{Object, ObjectReader, ReadError};
pub use self::reason::Reason;

use self::classify::Step;
use self::local::Local;
use self::login::Login;
use self::services::{Service, Upload};
use self::transport::{Record, Recorder, Trusted};
use self::upload::{Body, Ended, GiveUp};
use super::{Effect, Store, StoreError};
use crate::parts::Parts;

/// The option of S3 for which OpenDAL needs its process-wide HTTP client.
const ASSUMED_ROLE: &str = "role_arn";

/// An OpenDAL service as a [`Store`]. Clones share connections and directories.
#[derive(Clone)]
pub struct ObjectStore(Arc<Inner>);

struct Inner {
    service: &'static Service,
    login: Login,
    transport: ReqwestTransport,
    /// Present for the local file system.
    local: Option<Local>,
    /// True once attempts are to end. Each attempt holds a receiver.
    closing: watch::Sender<bool>,
}

/// A store could not be opened: its settings are wrong, or its root directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No service of this name is compiled in.
    #[error("unknown service `{service}`; compiled in are: {known}")]
    UnknownService {
        /// The name that was asked for.
        service: String,
        /// The names that there are.
        known: String,
    },
    /// The service is known and was left out of this build.
    #[error(
        "service `{service}` is not in this build, which lacks the cargo feature `{service}`; compiled in are: {known}"
    )]
    NotCompiledIn {
        /// The name that was asked for.
        service: String,
        /// The names that there are.
        known: String,
    },
    /// The service has no option of this name.
    #[error("unknown option `{key}` of service `{service}`{hint}")]
    UnknownOption {
        /// The service.
        service: &'static str,
        /// The option that was given.
        key: String,
        /// A question that names the nearest known option, or nothing.
        hint: String,
    },
    /// An option is missing without which the service cannot work.
    #[error("service `{service}` needs the option `{key}`: set storage.options.{key}")]
    MissingOption {
        /// The service.
        service: &'static str,
        /// The option.
        key: &'static str,
    },
    /// Options are wrong, or the files that they name.
    #[error("{0}")]
    Options(String),
    /// The service cannot work with the value of an option.
    #[error("service `{service}`: {source}")]
    Invalid {
        /// The service.
        service: &'static str,
        /// What OpenDAL says of it.
        source: Reason,
    },
    /// The file with the trusted authorities cannot be used.
    #[error("cannot use the authorities in {}: {what}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The HTTP client could not be made, most likely for want of root certificates.
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
    /// The root directory of the local file system cannot be used.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The root directory of the local file system is to be read and is not there.
    #[error("there is no directory {path} (storage.options.root)")]
    NoRoot {
        /// The directory.
        path: String,
    },
}

impl OpenError {
    fn options(wrong: Vec<String>) -> Self {
        OpenError::Options(wrong.join("; "))
    }
}

impl ObjectStore {
    /// What is wrong with the options of a service, and with the files that they name, as far as it can be told without the service: a line
    /// each.
    pub fn check_options(service: &str, given: &BTreeMap<String, String>) -> Vec<String> {
        options::read(service, given).err().unwrap_or_default()
    }

    /// Opens a service with its own OpenDAL options, such as `bucket` and `endpoint` for `s3` or `root` for `fs`, each of which may be
    /// given as a file, with `_file` after its name. With a file of certificates in PEM, those are the authorities that are trusted, and the system's are not.
    ///
    /// Nothing is asked of a remote store yet. For the local file system, the root directory is made if it is missing,
    /// and what crashed runs left unfinished in it is removed; this blocks for some milliseconds.
    ///
    /// # Errors
    ///
    /// [`OpenError`], when the settings cannot work or the root directory cannot be used.
    pub fn open(
        service: &str,
        options: &BTreeMap<String, String>,
        ca_file: Option<&Path>,
    ) -> Result<ObjectStore, OpenError> {
        let read = options::read(service, options).map_err(OpenError::options)?;
        let service = services::find(service, &read)?;
        if service.name == services::FS {
            let mut options = read;
            let local = Local::open(&mut options)?;
            return ObjectStore::build(service, &options, ca_file, Some(local));
        }
        ObjectStore::build(service, options, ca_file, None)
    }

    /// Gives up all writes that are still under way, and waits for up to ten seconds until they have cleaned up behind themselves: what a
    /// process leaves half uploaded when it ends is kept by the store, and charged for. For the end of a process.
    pub async fn close(&self) {
        if !upload::close(&self.0.closing).await {
            tracing::warn!("there was no time to remove unfinished uploads from the store");
        }
    }

    fn build(
        service: &'static Service,
        options: &BTreeMap<String, String>,
        ca_file: Option<&Path>,
        local: Option<Local>,
    ) -> Result<ObjectStore, OpenError> {
        let transport = transport(service, options, ca_file)?;
        let login = Login::new(service, options, transport.clone())?;
        Ok(ObjectStore(Arc::new(Inner { service, login, transport, local, closing: watch::Sender::new(false) })))
    }

    /// Takes over credentials that have changed.
    async fn renew(&self) {
        if self.0.login.may_be_others() {
            let inner = Arc::clone(&self.0);
            // A look that breaks off leaves the credentials from before.
            let _ = spawn_blocking(move || inner.login.renew()).await;
        }
    }

    /// The operator for one attempt, whose requests are recorded.
    fn recorded(&self, record: &Record) -> Operator {
        let Inner { service, login, transport, .. } = &*self.0;
        let operator = login.operator();
        let recorder = Recorder { inner: transport.clone(), commits: service.commits, record: record.clone() };
        let context = operator.base_context().with_http_transport(HttpTransporter::new(recorder));
        operator.with_context(context)
    }

    async fn upload(&self, key: &str, body: Body, give_up: GiveUp) -> Result<(), StoreError> {
        self.renew().await;
        let record = Record::new();
        let operator = self.recorded(&record);
        let ended = match self.0.service.upload {
            Upload::Renamed => renamed::run(&operator, key, body, give_up).await,
            upload => upload::run(&operator, key, body, upload.part_bytes(), give_up).await,
        };
        ended.map_err(|ended| match ended {
            Ended::Failed(step, error) => self.error(step, &record, error),
            Ended::Unfinished(unfinished) => {
                StoreError::new(Effect::NotApplied(Failure::Permanent), unfinished.to_string())
            }
            Ended::GivenUp => StoreError::new(Effect::Unknown, "the write was given up"),
        })
    }

    async fn upload_to_directory(
        &self,
        local: &Local,
        key: &str,
        body: Body,
        give_up: GiveUp,
    ) -> Result<(), StoreError> {
        local.prepare(key).map_err(|error| {
            StoreError::new(classify::local_io(Step::Write, &error), format!("cannot make the directories: {error}"))
                .with_source(error)
        })?;
        self.upload(key, body, give_up).await?;
        // The file has its name by now, and may keep it.
        local.finish(key).map_err(|error| {
            StoreError::new(Effect::Unknown, format!("cannot sync the directory: {error}")).with_source(error)
        })
    }

    fn error(&self, step: Step, record: &Record, error: opendal::Error) -> StoreError {
        let mut effect = match &self.0.local {
            Some(_) => classify::local(step, &error),
            None => classify::http(record.commit(), &error),
        };
        if self.0.local.is_none() && login::is_refused(record.answered(), &error) {
            self.0.login.refused();
            if effect == Effect::NotApplied(Failure::Permanent) && self.0.login.may_heal() {
                effect = Effect::NotApplied(Failure::Temporary);
            }
        }
        let reason = Reason::from(error);
        let message = match record.answered() {
            Some(status) => format!("the server answered {status}: {reason}"),
            None => reason.to_string(),
        };
        StoreError::new(effect, message).with_source(reason)
    }
}

impl fmt::Debug for ObjectStore {
    /// Leaves out the options, which hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStore").field("service", &self.0.service.name).finish_non_exhaustive()
    }
}

impl ObjectStore {
    async fn attempt(&self, key: &str, body: Body) -> Result<(), StoreError> {
        check(key)?;
        let (waiting, give_up) = upload::tie(&self.0.closing);
        let (store, key) = (self.clone(), key.to_owned());
        let result = match &self.0.local {
            // Syncing blocks, in OpenDAL too, so the whole attempt leaves the async threads.
            Some(local) => {
                let (local, runtime) = (local.clone(), Handle::current());
                spawn_blocking(move || runtime.block_on(store.upload_to_directory(&local, &key, body, give_up))).await
            }
            None => tokio::spawn(async move { store.upload(&key, body, give_up).await }).await,
        };
        drop(waiting);
        result.unwrap_or_else(|error: JoinError| {
            Err(StoreError::new(Effect::Unknown, "the attempt broke off").with_source(error))
        })
    }
}

impl Store for ObjectStore {
    async fn put(&self, key: &str, body: Bytes) -> Result<(), StoreError> {
        self.attempt(key, Body::Whole(body)).await
    }

    async fn put_parts(&self, key: &str, parts: Parts) -> Result<(), StoreError> {
        self.attempt(key, Body::Parts(parts)).await
    }
}

/// HTTP connections of a store's own.
fn transport(
    service: &'static Service,
    options: &BTreeMap<String, String>,
    ca_file: Option<&Path>,
) -> Result<ReqwestTransport, OpenError> {
    let transport = transport::client(match ca_file {
        Some(path) => Trusted::File(path),
        None if service.name == services::FS => Trusted::Nobody,
        None => Trusted::System,
    })?;
    if options.contains_key(ASSUMED_ROLE) {
        HttpTransporter::install_default(transport.clone());
    }
    Ok(transport)
}

/// Refuses a key that would not be stored under its own name, or that leads out of the store's root.
fn check(key: &str) -> Result<(), StoreError> {
    let bad_name = |name: &str| matches!(name, "" | "." | "..") || name.contains('\0');
    if key.split('/').any(bad_name) || key.trim() != key {
        let message = format!("{key:?} cannot be an object's key");
        return Err(StoreError::new(Effect::NotApplied(Failure::Permanent), message));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
