//! The credentials of a service, which may change while it is used.
//!
//! OpenDAL asks for credentials once, and again when they say of themselves that they expire. Those in files don't say so: they are
//! looked at before each write, and where they are others than before, or the store refused those before, the service is built anew.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use opendal::{HttpTransporter, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;

use super::services::{FS, S3, Service};
use super::{OpenError, options};

/// Codes with which stores refuse who asks, and not what is asked for.
const REFUSALS: &[&str] = &[
    "AuthenticationFailed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidAccessKeySecret",
    "InvalidClientTokenId",
    "InvalidSecurityToken",
    "InvalidToken",
    "RequestExpired",
    "SecurityTokenExpired",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClient",
];

/// Services that ask the process's surroundings for credentials where the options have none.
const ASK_OTHERS: &[&str] = &["azblob", "azdls", "cos", "gcs", "obs", "oss", "s3", "tos"];

/// A service with its credentials.
pub(super) struct Login {
    service: &'static Service,
    /// The options with the names of files in them.
    given: BTreeMap<String, String>,
    transport: ReqwestTransport,
    /// Files with credentials that OpenDAL finds by itself.
    found: Vec<PathBuf>,
    hasher: RandomState,
    current: Mutex<Current>,
}

struct Current {
    operator: Operator,
    seen: u64,
    is_refused: bool,
}

impl Login {
    pub fn new(
        service: &'static Service,
        given: &BTreeMap<String, String>,
        transport: ReqwestTransport,
    ) -> Result<Self, OpenError> {
        let (hasher, found) = (RandomState::new(), found(service, given));
        let options = options::read(service.name, given).map_err(OpenError::options)?;
        let seen = seen(&hasher, &options, &found);
        let operator = operator(service, &options, &transport)?;
        let current = Mutex::new(Current { operator, seen, is_refused: false });
        Ok(Login { service, given: given.clone(), transport, found, hasher, current })
    }

    /// The service with the credentials that were read last.
    pub fn operator(&self) -> Operator {
        self.lock().operator.clone()
    }

    /// Whether a look at the files may find others.
    pub fn may_be_others(&self) -> bool {
        self.service.name != FS && (self.has_files() || self.lock().is_refused)
    }

    /// Whether credentials that are refused now may be taken later: they are not what the settings say once and for all.
    pub fn may_heal(&self) -> bool {
        let is_fixed = |key: &String| {
            let is_secret = ["secret", "key", "token", "credential", "password"].iter().any(|part| key.contains(part));
            is_secret && !key.contains("encryption") && !key.contains("kms")
        };
        let asks_others = ASK_OTHERS.contains(&self.service.name) && !self.given.keys().any(is_fixed);
        self.has_files() || self.given.contains_key(super::ASSUMED_ROLE) || asks_others
    }

    fn has_files(&self) -> bool {
        !self.found.is_empty() || self.given.keys().any(|key| options::of_file(self.service.name, key).is_some())
    }

    /// Notes that the store refused the credentials: they are asked for anew.
    pub fn refused(&self) {
        self.lock().is_refused = true;
    }

    /// Reads the files again, and takes the credentials over if they are others. It blocks for as long as the files do.
    pub fn renew(&self) {
        let built = options::read(self.service.name, &self.given).map_err(OpenError::options).and_then(|options| {
            let seen = seen(&self.hasher, &options, &self.found);
            let Current { seen: before, is_refused, .. } = *self.lock();
            if seen == before && !is_refused {
                return Ok(None);
            }
            operator(self.service, &options, &self.transport).map(|operator| Some((operator, seen, seen != before)))
        });
        match built {
            Ok(None) => {}
            Ok(Some((operator, seen, are_others))) => {
                if are_others {
                    tracing::info!("the store's credentials have changed and are read again");
                }
                *self.lock() = Current { operator, seen, is_refused: false };
            }
            Err(error) => {
                let error = crate::source::error_chain(&error);
                tracing::warn!(error, "the store's credentials could not be read again; those from before are used");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a store refuses who asks.
pub(super) fn is_refused(answered: Option<u16>, error: &opendal::Error) -> bool {
    match answered {
        Some(401) => true,
        Some(400 | 403) => REFUSALS.iter().any(|code| error.message().contains(code)),
        _ => false,
    }
}

/// The service, without a request to it.
pub(super) fn operator(
    service: &Service,
    options: &BTreeMap<String, String>,
    transport: &ReqwestTransport,
) -> Result<Operator, OpenError> {
    let built = (service.build)(options);
    let operator = built.map_err(|error| OpenError::Invalid { service: service.name, source: error.into() })?;
    let context = operator.base_context().with_http_transport(HttpTransporter::new(transport.clone()));
    Ok(operator.with_context(context))
}

/// The files in which AWS's and Google's tools keep credentials, where the options have none.
fn found(service: &Service, given: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = |path: &str| variable("HOME").map(|home| home.join(path));
    let is_given = |part: &str| given.iter().any(|(key, value)| key.contains(part) && !value.is_empty());
    if service.name == S3 && !is_given("access_key_id") {
        let shared = variable("AWS_SHARED_CREDENTIALS_FILE").or_else(|| home(".aws/credentials"));
        return shared.into_iter().chain(variable("AWS_CONFIG_FILE").or_else(|| home(".aws/config"))).collect();
    }
    let path = given.get("credential_path").filter(|path| !path.is_empty()).map(PathBuf::from);
    match service.name {
        "gcs" => path.or_else(|| variable("GOOGLE_APPLICATION_CREDENTIALS")).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What stands in the options and the files, as a number that changes with it.
fn seen(hasher: &RandomState, options: &BTreeMap<String, String>, found: &[PathBuf]) -> u64 {
    let contents: Vec<Option<Vec<u8>>> = found.iter().map(|path| fs::read(path).ok()).collect();
    hasher.hash_one((options, contents))
}
