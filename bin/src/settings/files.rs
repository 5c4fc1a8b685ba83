//! Tries the files that settings name. What is wrong with one is told before anything is connected to.

use std::path::{Path, PathBuf};

use warehouse_sink_io::source::nats::{NatsConfig, read_secret};
use warehouse_sink_io::store::opendal::ObjectStore;

use super::keys::Settings;
use super::problem::Problem;

/// Tries the files that are read when NATS and the store are connected to. Returns what can't be used.
pub fn unusable(settings: &Settings) -> Vec<Problem> {
    let mut unusable = ObjectStore::check_options(settings.storage.service.as_str(), settings.storage.options.expose());
    nats(&settings.nats_config(), &mut unusable);
    pem("storage.tls_ca_file", settings.storage.tls_ca_file.as_deref(), &mut unusable);
    unusable.into_iter().map(|what| Problem::between(&settings.origins, what)).collect()
}

fn nats(config: &NatsConfig, unusable: &mut Vec<String>) {
    if let Err(error) = config.login.check() {
        unusable.push(error.to_string());
    }
    let (certificate, key) = config.tls.client.as_ref().map(|(certificate, key)| (certificate, key)).unzip();
    pem("nats.tls_ca_file", config.tls.ca_file.as_deref(), unusable);
    pem("nats.tls_cert_file", certificate.map(PathBuf::as_path), unusable);
    pem("nats.tls_key_file", key.map(PathBuf::as_path), unusable);
}

fn pem(setting: &str, path: Option<&Path>, unusable: &mut Vec<String>) {
    let Some(path) = path else { return };
    let what = match read_secret(path) {
        Ok(text) if text.contains("-----BEGIN ") => return,
        Ok(_) => "has no PEM block in it".to_owned(),
        Err(what) => what,
    };
    unusable.push(format!("{setting} ({}): {what}", path.display()));
}
