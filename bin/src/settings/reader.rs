//! Gathers what was found for each key, and gives it out by type.

use std::collections::BTreeMap;

use super::problem::{Origin, Origins, Problem};
use super::table::{Default, Key};
use super::value::{Raw, Value};

/// The values that were found and the mistakes that were made, over every source.
#[derive(Debug, std::default::Default)]
pub struct Reader {
    found: BTreeMap<(&'static str, &'static str), (Raw, Origin)>,
    /// Where what was found came from.
    pub origins: Origins,
    /// The mistakes so far.
    pub problems: Vec<Problem>,
}

impl Reader {
    /// Keeps a value. A later source beats an earlier one.
    pub fn put(&mut self, key: &Key, raw: Raw, origin: Origin) {
        self.origins.note(format!("{}.{}", key.section, key.name), origin.clone());
        self.found.insert((key.section, key.name), (raw, origin));
    }

    /// Keeps one entry of a key that is a table, beside those that it has.
    pub fn put_entry(&mut self, key: &Key, name: String, raw: Raw, origin: Origin) {
        self.origins.note(format!("{}.{}.{name}", key.section, key.name), origin.clone());
        let empty = || (Raw::Table(BTreeMap::new()), origin);
        let (found, _) = self.found.entry((key.section, key.name)).or_insert_with(empty);
        if let Raw::Table(entries) = found {
            entries.insert(name, raw);
        }
    }

    /// The text that was found for a key.
    pub fn text(&self, section: &'static str, name: &'static str) -> Option<&str> {
        self.found.get(&(section, name))?.0.text()
    }

    /// Notes a mistake in one place.
    pub fn refuse(&mut self, origin: Origin, what: String) {
        self.problems.push(Problem::at(origin, what));
    }

    /// The value of a key, or its default; a value of the wrong type is noted and gives nothing.
    pub fn take<T: Value>(&mut self, section: &'static str, name: &'static str, default: Default) -> Option<T> {
        let (raw, origin) = match (self.found.remove(&(section, name)), default) {
            (Some(found), _) => found,
            (None, Default::Value(text)) => (Raw::Plain(text.to_owned()), Origin::Default),
            (None, Default::Derived(_) | Default::Unset) => return T::absent(),
        };
        let value = T::from_raw(&raw);
        if value.is_none() {
            self.refuse(origin, format!("{section}.{name} = {}: expected {}", T::show(&raw), T::EXPECTED));
        }
        value
    }
}
