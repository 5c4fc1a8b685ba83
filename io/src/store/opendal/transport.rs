//! HTTP as the stores use it, and a record of what became of the request that creates the object.
//!
//! OpenDAL's errors name a kind, and fold the server's status into it: 400, 500 and 501 are all `Unexpected`. Whether an
//! object may exist after an error hangs on just that, so each attempt has a transport of its own that takes it down.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, Request, Response};
use opendal::raw::ServiceOperation;
use opendal::{Buffer, HttpBody, HttpTransport};
use opendal_http_transport_reqwest::ReqwestTransport;
use reqwest::Certificate;

use super::OpenError;

/// How long a connection may take to come about. A store that is not there is then known not to have written the object,
/// which is better than to wait for the write's own deadline and know nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept: shorter than what servers and load balancers commonly allow, because a request
/// on a connection that the server has just closed ends with an unknown outcome.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Whose certificates are trusted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trusted<'a> {
    /// The system's authorities. To read them takes a third of the CPU time of a start.
    System,
    /// The authorities in this file, and not the system's.
    File(&'a Path),
    /// Nobody: for a store that makes no requests.
    Nobody,
}

/// A client with connections of its own, shared by all attempts of one store.
pub(super) fn client(trusted: Trusted<'_>) -> Result<ReqwestTransport, OpenError> {
    crate::tls::use_ring();
    let client = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).pool_idle_timeout(POOL_IDLE_TIMEOUT);
    let client = match trusted {
        Trusted::System => client,
        Trusted::File(path) => client.tls_certs_only(authorities(path)?),
        Trusted::Nobody => client.tls_certs_only([]),
    };
    Ok(ReqwestTransport::new(client.build()?))
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, OpenError> {
    let refused = |what: String| OpenError::Authorities { path: path.to_owned(), what };
    let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| refused(error.to_string()))?;
    // Nothing at all would be trusted then, and every connection fail.
    if authorities.is_empty() {
        return Err(refused("there is no certificate in it".to_owned()));
    }
    Ok(authorities)
}

/// What became of the last request that creates the object: the only one of a plain upload, the closing one of a
/// multipart upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Commit {
    /// None was sent: the attempt ended before it.
    NotSent,
    /// The server may have it: it was sent, and no answer came.
    Lost,
    /// The server answered with this status.
    Answered(u16),
}

/// The record of one attempt.
#[derive(Clone, Debug)]
pub(super) struct Record(Arc<Mutex<Requests>>);

#[derive(Debug)]
struct Requests {
    commit: Commit,
    /// The status with which the newest request was answered, whichever it was.
    answered: Option<u16>,
}

impl Record {
    pub(super) fn new() -> Self {
        Record(Arc::new(Mutex::new(Requests { commit: Commit::NotSent, answered: None })))
    }

    pub(super) fn commit(&self) -> Commit {
        self.lock().commit
    }

    /// The status of the answer behind an error: that of the request which creates the object, or else of a refusal before it.
    pub(super) fn answered(&self) -> Option<u16> {
        let Requests { commit, answered } = *self.lock();
        match commit {
            Commit::Answered(status) => Some(status),
            Commit::NotSent => answered.filter(|status| *status >= 400),
            Commit::Lost => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transport that records what happens to the requests which create an object.
pub(super) struct Recorder {
    pub(super) inner: ReqwestTransport,
    /// The service's names for the requests that create an object.
    pub(super) commits: &'static [&'static str],
    pub(super) record: Record,
}

impl HttpTransport for Recorder {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        // What fetches credentials has no name among the service's operations. What cleans up says nothing of what was wrong before.
        let operation = request.extensions().get::<ServiceOperation>();
        let Some(operation) = operation.filter(|_| request.method() != Method::DELETE) else {
            return self.inner.fetch(request).await;
        };
        let commits = self.commits.contains(&operation.0);
        self.record.lock().answered = None;
        if commits {
            self.record.lock().commit = Commit::Lost;
        }
        let result = self.inner.fetch(request).await;
        let mut record = self.record.lock();
        record.answered = result.as_ref().ok().map(|response| response.status().as_u16());
        if commits {
            record.commit = match (&result, record.answered) {
                (_, Some(status)) => Commit::Answered(status),
                (Err(error), _) if never_sent(error) => Commit::NotSent,
                _ => Commit::Lost,
            };
        }
        drop(record);
        result
    }
}

/// Whether the request failed before its first byte left: it could not be built, or there was no connection for it.
fn never_sent(error: &opendal::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<reqwest::Error>())
        .is_some_and(|error| error.is_connect() || error.is_builder())
}
