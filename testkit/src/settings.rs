//! A settings file for the sink.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

/// The sink's settings, written out as TOML. The defaults here suit a test: short intervals, text logs.
#[derive(Clone, Debug)]
pub struct Settings {
    sections: BTreeMap<String, BTreeMap<String, Value>>,
    /// What stands behind all sections.
    more: String,
}

impl Settings {
    /// The stream's name unless [`Self::set`] says otherwise.
    pub const STREAM: &str = "CAUSALITY_EVENTS";
    /// The consumer's name unless [`Self::set`] says otherwise.
    pub const CONSUMER: &str = "warehouse-sink";

    /// Settings for a server, flushing every second.
    #[must_use]
    pub fn new(nats_url: &str) -> Self {
        Self { sections: BTreeMap::new(), more: String::new() }
            .set("nats", "url", nats_url)
            .set("nats", "stream", Self::STREAM)
            .set("nats", "consumer", Self::CONSUMER)
            .set("batch", "flush_interval", "1s")
            .set("observability", "log_format", "text")
    }

    /// Stores files in a local folder.
    #[must_use]
    pub fn local(self, root: &Path) -> Self {
        self.set("storage", "service", "fs").set("storage.options", "root", root.to_string_lossy().into_owned())
    }

    /// Sets one key: a string, a number, a boolean or a list of them.
    #[must_use]
    pub fn set(mut self, section: &str, key: &str, value: impl Into<Value>) -> Self {
        self.sections.entry(section.to_owned()).or_default().insert(key.to_owned(), value.into());
        self
    }

    /// Sets one key unless it is set.
    #[must_use]
    pub fn set_if_unset(self, section: &str, key: &str, value: impl Into<Value>) -> Self {
        let is_set = self.sections.get(section).is_some_and(|keys| keys.contains_key(key));
        if is_set { self } else { self.set(section, key, value) }
    }

    /// Leaves out one key.
    #[must_use]
    pub fn unset(mut self, section: &str, key: &str) -> Self {
        if let Some(keys) = self.sections.get_mut(section) {
            keys.remove(key);
        }
        self
    }

    /// Appends lines of TOML, such as tables of an array, behind all sections.
    #[must_use]
    pub fn append(mut self, text: &str) -> Self {
        self.more.push_str(text);
        self
    }

    /// The file's text. JSON's strings, numbers, booleans and lists are TOML's as well.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for (section, keys) in &self.sections {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "[{section}]");
            for (key, value) in keys {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        text.push_str(&self.more);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_keys_are_written_in_order() {
        let settings = Settings { sections: BTreeMap::new(), more: String::new() }
            .set("nats", "url", "nats://a \"quoted\"")
            .set("batch", "max_events", 7)
            .set("nats", "filter_subjects", vec!["a.>", "b"])
            .set("batch", "max_events", 8);
        let text = settings.to_toml();
        assert_eq!(
            text,
            "[batch]\nmax_events = 8\n[nats]\nfilter_subjects = [\"a.>\",\"b\"]\nurl = \"nats://a \\\"quoted\\\"\"\n"
        );
    }
}
