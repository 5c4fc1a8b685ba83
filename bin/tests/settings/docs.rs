//! The documentation is true: the reference is the list of settings, and every example is taken.

use std::path::{Path, PathBuf};

use crate::common::parse;
use warehouse_sink::settings::{Format, reference};

const START: &str =
    "<!-- reference: written by UPDATE_DOCS=1 cargo test -p warehouse-sink --test settings docs:: -->\n";
const END: &str = "<!-- end of reference -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[test]
fn the_reference_is_the_list_of_settings() {
    let path = root().join("docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(START).expect("the reference begins with its mark");
    let (written, after) = rest.split_once(END).expect("the reference ends with its mark");
    let expected = format!("\n{}\n", reference());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{START}{expected}{END}{after}")).unwrap();
        return;
    }
    let differs = written.lines().zip(expected.lines()).find(|(written, expected)| written != expected);
    assert!(
        written == expected,
        "docs/configuration.md is not what the settings are, from {differs:?} on: UPDATE_DOCS=1"
    );
}

#[test]
fn every_example_in_the_documentation_is_taken() {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.push(root().join("README.md"));
    let mut examples = 0;
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md") && path.exists())
    {
        for example in toml_blocks(&std::fs::read_to_string(path).unwrap()) {
            examples += 1;
            let said = format!("an example in {}:\n{example}", path.display());
            let settings = parse(&example, &[]).unwrap_or_else(|error| panic!("{said}\n{error}"));
            // Columns of JSON stand in the settings themselves, and no file is needed to read them.
            if settings.schema.format == Format::Json {
                warehouse_sink::schema::load(&settings).unwrap_or_else(|error| panic!("{said}\n{error}"));
            }
        }
    }
    assert!(examples >= 3, "only {examples} examples were found");
}

/// The insides of fenced blocks that say they are TOML.
fn toml_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "```toml" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

#[test]
fn examples_are_found_in_text() {
    assert_eq!(toml_blocks("a\n```toml\n[x]\ny = 1\n```\n```sh\nz\n```\n```toml\n```\n"), ["[x]\ny = 1", ""]);
}
