//! Google Cloud Storage, whose credentials OpenDAL drops without a word when it cannot read them.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use opendal::services::GcsConfig;
use opendal::{ErrorKind, Operator};

/// Refuses credentials that OpenDAL would pass over: it would look for others instead, and the mistake would show as a refusal
/// by the server.
pub(super) fn build(options: &BTreeMap<String, String>) -> opendal::Result<Operator> {
    for key in ["credential", "google_service_account_key", "service_account_key"] {
        if options.get(key).is_some_and(|value| !is_readable(value)) {
            let message =
                format!("the option `{key}` must be a JSON key in base64; `credential_path` names a file with one");
            return Err(opendal::Error::new(ErrorKind::ConfigInvalid, message));
        }
    }
    super::build::<GcsConfig>(options)
}

fn is_readable(credential: &str) -> bool {
    let json = BASE64.decode(credential.as_bytes()).ok();
    json.is_some_and(|json| serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&json).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: &str) -> Result<(), String> {
        let options = [("bucket", "b"), (key, value)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        build(&BTreeMap::from(options)).map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn a_credential_that_cannot_be_read_is_refused_and_not_repeated() {
        let good = BASE64.encode(br#"{"type": "service_account"}"#);
        for key in ["credential", "service_account_key"] {
            assert_eq!(with(key, &good), Ok(()));
            for bad in ["{\"type\": \"service_account\"}", "hunter2", &BASE64.encode(b"hunter2")] {
                let error = with(key, bad).unwrap_err();
                assert!(error.contains(&format!("`{key}` must be a JSON key in base64")), "{error}");
                assert!(!error.contains(bad), "{error}");
            }
        }
    }
}
