//! The store against a real file system, and against an HTTP server that answers as the tests want it.

mod attempts;
mod directory;
mod keys;
#[cfg(feature = "s3")]
mod listing;
mod multipart;
#[cfg(all(feature = "gcs", feature = "azblob"))]
mod one_request;
#[cfg(feature = "webdav")]
mod renamed;
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use super::ObjectStore;

fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// An S3 store at this endpoint that looks for no settings but these.
fn s3(endpoint: &str) -> ObjectStore {
    let options = options(&[
        ("bucket", "bucket"),
        ("region", "us-east-1"),
        ("endpoint", endpoint),
        ("access_key_id", "key"),
        ("secret_access_key", "secret"),
        ("disable_config_load", "true"),
        ("disable_ec2_metadata", "true"),
    ]);
    ObjectStore::open("s3", &options, None).unwrap()
}

/// Waits for what another task or thread is about to do.
async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} within ten seconds");
}
