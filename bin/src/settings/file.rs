//! Reads the settings file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::keys::SECTIONS;
use super::nearest::{key_hint, section_hint};
use super::problem::Origin;
use super::reader::Reader;
use super::routes::{RouteSettings, Routes};
use super::schema_types::Paths;
use super::table::{Key, Section};
use super::types::Options;
use super::value::{Raw, Value};

/// Reads TOML into `reader`. `path` names it in messages; paths in it are looked for in `folder`, if there is one, before they are in the
/// working directory.
pub fn read(path: &Path, text: &str, folder: Option<&Path>, reader: &mut Reader) {
    let mut file = File { path, text, folder, reader };
    match DeTable::parse(text) {
        Ok(document) => file.document(document.get_ref()),
        Err(error) => {
            let origin = file.origin(error.span().unwrap_or_default());
            // The message of the parser may be of several lines; ours are of one.
            let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            file.reader.refuse(origin, format!("not valid TOML: {message}"));
        }
    }
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
    folder: Option<&'a Path>,
    reader: &'a mut Reader,
}

impl File<'_> {
    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Origin::File { path: self.path.to_owned(), line }
    }

    fn document(&mut self, document: &DeTable<'_>) {
        for (name, value) in in_order(document) {
            let known = SECTIONS.iter().find(|section| section.name == name.get_ref());
            match (known, value.get_ref()) {
                (Some(section), DeValue::Table(table)) => self.section(section, table),
                (Some(section), other) => {
                    let what = format!("{} is a section: expected [{0}], found {}", section.name, other.type_str());
                    self.reader.refuse(self.origin(name.span()), what);
                }
                (None, DeValue::Table(_)) => {
                    let what = format!("unknown section [{}]: {}", name.get_ref(), section_hint(name.get_ref()));
                    self.reader.refuse(self.origin(name.span()), what);
                }
                (None, _) => {
                    let hint = key_hint(None, name.get_ref());
                    let what = format!("`{}` stands outside of every section: {hint}", name.get_ref());
                    self.reader.refuse(self.origin(name.span()), what);
                }
            }
        }
    }

    fn section(&mut self, section: &'static Section, table: &DeTable<'_>) {
        for (name, value) in in_order(table) {
            let origin = self.origin(name.span());
            match (section.keys.iter().find(|key| key.name == name.get_ref()), value.get_ref()) {
                (Some(key), DeValue::Table(entries)) if key.kind == Options::KIND => self.entries(key, entries),
                (Some(key), DeValue::Array(routes)) if key.kind == Routes::KIND && !self.routes(routes) => {}
                (Some(key), value) if [PathBuf::KIND, Paths::KIND].contains(&key.kind) => {
                    self.reader.put(key, self.found(raw(value)), origin);
                }
                (Some(key), value) => self.reader.put(key, raw(value), origin),
                (None, _) => {
                    let hint = key_hint(Some(section), name.get_ref());
                    let what = format!("unknown key `{}` in [{}]: {hint}", name.get_ref(), section.name);
                    self.reader.refuse(origin, what);
                }
            }
        }
    }

    /// Whether the routes are right, each for itself. What is wrong is told where it is.
    fn routes(&mut self, routes: &DeArray<'_>) -> bool {
        let before = self.reader.problems.len();
        for route in routes.iter() {
            let DeValue::Table(entries) = route.get_ref() else { continue };
            let mistakes_before = self.reader.problems.len();
            for (name, value) in in_order(entries) {
                if let Some(mistake) = RouteSettings::mistake(name.get_ref(), &raw(value.get_ref())) {
                    self.reader.refuse(self.origin(name.span()), mistake);
                }
            }
            let has = |name: &str| entries.iter().any(|(known, _)| known.get_ref().as_ref() == name);
            let between = RouteSettings::mistake_between(has);
            if let Some(mistake) = between.filter(|_| self.reader.problems.len() == mistakes_before) {
                self.reader.refuse(self.origin(route.span()), mistake.to_owned());
            }
        }
        self.reader.problems.len() == before
    }

    /// Paths as they can be opened: what is not in the file's folder is where it is said to be from the working directory.
    fn found(&self, raw: Raw) -> Raw {
        match (raw, self.folder) {
            (Raw::Text(text), Some(folder)) if !text.is_empty() => {
                let there = folder.join(&text);
                Raw::Text(if there.exists() { there.to_string_lossy().into_owned() } else { text })
            }
            (Raw::List(items), Some(_)) => Raw::List(items.into_iter().map(|item| self.found(item)).collect()),
            (raw, _) => raw,
        }
    }

    /// Entries are looked at one by one, so that a message can name the one that is wrong. It never repeats the value,
    /// which may be a secret.
    fn entries(&mut self, key: &'static Key, entries: &DeTable<'_>) {
        for (name, value) in in_order(entries) {
            let origin = self.origin(name.span());
            if let DeValue::Table(_) | DeValue::Array(_) | DeValue::Datetime(_) = value.get_ref() {
                let found = value.get_ref().type_str();
                let expected = "expected a string, a number or a boolean";
                let what = format!("{}.{}.{}: {expected}, found {found}", key.section, key.name, name.get_ref());
                self.reader.refuse(origin, what);
            } else if names_a_file(name.get_ref()) {
                self.reader.put_entry(key, name.get_ref().to_string(), self.found(raw(value.get_ref())), origin);
            } else {
                self.reader.put_entry(key, name.get_ref().to_string(), raw(value.get_ref()), origin);
            }
        }
    }
}

/// Whether a storage option is the path of a file.
fn names_a_file(option: &str) -> bool {
    option.ends_with("_file") || option == "credential_path"
}

type Entry<'t, 'i> = (&'t Spanned<std::borrow::Cow<'i, str>>, &'t Spanned<DeValue<'i>>);

/// The entries as they stand in the file, so that mistakes are told from top to bottom.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<Entry<'t, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Raw::Integer(number),
            Err(_) => Raw::Float(number.to_string()),
        },
        DeValue::Float(number) => Raw::Float(number.to_string()),
        DeValue::Boolean(value) => Raw::Boolean(*value),
        DeValue::Datetime(date) => Raw::Date(date.to_string()),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Table(entries) => {
            let entry = |(name, value): Entry<'_, '_>| (name.get_ref().to_string(), raw(value.get_ref()));
            Raw::Table(entries.iter().map(entry).collect::<BTreeMap<_, _>>())
        }
    }
}
