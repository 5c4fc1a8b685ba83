//! Reads the environment: our own names, and those of the Go sink that still mean something.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::keys::{LEGACY_OPTIONS, SECTIONS};
use super::nearest::variable_hint;
use super::problem::Origin;
use super::reader::Reader;
use super::table::Key;
use super::types::{Options, Service};
use super::value::{Raw, Value};

/// What all variables of ours begin with, and those that are meant to be.
const COMMON: &str = "WAREHOUSE_SINK";

/// Reads the variables into `reader`, over what the file gave: legacy names first, so that our own beat them.
pub fn read(variables: impl IntoIterator<Item = (OsString, OsString)>, reader: &mut Reader) {
    let variables = relevant(variables, reader);
    for key in SECTIONS.iter().flat_map(|section| section.keys) {
        let first = key.legacy.iter().find_map(|name| Some((*name, variables.get(*name)?.clone())));
        if let Some((name, value)) = first {
            reader.put(key, Raw::Plain(value), Origin::Variable(name.to_owned()));
        }
    }
    let ours: Vec<_> = variables.iter().filter(|(name, _)| is_ours(name)).collect();
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

/// The variables that could be meant for us, in order of name. Only those need to be valid Unicode. An empty one counts as unset, whichever
/// it is: compose files and charts pass on so what nobody has set.
fn relevant(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    reader: &mut Reader,
) -> BTreeMap<String, String> {
    let mut relevant = BTreeMap::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| is_relevant(name)) else { continue };
        match value.into_string() {
            Ok(value) if value.is_empty() => {}
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
    is_ours(name)
        || LEGACY_OPTIONS.iter().any(|(legacy, _)| *legacy == name)
        || SECTIONS.iter().flat_map(|section| section.keys).any(legacy_key)
}

/// Whether a variable is to be one of our names: it begins as they do, with whichever underscores and letters. Only Kubernetes sets others
/// so, for a service of our name.
fn is_ours(name: &str) -> bool {
    let upper = name.to_uppercase();
    upper.strip_prefix(COMMON).is_some_and(|rest| rest.starts_with('_') && !is_of_kubernetes(rest))
}

/// Whether it tells where a service is: `…_SERVICE_HOST`, `…_SERVICE_PORT`, `…_PORT`, `…_PORT_9090_TCP_ADDR`.
fn is_of_kubernetes(rest: &str) -> bool {
    let of_a_port = rest.split_once("_PORT_").is_some_and(|(_, after)| after.starts_with(|c: char| c.is_ascii_digit()));
    let of_a_service = rest.ends_with("_SERVICE_HOST") || rest.contains("_SERVICE_PORT");
    !rest.starts_with("__") && (rest.ends_with("_PORT") || of_a_port || of_a_service)
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
        if let (Some(value), Some(key)) = (variables.get(*name), tables().next()) {
            let origin = Origin::Variable((*name).to_owned());
            reader.put_entry(key, (*entry).to_owned(), Raw::Plain(value.clone()), origin);
        }
    }
}
