//! The options of a service as they are given: with values that stand in files, and without what OpenDAL would misunderstand.

use std::collections::BTreeMap;
use std::path::Path;

use super::services::{self, S3};
use crate::source::nats::read_secret;

/// What an option ends with that names a file which holds the value, unless the service has an option of that very name.
const FILE: &str = "_file";

/// The options as OpenDAL takes them: the contents of files where the options name them, and nothing where they are empty.
///
/// # Errors
///
/// All that is wrong, a line each, which names the option and never says its value.
pub(super) fn read(service: &str, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Vec<String>> {
    let (mut options, mut wrong) = (BTreeMap::new(), Vec::new());
    // Whoever fills in a template leaves them empty so.
    for (key, value) in given.iter().filter(|(_, value)| !value.is_empty()) {
        let Some(name) = of_file(service, key) else {
            wrong.extend(mistake(service, key, value));
            options.insert(key.clone(), value.clone());
            continue;
        };
        if given.get(name).is_some_and(|value| !value.is_empty()) {
            wrong
                .push(format!("storage.options.{name} and storage.options.{key} exclude each other: keep one of them"));
            continue;
        }
        match read_secret(Path::new(value)) {
            Ok(secret) => {
                let place = format!("{key} ({value})");
                wrong.extend(white_space(&place, &secret));
                options.insert(name.to_owned(), secret);
            }
            Err(what) => wrong.push(format!("storage.options.{key} ({value}): {what}")),
        }
    }
    if wrong.is_empty() { Ok(options) } else { Err(wrong) }
}

/// The option whose value stands in the file that this one names.
pub(super) fn of_file<'a>(service: &str, key: &'a str) -> Option<&'a str> {
    key.strip_suffix(FILE).filter(|_| !services::has_option(service, key))
}

fn mistake(service: &str, key: &str, value: &str) -> Option<String> {
    let has_scheme = value.starts_with("http://") || value.starts_with("https://");
    if key.contains("endpoint") && !has_scheme && white_space(key, value).is_none() {
        return Some(format!(
            "storage.options.{key}: it must begin with http:// or https://, as in https://store.example.com:9000"
        ));
    }
    if service == S3 && key.ends_with("checksum_algorithm") && value == "md5" {
        return Some(format!(
            "storage.options.{key}: md5 is not possible for files that are sent in parts, above 8 MiB: set it to \"crc32c\""
        ));
    }
    white_space(key, value)
}

fn white_space(place: &str, value: &str) -> Option<String> {
    let is_around = value.trim() != value;
    is_around.then(|| format!("storage.options.{place}: it begins or ends with white space: take that away"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    #[test]
    fn what_is_empty_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "hunter2\n").unwrap();
        let file = file.to_str().unwrap();
        let options =
            given(&[("bucket", "b"), ("secret_access_key", ""), ("secret_access_key_file", file), ("token_file", "")]);
        assert_eq!(read("s3", &options), Ok(given(&[("bucket", "b"), ("secret_access_key", "hunter2")])));
        assert_eq!(read("gcs", &given(&[("bucket", "b"), ("credential", "")])), Ok(given(&[("bucket", "b")])));
    }

    #[test]
    fn what_would_be_misunderstood_is_told_without_its_value() {
        let cases = [
            ("s3", "endpoint", "hunter2:9000", "must begin with http:// or https://"),
            ("s3", "aws_endpoint_url", "ftp://hunter2", "must begin with http:// or https://"),
            ("s3", "checksum_algorithm", "md5", "set it to \"crc32c\""),
            ("s3", "secret_access_key", "hunter2\n", "begins or ends with white space"),
            ("s3", "endpoint", " http://hunter2", "begins or ends with white space"),
            ("fs", "root", " /hunter2", "begins or ends with white space"),
        ];
        for (service, key, value, words) in cases {
            let wrong = read(service, &given(&[(key, value)])).unwrap_err();
            let [said] = wrong.as_slice() else { panic!("{wrong:?}") };
            assert!(said.starts_with(&format!("storage.options.{key}: ")) && said.contains(words), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
