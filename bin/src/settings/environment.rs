//! Reads the environment: our own names, and those of the Go sink that still mean something.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::keys::{LEGACY_OPTIONS, SECTIONS};
use super::nearest::variable_hint;
use super::problem::Origin;
use super::reader::Reader;
use super::table::{Key, VARIABLE_PREFIX};
use super::types::{Options, Service};
use super::value::{Raw, Value};

/// Reads the variables into `reader`, over what the file gave: legacy names first, so that our own beat them.
pub fn read(variables: impl IntoIterator<Item = (OsString, OsString)>, reader: &mut Reader) {
    let variables = relevant(variables, reader);
    for key in SECTIONS.iter().flat_map(|section| section.keys) {
        let first = key.legacy.iter().find_map(|name| Some((*name, set(&variables, name)?)));
        if let Some((name, value)) = first {
            reader.put(key, Raw::Plain(value), Origin::Variable(name.to_owned()));
        }
    }
    let ours: Vec<_> = variables.iter().filter(|(name, _)| name.starts_with(VARIABLE_PREFIX)).collect();
    let (options, plain): (Vec<_>, Vec<_>) = ours.into_iter().partition(|(name, _)| option(name).is_some());
    for (name, value) in plain {
        read_own(name, value, reader);
    }
    // The service is settled now, which decides whether the Go sink's S3 variables mean anything.
    read_legacy_options(&variables, reader);
    for (name, value) in options {
        if let Some((key, entry)) = option(name) {
            reader.put_entry(key, entry, Raw::Plain(value.clone()), Origin::Variable(name.clone()));
        }
    }
}

/// The variables that could be meant for us, in order of name. Only those need to be valid Unicode.
fn relevant(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    reader: &mut Reader,
) -> BTreeMap<String, String> {
    let mut relevant = BTreeMap::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| is_relevant(name)) else { continue };
        match value.into_string() {
            Ok(value) => {
                relevant.insert(name.to_owned(), value);
            }
            Err(_) => reader.refuse(Origin::Variable(name.to_owned()), "not valid Unicode".to_owned()),
        }
    }
    relevant
}

fn is_relevant(name: &str) -> bool {
    let legacy_key = |key: &Key| key.legacy.contains(&name);
    name.starts_with(VARIABLE_PREFIX)
        || LEGACY_OPTIONS.iter().any(|(legacy, _)| *legacy == name)
        || SECTIONS.iter().flat_map(|section| section.keys).any(legacy_key)
}

/// The value of a legacy variable. The Go sink took an empty one for unset, and so do we.
fn set(variables: &BTreeMap<String, String>, name: &str) -> Option<String> {
    variables.get(name).filter(|value| !value.is_empty()).cloned()
}

/// The key and entry that a variable such as `WAREHOUSE_SINK__STORAGE__OPTIONS__BUCKET` sets.
fn option(name: &str) -> Option<(&'static Key, String)> {
    tables().find_map(|key| {
        let entry = name.strip_prefix(&key.variable())?.strip_prefix("__")?;
        (!entry.is_empty()).then(|| (key, entry.to_lowercase()))
    })
}

fn tables() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|section| section.keys).filter(|key| key.kind == Options::KIND)
}

fn read_own(name: &str, value: &str, reader: &mut Reader) {
    let origin = Origin::Variable(name.to_owned());
    match SECTIONS.iter().flat_map(|section| section.keys).find(|key| key.variable() == name) {
        Some(key) => reader.put(key, Raw::Plain(value.to_owned()), origin),
        None => reader.refuse(origin, format!("no such setting: {}", variable_hint(name))),
    }
}

fn read_legacy_options(variables: &BTreeMap<String, String>, reader: &mut Reader) {
    if reader.text("storage", "service").unwrap_or(Service::S3) != Service::S3 {
        return;
    }
    for (name, entry) in LEGACY_OPTIONS {
        if let (Some(value), Some(key)) = (set(variables, name), tables().next()) {
            reader.put_entry(key, (*entry).to_owned(), Raw::Plain(value), Origin::Variable((*name).to_owned()));
        }
    }
}
