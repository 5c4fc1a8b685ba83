//! Reads the files that settings name. What is wrong with one is told before anything is connected to.

use std::path::Path;

use warehouse_sink_io::source::nats::{NatsConfig, read_secret};

use super::keys::Settings;
use super::problem::Problem;

/// What a storage option ends with that names a file which holds the value. No option of OpenDAL's ends so itself.
const FILE: &str = "_file";

/// Puts the contents of files where the storage options name them, and tries those that are read when NATS is connected to.
/// Returns what can't be used.
pub fn read(settings: &mut Settings) -> Vec<Problem> {
    let mut unusable = options(settings);
    nats(&settings.nats_config(), &mut unusable);
    unusable.into_iter().map(Problem::between).collect()
}

fn options(settings: &mut Settings) -> Vec<String> {
    let mut unusable = Vec::new();
    let options = settings.storage.options.expose_mut();
    let of_files: Vec<String> = options.keys().filter_map(|key| key.strip_suffix(FILE)).map(str::to_owned).collect();
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
    let files = [
        ("nats.tls_ca_file", config.tls.ca_file.as_ref()),
        ("nats.tls_cert_file", certificate),
        ("nats.tls_key_file", key),
    ];
    for (setting, path) in files.into_iter().filter_map(|(setting, path)| Some((setting, path?))) {
        let what = match read_secret(path) {
            Ok(text) if text.contains("-----BEGIN ") => continue,
            Ok(_) => "has no PEM block in it".to_owned(),
            Err(what) => what,
        };
        unusable.push(format!("{setting} ({}): {what}", path.display()));
    }
}
