//! Reads the files that settings name. What is wrong with one is told before anything is connected to.

use std::path::{Path, PathBuf};

use warehouse_sink_io::source::nats::{NatsConfig, read_secret};
use warehouse_sink_io::store::opendal::ObjectStore;

use super::keys::Settings;
use super::problem::Problem;

/// What a storage option ends with that names a file which holds the value, unless the service has an option of that very name.
const FILE: &str = "_file";

/// Puts the contents of files where the storage options name them, and tries those that are read when NATS is connected to.
/// Returns what can't be used.
pub fn read(settings: &mut Settings) -> Vec<Problem> {
    let mut unusable = options(settings);
    nats(&settings.nats_config(), &mut unusable);
    pem("storage.tls_ca_file", settings.storage.tls_ca_file.as_deref(), &mut unusable);
    unusable.into_iter().map(Problem::between).collect()
}

fn options(settings: &mut Settings) -> Vec<String> {
    let mut unusable = Vec::new();
    let service = settings.storage.service.as_str().to_owned();
    let options = settings.storage.options.expose_mut();
    let of_files = options.keys().filter(|key| !ObjectStore::has_option(&service, key));
    let of_files: Vec<String> = of_files.filter_map(|key| key.strip_suffix(FILE)).map(str::to_owned).collect();
    for name in of_files {
        let key = format!("{name}{FILE}");
        let Some(path) = options.remove(&key) else { continue };
        if options.contains_key(&name) {
            unusable
                .push(format!("storage.options.{name} and storage.options.{key} exclude each other: keep one of them"));
            continue;
        }
        match read_secret(Path::new(&path)) {
            Ok(value) => {
                options.insert(name, value);
            }
            Err(what) => unusable.push(format!("storage.options.{key} ({path}): {what}")),
        }
    }
    unusable
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
