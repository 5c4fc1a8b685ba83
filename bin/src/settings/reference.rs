//! The tables of `docs/configuration.md`, written from the list of settings.

use std::fmt::Write;

use super::keys::{LEGACY_OPTIONS, SECTIONS};
use super::table::{Default, Key, Section};

/// The reference in Markdown: a heading, a sentence and a table for each section, and the Go sink's storage variables.
pub fn reference() -> String {
    let mut text: String = SECTIONS.iter().map(section).collect();
    text.push_str(&legacy_options());
    text
}

fn section(section: &Section) -> String {
    let rows: String = section.keys.iter().map(row).collect();
    format!(
        "### `[{}]`\n\n{}\n\n| Key, and variables that set it | Type | Default | Meaning |\n|---|---|---|---|\n{rows}\n",
        section.name,
        section.help.trim(),
    )
}

fn row(key: &Key) -> String {
    let mut names = format!("`{}`<br>`{}`", key.name, key.variable());
    for legacy in key.legacy {
        // Writing to a String can't fail.
        let _ = write!(names, "<br>`{legacy}`");
    }
    let default = match key.default {
        Default::Value(value) => format!("`{value}`"),
        Default::Derived(how) => how.to_owned(),
        Default::Unset => "—".to_owned(),
    };
    format!("| {names} | {} | {default} | {} |\n", key.kind, key.help.trim())
}

fn legacy_options() -> String {
    let rows: String = LEGACY_OPTIONS
        .iter()
        .map(|(variable, option)| format!("| `{variable}` | `storage.options.{option}` |\n"))
        .collect();
    format!("### The Go sink's storage variables\n\n| Variable | Key |\n|---|---|\n{rows}")
}
